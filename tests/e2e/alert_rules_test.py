"""alerts/: judged by promtool of two generations and by vmalert, and by rules of our own.

The alerts' unit tests are in alerts/tests. Here they are run, and shown to be able to fail: mutations
of the rules must make them red.
"""

import functools
import glob
import os
import re
import shutil
import subprocess
import tempfile

import yaml

import harness
from metrics_reference import FOREIGN, TARGET, exposed

ALERTS = os.path.join(harness.SOURCE, "alerts")
README = os.path.join(ALERTS, "README.md")
TABLE = re.compile(r"(?<=<!-- alerts: begin -->\n).*(?=<!-- alerts: end -->)", re.DOTALL)
TOOLS = os.path.join(harness.SOURCE, "build", "_tools")
PATHS = [os.environ["PATH"] + os.pathsep + os.path.join(TOOLS, "usr", "bin"),
         os.path.join(TOOLS, "alerts", "usr", "bin")]

RUNBOOKS = "https://runbooks.example/aliyun-ecs/RUNBOOKS.md#"
DASHBOARD = re.compile(r"https://grafana\.example/d/aliyun-ecs-(fleet|instance|spot|exporter)"
                       r"\?var-job=\{\{ \$labels\.job \| urlquery \}\}"
                       r"(&var-instance=\{\{ \$labels\.instance \| urlquery \}\})?")
SEVERITIES = {"critical", "warning", "info", "none", "drill"}
JOB = '{job="aliyun-ecs-exporter"}'

COUNTDOWNS = re.compile(r"_(in|expires_in)_seconds\b")

# What is no metric in an expression.
WORDS = set("""absent and avg by count count_over_time group group_left group_right ignoring increase
    label_replace last_over_time max max_over_time min min_over_time on or predict_linear rate resets
    sum time topk unless without""".split())
LISTS = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right) \(([^)]*)\)")
# Windows that are no number of scrapes do not matter: a subquery evaluates.
WINDOW = re.compile(r"\[(\d+)([smhd])\]")
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}

SPOT_WITHOUT_IDENTITY = """\
          or on (job, instance)
          (
            (
              aliyun_ecs_spot_termination_timestamp_seconds
              or on (job, instance)
              (
                last_over_time(aliyun_ecs_spot_termination_timestamp_seconds[10m]) > time() - 60
                unless on (job, instance) aliyun_ecs_spot_termination_state{state="none"} == 1
              )
            ) > time() - 600
            unless ignoring (state)
            last_over_time(aliyun_ecs_spot_termination_state{state="none"}[10m]) == 1
          )
"""
KNOWN_WITHDRAWN = '''unless ignoring (state)
          last_over_time(aliyun_ecs_spot_termination_state{state="none"}[15m]) == 1
'''
HELD = """\
              or on (job, instance)
              (
                last_over_time(aliyun_ecs_spot_termination_timestamp_seconds[10m]) > time() - 60
"""

OWN_JOB = "monitoring/aliyun-ecs"  # as the Prometheus operator names them

# Two instances with the same address. One is to be taken away and then is down, the other is not.
# With the shipped rules the identity may be that of either. In the latter another program has the address
# of the former's exporter.
CLUSTERS = """
rule_files: [../rules/spot.yml, ../rules/exporter.yml, ../rules/bandwidth.yml, ../rules/fleet.yml]
evaluation_interval: 15s
tests:
  - interval: 15s
    input_series:
      - series: 'up{job="monitoring/aliyun-ecs", instance="a:1", cluster="bj"}'
        values: '1x11 0x40'
      - series: 'up{job="monitoring/aliyun-ecs", instance="a:1", cluster="hz"}'
        values: '1x60'
      - series: 'aliyun_ecs_spot_termination_timestamp_seconds{job="monitoring/aliyun-ecs", instance="a:1", cluster="bj"}'
        values: '300x11 stale'
      - series: 'aliyun_ecs_spot_termination_state{job="monitoring/aliyun-ecs", instance="a:1", cluster="bj", state="none"}'
        values: '0x11 stale'
      - series: 'aliyun_ecs_spot_termination_state{job="monitoring/aliyun-ecs", instance="a:1", cluster="hz", state="none"}'
        values: '1x60'
      - series: 'aliyun_ecs_instance_info{job="monitoring/aliyun-ecs", instance="a:1", cluster="bj", instance_id="i-bj"}'
        values: '1x11 stale'
      - series: 'aliyun_ecs_instance_info{job="monitoring/aliyun-ecs", instance="a:1", cluster="hz", instance_id="i-hz"}'
        values: '1x60'
      - series: 'aliyun_ecs_metadata_up{job="monitoring/aliyun-ecs", instance="a:1", cluster="bj"}'
        values: '1x11 stale'
      - series: 'aliyun_ecs_metadata_up{job="monitoring/aliyun-ecs", instance="a:1", cluster="hz"}'
        values: '0x60'
      - series: 'aliyun_ecs_exporter_build_info{job="monitoring/aliyun-ecs", instance="a:1", cluster="bj", version="1"}'
        values: '1x11 stale'
      - series: 'scrape_duration_seconds{job="monitoring/aliyun-ecs", instance="a:1", cluster="bj"}'
        values: '0.01x60'
      - series: 'scrape_duration_seconds{job="monitoring/aliyun-ecs", instance="a:1", cluster="hz"}'
        values: '9x60'
      - series: 'aliyun_ecs_instance_max_netbw_egress_bytes_per_second{job="monitoring/aliyun-ecs", instance="a:1", cluster="bj"}'
        values: '1000x60'
      - series: 'aliyun_ecs_instance_max_netbw_egress_bytes_per_second{job="monitoring/aliyun-ecs", instance="a:1", cluster="hz"}'
        values: '1000x60'
      - series: 'node_network_transmit_bytes_total{job="node", instance="a:2", cluster="bj", device="eth0"}'
        values: '0+7500x60'
      - series: 'node_network_transmit_bytes_total{job="node", instance="a:2", cluster="hz", device="eth0"}'
        values: '0+1500x60'
    promql_expr_test:
      - eval_time: 2m
        expr: count by (cluster, instance_id) (ALERTS{alertname="AliyunEcsSpotTerminationScheduled"})
        exp_samples: [{labels: '{cluster="bj", instance_id="i-bj"}', value: 1}]
      - eval_time: 10m
        expr: count by (cluster) (ALERTS{alertname="AliyunEcsSpotTerminationKnown"})
        exp_samples: [{labels: '{cluster="bj"}', value: 1}]
      - eval_time: 10m
        expr: ALERTS{alertname=~"AliyunEcsExporter.*"}
        exp_samples: []
      - eval_time: 10m
        expr: sum by (cluster) (round(instance:aliyun_ecs_egress_utilization:ratio_rate5m, 0.001))
        exp_samples: [{labels: '{cluster="bj"}', value: 0.5}, {labels: '{cluster="hz"}', value: 0.1}]
      - eval_time: 2m
        expr: sum by (cluster) (job_region_zone:aliyun_ecs_metadata_up:sum)
        exp_samples: [{labels: '{cluster="bj"}', value: 1}, {labels: '{cluster="hz"}', value: 0}]
      - eval_time: 2m
        expr: sum by (cluster) (job:aliyun_ecs_scrape_duration_seconds:max)
        exp_samples: [{labels: '{cluster="bj"}', value: 0.01}]
"""

