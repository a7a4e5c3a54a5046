"""The real exporter as a service of systemd, and its settings read anew."""

import os
import re
import shutil
import socket
import subprocess
import tempfile
import time

import harness

UNIT = os.path.join(harness.SOURCE, "exporter", "packaging", "aliyun-ecs-exporter.service")
# The rating forgives a few of them.
RESTRICTIONS = """
Type=notify
NotifyAccess=main
WatchdogSec=60
Restart=on-failure
DynamicUser=yes
UMask=0077
StateDirectory=aliyun-ecs-exporter
RuntimeDirectory=aliyun-ecs-exporter
RuntimeDirectoryPreserve=restart
CapabilityBoundingSet=
AmbientCapabilities=
KeyringMode=private
LockPersonality=yes
MemoryDenyWriteExecute=yes
NoNewPrivileges=yes
PrivateDevices=yes
PrivateIPC=yes
PrivateMounts=yes
PrivateTmp=yes
PrivateUsers=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHome=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
ProtectSystem=strict
RemoveIPC=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
LimitCORE=0:1
MemorySwapMax=0
MemoryMax=64M
TasksMax=256
""".split("\n")[1:-1]


class ServiceManager:
    """Hears what systemd would hear."""

    def __init__(self, folder):
        self.path = os.path.join(folder, "notify")
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.path)
        self._socket.settimeout(harness.DEADLINE)
        self.heard = []

    def wait_for(self, word):
        """The message that has that line."""
        while True:
            self.heard.append(self._socket.recv(4096).decode())
            if word in self.heard[-1].split("\n"):
                return self.heard[-1]

    def close(self):
        self._socket.close()


