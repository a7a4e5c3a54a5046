"""dashboards/: what Grafana's dashboard-linter wants, and what we want beside it, of the JSON files.

Each rule is a function that finds what is wrong; each is shown to be able to find something. Whether the
metrics and labels exist that dashboards, alert rules and their READMEs name is asked here and not in
tests/house, because only a parser of PromQL tells a label from a metric, and a grammar is at hand for node.
"""

import glob
import itertools
import json
import os
import re
import shutil
import subprocess
import tempfile

import yaml

import dashboard_files
import harness
import promql
from dashboard_files import FOLDER, expressions_of, panels_of, rows_of, variables_of
from metrics_reference import exposed, families

HELPERS = os.path.join(harness.SOURCE, "tests", "e2e", "dashboards")
TOOLS = os.path.join(harness.SOURCE, "build", "_tools")
PROMTOOLS = [os.environ["PATH"] + os.pathsep + os.path.join(TOOLS, "usr", "bin"),
             os.path.join(TOOLS, "alerts", "usr", "bin")]

UIDS = {name: f"aliyun-ecs-{name}" for name in ("exporter", "fleet", "instance", "spot")}
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
RUNBOOKS = "https://runbooks.example/aliyun-ecs/RUNBOOKS.md"
WIDTH = 24
PICTURE_WIDTH = 1280

TYPES = {"timeseries", "stat", "table", "bargauge"}  # what the tests can draw
UNITS = {"none", "s", "dthms", "bytes", "Bps", "reqps", "percentunit"}

# How many values a label has at most; all others may have any number. A person has a handful of jobs.
SIZES = {"code": 12, "state": 4, "refresh": 5, "change": 2, "left": 4, "le": 20}
MOST_SERIES = 50

PROGRAMS = {"aliyun_ecs_exporter", "aliyun_ecs_simulator"}

# Few instances have these at a time, however large the fleet is.
SPARSE = {"aliyun_ecs_spot_termination_timestamp_seconds",
          "aliyun_ecs_spot_termination_first_seen_timestamp_seconds",
          "aliyun_ecs_spot_drill_timestamp_seconds",
          "ALERTS"}

# What Grafana itself replaces.
BUILT_IN = {"__all", "__data", "__field", "__interval", "__range", "__rate_interval", "__url_time_range"}


def selectors_of(dashboard):
    """[(where, metric, {label: "operator value"}, functions around it)] of everything that is asked."""
    expressions = expressions_of(dashboard)
    trees = dashboard_files.trees_of([expression for _, expression in expressions])
    return [(where, promql.metric(selector),
             {label: operator + value for label, operator, value in promql.matchers(selector)},
             promql.functions_around(selector))
            for where, expression in expressions
            for selector in trees[expression].all("VectorSelector")]


def level(metric):
    """What a recorded series is by: "job_region_zone"; None where it is not recorded."""
    return metric.split(":")[0] if ":" in metric else None


def excluded(rule, dashboard, panel):
    """Whether .lint says so of this panel alone."""
    with open(os.path.join(FOLDER, ".lint"), encoding="utf-8") as file:
        entries = yaml.safe_load(file)["exclusions"][rule]["entries"]
    return {"dashboard": dashboard["title"], "panel": panel} in entries


# --- Grafana's rules ---------------------------------------------------------------------------


def datasource_problems(dashboard):
    variable = variables_of(dashboard).get("datasource", {})
    if (variable.get("type"), variable.get("query"), variable.get("label")) != (
            "datasource", "prometheus", "Data source"):
        yield "no variable datasource of the right kind"
    for panel in panels_of(dashboard):
        for asked in [panel, *panel["targets"]]:
            if asked.get("datasource") != DATASOURCE:
                yield f"{panel['title']}: data source {asked.get('datasource')}"
    for asked in dashboard["annotations"]["list"]:
        if asked["datasource"] != DATASOURCE:
            yield f"annotation {asked['name']}: data source {asked['datasource']}"


def variable_problems(dashboard, name):
    variable = variables_of(dashboard).get(name)
    if not variable:
        return [f"no variable {name}"]
    wanted = {"type": "query", "label": name.capitalize(), "datasource": DATASOURCE, "multi": True,
              "allValue": ".+"}
    return [f"{key} of {name}: {variable.get(key)}" for key in wanted if variable.get(key) != wanted[key]]


def job_variable_problems(dashboard):
    return variable_problems(dashboard, "job")


def instance_variable_problems(dashboard):
    return variable_problems(dashboard, "instance")


def refresh_problems(dashboard):
    for name, variable in variables_of(dashboard).items():
        if variable["type"] == "query" and variable.get("refresh") != 2:
            yield f"{name} is not asked again when the time range changes"


