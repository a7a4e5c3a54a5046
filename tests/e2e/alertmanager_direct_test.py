"""The exporter itself posts the alert of a notice to Alertmanager (--alertmanager.url)."""

import base64
import collections
import contextlib
import datetime
import http.server
import json
import os
import re
import shutil
import signal
import ssl
import subprocess
import threading
import time

import alerting
import harness

NOTICE, DRILL = "AliyunEcsSpotTerminationScheduled", "AliyunEcsSpotDrill"
ADDED = {"job": "aliyun-ecs-exporter", "instance": "192.0.2.1:10200", "region": "east"}
PASSWORD, TOKEN = "sesame-open", "obviously-a-token"

CONFIG = """
route: {{receiver: webhook, group_by: ['...'], group_wait: 0s, group_interval: 1s, repeat_interval: 1h}}
receivers: [{{name: webhook, webhook_configs: [{{url: "http://{}/hook", send_resolved: true}}]}}]
"""

# A post may hang for 5 s; whoever waits for it takes longer than this.
TOO_LONG = 4

# Lets this program trust whoever the folder's certificates stand for, and changes nothing for others.
TRUSTING = 'mount --bind "$1" /etc/ssl/certs && shift && exec "$@"'

Request = collections.namedtuple("Request", "path authorization alerts")


