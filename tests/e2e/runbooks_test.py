"""alerts/RUNBOOKS.md: every alert has a section, and its commands work.

They run as they are written, in a private network: there the simulator is at the address of the real
service, and the exporter, Prometheus and Alertmanager are on the ports that everybody has them on.
"""

import contextlib
import datetime
import glob
import json
import os
import re
import shlex
import subprocess

import alerting
import harness
import private_network

try:
    import yaml
except ImportError:
    yaml = None

PARTS = ["Meaning", "Impact", "First three commands", "How to fix", "How to silence"]

# What is not there in a test's machine: the unit's settings, the installed plugin, the folder of drills.
SETTINGS = "/etc/default/aliyun-ecs-exporter"
PLUGINS = "/usr/lib/nagios/plugins"
DRILLS = "/etc/aliyun-ecs-exporter"

# These need the vendor's API, a running systemd, or what is not in a test's machine.
ELSEWHERE = {"aliyun", "journalctl", "systemctl", "timedatectl", "cloud-init"}
HERE = {"amtool", "promtool", "curl", "check_aliyun_ecs", "aliyun_ecs_exporter", "metadata", "ip", "ss"}

# Queries that find nothing while all is well.
MAY_BE_EMPTY = ("up{job", "aliyun_ecs_spot_drill_timestamp_seconds",
                "increase(aliyun_ecs_alertmanager_notifications_failed_total")

VALUES = {"JOB": "aliyun-ecs-exporter", "INSTANCE": "127.0.0.1:10200", "USER": "somebody",
          "ZONE": "cn-hangzhou-i", "INSTANCE_TYPE": "ecs.g6e.large", "ROLE": "SimulatedEcsRole"}


def rules():
    """The alerting rules of alerts/rules."""
    for path in glob.glob(os.path.join(harness.SOURCE, "alerts", "rules", "*.yml")):
        with open(path, encoding="utf-8") as file:
            for group in yaml.safe_load(file)["groups"]:
                yield from (rule for rule in group["rules"] if "alert" in rule)


class Section:
    """One alert's: .name, .text, and .parts by their names, each up to the next."""

    def __init__(self, text):
        self.name, self.text = text.split("\n", 1)
        main = self.text.split("\n### ")[0]
        pieces = re.split(r"^\*\*(.+?)\.\*\*", main, flags=re.MULTILINE)
        self.names = pieces[1::2]
        self.parts = dict(zip(self.names, pieces[2::2]))

    def commands(self):
        """The numbered ones."""
        return commands_in(self.parts["First three commands"])

    def silence(self):
        (command,) = commands_in(self.parts["How to silence"])
        return command


def commands_in(text):
    """What is in its blocks of shell."""
    blocks = re.findall(r"^( *)```sh\n(.*?)^ *```$", text, re.MULTILINE | re.DOTALL)
    return [re.sub(rf"^{indent}", "", block, flags=re.MULTILINE).strip() for indent, block in blocks]


def program(command):
    """The first word, that of a pipe that makes something; what has the unit's settings counts itself."""
    return shlex.split(command.removeprefix(f"(set -a; . {SETTINGS}; "), posix=False)[0]


def long_flags(text):
    return set(re.findall(r"(?<![\w-])--[a-z][\w.-]*[a-z]", text))


