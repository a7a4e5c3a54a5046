"""docker/kubernetes as it lies there."""

import glob
import os
import re

import yaml

import harness

FOLDER = os.path.join(harness.SOURCE, "docker", "kubernetes")
DASHBOARDS = os.path.join(harness.SOURCE, "dashboards")
RULES = os.path.join(harness.SOURCE, "alerts", "rules")


class Loader(yaml.SafeLoader):
    """Go's YAML has no tag for a lone "=", which PyYAML cannot construct."""


Loader.add_constructor("tag:yaml.org,2002:value", yaml.SafeLoader.construct_yaml_str)


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def objects_of(text):
    """Every document of a YAML stream."""
    return list(yaml.load_all(text, Loader))


def rules():
    """The path of every file of rules, by its name without .yml."""
    return {os.path.basename(path).removesuffix(".yml"): path
            for path in sorted(glob.glob(os.path.join(RULES, "*.yml")))}


def version():
    """The project's."""
    return re.search(r"^project\(\S+ VERSION (\S+)", read(os.path.join(harness.SOURCE, "CMakeLists.txt")),
                     re.MULTILINE)[1]
