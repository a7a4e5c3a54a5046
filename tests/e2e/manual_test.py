"""The manual pages and the examples of settings are complete, true, and well-formed."""

import os
import re
import shutil
import subprocess
import tempfile

import harness
import manual


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


class ManualTest(harness.Case):
    def test_everything_is_made_of_what_the_programs_say(self):
        for path, text in manual.made().items():
            if os.environ.get("UPDATE_GOLDEN"):
                with open(path, "w", encoding="utf-8") as file:
                    file.write(text)
            self.assertEqual(text, read(path), "if that is meant, run again with UPDATE_GOLDEN=1")

    def test_pages_have_every_flag_of_the_help_and_no_other(self):
        for program in manual.PROGRAMS:
            # By a way of its own: whatever looks like a flag, wherever it stands.
            flags = re.compile(r"(?<![\w/.-])--?[a-zA-Z][\w.-]*\w|(?<![\w/.-])-[a-zA-Z]\b")
            said = re.sub(r"-vv+", "-v", manual.help_of(program))
            in_help = {flag for line in said.split("\n") if line.startswith("  -")
                       for flag in flags.findall(line[:40].split("  ")[1])}
            page = re.findall(r"^\.It Fl (.*?)(?: Ar .*)?$", read(manual.page_path(program)), re.MULTILINE)
            in_page = {f"-{flag}" for names in page for flag in names.split(" , Fl ")}
            self.assertEqual(in_page, in_help)
            self.assertGreater(len(in_page), 15)

    def test_judges_of_pages_find_nothing(self):
        if not shutil.which("mandoc") or not shutil.which("man"):
            self.skip_or_fail("no mandoc or man; tests/run.sh gets them")
        for program in manual.PROGRAMS:
            self.assertEqual(self.words_about(manual.page_path(program)), "")

    def words_about(self, page):
        done = [subprocess.run(argv, capture_output=True, text=True, check=False, timeout=harness.DEADLINE,
                               env=harness.environment(MANROFFSEQ="", LC_ALL="C.UTF-8"))
                for argv in (["mandoc", "-Tlint", "-Wstyle", page],
                             ["man", "--warnings", "--encoding=utf8", "--local-file", "-Tutf8", page])]
        # The pages of the other packages are not installed where this runs.
        return "".join(line for line in (done[0].stdout + done[0].stderr + done[1].stderr).splitlines(True)
                       if not re.search(r"referenced manual not found|mandoc\.db", line))

    def test_broken_pages_are_found(self):
        text = read(manual.page_path("aliyun_ecs_exporter"))
        with tempfile.TemporaryDirectory() as folder:
            for old, new in ((".Sh OPTIONS", ".Shh OPTIONS"), (".El\n", ""), ("Xr systemd.exec 5", "Xr systemd.exec ,")):
                self.assertIn(old, text)
                page = os.path.join(folder, "broken.1")
                with open(page, "w", encoding="utf-8") as file:
                    file.write(text.replace(old, new, 1))
                self.assertNotEqual(self.words_about(page), "", new)


class SettingsTest(harness.Case):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        # What the examples name.
        for name in ("etc/aliyun-ecs-exporter", "etc/default", "var/lib/aliyun-ecs-exporter",
                     "var/lib/prometheus/node-exporter", "run/aliyun-ecs-exporter"):
            os.makedirs(os.path.join(self.folder, name))
        for name in ("web", "alertmanager"):
            self.write(f"etc/aliyun-ecs-exporter/{name}.yml", "{}\n")

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def uncommented(self, path, line):
        """The file with all its settings in force, and its folders in ours."""
        text, count = re.subn(rf"(?m)^#({line})", r"\1", read(path))
        self.assertEqual(count, len(manual.settings()))
        return re.sub(r"/(etc|run|var/lib)/(aliyun-ecs|prometheus)", rf"{self.folder}/\1/\2", text)

    def check(self, *argv):
        return subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
                              timeout=harness.DEADLINE, env=harness.environment())

    def check_variables(self, path):
        """As the file itself says, but for the paths."""
        command = re.search(r"(?m)^#   \((.*)\)$", read(manual.DEFAULT_FILE))[1]
        command = command.replace("/etc/default/aliyun-ecs-exporter", path)
        return self.check("sh", "-c", command.replace("aliyun_ecs_exporter --", f"{harness.EXPORTER} --"))

    def test_every_setting_without_a_default_has_an_example(self):
        without = {option.name for option in manual.settings() if option.argument and not option.default}
        self.assertEqual(without, set(manual.EXAMPLES))

    def test_all_variables_are_right(self):
        text = self.uncommented(manual.DEFAULT_FILE, "ALIYUN_ECS_EXPORTER_.*")
        done = self.check_variables(self.write("etc/default/aliyun-ecs-exporter", text))
        self.assertEqual(done.returncode, 0, done.stdout)
        broken = text.replace("POLL_BUDGET=2", "POLL_BUGDET=2").replace("LOG_LEVEL=info", "LOG_LEVEL=loud")
        done = self.check_variables(self.write("etc/default/aliyun-ecs-exporter", broken))
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stdout, r"(?s)BUGDET.*LOG_LEVEL")

    def test_as_shipped_it_sets_nothing(self):
        for path in (manual.DEFAULT_FILE, manual.CONFIG_FILE):
            self.assertRegex(read(path), r"\A(#.*\n|\n)+\Z")
        self.assertEqual(self.check_variables(manual.DEFAULT_FILE).returncode, 0)

    def test_all_keys_of_the_file_are_right(self):
        text = self.uncommented(manual.CONFIG_FILE, r"[a-z][\w.-]*: .*")
        argv = (harness.EXPORTER, "--config.check")
        done = self.check(*argv, "--config.file=" + self.write("config.yml", text))
        self.assertEqual(done.returncode, 0, done.stdout)
        broken = text.replace("poll.budget:", "poll.bugdet:")
        done = self.check(*argv, "--config.file=" + self.write("config.yml", broken))
        self.assertEqual(done.returncode, 1)
        self.assertIn("poll.bugdet", done.stdout)


if __name__ == "__main__":
    harness.main()
