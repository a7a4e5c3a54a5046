"""The worst troubles, with the real programs: what tests/golden/failure_table.tsv says in process.

Ten exporters read ten simulated instances of one simulator, each in a trouble of its own, all at the
same time.
"""

import json
import os
import re
import signal
import tempfile

import harness

# Name: the faults, and aliyun_ecs_metadata_up then.
TROUBLES = {
    "401 for ever": ([{"fault": "status", "status": 401, "method": "GET"}], 0),
    "403": ([{"fault": "status", "status": 403}], 0),
    "404": ([{"fault": "status", "status": 404, "method": "GET"}], 1),
    "429 with Retry-After": ([{"fault": "status", "status": 429, "retry_after_seconds": 6}], 1),
    "500": ([{"fault": "status", "status": 500}], 0),
    "503": ([{"fault": "status", "status": 503}], 1),
    "a page with 200": ([{"fault": "html"}], 0),
    "cut bodies": ([{"fault": "wrong-length", "length_difference": 50}], 0),
    "hang": ([{"fault": "hang"}], 0),
    "reset": ([{"fault": "reset"}], 0),
}

QUICK = ["--poll.spot-interval=1s", "--poll.notice-interval=1s", "--metadata.timeout=300ms"]


def state(page):
    return re.search(r'^aliyun_ecs_spot_termination_state\{state="(\w+)"\} 1$', page, re.M)[1]


def sample(page, name):
    found = re.search(rf"^{re.escape(name)} (\S+)$", page, re.M)
    return float(found[1]) if found else None


def identity(page):
    return re.search(r"^aliyun_ecs_instance_info\{.*$", page, re.M)[0]


def requests(page):
    return sum(float(value) for value in re.findall(
        r"^aliyun_ecs_metadata_requests_total\{.*\} (\S+)$", page, re.M))


class Exporter:
    def __init__(self, case, number, metadata, *flags):
        self.case = case
        self.number = number
        case.start_exporter(*QUICK, *flags, metadata=metadata)
        self.process = case.exporter
        self.web = case.web

    def page(self, path="/metrics"):
        response = harness.request(self.web, "GET", path)
        self.case.assertEqual(response.status, 200)
        return response.body

    def wait_for(self, what, wanted):
        """The first page of which `wanted` is true."""
        while True:
            page = self.page()
            if wanted(page):
                return page
            self.case.assertIsNone(self.process.process.poll(), "the exporter ended")

    def control(self, method, path, body=None):
        return self.case.control_api(method, f"{path}?instance={self.number}", body)


class FailureTest(harness.Case):
    def test_ten_troubles_with_and_without_a_notice(self):
        numbers = range(1, len(TROUBLES) + 1)
        self.simulator = self.start(
            harness.SIMULATOR, *(f"--listen-address=127.0.0.{i}:0" for i in numbers),
            "--control.listen-address=127.0.0.1:0", f"--instances={len(TROUBLES)}")
        places = [self.simulator.wait_for(r"address=(\S+) for=metadata")[1] for _ in numbers]
        self.control = self.simulator.wait_for(r"address=(\S+) for=control")[1]
        exporters = {name: Exporter(self, number, place)
                     for number, place, name in zip(numbers, places, TROUBLES)}
        known = {name: identity(e.wait_for(name, lambda p: "aliyun_ecs_instance_info{" in p))
                 for name, e in exporters.items()}
        for name, exporter in exporters.items():
            exporter.wait_for(name, lambda p: state(p) == "none")

        for name, exporter in exporters.items():
            exporter.control("PUT", "/control/faults", {"faults": TROUBLES[name][0]})
        for name, exporter in exporters.items():
            with self.subTest(name):
                page = exporter.wait_for(name, lambda p: state(p) == "unknown")
                self.assertEqual(sample(page, "aliyun_ecs_metadata_up"), TROUBLES[name][1])
                self.check(exporter, page, known[name])

        for exporter in exporters.values():
            exporter.control("DELETE", "/control/faults")
        for name, exporter in exporters.items():
            with self.subTest(name + ", and back"):
                exporter.wait_for(name, lambda p: state(p) == "none")

        # The same while a notice stands: it must not be resolved.
        for exporter in exporters.values():
            exporter.control("PUT", "/control/spot-termination", {"in_seconds": 300})
        asked = {name: requests(e.wait_for(name, lambda p: state(p) == "scheduled"))
                 for name, e in exporters.items()}
        for name, exporter in exporters.items():
            exporter.control("PUT", "/control/faults", {"faults": TROUBLES[name][0]})
        for name, exporter in exporters.items():
            with self.subTest(name + ", with a notice"):
                few = 2 if "429" in name or "503" in name else 4
                page = exporter.wait_for(
                    name, lambda p, name=name, few=few: requests(p) >= asked[name] + few)
                self.assertEqual(state(page), "scheduled")
                self.assertEqual(sample(page, "aliyun_ecs_spot_termination_notices_total"), 1)
                self.check(exporter, page, known[name])

    def check(self, exporter, page, known):
        self.assertEqual(identity(page), known, "who the instance is stays true")
        pages = page + exporter.page("/snapshot") + exporter.page("/")
        for word in ("<html", "Not Found</title>"):
            self.assertNotIn(word, page)
        self.assertNotIn("SimulatedSecurityToken", pages)
        self.assertEqual(harness.request(exporter.web, "GET", "/-/healthy").status, 200)