class ServiceTest(harness.Case):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.manager = ServiceManager(self.folder)
        self.addCleanup(self.manager.close)

    def start_service(self, *flags, **more):
        return self.start_exporter(*flags, NOTIFY_SOCKET=self.manager.path, **more)

    def test_is_ready_when_the_first_page_is_complete(self):
        self.start_simulator()
        self.start_service()
        self.manager.wait_for("READY=1")
        self.assertRegex(self.page(), r'(?m)^aliyun_ecs_metadata_items{state="unread"} 0$')
        self.assertEqual(self.exporter.stop(), 0)
        self.manager.wait_for("STOPPING=1")
        self.assertEqual("".join(self.manager.heard).count("READY=1"), 1)

    def test_is_ready_without_a_metadata_service_after_five_seconds(self):
        service = harness.SilentService()
        self.addCleanup(service.close)
        begin = time.monotonic()
        self.start_service(metadata=service.address)
        self.assertIn("not complete", self.manager.wait_for("READY=1"))
        self.assertGreaterEqual(time.monotonic() - begin, 5)

    def test_leaves_no_core_file(self):
        self.start_simulator()
        self.start_service()
        with open(f"/proc/{self.exporter.process.pid}/limits", encoding="utf-8") as file:
            self.assertRegex(file.read(), r"Max core file size +1 +1 ")

    def test_feeds_the_watchdog_so_often_that_one_feed_may_be_left_out(self):
        self.start_simulator()
        # systemd names the process whom it watches; without the name it is whoever reads this.
        self.start_service(WATCHDOG_USEC="2000000")
        times = []
        for _ in range(5):
            self.manager.wait_for("WATCHDOG=1")
            times.append(time.monotonic())
        # Twice in the time, and once more; a busy machine may be late with some.
        self.assertLess(min(later - earlier for earlier, later in zip(times, times[1:])), 0.8)

    def test_reads_its_settings_anew(self):
        path = os.path.join(self.folder, "settings.yml")

        def settings(text):
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)

        self.start_simulator()
        settings("log.level: info\npoll.budget: 3\n")
        program = self.start_service(f"--config.file={path}")
        program.wait_for("first fill complete")

        settings("log: {level: debug, format: json}\npoll.budget: 4\n"
                 f"spot.notice-file: {self.folder}/notice.json\n")
        program.process.send_signal(harness.signal.SIGHUP)
        self.assertRegex(self.manager.wait_for("RELOADING=1"), r"(?m)^MONOTONIC_USEC=\d+$")
        self.manager.wait_for("READY=1")
        program.wait_for('"msg":"settings read anew","changed":"log.format, log.level"')
        program.wait_for('"level":"warn",.*restart","ignored":"poll.budget, spot.notice-file"')
        program.wait_for('"level":"debug"')

        settings("log.level: info\npoll.budget: none\n")
        program.process.send_signal(harness.signal.SIGHUP)
        program.wait_for("the settings stay as they are.*none")
        program.wait_for('"level":"debug"')
        self.assertEqual(program.stop(), 0)

    def test_says_whether_it_is_healthy(self):
        silent = harness.SilentService()
        self.addCleanup(silent.close)
        self.start_exporter(metadata=silent.address)  # whose trouble is no illness of the exporter
        self.assertEqual(self.healthcheck(), (0, ""))
        port = self.web.rsplit(":", 1)[1]
        asked = self.start(harness.EXPORTER, "--healthcheck",
                           ALIYUN_ECS_EXPORTER_WEB_LISTEN_ADDRESS=f":{port}")
        self.assertEqual((asked.wait(), asked.output), (0, []))

        self.web = silent.address
        status, words = self.healthcheck()
        self.assertEqual(status, 1)
        self.assertRegex(words, f"^aliyun_ecs_exporter: --healthcheck: {silent.address}: .+\n$")
        for wrong in ("127.0.0.1:0", "nowhere"):
            asked = self.start(harness.EXPORTER, "--healthcheck", f"--web.listen-address={wrong}")
            self.assertEqual(asked.wait(), 1)
            self.assertEqual(len(asked.output), 1, asked.output)

    def verify(self, text):
        """Sets .unit, the name of a unit with that text, and lets systemd judge it."""
        if not shutil.which("systemd-analyze"):
            self.skip_or_fail("no systemd-analyze")
        self.unit = os.path.join(self.folder, os.path.basename(UNIT))
        # The path where packages put it is empty here, and systemd looks.
        with open(self.unit, "w", encoding="utf-8") as file:
            file.write(text.replace("ExecStart=/usr/bin/aliyun_ecs_exporter",
                                    f"ExecStart={harness.EXPORTER}"))
        return subprocess.run(["systemd-analyze", "verify", "--man=no", self.unit], text=True, check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def test_has_a_unit_that_systemd_takes(self):
        with open(UNIT, encoding="utf-8") as file:
            verified = self.verify(file.read())
        self.assertEqual((verified.returncode, verified.stdout), (0, ""))
        rated = subprocess.run(
            ["systemd-analyze", "security", "--offline=true", "--threshold=15", "--no-pager",
             self.unit],
            text=True, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.assertEqual(rated.returncode, 0, rated.stdout)

    def test_keeps_each_restriction_of_its_unit(self):
        with open(UNIT, encoding="utf-8") as file:
            lines = file.read().splitlines()
        for line in RESTRICTIONS:
            self.assertIn(line, lines)
        # What people uncomment must be something that systemd knows.
        examples = [line[1:] for line in lines if re.match(r"#[A-Z][A-Za-z]+=", line)]
        self.assertIn("IPAddressDeny=any", examples)
        self.assertIn("100.100.100.200", next(e for e in examples if "IPAddressAllow=" in e))
        verified = self.verify("\n".join(
            line[1:] if line[1:] in examples else line for line in lines))
        self.assertEqual((verified.returncode, verified.stdout), (0, ""))

    def test_takes_the_settings_that_its_unit_gives(self):
        with open(UNIT, encoding="utf-8") as file:
            given = dict(re.findall(r"(?m)^Environment=(\w+)=(.*)$", file.read()))
        given["ALIYUN_ECS_EXPORTER_STATE_FILE"] = os.path.join(self.folder, "state.json")
        checked = self.start(harness.EXPORTER, "--config.check", **given)
        self.assertEqual(checked.wait(), 0, checked.output)


if __name__ == "__main__":
    harness.main()
