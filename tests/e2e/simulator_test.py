"""The simulator as a program: its flags, its scenarios, its instances, its silence about secrets."""

import glob
import json
import os
import re
import shutil
import subprocess
import tempfile

import harness

FOLDER = os.path.join(harness.SOURCE, "tests", "simulator")
TTL = {"X-aliyun-ecs-metadata-token-ttl-seconds": "60"}


class SimulatorTest(harness.Case):
    def complaints(self, *flags):
        program = self.start(harness.SIMULATOR, *flags)
        self.assertEqual(program.wait(), 1, program.output)
        return [line.rstrip("\n") for line in program.output]

    def test_all_wrong_flags_at_once_one_line_each(self):
        lines = self.complaints("--instances=11", "--profile=mac", "--throttle=x", "--tag=a",
                                "--expired-token=7", "--scenario=/nonexistent", "--role=a/b",
                                "--no-role", "--credential-life=1", "--nonsense")
        self.assertEqual(len(lines), 10, lines)
        for part in ("1 to 10", "linux, windows or full", "RATE/BURST", "KEY=VALUE", "401 or 403",
                     "--scenario=/nonexistent", "--role=a/b", "exclude each other", "2 to 86400",
                     "--nonsense"):
            self.assertTrue(any(part in line for line in lines), (part, lines))

    def test_a_windows_instance_is_never_hardened_only(self):
        lines = self.complaints("--profile=windows", "--http-tokens=required")
        self.assertEqual(len(lines), 1, lines)
        self.assertIn("Windows", lines[0])

    def test_all_that_is_wrong_with_a_scenario(self):
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump({"start": {"disks": -1}, "events": [
                {"at_seconds": 0, "call": "POST /control/reset"},
                {"at_seconds": "x", "call": "PUT /control/role", "body": {"name": "a/b"}}]}, file)
            file.flush()
            lines = self.complaints("--scenario=" + file.name)
        self.assertEqual(len(lines), 3, lines)
        for part in ("start.disks", "events[1].at_seconds", "events[1].body.name"):
            self.assertTrue(any(part in line for line in lines), (part, lines))

    def test_flags_win_over_the_start_of_a_scenario(self):
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump({"start": {"instances": 3, "credential_life_seconds": 600}, "events": [
                {"at_seconds": 0, "instance": 2, "call": "PUT /control/role",
                 "body": {"name": "Other", "expires_in_seconds": 500}}]}, file)
            file.flush()
            lines = self.complaints("--scenario=" + file.name, "--instances=1", "--credential-life=60")
            self.assertEqual(len(lines), 2, lines)
            self.assertIn("events[0].instance must be a whole number from 1 to 1", lines[0])
            self.assertIn("from 1 to 60", lines[1])
            simulator = self.start_simulator("--scenario=" + file.name, "--instances=2")
            simulator.wait_for('msg="call made".*role.*instance=2')

    def test_a_pipe_is_no_file(self):
        with tempfile.TemporaryDirectory() as folder:
            pipe = os.path.join(folder, "pipe")
            os.mkfifo(pipe)
            for flag in ("--scenario", "--tree", "--user-data"):
                lines = self.complaints(f"{flag}={pipe}")
                self.assertEqual(len(lines), 1, lines)
                self.assertIn("cannot be read: it is no file", lines[0])

    def test_the_help_has_every_option_of_the_readme(self):
        shown = subprocess.run([harness.SIMULATOR, "--help"], capture_output=True, text=True,
                               check=True).stdout
        shown = " ".join(shown.split())
        with open(os.path.join(FOLDER, "README.md"), encoding="utf-8") as file:
            rows = re.findall(r"^\| `(--\S+)` \| (.+) \| (.+) \| (.) \| (.+) \|$", file.read(),
                              re.MULTILINE)
        self.assertGreaterEqual(len(rows), 16)
        for flag, values, fallback, grade, text in rows:
            self.assertIn(f"{flag} TEXT {values}: {text} ({fallback}) [{grade}]", shown)

    def test_plays_the_scenarios_that_come_with_it(self):
        files = glob.glob(os.path.join(FOLDER, "scenarios", "*.json"))
        self.assertEqual(len(files), 3)
        for file in files:
            simulator = self.start_simulator("--scenario=" + file)
            simulator.wait_for("scenario begins")
            # It serves while it waits, and a signal ends the wait.
            answer = harness.request(self.metadata, "PUT", "/latest/api/token", headers=TTL)
            self.assertEqual(answer.status, 200)
            self.assertEqual(simulator.stop(), 0)

    def test_makes_the_calls_of_a_scenario_and_serves_on(self):
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump({"events": [
                {"at_seconds": 0, "call": "PUT /control/items/hostname", "body": "from-a-scenario"},
                {"at_seconds": 0.01, "call": "DELETE /control/tags"}]}, file)
            file.flush()
            simulator = self.start_simulator("--scenario=" + file.name)
            simulator.wait_for('msg="call made".*hostname')
            simulator.wait_for('msg="call refused".*there are no tags')
            simulator.wait_for("scenario is over")
        answer = harness.request(self.metadata, "GET", "/latest/meta-data/hostname")
        self.assertEqual(answer.body, "from-a-scenario")

    def test_instances_are_told_apart_by_address_and_refuse_each_others_tokens(self):
        simulator = self.start(
            harness.SIMULATOR, "--instances=2", "--listen-address=127.0.0.1:0",
            "--control.listen-address=127.0.0.1:0", "--http-tokens=required")
        first = simulator.wait_for(r"address=(127\.0\.0\.1:\S+) for=metadata")[1]
        second = simulator.wait_for(r"address=(127\.0\.0\.2:\S+) for=metadata")[1]
        simulator.wait_for("for=control")
        tokens = {}
        for address in first, second:
            tokens[address] = harness.request(address, "PUT", "/latest/api/token",
                                              headers=TTL).body
        seen = {}
        for asked in first, second:
            for owner in first, second:
                answer = harness.request(asked, "GET", "/latest/meta-data/instance-id",
                                         headers={"X-aliyun-ecs-metadata-token": tokens[owner]})
                self.assertEqual(answer.status, 200 if asked == owner else 401)
                if asked == owner:
                    seen[asked] = answer.body
        self.assertEqual(seen[first], "i-bp1simulated00000001")
        self.assertEqual(seen[second], "i-bp1simulated00000002")

    def test_tells_no_secret_but_to_who_asks_for_it(self):
        simulator = self.start_simulator("--http-tokens=required")
        token = harness.request(self.metadata, "PUT", "/latest/api/token", headers=TTL).body
        header = {"X-aliyun-ecs-metadata-token": token}
        document = harness.request(
            self.metadata, "GET",
            "/latest/meta-data/ram/security-credentials/SimulatedEcsRole?" + token, headers=header)
        self.assertEqual(document.status, 200)
        shown = [harness.request(self.control, "GET", path).body
                 for path in ("/metrics", "/control/journal", "/control/faults",
                              "/control/protocol", "/control/options")]
        simulator.stop()
        for text in [*shown, *simulator.output]:
            for secret in (token, "SimulatedAccessKeySecret", "SimulatedSecurityToken"):
                self.assertNotIn(secret, text)

    def test_its_own_page_passes_promtool_without_a_word(self):
        promtool = shutil.which("promtool", path=os.environ["PATH"] + os.pathsep + os.path.join(
            harness.SOURCE, "build", "_tools", "usr", "bin"))
        if not promtool:
            self.skip_or_fail("no promtool; tests/run.sh gets it")
        self.start_simulator()
        harness.request(self.metadata, "GET", "/latest/no-such")
        page = harness.request(self.control, "GET", "/metrics")
        self.assertEqual(page.headers["Content-Type"], "text/plain; version=0.0.4; charset=utf-8")
        checked = subprocess.run([promtool, "check", "metrics"], input=page.body, text=True,
                                 capture_output=True, check=False)
        self.assertEqual((checked.returncode, checked.stdout + checked.stderr), (0, ""))


if __name__ == "__main__":
    harness.main()
