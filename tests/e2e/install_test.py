"""'cmake --install' puts everything where it is told to, and the programs start from there."""

import os
import re
import shutil
import subprocess
import tempfile

import harness

EXPORTER_FILES = """
bin/aliyun_ecs_exporter
etc/default/aliyun-ecs-exporter
lib/systemd/system/aliyun-ecs-exporter.service
share/aliyun-ecs-exporter/alerts/bandwidth.yml
share/aliyun-ecs-exporter/alerts/changes.yml
share/aliyun-ecs-exporter/alerts/credentials.yml
share/aliyun-ecs-exporter/alerts/exporter.yml
share/aliyun-ecs-exporter/alerts/fleet.yml
share/aliyun-ecs-exporter/alerts/metadata.yml
share/aliyun-ecs-exporter/alerts/spot.yml
share/aliyun-ecs-exporter/dashboards/exporter.json
share/aliyun-ecs-exporter/dashboards/fleet.json
share/aliyun-ecs-exporter/dashboards/instance.json
share/aliyun-ecs-exporter/dashboards/spot.json
share/doc/aliyun-ecs-exporter/CHANGELOG.md
share/doc/aliyun-ecs-exporter/README.md
share/doc/aliyun-ecs-exporter/SECURITY.md
share/doc/aliyun-ecs-exporter/alerts/README.md
share/doc/aliyun-ecs-exporter/alerts/RUNBOOKS.md
share/doc/aliyun-ecs-exporter/copyright
share/doc/aliyun-ecs-exporter/dashboards/README.md
share/doc/aliyun-ecs-exporter/examples/alertmanager.example.yml
share/doc/aliyun-ecs-exporter/examples/config.example.yml
share/doc/aliyun-ecs-exporter/examples/dashboards.yaml
share/doc/aliyun-ecs-exporter/examples/discovery/README.md
share/doc/aliyun-ecs-exporter/examples/discovery/aliyun-ecs-targets.service
share/doc/aliyun-ecs-exporter/examples/discovery/aliyun-ecs-targets.timer
share/doc/aliyun-ecs-exporter/examples/discovery/aliyun_ecs_targets.py
share/doc/aliyun-ecs-exporter/exporter/METRICS.md
share/doc/aliyun-ecs-exporter/exporter/README.md
share/man/man1/aliyun_ecs_exporter.1
"""

PLUGIN_FILES = """
lib/nagios/plugins/check_aliyun_ecs
share/doc/check-aliyun-ecs/CHANGELOG.md
share/doc/check-aliyun-ecs/copyright
share/doc/check-aliyun-ecs/examples/checkmk/aliyun_ecs
share/doc/check-aliyun-ecs/examples/icinga2/check_aliyun_ecs.conf
share/doc/check-aliyun-ecs/examples/icinga2/services.conf.example
share/doc/check-aliyun-ecs/examples/nagios/check_aliyun_ecs.cfg
share/doc/check-aliyun-ecs/examples/nagios/services.cfg.example
share/doc/check-aliyun-ecs/examples/nrpe/aliyun_ecs.cfg
share/doc/check-aliyun-ecs/examples/zabbix/aliyun_ecs_exporter.yaml
share/doc/check-aliyun-ecs/monitoring.md
share/man/man1/check_aliyun_ecs.1
"""

SIMULATOR_FILES = """
bin/aliyun_ecs_simulator
share/doc/aliyun-ecs-simulator/CHANGELOG.md
share/doc/aliyun-ecs-simulator/README.md
share/doc/aliyun-ecs-simulator/copyright
share/doc/aliyun-ecs-simulator/examples/scenarios/eviction.json
share/doc/aliyun-ecs-simulator/examples/scenarios/quiet-day.json
share/doc/aliyun-ecs-simulator/examples/scenarios/throttling-storm.json
share/doc/aliyun-ecs-simulator/scenario.schema.json
share/man/man1/aliyun_ecs_simulator.1
"""

COMPONENTS = {"exporter": EXPORTER_FILES, "plugin": PLUGIN_FILES, "simulator": SIMULATOR_FILES}