def panel_problems(dashboard):
    for panel in panels_of(dashboard):
        defaults = panel["fieldConfig"]["defaults"]
        title = panel.get("title")
        if not title or not panel.get("description", "").endswith("."):
            yield f"{title}: title or description"
        if not panel["targets"]:
            yield f"{title}: nothing is asked"
        if defaults.get("unit") not in UNITS:
            yield f"{title}: unit {defaults.get('unit')}"
        if not defaults.get("noValue"):
            yield f"{title}: nothing is said where there are no data"
        if len({target["refId"] for target in panel["targets"]}) < len(panel["targets"]):
            yield f"{title}: queries of the same name"


def rate_problems(dashboard):
    """The window follows the scrape interval and the zoom."""
    for where, expression in expressions_of(dashboard):
        for function, window in re.findall(
                r"\b(rate|irate|increase)\(\w+(?:\{[^}]*\})?\[([^\]]+)\]", expression):
            if window != "$__rate_interval":
                yield f"{where}: {function} over {window}"


def job_selector_problems(dashboard):
    for where, metric, matchers, _ in selectors_of(dashboard):
        if where != "variable job" and matchers.get("job") != "=~$job":
            if not excluded("target-job-rule", dashboard, where):
                yield f"{where}: {metric} of any job"


def instance_selector_problems(dashboard):
    for where, metric, matchers, _ in selectors_of(dashboard):
        of_alerts = metric == "ALERTS" and "instance" not in matchers  # of a whole job, too
        if where.startswith("variable ") and where != "variable host" or of_alerts:
            continue
        if level(metric) in (None, "instance") and matchers.get("instance") != "=~$instance":
            if not excluded("target-instance-rule", dashboard, where):
                yield f"{where}: {metric} of any instance"


def counter_problems(dashboard):
    counters = {name for name, (kind, _) in families().items() if kind == "counter"}
    counters |= {f"{name}_bucket" for name, (kind, _) in families().items() if kind == "histogram"}
    for where, metric, _, functions in selectors_of(dashboard):
        if metric in counters or metric.endswith("_total"):
            if functions[:1] not in (["rate"], ["increase"]):
                yield f"{where}: {metric} is a counter"


def editable_problems(dashboard):
    if dashboard["editable"] is not False:
        yield "what is edited in Grafana is lost when it is provisioned again"


# --- Rules of our own --------------------------------------------------------------------------


def place_problems(dashboard):
    """Sums over places are of the chosen ones, where one can choose."""
    if "region" not in variables_of(dashboard):
        return
    for where, metric, matchers, _ in selectors_of(dashboard):
        if where.startswith("variable ") or "_region_zone" not in (level(metric) or ""):
            continue
        if (matchers.get("region_id"), matchers.get("zone_id")) != ("=~$region", "=~$zone"):
            yield f"{where}: {metric} of any place"


def fleet_problems(dashboard):
    """What can be asked of all instances at once is recorded, or of few."""
    if not variables_of(dashboard)["instance"]["includeAll"]:
        return
    for where, metric, _, _ in selectors_of(dashboard):
        if not where.startswith("variable ") and level(metric) is None and metric not in SPARSE:
            yield f"{where}: {metric} of ten thousand instances"


def series_problems(dashboard):
    for panel in panels_of(dashboard):
        trees = dashboard_files.trees_of([target["expr"] for target in panel["targets"]])
        most = [promql.most_series(tree, SIZES) for tree in trees.values()]
        # The rows of a table's queries are one where their labels are the same.
        if (max if panel["type"] == "table" else sum)(most) > MOST_SERIES:
            yield f"{panel['title']}: {sum(most)} series"
    for annotation in dashboard["annotations"]["list"]:
        tree = dashboard_files.trees_of([annotation["expr"]])[annotation["expr"]]
        if promql.most_series(tree, SIZES) > MOST_SERIES:
            yield f"annotation {annotation['name']}"


def unknown_names(tree, known):
    """The metrics and labels in an expression that nothing has."""
    metrics = {promql.metric(selector) for selector in tree.all("VectorSelector")}
    yield from (f"no metric {metric}" for metric in sorted(metrics - known.keys()))
    if metrics - known.keys():
        return
    made = {json.loads(argument.text) for call in tree.all("FunctionCall")
            if call.children[0].text == "label_replace" for argument in promql.arguments(call)[1:2]}
    for selector in tree.all("VectorSelector"):
        for label, _, _ in promql.matchers(selector):
            if label not in known[promql.metric(selector)]:
                yield f"{promql.metric(selector)} has no label {label}"
    for labels in tree.all("GroupingLabels"):
        for label in labels.labels():
            if label not in made and not any(label in known[metric] for metric in metrics):
                yield f"nothing has the label {label}"