class Front:
    """What may stand in front of Alertmanager, on a free port of loopback. Close it when done.

    Answers with .status, or never while that is None. Keeps every request in .requests.
    """

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle(self):
            with contextlib.suppress(OSError):  # the exporter ended, or was refused
                super().handle()

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = self.server.front.answer(
                Request(self.path, self.headers["Authorization"], json.loads(body)))
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = True  # the exporter keeps its connection

        def handle_error(self, *_):
            pass  # somebody does not trust our certificate

    def __init__(self, status=200, context=None):
        self._changed = threading.Condition()
        self.status, self._closed = status, False
        self.requests = []
        self._server = self.Server(("127.0.0.1", 0), self.Handler)
        self._server.front = self
        if context:
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True,
                                                      do_handshake_on_connect=False)
        self.address = "127.0.0.1:%d" % self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def answer(self, request):
        with self._changed:
            self.requests.append(request)
            self._changed.notify_all()
            self._changed.wait_for(lambda: self.status or self._closed)
            return self.status or 503

    def wait_for(self, count):
        """The request of that number, counted from 1."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.requests) >= count, harness.DEADLINE), \
                f"only {self.requests}"
            return self.requests[count - 1]

    def close(self):
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class AlertmanagerDirectTest(alerting.Case):
    def start_front(self, *arguments, **options):
        front = Front(*arguments, **options)
        self.addCleanup(front.close)
        return front

    def start_chain(self):
        """An Alertmanager that tells a webhook."""
        self.start_webhook()
        self.start_alertmanager(CONFIG.format(self.webhook.address))

    def start_direct(self, *urls, flags=()):
        """An exporter that posts there."""
        return self.start_exporter(
            *(f"--alertmanager.url={url}" for url in urls),
            *(f"--alertmanager.label={name}={value}" for name, value in ADDED.items()),
            "--poll.spot-interval=1s", "--poll.budget=3", *flags)

    def http_config(self, text):
        return "--alertmanager.http-config=" + self.file("http.yml", text)

    def set_notice(self, in_seconds=300):
        self.control_api("PUT", "/control/spot-termination", {"in_seconds": in_seconds})

    def withdraw_notice(self):
        self.control_api("DELETE", "/control/spot-termination")

    def labels(self, name=NOTICE, severity="critical"):
        """Those of the rule, made of the page as Prometheus would join them."""
        info = re.search(r"^aliyun_ecs_instance_info\{(.*)\} 1$", self.page(), re.MULTILINE)[1]
        known = dict(re.findall(r'(\w+)="([^"]+)"', info))
        return {"alertname": name, "severity": severity, **ADDED,
                **{key: known[key] for key in ("instance_id", "instance_name", "instance_type", "zone_id")}}

    def told(self, status, name=NOTICE):
        """For the webhook: its alerts of that status."""
        return lambda posts: [alert for post in posts for alert in post.body["alerts"]
                              if (alert["status"], alert["labels"]["alertname"]) == (status, name)]

    def counted(self, address):
        """Posts, and those of them that failed."""
        return tuple(self.sample(f'aliyun_ecs_alertmanager_notifications{kind}_total{{alertmanager="{address}"}}')
                     for kind in ("", "_failed"))

    def certificate(self, name):
        """Of whoever has this address; trusted by who takes it for its CA."""
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                        "-nodes", "-days", "2", "-keyout", f"{name}.key", "-out", f"{name}.crt",
                        "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1"],
                       cwd=self.folder, check=True, stderr=subprocess.DEVNULL)
        return os.path.join(self.folder, name)

    @staticmethod
    def is_over(alert):
        return datetime.datetime.fromisoformat(alert["endsAt"]) <= datetime.datetime.now(datetime.timezone.utc)

    def tls_front(self):
        """One that wants our certificate, too."""
        server, client = self.certificate("server"), self.certificate("client")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(server + ".crt", server + ".key")
        context.load_verify_locations(client + ".crt")
        context.verify_mode = ssl.CERT_REQUIRED
        return self.start_front(context=context)

    def test_a_notice_becomes_an_alert_and_its_withdrawal_resolves_it(self):
        self.start_chain()
        self.start_simulator()
        self.start_direct(f"http://{self.alertmanager}")
        self.exporter.wait_for("first fill complete")
        self.assertEqual(self.counted(self.alertmanager), (0, 0))
        self.set_notice()
        alert = self.webhook.wait_for(self.told("firing"))[0]
        self.assertEqual(alert["labels"], self.labels())
        end = self.sample("aliyun_ecs_spot_termination_timestamp_seconds")
        self.assertIn(time.strftime("%Y-%m-%d %H:%M:%S +0000 UTC", time.gmtime(end)),
                      alert["annotations"]["summary"])
        # As long as this exporter latches it, whether it lives to say so or not.
        (held,) = self.alerts()
        self.assertEqual(held["endsAt"], time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(end + 600)))
        self.withdraw_notice()
        alert = self.webhook.wait_for(self.told("resolved"))[0]
        self.assertEqual(alert["labels"], self.labels())
        self.wait_until(self.alerts, [])
        # It is told again, for an Alertmanager whose clock is behind.
        self.wait_until(lambda: self.counted(self.alertmanager)[0] >= 4, True)
        self.assertEqual(self.counted(self.alertmanager)[1], 0)
        self.assertEqual(len(self.told("resolved")(self.webhook.posts)), 1)

    def test_the_alert_of_prometheus_is_the_same(self):
        self.start_chain()
        self.start_simulator()
        self.start_direct(f"http://{self.alertmanager}")
        self.exporter.wait_for("first fill complete")
        self.set_notice()
        self.webhook.wait_for(self.told("firing"))
        self.send_alerts(self.labels(), ends_in=300)
        self.assertEqual(len(self.alerts()), 1)
        # Another label is another alert; when it was told, so was all before it.
        self.send_alerts({**self.labels(), "region": "west"}, ends_in=300)
        self.webhook.wait_for(lambda posts: len(self.told("firing")(posts)) > 1)
        self.assertEqual([alert["labels"]["region"] for alert in self.told("firing")(self.webhook.posts)],
                         ["east", "west"])

    def test_a_drill_goes_the_same_way(self):
        self.start_chain()
        self.start_simulator()
        drill = os.path.join(self.folder, "drill.json")
        self.start_direct(f"http://{self.alertmanager}", flags=[f"--drill.file={drill}"])
        self.exporter.wait_for("first fill complete")
        end = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 600))
        self.file("drill.json", json.dumps({"time": end}))
        alert = self.webhook.wait_for(self.told("firing", DRILL))[0]
        self.assertEqual(alert["labels"], self.labels(DRILL, "drill"))
        os.remove(drill)
        self.webhook.wait_for(self.told("resolved", DRILL))
        self.assertEqual(self.told("firing")(self.webhook.posts), [])

    def test_an_alertmanager_that_was_down_is_told_later(self):
        self.start_chain()
        address = self.alertmanager
        self.alertmanager_program.stop()
        self.start_simulator()
        self.start_direct(f"http://{address}")
        self.set_notice()
        self.exporter.wait_for(f"Alertmanager does not take the alerts.*alertmanager={address}")
        self.start_alertmanager(CONFIG.format(self.webhook.address), address)
        self.webhook.wait_for(self.told("firing"))
        self.exporter.wait_for("takes alerts again")
        self.wait_until(lambda: self.counted(address)[1] > 0, True)

    def test_a_notice_that_stands_at_the_start_is_told_whole_at_once(self):
        front = self.start_front()
        self.start_simulator()
        self.set_notice()
        self.start_direct(f"http://{front.address}/prefix")
        request = front.wait_for(1)
        self.assertEqual(request.path, "/prefix/api/v2/alerts")
        self.assertEqual(request.alerts[0]["labels"], self.labels())
        self.assertIsNone(request.authorization)

    def test_one_that_hangs_holds_up_nothing(self):
        hanging, other = self.start_front(status=None), self.start_front()
        self.start_simulator()
        self.start_direct(f"http://{hanging.address}", f"http://{other.address}")
        self.exporter.wait_for("first fill complete")
        self.set_notice()
        hanging.wait_for(1)
        other.wait_for(1)
        # The service is still asked, the page is still served, the other one is still told.
        self.withdraw_notice()
        self.wait_until(lambda: self.sample('aliyun_ecs_spot_termination_state{state="none"}'), 1)
        begin = time.monotonic()
        self.page()
        self.assertLess(time.monotonic() - begin, TOO_LONG)
        self.wait_until(lambda: self.is_over(other.requests[-1].alerts[0]), True)
        hanging.wait_for(len(hanging.requests) + 1)  # again, and hangs from now on
        begin = time.monotonic()
        self.assertEqual(self.exporter.stop(signal.SIGTERM), 0)
        self.assertLess(time.monotonic() - begin, TOO_LONG)

    def test_shows_its_certificate_and_password_over_tls(self):
        front = self.tls_front()
        self.start_simulator()
        self.set_notice()
        self.file("password", PASSWORD + "\n")
        self.start_direct(f"https://{front.address}", flags=["--log.level=debug", self.http_config(
            "basic_auth: {username: exporter, password_file: password}\n"
            "tls_config: {ca_file: server.crt, cert_file: client.crt, key_file: client.key}\n")])
        self.assertEqual(front.wait_for(1).authorization,
                         "Basic " + base64.b64encode(f"exporter:{PASSWORD}".encode()).decode())
        self.exporter.wait_for('msg="alert sent"')
        self.assert_nowhere(PASSWORD)

    def test_tells_nothing_to_a_server_that_it_cannot_trust(self):
        front = self.tls_front()
        self.start_simulator()
        self.set_notice()
        self.start_direct(f"https://{front.address}", flags=[self.http_config(
            f"authorization: {{credentials: {TOKEN}}}\n"
            "tls_config: {cert_file: client.crt, key_file: client.key}\n")])
        self.exporter.wait_for("Alertmanager does not take the alerts")
        self.assertEqual(front.requests, [])

    def test_trusts_the_system_only_where_no_other_certificate_is_named(self):
        server, mine = self.certificate("server"), self.certificate("mine")
        folder = os.path.join(self.folder, "certs")
        os.mkdir(folder)
        shutil.copy(server + ".crt", folder)
        shutil.copy(mine + ".crt", os.path.join(folder, "ca-certificates.crt"))  # must be there
        subprocess.run(["openssl", "rehash", folder], check=True)
        inside = self.inside_mount_namespace(TRUSTING, folder)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(server + ".crt", server + ".key")
        self.start_simulator()
        self.set_notice()
        for config, trusted in ((f"authorization: {{credentials: {TOKEN}}}\n", True),
                                (f"authorization: {{credentials: {TOKEN}}}\ntls_config: {{ca_file: {mine}.crt}}\n",
                                 False)):
            front = self.start_front(context=context)
            exporter = self.start(
                *inside, harness.EXPORTER, "--web.listen-address=127.0.0.1:0",
                f"--metadata.url=http://{self.metadata}", f"--alertmanager.url=https://{front.address}",
                self.http_config(config))
            exporter.wait_for('msg="alert sent"' if trusted else "Alertmanager does not take the alerts")
            self.assertEqual(bool(front.requests), trusted)

    def test_a_token_that_was_replaced_is_read_again(self):
        front = self.start_front(status=401)
        self.start_simulator()
        self.set_notice()
        self.file("token", "an-old-token\n")
        self.start_direct(f"http://{front.address}", flags=["--log.level=debug", self.http_config(
            "authorization: {type: Bearer, credentials_file: token}\n")])
        self.assertEqual(front.wait_for(1).authorization, "Bearer an-old-token")
        self.exporter.wait_for("it answered 401")
        self.file("token", TOKEN + "\n")
        seen = len(front.requests)
        self.wait_until(lambda: front.requests[-1].authorization, f"Bearer {TOKEN}")
        self.assertGreater(len(front.requests), seen)
        front.status = 200
        self.exporter.wait_for("takes alerts again")
        self.assert_nowhere(TOKEN)
        self.assert_nowhere("an-old-token")

    def assert_nowhere(self, secret):
        """In no page and, after the end of the exporter, in no line of its log."""
        for path in ("/metrics", "/snapshot", "/"):
            self.assertNotIn(secret, self.page(path))
        self.assertNotIn(secret, "".join(self.exporter.output))

    def test_once_posts_nothing(self):
        front = self.start_front()
        self.start_simulator()
        self.set_notice()
        done = subprocess.run(
            [harness.EXPORTER, "--once", f"--metadata.url=http://{self.metadata}",
             f"--alertmanager.url=http://{front.address}"],
            capture_output=True, text=True, check=False, timeout=harness.DEADLINE)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("\naliyun_ecs_spot_termination_timestamp_seconds ", done.stdout)
        self.assertNotIn("alertmanager", done.stdout)
        self.assertEqual(front.requests, [])


if __name__ == "__main__":
    harness.main()
