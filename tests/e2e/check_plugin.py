"""Runs check_aliyun_ecs and has its output judged; for check_test.py.

Two independent judges read every line: Debian's Monitoring::Plugin (Perl) and nagiosplugin
(Python). They must find the same numbers in it, and come to the same state.
"""

import concurrent.futures
import contextlib
import datetime
import functools
import http.server
import os
import re
import socket
import subprocess
import threading
import time
import unittest

try:
    import nagiosplugin
except ImportError:
    nagiosplugin = None

import harness

CHECK = os.path.join(harness.BIN, "check_aliyun_ecs")

OK, WARNING, CRITICAL, UNKNOWN = STATES = ("OK", "WARNING", "CRITICAL", "UNKNOWN")
BADNESS = {OK: 0, WARNING: 1, UNKNOWN: 2, CRITICAL: 3}

# Some hold a value and some do not, whatever it is.
RANGES = ["10", "10:", "~:10", "10:20", "@10:20", "@~:10", "0:", "@0:", "-5:5", "-20:-10",
          "@-20:-10", "~:-0.5", "0.5", "0.25:12.5", "@-100.5:-1.25", "-0.000001:1", "15", "@15:",
          "1000:100000"]

LINE = re.compile(r"ALIYUN_ECS (?:(?P<name>[A-Z]+) )?(?P<state>OK|WARNING|CRITICAL|UNKNOWN)"
                  r" - (?P<text>[^|]*[^| ])(?: \| (?P<perfdata>[^|]+))?")
NUMBER = r"-?\d+(?:\.\d+)?"
RANGE = rf"@?(?:(?:~|{NUMBER})?:)?(?:{NUMBER})?"
PERFDATUM = re.compile(rf"'(?P<label>[^'=]+)'=(?P<value>{NUMBER})(?P<uom>s|B|%)?"
                       rf"(?:;(?P<warn>{RANGE}))?(?:;(?P<crit>{RANGE}))?"
                       rf"(?:;(?P<min>{NUMBER})?)?(?:;(?P<max>{NUMBER}))?")


