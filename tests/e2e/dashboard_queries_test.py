"""dashboards/: every query of every panel, variable and annotation runs against a real Prometheus.

It holds an hour of ten instances in all kinds of trouble (tests/fleet/scripted_hour.cc). To look at that
Prometheus, or at a dashboard drawn from it: dashboard_data.py --serve.
"""

import collections
import copy
import filecmp
import glob
import json
import os
import re
import shutil
import tempfile
import unittest

import alerting
import dashboard_data
import grafana
import harness

# (uid, panel or annotation, query) of what finds nothing in that hour, and why that is right.
EMPTY = {}

# The same for queries of a fleet's pages that read more when there are more instances.
_IDENTITY = "instant, and of each instance only the one recorded series with its identity"
READS_EVERY_INSTANCE = {
    ("aliyun-ecs-fleet", "Notices now", "A"): _IDENTITY,
    ("aliyun-ecs-fleet", "Instances that will be taken away", "A"): _IDENTITY,
    ("aliyun-ecs-fleet", "Instances that will be taken away", "B"): _IDENTITY,
    ("aliyun-ecs-fleet", "Instances", "A"): _IDENTITY,
    ("aliyun-ecs-fleet", "Alerts that fire", "A"): "instant, and only alerts that fire",
    ("aliyun-ecs-spot", "Notices now", "A"): _IDENTITY,
    ("aliyun-ecs-spot", "Instances that will be taken away", "A"): _IDENTITY,
    ("aliyun-ecs-spot", "Instances that will be taken away", "B"): _IDENTITY,
    ("aliyun-ecs-spot", "Drills", "A"): _IDENTITY,
    ("aliyun-ecs-spot", "Drills", "B"): _IDENTITY,
}

# The alerts that fire within the hour, and for how many instances.
FIRED = {
    "AliyunEcsClockSkew": 1,
    "AliyunEcsEgressHigh": 1,
    "AliyunEcsEgressSaturating": 1,
    "AliyunEcsMetadataDown": 1,
    "AliyunEcsMetadataNormalModeOpen": 1,  # for the job
    "AliyunEcsMetadataStale": 1,
    "AliyunEcsMetadataThrottled": 1,
    "AliyunEcsRamCredentialExpired": 1,
    "AliyunEcsRamCredentialNotRotated": 3,
    "AliyunEcsRamCredentialNotSuccess": 1,
    "AliyunEcsRamRoleDetached": 1,
    "AliyunEcsSpotCapacityReclaimedInZone": 1,  # for the zone
    "AliyunEcsSpotDrill": 1,
    "AliyunEcsSpotStateUnknown": 2,
    "AliyunEcsSpotTerminationKnown": 4,
    "AliyunEcsSpotTerminationScheduled": 4,
}

# Instances in no notice and no drill, of which the crowd has many.
ORDINARY = (6, 7, 8, 9)
COPIES = 15
CROWD_SECONDS = 600

TINY = {
    "title": "Tiny", "uid": "tiny",
    "templating": {"list": [
        {"name": "datasource", "type": "datasource", "query": "prometheus"},
        {"name": "job", "type": "query", "query": "label_values(up, job)", "includeAll": True, "allValue": ".+"},
        {"name": "region", "type": "query", "includeAll": True,
         "query": {"query": 'label_values(aliyun_ecs_instance_info{job=~"$job"}, region_id)'}},
        {"name": "instance", "type": "query", "includeAll": True, "allValue": ".+",
         "query": 'query_result(aliyun_ecs_instance_info{region_id=~"$region"})',
         "regex": '/[{,]instance="(?<value>[^"]+)"/'},
    ]},
    "annotations": {"list": [{"name": "Notices", "expr": "aliyun_ecs_spot_termination_timestamp_seconds"}]},
    "panels": [
        {"type": "timeseries", "title": "Up", "targets": [{"expr": 'up{instance=~"${instance:regex}"}'}]},
        {"type": "row", "title": "$region", "repeat": "region", "panels": [
            {"type": "stat", "title": "In $region", "targets": [
                {"instant": True, "expr": 'count(aliyun_ecs_instance_info{region_id=~"$region"})'},
                {"instant": True, "expr": "sum(rate(aliyun_ecs_metadata_requests_total[$__rate_interval]))"}]}]},
    ],
}


