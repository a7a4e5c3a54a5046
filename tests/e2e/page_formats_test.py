"""Other people's parsers read every page that the unit tests make, and those of the real exporter."""

import glob
import os
import shutil
import subprocess
import tempfile

from prometheus_client import parser
from prometheus_client.openmetrics import parser as strict_parser

import harness

UNIT_TESTS = os.path.join(harness.BIN, "unit_tests")
OPEN_METRICS = {"Accept": "application/openmetrics-text;version=1.0.0"}


def find_promtool():
    return shutil.which("promtool", path=os.environ["PATH"] + os.pathsep + os.path.join(
        harness.SOURCE, "build", "_tools", "usr", "bin"))


class PageFormatsTest(harness.Case):
    def setUp(self):
        self.promtool = find_promtool()
        if not self.promtool:
            self.skip_or_fail("no promtool; tests/run.sh gets it")

    def check(self, text, open_metrics, name):
        """Fails unless both pages are accepted and say the same."""
        checked = subprocess.run([self.promtool, "check", "metrics"], input=text, text=True,
                                 capture_output=True, check=False)
        self.assertEqual((checked.returncode, checked.stdout, checked.stderr), (0, "", ""), name)
        strict = list(strict_parser.text_string_to_metric_families(open_metrics))
        plain = list(parser.text_string_to_metric_families(text))
        self.assertEqual(self.samples_of(plain), self.samples_of(strict), name)
        for family in strict:
            self.assertEqual(family.type == "info", any(
                sample.name.endswith("_info") for sample in family.samples), family.name)
            self.assertNotEqual(family.type, "unknown", family.name)
        return strict

    @staticmethod
    def samples_of(families):
        """What both formats have: names, labels and values, bounds as numbers."""
        def labels_of(sample):
            return tuple(sorted((name, str(float(value)) if name == "le" else value)
                                for name, value in sample.labels.items()))
        return sorted((sample.name, labels_of(sample), sample.value)
                      for family in families for sample in family.samples)

    def test_of_the_unit_tests(self):
        with tempfile.TemporaryDirectory() as folder:
            # Without the longest of those that make no page.
            ran = subprocess.run(
                [UNIT_TESTS, "--gtest_brief=1", "--gtest_filter=-Simulator*:CurlTransport*:Fleet*"],
                env=harness.environment(ALIYUN_ECS_PAGES=folder), text=True, check=False,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            self.assertEqual(ran.returncode, 0, ran.stdout[-2000:])
            pages = sorted(glob.glob(os.path.join(folder, "*.txt")))
            self.assertGreater(len(pages), 50)
            for page in pages:
                with open(page, encoding="utf-8") as text, \
                        open(page[:-len("txt")] + "om", encoding="utf-8") as open_metrics:
                    self.check(text.read(), open_metrics.read(), page)

    def test_of_the_real_exporter(self):
        self.start_simulator("--profile=full")
        # Still while nothing is asked, so that two scrapes are of one snapshot.
        self.start_exporter("--poll.spot-interval=24h", "--web.disable-exporter-metrics")
        self.exporter.wait_for("first fill complete")
        text = self.page()
        answer = harness.request(self.web, "GET", "/metrics", headers=OPEN_METRICS)
        self.assertEqual(answer.headers["Content-Type"],
                         "application/openmetrics-text; version=1.0.0; charset=utf-8")
        strict = list(strict_parser.text_string_to_metric_families(answer.body))
        plain = {name for name, _, _ in self.samples_of(parser.text_string_to_metric_families(text))}
        self.assertEqual({name for name, _, _ in self.samples_of(strict)}, plain)

    def test_of_the_real_exporter_with_its_own_process(self):
        self.start_simulator()
        self.start_exporter()
        self.exporter.wait_for("first fill complete")
        answer = harness.request(self.web, "GET", "/metrics", headers=OPEN_METRICS)
        families = {family.name: family for family in
                    strict_parser.text_string_to_metric_families(answer.body)}
        self.assertEqual((families["process_cpu_seconds"].type,
                          families["process_cpu_seconds"].unit), ("counter", "seconds"))
        self.assertEqual(families["aliyun_ecs_instance"].type, "info")
        self.assertGreaterEqual(
            families["aliyun_ecs_exporter_http_requests"].samples[0].value, 0)


if __name__ == "__main__":
    harness.main()