class InstallTest(harness.Case):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def install(self, prefix, *flags, **env):
        if not shutil.which("cmake"):
            self.skip_or_fail("no cmake")
        subprocess.run(["cmake", "--install", harness.BIN, "--prefix", prefix, *flags], check=True,
                       stdout=subprocess.PIPE, timeout=harness.DEADLINE, env=harness.environment(**env))

    def files(self, folder):
        return sorted(os.path.relpath(os.path.join(place, name), folder)
                      for place, _, names in os.walk(folder) for name in names)

    def read(self, *parts):
        with open(os.path.join(self.folder, *parts), encoding="utf-8") as file:
            return file.read()

    def test_a_component_has_its_files_and_no_other(self):
        for component, files in COMPONENTS.items():
            prefix = os.path.join(self.folder, component)
            self.install(prefix, "--component", component)
            self.assertEqual(self.files(prefix), files.split())

    def test_all_of_it_starts_from_any_prefix(self):
        self.install(self.folder)
        self.assertEqual(self.files(self.folder), sorted("".join(COMPONENTS.values()).split()))
        for program, status in (("bin/aliyun_ecs_exporter", 0), ("bin/aliyun_ecs_simulator", 0),
                                ("lib/nagios/plugins/check_aliyun_ecs", 3)):
            done = subprocess.run([os.path.join(self.folder, program), "--version"], capture_output=True,
                                  text=True, check=False, timeout=harness.DEADLINE)
            self.assertEqual(done.returncode, status, done.stderr)
            self.assertIn(os.path.basename(program), done.stdout)

    def test_files_name_each_other_by_the_prefix(self):
        self.install(self.folder)
        unit = self.read("lib/systemd/system/aliyun-ecs-exporter.service")
        self.assertIn(f"\nExecStart={self.folder}/bin/aliyun_ecs_exporter", unit)
        self.assertIn(f"\nEnvironmentFile=-{self.folder}/etc/default/aliyun-ecs-exporter\n", unit)
        examples = "share/doc/check-aliyun-ecs/examples"
        for example in ("nrpe/aliyun_ecs.cfg", "checkmk/aliyun_ecs"):
            self.assertIn(f"{self.folder}/lib/nagios/plugins/check_aliyun_ecs", self.read(examples, example))
        self.assertTrue(os.access(os.path.join(self.folder, examples, "checkmk/aliyun_ecs"), os.X_OK))
        for component in COMPONENTS.values():
            for file in component.split():
                if file.startswith(("lib/systemd", "etc", "share/man", examples)) or file.endswith("monitoring.md"):
                    self.assertNotRegex(self.read(file), r"(?<!local)/usr/(bin|lib/nagios|share)/")

    def test_destdir_goes_before_and_is_named_nowhere(self):
        self.install("/usr", DESTDIR=self.folder)
        self.assertEqual(set(os.listdir(self.folder)), {"usr"})
        self.assertEqual(self.files(os.path.join(self.folder, "usr")),
                         sorted("".join(COMPONENTS.values()).split()))
        unit = self.read("usr/lib/systemd/system/aliyun-ecs-exporter.service")
        self.assertIn("\nExecStart=/usr/bin/aliyun_ecs_exporter", unit)
        self.assertNotIn(self.folder, re.sub(r"#.*", "", unit))

    def test_the_unit_is_one_that_a_build_without_libsystemd_can_obey(self):
        if not shutil.which("cmake"):
            self.skip_or_fail("no cmake")
        build, prefix = os.path.join(self.folder, "build"), os.path.join(self.folder, "prefix")
        configure = ["cmake", "-G", "Ninja", "-S", harness.SOURCE, "-B", build, "-DALIYUN_ECS_TESTS=OFF",
                     "-DALIYUN_ECS_SYSTEMD=OFF"]
        subprocess.run(configure, check=True, stdout=subprocess.PIPE, timeout=harness.DEADLINE,
                       env=harness.environment())
        with open(os.path.join(build, "aliyun_ecs_exporter"), "wb"):
            pass  # stands for the program: only the unit matters, and building takes minutes
        subprocess.run(["cmake", "--install", build, "--prefix", prefix, "--component", "exporter"], check=True,
                       stdout=subprocess.PIPE, timeout=harness.DEADLINE, env=harness.environment())
        unit = "lib/systemd/system/aliyun-ecs-exporter.service"
        told = r"(?m)^(?:Type=notify|NotifyAccess=.*|WatchdogSec=.*)\n"
        without = re.sub(r"(?m)^#.*\n", "", self.read("prefix", unit))
        self.assertEqual(re.findall(told, without), [])
        self.assertIn("\n[Service]\nType=simple\nExecStart=", without)
        # All else is as it was.
        other = os.path.join(self.folder, "other")
        self.install(other, "--component", "exporter")
        whole = re.sub(r"(?m)^#.*\n", "", self.read("other", unit)).replace(other, prefix)
        self.assertEqual(without.replace("Type=simple\n", ""), re.sub(told, "", whole))


if __name__ == "__main__":
    harness.main()
