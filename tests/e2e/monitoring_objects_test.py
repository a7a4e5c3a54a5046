"""The shipped monitoring objects, read by the programs that they are written for."""

import glob
import grp
import os
import pwd
import re
import shlex
import subprocess
import tempfile
import time

import harness

PACKAGING = os.path.join(harness.SOURCE, "exporter", "packaging")
PLUGIN = os.path.join(harness.BIN, "check_aliyun_ecs")
UNPACKED = os.path.join(harness.SOURCE, "build", "_tools", "monitoring")

MODES = ["spot", "credentials", "metadata", "hardening", "identity", "bandwidth", "all"]
SINGLE_MODES = MODES[:-1]
ON_THE_INSTANCE_ONLY = {"bandwidth"}

SHIPPED = ["icinga2/check_aliyun_ecs.conf", "icinga2/services.conf.example",
           "nagios/check_aliyun_ecs.cfg", "nagios/services.cfg.example",
           "nrpe/aliyun_ecs.cfg", "checkmk/aliyun_ecs", "monitoring.md"]

# Two end at once, and Icinga understands only the default of the third.
NOT_FOR_ICINGA = {"--help", "--version", "--output"}


def shipped(name):
    with open(os.path.join(PACKAGING, name), encoding="utf-8") as file:
        return file.read()


def flags_in(text):
    """Every long flag, and the short ones on lines about the plugin; in comments, too."""
    long = re.findall(r"(?<![\w-])--[a-z][\w-]*", text)
    ours = [line for line in text.split("\n") if "aliyun_ecs" in line and "check_nrpe" not in line]
    return {*long, *re.findall(r"(?<![\w-])-[A-Za-z]\w*", "\n".join(ours))}


class Case(harness.Case):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def need_plugin(self):
        if not os.path.exists(PLUGIN):
            self.skip_or_fail("no check_aliyun_ecs among the built programs")

    def need_unpacked(self, pattern):
        """The path of an unpacked program."""
        found = glob.glob(os.path.join(UNPACKED, pattern))
        if not found:
            self.skip_or_fail(f"no {os.path.basename(pattern)}; tests/run.sh gets it")
        return found[0]

    def breaks(self, text, old, new):
        """A broken copy."""
        self.assertIn(old, text)
        return text.replace(old, new)


class FlagsTest(Case):
    def setUp(self):
        super().setUp()
        self.need_plugin()
        told = subprocess.run([PLUGIN, "--help"], capture_output=True, text=True, check=False,
                              timeout=harness.DEADLINE)
        self.help = told.stdout
        self.known = set(re.findall(r"(?<![\w-])--?[A-Za-z][\w-]*", self.help))

    def test_the_plugin_has_every_flag_of_the_files(self):
        for name in SHIPPED:
            with self.subTest(name):
                self.assertEqual(flags_in(shipped(name)) - self.known, set())

    def test_a_flag_that_it_does_not_have_is_found(self):
        total = 0
        for name in SHIPPED:
            text = shipped(name)
            for flag in flags_in(text):
                total += 1
                broken = re.sub(re.escape(flag) + r"(?![\w-])", flag + "x", text)
                self.assertIn(flag + "x", flags_in(broken) - self.known, name)
        self.assertGreater(total, 30)

    def test_the_plugin_has_every_mode_of_the_files(self):
        for mode in MODES:
            self.assertRegex(self.help, rf"\b{mode}\b")

    def test_icinga_can_give_every_flag(self):
        arguments = set(re.findall(r'^    "(--[\w-]+)" = {$', shipped(SHIPPED[0]), re.MULTILINE))
        self.assertEqual({flag for flag in self.known if flag.startswith("--")} - arguments,
                         NOT_FOR_ICINGA)


