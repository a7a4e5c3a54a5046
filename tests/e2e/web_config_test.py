"""TLS, client certificates and passwords of the real exporter (--web.config.file)."""

import base64
import http.client
import os
import shutil
import signal
import ssl
import subprocess
import tempfile
import time

import harness

# Of "right", "htpasswd -nBC 4".
HASH = "$2b$04$abcdefghijklmnopqrstuuFmEfrkTQnczNzw475xE2VhDrK1uwJiC"
PASSWORD = {"Authorization": "Basic " + base64.b64encode(b"prometheus:right").decode()}
WRONG = {"Authorization": "Basic " + base64.b64encode(b"prometheus:sesame-open").decode()}
TLS = "tls_server_config: {cert_file: server.crt, key_file: server.key"

# What we refuse and promtool 2.42 takes, or the other way round.
DIFFERENCES = {
    "a rate limit": "newer than promtool 2.42",
    "HTTP/2": "not spoken here",
    "a hash of another bcrypt": "crypt(3) does not know it, or not as bcrypt",
    "allowed SANs": "newer than promtool 2.42",
    "a minimum above the maximum": "no connection could be made",
    "a client CA that holds no certificate": "nobody could be verified",
    "a colon in a user's name": "a client cannot send it",
}

GOOD = {
    "nothing": "",
    "an empty map": "{}",
    "TLS": TLS + "}",
    "empty sections": "tls_server_config: {}\nhttp_server_config: {}\nbasic_auth_users: {}\n",
    "everything about TLS":
        TLS + ", client_ca_file: ca.crt, client_auth_type: RequireAndVerifyClientCert, "
        "min_version: TLS12, max_version: TLS13, prefer_server_cipher_suites: false, "
        "cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, TLS_AES_128_GCM_SHA256], "
        "curve_preferences: [CurveP256, X25519]}",
    "old versions": TLS + ", min_version: TLS10, max_version: TLS11}",
    "no client certificates": TLS + ", client_auth_type: NoClientCert}",
    "any client certificate": TLS + ", client_auth_type: RequireAnyClientCert}",
    "the older name of that": TLS + ", client_auth_type: RequireClientCert}",
    "the system's client CAs": TLS + ", client_auth_type: VerifyClientCertIfGiven}",
    "allowed SANs": TLS + ", client_auth_type: RequireAnyClientCert, client_allowed_sans: [a]}",
    "users": f"basic_auth_users: {{a: {HASH}, b: {HASH.replace('2b', '2y')}}}",
    "headers": "http_server_config: {http2: false, headers: {X-Frame-Options: deny, "
               "X-Content-Type-Options: nosniff, X-XSS-Protection: '0', "
               "Strict-Transport-Security: max-age=1, Content-Security-Policy: default-src}}",
    "a rate limit": "rate_limit: {interval: 1s, burst: 10}",
}
BAD = {
    "no YAML": "a: [",
    "a list": "- a",
    "an unknown key": "tls: {}",
    "an unknown key of TLS": TLS + ", ciphers: []}",
    "a key twice": "basic_auth_users: {}\nbasic_auth_users: {}\n",
    "a certificate without key": "tls_server_config: {cert_file: server.crt}",
    "a key without certificate": "tls_server_config: {key_file: server.key}",
    "a certificate that is not there": "tls_server_config: {cert_file: x, key_file: server.key}",
    "a key that is not there": "tls_server_config: {cert_file: server.crt, key_file: x}",
    "another certificate's key": "tls_server_config: {cert_file: server.crt, key_file: ca.key}",
    "a key for a certificate": "tls_server_config: {cert_file: server.key, key_file: server.key}",
    "a client CA that is not there": TLS + ", client_auth_type: RequireAndVerifyClientCert, "
                                           "client_ca_file: x}",
    "a client CA that holds no certificate": TLS + ", client_auth_type: RequireAndVerifyClientCert,"
                                                   " client_ca_file: server.key}",
    "a client CA that nobody asks for": TLS + ", client_ca_file: ca.crt}",
    "an unknown kind of client certificate": TLS + ", client_auth_type: Perhaps}",
    "an unknown version": TLS + ", min_version: SSL30}",
    "an unknown cipher": TLS + ", cipher_suites: [NULL]}",
    "an unknown curve": TLS + ", curve_preferences: [P-224]}",
    "a switch that is a word": TLS + ", prefer_server_cipher_suites: perhaps}",
    "a plain password": "basic_auth_users: {prometheus: sesame-open}",
    "a DES hash": "basic_auth_users: {prometheus: abJnggxhB/yWI}",
    "a short hash": f"basic_auth_users: {{prometheus: {HASH[:50]}}}",
    "an unknown header": "http_server_config: {headers: {Server: x}}",
    "an impossible value of a header": "http_server_config: {headers: {X-Frame-Options: allow}}",
    "a hash of another bcrypt": f"basic_auth_users: {{prometheus: {HASH.replace('2b', '2x')}}}",
    "HTTP/2": "http_server_config: {http2: true}",
    "allowed SANs without client certificates": TLS + ", client_allowed_sans: [a]}",
    "a minimum above the maximum": TLS + ", min_version: TLS13, max_version: TLS12}",
    "a colon in a user's name": f"basic_auth_users: {{'a:b': {HASH}}}",
}


