"""What kubectl makes of docker/kubernetes: valid, as strict as it says, and what rules and flags rest on.

tests/packaging/kubernetes.sh gets the tools and runs it. No cluster has seen any of it.
"""

import functools
import glob
import json
import os
import re
import shutil
import subprocess
import tempfile
import urllib.parse

import harness
import kubernetes_files
from kubernetes_files import DASHBOARDS, FOLDER, objects_of, read

TOOLS = os.path.join(harness.SOURCE, "build", "_tools")
KUBECTL = os.path.join(TOOLS, "kubernetes", "usr", "bin", "kubectl")
MODULES = os.path.join(TOOLS, "kubernetes-models", "node_modules")
VALIDATE = os.path.join(harness.SOURCE, "tests", "e2e", "kubernetes", "validate.mjs")
PROMTOOLS = [shutil.which("promtool", path=path) for path in (
    os.environ["PATH"] + os.pathsep + os.path.join(TOOLS, "usr", "bin"),
    os.path.join(TOOLS, "alerts", "usr", "bin"))]

# kubectl apply keeps the object in an annotation; this is what all of them may take.
ANNOTATIONS = 256 * 1024

POD, STRAIGHT = "pod-network", "straight-to-alertmanager"

# Of the pod, in its environment.
FIELDS = ("status.hostIP", "metadata.namespace", "spec.nodeName")

# What may be in a pod under Pod Security "restricted", of the volumes.
VOLUMES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "name", "persistentVolumeClaim",
           "projected", "secret"}


def everything(text):
    """kustomization.yaml as somebody would change it who wants it all, and has namespaces of other names."""
    return uncomment(text).replace("namespace: aliyun-ecs", "namespace: elsewhere").replace(
        ".monitoring.svc:", ".observability.svc:")


def uncomment(text):
    """With everything that is offered in a comment: components, settings, labels, patches."""
    text = re.sub(r"^(\s*)# (?=- [A-Za-z_-]+(?:=|$))", r"\1", text, flags=re.MULTILINE)
    return re.sub(r"^# ?(?=(?:labels|patches):$|  )", "", text, flags=re.MULTILINE)


def render(folder):
    done = subprocess.run([KUBECTL, "kustomize", folder], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          env={"PATH": os.environ["PATH"], "HOME": "/nonexistent"}, text=True)
    assert done.returncode == 0, done.stderr
    return objects_of(done.stdout)


def render_changed(change):
    """With kustomization.yaml as that makes it."""
    with tempfile.TemporaryDirectory() as folder:
        for part in ("dashboards", "docker/kubernetes"):
            shutil.copytree(os.path.join(harness.SOURCE, part), os.path.join(folder, part))
        path = os.path.join(folder, "docker", "kubernetes", "kustomization.yaml")
        text = change(read(path))
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return render(os.path.dirname(path))


def render_parts(*parts):
    """With these alone, in this order."""
    def change(text):
        if STRAIGHT in parts:
            text = re.sub(r"# (?=- (?:\w+_ALERTMANAGER_URL|EXTERNAL_LABELS)=)", "", text)
        return re.sub(r"^components:\n(?:  .*\n)+", f"components: {json.dumps(parts)}\n", text,
                      flags=re.MULTILINE)
    return render_changed(change)


@functools.cache
def variants():
    return {"shipped": render(FOLDER), "simulator": render(os.path.join(FOLDER, "simulator")),
            "everything": render_changed(everything)}


def of_kind(objects, kind):
    return {each["metadata"]["name"]: each for each in objects if each["kind"] == kind}


def only(objects, kind):
    (found,) = of_kind(objects, kind).values()
    return found


def validate(objects):
    done = subprocess.run(["node", VALIDATE, MODULES], input=json.dumps(objects), check=True,
                          stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout)


def exporter_of(objects):
    """The container."""
    pod = only(objects, "DaemonSet")["spec"]["template"]["spec"]
    (found,) = [each for each in pod["containers"] if each["name"] == "exporter"]
    return found