# File, what is there, what a mistake would make of it, and the test group that must see it.
MUTATIONS = [
    ("spot_long", "> time() - 60\n", "\n", "a page ends a minute past the end of the instance, which stays known for 15"),
    ("spot_long", "> time() - 600", "> time() + 60",
     "a notice whose time is ten minutes past is over, whatever still shows it"),
    ("spot", SPOT_WITHOUT_IDENTITY, "",
     "a notice fires where the identity is unknown, and gets it when it is known"),
    ("spot", SPOT_WITHOUT_IDENTITY, SPOT_WITHOUT_IDENTITY.replace(" on (job, instance)", "", 1),
     "a notice fires with the identity at the first evaluation after its scrape"),
    ("spot", "topk by (job, instance) (1, last_over_time(aliyun_ecs_instance_info[10m]))",
     "last_over_time(aliyun_ecs_instance_info[10m])",
     "one instance with two identities does not silence the others"),
    ("spot", "last_over_time(aliyun_ecs_instance_info[10m])", "aliyun_ecs_instance_info",
     "a restart of the exporter changes nothing"),
    ("spot", "last_over_time(aliyun_ecs_spot_termination_timestamp_seconds[10m])",
     "aliyun_ecs_spot_termination_timestamp_seconds", "a restart of the exporter changes nothing"),
    ("spot_long", "last_over_time(aliyun_ecs_spot_termination_timestamp_seconds[10m])",
     "last_over_time(aliyun_ecs_spot_termination_timestamp_seconds[4m])",
     "a target that is drained away pages until its instance is gone"),
    ("spot", 'last_over_time(aliyun_ecs_spot_termination_state{state="none"}[10m]) == 1',
     'aliyun_ecs_spot_termination_state{state="none"} == 1',
     "a withdrawn notice stays so when the target goes"),
    ("spot", 'last_over_time(aliyun_ecs_spot_termination_state{state="none"}[10m]) == 1',
     'max_over_time(aliyun_ecs_spot_termination_state{state="none"}[10m]) == 1',
     "a notice fires with the identity at the first evaluation after its scrape"),
    ("spot", "instance_id, instance_name, instance_type, zone_id", "instance_id, instance_type, zone_id",
     "a notice fires with the identity at the first evaluation after its scrape"),
    ("spot", 'last_over_time(aliyun_ecs_spot_termination_state{state="none"}[15m]) == 1',
     'aliyun_ecs_spot_termination_state{state="none"} == 1',
     "a withdrawn notice stays so when the target goes"),
    ("spot", 'last_over_time(aliyun_ecs_spot_termination_state{state="none"}[15m]) == 1',
     'max_over_time(aliyun_ecs_spot_termination_state{state="none"}[15m]) == 1',
     "a notice fires with the identity at the first evaluation after its scrape"),
    ("spot_long", "last_over_time(aliyun_ecs_spot_termination_timestamp_seconds[15m])",
     "aliyun_ecs_spot_termination_timestamp_seconds",
     "a page ends a minute past the end of the instance, which stays known for 15"),
    ("spot_long", "last_over_time(aliyun_ecs_spot_termination_timestamp_seconds[15m])",
     "last_over_time(aliyun_ecs_spot_termination_timestamp_seconds[20m])",
     "a page ends a minute past the end of the instance, which stays known for 15"),
    ("spot", "aliyun_ecs_spot_drill_timestamp_seconds > time() - 60",
     "aliyun_ecs_spot_drill_timestamp_seconds > time() - 600",
     "a drill that was ended is over, and so is one whose time is a minute past"),
    ("spot", "severity: drill", "severity: critical", "a drill fires as a drill and nothing else"),
    ("spot", "unless ignoring (state)\n            last", "unless on (job, instance)\n            last",
     "a notice soon after a roll-out stands, whatever the old pod said"),
    ("spot", "unless ignoring (state)\n            last", "unless on (job, instance)\n            last",
     "a notice stands where another cluster has the same address"),
    ("spot", KNOWN_WITHDRAWN, KNOWN_WITHDRAWN.replace("ignoring (state)", "on (job, instance)"),
     "a notice soon after a roll-out stands, whatever the old pod said"),
    ("spot", HELD, HELD.replace(" on (job, instance)", ""),
     "another pod during a notice is one page at a time, over the gap too"),
    ("spot", 'unless on (job, instance) aliyun_ecs_spot_termination_state{state="none"} == 1', "",
     "another machine under another label of the target has no notice"),
    ("spot", 'unless on (job, instance)\n          aliyun_ecs_spot_termination_state{state="none"} == 1', "",
     "another machine under another label of the target has no notice"),
    ("spot", "max without (instance_id, instance_name, instance_type, zone_id) (\n            (", "((",
     "a target that is there twice silences no notice, drill or unknown state"),
    ("spot", "max without (instance_id, instance_name, instance_type, zone_id) (\n            aliyun", "(aliyun",
     "a target that is there twice silences no notice, drill or unknown state"),
    ("spot", "max without (state, instance_id, instance_name, instance_type, zone_id)", "max without (state)",
     "a target that is there twice silences no notice, drill or unknown state"),
    ("spot_long", "max without (state, instance_id, instance_name, instance_type, zone_id) (", "(",
     "a state that is unknown for three minutes fires"),
    ("spot_long", 'state="unknown"', 'state="scheduled"', "a state that is unknown for three minutes fires"),
    ("spot_fleet", ">= 3)", ">= 2)", "two notices are silent however few instances there are"),
    ("spot_fleet", ">= 3)", ">= 4)", "three notices of thirty fire"),
    ("spot_fleet", ">= 0.1", ">= 0.09", "three notices of thirty-one are less than a tenth"),
    ("spot_fleet", ">= 0.1", "> 0.1", "three notices of thirty fire"),
    ("spot_fleet", "last_over_time(instance:aliyun_ecs_spot_termination_timestamp_seconds:identified[15m])",
     "instance:aliyun_ecs_spot_termination_timestamp_seconds:identified",
     "three notices of ten in a zone fire, also when the targets are gone"),
    ("spot_fleet", "identified[15m]", "identified[1h]",
     "three notices within an hour, but not at once, are silent"),
    ("spot_fleet", "identified[1d]", "identified[30m]",
     "three notices of ten in a zone fire, also when the targets are gone"),
    ("spot_fleet", """\
            count by (job, region_id, zone_id, instance_type, instance_id) (
              last""", """\
            (
              last""", "an instance is counted once, whatever pods and replicas it was scraped by"),
    ("spot_fleet", "count by (job, region_id, zone_id, instance_type, instance_id) (aliyun", "(aliyun",
     "an instance is counted once, whatever pods and replicas it was scraped by"),
    ("spot_fleet", "max without (instance_id, instance_type, region_id, zone_id)", "",
     "a target that is there twice breaks no record of a notice"),
    ("credentials", "< 1500", "<= 1800", "the usual rotation, 30 minutes before the end, is silent"),
    ("credentials", "< 1500", "< 1200",
     "a credential that is not renewed fires at 25 minutes, and as expired at its end"),
    ("credentials", "- time() > 0", "- time() > -600",
     "a credential that is not renewed fires at 25 minutes, and as expired at its end"),
    ("credentials", ">= 0\n", "> 60\n",
     "a credential that is not renewed fires at 25 minutes, and as expired at its end"),
    ("credentials", "max_over_time(aliyun_ecs_ram_role_attached[1h]) == 1",
     "max_over_time(aliyun_ecs_ram_role_attached[1h]) >= 0", "no role, no alert"),
    ("credentials", "max_over_time(aliyun_ecs_ram_role_attached[1h])",
     "max_over_time(aliyun_ecs_ram_role_attached[5m])",
     "a role detached while the exporter was away fires, also without identity"),
    ("credentials", "> 1\n", "> 2\n",
     "a new machine without a role at the address of an old one with a role is silent"),
    ("metadata", "> 2 * (", "> 200 * (", "data of a class that are not read any more fire"),
    ("metadata", "> 2 * (", "> 1 * (",
     "an hourly class fires after twice its interval and five minutes"),
    ("metadata", "seconds > 0) + 60", "seconds >= 0) + 60",
     "a class that is off, or was never read, is not stale"),
    ("metadata", "time() - (aliyun_ecs_metadata_last_success_timestamp_seconds > 0)",
     "time() - aliyun_ecs_metadata_last_success_timestamp_seconds",
     "a class that is off, or was never read, is not stale"),
    ("metadata", "count without (refresh) (", "(", "classes never read for five minutes are one alert"),
    ("metadata", 'or on (job, instance)\n          count without (state) (aliyun_ecs_metadata_items'
     '{state="unread"} > 0)', "", "an item never read fires where its class was read"),
    ("metadata", "count by (job) (aliyun_ecs_metadata_normal_mode_open == 1)",
     "aliyun_ecs_metadata_normal_mode_open == 1",
     "instances in normal mode are one alert for each job"),
    ("metadata", "throttled_total[15m]", "throttled_total[9m]",
     "one refusal after each pause of ten minutes is throttling all the time"),
    ("metadata", "throttled_total[15m]", "throttled_total[20m]", "one burst of throttling is silent"),
    ("metadata", "< -5", "< -50", "a clock that is ahead, or behind, for ten minutes fires"),
    ("metadata", "seconds > 5\n", "seconds >= 5\n",
     "a clock that is a little wrong, or only for a while, is silent"),
    ("exporter", 'up{job="aliyun-ecs-exporter"} == 0\n', "up == 0\n", "the target of another job is none of ours"),
    ("exporter", "last_over_time(aliyun_ecs_spot_termination_timestamp_seconds[15m])",
     "aliyun_ecs_spot_termination_timestamp_seconds",
     "an instance whose end was announced is not down for 15 minutes"),
    ("exporter", 'last_over_time(aliyun_ecs_spot_termination_state{state="none"}[15m]) == 1',
     'last_over_time(aliyun_ecs_spot_termination_state{state="none"}[15m]) == 2',
     "an exporter whose notice was withdrawn is down when it is"),
    ("exporter", "unless ignoring (state)", "unless on (job, instance)",
     "an announced end is known, whatever the old pod said before a roll-out"),
    ("exporter", """\
          or
          up{job="aliyun-ecs-exporter"} == 0
          and ignoring (state)
          last_over_time(aliyun_ecs_spot_termination_state{state="none"}[15m]) == 1
""", "", "another machine under another label of the target is down when it is"),
    ("exporter", 'absent(up{job="aliyun-ecs-exporter"})', "absent(up)", "a job that was never configured fires"),
    ("exporter", "[1h])) == 0", "[1h])) >= 0",
     "a job is absent though the end of some of its targets was announced"),
    ("exporter", ':count{job="aliyun-ecs-exporter"}[1h]', ':count{job="aliyun-ecs-exporter"}[5m]',
     "a job whose last targets went as announced is not absent for an hour"),
    ("exporter", "timestamp_seconds[1h])", "timestamp_seconds[5m])",
     "a job whose last targets went as announced is not absent for an hour"),
    ("exporter", """\
              unless ignoring (state)
              last_over_time(aliyun_ecs_spot_termination_state{state="none"}[1h]) == 1""", "",
     "a job is absent where the notice of its last target was withdrawn"),
    ("exporter", """\
          or
          0 * count by (job)""", """\
          and
          0 * count by (job)""", "a job whose last targets went as announced is not absent for an hour"),
    ("exporter", ">= 3)", ">= 2)", "two that do not answer are not many, nor are three of thirteen"),
    ("exporter", ">= 0.25", ">= 0.23", "two that do not answer are not many, nor are three of thirteen"),
    ("exporter", ">= 3)", ">= 1)", "many whose end was announced are not many down"),
    ("exporter", "> 2\n", "> 1\n",
     "two restarts are silent, also when scraped once a minute, and so are those of others"),
    ("exporter", "[10m]) > 2", "[10m]) > 0", "one failure, or none, is silent, and so is a restart of the exporter"),
    ("bandwidth", "> 0.8\n", "> 0.79\n", "outbound traffic of 80 % is silent, and what passes twice counts once"),
    ("bandwidth", "eth[0-9]+|", "eth.+|",
     "outbound traffic of 80 % is silent, and what passes twice counts once"),
    ("bandwidth", 'device=~"eth', 'device=~"br.*|eth',
     "inbound traffic of 80 % is silent, and what passes twice counts once"),
    ("bandwidth", "eth[0-9]+|", "eth[0-9]|",
     "outbound traffic above 80 % for ten minutes fires, summed over the interfaces"),
    ("bandwidth", "en[opsx]", "en[op]",
     "inbound traffic above 80 % for ten minutes fires, summed over the interfaces"),
    ("bandwidth", "sum by (job, instance, host)", "max by (job, instance, host)",
     "inbound traffic above 80 % for ten minutes fires, summed over the interfaces"),
    ("bandwidth", "            max by (host) (", "            sum by (host) (",
     "two jobs for node_exporter, and two for ours, do not count twice"),
    ("bandwidth", "(\\\\[.*\\\\]|[^:]*)(:[0-9]+)?|(.*)", "(.*?)(:[0-9]+)?()",
     "hosts are told apart by name, address and IPv6 address, with and without a port"),
    ("bandwidth", "bytes_per_second > 0", "bytes_per_second >= 0",
     "without a limit of outbound traffic, or with none of its hosts, there is no alert"),
    ("bandwidth", "> 0.5\n", "> 0.2\n",
     "a step of inbound traffic, or a slope below half of the limit, is silent"),
    ("bandwidth", ", 3600) > 1", ", 3600) > 0.5", "falling outbound traffic is silent"),
    ("bandwidth", "[15m], 3600)", "[30m], 3600)",
     "a step of outbound traffic, or a slope below half of the limit, is silent"),
    ("changes", "* on (job, instance, instance_id)", "* on (job, instance)",
     "a new machine at the address of an old one is no change"),
    ("changes", "[3h:5m]", "[1h:5m]", "another type after a stop of half an hour fires for three hours"),
    ("changes", 'aliyun_ecs_instance_info{instance_type!=""}', "aliyun_ecs_instance_info",
     "a type that could not be read is no change"),
    ("changes", "              unless on (job, instance, instance_id, instance_type) aliyun_ecs_instance_info,",
     "              ,", "a restart, a lost scrape and another name are no change"),
    ("changes", "> 1\n", "> 2\n", "another type after a stop of half an hour fires for three hours"),
    ("changes", "instance_id, instance_type) (\n              last_over_time", "instance_type) (\n              last_over_time",
     "new limits that are known before the new identity are silent"),
    ("fleet", "topk by (job, instance) (1, aliyun_ecs_instance_info)", "aliyun_ecs_instance_info",
     "what instances say is summed by region and zone"),
    ("fleet", "min by (job, instance) (aliyun_ecs_metadata_up)", "aliyun_ecs_metadata_up",
     "a target that is there twice counts once and breaks no sum"),
    ("fleet", "min by (job, instance) (aliyun_ecs_metadata_up)", "max by (job, instance) (aliyun_ecs_metadata_up)",
     "a target that is there twice counts once and breaks no sum"),
    ("fleet", "max by (job, instance) (aliyun_ecs_metadata_normal_mode_open)", "aliyun_ecs_metadata_normal_mode_open",
     "a target that is there twice counts once and breaks no sum"),
    ("fleet", "max by (job, instance, state) (aliyun_ecs_spot_termination_state)", "aliyun_ecs_spot_termination_state",
     "a target that is there twice counts once and breaks no sum"),
    ("fleet", "max by (job, instance, change) (", "(",
     "a target that is there twice counts once and breaks no sum"),
    ("fleet", "max by (job, instance, role, left) (", "(",
     "a target that is there twice counts once and breaks no sum"),
    ("fleet", "seconds > 0) + 60", "seconds > 0)", "what instances say is summed by region and zone"),
    ("fleet", "          or\n          0 * count by (job, region_id, zone_id) "
     "(instance:aliyun_ecs_instance_info:identified)\n", "", "what instances say is summed by region and zone"),
    ("fleet", "up and on (job)", "up and on (job, instance)", "what instances say is summed by region and zone"),
    ("fleet", "[1h]", "[5m]", "a job whose exporters are all gone is counted for an hour"),
    ("fleet", "> 0 < 1500", "> 0 < 1800", "a credential is counted by the time it has left"),
    ("fleet", ">= 1500 < 3600", ">= 1500 <= 3600", "a credential is counted by the time it has left"),
    ("fleet", " and on (job, instance) aliyun_ecs_exporter_build_info", "",
     "what exporters do is summed by job, and other programs are left out"),
]