class IcingaTest(Case):
    COMMAND = "icinga2/check_aliyun_ecs.conf"
    SERVICES = "icinga2/services.conf.example"

    # What a host may say about itself, as the top of the example describes it.
    BY_EXPORTER = """
        object Host "by-exporter" {
          check_command = "dummy"
          vars.aliyun_ecs = true
          vars.aliyun_ecs_exporter = "https://192.0.2.1:10200"
        }
        """
    HOSTS = BY_EXPORTER + """
        object Host "by-agent" {
          check_command = "dummy"
          vars.aliyun_ecs = true
        }
        object Host "by-both" {
          check_command = "dummy"
          vars.aliyun_ecs = true
          vars.aliyun_ecs_agent = true
          vars.aliyun_ecs_exporter = "http://127.0.0.1:10200"
        }
        object Host "not-on-alibaba-cloud" {
          check_command = "dummy"
        }
        """
    # Set on a host, for all of its services.
    ALL_VARIABLES = """
        vars.aliyun_ecs_metadata_url = "http://127.0.0.1:10280"
        vars.aliyun_ecs_mode = "normal"
        vars.aliyun_ecs_timeout = 8
        vars.aliyun_ecs_verbosity = 3
        vars.aliyun_ecs_exporter = "https://192.0.2.1:10200"
        vars.aliyun_ecs_exporter_username = "icinga"
        vars.aliyun_ecs_exporter_password_file = "/etc/icinga2/a password"
        vars.aliyun_ecs_exporter_ca_file = "ca.crt"
        vars.aliyun_ecs_exporter_cert_file = "icinga.crt"
        vars.aliyun_ecs_exporter_key_file = "icinga.key"
        vars.aliyun_ecs_role = "any"
        vars.aliyun_ecs_expect = [ "zone_id=cn-hangzhou-i", "image_id=an image" ]
        vars.aliyun_ecs_interval = 2
        vars.aliyun_ecs_exclude = [ "hardening", "bandwidth" ]
        """

    def setUp(self):
        super().setUp()
        self.icinga = self.need_unpacked("usr/lib/*/icinga2/sbin/icinga2")
        self.libraries = os.path.dirname(os.path.dirname(os.path.dirname(self.icinga)))
        folders = {name: os.path.join(self.folder, name) for name in (
            "ConfigDir", "DataDir", "LogDir", "CacheDir", "InitRunDir", "SpoolDir", "ZonesDir")}
        for path in folders.values():
            os.mkdir(path)
        self.zones = folders["ZonesDir"]
        self.plugin = os.path.join(self.folder, "plugins", "check_aliyun_ecs")
        constants = {**folders, "NodeName": "master", "PluginDir": os.path.dirname(self.plugin),
                     "RunAsUser": pwd.getpwuid(os.getuid()).pw_name,
                     "RunAsGroup": grp.getgrgid(os.getgid()).gr_name}
        self.constants = [f"--define={name}={value}" for name, value in constants.items()]
        self.templates = "--include=" + os.path.join(UNPACKED, "usr", "share", "icinga2", "include")

    def run_icinga(self, *words):
        done = subprocess.run([self.icinga, *words, *self.constants], capture_output=True,
                              text=True, check=False, timeout=harness.DEADLINE,
                              env=harness.environment(LD_LIBRARY_PATH=self.libraries))
        return done.returncode, done.stdout + done.stderr

    def validate(self, command, services):
        """As monitoring.md says: the command in the global zone, the services in the master's."""
        self.write("ZonesDir/global-templates/check_aliyun_ecs.conf", command)
        self.write("ZonesDir/master/aliyun_ecs_services.conf", services)
        self.write("ZonesDir/master/hosts.conf", self.HOSTS)
        configuration = self.write("icinga2.conf", """
            include <itl>
            include <plugins>
            object Endpoint "master" { }
            object Zone "master" { endpoints = [ "master" ] }
            object Zone "global-templates" { global = true }
            for (name in [ "by-agent", "by-both" ]) {
              object Endpoint name { }
              object Zone name use (name) { parent = "master", endpoints = [ name ] }
            }
            """)
        return self.run_icinga("daemon", "--validate", "--config=" + configuration, self.templates)

    def test_icinga_accepts_them_without_a_word(self):
        status, said = self.validate(shipped(self.COMMAND), shipped(self.SERVICES))
        self.assertEqual(status, 0, said)
        self.assertNotRegex(said, "warning/|critical/")

    def test_icinga_refuses_broken_copies(self):
        command, services = shipped(self.COMMAND), shipped(self.SERVICES)
        for broken in [
                (self.breaks(command, '"plugin-check-command"', '"plugin-chekc"'), services),
                (self.breaks(command, "set_if =", "set_fi ="), services),
                (self.breaks(command, "object CheckCommand", "object"), services),
                (command, self.breaks(services, '= "aliyun_ecs"', '= "aliyun-ecs"')),
                (command, self.breaks(services, "= host.name", "= host.nam")),
                (command, self.breaks(services, "assign where", "assign were"))]:
            status, said = self.validate(*broken)
            self.assertNotEqual(status, 0, said)

    def test_each_host_gets_its_services_where_they_can_run(self):
        status, said = self.validate(shipped(self.COMMAND), shipped(self.SERVICES))
        self.assertEqual(status, 0, said)
        status, said = self.run_icinga("object", "list", "--type=Service")
        self.assertEqual(status, 0, said)
        found = {}
        for service in said.split("Object '")[1:]:
            host, name = re.match(r"([^!]+)!aliyun-ecs-(\w+)'", service).groups()
            endpoint = re.search(r'^  \* command_endpoint = "(.*)"$', service, re.MULTILINE)[1]
            found.setdefault((host, endpoint), set()).add(name)
            if name == "spot":
                self.assertRegex(service, r"(?m)^  \* check_interval = 30$")
                self.assertRegex(service, r"(?m)^  \* max_check_attempts = 1$")
        self.assertEqual(found, {
            ("by-agent", "by-agent"): set(SINGLE_MODES),
            ("by-exporter", ""): set(SINGLE_MODES) - ON_THE_INSTANCE_ONLY,
            ("by-both", "by-both"): set(SINGLE_MODES)})

    def start_icinga(self, services):
        """A running Icinga that checks nothing until it is told to."""
        self.write("plugins/check_aliyun_ecs", "#!/bin/sh\necho said\n")
        os.chmod(self.plugin, 0o755)
        self.commands = os.path.join(self.folder, "commands")
        os.mkfifo(self.commands)
        configuration = self.write("icinga2.conf", f"""
            include <itl>
            include <plugins>
            include "{os.path.join(PACKAGING, self.COMMAND)}"
            object CheckerComponent "checker" {{ }}
            object ExternalCommandListener "command" {{ command_path = "{self.commands}" }}
            object IcingaApplication "app" {{
              enable_service_checks = false
              enable_host_checks = false
            }}
            {services}
            """)
        self.daemon = self.start(
            self.icinga, "daemon", "--log-level=notice", "--config=" + configuration,
            self.templates, *self.constants, LD_LIBRARY_PATH=self.libraries)
        self.daemon.wait_for("ConfigItem: Activated all objects")

    def rendered(self, host, service):
        """The arguments of the plugin."""
        pipe = os.open(self.commands, os.O_RDWR)  # so that it never waits for a reader
        order = f"[{time.time():.0f}] SCHEDULE_FORCED_SVC_CHECK;{host};{service};0\n"
        os.write(pipe, order.encode())
        line = self.daemon.wait_for(r"notice/Process: Running command (.*): PID \d+$")[1]
        os.close(pipe)
        program, *arguments = shlex.split(line)
        self.assertEqual(program, self.plugin)
        return arguments

    def test_icinga_gives_the_plugin_what_the_variables_say(self):
        self.start_icinga("""
            object Host "plain" { check_command = "dummy" }
            object Host "full" { check_command = "dummy", """ + self.ALL_VARIABLES + """ }
            object Service "default" { host_name = "plain", check_command = "aliyun_ecs" }
            for (mode in [ """ + ", ".join(f'"{mode}"' for mode in MODES) + """ ]) {
              object Service mode use (mode) {
                host_name = "full"
                check_command = "aliyun_ecs"
                vars.aliyun_ecs_check = mode
                if (mode == "bandwidth") {
                  vars.aliyun_ecs_warning = "70"
                  vars.aliyun_ecs_critical = "@90:"
                }
              }
            }
            """)
        self.assertEqual(self.rendered("plain", "default"), ["--check", "all"])
        common = ["--exporter", "https://192.0.2.1:10200", "--exporter-ca-file", "ca.crt",
                  "--exporter-cert-file", "icinga.crt", "--exporter-key-file", "icinga.key",
                  "--exporter-password-file", "/etc/icinga2/a password",
                  "--exporter-username", "icinga", "--metadata-url", "http://127.0.0.1:10280",
                  "--mode", "normal", "--timeout", "8", "-v", "-v", "-v"]
        exclude = ["--exclude", "hardening", "--exclude", "bandwidth"]
        expect = ["--expect", "zone_id=cn-hangzhou-i", "--expect", "image_id=an image"]
        interval, role = ["--interval", "2"], ["--role", "any"]
        thresholds = ["--warning", "70", "--critical", "@90:"]
        own = {"credentials": role, "identity": expect, "bandwidth": interval + thresholds,
               "all": exclude + expect + interval + role}
        for mode in MODES:
            with self.subTest(mode):
                arguments = self.rendered("full", mode)
                self.assertEqual(arguments[:2], ["--check", mode])
                self.assertEqual(sorted(arguments[2:]), sorted(common + own.get(mode, [])))
                for words in (exclude, expect):  # they kept their order
                    if words[0] in arguments:
                        first = arguments.index(words[0])
                        self.assertEqual(arguments[first:first + len(words)], words)

    def test_icinga_runs_the_ready_services(self):
        self.start_icinga(shipped(self.SERVICES) + self.BY_EXPORTER)
        exporter = ["--exporter", "https://192.0.2.1:10200"]
        for mode, (critical, warning) in {
                "spot": ([], []), "hardening": ([], []), "identity": ([], []),
                "credentials": (["--critical", "600:"], ["--warning", "1500:"]),
                "metadata": (["--critical", "2"], ["--warning", "0.5"])}.items():
            self.assertEqual(self.rendered("by-exporter", f"aliyun-ecs-{mode}"),
                             ["--check", mode, *critical, *exporter, *warning])

    def test_the_thresholds_in_a_comment_work_too(self):
        services, count = re.subn(r"(?m)^  // (vars\.)", r"  \1", shipped(self.SERVICES))
        self.assertEqual(count, 2)
        self.start_icinga(services + self.BY_EXPORTER)
        self.assertEqual(self.rendered("by-exporter", "aliyun-ecs-spot"), [
            "--check", "spot", "--critical", "120:", "--exporter", "https://192.0.2.1:10200",
            "--warning", "@0:"])