class RestartTest(harness.Case):
    def test_a_killed_exporter_goes_on_where_it_was(self):
        with tempfile.TemporaryDirectory() as folder:
            state_file = os.path.join(folder, "state.json")
            notice_file = os.path.join(folder, "notice.json")
            flags = [f"--state.file={state_file}", f"--spot.notice-file={notice_file}"]
            self.start_simulator()
            first = Exporter(self, 1, self.metadata, *flags)
            before = identity(first.wait_for("fill", lambda p: "aliyun_ecs_instance_info{" in p))
            self.assertFalse(os.path.exists(notice_file))
            self.control_api("PUT", "/control/spot-termination", {"in_seconds": 300})
            page = first.wait_for("notice", lambda p: state(p) == "scheduled")
            seen = sample(page, "aliyun_ecs_spot_termination_first_seen_timestamp_seconds")
            # One read later the file of the read before is there.
            count = requests(page)
            first.wait_for("one more", lambda p: requests(p) > count + 1)
            with open(notice_file, encoding="utf-8") as file:
                notice = json.load(file)
            self.assertEqual(notice["instance_id"], "i-bp1simulated00000001")
            self.assertEqual(sorted(notice), ["first_seen", "instance_id", "termination_time"])
            first.process.stop(signal.SIGKILL)
            self.assertEqual(os.stat(state_file).st_mode & 0o777, 0o600)

            self.control_api("PUT", "/control/faults",
                             {"faults": [{"fault": "status", "status": 429}]})
            second = Exporter(self, 1, self.metadata, *flags)
            page = second.page()
            self.assertEqual(state(page), "scheduled")
            self.assertEqual(identity(page), before)
            self.assertEqual(
                sample(page, "aliyun_ecs_spot_termination_first_seen_timestamp_seconds"), seen)
            self.assertEqual(sample(page, "aliyun_ecs_spot_termination_notices_total"), 1)
            self.assertTrue(os.path.exists(notice_file))

            self.control_api("DELETE", "/control/faults")
            self.control_api("DELETE", "/control/spot-termination")
            page = second.wait_for("withdrawal", lambda p: state(p) == "none")
            self.assertEqual(sample(
                page, 'aliyun_ecs_spot_termination_notice_changes_total{change="withdrawn"}'), 1)
            count = requests(page)
            second.wait_for("one more", lambda p: requests(p) > count + 1)
            self.assertFalse(os.path.exists(notice_file))
            self.assertEqual(second.process.stop(), 0)
            with open(state_file, encoding="utf-8") as file:
                text = file.read()
            for secret in ("Simulated" + "AccessKey", "SimulatedSecurityToken", "SESSION-TOKEN"):
                self.assertNotIn(secret, text)

    def test_says_what_to_do(self):
        self.start_simulator("--http-endpoint=disabled")
        self.start_exporter()
        line = self.exporter.wait_for("state=channel_disabled .*")[0]
        self.assertIn("HttpEndpoint", line)
        while "HttpEndpoint" not in self.page("/"):
            pass  # it is logged a moment before it can be seen
        self.assertEqual(json.loads(self.page("/snapshot"))["access"]["state"], "channel_disabled")


if __name__ == "__main__":
    harness.main()
