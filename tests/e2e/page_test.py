"""The page of the real exporter against the real simulator."""

import os
import re
import shutil
import subprocess

import harness

GOLDEN = os.path.join(harness.SOURCE, "tests", "golden", "page.txt")

# Sample values that differ from run to run: times, durations, countdowns, and what was built.
VOLATILE = re.compile(
    r"^(aliyun_ecs_(?:\w+_timestamp_seconds|\w+_in_seconds|metadata_request_duration_seconds_\w+|"
    r"metadata_request_budget_remaining|metadata_clock_skew_seconds)(?:\{[^}]*\})?|process_\w+) \S+$",
    re.MULTILINE)
BUILD = re.compile(r'^(aliyun_ecs_exporter_build_info)\{[^}]*\}', re.MULTILINE)

SECRETS = ["SimulatedAccessKeyId", "SimulatedAccessKeySecret", "SimulatedSecurityToken",
           "SIMULATED-SESSION-TOKEN-", "AAAAC3NzaC1lZDI1NTE5AAAA", "simulated@example.com"]

# So rarely that a test sees exactly one read of everything.
ONCE = ["--poll.spot-interval=24h", "--poll.notice-interval=24h", "--poll.listing-interval=24h",
        "--poll.identity-interval=24h", "--poll.credentials-interval=24h"]


class PageTest(harness.Case):
    def fill(self, *flags):
        self.start_simulator("--profile=full", "--tag=team=payments")
        self.start_exporter(*flags)
        self.exporter.wait_for("first fill complete")

    def test_equals_the_golden_page(self):
        self.fill(*ONCE, "--metrics.instance-tags=team")
        page = BUILD.sub(r"\1{…}", VOLATILE.sub(r"\1 …", self.page()))
        if os.environ.get("UPDATE_GOLDEN"):
            with open(GOLDEN, "w", encoding="utf-8") as file:
                file.write(page)
        with open(GOLDEN, encoding="utf-8") as file:
            self.maxDiff = None
            self.assertEqual(page, file.read(), "if that is meant, run again with UPDATE_GOLDEN=1")

    def test_passes_promtool_without_a_word(self):
        promtool = shutil.which("promtool", path=os.environ["PATH"] + os.pathsep + os.path.join(
            harness.SOURCE, "build", "_tools", "usr", "bin"))
        if not promtool:
            self.skip_or_fail("no promtool; tests/run.sh gets it")
        self.fill()
        checked = subprocess.run([promtool, "check", "metrics"], input=self.page(), text=True,
                                 capture_output=True, check=False)
        self.assertEqual((checked.returncode, checked.stdout, checked.stderr), (0, "", ""))

    def test_shows_all_items_after_as_many_requests_as_promised(self):
        self.fill(*ONCE)
        self.assertEqual(self.sample('aliyun_ecs_metadata_items{state="present"}'), 46)
        self.assertLessEqual(self.control_api("GET", "/control/journal")["total"], 55)

    def test_a_thousand_scrapes_cause_no_request(self):
        self.fill(*ONCE)
        before = self.control_api("GET", "/control/journal")["total"]
        for _ in range(1000):
            self.assertIn("aliyun_ecs_instance_info{", self.page())
        self.assertEqual(self.control_api("GET", "/control/journal")["total"], before)

    def test_holds_no_secret_anywhere_even_when_the_log_tells_everything(self):
        self.start_simulator("--profile=full")
        # The words that are looked for do come out of the service.
        token = harness.request(self.metadata, "PUT", "/latest/api/token", headers={
            "X-aliyun-ecs-metadata-token-ttl-seconds": "60"}).body
        path = "/latest/meta-data/ram/security-credentials/SimulatedEcsRole"
        document = harness.request(self.metadata, "GET", path, headers={
            "X-aliyun-ecs-metadata-token": token}).body
        key = harness.request(
            self.metadata, "GET",
            "/latest/meta-data/public-keys/skp-bp1simulated00000001/openssh-key").body
        for secret in SECRETS:
            self.assertIn(secret, token + document + key)

        self.start_exporter("--log.level=debug", "--poll.credentials-interval=1s",
                            "--metadata.token-ttl=2")
        self.exporter.wait_for("first fill complete")
        for _ in range(3):
            self.control_api("POST", "/control/credentials/rotate")
            self.exporter.wait_for("security-credentials/SimulatedEcsRole code=200")
        # A document that cannot be parsed is not quoted either.
        self.control_api_text("ram/security-credentials/SimulatedEcsRole", document[:-20])
        self.exporter.wait_for("security-credentials/SimulatedEcsRole code=malformed")
        pages = "".join(self.page(path) for path in ("/metrics", "/snapshot", "/"))
        self.exporter.stop()
        for secret in SECRETS:
            self.assertNotIn(secret, pages)
            self.assertNotIn(secret, "".join(self.exporter.output))
            self.assertNotIn(secret, "".join(self.simulator.output))

    def control_api_text(self, item, text):
        response = harness.request(self.control, "PUT", "/control/items/" + item, text)
        self.assertIn(response.status, (200, 204), response.body)

    def test_a_notice_comes_onto_the_page_and_goes(self):
        self.start_simulator()
        self.start_exporter("--poll.spot-interval=1s", "--poll.notice-interval=1s")
        self.exporter.wait_for("first fill complete")
        self.assertEqual(self.sample('aliyun_ecs_spot_termination_state{state="none"}'), 1)
        self.control_api("PUT", "/control/spot-termination", {"at": "2199-01-01T00:00:00Z"})
        self.exporter.wait_for("spot termination scheduled")
        self.wait_for_sample('aliyun_ecs_spot_termination_state{state="scheduled"}', 1)
        self.assertEqual(self.sample("aliyun_ecs_spot_termination_timestamp_seconds"), 7226582400)
        self.control_api("DELETE", "/control/spot-termination")
        self.exporter.wait_for("notice was withdrawn")
        self.wait_for_sample('aliyun_ecs_spot_termination_state{state="none"}', 1)
        self.assertIsNone(self.sample("aliyun_ecs_spot_termination_timestamp_seconds"))

    def wait_for_sample(self, name, value):
        """The log line comes just before the page."""
        while self.sample(name) != value:
            self.assertIsNone(self.exporter.process.poll(), "the exporter ended")


if __name__ == "__main__":
    harness.main()