@functools.cache
def parse(text):
    return yaml.load(text, yaml.CSafeLoader)


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


@functools.cache
def shipped(folder):
    """The text of every file, by its name without what all have in common."""
    end = {"rules": ".yml", "tests": "_test.yml"}[folder]
    paths = sorted(glob.glob(os.path.join(ALERTS, folder, "*" + end)))
    return {os.path.basename(path).removesuffix(end): read(path) for path in paths}


def groups_of(files):
    return [(name, group) for name, text in files.items() for group in parse(text)["groups"]]


def rules_of(files):
    return [(name, rule) for name, group in groups_of(files) for rule in group["rules"]]


def alerts_of(files):
    return {rule["alert"]: (name, rule) for name, rule in rules_of(files) if "alert" in rule}


def cases_of(tests):
    """For each alert, what each test group that asks for it expects."""
    cases = {}
    for text in tests.values():
        for group in parse(text)["tests"]:
            for asked in group.get("alert_rule_test", []):
                cases.setdefault(asked["alertname"], {}).setdefault(group["name"], []).append(
                    asked["exp_alerts"])
    return cases


def rules_of_test(test):
    (path,) = parse(shipped("tests")[test])["rule_files"]
    return os.path.basename(path).removesuffix(".yml")


def seconds(duration):
    number, unit = re.fullmatch(r"(\d+)([smhd])", duration).groups()
    return int(number) * SECONDS[unit]


