"""The shipped rules on VictoriaMetrics: vmalert evaluates them, and says what Prometheus says."""

import glob
import json
import os
import re
import time

import harness
import alerting

PROGRAMS = os.path.join(alerting.TOOLS, "alerts", "usr", "bin")
NOTICE, RESTARTING = "AliyunEcsSpotTerminationScheduled", "AliyunEcsExporterRestarting"
IDENTITY = {"instance_id": "i-1", "instance_name": "web-1", "instance_type": "ecs.g7.large",
            "zone_id": "cn-hangzhou-i"}


def listening_address(program):
    """Of a program that took a free port and does not tell which; None while it does not listen."""
    folder = f"/proc/{program.process.pid}"
    sockets = set()
    for descriptor in glob.glob(f"{folder}/fd/*"):
        try:
            sockets.add(os.readlink(descriptor))
        except FileNotFoundError:
            pass  # closed meanwhile
    with open(f"{folder}/net/tcp", encoding="ascii") as file:
        for fields in map(str.split, file):
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in sockets:
                return "127.0.0.1:%d" % int(fields[1].split(":")[1], 16)
    return None


class VmalertTest(alerting.Case):
    def start_listening(self, name, *flags):
        """The address of a running program of VictoriaMetrics."""
        path = os.path.join(PROGRAMS, name)
        if not os.path.exists(path):
            self.skip_or_fail(f"no {name}; tests/run.sh gets it")
        program = self.start(path, "-httpListenAddr=127.0.0.1:0", *flags)
        self.wait_until(lambda: program.process.poll() is None and bool(listening_address(program)), True)
        return listening_address(program)

    def import_samples(self, samples):
        """(age in seconds, metric, labels, value) each, all of our job."""
        lines = []
        for age, metric, labels, value in samples:
            shown = ",".join(f'{name}="{text}"' for name, text in {"job": alerting.JOB, **labels}.items())
            lines.append(f"{metric}{{{shown}}} {value} {int(1000 * (self.now - age))}\n")
        answer = harness.request(self.database, "POST", "/api/v1/import/prometheus", "".join(lines))
        self.assertEqual(answer.status, 204, answer.body)

    def rules(self):
        """What vmalert says of each."""
        answer = harness.request(self.vmalert, "GET", "/api/v1/rules")
        self.assertEqual(answer.status, 200, answer.body)
        return [rule for group in json.loads(answer.body)["data"]["groups"] for rule in group["rules"]]

    def sent(self, name):
        """The newest alert of this name for each instance, as Alertmanager would get it."""
        return {alert["labels"]["instance"]: alert for post in self.webhook.posts for alert in post.body
                if alert["labels"]["alertname"] == name}

    def setUp(self):
        super().setUp()
        self.start_webhook()
        self.database = self.start_listening("victoria-metrics", f"-storageDataPath={self.folder}/data",
                                             "-search.latencyOffset=1s")
        self.now = time.time()

    def evaluate(self):
        """Starts vmalert, and returns when each rule was evaluated twice: the second time it can read
        what the first one recorded."""
        # It spreads the first evaluations over the interval, which is a minute for some.
        for path in glob.glob(os.path.join(alerting.RULES, "*.yml")):
            self.file(os.path.basename(path), re.sub(r"(?m)^    interval: \w+$", "    interval: 1s",
                                                     alerting.read("alerts", "rules", os.path.basename(path))))
        self.vmalert = self.start_listening(
            "vmalert", f"-rule={self.folder}/*.yml", "-disableAlertgroupLabel", "-evaluationInterval=1s",
            f"-datasource.url=http://{self.database}", f"-remoteRead.url=http://{self.database}",
            f"-remoteWrite.url=http://{self.database}", "-remoteWrite.flushInterval=1s",
            f"-notifier.url=http://{self.webhook.address}")
        first = {}

        def evaluated_twice():
            for number, rule in enumerate(self.rules()):
                if not rule["lastEvaluation"].startswith("0001"):
                    first.setdefault(number, rule["lastEvaluation"])
            return len(first) and all(
                first.get(number, rule["lastEvaluation"]) != rule["lastEvaluation"]
                for number, rule in enumerate(self.rules()))

        self.wait_until(evaluated_twice, True)

    def test_it_says_what_prometheus_says(self):
        end = int(self.now) + 300
        told = time.strftime("%Y-%m-%d %H:%M:%S +0000 UTC", time.gmtime(end))
        once, twice = {"instance": "once:10200"}, {"instance": "twice:10200"}
        notice, state = "aliyun_ecs_spot_termination_timestamp_seconds", "aliyun_ecs_spot_termination_state"
        samples = []
        for age in range(0, 60, 5):
            for target in (once, twice, {**twice, "instance_id": "i-2"}):
                samples.append((age, notice, target, end))
                samples.append((age, state, {**target, "state": "none"}, 0))
                samples.append((age, "up", target, 1))
            samples.append((age, "aliyun_ecs_instance_info",
                            {**once, **IDENTITY, "region_id": "cn-hangzhou", "hostname": "web-1"}, 1))
            samples.append((age, "aliyun_ecs_instance_info", {**twice, "instance_id": "i-2"}, 1))
            samples.append((age, state, {"instance": "quiet:10200", "state": "none"}, 1))
        # Prometheus's changes() of "restarted" would be 3, and of "deployed" 2.
        for instance, starts in (("restarted:10200", 4), ("deployed:10200", 3)):
            for age in range(0, 720, 15):
                samples.append((age, "process_start_time_seconds", {"instance": instance},
                                int(self.now) - 720 - 180 * min(starts - 1, age // 180)))
        self.import_samples(samples)
        self.evaluate()
        self.wait_until(lambda: (set(self.sent(NOTICE)), set(self.sent(RESTARTING))),
                        ({"once:10200", "twice:10200"}, {"restarted:10200"}))
        self.assertEqual({rule["name"]: rule["lastError"] for rule in self.rules() if rule["lastError"]}, {})

        page = self.sent(NOTICE)["once:10200"]
        self.assertEqual(page["labels"], {"alertname": NOTICE, "severity": "critical", "job": alerting.JOB,
                                          **once, **IDENTITY})
        self.assertEqual(page["annotations"], {
            "summary": f"Spot instance i-1 will be taken away at {told}",
            "description": f"Alibaba Cloud stops and releases the spot instance at {told}: instance "
                           "once:10200, id i-1, name web-1, type ecs.g7.large, zone cn-hangzhou-i. A notice "
                           "comes about five minutes ahead; drain the instance now.",
            "runbook_url": "https://runbooks.example/aliyun-ecs/RUNBOOKS.md#" + NOTICE.lower(),
            "dashboard_url": "https://grafana.example/d/aliyun-ecs-instance?var-job=aliyun-ecs-exporter"
                             "&var-instance=once%3A10200"})
        self.assertIn("was started 3 times within 15 minutes",
                      self.sent(RESTARTING)["restarted:10200"]["annotations"]["description"])


if __name__ == "__main__":
    harness.main()
