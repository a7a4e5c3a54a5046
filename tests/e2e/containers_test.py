"""docker/: what can be seen without Docker. tests/packaging/containers.sh builds and starts all of it."""

import glob
import json
import os
import re
import subprocess
import tempfile

import yaml

import harness
from alerting import read, tool

DOCKER = os.path.join(harness.SOURCE, "docker")


def instructions(name):
    """The arguments of every such instruction of the Dockerfile, continued lines joined, by stage."""
    found, stage = {}, None
    for line in re.sub(r"\\\n\s*", "", read("docker", "Dockerfile")).splitlines():
        word, _, rest = line.partition(" ")
        if word == "FROM":
            stage = rest.split(" AS ")[1]
        if word == name:
            found.setdefault(stage, []).append(rest)
    return found


def help_of(program):
    return subprocess.run([program, "--help"], capture_output=True, text=True, check=True).stdout


class ContainersTest(harness.Case):
    @classmethod
    def setUpClass(cls):
        cls.compose = yaml.safe_load(read("docker", "compose.yaml"))
        cls.services = cls.compose["services"]
        cls.prometheus = yaml.safe_load(read("docker", "prometheus.yml"))

    def mounts(self, service):
        """Of a service: where each file of this checkout is seen in the container, and what it is here."""
        found = {}
        for mount in self.services[service].get("volumes", []):
            here, there, mode = mount.split(":")
            self.assertEqual(mode, "ro", mount)
            if not here.startswith("/"):
                found[there] = os.path.normpath(os.path.join(DOCKER, here))
        return found

    def test_has_the_version_of_the_project(self):
        version = re.search(r"^project\(\S+ VERSION (\S+)", read("CMakeLists.txt"), re.MULTILINE)[1]
        self.assertIn(f"VERSION={version}", instructions("ARG")[None])
        for name in ("exporter", "simulator"):
            self.assertEqual(self.services[name]["image"], f"aliyun-ecs-{name}:{version}")
        self.assertEqual(set(re.findall(r"aliyun-ecs-exporter:([\d.]+)", read("docker", "README.md"))),
                         {version})

    def test_images_hold_one_program_and_run_as_a_number(self):
        for stage, program in {"exporter": "aliyun_ecs_exporter", "plugin": "check_aliyun_ecs",
                               "simulator": "aliyun_ecs_simulator"}.items():
            with self.subTest(stage):
                self.assertEqual(instructions("FROM")[stage], [f"scratch AS {stage}"])
                self.assertEqual(instructions("COPY")[stage],
                                 [f"--from=build /source/build/static/{program} /",
                                  f"--from=build /source/build/static/{program}.txt "
                                  f"/source/build/static/{program}.cdx.json /licenses/"])
                self.assertEqual(instructions("USER")[stage], ["65532:65532"])
                (entry,) = instructions("ENTRYPOINT")[stage]
                self.assertEqual(json.loads(entry)[0], f"/{program}")
                (labels,) = instructions("LABEL")[stage]
                for label in ("title", "description", "version", "revision", "licenses"):
                    self.assertIn(f"org.opencontainers.image.{label}=", labels)

    def test_ports_and_flags_are_those_of_the_programs(self):
        self.assertEqual(instructions("EXPOSE"), {"exporter": ["10200"], "simulator": ["10280 10281"]})
        self.assertIn("=:10200", help_of(harness.EXPORTER))
        (entry,) = instructions("ENTRYPOINT")["simulator"]
        offered = help_of(harness.SIMULATOR)
        for flag in json.loads(entry)[1:]:
            name, _, address = flag.partition("=")
            self.assertIn(f"{name} ", offered)
            self.assertIn(address.rsplit(":", 1)[1], instructions("EXPOSE")["simulator"][0].split())
        (health,) = instructions("HEALTHCHECK")["exporter"]
        self.assertEqual(json.loads(health.partition(" CMD ")[2]), ["/aliyun_ecs_exporter", "--healthcheck"])
        # NONE in front would switch it off.
        self.assertRegex(health, r"^(--[a-z-]+=\d+s )+CMD ")
        checked = self.start(harness.EXPORTER, "--config.check", **self.services["exporter"]["environment"])
        self.assertEqual(checked.wait(), 0, checked.output)

    def test_the_build_sees_all_that_it_needs(self):
        seen = [line[1:] for line in read("docker", "Dockerfile.dockerignore").splitlines()
                if line.startswith("!")]
        for path in seen:
            self.assertTrue(os.path.exists(os.path.join(harness.SOURCE, path)), path)
        # What the tests are made of is not there, and not asked for.
        needed = re.findall(r"(?m)^\s*((?:exporter|tests)/\S+\.(?:cc|cmake|in|css|js))\b", read("CMakeLists.txt"))
        self.assertGreater(len(needed), 50)
        for path in needed:
            self.assertTrue(any(path.startswith(folder + "/") for folder in seen), path)
        for sources in instructions("COPY")["build"]:
            for path in sources.split()[:-1]:
                self.assertTrue(os.path.exists(os.path.join(harness.SOURCE, path)), path)

    def test_every_service_is_confined(self):
        for name, service in self.services.items():
            with self.subTest(name):
                self.assertEqual(service["cap_drop"], ["ALL"])
                self.assertEqual(service["security_opt"], ["no-new-privileges:true"])
                # Grafana's own image writes to several places.
                self.assertEqual(service.get("read_only", False), name != "grafana")
                self.assertFalse({"privileged", "cap_add", "devices", "pid", "user"} & set(service))
                for port in service.get("ports", []):
                    self.assertRegex(port, r"^127\.0\.0\.1:(\d+):\1$")
                self.assertRegex(service["image"], r":v?\d+\.\d+\.\d+$")

    def test_who_waits_for_health_waits_for_somebody_who_has_some(self):
        for service in self.services.values():
            for name, wanted in service.get("depends_on", {}).items():
                if wanted["condition"] == "service_healthy":
                    self.assertTrue("healthcheck" in self.services[name]
                                    or self.services[name]["build"]["target"] in instructions("HEALTHCHECK"))

    def test_every_mounted_file_is_there(self):
        for name in self.services:
            for path in self.mounts(name).values():
                self.assertTrue(os.path.exists(path), path)

    def test_targets_and_data_source_are_services(self):
        addresses = [target for job in self.prometheus["scrape_configs"]
                     for group in job["static_configs"] for target in group["targets"]]
        addresses += [target for manager in self.prometheus["alerting"]["alertmanagers"]
                      for group in manager["static_configs"] for target in group["targets"]]
        with open(self.mounts("grafana")["/etc/grafana/provisioning/datasources/aliyun-ecs.yaml"],
                  encoding="utf-8") as file:
            (datasource,) = yaml.safe_load(file)["datasources"]
        addresses.append(datasource["url"].removeprefix("http://"))
        for address in addresses:
            self.assertIn(address.split(":")[0], {*self.services, "localhost"})
        self.assertEqual(self.prometheus["global"]["scrape_interval"],
                         datasource["jsonData"]["timeInterval"])

    def test_grafana_finds_every_dashboard_and_nothing_else(self):
        mounts = self.mounts("grafana")
        with open(mounts["/etc/grafana/provisioning/dashboards/aliyun-ecs.yaml"], encoding="utf-8") as file:
            (provider,) = yaml.safe_load(file)["providers"]
        folder = provider["options"]["path"]
        found = {there: here for there, here in mounts.items() if os.path.dirname(there) == folder}
        self.assertEqual(set(found.values()),
                         set(glob.glob(os.path.join(harness.SOURCE, "dashboards", "*.json"))))
        for there, here in found.items():
            self.assertEqual(os.path.basename(there), os.path.basename(here))
        self.assertEqual(len(mounts), len(found) + 2)

    def test_promtool_takes_prometheus_and_its_rules(self):
        promtool = tool("promtool")
        if not promtool:
            self.skip_or_fail("no promtool; tests/run.sh gets it")
        with tempfile.TemporaryDirectory() as folder:
            rules = self.mounts("prometheus")["/etc/prometheus/rules"]
            path = os.path.join(folder, "prometheus.yml")
            with open(path, "w", encoding="utf-8") as file:
                file.write(read("docker", "prometheus.yml").replace("/etc/prometheus/rules", rules))
            done = subprocess.run([promtool, "check", "config", path], text=True, check=False,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.assertEqual(done.returncode, 0, done.stdout)
        files = re.findall(r"Checking \S+/rules/(\S+\.yml)", done.stdout)
        self.assertEqual(sorted(files), sorted(os.listdir(rules)))
        self.assertIn("aliyun-ecs-exporter", {job["job_name"] for job in self.prometheus["scrape_configs"]})


if __name__ == "__main__":
    harness.main()
