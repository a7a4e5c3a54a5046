"""A real Prometheus that holds the scripted hour of tests/fleet/scripted_hour.cc: for the tests of the
dashboards, for their pictures, and for people who want to see a query's result.

    /usr/bin/python3 tests/e2e/dashboard_data.py --serve [--port=9090] [--end=UNIX_TIME]

builds the data in a temporary folder, writes one line of JSON with "url", "start" and "end" (Unix time),
and serves until it is interrupted. The programs are those of build/check, or of ALIYUN_ECS_BIN.
"""

import argparse
import collections
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import urllib.parse

import yaml

_TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
os.environ.setdefault("ALIYUN_ECS_SOURCE", _TOP)
os.environ.setdefault("ALIYUN_ECS_BIN", os.path.join(_TOP, "build", "check"))

import alerting  # noqa: E402: reads those
import harness  # noqa: E402

END = 1768478400  # 2026-01-15T12:00:00Z
LENGTH = 3600
SCRAPE_INTERVAL = 15
RULES = os.path.join(harness.SOURCE, "alerts", "rules")

# Blocks hold no stale markers, so what was not scraped again has to end by itself: as late as this, and
# the rule group of the longest interval is evaluated every minute.
_LOOKBACK = "75s"


class PrometheusError(Exception):
    """A query that Prometheus refused, or answered with a warning."""


class Prometheus:
    """A running Prometheus on a folder of blocks; the newer one writes what the older cannot read."""

    def __init__(self, folder, port=0, program=None):
        config = os.path.join(folder, "prometheus.yml")
        with open(config, "w", encoding="utf-8") as file:
            file.write("{}")
        self._program = harness.Program(
            program or alerting.tool("prometheus"), f"--config.file={config}",
            f"--storage.tsdb.path={folder}/data", "--storage.tsdb.retention.time=100y",
            f"--query.lookback-delta={_LOOKBACK}", f"--web.listen-address=127.0.0.1:{port}")
        try:
            listening, _ = self._program.wait_for_all(
                r'Listening on".* address=(\S+)', "Server is ready to receive web requests")
        except AssertionError:
            self.stop()
            raise
        self.address = listening[1]

    def get(self, path, **parameters):
        """The data of the API's answer, which is a success without warnings."""
        answer = harness.request(self.address, "GET", f"/api/v1/{path}?"
                                 + urllib.parse.urlencode(parameters, doseq=True))
        document = json.loads(answer.body)
        for trouble in ("error", "warnings", "infos"):
            if document.get(trouble):
                raise PrometheusError(f"{trouble}: {document[trouble]}")
        return document["data"]

    def stop(self):
        self._program.stop()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def missing():
    """What has to be there and is not: a sentence, or None."""
    for name in ("prometheus", "promtool"):
        if not alerting.tool(name):
            return f"no {name}; tests/run.sh gets it"
    if not os.path.exists(alerting.PROMETHEUS_3):
        return "no Prometheus 3; tests/run.sh gets it"
    return None


def write_hour(path, end=END):
    """Writes the hour as OpenMetrics."""
    with open(path, "wb") as file:
        subprocess.run([os.path.join(harness.BIN, "scripted_hour"), str(end)], stdout=file, check=True)


def write_crowd(path, hour, numbers, copies, seconds, end=END):
    """Writes the last so many seconds of that hour, with the instances of these numbers so many times.

    Each copy lives a little behind the one before it, so that now this one is ahead and now that one.
    """
    repeated = re.compile(rf'instance="10\.0\.0\.(?:{"|".join(map(str, numbers))}):')
    with open(hour, encoding="utf-8") as source, open(path, "w", encoding="utf-8") as crowd:
        for line in source:
            if line.startswith("#"):
                crowd.write(line)
                continue
            sample, at = line.rsplit(" ", 1)
            for copy in range(copies if repeated.search(sample) else 1):
                later = float(at) + SCRAPE_INTERVAL * copy
                if end - seconds <= later < end:
                    sample_of_copy = sample.replace('instance="10.0.0.', f'instance="10.0.{copy}.', 1)
                    crowd.write(f"{sample_of_copy} {later:.3f}\n")


