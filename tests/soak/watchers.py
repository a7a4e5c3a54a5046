"""Looks at the exporter from all sides, all the time; the judge says what of it is as it should be."""

import collections
import gzip
import http.client
import os
import random
import threading
import time

import judge as promises
import world as worlds  # finds harness, and what is beside it
import check_plugin


class Watcher(threading.Thread):
    """Looks again and again, with pauses of 0 to `pause` seconds."""

    def __init__(self, world, pause):
        super().__init__(daemon=True, name=type(self).__name__)
        self.world, self.judge = world, world.judge
        self._pause = pause
        self._random = random.Random()
        self._end = threading.Event()

    def run(self):
        with self.judge.watching(self.name):
            while not self._end.is_set() and not self.judge.broken.is_set():
                self.look()
                self._end.wait(self._random.uniform(0, self._pause))

    def end(self):
        self._end.set()
        self.join()


class Scraper(Watcher):
    """One kind of page, on a kept-alive connection where `keeps`."""

    def __init__(self, world, path, headers, keeps, pause=0.4):
        super().__init__(world, pause)
        self.name = path + (" as OpenMetrics, gzip" if headers else "")
        self.path, self.headers, self.keeps = path, headers, keeps
        self.answered, self.refused, self.excused = 0, collections.Counter(), 0
        self.seconds = []
        self._connection, self._web = None, None

    def look(self):
        sent, life = time.monotonic(), self.world.life
        try:
            status, body = self._ask(life.web)
        except (OSError, http.client.HTTPException) as error:
            self._close()
            excused = self.world.is_excused(sent)
            self.judge.expect(excused, f"{self.name} was not answered: {type(error).__name__} {error}")
            self.excused += 1
            return
        received = time.monotonic()
        if status != 200:
            self.judge.expect(self.world.is_excused(sent),
                              f"{self.name} was refused with {status}: {body[:200]}")
            self.refused[status] += 1
            return
        self.answered += 1
        if not self.world.is_excused(sent):
            self.seconds.append(received - sent)
            self.judge.expect(received - sent < promises.SLOWEST_SCRAPE,
                              f"{self.name} took {received - sent:.1f} s")
        self._judge(body.decode(), sent, received)

    def _judge(self, text, sent, received):
        if self.path == "/metrics":
            page = self.judge.metrics(text, bool(self.headers), self.name)
            self.judge.notice(*page.spot, sent, received, self.name)
            self.judge.counters(self.name, page)
        elif self.path == "/snapshot":
            self.judge.notice(self.judge.snapshot(text), None, sent, received, self.name)
        else:
            self.judge.status_page(text)

    def _ask(self, web):
        if self._connection is not None and self._web == web:
            try:
                return self._exchange()
            except ConnectionError:
                pass  # the server had just ended it, as it may: every client asks once more
        self._close()
        host, port = web.split(":")
        self._connection = http.client.HTTPConnection(host, int(port), timeout=2 * promises.SLOWEST_SCRAPE)
        self._web = web
        return self._exchange()

    def _exchange(self):
        self._connection.request("GET", self.path, headers=self.headers)
        response = self._connection.getresponse()
        body = response.read()
        if response.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        if not self.keeps:
            self._close()
        return response.status, body

    def _close(self):
        if self._connection is not None:
            self._connection.close()
        self._connection = None


class Plugin(Watcher):
    """check_aliyun_ecs, asking the exporter."""

    CHECKS = ("spot", "spot", "credentials", "metadata", "hardening", "identity", "all")

    def __init__(self, world):
        super().__init__(world, 3)
        self.states = collections.Counter()

    def look(self):
        sent = time.monotonic()
        check = self._random.choice(self.CHECKS)
        run = check_plugin.Run("--check", check, f"--exporter=http://{self.world.life.web}",
                               *self._random.choice([(), ("-v",), ("-vvv",)]))
        good = (run.state is not None and run.status < len(check_plugin.STATES)
                and check_plugin.STATES[run.status] == run.state and not run.errors)
        self.judge.expect(good, f"the plugin's answer has no form: {run}")
        self.judge.no_secret(run.output, "the plugin's answer")
        self.states[run.state] += 1
        if check == "spot" and not self.world.is_excused(sent):
            state = {"OK": "none", "CRITICAL": "scheduled"}.get(run.state, "unknown")
            self.judge.notice(state, None, sent, time.monotonic(), "the plugin")


class Files(Watcher):
    """The state file and the textfile are whole whenever somebody looks."""

    def __init__(self, world):
        super().__init__(world, 0.2)
        self.looks = collections.Counter()

    def look(self):
        if text := self._read(self.world.state_file):
            self.judge.state_file(text)
        if self._random.random() < 0.2 and (text := self._read(self.world.textfile)):
            self.judge.metrics(text, where="the textfile")
        if text := self._read(self.world.notice_file):
            self.judge.expect(text.endswith("}\n"), f"the notice file is not whole: {text!r}")

    def _read(self, path):
        try:
            with open(path, encoding="utf-8") as file:
                text = file.read()
        except FileNotFoundError:
            return None
        self.looks[os.path.basename(path)] += 1
        self.judge.expect(text, f"{path} is empty")
        return text


class Resources(Watcher):
    """Memory and descriptors of the exporter."""

    def __init__(self, world):
        super().__init__(world, 1)

    def look(self):
        life = self.world.life
        try:
            with open(f"/proc/{life.process}/status", encoding="ascii") as status:
                resident = next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmRSS"))
            descriptors = len(os.listdir(f"/proc/{life.process}/fd"))
        except (OSError, StopIteration):
            return  # it has just ended
        life.samples.append((time.monotonic(), resident, descriptors))


def all_of(world):
    scrapers = [Scraper(world, path, headers, keeps=number % 2 == 0)
                for number, (path, headers) in enumerate(worlds.KINDS)]
    return scrapers, Plugin(world), Files(world), Resources(world)
