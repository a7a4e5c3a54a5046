"""Runs the real programs on loopback and talks to them.

Nothing here sleeps: tests wait for a line of a program's log, or for an answer. The deadlines are
only there so that a broken program fails a test instead of hanging it.
"""

import http.client
import http.server
import json
import os
import queue
import re
import signal
import socket
import subprocess
import threading
import unittest

BIN = os.environ["ALIYUN_ECS_BIN"]  # the folder of the built programs
SOURCE = os.environ["ALIYUN_ECS_SOURCE"]  # the top of the checkout
DEADLINE = 60

EXPORTER = os.path.join(BIN, "aliyun_ecs_exporter")
SIMULATOR = os.path.join(BIN, "aliyun_ecs_simulator")


def environment(**more):
    """Ours, without what could change how the programs behave."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("ALIYUN_ECS_EXPORTER_")}
    return {**kept, **more}


class Program:
    """A running program. Keeps everything that it writes."""

    def __init__(self, *argv, **env):
        self.argv = argv
        self.output = []  # every line so far, of both streams
        self._lines = queue.Queue()
        self._seen = []
        self.process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env=environment(**env), text=True, errors="replace")
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.output.append(line)
            self._lines.put(line)
        self._lines.put(None)

    def wait_for(self, pattern):
        """The match of the first line, among those not yet waited for, that has the pattern."""
        return self.wait_for_all(pattern)[0]

    def wait_for_all(self, *patterns):
        """The same for several patterns, whose lines may come in any order."""
        found = {}
        while len(found) < len(patterns):
            try:
                line = self._lines.get(timeout=DEADLINE)
            except queue.Empty:
                line = None
            missing = [pattern for pattern in patterns if pattern not in found]
            if line is None:
                raise AssertionError(
                    f"{os.path.basename(self.argv[0])} never wrote {missing[0]!r}:\n"
                    + "".join(self.output))
            for pattern in missing:
                if match := re.search(pattern, line):
                    found[pattern] = match
        return [found[pattern] for pattern in patterns]

    def stop(self, signal_number=signal.SIGTERM, limit=DEADLINE):
        """Ends it; returns the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal_number)
        return self.wait(limit)

    def wait(self, limit=DEADLINE):
        try:
            status = self.process.wait(timeout=limit)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"{self.argv[0]} does not end") from None
        self._reader.join()
        self.process.stdout.close()
        return status


class Case(unittest.TestCase):
    """A test that starts programs and ends them, whatever happens."""

    def start(self, *argv, **env):
        program = Program(*argv, **env)
        self.addCleanup(program.stop)
        return program

    def start_simulator(self, *flags):
        """Sets .metadata and .control, the addresses of a running simulator."""
        self.simulator = self.start(
            SIMULATOR, "--listen-address=127.0.0.1:0", "--control.listen-address=127.0.0.1:0",
            *flags)
        self.metadata = self.simulator.wait_for(r"address=(\S+) for=metadata")[1]
        self.control = self.simulator.wait_for(r"address=(\S+) for=control")[1]
        return self.simulator

    def start_exporter(self, *flags, metadata=None, **env):
        """Sets .web, the address of a running exporter."""
        self.exporter = self.start(
            EXPORTER, "--web.listen-address=127.0.0.1:0",
            f"--metadata.url=http://{metadata or self.metadata}", *flags, **env)
        self.web = self.exporter.wait_for(r"msg=listening address=(\S+)")[1]
        return self.exporter

    def healthcheck(self, *flags, **env):
        """Exit status and words of an exporter that asks the running one."""
        done = subprocess.run(
            [EXPORTER, "--healthcheck", f"--web.listen-address={self.web}", *flags],
            env=environment(**env), capture_output=True, text=True, timeout=DEADLINE, check=False)
        return done.returncode, done.stdout + done.stderr

    def control_api(self, method, path, body=None):
        """The JSON answer of the simulator's control API."""
        response = request(self.control, method, path, json.dumps(body) if body else None)
        self.assertIn(response.status, (200, 204), response.body)
        return json.loads(response.body) if response.body else None

    def page(self, path="/metrics"):
        response = request(self.web, "GET", path)
        self.assertEqual(response.status, 200)
        return response.body

    def sample(self, name_and_labels):
        """The value of the sample written exactly so on the page, or None."""
        found = re.search(rf"^{re.escape(name_and_labels)} (\S+)$", self.page(), re.MULTILINE)
        return float(found[1]) if found else None

    def skip_or_fail(self, reason):
        """CI skips nothing."""
        if os.environ.get("ALIYUN_ECS_SKIP_NOTHING"):
            self.fail(reason)
        self.skipTest(reason)


class Response:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body


def request(address, method, path, body=None, headers=None):
    host, port = address.rsplit(":", 1)
    connection = http.client.HTTPConnection(host.strip("[]"), int(port), timeout=DEADLINE)
    try:
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        return Response(response.status, response.headers, response.read().decode())
    finally:
        connection.close()


class SilentService:
    """Accepts connections and never answers."""

    def __init__(self):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self._listener.getsockname()[1]
        self._connections = []

    def accept(self):
        """Waits until a request has come."""
        self._listener.settimeout(DEADLINE)
        connection, _ = self._listener.accept()
        self._connections.append(connection)
        connection.settimeout(DEADLINE)
        assert connection.recv(4096)

    def close(self):
        for connection in self._connections:
            connection.close()
        self._listener.close()


class LoginPage:
    """Gives session tokens, and a captive portal's page with status 200 for all else."""

    PAGE = b"<html>\n<title>Log in</title>\n</html>"

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_PUT(self):
            self._answer(b"a-token")

        def do_GET(self):
            self._answer(LoginPage.PAGE)

        def _answer(self, body):
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    def __init__(self):
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self.Handler)
        self.address = "127.0.0.1:%d" % self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def main():
    unittest.main(verbosity=2)