def command_line(container):
    """What runs: the ENTRYPOINT of the image, which is the stage of that name, unless the pod says otherwise."""
    dockerfile = read(os.path.join(harness.SOURCE, "docker", "Dockerfile"))
    stage = re.search(rf"^FROM \S+ AS {container['name']}\n(.*?)(?:^FROM|\Z)", dockerfile,
                      re.MULTILINE | re.DOTALL)[1]
    entrypoint = json.loads(re.search(r"^ENTRYPOINT (.+)", stage, re.MULTILINE)[1])
    return container.get("command", entrypoint) + container.get("args", [])


def environment_of(objects, fields):
    """The variables that the exporter gets on a node with these fields, as kubelet puts them together."""
    container = exporter_of(objects)
    maps = {name: each.get("data", {}) for name, each in of_kind(objects, "ConfigMap").items()}
    found = {}
    for source in container["envFrom"]:
        found.update(maps[source["configMapRef"]["name"]])
    known = {}  # what $(…) may name: what stands before it in env
    for variable in container["env"]:
        if "value" in variable:
            value = re.sub(r"\$\((\w+)\)", lambda match: known[match[1]], variable["value"])
        elif "fieldRef" in variable["valueFrom"]:
            value = fields[variable["valueFrom"]["fieldRef"]["fieldPath"]]
        else:
            reference = variable["valueFrom"]["configMapKeyRef"]
            value = maps[reference["name"]][reference["key"]]
        known[variable["name"]] = value
    return {**found, **known}


def label_of(kubernetes_name):
    return re.sub(r"[^A-Za-z0-9_]", "_", kubernetes_name)


def snake_case(name):
    return re.sub(r"[A-Z]", lambda match: "_" + match[0].lower(), name)


def scrape_config(monitor, targets):
    """What the Prometheus operator makes of a PodMonitor, with these targets in place of Kubernetes'."""
    namespace, name = (monitor["metadata"][key] for key in ("namespace", "name"))
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    relabelings = [
        {"action": "drop", "source_labels": ["__meta_kubernetes_pod_phase"], "regex": "(Failed|Succeeded)"}]
    for key, value in monitor["spec"]["selector"]["matchLabels"].items():
        relabelings.append({"action": "keep", "regex": f"({value});true", "source_labels": [
            f"__meta_kubernetes_pod_{part}_{label_of(key)}" for part in ("label", "labelpresent")]})
    relabelings.append({"action": "keep", "regex": endpoint["port"],
                        "source_labels": ["__meta_kubernetes_pod_container_port_name"]})
    for source, target in (("namespace", "namespace"), ("pod_container_name", "container"),
                           ("pod_name", "pod")):
        relabelings.append({"source_labels": [f"__meta_kubernetes_{source}"], "target_label": target})
    relabelings += [
        {"target_label": "job", "replacement": f"{namespace}/{name}"},
        {"source_labels": ["__meta_kubernetes_pod_label_" + label_of(monitor["spec"].get("jobLabel", ""))],
         "target_label": "job", "regex": "(.+)", "replacement": "${1}"},
        {"target_label": "endpoint", "replacement": endpoint["port"]}]
    relabelings += [{snake_case(key): value for key, value in relabeling.items()}
                    for relabeling in endpoint["relabelings"]]
    return {"scrape_configs": [{
        "job_name": f"podMonitor/{namespace}/{name}/0", "scrape_interval": endpoint["interval"],
        "scrape_timeout": endpoint["scrapeTimeout"], "relabel_configs": relabelings,
        "static_configs": [{"targets": [target.pop("__address__")], "labels": target} for target in targets]}]}


