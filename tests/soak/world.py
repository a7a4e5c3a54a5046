"""The programs of the soak, their lives, and what a machine can deny them."""

import contextlib
import dataclasses
import http.client
import json
import os
import random
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time

sys.path.append(os.path.join(os.path.dirname(__file__), "..", "e2e"))
import harness  # noqa: E402
import judge as promises  # noqa: E402

DISK = 256 * 1024  # bytes of the small disk: more than twice what all files of the exporter need
PAGE = 4096
MOST_OF_A_PROCESSOR = 0.3  # of one, while it answers nobody
TAGS = ("env", "team")
OPEN_METRICS = {"Accept": "application/openmetrics-text;version=1.0.0", "Accept-Encoding": "gzip"}
KINDS = (("/metrics", {}), ("/metrics", OPEN_METRICS), ("/snapshot", {}), ("/", {}))


@dataclasses.dataclass
class Life:
    number: int
    program: harness.Program
    began: float
    process: int
    web: str = ""
    killed: str = ""  # how it was ended, when we did it
    warm: float = 0  # since when
    samples: list = dataclasses.field(default_factory=list)  # time, resident bytes, descriptors


class World:
    """Driven by one thread, watched by others."""

    def __init__(self, judge, folder):
        self.judge, self.folder = judge, folder
        self.disk = os.path.join(folder, "disk")
        os.mkdir(self.disk)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "soak", self.disk], check=True)
        self.state_file = os.path.join(self.disk, "state.json")
        self.textfile = os.path.join(self.disk, "aliyun_ecs.prom")
        self.notice_file = os.path.join(self.disk, "notice.json")
        self.config_file = os.path.join(folder, "config.yml")
        self.configure("log.level: info\n")
        self.lives = []
        self.kills = {"SIGKILL": 0, "SIGTERM": 0, "out of memory": 0, "simulator": 0}
        self.requests = []  # of simulators that are no more: when they came
        self.metadata = f"127.0.0.1:{self._port()}"
        self._excuses, self._excused_until = 0, 0.0
        self._ballast = os.path.join(self.disk, "ballast")
        self._connections = []
        self.simulator = None
        self.start_simulator()

    @staticmethod
    def _port():
        """One that no outgoing connection gets, so that the simulator can come back to it."""
        with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as range_:
            first, last = map(int, range_.read().split())
        for port in random.sample([*range(10_000, first), *range(last + 1, 65_536)], 100):
            with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
                return port
        raise SystemExit("tests/soak: no free port outside of the range of outgoing connections")

    # The simulator.

    def start_simulator(self):
        self.simulator = harness.Program(
            harness.SIMULATOR, f"--listen-address={self.metadata}", "--control.listen-address=127.0.0.1:0",
            "--marketplace-image", "--credential-life=60", "--credential-overlap=20",
            *(f"--tag={tag}=soak" for tag in TAGS))
        self.control = self.simulator.wait_for(r"address=(\S+) for=control")[1]
        self._simulator_began = time.monotonic()

    def call(self, method, path, body=None):
        """A str goes as it is, all else as JSON."""
        sent = body.encode() if isinstance(body, str) else None if body is None else json.dumps(body)
        response = harness.request(self.control, method, path, sent)
        if response.status not in (200, 204):
            raise AssertionError(f"{method} {path}: {response.status} {response.body}")
        return json.loads(response.body) if response.body else None

    def journal(self):
        """When requests came, all of them, in order."""
        began, before = self._simulator_began, list(self.requests)
        now = [began + entry["at"] for entry in self.call("GET", "/control/journal")["recent"]]
        return before + now

    def kill_simulator(self):
        self.requests = self.journal()
        self.simulator.stop(signal.SIGKILL)
        self.kills["simulator"] += 1

    # The exporter.

    @property
    def life(self):
        return self.lives[-1]

    def configure(self, text):
        with open(self.config_file + ".new", "w", encoding="ascii") as file:
            file.write(text)
        os.rename(self.config_file + ".new", self.config_file)

    def start_exporter(self):
        saved = os.path.exists(self.state_file)
        began = time.monotonic()
        program = harness.Program(
            harness.EXPORTER, "--web.listen-address=127.0.0.1:0", f"--metadata.url=http://{self.metadata}",
            "--metadata.timeout=1s", "--metadata.token-ttl=30",
            f"--poll.spot-interval={promises.SPOT_INTERVAL}s", "--poll.notice-interval=1s",
            "--poll.credentials-interval=10s", "--poll.listing-interval=15s", "--poll.identity-interval=1m",
            "--poll.posture-interval=20s", f"--poll.budget={promises.BUDGET}",
            f"--poll.burst={promises.BURST}", f"--metrics.instance-tags={','.join(TAGS)}",
            f"--state.file={self.state_file}", f"--textfile={self.textfile}",
            f"--spot.notice-file={self.notice_file}", f"--config.file={self.config_file}")
        life = Life(len(self.lives) + 1, program, began, program.process.pid)
        life.web = program.wait_for(r"msg=listening address=(\S+)")[1]
        self.lives.append(life)
        if saved:
            restored = any("restored from the state file" in line for line in program.output)
            self.judge.expect(restored, "the state file was not restored:\n" + "".join(program.output))
        self.judge.note(f"the exporter lives for the {life.number}. time, as {life.process}")
        self.first_page()

    def first_page(self):
        sent = time.monotonic()
        page = self.judge.metrics(self.page())
        self.judge.notice(*page.spot, sent, time.monotonic(), "the first page of a life")

    def page(self):
        response = harness.request(self.life.web, "GET", "/metrics")
        self.judge.expect(response.status == 200, f"a page was answered with {response.status}")
        return response.body

    def warm_up(self):
        """Every kind of page from nearly every thread: what each takes at first, it takes now."""
        with self.excused(), contextlib.ExitStack() as closing:
            connections = []
            for _ in range(60):
                connections.append(http.client.HTTPConnection(self.life.web, timeout=harness.DEADLINE))
                closing.callback(connections[-1].close)
                connections[-1].connect()
            for path, headers in KINDS:
                for connection in connections:
                    with contextlib.suppress(ConnectionError):  # it was idle for long
                        connection.request("GET", path, headers=headers)
                        connection.getresponse().read()
        self.life.warm = time.monotonic()

    @property
    def alive(self):
        return self.life.program.process.poll() is None

    def kill_exporter(self):
        with self.excused():
            self.judge.note("SIGKILL to the exporter")
            self.life.killed = "SIGKILL"
            self.life.program.stop(signal.SIGKILL)
            self.judge.killed()
            self._bury()
            self.start_exporter()

    def end_exporter(self):
        self.judge.note("SIGTERM to the exporter")
        self.life.killed = "SIGTERM"
        begin = time.monotonic()
        status = self.life.program.stop(limit=30)
        taken = time.monotonic() - begin
        self.judge.expect(status == 0, f"SIGTERM ended the exporter with status {status}:\n"
                          + "".join(self.life.program.output[-20:]))
        self.judge.expect(taken < 10, f"SIGTERM took {taken:.1f} s to end the exporter")
        self.judge.expect(not os.path.exists(self.textfile), "SIGTERM left the textfile behind")
        self._bury()

    def restart_exporter(self):
        with self.excused():
            self.end_exporter()
            self.start_exporter()

    def bury_starved_exporter(self):
        """It ended by itself while memory was denied: whole, and by its own decision."""
        life = self.life
        status = life.program.wait()
        self.judge.note(f"out of memory, the exporter ended with {status}")
        self.judge.expect(status == -signal.SIGABRT,
                          f"out of memory, the exporter ended with {status}, not by giving up:\n"
                          + "".join(life.program.output[-20:]))
        life.killed = "out of memory"
        self.judge.forget_notice()
        self._bury()
        self.start_exporter()

    def _bury(self):
        life = self.life
        self.kills[life.killed] += 1
        text = "".join(life.program.output)
        with open(os.path.join(self.folder, f"exporter-{life.number}.log"), "w", encoding="utf-8") as log:
            log.write(text)
        self.judge.no_secret(text, f"the log of life {life.number}")
        life.program.output.clear()

    def reload(self, text, answer):
        """SIGHUP with these settings, and the line that must follow."""
        self.judge.note(f"SIGHUP with {text!r}")
        self.configure(text)
        self.life.program.process.send_signal(signal.SIGHUP)
        self.life.program.wait_for(answer)

    # What a machine can deny. Around each, requests may stay without an answer.

    @contextlib.contextmanager
    def excused(self):
        self._excuses += 1
        try:
            yield
        finally:
            self._excuses -= 1
            self._excused_until = time.monotonic()

    def is_excused(self, sent):
        return self._excuses > 0 or sent <= self._excused_until

    @contextlib.contextmanager
    def disk_full(self, left):
        """All but `left` bytes of the disk are taken."""
        self.judge.note(f"the disk is full but for {left} bytes")
        free = os.statvfs(self.disk).f_bavail * PAGE
        with open(self._ballast, "wb") as ballast, contextlib.suppress(OSError):
            ballast.write(bytes(max(0, free - left)))
        try:
            yield
        finally:
            os.remove(self._ballast)
            self.judge.note("the disk has room again")

    @contextlib.contextmanager
    def _limited(self, what, limit):
        process = self.life.process
        before = resource.prlimit(process, what)
        resource.prlimit(process, what, (limit, before[1]))
        try:
            yield
        finally:
            with contextlib.suppress(ProcessLookupError):
                resource.prlimit(process, what, before)

    @contextlib.contextmanager
    def file_size_limited(self, most):
        """As if a quota were used up."""
        self.judge.note(f"no file may have more than {most} bytes")
        with self._limited(resource.RLIMIT_FSIZE, most):
            yield
        self.judge.note("files may have any size again")

    @contextlib.contextmanager
    def descriptors_exhausted(self, left):
        """A few are left, and connections of somebody else take them."""
        with self.excused():
            used = len(os.listdir(f"/proc/{self.life.process}/fd"))
            self.judge.note(f"of descriptors only {left} are left, {used} are used")
            with self._limited(resource.RLIMIT_NOFILE, used + left):
                began, worked = time.monotonic(), self._processor_seconds()
                try:
                    self.take_descriptors()
                    yield
                    share = (self._processor_seconds() - worked) / (time.monotonic() - began)
                    self.judge.expect(share < MOST_OF_A_PROCESSOR,
                                      f"without descriptors it took {share:.0%} of a processor")
                finally:
                    for connection in self._connections:
                        connection.close()
                    self._connections = []
            self.judge.note("there are descriptors again")
            self._await_page()

    def _processor_seconds(self):
        with open(f"/proc/{self.life.process}/stat", encoding="ascii") as stat:
            user, system = stat.read().rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def take_descriptors(self):
        """Connections that say nothing; the exporter ends those that it has accepted."""
        for connection in self._connections:
            connection.close()
        self._connections = []
        host, port = self.life.web.split(":")
        with contextlib.suppress(OSError):
            for _ in range(60):
                self._connections.append(socket.create_connection((host, int(port)), 1))

    @contextlib.contextmanager
    def memory_exhausted(self, left):
        """It may give up; then it is there again as after a SIGKILL."""
        with self.excused():
            with open(f"/proc/{self.life.process}/statm", encoding="ascii") as statm:
                used = int(statm.read().split()[0]) * resource.getpagesize()
            self.judge.note(f"of memory only {left} bytes are left, {used} are used")
            with self._limited(resource.RLIMIT_AS, used + left):
                yield
            self.judge.note("there is memory again")
            if not self.alive:
                self.bury_starved_exporter()
            self._await_page()

    def _await_page(self):
        end = time.monotonic() + 30
        while True:
            try:
                return self.page()
            except (OSError, http.client.HTTPException) as error:
                if time.monotonic() > end:
                    self.judge.fail(f"no page though nothing is denied any more: {error}")
                time.sleep(0.2)

    def close(self):
        for program in [self.simulator, *(life.program for life in self.lives[-1:])]:
            with contextlib.suppress(Exception):
                program.stop(signal.SIGKILL)
        with contextlib.suppress(Exception):
            if self.life.program.output:
                self.life.killed = self.life.killed or "SIGKILL"
                self._bury()
        subprocess.run(["umount", "--lazy", self.disk], check=False)
        shutil.rmtree(self.disk, ignore_errors=True)