class NagiosTest(Case):
    COMMANDS = "nagios/check_aliyun_ecs.cfg"
    SERVICES = "nagios/services.cfg.example"

    def setUp(self):
        super().setUp()
        self.nagios = self.need_unpacked("usr/sbin/nagios4")
        self.objects = self.need_unpacked("etc/nagios4/objects")

    def validate(self, commands, services):
        """The status and the words of Nagios; what it understood is in .understood."""
        self.write("commands.cfg", commands)
        self.write("services.cfg", services)
        self.understood = os.path.join(self.folder, "objects.precache")
        # Our files, and those sample objects of Nagios that any installation has.
        files = [os.path.join(self.objects, f"{name}.cfg")
                 for name in ("commands", "contacts", "templates", "timeperiods")]
        files += [os.path.join(self.folder, name) for name in ("commands.cfg", "services.cfg")]
        settings = {"log_file": "nagios.log", "precached_object_file": "objects.precache",
                    "object_cache_file": "objects.cache", "status_file": "status.dat",
                    "command_file": "nagios.cmd", "lock_file": "nagios.pid", "temp_file": "temp",
                    "temp_path": "", "check_result_path": ""}
        lines = [f"cfg_file={path}" for path in files]
        lines += [f"{key}={os.path.join(self.folder, name)}" for key, name in settings.items()]
        lines += [f"nagios_user={pwd.getpwuid(os.getuid()).pw_name}",
                  f"nagios_group={grp.getgrgid(os.getgid()).gr_name}",
                  "illegal_macro_output_chars=`~$&|'\"<>"]
        done = subprocess.run(
            [self.nagios, "--verify-config", "--precache-objects",
             self.write("nagios.cfg", "\n".join(lines) + "\n")],
            capture_output=True, text=True, check=False, timeout=harness.DEADLINE)
        return done.returncode, done.stdout + done.stderr

    def test_nagios_finds_no_error_and_no_warning(self):
        status, said = self.validate(shipped(self.COMMANDS), shipped(self.SERVICES))
        self.assertEqual(status, 0, said)
        self.assertRegex(said, r"(?m)^Total Warnings: 0$")
        self.assertRegex(said, r"(?m)^Total Errors:   0$")

    def test_nagios_refuses_broken_copies(self):
        commands, services = shipped(self.COMMANDS), shipped(self.SERVICES)
        for broken in [
                (self.breaks(commands, "check_aliyun_ecs_spot\n", "spto\n"), services),
                (self.breaks(commands, "command_line ", "command_lien "), services),
                (commands, self.breaks(services, "check_aliyun_ecs_spot\n", "spto\n")),
                (commands, self.breaks(services, "use                   generic-", "use x-"))]:
            status, said = self.validate(*broken)
            self.assertNotEqual(status, 0, said)

    def blocks(self, kind):
        """Each "define KIND" as Nagios understood it: a dictionary."""
        with open(self.understood, encoding="utf-8") as file:
            text = file.read()
        return [dict(line.strip().split("\t", 1) for line in block.strip().split("\n"))
                for block in re.findall(rf"define {kind} {{\n(.*?)\n\t}}", text, re.DOTALL)]

    def test_there_is_a_command_for_each_mode(self):
        self.validate(shipped(self.COMMANDS), shipped(self.SERVICES))
        lines = {block["command_name"]: block["command_line"] for block in self.blocks("command")}
        in_nrpe = set(re.findall(r"(?m)^command\[(\w+)\]=", shipped("nrpe/aliyun_ecs.cfg")))
        for mode in MODES:
            by_nrpe = lines[f"check_aliyun_ecs_{mode}"]
            self.assertEqual(by_nrpe, "$USER1$/check_nrpe -u -H $HOSTADDRESS$ -c "
                                      f"check_aliyun_ecs_{mode}")
            self.assertIn(by_nrpe.split()[-1], in_nrpe)
            if mode not in ON_THE_INSTANCE_ONLY:
                by_exporter = lines[f"check_aliyun_ecs_{mode}_by_exporter"].split()
                self.assertEqual(by_exporter[:3], ["$USER1$/check_aliyun_ecs", "--check", mode])
                self.assertEqual(by_exporter[-3:], ["--exporter", "'$ARG1$'", "$ARG2$"])

    def test_there_is_a_service_for_each_mode_and_spot_is_asked_every_30_seconds(self):
        self.validate(shipped(self.COMMANDS), shipped(self.SERVICES))
        found = {}
        for service in self.blocks("service"):
            mode = service["service_description"].removeprefix("aliyun-ecs-")
            found.setdefault(service["host_name"], set()).add(mode)
            command, *arguments = service["check_command"].split("!")
            if service["host_name"] == "ecs-by-nrpe":
                self.assertEqual((command, arguments), (f"check_aliyun_ecs_{mode}", []))
            else:
                self.assertEqual(command, f"check_aliyun_ecs_{mode}_by_exporter")
                self.assertEqual(arguments[0], "$_HOSTALIYUN_ECS_EXPORTER$")
            if mode == "spot":  # in minutes, which is Nagios's default
                self.assertEqual(float(service["check_interval"]), 0.5)
                self.assertEqual(service["max_check_attempts"], "1")
        hosts = {host["host_name"]: host for host in self.blocks("host")}
        self.assertIn("http://192.0.2.2:10200", hosts["ecs-by-exporter"]["_ALIYUN_ECS_EXPORTER"])
        self.assertEqual(found, {"ecs-by-nrpe": set(SINGLE_MODES),
                                 "ecs-by-exporter": set(SINGLE_MODES) - ON_THE_INSTANCE_ONLY})


