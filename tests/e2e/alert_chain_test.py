"""From the metadata service to whoever is called, through the real programs and the shipped files.

The simulator plays all instances, each with an exporter of its own. All exporters are scraped twice: by
Debian's Prometheus, and by Prometheus 3. Each of the two has an Alertmanager and a webhook for itself.
"""

import concurrent.futures
import datetime
import json
import os
import re
import shutil
import time
import urllib.parse

import harness
import alerting


# One for each story. The port is made up: what runs has free ones.
INSTANCES = ["notice:10200", "expired:10200", "dead:10200", "announced:10200", "unannounced:10200",
             "drill:10200", "direct:10200", "undiscovered:10200"]
NOTICE, DRILL = "AliyunEcsSpotTerminationScheduled", "AliyunEcsSpotDrill"

# An alert of one's own, as anybody has it. The example's Alertmanager inhibits it by its name.
INSTANCE_DOWN = {"alert": "InstanceDown", "expr": "up == 0"}


def replaced(pattern, replacement, text):
    """The text with this changed, which must be in it."""
    changed, count = re.subn(pattern, replacement, text)
    assert count, f"no {pattern}"
    return changed


class Chain(alerting.Case):
    """A Prometheus with an Alertmanager and a webhook. A Case only for what it can start and end."""

    def start_receiving(self):
        self.setUp()
        self.start_webhook()
        # A warning waits 30 s for others like it, a critical alert 10 s; only the waiting is cut.
        self.start_alertmanager(replaced("group_wait: [13]0s", "group_wait: 1s", self.example_config()))

    def copy_of_rules(self):
        """As they are shipped. What waits for minutes waits for 5 s; promtool tests the minutes."""
        folder = os.path.join(self.folder, "rules")
        shutil.copytree(alerting.RULES, folder)
        self.file("rules/own.yml", json.dumps({"groups": [{"name": "own", "rules": [INSTANCE_DOWN]}]}))
        for file, alert in (("metadata.yml", "AliyunEcsMetadataDown"),
                            ("exporter.yml", "AliyunEcsExporterDown")):
            self.file(f"rules/{file}",
                      replaced(rf"(- alert: {alert}\n(?:(?! *- alert:).*\n)*? +for: )\d+m", r"\g<1>5s",
                               alerting.read("alerts", "rules", file)))
        return folder

    @staticmethod
    def told(posts, alertname, instance):
        """Of this alert: (receiver, path, alert), in the order in which they came."""
        return [(post.body["receiver"], post.path, alert)
                for post in posts for alert in post.body["alerts"]
                if (alert["labels"]["alertname"], alert["labels"].get("instance")) == (alertname, instance)]

    def wait_for_post(self, alertname, instance, receiver, path=alerting.PAGER, status="firing"):
        """The alert, as soon as this receiver was told of it."""
        return self.webhook.wait_for(lambda posts: next(
            (alert for *way, alert in self.told(posts, alertname, instance)
             if way == [receiver, path] and alert["status"] == status), None))


