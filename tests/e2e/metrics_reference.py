"""The metrics that rules and dashboards may name: those of METRICS.md, and a few of other programs."""

import functools
import os
import re

import harness

PATH = os.path.join(harness.SOURCE, "exporter", "METRICS.md")
TARGET = {"job", "instance"}  # what every series gets from its target

# Of Prometheus itself, and of node_exporter.
FOREIGN = {"up": set(),
           "scrape_duration_seconds": set(),
           "scrape_samples_scraped": set(),
           "ALERTS": {"alertname", "alertstate", "severity"},
           "node_network_transmit_bytes_total": {"device"},
           "node_network_receive_bytes_total": {"device"}}


@functools.cache
def families():
    """The type and the labels of every family."""
    with open(PATH, encoding="utf-8") as file:
        rows = re.findall(r"^\| `(\w+)` \| (\w+) \| ([^|]*) \|", file.read(), re.MULTILINE)
    return {name: (kind, set(re.findall(r"\w+", labels))) for name, kind, labels in rows}


@functools.cache
def exposed():
    """The labels of every metric, from the exporter itself."""
    metrics = {}
    for name, (kind, labels) in families().items():
        if kind == "histogram":
            metrics.update({f"{name}_bucket": labels | {"le"}, f"{name}_sum": labels, f"{name}_count": labels})
        else:
            metrics[name] = labels
    return metrics
