"""What Grafana makes of a dashboard, without Grafana: its variables, panels and queries.

A dashboard's queries are run against a Prometheus (dashboard_data.py) as the page would run them, and
every way in which one of them is wrong comes back as a sentence.
"""

import collections
import itertools
import re

import dashboard_data
from dashboard_data import PrometheusError

MOST_SERIES = 50  # that a panel may draw

_REFERENCE = re.compile(r"\$(?:(\w+)|\{(\w+)(?:\.\w+)*(?::(\w+))?\})|\[\[(\w+)(?::(\w+))?\]\]")
_LABEL_VALUES = re.compile(r"\s*label_values\(\s*(?:(.+),)?\s*([a-zA-Z_]\w*)\s*\)\s*", re.DOTALL)
_QUERY_RESULT = re.compile(r"\s*query_result\((.+)\)\s*", re.DOTALL)

Answer = collections.namedtuple("Answer", "panel query series samples")
Answer.__doc__ = """What a query gave: the panel as JSON, the query's name (A, B, …), how many series it
has that are no NaN, and how many samples Prometheus read for it."""


def interpolated(text, values):
    """The text with every $variable replaced. Raises KeyError for one that nobody sets.

    values: by name, what stands there as it is (so does a value for "All"), or a list of strings: what is
    chosen of a variable with several values, which becomes a regular expression, as the Prometheus data
    source writes it.
    """
    def value_of(match):
        name = match[1] or match[2] or match[4]
        value = values[name]
        if isinstance(value, list):
            escaped = [_escaped(one) for one in value]
            return escaped[0] if len(escaped) == 1 else f"({'|'.join(escaped)})"
        return str(value)
    return _REFERENCE.sub(value_of, text)


def _escaped(value):
    # The backslashes are doubled, because what is made stands in a string of PromQL.
    return re.sub(r"[$^*{}\[\]'+?.()|]", r"\\\\\g<0>", value.replace("\\", "\\\\\\\\"))


def panels(dashboard, options):
    """Each panel and the values that its repetition sets: rows, what is in them, and all others.

    options: by variable, the values that can be chosen.
    """
    def repeated(panel, scope):
        name = panel.get("repeat")
        return [{**scope, name: [value]} for value in options[name]] if name else [scope]

    scopes = [{}]
    for panel in dashboard["panels"]:
        if panel["type"] != "row":
            for scope, own in itertools.product(scopes, repeated(panel, {})):
                yield panel, {**scope, **own}
            continue
        # The panels of a row that is closed are in it, those of an open one come behind it.
        scopes = repeated(panel, {})
        yield from ((panel, scope) for scope in scopes)
        for inner in panel.get("panels", []):
            for scope in scopes:
                yield from ((inner, both) for both in repeated(inner, scope))


