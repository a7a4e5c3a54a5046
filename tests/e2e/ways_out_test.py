"""The page without a web server: --once and --textfile."""

import os
import signal
import subprocess
import tempfile

import harness


class WaysOutTest(harness.Case):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.file = os.path.join(self.folder, "aliyun_ecs.prom")

    def once(self, *flags, metadata=None, **more):
        return subprocess.run(
            [harness.EXPORTER, "--once", f"--metadata.url=http://{metadata or self.metadata}",
             *flags], env=harness.environment(), text=True, check=False, timeout=harness.DEADLINE,
            **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **more})

    def read(self):
        with open(self.file, encoding="utf-8") as file:
            return file.read()

    def assert_complete(self, page):
        self.assertIn('\naliyun_ecs_metadata_items{state="unread"} 0\n', page)
        self.assertIn("\naliyun_ecs_instance_info{", "\n" + page)
        # node_exporter has these of its own, and refuses to serve them twice.
        self.assertNotIn("process_", page)

    def test_once_prints_a_complete_page_and_nothing_else(self):
        self.start_simulator()
        done = self.once()
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assert_complete(done.stdout)

    def test_once_with_a_textfile_writes_only_that(self):
        self.start_simulator()
        done = self.once(f"--textfile={self.file}")
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
        self.assert_complete(self.read())
        self.assertEqual(os.listdir(self.folder), [os.path.basename(self.file)])
        self.assertEqual(os.stat(self.file).st_mode & 0o777, 0o644)

    def test_a_file_that_may_not_grow_is_told_of_like_a_full_disk(self):
        self.start_simulator()
        self.once(f"--textfile={self.file}")
        before = self.read()
        exporter = self.start(
            "prlimit", "--fsize=100", harness.EXPORTER, "--web.listen-address=127.0.0.1:0",
            f"--metadata.url=http://{self.metadata}", f"--textfile={self.file}")
        exporter.wait_for("the textfile is not as it should be.*File too large")
        self.assertEqual(self.read(), before)
        self.assertEqual(os.listdir(self.folder), [os.path.basename(self.file)])
        self.assertEqual(exporter.stop(), 0)

    def test_once_says_when_the_page_is_not_complete(self):
        with harness.socket.create_server(("127.0.0.1", 0)) as unused:
            nobody = "127.0.0.1:%d" % unused.getsockname()[1]
        done = self.once(metadata=nobody)
        self.assertEqual(done.returncode, 2)
        self.assertIn("the page is not complete; not known: ", done.stderr)
        self.assertIn("\naliyun_ecs_metadata_up 0\n", done.stdout)

    def start_once_amid_a_request(self):
        service = harness.SilentService()
        self.addCleanup(service.close)
        program = self.start(harness.EXPORTER, "--once", f"--metadata.url=http://{service.address}",
                             "--metadata.timeout=60s")
        service.accept()
        return program

    def test_once_ends_amid_a_request_when_told_to(self):
        program = self.start_once_amid_a_request()
        # Long before its ten seconds are over.
        self.assertEqual(program.stop(signal.SIGTERM, limit=8), 2)
        self.assertIn("\naliyun_ecs_metadata_up 0\n", "".join(program.output))

    def test_once_ends_amid_a_request_after_ten_seconds_though_it_was_stopped_and_continued(self):
        program = self.start_once_amid_a_request()
        os.kill(program.process.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, program.process.pid, os.WSTOPPED | os.WNOWAIT)
        os.kill(program.process.pid, signal.SIGCONT)
        with self.assertRaises(subprocess.TimeoutExpired, msg="it was taken for the end"):
            program.process.wait(timeout=1)
        self.assertEqual(program.wait(limit=30), 2)

    def test_once_names_the_few_items_that_it_could_not_read(self):
        self.start_simulator()
        self.control_api("PUT", "/control/faults", {
            "faults": [{"fault": "status", "status": 500, "path": "*/zone-id"}]})
        program = self.start(harness.EXPORTER, "--once", f"--metadata.url=http://{self.metadata}",
                             "--log.level=debug")
        program.wait_for("first fill complete")
        # Who does not want to wait any longer gets what there is.
        self.assertEqual(program.stop(signal.SIGTERM), 2)
        output = "".join(program.output)
        self.assertRegex(output, r"(?m)the page is not complete; not known: zone-id$")
        self.assertIn("aliyun_ecs_instance_network_info{", output)

    def test_once_fails_when_the_page_cannot_be_written(self):
        self.start_simulator()
        with open("/dev/full", "w", encoding="utf-8") as full:
            done = self.once(stdout=full)
        self.assertEqual(done.returncode, 1)
        self.assertIn("No space left", done.stderr)
        os.mkdir(self.file + ".tmp")  # in the way of the new content
        done = self.once(f"--textfile={self.file}")
        self.assertEqual(done.returncode, 1)
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        self.assertFalse(os.path.exists(self.file))

    def test_a_textfile_follows_and_goes_with_the_exporter(self):
        self.start_simulator()
        self.start_exporter(f"--textfile={self.file}", "--poll.spot-interval=1s",
                            "--poll.budget=20")
        self.exporter.wait_for("first fill complete")
        before = os.stat(self.file).st_ino
        self.control_api("PUT", "/control/spot-termination", {"in_seconds": 300})
        self.exporter.wait_for("spot termination scheduled")
        while 'state="scheduled"} 1' not in self.read():
            pass  # at most a second
        self.assertNotEqual(os.stat(self.file).st_ino, before, "written over instead of replaced")
        self.assert_complete(self.read())
        self.assertEqual(self.exporter.stop(), 0)
        self.assertEqual(os.listdir(self.folder), [], "a file left behind would tell for ever")

    def test_a_textfile_needs_no_web_server(self):
        self.start_simulator()
        program = self.start(
            harness.EXPORTER, f"--textfile={self.file}", f"--metadata.url=http://{self.metadata}",
            ALIYUN_ECS_EXPORTER_CONFIG_FILE=self.config("web.listen-address: []\n"))
        program.wait_for("first fill complete")
        self.assertEqual(program.stop(), 0)
        self.assertNotIn("listening", "".join(program.output))

    def config(self, text):
        path = os.path.join(self.folder, "settings.yml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path


if __name__ == "__main__":
    harness.main()
