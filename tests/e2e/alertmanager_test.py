"""alerts/alertmanager.example.yml, as amtool reads it and as a real Alertmanager runs it."""

import collections
import glob
import json
import os
import re
import subprocess

import harness
import alerting

try:
    import yaml
except ImportError:
    yaml = None

ROUTES = os.path.join(harness.SOURCE, "alerts", "tests", "alertmanager_routes.tsv")

# A group's next request waits for group_interval, 10 s on the way of a notice: what is there within half
# of that has not waited.
AT_ONCE = 5

SPOT = {"alertname": "AliyunEcsSpotTerminationScheduled", "severity": "critical", "job": "spot",
        "zone_id": "cn-hangzhou-i"}
DRILL = {**SPOT, "alertname": "AliyunEcsSpotDrill", "severity": "drill"}
PATHS = {"spot": [alerting.PAGER],
         "spot-chat": ["/dingtalk/spot/send", "/prometheusalert?type=fs&tpl=prometheus-fs&split=false",
                       "/prometheusalert?type=wx&tpl=prometheus-wx&split=false"],
         "drill": ["/dingtalk/drill/send"]}
NOTICE_PATHS = PATHS["spot"] + PATHS["spot-chat"]

KNOWN = {"alertname": "AliyunEcsSpotTerminationKnown", "severity": "none", "job": "ours"}
OURS, NODES = "192.0.2.{n}:10200", "192.0.2.{n}:9100"

# Where alerts of the same job and instance may come from.
EXTERNAL = {"cluster": "east", "region": "cn-hangzhou"}

# One case of inhibition: the rule that decides it, counted from 0, or None where nothing may inhibit;
# the alert that is the cause, and the other. {n} is another number in every case.
Case = collections.namedtuple("Case", "rule source target")


def alert(name, job="ours", **labels):
    return {"alertname": name, "job": job, **labels}


INHIBITIONS = [
    Case(0, {**KNOWN, "instance": OURS}, alert("AliyunEcsExporterDown", instance=OURS)),
    Case(None, {**KNOWN, "instance": OURS}, alert("AliyunEcsExporterDown", instance="198.51.100.{n}:10200")),
    Case(None, {**KNOWN, "instance": OURS}, alert("AliyunEcsExporterDown", "other", instance=OURS)),
    Case(None, {**KNOWN, "instance": OURS}, alert("AliyunEcsMetadataDown", instance=OURS)),
    Case(None, alert("AliyunEcsSpotDrill", instance=OURS), alert("AliyunEcsExporterDown", instance=OURS)),
    *(Case(1, {**KNOWN, "instance": OURS}, alert(name, "node", instance=OURS))
      for name in ("InstanceDown", "NodeDown", "TargetDown")),
    Case(None, {**KNOWN, "instance": OURS}, alert("InstanceDown", "node", instance=NODES)),
    Case(None, {**KNOWN, "instance": OURS}, alert("TargetDown", "node{n}")),
    Case(None, {**KNOWN, "source": "{n}"}, alert("TargetDown", "sources{n}")),
    *(Case(2, {**KNOWN, "instance": OURS, "instance_host": "192.0.2.{n}"},
           alert(name, "node", instance=NODES, instance_host="192.0.2.{n}"))
      for name in ("InstanceDown", "NodeDown", "TargetDown")),
    *(Case(3, alert(name, instance=OURS, role="a"),
           alert("AliyunEcsRamCredentialNotRotated", instance=OURS, role="a"))
      for name in ("AliyunEcsRamCredentialExpired", "AliyunEcsRamCredentialNotSuccess")),
    Case(None, alert("AliyunEcsRamCredentialExpired", instance=OURS, role="a"),
         alert("AliyunEcsRamCredentialNotRotated", instance=OURS, role="b")),
    *(Case(4, alert("AliyunEcsMetadataDown", instance=OURS), alert(name, instance=OURS))
      for name in ("AliyunEcsSpotStateUnknown", "AliyunEcsMetadataStale", "AliyunEcsMetadataNeverRead")),
    Case(None, alert("AliyunEcsMetadataDown", instance=OURS),
         alert("AliyunEcsSpotTerminationScheduled", instance=OURS)),
    Case(None, alert("AliyunEcsMetadataDown", instance=OURS),
         alert("AliyunEcsMetadataStale", instance="198.51.100.{n}:10200")),
    *(Case(5, alert(name, "job{n}"), alert("AliyunEcsExporterDown", "job{n}", instance=OURS))
      for name in ("AliyunEcsExporterManyDown", "AliyunEcsExporterJobAbsent")),
    Case(None, alert("AliyunEcsExporterManyDown", "job{n}"),
         alert("AliyunEcsExporterDown", "another{n}", instance=OURS)),
]
# What is inhibited stays so with external labels, but not by what comes from elsewhere.
INHIBITIONS += [
    Case(rule, {**case.source, **EXTERNAL}, {**case.target, **EXTERNAL, **elsewhere})
    for case in INHIBITIONS if case.rule is not None
    for rule, elsewhere in ((case.rule, {}), (None, {"cluster": "west"}), (None, {"region": "cn-beijing"}))]


