"""The dashboards of dashboards/, and what is in them."""

import functools
import glob
import json
import os
import re

import yaml

import harness
import promql
from metrics_reference import FOREIGN, TARGET, exposed

FOLDER = os.path.join(harness.SOURCE, "dashboards")
RULES = os.path.join(harness.SOURCE, "alerts", "rules")

# Grafana replaces these; for what only parses, any duration will do.
DURATIONS = re.compile(r"\$(?:__rate_interval|__interval|__range)\b")


@functools.cache
def shipped():
    """The text of every dashboard, by its name without .json."""
    texts = {}
    for path in sorted(glob.glob(os.path.join(FOLDER, "*.json"))):
        with open(path, encoding="utf-8") as file:
            texts[os.path.basename(path).removesuffix(".json")] = file.read()
    return texts


def dashboards():
    """All of them, by name; the caller may change his copy."""
    return {name: json.loads(text) for name, text in shipped().items()}


def panels_of(dashboard):
    """Every panel, those in rows that are folded up included, without the rows."""
    return [panel for outer in dashboard["panels"] for panel in [outer, *outer.get("panels", [])]
            if panel["type"] != "row"]


def rows_of(dashboard):
    return [panel for panel in dashboard["panels"] if panel["type"] == "row"]


def variables_of(dashboard):
    return {variable["name"]: variable for variable in dashboard["templating"]["list"]}


def expression_of(variable):
    """What a variable asks Prometheus, and the label it wants of the answer (or None)."""
    asked = re.fullmatch(r"label_values\((.+), (\w+)\)|query_result\((.+)\)", variable["query"]["query"])
    return (asked[1], asked[2]) if asked[1] else (asked[3], None)


def expressions_of(dashboard):
    """[(where, expression)] of every target, variable and annotation."""
    found = [(panel["title"], target["expr"]) for panel in panels_of(dashboard) for target in panel["targets"]]
    found += [(f"variable {variable['name']}", expression_of(variable)[0])
              for variable in variables_of(dashboard).values() if variable["type"] == "query"]
    return found + [(f"annotation {annotation['name']}", annotation["expr"])
                    for annotation in dashboard["annotations"]["list"]]


def parsable(expression):
    return DURATIONS.sub("5m", expression)


TREES = {}


def trees_of(expressions):
    """The tree of each; parsed once, and all that are new at once."""
    new = sorted(set(expressions) - TREES.keys())
    if new:
        TREES.update(zip(new, promql.parse([parsable(expression) for expression in new])))
    return {expression: TREES[expression] for expression in expressions}


@functools.cache
def rules():
    """Every rule of alerts/rules."""
    found = []
    for path in sorted(glob.glob(os.path.join(RULES, "*.yml"))):
        with open(path, encoding="utf-8") as file:
            found += [rule for group in yaml.safe_load(file)["groups"] for rule in group["rules"]]
    return found


@functools.cache
def alert_names():
    return {rule["alert"] for rule in rules() if "alert" in rule}


@functools.cache
def known_labels():
    """The labels of every metric that there is: exposed, recorded, or of another program."""
    known = {name: labels | TARGET for name, labels in {**exposed(), **FOREIGN}.items()}
    waiting = {rule["record"]: rule["expr"] for rule in rules() if "record" in rule}
    trees = trees_of(list(waiting.values()))
    while waiting:  # a rule may rest on another one
        ready = [name for name, expression in waiting.items()
                 if all(promql.metric(selector) in known
                        for selector in trees[expression].all("VectorSelector"))]
        if not ready:
            raise AssertionError(f"rules name what nothing has: {sorted(waiting)}")
        for name in ready:
            known[name] = promql.result_labels(trees[waiting.pop(name)].children[0], known)
    return known
