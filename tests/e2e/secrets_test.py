"""Looks for secrets in the memory of the exporter, as somebody would who has got a core of it.

The exporter reaches the simulator through a recorder, so that every secret that it ever had is known.
"""

import base64
import http.server
import os
import re
import resource
import secrets
import shutil
import subprocess
import tempfile
import threading

import harness

ROTATIONS = 10
WINDOW = 12  # bytes: so short a piece of a secret counts
SECRET = re.compile(rb'"(AccessKeyId|AccessKeySecret|SecurityToken)" : "([^"]+)"')
TOKEN_PATH = "/latest/api/token"


def windows(data):
    return (data[i:i + WINDOW] for i in range(len(data) - WINDOW + 1))


def forms(secret):
    """Every piece of it, as it is and in base64 at whatever offset."""
    found = set(windows(secret))
    for offset in range(3):
        # The first and the last characters of it depend on the neighbours.
        found.update(windows(base64.b64encode(bytes(offset) + secret)[4:-4]))
    return found


def of_real_length(field):
    """Instead of the simulator's, which are so short that whatever comes next covers what is left of them."""
    length = {b"AccessKeyId": 24, b"AccessKeySecret": 44, b"SecurityToken": 900}[field[1]]
    return b'"%s" : "%s"' % (field[1], secrets.token_hex(length // 2).encode())


class Recorder:
    """Between the exporter and the metadata service. Can keep a request waiting."""

    def __init__(self, service):
        self.tokens = []  # in the order of their coming
        self.documents = []  # each a dictionary
        self._may_pass = threading.Event()
        self._may_pass.set()
        self._held = threading.Event()
        recorder = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def forward(self):
                if not recorder._may_pass.is_set():
                    recorder._held.set()
                    recorder._may_pass.wait(harness.DEADLINE)
                    self.close_connection = True
                    return
                headers = {name: value for name, value in self.headers.items() if name.startswith("X-")}
                answer = harness.request(service, self.command, self.path, headers=headers)
                body = answer.body.encode()
                if self.path == TOKEN_PATH and answer.status == 200:
                    recorder.tokens.append(body)
                body = SECRET.sub(of_real_length, body)
                if document := dict(SECRET.findall(body)):
                    recorder.documents.append(document)
                self.send_response(answer.status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_PUT = forward

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = "127.0.0.1:%d" % self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def hold(self):
        """Until there is a request that waits: whoever sent it is done with all answers before."""
        self._may_pass.clear()
        assert self._held.wait(harness.DEADLINE), "no request came"

    def close(self):
        self._may_pass.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class CoreTest(harness.Case):
    def setUp(self):
        if not shutil.which("gcore") or os.geteuid() != 0:
            self.skip_or_fail("needs gcore and root")
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        # The server's threads have stacks of that size, and all of each would be in the core.
        stack = resource.getrlimit(resource.RLIMIT_STACK)
        resource.setrlimit(resource.RLIMIT_STACK, (1 << 20, stack[1]))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_STACK, stack)

    def core_of(self, process):
        """Its pages that are not empty."""
        path = os.path.join(self.folder.name, "core")
        done = subprocess.run(["gcore", "-o", path, str(process)], capture_output=True, text=True,
                              timeout=harness.DEADLINE, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        page, empty = 4096, bytes(4096)
        with open(f"{path}.{process}", "rb") as file:
            return b"".join(piece for piece in iter(lambda: file.read(page), b"") if piece != empty)

    def found(self, core, searched):
        pieces = set().union(*map(forms, searched))
        # Every other byte: that is UTF-16.
        return sorted(set().union(*(pieces.intersection(windows(view))
                                    for view in (core, core[::2], core[1::2]))))

    def test_holds_no_secret_but_the_current_session_token(self):
        self.start_simulator("--profile=full", "--http-tokens=required")
        recorder = Recorder(self.metadata)
        self.addCleanup(recorder.close)
        self.start_exporter("--log.level=debug", "--poll.credentials-interval=1s",
                            "--metadata.token-ttl=1", metadata=recorder.address)
        self.exporter.wait_for("first fill complete")
        while min(len(recorder.tokens), len(recorder.documents)) <= ROTATIONS:
            self.control_api("POST", "/control/credentials/rotate")
            self.exporter.wait_for("security-credentials/SimulatedEcsRole code=200")
            self.page()
        recorder.hold()
        documents, tokens = list(recorder.documents), list(recorder.tokens)
        core = self.core_of(self.exporter.process.pid)

        credentials = {value for document in documents for value in document.values()}
        self.assertGreaterEqual(len(credentials), 3 * ROTATIONS)
        self.assertGreater(len(set(tokens)), ROTATIONS)
        self.assertIn(tokens[-1], core, "the search finds nothing")
        with self.subTest("credentials"):
            self.assertEqual(self.found(core, credentials), [])
        with self.subTest("tokens of the past"):
            common = os.path.commonprefix(tokens)
            self.assertEqual(self.found(core, {token[len(common):] for token in tokens[:-1]}), [])


class ReadableByNobodyTest(harness.Case):
    """Of an ordinary user's processes, by others of that user and by the kernel."""

    def setUp(self):
        if os.geteuid() != 0:
            self.skip_or_fail("needs root, to be somebody else")

    def start_as_nobody(self, *argv):
        return self.start("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *argv)

    def assert_closed(self, process):
        with open(f"/proc/{process}/limits", encoding="utf-8") as file:
            self.assertRegex(file.read(), r"Max core file size +1 +1 ")
        # Else it is the user's.
        self.assertEqual(os.stat(f"/proc/{process}/mem").st_uid, 0)

    def test_the_exporter(self):
        self.start_simulator()
        exporter = self.start_as_nobody(harness.EXPORTER, "--web.listen-address=127.0.0.1:0",
                                        f"--metadata.url=http://{self.metadata}")
        self.web = exporter.wait_for(r"msg=listening address=(\S+)")[1]
        self.assert_closed(exporter.process.pid)
        # It still may look at itself.
        self.assertGreater(self.sample("process_open_fds"), 3)

    def test_the_plugin(self):
        service = harness.SilentService()
        self.addCleanup(service.close)
        plugin = self.start_as_nobody(os.path.join(harness.BIN, "check_aliyun_ecs"),
                                      f"--metadata-url=http://{service.address}", "--check=spot",
                                      "--timeout=30")
        service.accept()
        self.assert_closed(plugin.process.pid)
        plugin.process.kill()


if __name__ == "__main__":
    harness.main()
