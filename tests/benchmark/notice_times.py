"""Prints how long a notice takes to the receiver of a webhook: notice_times.py [RUNS].

By the rule: the exporter polls, Prometheus scrapes and evaluates every 5 s, Alertmanager tells. By the
direct path: the exporter tells another Alertmanager itself. Rules and Alertmanager's configuration are
those of alerts/. Every run has an instance and an exporter for itself, and its moment in the 5 s by
chance, so that all of them can be under way at once, none faster for the others.
"""

import datetime
import os
import random
import statistics
import sys
import time

sys.path.append(os.path.join(os.path.dirname(__file__), "..", "e2e"))
import harness  # noqa: E402
import alerting  # noqa: E402

INTERVAL = 5  # of the poll, the scrape and the evaluation
SPREAD = 4 * INTERVAL  # how long the notices are in coming

runs = int(sys.argv[1]) if len(sys.argv) > 1 else 20


def first_post(chain, instance):
    """When the pager was told, and the alert."""
    return chain.webhook.wait_for(lambda posts: next(
        ((post.time, alert) for post in posts if post.path == alerting.PAGER
         for alert in post.body["alerts"]
         if alert["labels"]["alertname"] == "AliyunEcsSpotTerminationScheduled"
         and alert["labels"]["instance"] == instance), None))


def measure(rule, direct, instances):
    """Seconds after the notice, by stage; instances is a Case for each."""
    for chain in (rule, direct):
        chain.setUp()
        chain.start_webhook()
        chain.start_alertmanager(chain.example_config())
    for instance, case in instances.items():
        case.start_simulator()
        case.start_exporter(
            f"--poll.spot-interval={INTERVAL}s", f"--alertmanager.url=http://{direct.alertmanager}",
            f"--alertmanager.label=job={alerting.JOB}", f"--alertmanager.label=instance={instance}")
    for case in instances.values():
        case.exporter.wait_for("first fill complete")
    rule.start_prometheus(*rule.need("prometheus"),
                          {instance: case.web for instance, case in instances.items()}, alerting.RULES)

    noticed = {}
    begin = time.monotonic()
    moments = sorted(begin + random.uniform(0, SPREAD) for _ in instances)
    for (instance, case), moment in zip(instances.items(), moments):
        time.sleep(max(0, moment - time.monotonic()))
        noticed[instance] = time.monotonic()
        case.control_api("PUT", "/control/spot-termination", {"in_seconds": 300})
    wall = time.time() - time.monotonic()
    stages = {"rule fires": [], "webhook, by the rule": [], "webhook, by the direct path": []}
    for instance, moment in noticed.items():
        told, alert = first_post(rule, instance)
        fired = datetime.datetime.fromisoformat(alert["startsAt"]).timestamp() - wall
        stages["rule fires"].append(fired - moment)
        stages["webhook, by the rule"].append(told - moment)
        stages["webhook, by the direct path"].append(first_post(direct, instance)[0] - moment)
    return stages


chains = alerting.Case(), alerting.Case()
instances = {f"run-{number}": harness.Case() for number in range(1, runs + 1)}
try:
    measured = measure(*chains, instances)
finally:
    for case in (*chains, *instances.values()):
        case.doCleanups()
goals = {"webhook, by the rule": 17, "webhook, by the direct path": INTERVAL + 1}
print(f"{'after the notice':30} {'median':>8} {'worst':>8} {'goal':>8}   of {runs} runs")
for stage, seconds in measured.items():
    goal = f"{goals[stage]:6} s" if stage in goals else ""
    print(f"  {stage:28} {statistics.median(seconds):6.1f} s {max(seconds):6.1f} s {goal:>8}")
if any(max(measured[stage]) > goal for stage, goal in goals.items()):
    sys.exit("a goal was missed")