def expression_problems(rule, recorded):
    """Names of metrics and labels that nothing has, and windows that hold too few scrapes."""
    known = {**exposed(), **FOREIGN}
    expression = rule["expr"]
    problems = []
    made = set(re.findall(r'"(\w+)", "\$[\d$]+", "\w+"|"(\w+)", "\w+", "", ""', expression))
    labels = TARGET | {label for pair in made for label in pair if label}
    bare = re.sub(r'"(?:[^"\\]|\\.)*"', '""', expression)
    without_lists = re.sub(LISTS.pattern + r"|\[[^\]]*\]", "", bare)
    for metric, matchers in re.findall(r"([a-zA-Z_:][\w:]*)(?:\{([^}]*)\})?", without_lists):
        if metric in WORDS:
            continue
        if metric in recorded:
            labels |= recorded[metric]
            continue
        if metric not in known:
            problems.append(f"no metric {metric}")
            continue
        if COUNTDOWNS.search(metric):
            problems.append(f"{metric} is a countdown")
        labels |= known[metric]
        for label in re.findall(r'(\w+)(?:=|!=|=~|!~)"', matchers):
            if label not in TARGET | known[metric]:
                problems.append(f"{metric} has no label {label}")
    for listed in LISTS.findall(expression):
        for label in re.findall(r"\w+", listed):
            if label not in labels:
                problems.append(f"no label {label}")
    for number, unit in WINDOW.findall(expression):
        if int(number) * SECONDS[unit] < 300:
            problems.append(f"window of {number}{unit}")
    if "absent(" in expression and seconds(rule.get("for", "0s")) < 120:
        problems.append("absent() for less than two scrapes")
    return problems