def dashboards():
    """By file, sorted; as JSON."""
    found = {}
    for path in sorted(glob.glob(os.path.join(harness.SOURCE, "dashboards", "*.json"))):
        with open(path, encoding="utf-8") as file:
            found[os.path.basename(path)] = json.load(file)
    return found


def key_of(dashboard, answer):
    return dashboard["uid"], answer.panel["title"], answer.query


def with_query(expression, kind="timeseries"):
    """The tiny dashboard with this query in its first panel."""
    changed = copy.deepcopy(TINY)
    changed["panels"][0]["type"] = kind
    changed["panels"][0]["targets"][0]["expr"] = expression
    return changed


class DashboardQueriesTest(harness.Case):
    @classmethod
    def setUpClass(cls):
        if reason := dashboard_data.missing():
            if os.environ.get("ALIYUN_ECS_SKIP_NOTHING"):
                raise AssertionError(reason)
            raise unittest.SkipTest(reason)
        folder = cls.enterClassContext(tempfile.TemporaryDirectory())
        cls.hour_file = os.path.join(folder, "hour.om")
        dashboard_data.write_hour(cls.hour_file)
        dashboard_data.build(folder, cls.hour_file, dashboard_data.END - dashboard_data.LENGTH)
        newer = os.path.join(folder, "newer")
        shutil.copytree(os.path.join(folder, "data"), os.path.join(newer, "data"))
        cls.hour = cls.enterClassContext(dashboard_data.Prometheus(folder))
        cls.hour_of_newer = cls.enterClassContext(
            dashboard_data.Prometheus(newer, program=alerting.PROMETHEUS_3))

    def test_with_everything_chosen_they_run_and_find_something(self):
        for prometheus, generation in ((self.hour, "2."), (self.hour_of_newer, "3.")):
            self.assertRegex(prometheus.get("status/buildinfo")["version"], "^" + re.escape(generation))
            empty = set()
            for dashboard in self.all():
                page = grafana.Page(dashboard, prometheus)
                page.choose()
                empty |= self.found_nothing(dashboard, page.run())
                self.assertEqual(page.complaints, [], generation)
            self.assertEqual(empty, set(EMPTY), "of these only one side knows that they find nothing")

    def test_with_one_instance_chosen_they_run_and_find_something_for_some(self):
        for dashboard in self.all():
            page = grafana.Page(dashboard, self.hour)
            page.choose()
            answers = []
            for instance in page.options["instance"]:
                page.choose(instance=instance)
                answers += page.run()
            self.assertEqual(page.complaints, [])
            self.assertLessEqual(self.found_nothing(dashboard, answers), set(EMPTY))

    def test_with_one_region_and_zone_chosen_they_run(self):
        for dashboard in self.all():
            page = grafana.Page(dashboard, self.hour)
            page.choose()
            for zone in page.options.get("zone", []):
                page.choose(region=zone.rstrip("abcdefghijklmnopqrstuvwxyz").rstrip("-"), zone=zone)
                page.run()
            self.assertEqual(page.complaints, [])

    def test_in_a_crowd_no_panel_draws_too_much_and_no_page_of_the_fleet_reads_more(self):
        folder = self.enterContext(tempfile.TemporaryDirectory())
        crowd_file = os.path.join(folder, "crowd.om")
        dashboard_data.write_crowd(crowd_file, self.hour_file, ORDINARY, COPIES, CROWD_SECONDS)
        dashboard_data.build(folder, crowd_file, dashboard_data.END - CROWD_SECONDS)
        crowd = self.enterContext(dashboard_data.Prometheus(folder))
        complaints, growing = [], set()
        for dashboard in self.all():
            few, many = collections.Counter(), collections.Counter()
            for prometheus, samples in ((self.hour, few), (crowd, many)):
                page = grafana.Page(dashboard, prometheus, length=CROWD_SECONDS)
                page.choose()
                for answer in page.run():
                    samples[key_of(dashboard, answer)] += answer.samples
                complaints += page.complaints
            if "region" in page.options:
                growing |= {key for key in many if many[key] > 1.5 * few[key] + 10}
        self.assertEqual(complaints, [])
        self.assertEqual(growing, set(READS_EVERY_INSTANCE),
                         "of these only one side knows that they read more in a crowd")

    def ask(self, expression, path="query", **more):
        """What an expression of a dashboard finds at a moment when three instances have a notice."""
        end = dashboard_data.END - 14 * 60
        values = {"job": ".+", "instance": ".+", "region": ".+", "zone": ".+", "__range": "46m",
                  "__interval": "15s", "__rate_interval": "60s"}
        more = more or ({"time": end} if path == "query" else {"start": end - 46 * 60, "end": end, "step": 15})
        return self.hour.get(path, query=grafana.interpolated(expression, values), **more)["result"]

    def target(self, file, title, query):
        (panel,) = [panel for panel in dashboards()[file]["panels"] if panel["title"] == title]
        return panel["targets"]["AB".index(query)]["expr"]

    def test_of_more_notices_than_fit_the_last_are_shown_in_whole_rows(self):
        endings = self.ask("max by (instance) (aliyun_ecs_spot_termination_timestamp_seconds)")
        last = max(endings, key=lambda sample: float(sample["value"][1]))["metric"]["instance"]
        self.assertGreater(len(endings), 1)
        for query in "AB":
            expression = self.target("spot.json", "Notices in the time range", query)
            self.assertIn("topk(50,", expression)
            found = self.ask(expression.replace("topk(50,", "topk(1,"))
            self.assertEqual([sample["metric"]["instance"] for sample in found], [last], query)
        expression = self.target("spot.json", "Time left", "A")
        self.assertIn("k(20,", expression)
        (drawn,) = self.ask(expression.replace("k(20,", "k(1,"), "query_range")
        self.assertEqual(drawn["metric"]["instance"], last)

    def test_the_credentials_that_end_first_are_drawn(self):
        left = self.ask("min_over_time(aliyun_ecs_ram_credential_expiration_timestamp_seconds[46m])")
        first = min(float(sample["value"][1]) for sample in left)
        firsts = {sample["metric"]["instance"] for sample in left if float(sample["value"][1]) == first}
        expression = self.target("instance.json", "Credential: time left", "A")
        (drawn,) = self.ask(expression.replace("k(20,", "k(1,"), "query_range")
        self.assertIn(drawn["metric"]["instance"], firsts)

    def test_the_hour_is_as_it_is_told(self):
        fired = self.hour.get("query", time=dashboard_data.END, query="count by (alertname) ("
                              'last_over_time(ALERTS{alertstate="firing"}[1h]))')["result"]
        self.assertEqual({alert["metric"]["alertname"]: int(alert["value"][1]) for alert in fired}, FIRED)

    def test_the_hour_is_the_same_every_time(self):
        folder = self.enterContext(tempfile.TemporaryDirectory())
        again = os.path.join(folder, "again.om")
        dashboard_data.write_hour(again)
        self.assertTrue(filecmp.cmp(self.hour_file, again, shallow=False))

    def all(self):
        found = list(dashboards().values())
        self.assertTrue(found, "there are no dashboards")
        return found

    @staticmethod
    def found_nothing(dashboard, answers):
        """The keys of queries that gave no number for any repetition of their panel."""
        series = collections.Counter()
        for answer in answers:
            series[key_of(dashboard, answer)] += answer.series
        return {key for key, count in series.items() if count == 0}

    # What follows tests the test.

    def run_tiny(self, dashboard):
        page = grafana.Page(dashboard, self.hour)
        page.choose()
        return page, page.run()

    def test_a_good_dashboard_is_not_complained_about(self):
        page, answers = self.run_tiny(TINY)
        self.assertEqual(page.complaints, [])
        self.assertEqual(page.options["region"], ["ap-southeast-1", "cn-hangzhou", "cn-shanghai"])
        self.assertIn("10.0.0.5:10200", page.options["instance"])
        self.assertEqual(self.found_nothing(TINY, answers), set())
        # The repeated panel has two queries, and there are three regions.
        self.assertEqual(sum(answer.panel["title"] == "In $region" for answer in answers), 6)

    def test_a_broken_query_is_seen(self):
        for broken, why in (("up{", "parse error"), ("up * on (job) up", "many-to-many"),
                            ('"up"', "expression type"), ("up + $there_is_none", "no variable 'there_is_none'")):
            page, _ = self.run_tiny(with_query(broken))
            self.assertEqual(len(page.complaints), 1, broken)
            self.assertIn(why, page.complaints[0])

    def test_an_empty_query_is_seen(self):
        for empty in ("up == 2", "0 * up / 0", 'up{instance="$instance"}'):
            dashboard = with_query(empty)
            page, answers = self.run_tiny(dashboard)
            self.assertEqual(page.complaints, [])
            self.assertEqual(self.found_nothing(dashboard, answers), {("tiny", "Up", "A")})

    def test_too_many_series_are_seen(self):
        many = "aliyun_ecs_metadata_requests_total"
        page, _ = self.run_tiny(with_query(many))
        self.assertEqual(page.complaints, ["Tiny: panel 'Up': draws 120 series"])
        page, _ = self.run_tiny(with_query(many, "table"))
        self.assertEqual(page.complaints, [])

    def test_a_title_of_nothing_is_seen(self):
        for panel in (0, 1):
            dashboard = copy.deepcopy(TINY)
            dashboard["panels"][panel]["title"] = "In $regoin"
            page, _ = self.run_tiny(dashboard)
            self.assertIn("there is no variable 'regoin'", page.complaints[0])

    def test_a_broken_variable_is_seen(self):
        dashboard = copy.deepcopy(TINY)
        dashboard["templating"]["list"][1]["query"] = "label_values(up{, job)"
        dashboard["templating"]["list"][2]["query"] = "label_values(up, there_is_none)"
        page, _ = self.run_tiny(dashboard)
        self.assertIn("parse error", page.complaints[0])
        self.assertIn("Tiny: variable region: nothing to choose", page.complaints)

    def test_variables_are_written_as_grafana_writes_them(self):
        values = {"one": ["a.b:1"], "two": ["a.b", "c"], "all": ".+", "__interval": "15s"}
        for text, written in (('x{i=~"$one"}', r'x{i=~"a\\.b:1"}'),
                              ('x{i=~"${two:regex}"}', r'x{i=~"(a\\.b|c)"}'),
                              ('x{i=~"[[all]]"}[$__interval]', 'x{i=~".+"}[15s]'),
                              ('x{i=~"a$"}', 'x{i=~"a$"}')):
            self.assertEqual(grafana.interpolated(text, values), written)

    def test_rules_are_evaluated_behind_what_they_build_on(self):
        groups = [{"name": "g", "rules": [{"record": "b:c", "expr": "sum(a:b)"}, {"alert": "A", "expr": "b:c"},
                                          {"record": "a:b", "expr": "sum(a)"}]}]
        self.assertEqual([[rule["record"] for group in level for rule in group["rules"]]
                          for level in dashboard_data.levels(groups)], [["a:b"], ["b:c"]])
        groups[0]["rules"].append({"record": "a:b", "expr": "sum(b:c)"})
        with self.assertRaises(ValueError):
            dashboard_data.levels(groups)


if __name__ == "__main__":
    harness.main()
