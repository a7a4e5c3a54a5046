"""What PromQL expressions are made of, by Prometheus' own grammar for editors."""

import json
import math
import os
import shutil
import subprocess

import harness

INSTALLED = os.path.join(harness.SOURCE, "build", "_tools", "dashboards", "node_modules")
SCRIPT = os.path.join(harness.SOURCE, "tests", "e2e", "dashboards", "promql.js")

MODIFIERS = {"AggregateModifier", "MatchingModifierClause", "BoolModifier"}
CHOOSE = {"topk", "bottomk"}  # these keep series as they are
SETS = {"and", "or", "unless"}


class Node:
    """A piece of an expression."""

    def __init__(self, name, text, children, parent=None):
        self.name, self.text, self.parent = name, text, parent
        self.children = [Node(*child, self) for child in children]

    def all(self, name):
        """Every such piece in it, itself included."""
        found = [self] if self.name == name else []
        return found + [piece for child in self.children for piece in child.all(name)]

    def child(self, name):
        return next((child for child in self.children if child.name == name), None)

    def labels(self):
        """The names of labels that stand directly in it."""
        return [child.text for child in self.children if child.name == "LabelName"]


def parse(expressions):
    """The trees of many expressions at once: starting node takes longer than parsing."""
    printed = subprocess.run(
        [shutil.which("node"), SCRIPT], input=json.dumps(expressions), check=True, text=True,
        capture_output=True, timeout=harness.DEADLINE, env={**os.environ, "NODE_PATH": INSTALLED})
    return [Node(*tree) for tree in json.loads(printed.stdout)]


def is_wrong(tree):
    return bool(tree.all("Error"))


def metric(selector):
    return selector.child("Identifier").text


def matchers(selector):
    """[(label, operator, value), …]"""
    found = []
    for matcher in selector.all("UnquotedLabelMatcher"):
        label, operator, value = matcher.children
        found.append((label.text, operator.text, json.loads(value.text)))
    return found


def functions_around(selector):
    """The functions and aggregations that it stands in, the nearest first."""
    found = []
    node = selector.parent
    while node:
        if node.name in ("FunctionCall", "AggregateExpr"):
            found.append(node.children[0].text)
        node = node.parent
    return found


def grouping(node):
    """("by", labels) or ("without", labels) of an aggregation, or None."""
    modifier = node.child("AggregateModifier")
    if not modifier:
        return None
    return modifier.children[0].text, set(modifier.child("GroupingLabels").labels())


def matching(node):
    """The keywords and their labels between the sides of a binary operation: {"on": …, "group_left": …}."""
    clause = node.child("MatchingModifierClause")
    found = {}
    word = None
    for child in clause.children if clause else []:
        if child.name == "GroupingLabels":
            found[word] = set(child.labels())
        else:
            word = child.text
            found[word] = set()
    return found


def arguments(node):
    return node.child("FunctionCallBody").children


def is_number(node):
    """Whether it is one number and no set of series."""
    if node.name in ("NumberDurationLiteral", "StringLiteral"):
        return True
    if node.name == "FunctionCall":
        return node.children[0].text in ("time", "scalar")
    return node.name in ("ParenExpr", "UnaryExpr", "BinaryExpr") and all(
        is_number(operand) for operand in operands(node))


def operands(node):
    if node.name == "BinaryExpr":
        return [node.children[0], node.children[-1]]
    return [node.children[-1]] if node.name == "UnaryExpr" else node.children[:1]


def result_labels(node, known):
    """The labels that its series may have; known: the labels of every metric."""
    if is_number(node):
        return set()
    if node.name == "VectorSelector":
        return known[metric(node)]
    if node.name == "AggregateExpr":
        inner = result_labels(arguments(node)[-1], known)
        if node.children[0].text in CHOOSE:
            return inner
        kept, labels = grouping(node) or ("by", set())
        return labels if kept == "by" else inner - labels
    if node.name == "FunctionCall":
        name = node.children[0].text
        inner = set().union(*(result_labels(argument, known) for argument in arguments(node)))
        if name == "label_replace":
            return inner | {json.loads(arguments(node)[1].text)}
        return inner - {"le"} if name == "histogram_quantile" else inner
    if node.name == "BinaryExpr":
        left, right = (result_labels(side, known) for side in operands(node))
        words = matching(node)
        operator = node.children[1].text
        if operator == "or":
            return left | right
        if operator in SETS or is_number(operands(node)[1]):
            return left
        if is_number(operands(node)[0]):
            return right
        if "group_left" in words:
            return left | words["group_left"]
        if "group_right" in words:
            return right | words["group_right"]
        return words.get("on", left)
    return result_labels(operands(node)[0], known)


def most_series(node, sizes):
    """How many series it can have at most; sizes: of the labels that have few values."""
    if is_number(node):
        return 1
    if node.name == "AggregateExpr":
        kept, labels = grouping(node) or ("by", set())
        if node.children[0].text in CHOOSE:
            return math.inf if labels or kept != "by" else int(arguments(node)[0].text)
        if kept != "by":
            return math.inf
        return min(math.prod(sizes.get(label, math.inf) for label in labels),
                   most_series(arguments(node)[-1], sizes))
    if node.name == "FunctionCall":
        if node.children[0].text == "histogram_quantile":
            sizes = {**sizes, "le": 1}
        return max(most_series(argument, sizes) for argument in arguments(node))
    if node.name == "BinaryExpr":
        left, right = (most_series(side, sizes) for side in operands(node))
        words = matching(node)
        operator = node.children[1].text
        if operator == "or":
            return left + right
        if operator == "and" and not words:  # each on the right keeps the one of its labels
            return min(left, right)
        if operator in SETS or "group_left" in words or is_number(operands(node)[1]):
            return left
        if "group_right" in words or is_number(operands(node)[0]):
            return right
        return min(left, right)
    if node.name in ("PromQL", "ParenExpr", "UnaryExpr"):
        return most_series(operands(node)[0], sizes)
    return math.inf