def utc(seconds_from_now):
    moment = datetime.datetime.now(datetime.timezone.utc)
    moment += datetime.timedelta(seconds=seconds_from_now)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def nobody():
    """An address where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as unused:
        return "127.0.0.1:%d" % unused.getsockname()[1]


class PerlJudge:
    """tests/e2e/check_output.pl, started once: Perl takes longer to start than to answer."""

    def __init__(self):
        self._process = subprocess.Popen(
            ["perl", os.path.join(harness.SOURCE, "tests", "e2e", "check_output.pl")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        unittest.addModuleCleanup(self.close)

    @staticmethod
    @functools.cache
    def get():
        return PerlJudge()

    def _ask(self, *fields):
        try:
            self._process.stdin.write("\t".join(fields) + "\n")
            self._process.stdin.flush()
            answer = self._process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            return None
        return answer[:-1].split("\t") if answer != "\n" else []

    def works(self):
        return self._ask("alerts", "10", "11") == ["1"]

    def why_not(self):
        self._process.kill()
        return self._process.stderr.read()

    def perfdata(self, text):
        """Tuples of label, value, unit, warning, critical, minimum, maximum."""
        fields = self._ask("perfdata", text)
        return [tuple(fields[i:i + 7]) for i in range(0, len(fields), 7)]

    def alerts(self, range_, value):
        return {"1": True, "0": False}[self._ask("alerts", range_, value)[0]]

    def close(self):
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            with contextlib.suppress(BrokenPipeError):
                pipe.close()


class Run:
    """One run of the plugin."""

    def __init__(self, *flags, **env):
        begin = time.monotonic()
        self.flags = flags
        done = subprocess.run([CHECK, *flags], stdin=subprocess.DEVNULL,
                              capture_output=True, env=harness.environment(**env), check=False,
                              timeout=harness.DEADLINE)
        self.seconds = time.monotonic() - begin
        self.status = done.returncode
        self.output = done.stdout.decode()  # throws unless it is UTF-8
        self.errors = done.stderr.decode()
        self.lines = self.output.splitlines()
        self.first = self.lines[0] if self.lines else ""
        match = LINE.fullmatch(self.first)
        self.name, self.state, self.text, perfdata = (
            match.group("name", "state", "text", "perfdata") if match else (None,) * 4)
        self.perfdata = perfdata or ""

    def __repr__(self):
        return f"{' '.join(self.flags)}\n{self.status}: {self.output}{self.errors}"

    def value(self, label):
        return float(re.search(rf"'{re.escape(label)}'=({NUMBER})", self.perfdata)[1])


def runs(flags_of_each, **env):
    """The runs, in this order; made at the same time, as many as there are processors."""
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(lambda flags: Run(*flags, **env), flags_of_each))


class Checks:
    """For test cases: runs the plugin and has its output judged."""

    def setUp(self):
        super().setUp()
        if nagiosplugin is None:
            self.skip_or_fail("no nagiosplugin (python3-nagiosplugin)")
        if not PerlJudge.get().works():
            self.skip_or_fail("no Monitoring::Plugin (libmonitoring-plugin-perl): "
                              + PerlJudge.get().why_not())

    def start(self, *argv, **env):
        program = super().start(*argv, **env)
        self.addCleanup(program.process.kill)  # an orderly end takes longer than most tests
        return program

    def check(self, *flags, **env):
        run = Run(*flags, **env)
        self.judge(run)
        return run

    def direct(self, name, *flags, **env):
        return self.check("--check", name, f"--metadata-url=http://{self.metadata}", *flags, **env)

    def ask(self, name, *flags, web=None, **env):
        return self.check("--check", name, f"--exporter={web or 'http://' + self.web}", *flags,
                          **env)

    def assert_state(self, run, state, words=""):
        self.assertEqual(run.state, state, run)
        if words:
            self.assertRegex(run.text, words, run)

    def judge(self, run):
        """That the output has its form, and that both judges read it as it is meant."""
        self.assertRegex(run.first, LINE, run)
        self.assertEqual(STATES[run.status], run.state, run)
        self.assertEqual(run.errors, "", run)
        self.assertTrue(run.output.endswith("\n"), run)
        self.assertNotRegex(run.output, r"[^\n -~\u00a0-\U0010ffff]", run)
        if run.name:
            self.assertNotIn("|", "".join(run.lines[1:]), run)
        told = self.numbers(run)
        states = [self.state_of(number) for number in told]
        worst = max(states, key=BADNESS.get, default=OK)
        if run.state != UNKNOWN:
            self.assertGreaterEqual(BADNESS[run.state], BADNESS[worst], run)
        return worst

    def numbers(self, run):
        """The perfdata, of which both judges read the same."""
        told = [match.groupdict(default="") for match in PERFDATUM.finditer(run.perfdata)]
        self.assertEqual(" ".join(match[0] for match in PERFDATUM.finditer(run.perfdata)),
                         run.perfdata, run)
        fields = ("label", "value", "uom", "warn", "crit", "min", "max")
        for number, word in zip(told, run.perfdata.split(" ")):
            ours = nagiosplugin.Performance(*(number[field] for field in fields))
            self.assertEqual(str(ours).replace("'", ""), word.replace("'", ""), run)
        # Its perfdata, unlike its ranges, knows no "@".
        if "@" not in run.perfdata:
            theirs = [(label, float(value), *rest)
                      for label, value, *rest in PerlJudge.get().perfdata(run.perfdata)]
            self.assertEqual(theirs, [(number["label"], float(number["value"]),
                                       *(number[field] for field in fields[2:]))
                                      for number in told], run)
        return told

    def state_of(self, number):
        """What both judges say of the value."""
        alerts = {}
        for limit in ("warn", "crit"):
            range_, value = number[limit], number["value"]
            alerts[limit] = False
            if not range_:
                continue
            alerts[limit] = not nagiosplugin.Range(range_).match(float(value))
            self.assertEqual(PerlJudge.get().alerts(range_, value), alerts[limit], number)
        return CRITICAL if alerts["crit"] else WARNING if alerts["warn"] else OK

    def assert_judged(self, *flags, every=1):
        """That the state is what the judges say of the value, whatever the ranges are."""
        each = [[*flags, f"-w{warning}", f"-c{critical}"]
                for warning, critical in zip(RANGES[::every], RANGES[1::every] + RANGES)]
        each += [[*flags, f"-{flag}{range_}"] for range_ in RANGES[::4] for flag in "wc"]
        states = set()
        for run in runs(each):
            with self.subTest(run.flags):
                worst = self.judge(run)
                self.assertEqual(run.state, worst, run)
                number = self.numbers(run)[0]
                for flag in run.flags[len(flags):]:
                    self.assertEqual(flag[2:], number["warn" if flag[1] == "w" else "crit"], run)
                states.add(run.state)
        self.assertEqual(states, {OK, WARNING, CRITICAL}, "some of each")

    def assert_in_time(self, seconds, *flags):
        """Its word, which comes 0.2 s behind its time at the latest, but for the time to start."""
        for _ in range(3):  # a machine may be busy once
            run = self.check(f"-t{seconds}", *flags)
            start = 0 if run.seconds <= seconds + 0.2 else Run("-V").seconds
            if run.seconds <= seconds + 0.2 + start:
                return run
        return self.fail(f"it took {run.seconds} s, {start} s of it to start: {run}")


class Case(Checks, harness.Case):
    pass


class Server:
    """A web server of this test: answer(method, path, headers) gives status, headers and body."""

    def __init__(self, answer):
        self.asked = []  # method, path and headers of every request
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # an answer in pieces would wait for acknowledgements

            def do_GET(self):
                asked = (self.command, self.path, dict(self.headers))
                outer.asked.append(asked)
                status, headers, body = answer(*asked)
                self.send_response(status)
                for name, value in headers:
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_PUT = do_GET

            def log_message(self, *_):
                pass

        class HttpServer(http.server.ThreadingHTTPServer):
            def handle_error(self, *_):
                pass  # who has read enough hangs up

        self._server = HttpServer(("127.0.0.1", 0), Handler)
        self.address = "127.0.0.1:%d" % self._server.server_address[1]
        self.url = "http://" + self.address
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class Answerer(Server):
    """Has one answer for everything, which may be changed at any time."""

    def __init__(self, body="", status=200, headers=()):
        self.body, self.status, self.headers = body, status, headers
        super().__init__(self._answer)

    def _answer(self, _method, path, _headers):
        body = self.body(path) if callable(self.body) else self.body
        return self.status, self.headers, body if isinstance(body, bytes) else body.encode()


class Relay(Server):
    """Stands before the simulator, hears all that it says, and may say something else."""

    def __init__(self, upstream):
        self.upstream = upstream
        self.heard = []  # every body of the simulator's
        self.instead = lambda method, path, headers: None  # a body, or None for the simulator's
        super().__init__(self._answer)

    def _answer(self, method, path, headers):
        body = self.instead(method, path, headers)
        if body is not None:
            return 200, (), body
        response = harness.request(
            self.upstream, method, path,
            headers={k: v for k, v in headers.items() if k.startswith("X-")})
        self.heard.append(response.body)
        return response.status, (), response.body.encode()
