"""exporter/packaging/zabbix/aliyun_ecs_exporter.yaml against what the exporter says.

Goes red when a metric or a label that the template reads gets another name. That Zabbix takes the
template was tried by hand; what Zabbix would refuse, and can be seen without it, is checked here.
"""

import functools
import os
import re

import yaml

import harness

TEMPLATE = os.path.join(harness.SOURCE, "exporter", "packaging", "zabbix",
                        "aliyun_ecs_exporter.yaml")
METRICS = os.path.join(harness.SOURCE, "exporter", "METRICS.md")
GOLDEN = os.path.join(harness.SOURCE, "tests", "golden", "page.txt")

UUID4 = re.compile(r"[0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15}")
SEVERITIES = ["NOT_CLASSIFIED", "INFO", "WARNING", "AVERAGE", "HIGH", "DISASTER"]
# name{label="value",…} == number: as much of Zabbix's language as the template needs.
PATTERN = re.compile(r'(\w+)(?:\{(\w+="[^"]*"(?:,\w+="[^"]*")*)\})?(?: == (\d+))?')
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
SAMPLE = re.compile(r"^(\w+)(?:\{(.*)\})? (\S+)$", re.MULTILINE)
REFERENCE = re.compile(r"\(/([^/]+)/([\w.]+(?:\[[^]]*\])?)[,)]")


class StrictLoader(yaml.SafeLoader):
    """Refuses a key that is there twice; YAML's loader would keep the last."""

    def construct_mapping(self, node, deep=False):
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        assert len(keys) == len(set(keys)), f"a key twice, {node.start_mark}: {keys}"
        return super().construct_mapping(node, deep)


@functools.cache
def export():
    with open(TEMPLATE, encoding="utf-8") as file:
        return yaml.load(file, StrictLoader)["zabbix_export"]


def template():
    (only,) = export()["templates"]
    return only


def nodes(tree):
    """Every mapping in it."""
    if isinstance(tree, dict):
        yield tree
        tree = list(tree.values())
    if isinstance(tree, list):
        for child in tree:
            yield from nodes(child)


def texts(tree):
    """Every string in it, but for descriptions: they may name what is not used."""
    if isinstance(tree, dict):
        for key, child in tree.items():
            if key != "description":
                yield from texts(child)
    elif isinstance(tree, list):
        for child in tree:
            yield from texts(child)
    elif isinstance(tree, str):
        yield tree


def rules():
    return template()["discovery_rules"]


def prototypes():
    return [item for rule in rules() for item in rule["item_prototypes"]]


def triggers():
    return export()["triggers"]


def trigger_prototypes():
    return [trigger for rule in rules() for trigger in rule["trigger_prototypes"]]


def step(item):
    """The Prometheus step of an item, which is the first."""
    return item["preprocessing"][0]


def dependent():
    """The items that are cut out of the page."""
    return [item for item in template()["items"] + prototypes() if item["type"] == "DEPENDENT"]


def read(pattern):
    """The name, the labels and the value that a pattern asks for."""
    found = PATTERN.fullmatch(pattern)
    assert found, f"{pattern!r} is more than this test can read"
    return found[1], dict(LABEL.findall(found[2] or "")), found[3]


def families():
    """What METRICS.md names: the labels of each family."""
    with open(METRICS, encoding="utf-8") as file:
        rows = re.findall(r"^\| `(\w+)` \| \w+ \| ([^|]*) \|", file.read(), re.MULTILINE)
    return {name: {label.strip("* ") for label in labels.split(",")} for name, labels in rows}


def matches(pattern, page):
    """Whether a sample of the page is meant by the pattern. … on the golden page may be anything."""
    name, labels, value = read(pattern)
    return any(
        sample[1] == name and (value is None or sample[3] in (value, "…"))
        and labels.items() <= dict(LABEL.findall(sample[2] or "")).items()
        for sample in SAMPLE.finditer(page))


def golden():
    with open(GOLDEN, encoding="utf-8") as file:
        return file.read()


def for_golden_role(pattern):
    return pattern.replace("{#ROLE}", "SimulatedEcsRole")