def numbered(labels, number):
    """Of one case: only its own alerts have this number."""
    return {**{key: value.replace("{n}", str(number)) for key, value in labels.items()},
            "case": str(number)}


def without(pattern, text, replacement=""):
    """The text with this changed, which must be in it."""
    changed, count = re.subn(pattern, replacement, text, flags=re.MULTILINE)
    assert count, f"no {pattern}"
    return changed


def of(instance, path):
    """For Webhook: the first post about this instance to this path."""
    def find(posts):
        return next((post for post in posts if post.path == path and
                     any(a["labels"]["instance"] == instance for a in post.body["alerts"])), None)
    return find


class AlertmanagerTest(alerting.Case):
    def amtool(self, *arguments):
        (program,) = self.need("amtool")
        return subprocess.run([program, *arguments], capture_output=True, text=True, check=False)

    def routes_test(self, config, labels):
        """The receivers, as amtool names them: with commas between."""
        done = self.amtool("config", "routes", "test", f"--config.file={config}", *labels)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.strip()

    def routes(self):
        """The table's rows: labels, receivers."""
        with open(ROUTES, encoding="utf-8") as file:
            rows = [line.rstrip("\n").split("\t") for line in file if not line.startswith("#")]
        return [(labels.split(), receivers) for labels, receivers in rows]

    def test_amtool_accepts_it(self):
        done = self.amtool("check-config", alerting.EXAMPLE)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_every_alert_goes_where_the_table_says(self):
        for labels, receivers in self.routes():
            self.assertEqual(self.routes_test(alerting.EXAMPLE, labels), receivers, labels)

    def test_no_route_can_go_unnoticed(self):
        text = alerting.read("alerts", "alertmanager.example.yml")
        matchers = list(re.finditer(r"^    - (matchers: \[.*\])$", text, re.MULTILINE))
        self.assertGreater(len(matchers), 6)
        for number, matcher in enumerate(matchers):
            config = self.file(f"{number}.yml", text[:matcher.start(1)] + 'matchers: [alertname="Nobody"]'
                               + text[matcher.end(1):])
            if 'severity="warning"' in matcher[1]:
                continue  # the default takes these, too
            self.assertTrue(any(self.routes_test(config, labels) != receivers
                                for labels, receivers in self.routes()), matcher[1])

    def test_the_table_has_every_alert_with_its_severity(self):
        if not yaml:
            self.skip_or_fail("no python3-yaml")
        severities = {}
        for path in glob.glob(os.path.join(harness.SOURCE, "alerts", "rules", "*.yml")):
            with open(path, encoding="utf-8") as file:
                groups = yaml.safe_load(file)["groups"]
            severities |= {rule["alert"]: rule["labels"]["severity"]
                           for group in groups for rule in group["rules"] if "alert" in rule}
        self.assertGreater(len(severities), 14)
        listed = {}
        for labels, _ in self.routes():
            labels = dict(label.split("=", 1) for label in labels)
            if labels["alertname"].startswith("AliyunEcs"):
                listed[labels["alertname"]] = labels["severity"]
        self.assertEqual(listed, severities)

    def test_holds_no_secret_and_no_address_of_anybody(self):
        text = alerting.read("alerts", "alertmanager.example.yml")
        for address in re.findall(r"https?://([^/\s:]+)", text):
            self.assertRegex(address, r"^localhost$|\.placeholder\.example$")
        for word in ("password:", "api_secret:", "credentials:", "token=", "key="):
            self.assertNotIn(word, text)

    def test_a_notice_is_told_again_soon_and_so_is_its_end(self):
        if not yaml:
            self.skip_or_fail("no python3-yaml")
        config = yaml.safe_load(alerting.read("alerts", "alertmanager.example.yml"))
        repeats = {route["receiver"]: route.get("repeat_interval") for route in config["route"]["routes"]}
        self.assertEqual((repeats["spot"], repeats["spot-chat"]), ("1m", "5m"))
        for receiver in config["receivers"]:
            if receiver["name"] in PATHS:
                self.assertTrue(all(each["send_resolved"] for each in receiver["webhook_configs"]))

    def start_with(self, change=lambda text: text):
        self.start_webhook()
        self.start_alertmanager(change(self.example_config()))

    def send_two_notices(self):
        """Of one zone, the second when the first one has been told; whether it came at once."""
        self.send_alerts({**SPOT, "instance": "first"})
        for path in PATHS["spot"]:
            self.webhook.wait_for(of("first", path))
        self.send_alerts({**SPOT, "instance": "second"})
        return all(self.webhook.come(of("second", path), AT_ONCE) for path in PATHS["spot"])

    def test_two_notices_of_a_zone_do_not_wait_for_each_other(self):
        self.start_with()
        self.assertTrue(self.send_two_notices())
        for post in self.webhook.posts:
            if post.body["receiver"] == "spot":
                self.assertEqual(len(post.body["alerts"]), 1)

    def test_grouped_by_zone_the_second_notice_waits(self):
        self.start_with(lambda text: without(r"group_by: \['\.\.\.'\]", text, "group_by: [zone_id]"))
        self.assertFalse(self.send_two_notices())

    def test_the_first_notice_does_not_wait_either(self):
        self.start_with(lambda text: without(r"group_wait: 0s", text, "group_wait: 1m"))
        self.send_alerts({**SPOT, "instance": "first"})
        self.assertIsNone(self.webhook.come(of("first", "/alertmanager"), AT_ONCE))

    def test_many_notices_are_few_messages_to_a_chat_and_the_first_comes_at_once(self):
        self.start_with()
        self.send_alerts({**SPOT, "instance": "first"})
        for path in PATHS["spot-chat"]:
            self.assertTrue(self.webhook.come(of("first", path), AT_ONCE), path)
        others = {f"other-{number}" for number in range(19)}
        for instance in sorted(others):
            self.send_alerts({**SPOT, "instance": instance})
        for path in PATHS["spot"]:
            self.webhook.wait_for(lambda posts, path=path: all(of(other, path)(posts) for other in others))

        def told(posts, path):
            """How many notices, those of max_alerts counted, each message to this chat was about."""
            return [len(post.body["alerts"]) + post.body["truncatedAlerts"]
                    for post in posts if post.path == path]

        for path in PATHS["spot-chat"]:
            self.webhook.wait_for(lambda posts, path=path: 20 in told(posts, path))
            self.assertLessEqual(len(told(self.webhook.posts, path)), 3)

    def test_tells_that_a_notice_was_withdrawn(self):
        self.start_with()
        self.send_alerts({**SPOT, "instance": "a"})
        self.webhook.wait_for(lambda posts: {post.path for post in posts} == set(NOTICE_PATHS))
        self.send_alerts({**SPOT, "instance": "a"}, ends_in=-1)
        self.webhook.wait_for(lambda posts: {post.path for post in posts
                                             if post.body["status"] == "resolved"} == set(NOTICE_PATHS))

    def test_a_drill_reaches_the_drill_receiver_only(self):
        self.start_with()
        self.send_alerts({**DRILL, "instance": "a"})
        self.webhook.wait_for(of("a", *PATHS["drill"]))
        # A notice goes every other way; with it there, nothing of the drill is still under way.
        self.send_alerts({**SPOT, "instance": "b"})
        for path in NOTICE_PATHS:
            self.webhook.wait_for(of("b", path))
        self.assertEqual([(post.path, post.body["receiver"]) for post in self.webhook.posts
                          if post.body["commonLabels"]["alertname"] == "AliyunEcsSpotDrill"],
                         [("/dingtalk/drill/send", "drill")])

    def test_shows_the_secret_to_the_pager_only(self):
        self.start_with()
        self.send_alerts({**SPOT, "instance": "a"})
        for path in NOTICE_PATHS:
            self.assertEqual(self.webhook.wait_for(of("a", path)).authorization,
                             "Bearer of-the-file" if path == alerting.PAGER else None)
        self.assertNotIn("of-the-file", "".join(self.alertmanager_program.output))
        self.assertNotIn("of-the-file", harness.request(self.alertmanager, "GET", "/api/v2/status").body)

    def down_alerts_told(self, change=lambda text: text):
        """Which of two instances the pager hears to be down, when the end of the first one is known."""
        # What warns waits for half a minute; only the waiting is cut.
        self.start_with(lambda text: change(without("group_wait: (10|30)s", text, "group_wait: 1s")))
        self.send_alerts({**KNOWN, "instance": "spot:9100"})
        self.wait_until(lambda: len(self.alerts()), 1)
        self.send_alerts(*({"alertname": "InstanceDown", "severity": "critical", "job": "node",
                            "instance": instance} for instance in ("spot:9100", "other:9100")))
        post = self.webhook.wait_for(of("other:9100", "/alertmanager"))
        self.assertEqual(len(self.webhook.posts), 1)  # of the first alert, nothing is ever told
        return sorted(alert["labels"]["instance"] for alert in post.body["alerts"])

    def test_an_instance_whose_end_is_known_does_not_page(self):
        self.assertEqual(self.down_alerts_told(), ["other:9100"])

    def test_without_the_inhibition_it_pages(self):
        self.assertEqual(self.down_alerts_told(
            lambda text: without(r"^inhibit_rules:\n(^(?!receivers:).*\n)+", text)),
            ["other:9100", "spot:9100"])

    def inhibited(self):
        """The cases whose second alert Alertmanager holds back."""
        return {int(found["labels"]["case"]) for found in self.alerts(filter='side="target"')
                if found["status"]["inhibitedBy"]}

    def test_each_inhibition_rule_holds_back_what_it_must_and_no_more(self):
        self.start_with()
        config = self.example_config()
        rules = re.findall(r"^  - source_matchers:.*\n    target_matchers:(?:.*\n)+?    equal:.*\n", config,
                           re.MULTILINE)
        cases = dict(enumerate(INHIBITIONS, 1))
        self.assertEqual({case.rule for case in cases.values()}, {None, *range(len(rules))})
        # Those that inhibit nothing first, for Alertmanager looks at them in this order.
        in_order = sorted(cases.items(), key=lambda item: item[1].rule is not None)
        self.send_alerts(*(numbered(case.source, number) for number, case in in_order))
        self.send_alerts(*({**numbered(case.target, number), "side": "target"}
                           for number, case in in_order))
        self.wait_until(self.inhibited, {n for n, case in cases.items() if case.rule is not None})
        for number, rule in enumerate(rules):
            self.reload_alertmanager(config.replace(rule, ""))
            self.wait_until(self.inhibited,
                            {n for n, case in cases.items() if case.rule not in (None, number)})

    def test_the_relabelling_of_its_comment_makes_one_host_of_two_ports_and_drops_the_replica(self):
        self.start_with()
        (prometheus,) = self.need("prometheus")
        comment = re.search(r"^#   alerting:\n(?:#   .*\n)+",
                            alerting.read("alerts", "alertmanager.example.yml"), re.MULTILINE)[0]
        rules = [{"alert": name, "expr": "vector(1)", "labels": {"job": job, "instance": instance}}
                 for name, job, instance in (("AliyunEcsSpotTerminationKnown", "ours", "192.0.2.7:10200"),
                                             ("InstanceDown", "node", "192.0.2.7:9100"),
                                             ("InstanceDown", "node", "192.0.2.70:9100"),
                                             ("NodeDown", "node", "[2001:db8::7]:9100"),
                                             ("AliyunEcsSpotDrill", "ours", "192.0.2.7:10200"))]
        self.file("rules.yml", json.dumps({"groups": [{"name": "all", "interval": "1s", "rules": rules}]}))
        config = self.file("prometheus.yml", without("^#   ", comment) + f"""
  alertmanagers: [{{static_configs: [{{targets: ["{self.alertmanager}"]}}]}}]
rule_files: [rules.yml]
global: {{external_labels: {{cluster: east, replica: a, prometheus_replica: b, __replica__: c}}}}
""")
        # It finds Alertmanager some seconds after the first alerts, and would send them again in a minute.
        self.start(prometheus, f"--config.file={config}", f"--storage.tsdb.path={self.folder}/data",
                   "--web.listen-address=127.0.0.1:0", "--rules.alert.resend-delay=1s")
        self.wait_until(lambda: sorted(
            (found["labels"]["alertname"], found["labels"].get("instance_host"),
             found["status"]["state"] == "suppressed") for found in self.alerts()), [
                 ("AliyunEcsSpotDrill", None, False),
                 ("AliyunEcsSpotTerminationKnown", "192.0.2.7", False),
                 ("InstanceDown", "192.0.2.7", True),
                 ("InstanceDown", "192.0.2.70", False),
                 ("NodeDown", "[2001:db8::7]", False)])
        for found in self.alerts():
            self.assertEqual(found["labels"].keys() - {"instance_host"},
                             {"alertname", "job", "instance", "cluster"})


if __name__ == "__main__":
    harness.main()