def alert_problems(name, rule, cases):
    """What an alert must have beside its expression."""
    problems = []
    annotations = rule.get("annotations", {})
    if set(annotations) != {"summary", "description", "runbook_url", "dashboard_url"}:
        problems.append(f"annotations {sorted(annotations)}")
    if set(rule.get("labels", {})) != {"severity"} or rule["labels"]["severity"] not in SEVERITIES:
        problems.append(f"labels {rule.get('labels')}")
    if annotations.get("runbook_url") != RUNBOOKS + name.lower():
        problems.append("runbook_url")
    if not DASHBOARD.fullmatch(annotations.get("dashboard_url", "")):
        problems.append("dashboard_url")
    if not re.fullmatch(r"AliyunEcs[A-Z]\w+", name):
        problems.append("name")
    if "keep_firing_for" in rule:
        problems.append("keep_firing_for, which vmalert 1.79 does not know")
    of_groups = cases.get(name, {})
    fired = [alert for group in of_groups.values() for alerts in group for alert in alerts]
    silent = [group for group in of_groups.values() if [] in group]
    if not fired:
        problems.append("no case in which it fires")
    if len(silent) < 2:
        problems.append("fewer than two cases in which it is silent")
    labels = {label for alert in fired for label in alert["exp_labels"]}
    for label in re.findall(r"\$labels\.(\w+)", "".join(annotations.values())):
        if label not in labels:
            problems.append(f"no alert has the label {label}")
    return problems