class Page:
    """A dashboard that somebody looks at, for the hour before `end`."""

    def __init__(self, dashboard, prometheus, end=dashboard_data.END, length=dashboard_data.LENGTH):
        self._dashboard = dashboard
        self._prometheus = prometheus
        self._start, self._end = end - length, end
        self.complaints = []
        self.options = {}  # by variable, the values that can be chosen
        self._chosen = {}

    def choose(self, **wanted):
        """Loads the variables in their order, with all chosen but what is wanted otherwise."""
        self._chosen, self.options = {}, {}
        for variable in self._dashboard["templating"]["list"]:
            name, kind = variable["name"], variable["type"]
            if kind == "datasource":
                self._chosen[name] = variable["query"]
            elif kind == "query":
                self.options[name] = self._options(variable)
                if not self.options[name] and not wanted:
                    self._complain(f"variable {name}", "nothing to choose")
                if name in wanted:
                    self._chosen[name] = [wanted[name]]
                else:
                    is_all = variable.get("includeAll") and variable.get("allValue")
                    self._chosen[name] = variable["allValue"] if is_all else self.options[name]
            else:
                self._complain(f"variable {name}", f"type {kind} is not known here")

    def _options(self, variable):
        query = variable["query"]
        if isinstance(query, dict):
            query = query["query"]
        try:
            query = interpolated(query, self._values())
            if match := _LABEL_VALUES.fullmatch(query):
                selector = {"match[]": match[1]} if match[1] else {}
                values = self._prometheus.get(f"label/{match[2]}/values", start=self._start,
                                              end=self._end, **selector)
            elif match := _QUERY_RESULT.fullmatch(query):
                answer = self._prometheus.get("query", query=match[1], time=self._end)
                values = [_as_text(sample) for sample in answer["result"]]
            else:
                self._complain(f"variable {variable['name']}", f"{query} is not known here")
                return []
        except (KeyError, PrometheusError) as error:
            self._complain(f"variable {variable['name']}", repr(error))
            return []
        if variable.get("regex"):
            # JavaScript calls groups by name in another way.
            pattern = re.compile(re.sub(r"\(\?<(?=\w)", "(?P<", variable["regex"].strip("/")))
            values = [match[1] if match.groups() else match[0]
                      for match in map(pattern.search, values) if match]
        return sorted(set(values))

    def run(self):
        """Runs the queries of all panels and annotations; a list of Answers."""
        answers = []
        series = collections.Counter()
        for panel, scope in panels(self._dashboard, self.options):
            where = f"panel {panel.get('title')!r}{''.join(f' of {v[0]}' for v in scope.values())}"
            self._interpolated(where, panel.get("title", ""), scope)
            for query, target in zip("ABCDEFGHIJKLMNOPQRSTUVWXYZ", panel.get("targets", [])):
                query = target.get("refId", query)
                if answer := self._run_target(f"{where}, query {query}", panel, target, scope):
                    answers.append(Answer(panel, query, *answer))
                    series[where] += answer[0] if panel["type"] != "table" else 0
        for where, count in series.items():
            if count > MOST_SERIES:
                self._complain(where, f"draws {count} series")
        for annotation in self._dashboard.get("annotations", {}).get("list", []):
            if "expr" in annotation:
                where = f"annotation {annotation['name']!r}"
                if answer := self._run_target(where, annotation, {**annotation, "range": True}, {}):
                    answers.append(Answer({"title": annotation["name"], "type": "annotation"}, "A",
                                          *answer))
        return answers

    def _run_target(self, where, panel, target, scope):
        # As wide as there are points, but nothing finer than the scrapes.
        step = max(dashboard_data.SCRAPE_INTERVAL, _least_step(target.get("interval")),
                   _least_step(panel.get("interval")),
                   (self._end - self._start) // panel.get("maxDataPoints", 1000))
        values = {"__interval": f"{step}s", "__interval_ms": 1000 * step,
                  "__rate_interval": f"{max(step + 15, 4 * dashboard_data.SCRAPE_INTERVAL)}s"}
        query = self._interpolated(where, target["expr"], {**values, **scope})
        if query is None:
            return None
        whole, samples = [], 0
        try:
            if target.get("range") or not target.get("instant"):
                result, read = self._query("query_range", query, start=self._start, end=self._end, step=step)
                whole += [series for series in result if _holds_numbers(series["values"])]
                samples += read
            if target.get("instant"):
                result, read = self._query("query", query, time=self._end)
                whole += [series for series in result if _holds_numbers([series["value"]])]
                samples += read
        except PrometheusError as error:
            self._complain(where, f"{error} in {query}")
            return None
        return len(whole), samples

    def _query(self, path, query, **parameters):
        data = self._prometheus.get(path, query=query, stats="all", **parameters)
        if data["resultType"] not in ("vector", "matrix"):
            raise PrometheusError(f"a {data['resultType']} is no series")
        return data["result"], data["stats"]["samples"]["totalQueryableSamples"]

    def _values(self):
        length = self._end - self._start
        return {**self._chosen, "__range": f"{length}s", "__range_s": length, "__range_ms": 1000 * length}

    def _interpolated(self, where, text, more):
        try:
            return interpolated(text, {**self._values(), **more})
        except KeyError as error:
            self._complain(where, f"there is no variable {error}")
            return None

    def _complain(self, where, what):
        complaint = f"{self._dashboard['title']}: {where}: {what}"
        if complaint not in self.complaints:
            self.complaints.append(complaint)


def _as_text(sample):
    """What a variable's regex is matched with."""
    labels = ",".join(f'{name}="{value}"' for name, value in sample["metric"].items() if name != "__name__")
    at, value = sample["value"]
    return f"{sample['metric'].get('__name__', '')}{{{labels}}} {value} {at * 1000}"


def _least_step(interval):
    """Of "30s", ">15s" or nothing."""
    return dashboard_data.seconds_of(interval.lstrip(">")) if interval else 0


def _holds_numbers(points):
    return any(value != "NaN" for _, value in points)