def targets_of(daemon_set, namespace, host, pod):
    """What Prometheus' discovery of pods finds of a pod: a target for each port, or one without any."""
    template = daemon_set["spec"]["template"]
    pod_ip = host if template["spec"].get("hostNetwork") else pod
    common = {
        "__meta_kubernetes_namespace": namespace, "__meta_kubernetes_pod_host_ip": host,
        "__meta_kubernetes_pod_ip": pod_ip, "__meta_kubernetes_pod_name": "aliyun-ecs-exporter-x7k2p",
        "__meta_kubernetes_pod_node_name": "cn-hangzhou.10.0.0.7", "__meta_kubernetes_pod_phase": "Running",
        "__meta_kubernetes_pod_ready": "false"}
    for key, value in template["metadata"]["labels"].items():
        common[f"__meta_kubernetes_pod_label_{label_of(key)}"] = value
        common[f"__meta_kubernetes_pod_labelpresent_{label_of(key)}"] = "true"
    bracketed = f"[{pod_ip}]" if ":" in pod_ip else pod_ip
    for container in template["spec"]["containers"]:
        of_container = {**common, "__meta_kubernetes_pod_container_name": container["name"]}
        for port in container.get("ports", []):
            yield {**of_container, "__address__": f"{bracketed}:{port['containerPort']}",
                   "__meta_kubernetes_pod_container_port_name": port["name"]}
        if not container.get("ports"):
            yield {**of_container, "__address__": bracketed}