def nrpe_problems(text):
    """What is wrong with an NRPE file, one sentence each."""
    problems, modes = [], []
    for line in text.split("\n"):
        if not line or line.startswith("#"):
            continue
        parts = re.fullmatch(r"command\[check_aliyun_ecs_(\w+)\]=(.*)", line)
        if not parts:
            problems.append(f"no command: {line}")
            continue
        mode, words = parts[1], shlex.split(parts[2])
        modes.append(mode)
        if not re.fullmatch(r"(/[\w.-]+)+/check_aliyun_ecs", words[0]):
            problems.append(f"no absolute path: {line}")
        if words[1:3] != ["--check", mode]:
            problems.append(f"another mode: {line}")
        if "-t" not in words or not 0 < int(words[words.index("-t") + 1]) < 10:
            problems.append(f"check_nrpe gives up first: {line}")
        if "$" in line:
            problems.append(f"arguments: {line}")
    if sorted(modes) != sorted(MODES):
        problems.append(f"other modes than the plugin's: {modes}")
    return problems


class NrpeTest(Case):
    def test_every_mode_has_an_absolute_path_and_a_short_time(self):
        self.assertEqual(nrpe_problems(shipped("nrpe/aliyun_ecs.cfg")), [])

    def test_broken_copies_are_found(self):
        text = shipped("nrpe/aliyun_ecs.cfg")
        for old, new in [("=/usr/lib/nagios/plugins/", "="), ("--check spot", "--check all"),
                         ("-t 8", "-t 10"), (" -t 8", ""), ("-c 600:", "-c $ARG1$"),
                         ("command[check_aliyun_ecs_all]", "#"), ("]=", "] ")]:
            self.assertNotEqual(nrpe_problems(self.breaks(text, old, new)), [], new)


