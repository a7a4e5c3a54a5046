"""What is promised, whatever happens; the first broken promise ends the soak."""

import collections
import contextlib
import html.parser
import json
import re
import threading
import time

from prometheus_client import parser
from prometheus_client.openmetrics import parser as strict_parser

SPOT_INTERVAL = 2  # the soak's --poll.spot-interval, in seconds
BUDGET, BURST = 4, 60
# "None" is said of a reading of the last three intervals; beside that, what a busy machine may add.
NONE_IS_FRESH = 3 * SPOT_INTERVAL + 4
# What is known is in the state file this soon after a page showed it.
SAVED_AFTER = 1
SLOWEST_SCRAPE = 5
# A request that waited for a busy simulator comes closer to the next than they were sent.
REQUESTS_TOO_CLOSE = 6

# What every made-up secret begins with.
SECRET = re.compile("SimulatedAccessKey(?:Id|Secret)|SimulatedSecurityToken|SIMULATED-SESSION-TOKEN")
STATES = ("none", "scheduled", "unknown")


class Broken(Exception):
    """A promise was broken."""


class Service:
    """What can be read of a notice: what may be, since before the call that allowed it, and what must
    be, since behind the call that made it so."""

    def __init__(self):
        self.notice = None     # its time
        self.readable = True   # not surely unreadable
        self.told = set()      # every time of every notice
        self.standing = set()  # the times of the notice that stands, which may have moved
        self._none = [[time.monotonic(), None]]

    @contextlib.contextmanager
    def changes(self, **to):
        """Around the call that does it."""
        notice, readable = to.get("notice", self.notice), to.get("readable", self.readable)
        could = self.notice is None and self.readable
        can = notice is None and readable
        if can and not could:
            self._none.append([time.monotonic(), None])
        if notice is None:
            self.standing = set()
        else:
            self.told.add(notice)
            self.standing = self.standing | {notice}
        yield
        self.notice, self.readable = notice, readable
        if could and not can:
            self._none[-1][1] = time.monotonic()

    def could_say_none(self, begin, end):
        return any(since <= end and (until is None or until >= begin) for since, until in self._none)


class StatusPage(html.parser.HTMLParser):
    """Whether every element that needs it is closed, in order."""

    VOID = {"meta", "link", "br", "hr", "img", "input", "col"}

    def __init__(self):
        super().__init__()
        self.open = []

    def handle_starttag(self, tag, attrs):
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            raise ValueError(f"</{tag}> closes nothing")


class Page:
    """The samples of a metrics page, which is as strict as its format, and one picture."""

    def __init__(self, text, open_metrics=False):
        if open_metrics:
            families = strict_parser.text_string_to_metric_families(text)
        else:
            families = parser.text_string_to_metric_families(text)
        self.samples = {}
        for family in families:
            self._need(family.type not in ("unknown", "untyped"), f"{family.name} has no type")
            self._need(family.documentation, f"{family.name} has no help")
            for sample in family.samples:
                key = sample.name, tuple(sorted(sample.labels.items()))
                self._need(key not in self.samples, f"{key} comes twice")
                self.samples[key] = sample.value
        self._need(text.endswith("# EOF\n" if open_metrics else "\n"), "the end is missing")
        self._check()

    @staticmethod
    def _need(good, complaint):
        if not good:
            raise ValueError(complaint)

    def get(self, name, **labels):
        return self.samples.get((name, tuple(sorted(labels.items()))))

    def all(self, name):
        return {labels: value for (sample, labels), value in self.samples.items() if sample == name}

    def labels(self, name, label):
        return {dict(labels)[label] for labels in self.all(name)}

    @property
    def spot(self):
        """The state, and the time of the notice."""
        state, = (state for state in STATES if self.get("aliyun_ecs_spot_termination_state", state=state))
        return state, self.get("aliyun_ecs_spot_termination_timestamp_seconds")

    def _check(self):
        spot = self.all("aliyun_ecs_spot_termination_state")
        self._need(sorted(spot.values()) == [0, 0, 1], f"spot states: {spot}")
        state, at = self.spot
        self._need((state == "scheduled") == (at is not None), f"{state} with the time {at}")
        requests = sum(self.all("aliyun_ecs_metadata_requests_total").values())
        timed = self.get("aliyun_ecs_metadata_request_duration_seconds_count")
        self._need(requests == timed, f"{requests} requests, {timed} durations")
        refused = sum(self.get("aliyun_ecs_metadata_requests_total", code=code) for code in ("429", "503"))
        throttled = self.get("aliyun_ecs_metadata_throttled_total")
        self._need(refused == throttled, f"{refused} refusals, {throttled} throttled")
        self._need(self.get("aliyun_ecs_metadata_up") in (0, 1), "no aliyun_ecs_metadata_up")
        ends = self.labels("aliyun_ecs_ram_credential_expiration_timestamp_seconds", "role")
        left = self.labels("aliyun_ecs_ram_credential_expires_in_seconds", "role")
        self._need(ends == left, f"credentials that end {ends}, that have time left {left}")

    @property
    def items(self):
        return {dict(labels)["state"]: value
                for labels, value in self.all("aliyun_ecs_metadata_items").items()}


