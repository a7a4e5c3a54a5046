"""Trouble without end, in the order of a seed."""

import random
import time

SPOT = "*/spot/*"
PATHS = ("*", "*", "*", SPOT, "*/token", "*/ram/*", "*/network/*", "*/instance-id", "*/disks/*")
REFUSALS = (429, 429, 503, 503, 500, 502, 401, 403)
# The service as it is when all is well.
GOOD_OPTIONS = {"http_tokens": "optional", "http_endpoint": "enabled", "throttle": None}
GOOD_PROTOCOL = {"expired-token": "401", "disabled-channel": "403", "error-page": "lighttpd",
                 "retry-after": "none", "date-offset": "0"}
FARTHEST = 7200  # seconds to a notice's time; none ends within a soak
MOST_ATTACHED = 4


class Storm:
    """What the simulator does, from move to move. Not for two threads."""

    def __init__(self, world, seed):
        self.world, self.judge = world, world.judge
        self.seed, self.random = seed, random.Random()
        self.moves = 0
        self.macs, self.serials = [], []  # of what was attached beside what was there
        self._faults_block, self._closed = False, False  # the spot notice cannot be read
        self._moves = {
            self.faults: 8, self.clear: 1, self.put_notice: 2, self.withdraw_notice: 1, self.rotate: 1,
            self.rotation: 1, self.role: 1, self.options: 2, self.protocol: 1, self.interface: 1,
            self.disk: 1, self.tags: 1, self.name: 1, self.reload: 1}

    def begin(self, number):
        """A round. What comes in it depends on the seed and its number, not on how busy the machine is."""
        self.random.seed(f"{self.seed} {number}")

    def blow(self, seconds, also=None, without=()):
        """Moves every few seconds; `also` is done between them, until it returns False."""
        moves = {move: weight for move, weight in self._moves.items() if move not in without}
        while seconds > 0:
            move, = self.random.choices(list(moves), moves.values())
            move()
            self.moves += 1
            pause = self.random.uniform(0.5, 4)
            seconds -= pause
            if self.judge.broken.wait(pause) or (also is not None and also() is False):
                return

    def calm(self):
        """All is well again, but for a notice that may stand."""
        self.clear()
        self._call("PUT", "/control/protocol", GOOD_PROTOCOL)
        self._set_options(GOOD_OPTIONS)
        self._call("PUT", "/control/credentials/rotation", {"how": "on-time"})
        self._call("PUT", "/control/role", {"name": "SimulatedEcsRole"})

    def forget(self):
        """Around the death of the simulator, which remembers nothing."""
        self.macs, self.serials = [], []
        self._faults_block = self._closed = False
        return self.judge.service.changes(notice=None, readable=True)

    def _call(self, method, path, body=None):
        self.judge.note(f"{method} {path} {body or ''}")
        return self.world.call(method, path, body)

    def _readable(self, faults_block=None, closed=None):
        if faults_block is not None:
            self._faults_block = faults_block
        if closed is not None:
            self._closed = closed
        return self.judge.service.changes(readable=not self._faults_block and not self._closed)

    # The moves.

    def _fault(self):
        r = self.random
        path = r.choice(PATHS)
        kind = r.choice(("status", "status", "status", "delay", "hang", "reset", "close", "cut", "drip",
                         "garbage", "html", "wrong-length", "throttle"))
        fault = {"fault": kind, "path": path}
        if kind == "status":
            fault["status"] = r.choice(REFUSALS)
            if r.random() < 0.3:
                fault["retry_after_seconds"] = r.randint(0, 6)
        if kind == "delay":
            fault["delay_seconds"] = round(r.uniform(0.05, 2), 2)
        if kind == "drip":
            fault.update(drip_bytes=r.randint(1, 40), drip_interval_seconds=round(r.uniform(0.01, 0.3), 2))
        if kind == "throttle":
            fault.update(rate=r.choice((0.5, 1, 3)), burst=r.choice((1, 5)), status=r.choice((429, 503)))
        if r.random() < 0.3:
            fault.update(probability=round(r.uniform(0.2, 0.9), 2), seed=r.randrange(1000))
        return fault

    @staticmethod
    def _blocks(fault):
        return (fault["path"] in ("*", SPOT) and "probability" not in fault
                and fault["fault"] not in ("delay", "drip", "throttle"))

    def faults(self):
        faults = [self._fault() for _ in range(self.random.randint(1, 3))]
        # The first that matches strikes; one that may let a request through hides a later one.
        spot = next((fault for fault in faults if fault["path"] in ("*", SPOT)), None)
        with self._readable(faults_block=spot is not None and self._blocks(spot)):
            self._call("PUT", "/control/faults", {"faults": faults})

    def darken(self):
        """The spot notice, or all, cannot be read."""
        fault = {"fault": self.random.choice(("status", "hang", "reset", "close", "cut", "garbage", "html")),
                 "path": self.random.choice(("*", SPOT))}
        if fault["fault"] == "status":
            fault["status"] = self.random.choice(REFUSALS)
        with self._readable(faults_block=True):
            self._call("PUT", "/control/faults", {"faults": [fault]})

    def clear(self):
        with self._readable(faults_block=False):
            self._call("PUT", "/control/faults", {"faults": []})

    def put_notice(self):
        """Or move it."""
        at = int(time.time()) + self.random.randint(FARTHEST // 2, FARTHEST)
        while at in self.judge.service.told:
            at += 1
        with self.judge.service.changes(notice=at):
            self._call("PUT", "/control/spot-termination",
                       {"at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))})

    def withdraw_notice(self):
        if self.judge.service.notice is not None:
            with self.judge.service.changes(notice=None):
                self._call("DELETE", "/control/spot-termination")

    def rotate(self):
        self._call("PUT", "/control/role", {"name": "SimulatedEcsRole"})
        self._call("POST", "/control/credentials/rotate")

    def rotation(self):
        how = self.random.choice(("on-time", "late", "failing", "never"))
        body = {"how": how, **({"late_seconds": 5} if how == "late" else {})}
        self._call("PUT", "/control/credentials/rotation", body)

    def role(self):
        if self.random.random() < 0.5:
            name = self.random.choice(("SimulatedEcsRole", "AnotherRole"))
            left = self.random.randint(1, 60)
            self._call("PUT", "/control/role", {"name": name, "expires_in_seconds": left})
        else:
            self._call("PUT", "/control/role", {"name": "SimulatedEcsRole"})
            self._call("DELETE", "/control/role")

    def _set_options(self, options):
        with self._readable(closed=options["http_endpoint"] == "disabled"):
            self._call("PUT", "/control/options", options)

    def options(self):
        r = self.random
        throttle = {"rate": r.choice((0.5, 2, 10)), "burst": r.choice((1, 20))}
        self._set_options({"http_tokens": r.choice(("optional", "required")),
                           "http_endpoint": r.choice(("enabled", "enabled", "disabled")),
                           "throttle": r.choice((None, throttle))})

    def protocol(self):
        r = self.random
        self._call("PUT", "/control/protocol", {
            "expired-token": r.choice(("401", "403")), "disabled-channel": r.choice(("403", "close", "hang")),
            "error-page": r.choice(("lighttpd", "plain", "empty")), "retry-after": r.choice(("none", "3")),
            "date-offset": str(r.randint(-30, 30))})

    def _attach(self, kind, name, attached):
        if len(attached) < MOST_ATTACHED and self.random.random() < 0.6:
            attached.append(self._call("POST", f"/control/{kind}")[name])
        elif attached:
            gone = attached.pop(self.random.randrange(len(attached)))
            self._call("DELETE", f"/control/{kind}/{gone}")

    def interface(self):
        self._attach("interfaces", "mac", self.macs)

    def disk(self):
        self._attach("disks", "serial", self.serials)

    def tags(self):
        keys = self.random.sample(("env", "team", "nobody-asked"), self.random.randint(0, 3))
        tags = {key: "\u00fc\"\\ " + str(self.random.randrange(9)) for key in keys}
        self._call("PUT", "/control/tags", tags)

    def name(self):
        name = self.random.choice(('a "quoted" name', "back\\slash", "\u540d\u524d", "plain"))
        self._call("PUT", "/control/items/instance/instance-name", name)

    def reload(self):
        if self.random.random() < 0.3:
            self.world.reload("log.level: [\n", "the settings stay as they are")
        level = self.random.choice(("debug", "info", "info"))
        self.world.reload(f"log.level: {level}\n", "settings read anew")
