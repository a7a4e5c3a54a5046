"""A real Prometheus scrapes the real exporter, over TLS and with a password."""

import json
import os
import shutil
import subprocess
import tempfile
import time
import urllib.parse

import harness

PROMETHEUS_PATH = os.environ["PATH"] + os.pathsep + os.path.join(
    harness.SOURCE, "build", "_tools", "usr", "bin")
HASH = "$2b$04$abcdefghijklmnopqrstuuFmEfrkTQnczNzw475xE2VhDrK1uwJiC"  # of "right"


class PrometheusTest(harness.Case):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def file(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def query(self, expression):
        """The values, by the sample's labels as JSON."""
        answer = harness.request(self.prometheus, "GET", "/api/v1/query?query=" + urllib.parse.quote(expression))
        result = json.loads(answer.body)["data"]["result"]
        return {json.dumps(sample["metric"], sort_keys=True): float(sample["value"][1])
                for sample in result}

    def wait_until(self, expression, value):
        """Prometheus looks every second; there is no line of a log to wait for."""
        begin = time.monotonic()
        while list(self.query(expression).values()) != [value]:
            if time.monotonic() - begin > harness.DEADLINE:
                self.fail(f"{expression} is {self.query(expression)}:\n"
                          + "".join(self.exporter.output + self.program.output))

    def test_scrapes_over_tls_with_a_password(self):
        prometheus = shutil.which("prometheus", path=PROMETHEUS_PATH)
        if not prometheus:
            self.skip_or_fail("no prometheus; tests/run.sh gets it")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-keyout", "tls.key",
                        "-out", "tls.crt", "-subj", "/CN=exporter", "-addext",
                        "subjectAltName=IP:127.0.0.1"], cwd=self.folder, check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        web = self.file("web.yml", "tls_server_config: {cert_file: tls.crt, key_file: tls.key}\n"
                                   f"basic_auth_users: {{prometheus: {HASH}}}\n")
        self.start_simulator()
        self.start_exporter(f"--web.config.file={web}")
        self.exporter.wait_for("first fill complete")
        config = self.file("prometheus.yml", f"""
global: {{scrape_interval: 1s}}
scrape_configs:
  - job_name: right
    scheme: https
    tls_config: {{ca_file: {self.folder}/tls.crt}}
    basic_auth: {{username: prometheus, password: right}}
    static_configs: [{{targets: ["{self.web}"]}}]
  - job_name: wrong
    scheme: https
    tls_config: {{ca_file: {self.folder}/tls.crt}}
    basic_auth: {{username: prometheus, password: wrong}}
    static_configs: [{{targets: ["{self.web}"]}}]
""")
        self.program = self.start(
            prometheus, f"--config.file={config}", f"--storage.tsdb.path={self.folder}/data",
            "--web.listen-address=127.0.0.1:0")
        listening, _ = self.program.wait_for_all(
            r'Listening on" address=(\S+)', "Server is ready to receive web requests")
        self.prometheus = listening[1]
        self.wait_until('up{job="right"}', 1)
        self.wait_until('up{job="wrong"}', 0)
        self.wait_until('aliyun_ecs_metadata_up', 1)
        self.assertEqual(len(self.query("aliyun_ecs_instance_info")), 1)
        # What it made of the two: one page in OpenMetrics, and one refusal.
        targets = json.loads(harness.request(self.prometheus, "GET", "/api/v1/targets").body)
        errors = {target["labels"]["job"]: target["lastError"]
                  for target in targets["data"]["activeTargets"]}
        self.assertEqual(errors["right"], "")
        self.assertIn("401", errors["wrong"])
        kinds = json.loads(harness.request(
            self.prometheus, "GET", "/api/v1/metadata?metric=aliyun_ecs_instance").body)
        self.assertEqual(kinds["data"]["aliyun_ecs_instance"][0]["type"], "info")


if __name__ == "__main__":
    harness.main()