def unknown_words(text, known):
    """What a text names like a metric, and is none. Families end in "_"; programs have names, too."""
    for name in re.findall(r"(?<![\w:-])(?:[a-z_]+:)?aliyun_ecs_\w+(?::\w+)?", text):
        families = name.endswith("_") and any(metric.startswith(name) for metric in known)
        if name not in known and not families and name not in PROGRAMS:
            yield name


def choice_problems(dashboard):
    """Over time topk chooses anew at every point: more are drawn, and none whole. @ end() chooses once."""
    asked = [(panel["title"], target["expr"]) for panel in panels_of(dashboard) for target in panel["targets"]
             if target["range"]]
    asked += [(annotation["name"], annotation["expr"]) for annotation in dashboard["annotations"]["list"]]
    for where, expression in asked:
        for chosen in re.findall(r"\b(?:top|bottom)k\((.*)", expression, re.DOTALL):
            if "@ end()" not in chosen:
                yield f"{where}: chooses at every point"


def choosable(dashboard):
    return {name for name, variable in variables_of(dashboard).items() if variable.get("hide") != 2}


def forgetful_problems(dashboard):
    """What is chosen is kept on the way to another page where the same can be chosen."""
    for address in (link["url"] for link in dashboard["links"] if link["url"].startswith("/d/")):
        name = re.match(r"/d/aliyun-ecs-(\w+)", address)[1]
        there = choosable(dashboard_files.dashboards()[name])
        kept = set(re.findall(r"\$\{(\w+):queryparam\}", address))
        if kept != (there if there == choosable(dashboard) else {"datasource", "job"}):
            yield f"{address} keeps {sorted(kept)}"


def name_problems(dashboard):
    """Metrics and labels that nothing has: in expressions, in legends and in columns of tables."""
    known = dashboard_files.known_labels()
    expressions = expressions_of(dashboard)
    trees = dashboard_files.trees_of([expression for _, expression in expressions])
    results = {}
    for where, expression in expressions:
        unknown = list(unknown_names(trees[expression], known))
        yield from (f"{where}: {problem}" for problem in unknown)
        if not unknown:
            results[expression] = promql.result_labels(trees[expression].children[0], known)
    for panel in panels_of(dashboard):
        of_panel = [results.get(target["expr"], set()) for target in panel["targets"]]
        for target, labels in zip(panel["targets"], of_panel):
            for label in set(re.findall(r"\{\{(\w+)\}\}", target.get("legendFormat", ""))) - labels:
                yield f"{panel['title']}: no series has the label {label} of the legend"
        of_any = set().union(*of_panel)
        for label in set(re.findall(r"__field\.labels\.(\w+)", json.dumps(panel))) - of_any:
            yield f"{panel['title']}: no series has the label {label} of the link"
        for step in panel.get("transformations", []):
            if step["id"] == "filterFieldsByName":
                columns = step["options"]["include"]["names"]
                values = {f"Value #{target['refId']}" for target in panel["targets"]}
                values = {"Value"} if len(values) == 1 else values
                for column in set(columns) - of_any - values:
                    yield f"{panel['title']}: no row has the column {column}"


def variables_used_problems(dashboard):
    """Everything that is named exists, and everything that can be chosen matters."""
    used = set()
    repeated = "".join(f"${row['repeat']} " for row in rows_of(dashboard) if "repeat" in row)
    for name in re.findall(r"\$\{?([A-Za-z_]\w*)", repeated + json.dumps(dashboard)):
        used.add(name)
        if name not in variables_of(dashboard).keys() | BUILT_IN | {"DS_PROMETHEUS"}:
            yield f"no variable {name}"
    for name in variables_of(dashboard).keys() - used:
        yield f"variable {name} changes nothing"


def links_of(node):
    """Every address in the JSON."""
    if isinstance(node, dict):
        return [address for key, value in node.items()
                for address in ([value] if key == "url" else links_of(value))]
    return [address for value in node for address in links_of(value)] if isinstance(node, list) else []


def link_problems(dashboard):
    anchors = {name.lower() for name in dashboard_files.alert_names()}
    for address in links_of(dashboard):
        page = re.match(r"/d/([\w-]+)\?", address)
        if page and page[1] not in UIDS.values():
            yield f"no dashboard {page[1]}"
        elif page:
            name = page[1].removeprefix("aliyun-ecs-")
            variables = variables_of(dashboard_files.dashboards()[name])
            for variable in re.findall(r"(?:var-|\$\{)(\w+)(?:=|:queryparam)", address):
                if variable not in variables:
                    yield f"{name} has no variable {variable}"
        elif address != RUNBOOKS and address.removeprefix(RUNBOOKS + "#") not in anchors:
            yield f"nothing is at {address}"