class RunbooksTest(alerting.Case, private_network.Case):
    def setUp(self):
        alerting.Case.setUp(self)  # most tests need no network
        if not yaml:
            self.skip_or_fail("no python3-yaml")
        self.text = alerting.read("alerts", "RUNBOOKS.md")
        self.before, *sections = re.split(r"^## ", self.text, flags=re.MULTILINE)
        self.sections = [Section(text) for text in sections]

    def test_every_alert_has_a_section_and_no_other_has(self):
        names = [section.name for section in self.sections]
        self.assertEqual(sorted(names), sorted({rule["alert"] for rule in rules()}))

    def test_the_links_of_the_rules_lead_to_the_sections(self):
        for rule in rules():
            self.assertTrue(rule["annotations"]["runbook_url"].endswith(
                "/RUNBOOKS.md#" + rule["alert"].lower()), rule["alert"])

    def test_every_section_has_its_five_parts_and_three_commands(self):
        for section in self.sections:
            with self.subTest(section.name):
                self.assertEqual(section.names, PARTS)
                self.assertTrue(all(text.strip() for text in section.parts.values()))
                commands = section.parts["First three commands"]
                self.assertEqual(re.findall(r"^(\d)\. ", commands, re.MULTILINE), ["1", "2", "3"])
                self.assertEqual(len(section.commands()), 3)
                self.assertIn(f"silence add alertname={section.name} ", section.silence())
                for command in section.commands():
                    self.assertIn(program(command), HERE | ELSEWHERE)

    def test_names_only_metrics_that_are_there(self):
        known = set(re.findall(r"`(aliyun_ecs_\w+)`", alerting.read("exporter", "METRICS.md")))
        named = set(re.findall(r"(?<!check_)aliyun_ecs_\w+", self.text)) - {"aliyun_ecs_exporter"}
        self.assertGreater(len(named), 8)
        # One that ends like this stands for several: aliyun_ecs_instance_max_netbw_.*
        begun = {name for name in named if name.endswith("_")}
        self.assertTrue(all(any(name.startswith(begin) for name in known) for begin in begun), begun)
        self.assertEqual(named - begun - known, set())

    def test_names_only_flags_that_are_there(self):
        helps = {each: subprocess.run([os.path.join(harness.BIN, each), "--help"], capture_output=True,
                                      text=True, check=False).stdout
                 for each in ("aliyun_ecs_exporter", "check_aliyun_ecs")}
        flags = {each: long_flags(text) for each, text in helps.items()}
        lines = [line.strip() for block in commands_in(self.text) for line in block.split("\n")]
        run = [found for line in lines for found in re.findall(rf"(?<![\w-])({'|'.join(flags)})( .*)", line)]
        self.assertEqual({each for each, _ in run}, set(flags))
        for each, rest in run:
            self.assertEqual(long_flags(rest) - flags[each], set(), rest)
        # In the sentences, flags with a dot are the exporter's.
        sentences = re.sub(r"^ *```.*?^ *```$", "", self.text, flags=re.MULTILINE | re.DOTALL)
        mentioned = {flag for flag in long_flags(sentences) if "." in flag}
        self.assertGreater(len(mentioned), 8)
        self.assertEqual(mentioned - flags["aliyun_ecs_exporter"], set())

    def test_the_policy_refuses_what_the_vendor_says(self):
        (policy,) = re.findall(r"```json\n(.*?)```", self.text, re.DOTALL)
        self.assertEqual(json.loads(policy), {"Version": "1", "Statement": [{
            "Effect": "Deny",
            "Action": ["ecs:RunInstances", "ecs:CreateInstance", "ecs:ModifyInstanceMetadataOptions"],
            "Resource": "*",
            "Condition": {"StringEquals": {"ecs:SecurityHardeningMode": ["false"]}}}]})

    def test_no_command_prints_a_credential_or_user_data(self):
        for command in commands_in(self.text):
            self.assertNotIn("user-data", command)
            if "security-credentials/$" in command:
                self.assertRegex(command, r"security-credentials/\$ROLE\" \| grep -oE '\"\(Code\|Expiration"
                                          r"\|LastUpdated\)\" \*: \*\"\[\^\"\]\*\"'$")

    def start_everything(self):
        """All that the commands talk to, where they look for it."""
        private_network.Case.setUp(self)
        self.serve()
        self.control_api("PUT", "/control/spot-termination", {"in_seconds": 300})
        self.start(harness.EXPORTER, "--poll.spot-interval=1s").wait_for("first fill complete")
        self.start_webhook()
        self.start_alertmanager(self.example_config(), address="127.0.0.1:9093")
        (prometheus,) = self.need("prometheus")
        config = self.file("prometheus.yml", """
global: {scrape_interval: 1s}
scrape_configs:
  - job_name: aliyun-ecs-exporter
    static_configs: [{targets: ["127.0.0.1:10200"]}]
""")
        self.start(prometheus, f"--config.file={config}", f"--storage.tsdb.path={self.folder}/data",
                   "--web.listen-address=127.0.0.1:9090").wait_for("Server is ready to receive web requests")
        self.need("promtool", "amtool")
        self.wait_until(lambda: self.run_in_shell(
            "promtool query instant \"$PROMETHEUS\" aliyun_ecs_metadata_up").stdout.count("=> 1 "), 1)
        # A rate takes two scrapes.
        self.wait_until(lambda: self.run_in_shell(
            "promtool query instant \"$PROMETHEUS\" 'count_over_time(up[1h]) > 2'").stdout != "\n", True)
        ours = {"job": VALUES["JOB"], "instance": VALUES["INSTANCE"]}
        self.send_alerts({**ours, "alertname": "AliyunEcsSpotTerminationKnown", "severity": "none"},
                         {**ours, "alertname": "AliyunEcsExporterDown", "severity": "warning"},
                         {**ours, "alertname": "AliyunEcsSpotDrill", "severity": "drill"})
        self.wait_until(lambda: sorted(alert["status"]["state"] for alert in self.alerts()),
                        ["active", "active", "suppressed"])

    def run_in_shell(self, command, settings=""):
        """Runs it where the values of the first page are set, and its function is known.

        settings is the text of the unit's. What is installed is where it is on a user's machine.
        """
        values, function = commands_in(self.before)
        ours = "\n".join(f"export {name}={value}" for name, value in VALUES.items())
        places = {SETTINGS: self.file("settings", settings)}
        for place, name in (("/usr/bin", "aliyun_ecs_exporter"), (PLUGINS, "check_aliyun_ecs")):
            places[place] = self.folder + place
            os.makedirs(places[place], exist_ok=True)
            with contextlib.suppress(FileExistsError):
                os.symlink(os.path.join(harness.BIN, name), os.path.join(places[place], name))
        text = f"{values}\n{ours}\n{function}\n{command}"
        for place in (SETTINGS, PLUGINS):
            text = text.replace(place, places[place])
        path = [os.environ.get("PATH", os.defpath), places["/usr/bin"],
                os.path.join(alerting.TOOLS, "usr", "bin")]
        return subprocess.run(
            ["sh", "-c", text], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
            timeout=harness.DEADLINE, cwd=self.folder,
            env={**harness.environment(), "PATH": os.pathsep.join(path)})

    def answers(self, name, word):
        """What the commands of this section say that have this word."""
        (section,) = [section for section in self.sections if section.name == name]
        return [self.run_in_shell(command).stdout for command in section.commands() if word in command]

    def secrets(self):
        """What of the role's document must not be seen."""
        token = harness.request(private_network.SERVICE, "PUT", "/latest/api/token", headers={
            "X-aliyun-ecs-metadata-token-ttl-seconds": "60"}).body
        document = json.loads(harness.request(
            private_network.SERVICE, "GET", "/latest/meta-data/ram/security-credentials/" + VALUES["ROLE"],
            headers={"X-aliyun-ecs-metadata-token": token}).body)
        return [document[name] for name in ("AccessKeyId", "AccessKeySecret", "SecurityToken")]

    def test_the_commands_work_and_show_no_secret(self):
        self.start_everything()
        secrets = self.secrets()
        here = {command for section in self.sections for command in section.commands()
                if program(command) in HERE}
        self.assertGreater(len(here), 30)
        for command in sorted(here):
            with self.subTest(command):
                done = self.run_in_shell(command)
                said = done.stdout + done.stderr
                for secret in secrets:
                    self.assertNotIn(secret, said)
                if program(command) == "check_aliyun_ecs":
                    # Of bandwidth UNKNOWN: no interface here is the instance's.
                    self.assertRegex(done.stdout, r"^ALIYUN_ECS [A-Z]+ [A-Z]+ - ")
                    self.assertNotIn("--help", said)
                    continue
                self.assertEqual(done.returncode, 0, said)
                if not any(query in command for query in MAY_BE_EMPTY):
                    self.assertTrue(done.stdout.strip(), "says nothing")
                if "| jq" in command:
                    self.assertNotRegex(done.stdout, r"^null$|: null,?$", "no such field")

    def test_amtool_shows_what_is_held_back_and_where_it_goes(self):
        self.start_everything()
        for name, receiver in (("AliyunEcsSpotTerminationKnown", "nobody"), ("AliyunEcsSpotDrill", "drill")):
            self.assertEqual(self.answers(name, "routes test"), [receiver + "\n"])
        for name, flag, shown in (("AliyunEcsSpotTerminationKnown", "--inhibited", "AliyunEcsExporterDown"),
                                  ("AliyunEcsSpotDrill", "alert query", "AliyunEcsSpotDrill")):
            (said,) = self.answers(name, flag)
            self.assertEqual(re.findall(r"^AliyunEcs\w+", said, re.MULTILINE), [shown])
        # Silenced, it inhibits as before.
        (known,) = [section for section in self.sections if section.name == "AliyunEcsSpotTerminationKnown"]
        self.assertEqual(self.run_in_shell(known.silence()).returncode, 0)
        self.assertEqual([alert["labels"]["alertname"] for alert in self.alerts()
                          if alert["status"]["inhibitedBy"]], ["AliyunEcsExporterDown"])

    def test_each_silence_silences_its_alert_and_no_other(self):
        private_network.Case.setUp(self)
        self.start_webhook()
        self.start_alertmanager(self.example_config(), address="127.0.0.1:9093")
        self.need("amtool")
        alerts = {rule["alert"]: self.like_and_unlike(rule) for rule in rules()}
        self.send_alerts(*(labels for own, others in alerts.values() for labels in (own, *others)))
        for section in self.sections:
            with self.subTest(section.name):
                done = self.run_in_shell(section.silence())
                self.assertEqual(done.returncode, 0, done.stderr)
                silence = done.stdout.strip()
                self.assertRegex(silence, r"^[0-9a-f-]{36}$")
                self.assertEqual([alert["labels"] for alert in self.alerts()
                                  if silence in alert["status"]["silencedBy"]],
                                 [alerts[section.name][0]])

    def like_and_unlike(self, rule):
        """Labels of the rule's alert, and of those that differ from it in one that its summary is about."""
        labels = {"alertname": rule["alert"], "severity": rule["labels"]["severity"], "job": VALUES["JOB"]}
        named = {"role": "ROLE"}
        if "var-instance" in rule["annotations"]["dashboard_url"]:
            labels["instance"] = VALUES["INSTANCE"]
        else:
            named |= {"zone_id": "ZONE", "instance_type": "INSTANCE_TYPE"}
        labels |= {label: VALUES[value] for label, value in named.items()
                   if f"$labels.{label} " in rule["annotations"]["summary"]}
        return labels, [{**labels, label: "another"} for label in labels.keys() - {"alertname", "severity"}]

    def test_looks_for_the_plugin_where_it_is_installed(self):
        self.assertIn(f"cp build/release/check_aliyun_ecs {PLUGINS}/", alerting.read("exporter", "packaging",
                                                                                     "monitoring.md"))
        self.assertRegex(self.run_in_shell("check_aliyun_ecs --version").stdout, "^check_aliyun_ecs ")

    def test_the_check_of_the_settings_is_of_those_of_the_unit(self):
        self.assertIn(f"EnvironmentFile=-{SETTINGS}\n",
                      alerting.read("exporter", "packaging", "aliyun-ecs-exporter.service"))
        (section,) = [section for section in self.sections if section.name == "AliyunEcsExporterRestarting"]
        (command,) = [command for command in section.commands() if "--config.check" in command]
        good, bad = (self.run_in_shell(command, f"ALIYUN_ECS_EXPORTER_POLL_BUDGET={value}\n")
                     for value in ("30", "plenty"))
        self.assertEqual(good.returncode, 0, good.stdout + good.stderr)
        self.assertNotEqual(bad.returncode, 0)
        self.assertIn("ALIYUN_ECS_EXPORTER_POLL_BUDGET", bad.stdout + bad.stderr)

    def test_journalctl_finds_what_the_exporter_writes(self):
        self.start_simulator()
        self.control_api("PUT", "/control/spot-termination", {"in_seconds": 300})
        self.start_webhook()
        # One takes the alert, the other has no such page.
        self.start_exporter(f"--alertmanager.url=http://{self.webhook.address}",
                            f"--alertmanager.url=http://{self.metadata}")
        self.exporter.wait_for_all("alert sent", "does not take the alerts", "first fill complete")
        lines = [line for line in self.exporter.output if "msg=" in line]
        wanted = [line for line in lines if "alert sent" in line or "does not take" in line]
        patterns = re.findall(r"journalctl .*--grep=(\S+)", self.text)
        self.assertTrue(patterns)
        for pattern in patterns:
            # As journalctl does, where nothing in it is a capital.
            flags = re.IGNORECASE if pattern == pattern.lower() else 0
            found = [line for line in lines if re.search(pattern, line, flags)]
            self.assertLessEqual(set(wanted), set(found), pattern)
            self.assertFalse([line for line in found if "first fill complete" in line], pattern)

    def drill(self, command):
        """Runs it as a careful root does; the JSON in the file that others than root can read then."""
        folder = os.path.join(self.folder, "drills")
        done = self.run_in_shell("umask 077\n" + command.replace(DRILLS, folder))
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
        self.assertEqual(os.listdir(folder), ["drill.json"])
        path = os.path.join(folder, "drill.json")
        self.assertEqual([os.stat(each).st_mode & 0o777 for each in (folder, path)], [0o755, 0o644])
        with open(path, encoding="utf-8") as file:
            return json.load(file)

    def assert_soon_over(self, content):
        self.assertEqual(list(content), ["time"])
        ahead = (datetime.datetime.strptime(content["time"], "%Y-%m-%dT%H:%M:%SZ")
                 - datetime.datetime.utcnow()).total_seconds()
        self.assertTrue(60 < ahead < 3600, content)  # farther ahead is refused

    def test_the_drill_file_is_readable_complete_and_soon_over(self):
        (drill,) = [section for section in self.sections if section.name == "AliyunEcsSpotDrill"]
        text = drill.text.split("### How to run a drill")[1]
        once, each = commands_in(text)
        once, restarts = re.subn("^systemctl restart aliyun-ecs-exporter$", "", once, flags=re.MULTILINE)
        self.assertEqual(restarts, 1)
        self.assert_soon_over(self.drill(f"{once}\n{each}"))
        # It is the file that the unit's exporter is told of.
        with open(os.path.join(self.folder, "settings"), encoding="utf-8") as file:
            settings = file.read()
        self.assertEqual(settings, f"ALIYUN_ECS_EXPORTER_DRILL_FILE={self.folder}/drills/drill.json\n")
        done = self.run_in_shell(f"(set -a; . {SETTINGS}; aliyun_ecs_exporter --config.check)", settings)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_so_is_that_of_the_exporter_s_page(self):
        text = alerting.read("exporter", "README.md").split("\n## Drills\n")[1].split("\n## ")[0]
        command = "\n".join(re.findall(r"^    (.*)$", text, re.MULTILINE))
        self.assert_soon_over(self.drill(f"mkdir -m 755 {DRILLS}\n" + command.replace("/etc/…", DRILLS)))


if __name__ == "__main__":
    private_network.main()