def problems_of(files, tests):
    recorded = {rule["record"]: set(re.findall(r"\w+", " ".join(
        re.findall(r"\b(?:by|group_left) \(([^)]*)\)", rule["expr"]))))
        for _, rule in rules_of(files) if "record" in rule}
    cases = cases_of(tests)
    problems = []
    names = [group["name"] for _, group in groups_of(files)]
    names += [rule.get("alert") or rule["record"] for _, rule in rules_of(files)]
    problems += [f"{name} twice" for name in set(names) if names.count(name) > 1]
    for _, group in groups_of(files):
        if seconds(group.get("interval", "1m")) > 60:
            problems.append(f"{group['name']}: interval {group['interval']}")
    for file, rule in rules_of(files):
        name = rule.get("alert") or rule["record"]
        found = expression_problems(rule, recorded)
        if "alert" in rule:
            found += alert_problems(name, rule, cases)
        elif not re.fullmatch(r"[a-z_]+:aliyun_ecs_\w+:[a-z0-9_]+", name):
            found.append("not level:metric:operations")
        if 'job="' in rule["expr"] and file != "exporter":
            found.append("names the job")
        if 'job="' in rule["expr"].replace(JOB, ""):
            found.append("names the job in another way")
        problems += [f"{name}: {problem}" for problem in found]
    return sorted(problems)


def table():
    """What README.md has between its marks."""
    cases = cases_of(shipped("tests"))
    lines = ["| alert | severity | for | file | cases |", "|---|---|---|---|---|"]
    for name, (file, rule) in alerts_of(shipped("rules")).items():
        lines.append(f"| `{name}` | {rule['labels']['severity']} | {rule.get('for', '-')} "
                     f"| {file}.yml | {len(cases[name])} |")
    total = sum(len(groups) for groups in cases.values())
    lines.append(f"| {len(lines) - 2} alerts | | | | {total} |")
    return "\n".join(lines) + "\n"


class Case(harness.Case):
    def tool(self, name, path):
        found = shutil.which(name, path=path)
        if not found:
            self.skip_or_fail(f"no {name} in {path}; tests/run.sh gets it")
        return found

    def promtools(self):
        """Of Prometheus 2 and of Prometheus 3."""
        tools = [self.tool("promtool", path) for path in PATHS]
        for tool, generation in zip(tools, ("2.", "3.")):
            said = self.run_tool(tool, "--version")
            self.assertRegex(said.stdout, rf"promtool, version {re.escape(generation)}")
        return tools

    def run_tool(self, *argv):
        # Their work is short: collecting garbage less often saves a fifth of it.
        return subprocess.run(argv, capture_output=True, text=True, check=False,
                              timeout=10 * harness.DEADLINE, env=harness.environment(GOGC="400"))

    def copies(self, rules, tests):
        """A folder with these files, as alerts/ has them."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        for kind, files, end in (("rules", rules, ".yml"), ("tests", tests, "_test.yml")):
            os.mkdir(os.path.join(folder.name, kind))
            for name, text in files.items():
                with open(os.path.join(folder.name, kind, name + end), "w", encoding="utf-8") as file:
                    file.write(text)
        return folder.name

    def run_copy(self, promtool, test, rules_text, groups):
        """Only these test groups, which Prometheus 2's promtool cannot."""
        text = shipped("tests")[test]
        folder = self.copies({rules_of_test(test): rules_text}, {test: text})
        done = self.run_tool(promtool, "test", "rules", *(f"--run=^{name}$" for name in groups),
                             os.path.join(folder, "tests", test + "_test.yml"))
        return done.stdout + done.stderr

    def change(self, text, old, new):
        self.assertIn(old, text)
        return text.replace(old, new)