def layout_problems(dashboard):
    """Nothing overlaps or leaves the grid, and what is small can still be read at 1280 pixels."""
    placed = [panel["gridPos"] for outer in dashboard["panels"] for panel in [outer, *outer.get("panels", [])]]
    for here, there in itertools.combinations(placed, 2):
        if (here["x"] < there["x"] + there["w"] and there["x"] < here["x"] + here["w"]
                and here["y"] < there["y"] + there["h"] and there["y"] < here["y"] + here["h"]):
            yield f"{here} and {there} overlap"
    for here in placed:
        if here["x"] < 0 or here["x"] + here["w"] > WIDTH or here["y"] < 0:
            yield f"{here} leaves the grid"
        if here["w"] < 4:
            yield f"{here} is too narrow"
    lines = {}
    for here in placed:
        lines[here["y"]] = lines.get(here["y"], 0) + here["w"]
    for y, width in lines.items():
        if width != WIDTH:
            yield f"the line at {y} is {width} wide"
    ids = [panel["id"] for outer in dashboard["panels"] for panel in [outer, *outer.get("panels", [])]]
    if len(set(ids)) < len(ids):
        yield "two panels have one id"


def type_problems(dashboard):
    for panel in panels_of(dashboard):
        if panel["type"] not in TYPES:
            yield f"{panel['title']}: {panel['type']} cannot be drawn here"


def import_problems(dashboard):
    """By hand: Grafana asks for the data source. By provisioning: nothing else needs the answer."""
    if [(asked["name"], asked["type"], asked["pluginId"]) for asked in dashboard["__inputs"]] != [
            ("DS_PROMETHEUS", "datasource", "prometheus")]:
        yield "__inputs"
    if variables_of(dashboard)["datasource"]["current"]["value"] != "${DS_PROMETHEUS}":
        yield "the answer chooses nothing"
    if json.dumps({key: dashboard[key] for key in dashboard if key != "templating"}).count("${DS_PROMETHEUS}"):
        yield "something beside the variable needs the answer"
    needed = {needed["id"] for needed in dashboard["__requires"] if needed["type"] == "panel"}
    if needed != {panel["type"] for panel in panels_of(dashboard)}:
        yield "__requires"


def uid_problems(dashboard):
    name = dashboard["title"].removeprefix("ECS / ").lower()
    if dashboard["uid"] != UIDS.get(name):
        yield f"uid {dashboard['uid']}"
    if "Generated from dashboards/source" not in dashboard["description"]:
        yield "the description does not say where it comes from"


def wrong_pictures(names, folder, readme):
    """Of each dashboard there is a picture light and dark, as wide as promised, and README.md shows it."""
    for name, theme in itertools.product(names, ("light", "dark")):
        picture = f"pictures/{name}-{theme}.png"
        if f'="{picture}"' not in readme:
            yield f"README.md does not show {picture}"
        try:
            with open(os.path.join(folder, picture), "rb") as file:
                start = file.read(24)
        except FileNotFoundError:
            yield f"there is no {picture}"
            continue
        if start[:8] != b"\x89PNG\r\n\x1a\n" or int.from_bytes(start[16:20], "big") != PICTURE_WIDTH:
            yield f"{picture} is no PNG of {PICTURE_WIDTH} pixels"


