"""What the tests of the alerts share: the real Prometheus and Alertmanager, and a webhook.

The programs are the machine's, or those that tests/run.sh unpacks into build/_tools.
"""

import collections
import contextlib
import datetime
import http.server
import json
import os
import re
import shutil
import subprocess
import tempfile
import threading
import time
import urllib.parse

import harness

TOOLS = os.path.join(harness.SOURCE, "build", "_tools")
RULES = os.path.join(harness.SOURCE, "alerts", "rules")
PROMETHEUS_3 = os.path.join(TOOLS, "alerts", "usr", "bin", "prometheus")  # beside the machine's
EXAMPLE = os.path.join(harness.SOURCE, "alerts", "alertmanager.example.yml")

JOB = "aliyun-ecs-exporter"  # the rules rest on it
EXTERNAL_LABELS = {"cluster": "east"}
PAGER = "/alertmanager"  # the path of the example's pager

# Where Debian's Alertmanager has its own templates; it does not start without them.
_TEMPLATES = "/usr/share/prometheus/alertmanager"
# Shows it those that are only unpacked, and changes nothing for anybody else.
_WITH_TEMPLATES = ('mount -t tmpfs tmpfs /usr/share && mkdir /usr/share/prometheus &&'
                   f' ln -s "$1" {_TEMPLATES} && shift && exec "$@"')


def tool(name):
    """The path of promtool, prometheus, amtool or prometheus-alertmanager; None where it is missing."""
    path = os.environ.get("PATH", os.defpath) + os.pathsep + os.path.join(TOOLS, "usr", "bin")
    return shutil.which(name, path=path)


def read(*names):
    """The text of a file of the checkout."""
    with open(os.path.join(harness.SOURCE, *names), encoding="utf-8") as file:
        return file.read()


def in_seconds(seconds):
    """That moment as Alertmanager's API wants it."""
    moment = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    return moment.isoformat()


Post = collections.namedtuple("Post", "time path authorization body")
Post.__doc__ = """One request of Alertmanager.

time is that of time.monotonic(), path has the query, authorization is the header or None, and body is
the JSON: receiver, status, groupLabels, alerts (each with status, labels, annotations) and more.
"""


