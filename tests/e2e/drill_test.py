"""--drill.file: the alert for a spot notice can be rehearsed, and nothing real changes."""

import json
import os
import subprocess
import tempfile
import time

import harness
from check_plugin import CHECK, utc
from page_test import ONCE, VOLATILE

DRILL = "aliyun_ecs_spot_drill_timestamp_seconds"


def real_families(page):
    """The page without what is different at every look, and without the drill."""
    return VOLATILE.sub(r"\1 …", "".join(
        line for line in page.splitlines(keepends=True) if DRILL not in line))


class DrillTest(harness.Case):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.file = os.path.join(self.folder, "drill.json")
        self.notice_file = os.path.join(self.folder, "notice.json")

    def put(self, text):
        with open(self.file + ".new", "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(self.file + ".new", self.file)

    def put_time(self, at):
        self.put(json.dumps({"time": at}))

    def run_exporter(self, *flags):
        self.start_simulator()
        self.start_exporter(f"--drill.file={self.file}", f"--spot.notice-file={self.notice_file}",
                            "--web.disable-exporter-metrics", *flags)
        self.exporter.wait_for("first fill complete")

    def wait_for_page(self, drill):
        """The next page with a drill, or without; it comes right behind the line of the log."""
        deadline = time.monotonic() + harness.DEADLINE
        while (DRILL in (page := self.page())) is not drill:
            self.assertLess(time.monotonic(), deadline, page)
        return page

    def check_spot(self):
        """State and text of the plugin, without what follows the clock."""
        done = subprocess.run(
            [CHECK, "--check=spot", f"--exporter=http://{self.web}"], text=True, check=False,
            env=harness.environment(), capture_output=True, timeout=harness.DEADLINE)
        return done.returncode, done.stdout.split(" - ")[0]

    def test_is_one_series_and_nothing_else(self):
        self.run_exporter(*ONCE)
        before, verdict = self.page(), self.check_spot()
        self.assertNotIn("drill", before)
        self.assertEqual(verdict, (0, "ALIYUN_ECS SPOT OK"))
        at = utc(600)
        began = time.monotonic()
        self.put_time(at)
        self.exporter.wait_for(rf"level=info .*a drill begins.* time={at}$")
        page = self.wait_for_page(drill=True)
        self.assertLess(time.monotonic() - began, 10)
        self.assertEqual(page.count(DRILL), 3)  # its help, its type and its sample
        self.assertAlmostEqual(self.sample(DRILL), time.time() + 600, delta=60)
        self.assertEqual(real_families(page), real_families(before))
        self.assertEqual(self.check_spot(), verdict)
        self.assertFalse(os.path.exists(self.notice_file))
        self.assertEqual(json.loads(self.page("/snapshot"))["drill"], {"time": at})
        self.assertIn('<section class="drill">', self.page("/"))
        os.remove(self.file)
        self.exporter.wait_for("level=info .*the drill ends.*the file is gone")
        page = self.wait_for_page(drill=False)
        self.assertEqual(real_families(page), real_families(before))
        self.assertNotIn("drill", page)
        self.assertIsNone(json.loads(self.page("/snapshot"))["drill"])
        self.assertNotIn('class="drill"', self.page("/"))

    def test_is_on_no_page_after_its_time(self):
        self.run_exporter("--poll.spot-interval=1s", "--poll.budget=20")
        ends = int(time.time()) + 5
        self.put_time(time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(ends)))
        self.wait_for_page(drill=True)
        asked = 0
        while asked < ends:
            asked = time.time()
            page = self.page()
        self.assertNotIn("drill", page)
        self.exporter.wait_for("the drill ends.*its time has come")

    def test_ends_for_good_with_a_real_notice(self):
        self.run_exporter("--poll.spot-interval=1s", "--poll.notice-interval=1s",
                          "--poll.budget=20")
        self.put_time(utc(1800))
        self.wait_for_page(drill=True)
        self.control_api("PUT", "/control/spot-termination", {"in_seconds": 300})
        page = self.wait_for_page(drill=False)
        self.assertIn('\naliyun_ecs_spot_termination_state{state="scheduled"} 1\n', page)
        self.exporter.wait_for("the drill ends.*a real spot termination notice")
        self.control_api("DELETE", "/control/spot-termination")
        self.exporter.wait_for("notice was withdrawn")
        self.put("[]")  # so that we see it look again
        self.exporter.wait_for("starts no drill")
        self.assertNotIn("drill", self.page())
        self.put_time(utc(1200))
        self.wait_for_page(drill=True)

    def test_a_bad_file_is_complained_of_in_one_sentence(self):
        self.run_exporter("--poll.spot-interval=1s", "--poll.budget=20")
        self.put('{"time": "tomorrow"}')
        self.exporter.wait_for("level=warn .*starts no drill.*it must be a JSON object like")
        self.put_time(utc(7200))
        self.exporter.wait_for("starts no drill.*more than an hour ahead")
        self.put('{"time": "yesterday"}')  # of which we have heard
        self.assertNotIn("drill", self.page())
        os.remove(self.file)
        os.mkfifo(self.file)  # that nobody writes to
        self.exporter.wait_for("starts no drill.*it is no file")
        os.remove(self.file)
        self.put_time(utc(600))
        self.exporter.wait_for("a drill begins")
        self.assertEqual("".join(self.exporter.output).count("starts no drill"), 3)
        self.assertNotIn("tomorrow", "".join(self.exporter.output))

    def test_once_and_the_textfile_tell_of_it(self):
        self.start_simulator()
        self.put_time(utc(600))
        flags = ["--once", f"--metadata.url=http://{self.metadata}", f"--drill.file={self.file}"]
        textfile = os.path.join(self.folder, "aliyun_ecs.prom")
        for more in [], [f"--textfile={textfile}"]:
            done = subprocess.run([harness.EXPORTER, *flags, *more], env=harness.environment(),
                                  text=True, check=False, timeout=harness.DEADLINE,
                                  capture_output=True)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            page = done.stdout
            if more:
                with open(textfile, encoding="utf-8") as file:
                    page = file.read()
            self.assertIn(f"\n{DRILL} ", page)
            self.assertIn('\naliyun_ecs_spot_termination_state{state="none"} 1\n', page)


if __name__ == "__main__":
    harness.main()