LOCAL_CHECK = re.compile(
    r'[0-3] "[^"]+" (-|{metric}(\|{metric})*) \S.*'.replace(
        "{metric}", r"[A-Za-z_][\w.]*=-?[\d.]+(;[-\d.:]*){0,4}"))


def local_check_problems(output):
    """The lines that the Checkmk server would not take."""
    if not output.endswith("\n"):
        return [output]
    return [line for line in output[:-1].split("\n") if not LOCAL_CHECK.fullmatch(line)]


class CheckmkTest(Case):
    WRAPPER = os.path.join(PACKAGING, "checkmk", "aliyun_ecs")

    def output(self, settings=None, wrapper=WRAPPER):
        """What the agent would hear."""
        if settings is not None:
            self.write("aliyun_ecs.cfg", settings)
        done = subprocess.run([wrapper], capture_output=True, text=True, check=False,
                              stdin=subprocess.DEVNULL, timeout=harness.DEADLINE,
                              env=harness.environment(MK_CONFDIR=self.folder))
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def plugin(self, script):
        """The setting that has a shell script run in place of the plugin."""
        path = self.write("plugin", "#!/bin/sh\n" + script)
        os.chmod(path, 0o755)
        return f"ALIYUN_ECS_CHECK_PLUGIN={path}\n"

    def assert_one_unknown(self, output, sentence):
        self.assertEqual(local_check_problems(output), [])
        self.assertRegex(output, rf'\A3 "ALIYUN_ECS" - {sentence}\n\Z')

    def test_asks_the_exporter_beside_it(self):
        self.assertEqual(
            self.output(self.plugin("""printf '0 "said" - %s\\n' "$*"\n""")),
            '0 "said" - --check all --output=checkmk --exporter http://127.0.0.1:10200\n')

    def test_takes_settings(self):
        settings = self.plugin("""printf '0 "said" - %s\\n' "$@"\n""")
        output = self.output(
            settings + "ALIYUN_ECS_CHECK_EXPORTER=\n"
            f"ALIYUN_ECS_CHECK_OPTIONS='--exclude hardening  --expect {self.folder}/*'\n")
        self.assertEqual(output.split("\n"), [f'0 "said" - {word}' for word in (
            "--check", "all", "--output=checkmk", "--exclude", "hardening",
            "--expect", f"{self.folder}/*")] + [""])

    def test_a_missing_plugin_is_one_sentence(self):
        self.assert_one_unknown(
            self.output("ALIYUN_ECS_CHECK_PLUGIN=/nowhere/check_aliyun_ecs\n"),
            r"there is no program /nowhere/check_aliyun_ecs; install it, or .*\.")

    def test_settings_that_are_no_shell_are_one_sentence(self):
        self.assert_one_unknown(self.output("ALIYUN_ECS_CHECK_OPTIONS='\n"),
                                r"\S+/aliyun_ecs.cfg cannot be read as shell variables; .*\.")

    def test_an_answer_without_a_result_is_one_sentence(self):
        for script, sentence in {
                "echo 'what is -z?' >&2; exit 3\n": r"status 3 and without a result: what is -z\?",
                "kill -9 $$\n": "status 137 and without a result: "}.items():
            self.assert_one_unknown(self.output(self.plugin(script)), f".* ended with {sentence}")

    def test_only_results_reach_the_agent(self):
        self.assertEqual(
            self.output(self.plugin("""echo 'a warning' >&2; echo '1 "a b" x=1 text'; exit 1\n""")),
            '1 "a b" x=1 text\n')

    def test_the_real_plugin_gives_a_line_for_each_check(self):
        self.need_plugin()
        self.start_simulator()
        self.start_exporter()
        self.exporter.wait_for("first fill complete")
        output = self.output(f"ALIYUN_ECS_CHECK_PLUGIN={PLUGIN}\n"
                             f"ALIYUN_ECS_CHECK_EXPORTER=http://{self.web}\n"
                             "ALIYUN_ECS_CHECK_OPTIONS='--interval 1'\n")
        self.assertEqual(local_check_problems(output), [])
        names = [line.split('"')[1].lower() for line in output[:-1].split("\n")]
        # Without --expect there is nothing to say about the identity.
        modes = set(SINGLE_MODES) - {"identity"}
        self.assertEqual(len(set(names)), len(modes), output)
        for mode in modes:
            self.assertTrue(any(mode in name for name in names), output)

    def test_the_real_plugin_without_an_exporter_is_understood_too(self):
        self.need_plugin()
        output = self.output(f"ALIYUN_ECS_CHECK_PLUGIN={PLUGIN}\n"
                             "ALIYUN_ECS_CHECK_EXPORTER=http://127.0.0.1:1\n")
        self.assertEqual(local_check_problems(output), [])
        self.assertRegex(output, r"(?m)^3 ")

    def test_broken_copies_are_found(self):
        text = shipped("checkmk/aliyun_ecs")
        missing = "ALIYUN_ECS_CHECK_PLUGIN=/nowhere/check_aliyun_ecs\n"
        for old, new in [('3 "ALIYUN_ECS" -', "UNKNOWN ALIYUN_ECS"), ("- %s\\n", "%s")]:
            broken = self.write("broken", self.breaks(text, old, new))
            os.chmod(broken, 0o755)
            self.assertNotEqual(local_check_problems(self.output(missing, broken)), [], new)
        for line in ['4 "a" - text', "0 a - text", '0 "a" text', '0 "a" -', '0 "a" x=1s text']:
            self.assertEqual(local_check_problems(line + "\n"), [line])


if __name__ == "__main__":
    harness.main()