class Judge:
    """Of any thread. Remembers what happened lately, for the case that a promise is broken."""

    def __init__(self):
        self.service = Service()
        self.broken = threading.Event()
        self.sentence = None
        self.begin = time.monotonic()
        self._events = collections.deque(maxlen=40)
        self._lock = threading.Lock()
        self._shown = None  # since when the standing notice was on a page
        self._items = None
        self._counters = {}

    def note(self, event):
        self._events.append(f"{time.monotonic() - self.begin:8.1f} s  {event}")

    @property
    def events(self):
        return list(self._events)

    def fail(self, sentence):
        with self._lock:
            if not self.broken.is_set():
                self.sentence = f"after {time.monotonic() - self.begin:.1f} s: {sentence}"
                self.broken.set()
        raise Broken(sentence)

    def expect(self, good, sentence):
        if not good:
            self.fail(sentence)

    @contextlib.contextmanager
    def watching(self, what):
        """Whatever goes wrong in a thread of ours is no promise that was kept."""
        try:
            yield
        except Broken:
            pass
        except Exception as error:  # the thread ends with it, and must not do so unseen
            with contextlib.suppress(Broken):
                self.fail(f"{what}: {type(error).__name__}: {error}")

    def no_secret(self, text, where):
        if found := SECRET.search(text):
            self.fail(f"a secret, {found[0]}…, in {where}")

    def metrics(self, text, open_metrics=False, where="the page"):
        self.no_secret(text, where)
        try:
            page = Page(text, open_metrics)
        except (ValueError, KeyError, TypeError) as error:
            self.fail(f"{where} is not as it should be: {error}\n{text}")
        items = sum(page.items.values())
        self._items = self._items or items
        self.expect(items == self._items, f"{where} knows {items} items; at first it was {self._items}")
        return page

    def counters(self, scraper, page):
        """No counter of a process goes back, in what one scraper sees of it."""
        process = page.get("process_start_time_seconds")
        now = {key: value for key, value in page.samples.items()
               if key[0].endswith(("_total", "_count", "_bucket")) and "role" not in dict(key[1])}
        before_process, before = self._counters.get(scraper, (None, {}))
        self._counters[scraper] = process, now
        if process != before_process:
            return
        for key, value in before.items():
            self.expect(now.get(key, -1) >= value, f"{key} went from {value} to {now.get(key)}")

    def status_page(self, text):
        self.no_secret(text, "the status page")
        page = StatusPage()
        try:
            page.feed(text)
        except ValueError as error:
            self.fail(f"the status page is not as it should be: {error}\n{text}")
        whole = text.rstrip().endswith("</html>") and not page.open
        self.expect(whole, f"the status page is not whole:\n{text}")

    def snapshot(self, text):
        self.no_secret(text, "/snapshot")
        try:
            return json.loads(text)["spot"]["state"]
        except (ValueError, KeyError) as error:
            self.fail(f"/snapshot is not as it should be: {error}\n{text}")

    def state_file(self, text):
        """The termination time in it, in seconds."""
        self.no_secret(text, "the state file")
        try:
            state = json.loads(text)
            at = state["spot"]["termination"]
            whole = state["version"] == 1 and state["budget"] and state["items"] is not None
        except (ValueError, KeyError) as error:
            self.fail(f"the state file is not whole: {error}\n{text}")
        self.expect(whole, f"the state file is not whole:\n{text}")
        return at and at / 1e9

    def notice(self, state, at, sent, received, where):
        """What was said of the notice by an answer; `at` where it told the time."""
        service = self.service
        with self._lock:
            shown, standing = self._shown, service.standing
            if not standing:
                self._shown = shown = None
            elif state == "scheduled" and at in standing and shown is None:
                self._shown = received
        if state == "none":
            self.expect(service.could_say_none(sent - NONE_IS_FRESH, received),
                        f"{where} says that there is no notice, which could not be read lately")
        if state == "scheduled":
            self.expect(at is None or at in service.told, f"{where} tells of a notice that never was: {at}")
        elif shown is not None and shown < sent and standing <= service.standing:
            self.fail(f"{where} says {state}; the notice stands, and was shown before")

    def killed(self):
        """What was shown just before may not have been saved."""
        with self._lock:
            if self._shown is not None and self._shown > time.monotonic() - SAVED_AFTER:
                self._shown = None

    def forget_notice(self):
        """The process ended while it could not save."""
        with self._lock:
            self._shown = None

    def requests(self, times):
        """Of the metadata service, in order: never more than the burst and the budget allow."""
        level, last = BURST + REQUESTS_TOO_CLOSE, None
        for at in times:
            if last is not None:
                level = min(BURST + REQUESTS_TOO_CLOSE, level + BUDGET * max(0, at - last))
            last = at
            level -= 1
            self.expect(level >= 0, f"more requests than burst and budget allow, at {at - self.begin:.1f} s")