class Webhook:
    """Receives what Alertmanager sends, on a free port of loopback. Close it when done.

    webhook = Webhook()
    self.addCleanup(webhook.close)
    ... config: url: http://{webhook.address}/any/path ...
    post = webhook.wait_for(lambda posts: next((p for p in posts if p.path == "/any/path"), None))
    """

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle(self):
            with contextlib.suppress(ConnectionResetError):  # Alertmanager ended
                super().handle()

        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self.server.webhook.record(
                Post(time.monotonic(), self.path, self.headers["Authorization"], body))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = True  # Alertmanager keeps its connections
        request_queue_size = 128

    def __init__(self):
        self._changed = threading.Condition()
        self._posts = []
        self._server = self.Server(("127.0.0.1", 0), self.Handler)
        self._server.webhook = self
        self.address = "127.0.0.1:%d" % self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def record(self, post):
        with self._changed:
            self._posts.append(post)
            self._changed.notify_all()

    @property
    def posts(self):
        """All so far, in the order in which they came."""
        with self._changed:
            return list(self._posts)

    def come(self, condition, limit):
        """What condition(posts) returns, as soon as that is true; else None after limit seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: condition(list(self._posts)), limit) or None

    def wait_for(self, condition, limit=harness.DEADLINE):
        """The same, and an AssertionError that shows the posts when it never comes true."""
        if found := self.come(condition, limit):
            return found
        raise AssertionError("the webhook only got:\n" + "\n".join(
            f"{post.time:.1f} {post.path} {alert['status']} {alert['labels']} {alert['annotations']}"
            for post in self.posts for alert in post.body["alerts"]))

    def close(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class Case(harness.Case):
    """Runs Prometheus and Alertmanager. Has a .folder for files and, after start_webhook, a .webhook."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def need(self, *names):
        """The paths of these programs."""
        paths = [tool(name) for name in names]
        for name, path in zip(names, paths):
            if not path:
                self.skip_or_fail(f"no {name}; tests/run.sh gets it")
        return paths

    def file(self, name, text):
        """Writes it into .folder and returns its path."""
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def start_webhook(self):
        self.webhook = Webhook()
        self.addCleanup(self.webhook.close)
        return self.webhook

    def example_config(self):
        """The text of the example; all its addresses are .webhook's, and its secrets are in .folder.

        The paths stay as they are: /alertmanager is the pager, /dingtalk/drill/send the drill.
        """
        text = re.sub(r"\burl: http://[^/\s]+", f"url: http://{self.webhook.address}",
                      read("alerts", "alertmanager.example.yml"))
        secret = self.file("token", "of-the-file\n")
        return re.sub(r"(?<=credentials_file: )[^\s}]+", secret, text)

    def start_alertmanager(self, config, address="127.0.0.1:0"):
        """Sets .alertmanager, the address of a running one with this text as its configuration."""
        (program,) = self.need("prometheus-alertmanager")
        self.alertmanager_config = self.file("alertmanager.yml", config)
        self.alertmanager_program = self.start(
            *self._with_templates(), program, f"--config.file={self.alertmanager_config}",
            f"--storage.path={self.folder}/alertmanager", f"--web.listen-address={address}",
            "--cluster.listen-address=")
        self.alertmanager = self.alertmanager_program.wait_for(r'Listening on" address=(\S+)')[1]
        return self.alertmanager_program

    def _with_templates(self):
        """What to start it with, where it is only unpacked."""
        if os.path.exists(_TEMPLATES):
            return []
        return self.inside_mount_namespace(_WITH_TEMPLATES, TOOLS + _TEMPLATES)

    def inside_mount_namespace(self, set_up, *arguments):
        """What to start a program with, so that it alone sees what the shell command `set_up` mounts.

        That is given the arguments and the program; it shifts the former and execs the latter.
        """
        refusals = []
        for flags in (["--mount"], ["--mount", "--map-root-user"]):
            inside = ["unshare", *flags, "--", "sh", "-c", set_up, "sh", *arguments]
            try:
                probe = subprocess.run([*inside, "true"], capture_output=True, text=True, check=False)
            except OSError as error:
                self.skip_or_fail(f"no mount namespace: {error}")
            if probe.returncode == 0:
                return inside
            refusals.append(" ".join(probe.stderr.split()))
        self.skip_or_fail(f"no mount namespace: {'; '.join(refusals)}")

    def reload_alertmanager(self, config):
        self.file("alertmanager.yml", config)
        answer = harness.request(self.alertmanager, "POST", "/-/reload")
        self.assertEqual(answer.status, 200, answer.body)

    def send_alerts(self, *labels, ends_in=3600, annotations=None):
        """Tells Alertmanager of alerts with these labels, as Prometheus does; ended ones with ends_in < 0."""
        # From this moment on: for one that began longer ago, no group_wait is observed.
        alerts = [{"labels": each, "annotations": annotations or {},
                   "startsAt": in_seconds(min(0, ends_in)), "endsAt": in_seconds(ends_in)}
                  for each in labels]
        answer = harness.request(self.alertmanager, "POST", "/api/v2/alerts", json.dumps(alerts),
                                 {"Content-Type": "application/json"})
        self.assertEqual(answer.status, 200, answer.body)

    def alerts(self, **parameters):
        """What Alertmanager holds: a list of objects with labels, status and more."""
        answer = harness.request(self.alertmanager, "GET",
                                 "/api/v2/alerts?" + urllib.parse.urlencode(parameters))
        self.assertEqual(answer.status, 200, answer.body)
        return json.loads(answer.body)

    def run_prometheus(self, program, config):
        """Sets .prometheus, its address, once it answers with that configuration (YAML)."""
        self.prometheus_program = self.start(
            program, f"--config.file={self.file('prometheus.yml', config)}",
            f"--storage.tsdb.path={self.folder}/data", "--web.listen-address=127.0.0.1:0")
        # 2.42 has the address behind the message, 3.5 has more between them.
        listening, _ = self.prometheus_program.wait_for_all(
            r'Listening on".* address=(\S+)', "Server is ready to receive web requests")
        self.prometheus = listening[1]

    def start_prometheus(self, program, targets, rules):
        """Sets .prometheus, its address, and returns when it scrapes the targets, {instance: address}.

        It tells .alertmanager. All its intervals are 5 s; rules is a folder.
        """
        config = {
            "global": {"scrape_interval": "5s", "evaluation_interval": "5s",
                       "external_labels": EXTERNAL_LABELS},
            "rule_files": [f"{rules}/*.yml"],
            "alerting": {"alertmanagers": [{"static_configs": [{"targets": [self.alertmanager]}]}]},
            "scrape_configs": [{"job_name": JOB, "static_configs": [
                {"targets": [address], "labels": {"instance": instance}}
                for instance, address in targets.items()]}]}
        self.run_prometheus(program, json.dumps(config))
        # It looks for Alertmanager some seconds after its start, and drops alerts till then.
        self.wait_until(lambda: len(self.ask_prometheus("alertmanagers")["activeAlertmanagers"]), 1)
        self.wait_until(lambda: self.values("up"), dict.fromkeys(targets, 1))
        return self.prometheus_program

    def ask_prometheus(self, path, **parameters):
        """The data of the answer of its API."""
        answer = harness.request(self.prometheus, "GET",
                                 f"/api/v1/{path}?{urllib.parse.urlencode(parameters)}")
        self.assertEqual(answer.status, 200, answer.body)
        return json.loads(answer.body)["data"]

    def values(self, expression):
        """What it says now, by instance."""
        return {sample["metric"]["instance"]: float(sample["value"][1])
                for sample in self.ask_prometheus("query", query=expression)["result"]}

    def wait_until(self, get, wanted, limit=harness.DEADLINE):
        """Until get() returns what is wanted; for what nobody tells of."""
        begin = time.monotonic()
        while (seen := get()) != wanted:
            if time.monotonic() - begin > limit:
                self.assertEqual(seen, wanted)
            time.sleep(0.05)