def build(folder, exposition, start, end=END):
    """Makes blocks of it in the folder, of what the recording rules make of them, and of the alerts."""
    data = os.path.join(folder, "data")
    _promtool("openmetrics", exposition, data)
    groups = _read_rules()
    for number, level in enumerate(levels(groups)):
        rules = os.path.join(folder, f"level_{number}.yml")
        with open(rules, "w", encoding="utf-8") as file:
            yaml.safe_dump({"groups": level}, file)
        with Prometheus(folder) as prometheus:
            _promtool("rules", f"--start={start}", f"--end={end}", f"--output-dir={data}",
                      f"--eval-interval={SCRAPE_INTERVAL}s", f"--url=http://{prometheus.address}", rules)
    alerts = os.path.join(folder, "alerts.om")
    with Prometheus(folder) as prometheus, open(alerts, "w", encoding="utf-8") as file:
        file.write("# TYPE ALERTS gauge\n")
        for group in groups:
            step = seconds_of(group.get("interval", f"{SCRAPE_INTERVAL}s"))
            for rule in group["rules"]:
                if "alert" in rule:
                    file.writelines(_alerts(rule, prometheus, start, end, step))
        file.write("# EOF\n")
    _promtool("openmetrics", alerts, data)


def _alerts(rule, prometheus, start, end, step):
    """The samples of ALERTS that Prometheus would write; promtool leaves alerts out."""
    if "keep_firing_for" in rule:
        raise ValueError(f"{rule['alert']}: keep_firing_for is not known here")
    wait = seconds_of(rule.get("for", "0s"))
    for series in prometheus.get("query_range", query=rule["expr"], start=start, end=end, step=step)["result"]:
        labels = {**series["metric"], **rule.get("labels", {}), "alertname": rule["alert"]}
        labels.pop("__name__", None)
        active_at = last = None
        for at, _ in series["values"]:
            if last is None or at - last > step:
                active_at = at
            last = at
            state = "firing" if at - active_at >= wait else "pending"
            text = ",".join(f"{name}={json.dumps(value, ensure_ascii=False)}"
                            for name, value in {**labels, "alertstate": state}.items())
            yield f"ALERTS{{{text}}} 1 {at}\n"


def seconds_of(duration):
    """Of "30s", "1m" or "2h"."""
    match = re.fullmatch(r"(\d+)([smhd])", duration)
    if not match:
        raise ValueError(f"{duration} is no duration that is known here")
    return int(match[1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[match[2]]


def levels(groups):
    """The recording rules by what they build on: lists of groups, each of which needs only those before.

    promtool evaluates every rule on its own, on what the database already holds.
    """
    expressions = collections.defaultdict(str)  # a series may come from several rules
    for group in groups:
        for rule in group["rules"]:
            if "record" in rule:
                expressions[rule["record"]] += rule["expr"] + "\n"
    depends = {name: set(re.findall(r"[\w:]+", expression)) & expressions.keys()
               for name, expression in expressions.items()}
    result, done = [], set()
    while len(done) < len(depends):
        ready = {name for name, needs in depends.items() if name not in done and needs <= done}
        if not ready:
            raise ValueError(f"these rules need each other: {depends.keys() - done}")
        picked = [{**group, "rules": [rule for rule in group["rules"] if rule.get("record") in ready]}
                  for group in groups]
        result.append([group for group in picked if group["rules"]])
        done |= ready
    return result


def _read_rules():
    groups = []
    for name in sorted(os.listdir(RULES)):
        with open(os.path.join(RULES, name), encoding="utf-8") as file:
            groups += yaml.safe_load(file)["groups"]
    return groups


def _promtool(kind, *arguments):
    run = subprocess.run([alerting.tool("promtool"), "tsdb", "create-blocks-from", kind, *arguments],
                         capture_output=True, text=True, check=False)
    # It tells of some failures, such as those of queries, in its log only.
    if run.returncode or "level=error" in run.stderr or "err=" in run.stderr:
        raise RuntimeError(f"promtool create-blocks-from {kind}: {run.stdout}{run.stderr}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--serve", action="store_true", required=True)
    parser.add_argument("--port", type=int, default=0, help="of 127.0.0.1; without it a free one")
    parser.add_argument("--end", type=int, default=END, help="of the hour, in Unix time")
    options = parser.parse_args()
    if reason := missing():
        sys.exit(reason)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with tempfile.TemporaryDirectory() as folder:
        hour = os.path.join(folder, "hour.om")
        write_hour(hour, options.end)
        build(folder, hour, options.end - LENGTH, options.end)
        with Prometheus(folder, options.port) as prometheus, contextlib.suppress(KeyboardInterrupt):
            print(json.dumps({"url": f"http://{prometheus.address}", "start": options.end - LENGTH,
                              "end": options.end}), flush=True)
            signal.pause()


if __name__ == "__main__":
    main()