class WebConfigTest(harness.Case):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.certificates = folder.name
        cls.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                    "-nodes", "-days", "2", "-keyout", "ca.key", "-out", "ca.crt",
                    "-subj", "/CN=ca")
        for name, names in {"server": "DNS:localhost,IP:127.0.0.1", "again": "DNS:localhost",
                            "client": "DNS:prometheus.example.com"}.items():
            cls.issue(name, names)
        cls.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                    "-nodes", "-days", "2", "-keyout", "stranger.key", "-out", "stranger.crt",
                    "-subj", "/CN=stranger", "-addext", "subjectAltName=DNS:prometheus.example.com")

    @classmethod
    def openssl(cls, *arguments):
        subprocess.run(["openssl", *arguments], cwd=cls.certificates, check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    @classmethod
    def issue(cls, name, names):
        cls.openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                    "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        extensions = os.path.join(cls.certificates, "extensions")
        with open(extensions, "w", encoding="utf-8") as file:
            file.write(f"subjectAltName={names}\n")
        cls.openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.crt", "-CAkey", "ca.key",
                    "-CAcreateserial", "-days", "2", "-out", f"{name}.crt", "-extfile", extensions)

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        for name in os.listdir(self.certificates):
            shutil.copy(os.path.join(self.certificates, name), self.folder)

    def write(self, text):
        path = os.path.join(self.folder, "web.yml")
        with open(path + ".new", "w", encoding="utf-8") as file:
            file.write(text)
        os.rename(path + ".new", path)
        return path

    def start_guarded(self, text, *flags):
        with harness.socket.create_server(("127.0.0.1", 0)) as unused:
            nobody = "127.0.0.1:%d" % unused.getsockname()[1]
        return self.start_exporter(f"--web.config.file={self.write(text)}", *flags, metadata=nobody)

    def client(self, certificate=None, version=None):
        context = ssl.create_default_context(cafile=os.path.join(self.folder, "ca.crt"))
        if certificate:
            context.load_cert_chain(os.path.join(self.folder, certificate + ".crt"),
                                    os.path.join(self.folder, certificate + ".key"))
        if version:
            context.set_ciphers("DEFAULT@SECLEVEL=0")
            context.minimum_version = context.maximum_version = version
        return context

    def request(self, path="/metrics", headers=None, context=None):
        """Status, headers, body and the number of the server's certificate."""
        port = int(self.web.rsplit(":", 1)[1])
        connection = http.client.HTTPSConnection("localhost", port, timeout=harness.DEADLINE,
                                                 context=context or self.client())
        try:
            connection.request("GET", path, headers=headers or {})
            number = connection.sock.getpeercert()["serialNumber"]
            response = connection.getresponse()
            return response.status, response.headers, response.read().decode(), number
        finally:
            connection.close()

    def assert_no_way_in(self, context):
        with self.assertRaises((ssl.SSLError, ConnectionError, http.client.RemoteDisconnected)):
            self.request(context=context)

    def test_speaks_tls_and_nothing_else(self):
        self.start_guarded(TLS + "}\nhttp_server_config: {headers: {Strict-Transport-Security: "
                                 "max-age=31536000}}\n")
        status, headers, body, _ = self.request()
        self.assertEqual((status, headers["Strict-Transport-Security"]), (200, "max-age=31536000"))
        self.assertIn("aliyun_ecs_metadata_up 0", body)
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            self.assertEqual(self.request(context=self.client(version=version))[0], 200)
        self.assert_no_way_in(self.client(version=ssl.TLSVersion.TLSv1_1))
        with self.assertRaises((http.client.HTTPException, ConnectionError)):
            harness.request(self.web, "GET", "/metrics")
        self.assertEqual(self.request()[0], 200)

    def test_keeps_to_versions_and_ciphers(self):
        self.start_guarded(TLS + ", min_version: TLS10, max_version: TLS12, cipher_suites: "
                                 "[TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA]}")
        self.assert_no_way_in(self.client(version=ssl.TLSVersion.TLSv1_3))
        for version in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_2):
            self.assertEqual(self.request(context=self.client(version=version))[0], 200)
        context = self.client(version=ssl.TLSVersion.TLSv1_2)
        context.set_ciphers("ECDHE-ECDSA-AES256-GCM-SHA384")
        self.assert_no_way_in(context)

    def test_takes_a_new_certificate_without_a_restart(self):
        program = self.start_guarded(TLS + "}")
        first = self.request()[3]
        for extension in ("crt", "key"):
            os.rename(os.path.join(self.folder, f"again.{extension}"),
                      os.path.join(self.folder, f"server.{extension}"))
        begin = time.monotonic()
        while self.request()[3] == first:
            self.assertLess(time.monotonic() - begin, harness.DEADLINE)
        program.wait_for("web configuration read anew")
        second = self.request()[3]

        # A key that does not fit changes nothing, and is complained of once.
        shutil.copy(os.path.join(self.folder, "ca.key"), os.path.join(self.folder, "server.key"))
        begin = time.monotonic()
        while not any("stays as it was" in line for line in program.output):
            self.assertEqual(self.request()[3], second)
            self.assertLess(time.monotonic() - begin, harness.DEADLINE)
        program.process.send_signal(signal.SIGHUP)
        program.wait_for("the settings stay as they are.*key_file")
        self.assertEqual(self.request()[3], second)

    def test_asks_for_client_certificates(self):
        table = {  # by kind: none, ours, a stranger's
            "NoClientCert": (True, True, True),
            "RequestClientCert": (True, True, True),
            "RequireAnyClientCert": (False, True, True),
            "VerifyClientCertIfGiven": (True, True, False),
            "RequireAndVerifyClientCert": (False, True, False),
        }
        for kind, expected in table.items():
            ca = "" if kind == "NoClientCert" else ", client_ca_file: ca.crt"
            program = self.start_guarded(TLS + f", client_auth_type: {kind}{ca}}}")
            for certificate, welcome in zip((None, "client", "stranger"), expected):
                with self.subTest(kind=kind, certificate=certificate):
                    context = self.client(certificate)
                    if welcome:
                        self.assertEqual(self.request(context=context)[0], 200)
                    else:
                        self.assert_no_way_in(context)
            program.stop()

    def test_is_healthy_whatever_is_asked_of_others(self):
        for text in ("", TLS + "}", TLS + "}\n" + f"basic_auth_users: {{prometheus: {HASH}}}",
                     "rate_limit: {interval: 1h, burst: 1}",
                     TLS + ", client_auth_type: RequireAnyClientCert}",
                     TLS + ", client_auth_type: RequireAndVerifyClientCert, client_ca_file: ca.crt}",
                     TLS + ", client_auth_type: RequireAndVerifyClientCert, client_ca_file: ca.crt, "
                           "min_version: TLS13}"):
            with self.subTest(text):
                program = self.start_guarded(text)
                config = f"--web.config.file={os.path.join(self.folder, 'web.yml')}"
                for _ in range(2):
                    self.assertEqual(self.healthcheck(config), (0, ""))
                program.stop()
                status, words = self.healthcheck(config)
                self.assertEqual(status, 1)
                self.assertIn(self.web, words)
                self.assertEqual(words.count("\n"), 1, words)

    def test_is_healthy_while_the_changed_file_is_wrong_or_waits_for_a_restart(self):
        demanding = TLS + ", client_auth_type: RequireAnyClientCert}"
        wrong = (TLS, "basic_auth_users: {prometheus: x}")
        for text, others in (("", (*wrong, TLS + "}")), (TLS + "}", (*wrong, "")), (demanding, wrong)):
            for other in others:
                with self.subTest(before=text, after=other):
                    program = self.start_guarded(text)
                    config = f"--web.config.file={self.write(other)}"
                    self.assertEqual(self.healthcheck(config), (0, ""))
                    program.stop()
                    self.assertEqual(self.healthcheck(config)[0], 1)

    def test_lets_in_only_the_names_that_are_allowed(self):
        for kind in ("RequireAndVerifyClientCert", "RequireAnyClientCert"):
            for allowed, welcome in {"prometheus.example.com": True, "example.com": False}.items():
                program = self.start_guarded(
                    TLS + f", client_auth_type: {kind}, client_ca_file: ca.crt, "
                          f"client_allowed_sans: [other.example.com, {allowed}]}}")
                if welcome:
                    self.assertEqual(self.request(context=self.client("client"))[0], 200)
                else:
                    self.assert_no_way_in(self.client("client"))
                program.stop()

    def test_asks_for_passwords_but_of_the_probes(self):
        program = self.start_guarded(f"basic_auth_users: {{prometheus: {HASH}}}", "--log.level=debug")
        for path in ("/", "/metrics", "/snapshot"):
            for headers in ({}, WRONG):
                answer = harness.request(self.web, "GET", path, headers=headers)
                self.assertEqual((answer.status, answer.headers["WWW-Authenticate"]), (401, "Basic"))
            answer = harness.request(self.web, "GET", path, headers=PASSWORD)
            self.assertEqual(answer.status, 200)
        self.assertEqual(harness.request(self.web, "GET", "/-/healthy").status, 200)
        self.assertEqual(harness.request(self.web, "GET", "/-/ready").status, 503)
        page = harness.request(self.web, "GET", "/metrics", headers=PASSWORD).body
        self.assertIn('aliyun_ecs_exporter_http_requests_total{code="401"} 6\n', page)
        program.stop()
        said = page + "".join(program.output)
        for secret in (PASSWORD["Authorization"][6:], WRONG["Authorization"][6:], "sesame-open", HASH):
            self.assertNotIn(secret, said)

    def test_says_when_it_is_asked_too_often(self):
        self.start_guarded("rate_limit: {interval: 1h, burst: 1}")
        self.assertEqual(harness.request(self.web, "GET", "/metrics").status, 200)
        answer = harness.request(self.web, "GET", "/metrics")
        self.assertEqual((answer.status, answer.headers["Retry-After"]), (429, "3600"))

    def check(self, text):
        """What --config.check says: status and complaints."""
        done = subprocess.run([harness.EXPORTER, "--config.check",
                               f"--web.config.file={self.write(text)}"], text=True, check=False,
                              env=harness.environment(), capture_output=True)
        return done.returncode, done.stderr.splitlines()

    def test_tells_good_files_from_bad_ones(self):
        for name, text in GOOD.items():
            with self.subTest(name):
                self.assertEqual(self.check(text), (0, []))
        for name, text in BAD.items():
            with self.subTest(name):
                status, complaints = self.check(text)
                self.assertEqual((status, len(complaints)), (1, 1), complaints)
                self.assertRegex(complaints[0], r"^aliyun_ecs_exporter: --web\.config\.file: .*web\.yml")
                self.assertNotIn("sesame-open", complaints[0])
                self.assertNotIn("PRIVATE KEY", complaints[0])

    def test_does_not_start_with_an_encrypted_key(self):
        self.openssl("ec", "-in", "server.key", "-aes128", "-passout", "pass:sesame-open",
                     "-out", "encrypted.key")
        shutil.copy(os.path.join(self.certificates, "encrypted.key"), self.folder)
        status, complaints = self.check(
            "tls_server_config: {cert_file: server.crt, key_file: encrypted.key}")
        self.assertEqual((status, len(complaints)), (1, 1))
        self.assertIn("key_file", complaints[0])

    def test_agrees_with_promtool_but_where_it_says_so(self):
        promtool = shutil.which("promtool", path=os.environ["PATH"] + os.pathsep + os.path.join(
            harness.SOURCE, "build", "_tools", "usr", "bin"))
        if not promtool:
            self.skip_or_fail("no promtool; tests/run.sh gets it")
        for files, status in ((GOOD, 0), (BAD, 1)):
            for name, text in files.items():
                checked = subprocess.run([promtool, "check", "web-config", self.write(text)],
                                         check=False, capture_output=True)
                agrees = (checked.returncode == 0) == (status == 0)
                with self.subTest(name, says=checked.stderr):
                    self.assertEqual(agrees, name not in DIFFERENCES)


if __name__ == "__main__":
    harness.main()