class RenderedTest(harness.Case):
    def folder(self):
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder)
        return folder

    def write(self, value):
        path = os.path.join(self.folder(), "value.yml")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(value, file)
        return path

    def test_has_what_it_should(self):
        kinds = {name: sorted({each["kind"] for each in objects}) for name, objects in variants().items()}
        base = ["ConfigMap", "DaemonSet", "Namespace", "ServiceAccount"]
        operator = ["PodMonitor", "PrometheusRule"]
        self.assertEqual(kinds, {
            "simulator": base, "shipped": sorted(base + operator),
            "everything": sorted(base + operator + ["AlertmanagerConfig", "NetworkPolicy"])})

    def test_what_is_offered_in_comments_works(self):
        objects = variants()["everything"]
        (term,) = only(objects, "DaemonSet")["spec"]["template"]["spec"]["affinity"]["nodeAffinity"][
            "requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
        self.assertEqual([each["key"] for each in term["matchExpressions"]],
                         ["type", "node.alibabacloud.com/spot-strategy"])
        for kind in ("PodMonitor", "PrometheusRule"):
            for each in of_kind(objects, kind).values():
                self.assertEqual(each["metadata"]["labels"], {"release": "kube-prometheus-stack"})
        settings = dict(re.findall(r"^ +- ([A-Z_]+)=(.*)", everything(read(os.path.join(
            FOLDER, "kustomization.yaml"))), re.MULTILINE))
        self.assertIn("EXTERNAL_LABELS", settings)
        found = environment_of(objects, dict.fromkeys(FIELDS, ""))
        self.assertEqual({key: found.get(key) for key in settings}, settings)

    def test_the_schemas_accept_it(self):
        for name, objects in variants().items():
            for each, problems in zip(objects, validate(objects)):
                self.assertEqual(problems, [], f"{name}: {each['kind']} {each['metadata']['name']}")

    def test_the_schemas_refuse_what_is_wrong(self):
        def change(kind, path, value):
            found = of_kind(variants()["everything"], kind)
            wrong = json.loads(json.dumps(found[min(found)]))
            place = wrong
            for key in path[:-1]:
                place = place[key]
            place[path[-1]] = value
            (problems,) = validate([wrong])
            self.assertEqual(len(problems), 1, f"{kind} {path}: {problems}")

        pod = ["spec", "template", "spec"]
        change("DaemonSet", [*pod, "hostNetwork"], "yes")
        change("DaemonSet", [*pod, "hostNetworks"], True)
        change("DaemonSet", [*pod, "containers", 0, "securityContext", "capabilities", "drops"], ["ALL"])
        change("DaemonSet", ["specs"], {})
        change("Namespace", ["metadata", "label"], {})
        change("PodMonitor", ["spec", "podMetricsEndpoints", 0, "relabeling"], [])
        change("PodMonitor", ["spec", "podMetricsEndpoints", 0, "interval"], "often")
        change("NetworkPolicy", ["spec", "egress", 0, "too"], [])
        self.assertEqual(len(validate([{"apiVersion": "v9", "kind": "Pod", "metadata": {"name": "a"}}])[0]), 1)

    def test_everything_is_in_one_namespace(self):
        for name, objects in variants().items():
            namespace = only(objects, "Namespace")["metadata"]["name"]
            self.assertEqual(namespace, "elsewhere" if name == "everything" else "aliyun-ecs")
            for each in objects:
                if each["kind"] != "Namespace":
                    self.assertEqual(each["metadata"]["namespace"], namespace)

    def test_the_pod_is_restricted_but_for_the_network(self):
        for name, objects in variants().items():
            pod = only(objects, "DaemonSet")["spec"]["template"]["spec"]
            level = only(objects, "Namespace")["metadata"]["labels"]["pod-security.kubernetes.io/enforce"]
            self.assertEqual(level, "privileged" if pod["hostNetwork"] else "restricted", name)
            self.assertEqual(pod["hostNetwork"], name != "everything")
            self.assertFalse(pod["automountServiceAccountToken"])
            self.assertFalse(only(objects, "ServiceAccount")["automountServiceAccountToken"])
            self.assertEqual(pod["serviceAccountName"], only(objects, "ServiceAccount")["metadata"]["name"])
            self.assertEqual(pod["securityContext"], {
                "runAsNonRoot": True, "runAsUser": 65532, "runAsGroup": 65532,
                "seccompProfile": {"type": "RuntimeDefault"}})
            for container in pod["containers"]:
                self.assertEqual(container["securityContext"], {
                    "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True,
                    "capabilities": {"drop": ["ALL"]}})
                self.assertIn("memory", container["resources"]["limits"])
            for volume in pod["volumes"]:
                self.assertLessEqual(set(volume), VOLUMES)
            self.assertFalse({"hostPID", "hostIPC"} & set(pod))

    def test_the_exporter_takes_its_settings(self):
        fields = {"status.hostIP": "10.0.0.7", "metadata.namespace": "elsewhere",
                  "spec.nodeName": "cn-hangzhou.10.0.0.7"}
        for name, objects in variants().items():
            variables = environment_of(objects, fields)
            (mount,) = exporter_of(objects)["volumeMounts"]
            state = variables["ALIYUN_ECS_EXPORTER_STATE_FILE"]
            self.assertEqual(os.path.dirname(state), mount["mountPath"])
            variables["ALIYUN_ECS_EXPORTER_STATE_FILE"] = os.path.join(self.folder(), "state.json")
            for wrong in ({}, {"ALIYUN_ECS_EXPORTER_POLL_BUDGETS": "2"}):
                done = subprocess.run([harness.EXPORTER, "--config.check"], text=True, stdout=subprocess.PIPE,
                                      stderr=subprocess.STDOUT, env=harness.environment(**variables, **wrong))
                self.assertEqual(done.returncode == 0, not wrong, f"{name}: {done.stdout}")

    def test_the_probes_and_the_port_are_the_exporters(self):
        exporter = exporter_of(variants()["shipped"])
        (port,) = exporter["ports"]
        text = subprocess.run([harness.EXPORTER, "--help"], check=True, stdout=subprocess.PIPE, text=True).stdout
        self.assertIn(f"--web.listen-address ADDRESS=:{port['containerPort']}\n", text)
        self.start_simulator()
        self.start_exporter()
        self.exporter.wait_for("ready: ")
        for probe, path in (("livenessProbe", "/-/healthy"), ("readinessProbe", "/-/ready")):
            self.assertEqual(exporter[probe]["httpGet"], {"path": path, "port": port["name"]})
            self.page(path)

    def test_the_programs_run_without_flags(self):
        for name, objects in variants().items():
            for container in only(objects, "DaemonSet")["spec"]["template"]["spec"]["containers"]:
                self.assertEqual(command_line(container), [f"/aliyun_ecs_{container['name']}"], name)

    def test_the_simulator_is_where_the_exporter_looks_and_on_loopback(self):
        variables = environment_of(variants()["simulator"], {})
        text = subprocess.run([harness.SIMULATOR, "--help"], check=True, stdout=subprocess.PIPE, text=True).stdout
        metadata, control = (re.search(rf"HOST:PORT to serve {what} on.*?\((\S+:\d+)\)", text)[1]
                             for what in ("metadata", "the control API"))
        self.assertEqual(variables["ALIYUN_ECS_EXPORTER_METADATA_URL"], "http://" + metadata)
        for address in (metadata, control):
            self.assertEqual(address.rpartition(":")[0], "127.0.0.1")

    def test_the_dashboards_are_those_of_the_folder(self):
        maps = of_kind(variants()["shipped"], "ConfigMap")
        dashboards = {name: each for name, each in maps.items() if "grafana_dashboard" in each["metadata"].get(
            "labels", {})}
        found = {}
        for each in dashboards.values():
            self.assertEqual(each["metadata"]["labels"]["grafana_dashboard"], "1")
            self.assertLess(len(json.dumps(each).encode()), ANNOTATIONS)
            found.update(each["data"])
        self.assertEqual(found, {os.path.basename(path): read(path)
                                 for path in glob.glob(os.path.join(DASHBOARDS, "*.json"))})

    def test_prometheus_takes_the_rules(self):
        rules = of_kind(variants()["shipped"], "PrometheusRule")
        self.assertEqual({name: rule["spec"] for name, rule in rules.items()}, {
            f"aliyun-ecs-{name}": objects_of(read(path))[0] for name, path in kubernetes_files.rules().items()})
        paths = [self.write(rule["spec"]) for rule in rules.values()]
        for promtool in PROMTOOLS:
            subprocess.run([promtool, "check", "rules", "--lint-fatal", *paths], check=True,
                           stdout=subprocess.DEVNULL)

    def discovered(self, promtool, objects, host, pod):
        """The labels of what Prometheus would scrape of a pod."""
        monitor, namespace = only(objects, "PodMonitor"), only(objects, "Namespace")["metadata"]["name"]
        targets = targets_of(only(objects, "DaemonSet"), namespace, host, pod)
        config = scrape_config(monitor, targets)
        done = subprocess.run(
            [promtool, "check", "service-discovery", self.write(config), config["scrape_configs"][0]["job_name"],
             "--timeout=5s"], check=True, stdout=subprocess.PIPE, text=True)
        return [each["labels"] for each in json.loads(done.stdout) if each["labels"]]

    def test_job_and_instance_are_what_the_rules_assume(self):
        for promtool in PROMTOOLS:
            for name in ("shipped", "everything"):
                for host, pod, instance in (("10.0.0.7", "10.9.0.3", "10.0.0.7:10200"),
                                            ("2001:db8::7", "2001:db8:9::3", "[2001:db8::7]:10200")):
                    (labels,) = self.discovered(promtool, variants()[name], host, pod)
                    scraped = pod if name == "everything" else host
                    self.assertEqual(labels["__address__"], f"[{scraped}]:10200" if ":" in host
                                     else f"{scraped}:10200")
                    self.assertEqual(
                        {key: value for key, value in labels.items() if not key.startswith("__")},
                        {"job": "aliyun-ecs-exporter", "instance": instance, "node": "cn-hangzhou.10.0.0.7",
                         "namespace": "elsewhere" if name == "everything" else "aliyun-ecs"})

    def test_the_exporters_own_alert_has_the_labels_of_prometheus(self):
        objects = variants()["everything"]
        variables = environment_of(objects, {
            "status.hostIP": "10.0.0.7", "metadata.namespace": "elsewhere",
            "spec.nodeName": "cn-hangzhou.10.0.0.7"})
        own = dict(label.split("=") for label in variables["ALIYUN_ECS_EXPORTER_ALERTMANAGER_LABEL"].split(","))
        external = dict(label.split("=") for label in variables["EXTERNAL_LABELS"].split(","))
        (target,) = self.discovered(PROMTOOLS[0], objects, "10.0.0.7", "10.9.0.3")
        self.assertEqual(own, {**external, **{
            key: value for key, value in target.items() if not key.startswith("__")}})

    def assert_the_policies_let_through_what_is_needed(self, objects, monitoring):
        """That, and nothing else; on the host's network, that none selects the pod."""
        template = only(objects, "DaemonSet")["spec"]["template"]
        policies = [each["spec"] for each in of_kind(objects, "NetworkPolicy").values()
                    if each["spec"]["podSelector"]["matchLabels"].items() <= template["metadata"]["labels"].items()]
        if template["spec"]["hostNetwork"]:
            self.assertEqual(policies, [])
            return
        allowed = {kind: [rule for policy in policies if kind in policy["policyTypes"]
                          for rule in policy[kind.lower()]] for kind in ("Ingress", "Egress")}

        def tcp(port):
            return [{"port": port, "protocol": "TCP"}]

        def namespace(name):
            return [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}}}]

        self.assertEqual(allowed["Ingress"], [{"from": namespace(monitoring), "ports": tcp("metrics")}])
        text = subprocess.run([harness.EXPORTER, "--help"], check=True, stdout=subprocess.PIPE, text=True).stdout
        address = re.search(r"--metadata.url URL=http://(\S+)", text)[1]
        needed = [{"to": [{"ipBlock": {"cidr": f"{address}/32"}}], "ports": tcp(80)}]
        variables = environment_of(objects, dict.fromkeys(FIELDS, ""))
        if "ALIYUN_ECS_EXPORTER_ALERTMANAGER_URL" in variables:
            service = urllib.parse.urlsplit(variables["ALIYUN_ECS_EXPORTER_ALERTMANAGER_URL"])
            needed += [{"ports": [{"port": 53, "protocol": "UDP"}, *tcp(53)]},
                       {"to": namespace(service.hostname.split(".")[1]), "ports": tcp(service.port)}]
        self.assertCountEqual(allowed["Egress"], needed)

    def test_the_policies_let_through_what_is_needed(self):
        for parts in ((), (POD,), (STRAIGHT,), (POD, STRAIGHT), (STRAIGHT, POD)):
            with self.subTest(parts):
                objects = render_parts(*parts)
                self.assertEqual(only(objects, "DaemonSet")["spec"]["template"]["spec"]["hostNetwork"],
                                 POD not in parts)
                self.assertEqual("ALIYUN_ECS_EXPORTER_ALERTMANAGER_LABEL" in environment_of(
                    objects, dict.fromkeys(FIELDS, "")), STRAIGHT in parts)
                self.assert_the_policies_let_through_what_is_needed(objects, "monitoring")
        self.assert_the_policies_let_through_what_is_needed(variants()["everything"], "observability")

    def test_each_notice_is_told_by_itself_and_at_once(self):
        configs = of_kind(variants()["everything"], "AlertmanagerConfig")
        known = {label for path in kubernetes_files.rules().values()
                 for group in objects_of(read(path))[0]["groups"] for rule in group["rules"]
                 for label in (("alertname", rule.get("alert")),
                               ("severity", rule.get("labels", {}).get("severity")))}
        for config in configs.values():
            route = config["spec"]["route"]
            self.assertIn(route["receiver"], [each["name"] for each in config["spec"]["receivers"]])
            for matcher in route["matchers"]:
                self.assertIn((matcher["name"], matcher["value"]), known)
        for name in ("aliyun-ecs-spot", "aliyun-ecs-drill"):
            route = configs[name]["spec"]["route"]
            self.assertEqual((route["groupBy"], route["groupWait"]), (["..."], "0s"))


if __name__ == "__main__":
    harness.main()