class StructureTest(harness.Case):
    def test_is_an_export_of_zabbix_6(self):
        self.assertEqual(export()["version"], "6.0")  # a text, not a number
        self.assertEqual([group["name"] for group in export()["groups"]],
                         [group["name"] for group in template()["groups"]])

    def test_every_uuid_is_a_version_4_of_its_own(self):
        uuids = [node["uuid"] for node in nodes(export()) if "uuid" in node]
        self.assertGreater(len(uuids), 40)
        for uuid in uuids:
            self.assertRegex(uuid, rf"\A{UUID4.pattern}\Z")
        self.assertEqual(len(uuids), len(set(uuids)))

    def test_everything_that_needs_a_uuid_has_one(self):
        for kind in (export()["groups"], [template()], template()["items"], rules(), prototypes(),
                     triggers(), trigger_prototypes(), template()["valuemaps"]):
            for thing in kind:
                self.assertIn("uuid", thing)

    def test_every_key_is_there_once(self):
        keys = [item["key"] for item in template()["items"] + rules() + prototypes()]
        self.assertEqual(len(keys), len(set(keys)))

    def test_everything_depends_on_the_page(self):
        (page,) = [item for item in template()["items"] if item["type"] != "DEPENDENT"]
        self.assertEqual((page["type"], page["history"], page["status_codes"]),
                         ("HTTP_AGENT", "0", "200"))
        for item in dependent() + rules():
            self.assertEqual((item["type"], item["master_item"]["key"]),
                             ("DEPENDENT", page["key"]), item["key"])

    def test_every_macro_is_defined_and_used(self):
        defined = {macro["macro"] for macro in template()["macros"]}
        used = set()
        for text in texts([{**template(), "macros": []}, triggers()]):
            used.update(re.findall(r"\{\$[A-Z0-9_.]+\}", text))
        self.assertEqual(used, defined)

    def test_no_macro_holds_a_macro(self):
        # Zabbix would not replace it: {HOST.CONN} in the value of a macro reached curl as it was.
        for macro in template()["macros"]:
            self.assertNotIn("{", macro.get("value", ""), macro["macro"])

    def test_every_value_map_is_defined_and_used(self):
        self.assertEqual(
            {item["valuemap"]["name"] for item in dependent() if "valuemap" in item},
            {valuemap["name"] for valuemap in template()["valuemaps"]})

    def test_every_item_and_trigger_has_its_tag(self):
        for item in template()["items"] + prototypes():
            self.assertIn("component", [tag["tag"] for tag in item["tags"]], item["key"])
        for trigger in triggers() + trigger_prototypes():
            self.assertIn("scope", [tag["tag"] for tag in trigger["tags"]], trigger["name"])

    def test_discovery_macros_are_defined_and_keep_keys_and_names_apart(self):
        for rule in rules():
            macros = {path["lld_macro"] for path in rule["lld_macro_paths"]}
            for text in texts([rule["item_prototypes"], rule["trigger_prototypes"]]):
                self.assertLessEqual(set(re.findall(r"\{#\w+\}", text)), macros)
            for item in rule["item_prototypes"]:
                self.assertRegex(item["key"], r"\[\{#\w+\}\]$")
            for trigger in rule["trigger_prototypes"]:
                self.assertRegex(trigger["name"], r"\{#\w+\}")


class TriggerTest(harness.Case):
    def test_every_expression_names_items_of_the_template(self):
        items = {item["key"] for item in template()["items"]}
        prototype_keys = {item["key"] for item in prototypes()}
        for known, of in ((items, triggers()), (items | prototype_keys, trigger_prototypes())):
            for trigger in of:
                text = trigger["expression"]
                found = REFERENCE.findall(text)
                self.assertEqual(len(found), text.count("(/"), text)
                for host, key in found:
                    self.assertEqual(host, template()["template"])
                    self.assertIn(key, known, trigger["name"])
                for _, key in REFERENCE.findall(trigger.get("event_name", "")):
                    self.assertIn(key, known, trigger["name"])
        for trigger in trigger_prototypes():
            self.assertTrue(prototype_keys & {key for _, key in REFERENCE.findall(
                trigger["expression"])}, f"{trigger['name']} needs no discovery")

    def test_a_trigger_that_needs_every_value_looks_at_an_item_that_keeps_every_value(self):
        thinned = {item["key"] for item in template()["items"] for each in item.get(
            "preprocessing", []) if each["type"].startswith("DISCARD_UNCHANGED")}
        for trigger in triggers() + trigger_prototypes():
            for function, key in re.findall(r"(\w+)\(/[^/]+/([\w.]+)", trigger["expression"]):
                if function != "last":
                    self.assertNotIn(key, thinned, trigger["name"])

    def test_waits_only_for_triggers_that_are_there_and_not_for_lesser_ones(self):
        plain = {(t["name"], t["expression"]): t for t in triggers()}
        every = plain | {(t["name"], t["expression"]): t for t in trigger_prototypes()}
        self.assertEqual(len(every), len(triggers()) + len(trigger_prototypes()))
        for (name, expression), trigger in every.items():
            for cause in trigger.get("dependencies", []):
                key = (cause["name"], cause["expression"])
                self.assertIn(key, plain if (name, expression) in plain else every, name)
                # What is worse must not stay unheard because of what is less bad.
                self.assertGreaterEqual(SEVERITIES.index(every[key]["priority"]),
                                        SEVERITIES.index(trigger["priority"]), name)


