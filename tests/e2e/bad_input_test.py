"""What a person gets wrong: one clear sentence for each mistake, and exit status 1."""

import os
import socket
import tempfile

import harness


class BadInputTest(harness.Case):
    def complaints(self, *argv, **env):
        program = self.start(*argv, **env)
        self.assertEqual(program.wait(), 1)
        return [line.rstrip("\n") for line in program.output]

    def file(self, text):
        handle = tempfile.NamedTemporaryFile("w", suffix=".yml", delete=False)
        self.addCleanup(os.unlink, handle.name)
        with handle:
            handle.write(text)
        return handle.name

    def test_all_wrong_flags_at_once_one_line_each(self):
        lines = self.complaints(harness.EXPORTER, "--poll.budget=x", "--metadata.mode=v2",
                                "--metadata.token-ttl=21601", "--web.listen-address=9100",
                                "--metadata.exclude=instance-idd", "word", "--nonsense")
        self.assertEqual(len(lines), 7, lines)
        for part in ("--poll.budget", "--metadata.mode", "1 to 21600", "127.0.0.1:10200",
                     "METRICS.md", "nonsense", '"word" is not a flag'):
            self.assertTrue(any(part in line for line in lines), (part, lines))

    def test_all_that_is_wrong_in_the_file_and_the_environment(self):
        path = self.file("poll:\n  budget: -1\n  bugdet: 3\nmetadata.mode: [hardened]\n"
                         "web.listen-address: [':10200', 'x']\n")
        lines = self.complaints(harness.EXPORTER, "--config.file=" + path,
                                ALIYUN_ECS_EXPORTER_LOG_LEVEL="loud")
        self.assertEqual(len(lines), 5, lines)
        self.assertTrue(all(line.startswith("aliyun_ecs_exporter: ") for line in lines), lines)
        self.assertTrue(any("ALIYUN_ECS_EXPORTER_LOG_LEVEL" in line for line in lines), lines)
        self.assertTrue(any("poll.bugdet" in line for line in lines), lines)

    def test_a_file_that_is_not_there_or_not_yaml(self):
        for path in ("/nonexistent/file.yml", self.file("a: [b\n"), self.file("- a\n- b\n"),
                     tempfile.gettempdir()):
            lines = self.complaints(harness.EXPORTER, "--config.file=" + path)
            self.assertEqual(len(lines), 1, lines)
            self.assertIn("--config.file", lines[0])

    def test_a_port_in_use(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            address = "127.0.0.1:%d" % taken.getsockname()[1]
            lines = self.complaints(harness.EXPORTER, "--web.listen-address=" + address)
            self.assertIn(f"cannot listen on {address}", lines[-1])
            self.assertEqual(len([line for line in lines if "level=error" in line]), 1)
            lines = self.complaints(harness.SIMULATOR, "--listen-address=" + address,
                                    "--control.listen-address=127.0.0.1:0")
            self.assertEqual(len(lines), 1, lines)
            self.assertIn(address, lines[0])

    def test_a_simulator_tree_that_is_not_json(self):
        lines = self.complaints(harness.SIMULATOR, "--tree=" + self.file("{ this is not json"))
        self.assertEqual(len(lines), 1, lines)
        self.assertIn("--tree", lines[0])

    def test_good_settings_pass_the_check(self):
        path = self.file("poll: {budget: 1}\nmetadata.exclude: [hostname]\n")
        program = self.start(harness.EXPORTER, "--config.file=" + path, "--config.check")
        self.assertEqual(program.wait(), 0, program.output)


if __name__ == "__main__":
    harness.main()