class ToolsTest(Case):
    def test_promtool_accepts_the_rules_without_a_word(self):
        paths = glob.glob(os.path.join(ALERTS, "rules", "*.yml"))
        for promtool in self.promtools():
            done = self.run_tool(promtool, "check", "rules", "--lint=all", "--lint-fatal", *paths)
            self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)
            lines = [line for line in done.stdout.split("\n") if line]
            self.assertEqual(len(lines), 2 * len(paths))
            for line in lines:
                self.assertRegex(line, r"^(Checking .*|  SUCCESS: \d+ rules found)$")

    def test_every_unit_test_passes(self):
        paths = glob.glob(os.path.join(ALERTS, "tests", "*_test.yml"))
        for promtool in self.promtools():
            done = self.run_tool(promtool, "test", "rules", *paths)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            self.assertEqual(done.stdout.count("SUCCESS"), len(paths))

    def run_vmalert(self, folder):
        return self.run_tool(self.tool("vmalert", PATHS[1]), "-dryRun", "-loggerLevel=WARN",
                             "-rule=" + os.path.join(folder, "rules", "*.yml"))

    def test_vmalert_accepts_the_rules_without_a_word(self):
        done = self.run_vmalert(ALERTS)
        self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""))

    def test_they_refuse_broken_copies(self):
        text = shipped("rules")["spot"]
        for old, new in [("> time() - 600\n", "> time() - 600)\n"), ("severity: none", "severity"),
                         ("| humanizeTimestamp", "| humanizeTime"), ("interval: 5s", "interval: 5x")]:
            folder = self.copies({"spot": self.change(text, old, new)}, {})
            path = os.path.join(folder, "rules", "spot.yml")
            for promtool in self.promtools():
                self.assertNotEqual(self.run_tool(promtool, "check", "rules", path).returncode, 0, new)
            self.assertNotEqual(self.run_vmalert(folder).returncode, 0, new)

    def test_promtool_wants_exactly_the_labels_and_annotations_of_the_tests(self):
        promtool = self.promtools()[1]
        rules = shipped("rules")
        for old, new in [("severity: critical", "severity: page"), ("drain the instance now", "drain it")]:
            name = "a notice fires with the identity at the first evaluation after its scrape"
            said = self.run_copy(promtool, "spot", self.change(rules["spot"], old, new), [name])
            self.assertIn("FAILED", said)

    def test_every_file_of_rules_has_tests(self):
        self.assertEqual(set(map(rules_of_test, shipped("tests"))), set(shipped("rules")))