class MetricsTest(harness.Case):
    def test_reads_families_and_labels_that_there_are(self):
        known = families()
        self.assertGreater(len(known), 40)
        for item in dependent():
            self.assertEqual(step(item)["type"], "PROMETHEUS_PATTERN", item["key"])
            pattern, output, label = step(item)["parameters"]
            name, labels, _ = read(pattern)
            self.assertIn(name, known, item["key"])
            self.assertLessEqual(set(labels), known[name], item["key"])
            if output == "label":
                self.assertIn(label, known[name], item["key"])
            else:
                self.assertEqual((output, label), ("value", ""), item["key"])

    def test_discovers_by_a_family_and_labels_that_there_are(self):
        for rule in rules():
            self.assertEqual(step(rule)["type"], "PROMETHEUS_TO_JSON")
            (pattern,) = step(rule)["parameters"]
            name, _, _ = read(pattern)
            self.assertTrue(matches(pattern, golden()))
            for path in rule["lld_macro_paths"]:
                self.assertIn(path["path"].removeprefix("$.labels."), families()[name])

    def test_every_pattern_finds_its_sample_on_the_golden_page(self):
        for item in dependent():
            pattern = for_golden_role(step(item)["parameters"][0])
            self.assertTrue(matches(pattern, golden()), f"{item['key']}: no {pattern}")

    def test_a_time_may_have_a_fraction(self):
        # Zabbix refuses one for its unsigned numbers, which are the default.
        for item in dependent():
            if step(item)["parameters"][0].split("{")[0].endswith(("_in_seconds", "_timestamp_seconds",
                                                                   "_skew_seconds", "_backoff_seconds")):
                self.assertEqual(item.get("value_type"), "FLOAT", item["key"])

    def test_knows_every_spot_state(self):
        states = set(re.findall(r'^aliyun_ecs_spot_termination_state\{state="(\w+)"\}', golden(),
                                re.MULTILINE))
        (item,) = [item for item in dependent() if item["key"] == "aliyun_ecs.spot.state"]
        numbers = dict(each["parameters"] for each in item["preprocessing"][1:])
        (names,) = [{row["newvalue"]: row["value"] for row in valuemap["mappings"]}
                    for valuemap in template()["valuemaps"]
                    if valuemap["name"] == item["valuemap"]["name"]]
        self.assertEqual(set(numbers), states)
        self.assertEqual(names, numbers)
        # Without a state it is unknown, never "none".
        self.assertEqual(step(item)["error_handler_params"], "unknown")


class AbsenceTest(harness.Case):
    """What can be missing on a real page must not make an item unsupported, and nothing else is hidden."""

    def missing(self):
        page = self.page()
        return {item["key"] for item in dependent()
                if not matches(for_golden_role(step(item)["parameters"][0]), page)}

    def test_an_item_says_what_happens_without_a_sample_exactly_where_that_can_be(self):
        service = harness.SilentService()
        self.addCleanup(service.close)
        self.start_exporter(metadata=service.address)
        absent = self.missing()  # nothing is known yet

        self.start_simulator("--no-spot", "--no-role")
        self.start_exporter("--metadata.mode=normal",
                            "--metadata.exclude=instance/spot/termination-time")
        self.exporter.wait_for("first fill complete")
        absent |= self.missing()

        handled = {item["key"] for item in dependent() if "error_handler" in step(item)}
        self.assertEqual(handled, absent)

    def test_a_full_page_has_it_all(self):
        self.start_simulator("--profile=full")
        self.control_api("PUT", "/control/spot-termination", {"in_seconds": 300})
        self.start_exporter()
        self.exporter.wait_for("first fill complete")
        self.assertEqual(self.missing(), set())


if __name__ == "__main__":
    harness.main()