class Case(harness.Case):
    maxDiff = None

    def setUp(self):
        if not shutil.which("node") or not os.path.isdir(promql.INSTALLED):
            self.skip_or_fail("no node, or no packages for it; tests/run.sh gets both")

    def run_tool(self, *argv, **options):
        return subprocess.run(argv, capture_output=True, text=True, check=False,
                              timeout=harness.DEADLINE, **options)

    def folder(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        return folder.name


class RulesTest(Case):
    """One rule, all dashboards."""

    def holds(self, rule):
        problems = {name: list(rule(dashboard)) for name, dashboard in dashboard_files.dashboards().items()}
        self.assertEqual(problems, {name: [] for name in UIDS})

    def test_the_data_source_can_be_chosen_and_everything_asks_it(self):
        self.holds(datasource_problems)

    def test_the_job_can_be_chosen(self):
        self.holds(job_variable_problems)

    def test_the_instance_can_be_chosen(self):
        self.holds(instance_variable_problems)

    def test_choices_are_those_of_the_time_range(self):
        self.holds(refresh_problems)

    def test_every_panel_has_title_description_unit_query_and_a_word_for_no_data(self):
        self.holds(panel_problems)

    def test_rates_are_over_the_rate_interval(self):
        self.holds(rate_problems)

    def test_every_query_is_of_the_chosen_jobs(self):
        self.holds(job_selector_problems)

    def test_every_query_is_of_the_chosen_instances_where_its_series_have_one(self):
        self.holds(instance_selector_problems)

    def test_counters_are_only_drawn_as_rates_and_increases(self):
        self.holds(counter_problems)

    def test_nobody_edits_a_dashboard_in_grafana(self):
        self.holds(editable_problems)

    def test_every_sum_is_of_the_chosen_places(self):
        self.holds(place_problems)

    def test_a_fleet_is_asked_for_recorded_or_few_series(self):
        self.holds(fleet_problems)

    def test_no_panel_draws_more_than_fifty_series(self):
        self.holds(series_problems)

    def test_every_metric_and_label_exists(self):
        self.holds(name_problems)

    def test_every_metric_and_label_of_the_rules_exists(self):
        known = dashboard_files.known_labels()
        trees = dashboard_files.trees_of([rule["expr"] for rule in dashboard_files.rules()])
        self.assertGreater(len(trees), 50)
        self.assertEqual([problem for tree in trees.values() for problem in unknown_names(tree, known)], [])

    def test_every_metric_that_is_written_about_exists(self):
        known = dashboard_files.known_labels()
        for folder, name in (("alerts", "README.md"), ("alerts", "RUNBOOKS.md"), ("dashboards", "README.md")):
            with open(os.path.join(harness.SOURCE, folder, name), encoding="utf-8") as file:
                self.assertEqual(list(unknown_words(file.read(), known)), [], folder)
        self.assertEqual(list(unknown_words("`job:aliyun_ecs_up:count`, aliyun_ecs_up, aliyun_ecs_spot_", known)),
                         ["job:aliyun_ecs_up:count", "aliyun_ecs_up"])

    def test_what_is_drawn_over_time_is_chosen_once(self):
        self.holds(choice_problems)

    def test_choices_are_kept_on_the_way_to_a_page_of_the_same_kind(self):
        self.holds(forgetful_problems)

    def test_every_variable_exists_and_matters(self):
        self.holds(variables_used_problems)

    def test_every_link_leads_somewhere(self):
        self.holds(link_problems)

    def test_panels_fill_the_grid_without_overlapping(self):
        self.holds(layout_problems)

    def test_every_panel_can_be_drawn_here(self):
        self.holds(type_problems)

    def test_they_can_be_imported_by_hand_and_provisioned(self):
        self.holds(import_problems)

    def test_addresses_are_stable(self):
        self.holds(uid_problems)


class PicturesTest(Case):
    def test_readme_shows_every_dashboard_light_and_dark(self):
        with open(os.path.join(FOLDER, "README.md"), encoding="utf-8") as file:
            readme = file.read()
        self.assertEqual(list(wrong_pictures(UIDS, FOLDER, readme)), [])
        self.assertIn("Grafana's component libraries, not a Grafana server", " ".join(readme.split()))

    def test_a_picture_that_is_missing_narrow_or_not_shown_is_seen(self):
        folder = self.folder()
        os.mkdir(os.path.join(folder, "pictures"))
        with open(os.path.join(FOLDER, "pictures", "spot-dark.png"), "rb") as file:
            good = bytearray(file.read(24))
        good[16:20] = (1000).to_bytes(4, "big")
        with open(os.path.join(folder, "pictures", "spot-light.png"), "wb") as file:
            file.write(good)
        self.assertEqual(list(wrong_pictures(["spot"], folder, 'src="pictures/spot-light.png"')), [
            "pictures/spot-light.png is no PNG of 1280 pixels",
            "README.md does not show pictures/spot-dark.png",
            "there is no pictures/spot-dark.png"])


def set_panel(**changes):
    def change(dashboard):
        panels_of(dashboard)[0].update(changes)
    return change


def set_default(key, value):
    def change(dashboard):
        panels_of(dashboard)[0]["fieldConfig"]["defaults"][key] = value
    return change


def set_expression(expression):
    def change(dashboard):
        panels_of(dashboard)[0]["targets"][0]["expr"] = expression
    return change


def set_variable(name, **changes):
    def change(dashboard):
        variables_of(dashboard)[name].update(changes)
    return change


def set_top(**changes):
    return lambda dashboard: dashboard.update(changes)


def drop_variable(name):
    def change(dashboard):
        dashboard["templating"]["list"].remove(variables_of(dashboard)[name])
    return change


OURS = '{job=~"$job", instance=~"$instance"}'

# A rule, the dashboard, and what is broken in it.
BROKEN = [
    (datasource_problems, "fleet", set_panel(datasource={"type": "prometheus", "uid": "abc"})),
    (datasource_problems, "fleet", set_variable("datasource", label="Source")),
    (job_variable_problems, "fleet", drop_variable("job")),
    (job_variable_problems, "fleet", set_variable("job", allValue=".*")),
    (instance_variable_problems, "fleet", set_variable("instance", multi=False)),
    (refresh_problems, "fleet", set_variable("zone", refresh=1)),
    (panel_problems, "fleet", set_panel(title="")),
    (panel_problems, "fleet", set_panel(description="")),
    (panel_problems, "fleet", set_panel(targets=[])),
    (panel_problems, "fleet", set_default("unit", "parsecs")),
    (panel_problems, "fleet", set_default("noValue", "")),
    (rate_problems, "exporter", set_expression(f"rate(aliyun_ecs_metadata_throttled_total{OURS}[5m])")),
    (job_selector_problems, "exporter", set_expression('sum(up{instance=~"$instance"})')),
    (job_selector_problems, "exporter", set_expression('sum(up{job="$job", instance=~"$instance"})')),
    (instance_selector_problems, "exporter", set_expression('sum(up{job=~"$job"})')),
    (instance_selector_problems, "fleet",
     set_expression('sum(instance:aliyun_ecs_instance_info:identified{job=~"$job"})')),
    (counter_problems, "exporter", set_expression(f"max(aliyun_ecs_metadata_throttled_total{OURS})")),
    (counter_problems, "exporter", set_expression(f"sum(node_network_receive_bytes_total{OURS})")),
    (editable_problems, "spot", set_top(editable=True)),
    (place_problems, "fleet", set_expression('sum(job_region_zone:aliyun_ecs_metadata_up:sum{job=~"$job"})')),
    (fleet_problems, "fleet", set_expression(f"sum(aliyun_ecs_metadata_up{OURS})")),
    (series_problems, "exporter", set_expression(f"up{OURS}")),
    (series_problems, "exporter", set_expression(f"topk(51, up{OURS})")),
    (series_problems, "exporter", set_expression(f"sum by (instance) (up{OURS})")),
    (series_problems, "exporter", set_expression(f"up{OURS} and on (job) topk(20, up{OURS})")),
    (series_problems, "exporter", set_expression(f"topk(30, up{OURS}) or topk(30, up{OURS})")),
    (name_problems, "exporter", set_expression(f"sum(aliyun_ecs_up{OURS})")),
    (name_problems, "exporter", set_expression('sum(up{state="none"})')),
    (name_problems, "exporter", set_expression(f"sum by (state) (up{OURS})")),
    (name_problems, "exporter", set_panel(targets=[
        {"refId": "A", "expr": f"sum by (job) (up{OURS})", "legendFormat": "{{instance}}"}])),
    (choice_problems, "exporter", set_panel(targets=[
        {"refId": "A", "expr": f"topk(20, up{OURS})", "range": True}])),
    (choice_problems, "exporter", lambda dashboard: dashboard["annotations"]["list"][0].update(expr="topk(50, up)")),
    (forgetful_problems, "spot", lambda dashboard: dashboard["links"][0].update(
        url="/d/aliyun-ecs-fleet?${datasource:queryparam}&${job:queryparam}")),
    (forgetful_problems, "fleet", lambda dashboard: dashboard["links"][0].update(
        url="/d/aliyun-ecs-instance?${datasource:queryparam}&${job:queryparam}&${instance:queryparam}")),
    (variables_used_problems, "exporter", set_expression('sum(up{job=~"$jobs"})')),
    (variables_used_problems, "instance", lambda dashboard: dashboard["templating"]["list"].append(
        {**variables_of(dashboard)["job"], "name": "idle"})),
    (link_problems, "fleet", set_panel(links=[{"url": RUNBOOKS + "#aliyunecsspotdrills"}])),
    (link_problems, "fleet", set_panel(links=[{"url": "/d/aliyun-ecs-fleets?"}])),
    (link_problems, "fleet", set_panel(links=[{"url": "/d/aliyun-ecs-instance?var-zone=a"}])),
    (layout_problems, "fleet", set_panel(gridPos={"x": 4, "y": 0, "w": 4, "h": 4})),
    (layout_problems, "fleet", set_panel(gridPos={"x": 21, "y": 0, "w": 4, "h": 4})),
    (layout_problems, "fleet", set_panel(gridPos={"x": 0, "y": 0, "w": 3, "h": 4})),
    (layout_problems, "fleet", set_panel(id=2)),
    (type_problems, "fleet", set_panel(type="gauge")),
    (import_problems, "fleet", set_top(__inputs=[])),
    (import_problems, "fleet", set_panel(datasource={"uid": "${DS_PROMETHEUS}"})),
    (import_problems, "fleet", set_panel(type="gauge")),
    (uid_problems, "fleet", set_top(uid="fleet")),
    (uid_problems, "fleet", set_top(description="All instances.")),
]


class BrokenCopiesTest(Case):
    def test_every_rule_finds_what_is_broken(self):
        for number, (rule, name, change) in enumerate(BROKEN):
            with self.subTest(f"{rule.__name__}, {number}"):
                dashboard = dashboard_files.dashboards()[name]
                change(dashboard)
                self.assertNotEqual(list(rule(dashboard)), [])

    def test_every_rule_is_tried(self):
        rules = {function for name, function in globals().items()
                 if name.endswith("_problems") and name != "variable_problems"}
        self.assertEqual({rule for rule, _, _ in BROKEN}, rules)


class FilesTest(Case):
    def test_there_are_four_with_thirty_panels_or_more(self):
        dashboards = dashboard_files.dashboards()
        self.assertEqual(dashboards.keys(), UIDS.keys())
        self.assertGreaterEqual(sum(len(panels_of(dashboard)) for dashboard in dashboards.values()), 30)
        self.assertGreaterEqual(len(exposed()), 40)

    def test_they_are_what_the_source_describes(self):
        folder = self.folder()
        done = self.run_tool(os.path.join(FOLDER, "generate.sh"), folder)
        self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""))
        for name, text in dashboard_files.shipped().items():
            with open(os.path.join(folder, f"{name}.json"), encoding="utf-8") as file:
                self.assertTrue(file.read() == text, f"{name}.json is stale: run dashboards/generate.sh")

    def test_two_generations_of_prometheus_accept_every_query(self):
        queries = sorted({dashboard_files.parsable(expression)
                          for dashboard in dashboard_files.dashboards().values()
                          for _, expression in expressions_of(dashboard)})
        path = os.path.join(self.folder(), "rules.yml")
        for path_of_tool in PROMTOOLS:
            promtool = shutil.which("promtool", path=path_of_tool)
            if not promtool:
                self.skip_or_fail("no promtool; tests/run.sh gets it")
            for broken in ([], ["sum(up"], ["rate(up)"]):
                rules = [{"record": f"a:b:{number}", "expr": query}
                         for number, query in enumerate(queries + broken)]
                with open(path, "w", encoding="utf-8") as file:
                    json.dump({"groups": [{"name": "queries", "rules": rules}]}, file)
                done = self.run_tool(promtool, "check", "rules", path)
                self.assertEqual(done.returncode == 0, not broken, done.stdout + done.stderr)

    def test_every_query_has_a_tree_for_the_other_tests(self):
        for dashboard in dashboard_files.dashboards().values():
            queries = [expression for _, expression in expressions_of(dashboard)]
            for query, tree in dashboard_files.trees_of(queries).items():
                self.assertFalse(promql.is_wrong(tree), query)
        self.assertTrue(promql.is_wrong(promql.parse(["sum(up"])[0]))

    def check_types(self, texts):
        """What tsc says of these against the types that Grafana publishes."""
        folder = self.folder()
        types = os.path.join(promql.INSTALLED, "@grafana", "schema", "dist", "types")
        options = {
            "strict": True, "noEmit": True, "skipLibCheck": True, "target": "es2022", "module": "esnext",
            "moduleResolution": "bundler", "types": [], "paths": {
                "@grafana/schema": [os.path.join(types, "index.d.ts")],
                "panels/*": [os.path.join(types, "raw", "composable", "*")],
                "schema": [os.path.join(HELPERS, "schema.ts")]}}
        with open(os.path.join(folder, "tsconfig.json"), "w", encoding="utf-8") as file:
            json.dump({"compilerOptions": options, "include": ["*.ts"]}, file)
        for name, text in texts.items():
            with open(os.path.join(folder, f"{name}.ts"), "w", encoding="utf-8") as file:
                file.write("import type { DashboardFile } from 'schema';\n"
                           f"export const dashboard: DashboardFile = {text}")
        tsc = os.path.join(promql.INSTALLED, "typescript", "bin", "tsc")
        return self.run_tool("node", tsc, "--project", folder, cwd=folder).stdout

    def test_they_have_the_types_that_grafana_publishes(self):
        self.assertEqual(self.check_types(dashboard_files.shipped()), "")

    def test_other_types_are_found(self):
        text = dashboard_files.shipped()["fleet"]
        broken = {}
        for number, (old, new) in enumerate([
                ('"graphTooltip": 1', '"graphTooltip": 7'), ('"h": 4', '"h": "4"'),
                ('"colorMode": "value"', '"colorMode": "values"'), ('"refresh": 2', '"refresh": "2"'),
                ('"showHeader": true', '"header": true'), ('"mode": "absolute"', '"mode": "relative"'),
                ('"expr":', '"query":')]):
            self.assertIn(old, text)
            broken[f"broken{number}"] = text.replace(old, new, 1)
        said = self.check_types(broken)
        for name in broken:
            self.assertIn(f"{name}.ts", said)

    def test_alerts_lead_to_dashboards_and_variables_that_exist(self):
        dashboards = dashboard_files.dashboards()
        addresses = [rule["annotations"]["dashboard_url"] for rule in dashboard_files.rules() if "alert" in rule]
        self.assertGreaterEqual(len(addresses), 14)
        for address in addresses:
            name = re.match(r"https://grafana\.example/d/aliyun-ecs-(\w+)\?", address)[1]
            for variable in re.findall(r"[?&]var-(\w+)=", address):
                self.assertIn(variable, variables_of(dashboards[name]), address)

    def test_the_same_interfaces_count_as_in_the_rules(self):
        counted = re.compile(r'node_network_\w+\{[^}]*device=~("[^"]+")')
        of_rules = {found for rule in dashboard_files.rules() for found in counted.findall(rule["expr"])}
        of_panels = {found for _, expression in expressions_of(dashboard_files.dashboards()["instance"])
                     for found in counted.findall(expression)}
        self.assertEqual((len(of_rules), of_panels), (1, of_rules))

    def test_the_command_for_several_clusters_reaches_every_list_of_theirs(self):
        with open(os.path.join(harness.SOURCE, "alerts", "README.md"), encoding="utf-8") as file:
            (command,) = re.findall(r"^    (sed .*cluster.*) \*\.yml$", file.read(), re.MULTILINE)
        folder = self.folder()
        for name, text in dashboard_files.shipped().items():
            with open(os.path.join(folder, f"{name}.json"), "w", encoding="utf-8") as file:
                file.write(text)
        done = self.run_tool("bash", "-c", f"cd {folder} && {command} *.json")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        lists = 0
        for name in dashboard_files.shipped():
            with open(os.path.join(folder, f"{name}.json"), encoding="utf-8") as file:
                expressions = [expression for _, expression in expressions_of(json.load(file))]
            for tree in dashboard_files.trees_of(expressions).values():
                for labels in tree.all("GroupingLabels"):
                    if "instance" in labels.labels():
                        lists += "cluster" in labels.labels()
                        self.assertIn("cluster", labels.labels(), labels.parent.text)
        self.assertGreater(lists, 10)

    def test_provisioning_reads_the_folder_and_names_a_prometheus(self):
        with open(os.path.join(FOLDER, "provisioning", "dashboards.yaml"), encoding="utf-8") as file:
            (provider,) = yaml.safe_load(file)["providers"]
        self.assertEqual((provider["type"], provider["allowUiUpdates"]), ("file", False))
        with open(os.path.join(FOLDER, "provisioning", "datasources.yaml"), encoding="utf-8") as file:
            (datasource,) = yaml.safe_load(file)["datasources"]
        self.assertEqual((datasource["type"], datasource["isDefault"]), ("prometheus", True))

    def test_packages_are_pinned_and_their_lock_names_no_registry(self):
        folder = os.path.join(FOLDER, "source")
        with open(os.path.join(folder, "package.json"), encoding="utf-8") as file:
            package = json.load(file)
        for version in {**package["dependencies"], **package["devDependencies"]}.values():
            self.assertRegex(version, r"^\d+\.\d+\.\d+$")
        with open(os.path.join(folder, "package-lock.json"), encoding="utf-8") as file:
            self.assertNotRegex(file.read(), r'"resolved"|https?://(?!github\.com/sponsors)')

    def test_the_readme_names_every_dashboard(self):
        with open(os.path.join(FOLDER, "README.md"), encoding="utf-8") as file:
            readme = file.read()
        for path in glob.glob(os.path.join(FOLDER, "*.json")):
            self.assertIn(os.path.basename(path), readme)
        for name, dashboard in dashboard_files.dashboards().items():
            self.assertIn(f"{len(panels_of(dashboard))} panels", readme, name)


if __name__ == "__main__":
    harness.main()