class AlertChainTest(alerting.Case):
    @classmethod
    def setUpClass(cls):
        """Starts everything, and what can go on by itself. Each story has an instance for itself."""
        world = alerting.Case()
        cls.addClassCleanup(world.doCleanups)
        world.setUp()
        world.start_simulator(f"--instances={len(INSTANCES)}")
        cls.world = world
        cls.control = world.control
        metadata = {instance: re.search(rf"address=(127\.0\.0\.{number}:\d+) for=metadata",
                                        "".join(world.simulator.output))[1]
                    for number, instance in enumerate(INSTANCES, 1)}
        cls.tell("expired:10200", "PUT", "credentials/rotation", {"how": "never"})
        cls.tell("expired:10200", "PUT", "role", {"name": "worker", "expires_in_seconds": 30})
        cls.drill_file = os.path.join(world.folder, "drill.json")
        programs = (*world.need("prometheus"), cls.prometheus_3(world))
        cls.chains = []
        for _ in programs:
            cls.chains.append(Chain())
            cls.addClassCleanup(cls.chains[-1].doCleanups)
            cls.chains[-1].start_receiving()
        cls.exporters, cls.web = {}, {}
        for instance in INSTANCES:
            cls.exporters[instance] = world.start_exporter(
                *cls.flags(instance), metadata=metadata[instance])
            cls.web[instance] = world.web
        for exporter in cls.exporters.values():
            exporter.wait_for("first fill complete")
        targets = {instance: address for instance, address in cls.web.items()
                   if instance != "undiscovered:10200"}
        cls.each_chain(lambda chain, program: chain.start_prometheus(
            program, targets, chain.copy_of_rules()), programs)
        cls.tell("dead:10200", "PUT", "faults", {"faults": [{"fault": "reset"}]})
        cls.ends = {instance: cls.set_notice(instance)
                    for instance in ("notice:10200", "announced:10200", "undiscovered:10200")}
        end = cls.in_five_minutes()
        cls.ends["drill:10200"] = cls.as_told(end)
        with open(cls.drill_file, "w", encoding="utf-8") as file:
            json.dump({"time": f"{end:%FT%TZ}"}, file)

    @classmethod
    def flags(cls, instance):
        """Of its exporter."""
        if instance == "drill:10200":
            return [f"--drill.file={cls.drill_file}"]
        if instance in ("direct:10200", "undiscovered:10200"):
            added = {"job": alerting.JOB, "instance": instance, **alerting.EXTERNAL_LABELS}
            return [*(f"--alertmanager.url=http://{chain.alertmanager}" for chain in cls.chains),
                    *(f"--alertmanager.label={name}={value}" for name, value in added.items())]
        return []

    @staticmethod
    def prometheus_3(world):
        if not os.path.exists(alerting.PROMETHEUS_3):
            world.skip_or_fail("no Prometheus 3; tests/run.sh gets it")
        return alerting.PROMETHEUS_3

    @classmethod
    def tell(cls, instance, method, what, body=None):
        """Changes what the simulator plays to this instance."""
        number = INSTANCES.index(instance) + 1
        return cls.world.control_api(method, f"/control/{what}?instance={number}", body)

    @classmethod
    def set_notice(cls, instance):
        """Its time, as the annotations tell it."""
        end = cls.in_five_minutes()
        cls.tell(instance, "PUT", "spot-termination", {"at": f"{end:%FT%TZ}"})
        return cls.as_told(end)

    @staticmethod
    def in_five_minutes():
        return datetime.datetime.fromtimestamp(int(time.time()) + 300, datetime.timezone.utc)

    @staticmethod
    def as_told(end):
        """As annotations tell a time."""
        return f"{end:%F %T} +0000 UTC"

    @classmethod
    def each_chain(cls, function, *more):
        """What function(chain, …) returns, for both at once: one does not wait for the other's posts."""
        with concurrent.futures.ThreadPoolExecutor() as pool:
            return list(pool.map(function, cls.chains, *more))

    def identity(self, instance):
        """What its exporter says of it, as labels."""
        page = harness.request(self.web[instance], "GET", "/metrics").body
        info = re.search(r"^aliyun_ecs_instance_info(.*)", page, re.MULTILINE)[1]
        info = dict(re.findall(r'(\w+)="([^"]*)"', info))
        return {name: info[name] for name in ("instance_id", "instance_name", "instance_type", "zone_id")}

    def labels(self, alertname, severity, instance, **more):
        return {"alertname": alertname, "severity": severity, "job": alerting.JOB, "instance": instance,
                **alerting.EXTERNAL_LABELS, **more}

    def links(self, alertname, instance):
        return {"runbook_url": f"https://runbooks.example/aliyun-ecs/RUNBOOKS.md#{alertname.lower()}",
                "dashboard_url": f"https://grafana.example/d/aliyun-ecs-instance?var-job={alerting.JOB}"
                                 f"&var-instance={urllib.parse.quote(instance)}"}

    def name_of(self, own, instance):
        """As the descriptions of notice and drill have it."""
        return (f"instance {instance}, id {own['instance_id']}, name {own['instance_name']}, type "
                f"{own['instance_type']}, zone {own['zone_id']}")

    def notice(self, instance, end):
        """The labels and annotations of its alert."""
        own = self.identity(instance)
        return self.labels(NOTICE, "critical", instance, **own), {
            "summary": f"Spot instance {own['instance_id']} will be taken away at {end}",
            "description":
                f"Alibaba Cloud stops and releases the spot instance at {end}: "
                f"{self.name_of(own, instance)}. A notice comes about five minutes ahead; drain the "
                "instance now.",
            **self.links(NOTICE, instance)}

    def drill(self, instance, end):
        own = self.identity(instance)
        return self.labels(DRILL, "drill", instance, **own), {
            "summary": f"DRILL: spot instance {own['instance_id']} plays a termination at {end}",
            "description":
                f"This is a drill. Nothing is taken away. It plays a termination at {end}: "
                f"{self.name_of(own, instance)}. It ends by itself, or when its file is removed.",
            **self.links(DRILL, instance)}

    def assert_says(self, alert, labels, annotations):
        self.assertEqual(alert["labels"], labels)
        self.assertEqual(alert["annotations"], annotations)

    def test_a_notice_reaches_the_spot_receiver_and_its_withdrawal_too(self):
        instance = "notice:10200"
        wanted = self.notice(instance, self.ends[instance])
        for alert in self.each_chain(lambda chain: chain.wait_for_post(NOTICE, instance, "spot")):
            self.assert_says(alert, *wanted)
        self.tell(instance, "DELETE", "spot-termination")
        for alert in self.each_chain(
                lambda chain: chain.wait_for_post(NOTICE, instance, "spot", status="resolved")):
            self.assert_says(alert, *wanted)

    def test_an_expired_credential_reaches_the_critical_receiver(self):
        instance, name = "expired:10200", "AliyunEcsRamCredentialExpired"
        for alert in self.each_chain(lambda chain: chain.wait_for_post(name, instance, "critical")):
            self.assertEqual(alert["labels"], self.labels(name, "critical", instance, role="worker"))
            self.assertRegex(
                alert["annotations"].pop("description"),
                r"^The newest credential of RAM role worker that expired:10200 could read ended "
                r"[\dms. ]+ ago\. Calls to Alibaba Cloud with it are refused\.$")
            self.assertEqual(alert["annotations"], {
                "summary": f"The credential of role worker on {instance} has expired",
                **self.links(name, instance)})

    def test_that_the_service_is_dead_reaches_the_critical_receiver(self):
        instance, name = "dead:10200", "AliyunEcsMetadataDown"
        for alert in self.each_chain(lambda chain: chain.wait_for_post(name, instance, "critical")):
            self.assert_says(alert, self.labels(name, "critical", instance), {
                "summary": f"The metadata service does not answer {instance}",
                "description": f"For two minutes the newest request of {instance} to the metadata service "
                               "got no proper answer. Notices of termination and new credentials cannot be "
                               "seen.",
                **self.links(name, instance)})

    def test_that_an_instance_is_gone_is_told_unless_its_end_was(self):
        def down(chain):
            """The alerts that an instance is down, and whether Alertmanager holds them back."""
            return {(alert["labels"]["alertname"], alert["labels"]["instance"]): alert["status"]["state"]
                    for alert in chain.alerts() if alert["labels"]["alertname"].endswith("Down")
                    if alert["labels"]["instance"] != "dead:10200"}

        self.each_chain(lambda chain: chain.wait_for_post(NOTICE, "announced:10200", "spot"))
        self.exporters["announced:10200"].stop()
        # The instance's own alert has come as far as it may when the other's begins.
        self.each_chain(lambda chain: chain.wait_until(
            lambda: down(chain), {("InstanceDown", "announced:10200"): "suppressed"}))
        self.exporters["unannounced:10200"].stop()
        self.each_chain(lambda chain: chain.wait_for_post(
            "AliyunEcsExporterDown", "unannounced:10200", "warning", "/dingtalk/warning/send"))
        for chain in self.chains:
            self.assertEqual(down(chain), {
                ("InstanceDown", "announced:10200"): "suppressed",
                ("InstanceDown", "unannounced:10200"): "active",
                ("AliyunEcsExporterDown", "unannounced:10200"): "active"})
            self.assertEqual({alert["labels"]["alertname"] for post in chain.webhook.posts
                              for alert in post.body["alerts"]
                              if alert["labels"].get("instance") == "announced:10200"}, {NOTICE})

    def test_a_drill_reaches_its_own_receiver_alone_and_a_notice_ends_it(self):
        instance, way = "drill:10200", ("drill", "/dingtalk/drill/send")
        wanted = self.drill(instance, self.ends[instance])
        for alert in self.each_chain(lambda chain: chain.wait_for_post(DRILL, instance, *way)):
            self.assert_says(alert, *wanted)
        wanted = self.notice(instance, self.set_notice(instance))
        for alert in self.each_chain(lambda chain: chain.wait_for_post(NOTICE, instance, "spot")):
            self.assert_says(alert, *wanted)
        self.each_chain(lambda chain: chain.wait_for_post(DRILL, instance, *way, status="resolved"))
        for chain in self.chains:
            told = chain.told(chain.webhook.posts, DRILL, instance)
            self.assertEqual({tuple(each) for *each, _ in told}, {way})

    def test_what_the_exporter_posts_itself_is_the_rules_alert(self):
        instance = "direct:10200"
        labels, _ = self.notice(instance, self.set_notice(instance))

        def wait_for_both(chain):
            """It is whose post came last; those of Prometheus have an address, and come every minute."""
            seen = set()

            def senders():
                for alert in chain.alerts(filter=f'alertname="{NOTICE}"'):
                    if alert["labels"]["instance"] == instance:
                        seen.add(("Prometheus" if "generatorURL" in alert else "exporter",
                                  *sorted(alert["labels"].items())))
                return seen

            chain.wait_until(senders, {(sender, *sorted(labels.items()))
                                       for sender in ("Prometheus", "exporter")}, 3 * harness.DEADLINE)

        self.each_chain(wait_for_both)
        self.tell(instance, "DELETE", "spot-termination")
        for chain in self.chains:
            chain.wait_for_post(NOTICE, instance, "spot", status="resolved")
            # Neither of the two has the last word with "it stands".
            chain.wait_until(lambda: chain.values(f'ALERTS{{alertname="{NOTICE}", instance="{instance}"}}'), {})
            chain.wait_until(lambda: [alert for alert in chain.alerts(filter=f'alertname="{NOTICE}"')
                                      if alert["labels"]["instance"] == instance], [])
            for _, _, alert in chain.told(chain.webhook.posts, NOTICE, instance):
                self.assertEqual(alert["labels"], labels)

    def test_of_an_instance_that_nobody_scrapes_the_exporter_tells(self):
        instance = "undiscovered:10200"
        labels, annotations = self.notice(instance, self.ends[instance])
        for alert in self.each_chain(lambda chain: chain.wait_for_post(NOTICE, instance, "spot")):
            self.assertEqual(alert["labels"], labels)
            self.assertEqual(alert["annotations"], {name: annotations[name]
                                                    for name in ("summary", "description")})


if __name__ == "__main__":
    harness.main()