class QualityTest(Case):
    def test_nothing_is_wrong_with_the_rules(self):
        self.assertEqual(problems_of(shipped("rules"), shipped("tests")), [])

    def test_there_are_enough(self):
        self.assertGreaterEqual(len(alerts_of(shipped("rules"))), 14)
        self.assertGreaterEqual(len(exposed()), 40)

    def test_broken_copies_are_found(self):
        rules, tests = shipped("rules"), shipped("tests")
        metric = "aliyun_ecs_spot_termination_timestamp_seconds"
        for file, old, new in [
                ("spot", metric, "aliyun_ecs_spot_termination_timestamp"),
                ("spot", metric, "aliyun_ecs_spot_termination_in_seconds"),
                ("spot", "group_left (instance_id", "group_left (instance"[:-1] + "_ids"),
                ("spot", 'state="unknown"', 'status="unknown"'),
                ("spot", "runbook_url: https", "runbook: https"),
                ("spot", "#aliyunecsspotdrill", "#AliyunEcsSpotDrill"),
                ("spot", "/aliyun-ecs-instance?", "/aliyun-ecs-instances?"),
                ("spot", "severity: drill", "severity: page"),
                ("spot", "severity: drill", "severity: drill\n          team: a"),
                ("spot", "$labels.instance_name", "$labels.name"),
                ("spot", "interval: 5s", "interval: 2m"),
                ("spot", "name: aliyun_ecs_spot_fleet", "name: aliyun_ecs_spot_notice"),
                ("spot", "alert: AliyunEcsSpotDrill", "alert: AliyunEcsSpotTerminationKnown"),
                ("spot", "alert: AliyunEcsSpotDrill", "alert: AliyunEcsSpotDrills"),
                ("spot", "        for: 3m", "        for: 3m\n        keep_firing_for: 3m"),
                ("spot", "instance:aliyun_ecs_spot_termination", "aliyun_ecs_spot_termination"),
                ("exporter", "        for: 5m\n", "        for: 1m\n"),
                ("exporter", '{job="aliyun-ecs-exporter"}', '{job="aliyun-ecs"}'),
                ("metadata", "throttled_total[15m]", "throttled_total[1m]"),
                ("metadata", "aliyun_ecs_metadata_up ==", 'aliyun_ecs_metadata_up{job="a"} ==')]:
            broken = {**rules, file: self.change(rules[file], old, new)}
            self.assertNotEqual(problems_of(broken, tests), [], new)
        for old, new in [("alertname: AliyunEcsClockSkew", "alertname: AliyunEcsClock"),
                         ("exp_alerts: []", "exp_alerts: [{exp_labels: {}}]")]:
            broken = {**tests, "metadata": self.change(tests["metadata"], old, new)}
            self.assertNotEqual(problems_of(rules, broken), [], new)

    def test_every_test_group_has_a_name_of_its_own(self):
        for test, text in shipped("tests").items():
            names = [group["name"] for group in parse(text)["tests"]]
            self.assertEqual(len(names), len(set(names)), test)
            for name in names:  # no pattern, for --run
                self.assertRegex(name, r"^[\w ,'%-]+$")

    def test_the_readme_has_the_table(self):
        readme = read(README)
        if os.environ.get("UPDATE_GOLDEN"):
            readme = TABLE.sub(lambda _: table(), readme)
            with open(README, "w", encoding="utf-8") as file:
                file.write(readme)
        self.assertEqual(TABLE.findall(readme), [table()],
                         "if that is meant, run again with UPDATE_GOLDEN=1")

    def readme_commands(self, rules):
        """Runs the commands of README.md that change the rules, on a copy; returns what they make."""
        folder = os.path.join(self.copies(rules, {}), "rules")
        commands = re.findall(r"^    (sed .*)$", read(README), re.MULTILINE)
        self.assertEqual(len(commands), 4)
        for command in commands:
            done = self.run_tool("bash", "-c", f"cd {folder} && {command.replace('NAME', OWN_JOB)}")
            self.assertEqual((done.returncode, done.stderr), (0, ""))
        return {name: read(os.path.join(folder, name + ".yml")) for name in rules}

    def test_the_readme_puts_every_name_of_ones_own_in(self):
        changed = self.readme_commands(shipped("rules"))
        for text in changed.values():
            for placeholder in ('aliyun-ecs-exporter"', "runbooks.example", "grafana.example"):
                self.assertNotIn(placeholder, text)
            if "- alert:" in text:
                self.assertIn("https://wiki.your.org/aliyun-ecs/RUNBOOKS.md#", text)
                self.assertIn("https://grafana.your.org/d/aliyun-ecs-", text)
        self.assertIn(f'up{{job="{OWN_JOB}"}} == 0', changed["exporter"])

    def test_the_readme_tells_of_every_recorded_series(self):
        told = set()
        for line in re.findall(r"^\| (`[a-z_]+:.*?) \|", read(README), re.MULTILINE):
            names = re.findall(r"`([^`]+)`", line)  # `a:b:c`, or `…:d` after that
            told |= {name.replace("…", names[0].rsplit(":", 1)[0]) for name in names}
        self.assertEqual(told, {rule["record"] for _, rule in rules_of(shipped("rules")) if "record" in rule})

    def test_the_readme_tells_clusters_with_the_same_addresses_apart(self):
        changed = self.readme_commands(shipped("rules"))
        for text in changed.values():
            self.assertNotRegex(text, r"\b(on|by) \((job|host)")
        for promtool in self.promtools():
            for rules, end in ((changed, "SUCCESS"), (shipped("rules"), "FAILED")):
                folder = self.copies(rules, {"clusters": CLUSTERS})
                paths = glob.glob(os.path.join(folder, "rules", "*.yml"))
                done = self.run_tool(promtool, "check", "rules", "--lint=all", "--lint-fatal", *paths)
                self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)
                done = self.run_tool(promtool, "test", "rules",
                                     os.path.join(folder, "tests", "clusters_test.yml"))
                self.assertIn(end, done.stdout + done.stderr)


class MutationTest(Case):
    def test_each_mistake_is_seen(self):
        promtool = self.promtools()[1]
        for test, old, new, group in MUTATIONS:
            with self.subTest(f"{test}: {old} -> {new}"):
                text = self.change(shipped("rules")[rules_of_test(test)], old, new)
                said = self.run_copy(promtool, test, text, [group])
                self.assertIn("FAILED", said)
                self.assertNotIn("parse error", said)

    def test_each_delay_is_seen(self):
        """Half of it makes a silent case fire, and twice as much makes a firing one silent."""
        promtool = self.promtools()[1]
        rules = shipped("rules")
        for test, text in shipped("tests").items():
            file = rules_of_test(test)
            delayed = {name for name, (of, rule) in alerts_of(rules).items()
                       if of == file and "for" in rule} & set(cases_of({test: text}))
            names = [group["name"] for group in parse(text)["tests"]
                     if any(asked["alertname"] in delayed for asked in group.get("alert_rule_test", []))]
            for factor in (0.5, 2):
                mutated = re.sub(r"(?m)^        for: (\w+)$", lambda found, factor=factor:
                                 f"        for: {int(seconds(found[1]) * factor)}s", rules[file])
                said = self.run_copy(promtool, test, mutated, names)
                for name in delayed:
                    with self.subTest(f"{test}: {name}, delay times {factor}"):
                        self.assertIn(f"alertname: {name},", said)


if __name__ == "__main__":
    harness.main()
