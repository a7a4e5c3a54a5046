"""Storms around the real programs, in real time: soak.py SECONDS SEED FOLDER [--sanitized].

Rounds: a storm, often with something that the machine denies; then calm, in which all must come back.
For the first part of the time one exporter lives through all of it; then come the kills.
"""

import collections
import os
import re
import signal
import statistics
import sys
import time

import judge as promises
import storm as storms
import watchers
import world as worlds

LONG_LIFE = 0.42  # of the time
# A pause of the request budget takes up to a minute and an item's back-off as long; then all is read.
RECOVERY = 150
TEXTFILE_IS_FRESH = 20
# Between an early and the last part of a life: what a heap becomes while it gets its holes. A leak of 3 KB a
# second adds more in the long life of half an hour's soak.
MOST_GROWTH = 1 << 20
MOST_MORE_DESCRIPTORS = 2
SHORTEST_JUDGED_LIFE = 60


def unit_memory():
    """What exporter/packaging's unit allows."""
    path = os.path.join(worlds.harness.SOURCE, "exporter", "packaging", "aliyun-ecs-exporter.service")
    with open(path, encoding="utf-8") as unit:
        return int(re.search(r"^MemoryMax=(\d+)M$", unit.read(), re.MULTILINE)[1]) << 20


class Soak:
    def __init__(self, seconds, seed, folder, sanitized):
        self.seconds, self.seed, self.sanitized = seconds, seed, sanitized
        self.judge = promises.Judge()
        self.world = worlds.World(self.judge, folder)
        self.storm = storms.Storm(self.world, seed)
        self.rounds = collections.Counter()
        self.recoveries = []
        self.storm_seconds = min(30, max(6, seconds / 60))

    # The rounds.

    def plain(self):
        self.storm.blow(self.storm_seconds)

    def dark(self):
        """For so long that nothing that was heard of a notice is fresh any more."""
        storm = self.storm
        storm.darken()
        storm.blow(max(self.storm_seconds, 2 * promises.NONE_IS_FRESH),
                   without=[storm.faults, storm.clear, storm.options])

    def disk_full(self):
        with self.world.disk_full(self.storm.random.choice((0, 4096, 8192, 20480))):
            self.storm.blow(self.storm_seconds)

    def file_size_limited(self):
        with self.world.file_size_limited(self.storm.random.choice((0, 100, 4096))):
            self.storm.blow(self.storm_seconds)

    def descriptors_exhausted(self):
        with self.world.descriptors_exhausted(self.storm.random.choice((0, 1, 2, 3, 5))):
            self.storm.blow(self.storm_seconds, self.world.take_descriptors, without=[self.storm.reload])

    def memory_exhausted(self):
        with self.world.memory_exhausted(self.storm.random.choice((0, 16, 128, 1024)) * 1024):
            self.storm.blow(self.storm_seconds, lambda: self.world.alive, without=[self.storm.reload])

    def kills(self):
        def kill():
            if self.storm.random.random() < 0.2:
                self.world.restart_exporter()
            else:
                self.world.kill_exporter()
        self.storm.blow(self.storm_seconds, kill)

    def simulator_killed(self):
        def kill():
            self.judge.note("the simulator is killed")
            with self.storm.forget():
                self.world.kill_simulator()
                self.judge.broken.wait(self.storm.random.uniform(0, 5))
                self.world.start_simulator()
        self.storm.blow(self.storm_seconds, kill)

    def round(self, kind):
        number = self.rounds.total() + 1
        self.storm.begin(number)
        self.rounds[kind.__name__] += 1
        self.judge.note(f"round {number}: {kind.__name__}")
        kind()
        self._go_on()
        self.judge.note("calm")
        self.storm.calm()
        self.recoveries.append(self._await_recovery())
        if not self.world.life.warm:
            self.world.warm_up()
        self.judge.requests(self.world.journal())

    def _go_on(self):
        if self.judge.broken.is_set():
            raise promises.Broken

    def _await_recovery(self):
        begin = time.monotonic()
        while missing := list(self._missing()):
            taken = time.monotonic() - begin
            self.judge.expect(taken < RECOVERY, f"{taken:.0f} s after the storm: {'; '.join(missing)}")
            self.judge.broken.wait(0.5)
            self._go_on()
        return time.monotonic() - begin

    def _missing(self):
        """What is not yet as it is when all is well."""
        page = self.judge.metrics(self.world.page())
        service = self.judge.service
        if page.get("aliyun_ecs_metadata_up") != 1:
            yield "not up"
        if page.items["failing"] or page.items["unread"]:
            yield f"items {page.items}"
        state, at = page.spot
        if at != service.notice or state == "unknown":
            yield f"the page says {page.spot}, the service {service.notice}"
        macs = {"00:16:3e:00:00:01", *self.storm.macs}
        if page.labels("aliyun_ecs_network_interface_info", "mac") != macs:
            yield f"the interfaces are not {macs}"
        if page.get("aliyun_ecs_ram_credential_success", role="SimulatedEcsRole") != 1:
            yield "no credential"
        if os.path.exists(self.world.notice_file) != (service.notice is not None):
            yield "the notice file is not as the notice"
        with open(self.world.state_file, encoding="utf-8") as file:
            if self.judge.state_file(file.read()) != service.notice:
                yield "the state file does not know of the notice, or of its end"
        try:
            if time.time() - os.stat(self.world.textfile).st_mtime > TEXTFILE_IS_FRESH:
                yield "the textfile is old"
        except FileNotFoundError:
            yield "there is no textfile"

    def _go_through(self, kinds, end):
        """All of them, and again while there is time."""
        while True:
            for kind in kinds:
                self.round(kind)
                if time.monotonic() > end and all(self.rounds[kind.__name__] for kind in kinds):
                    return

    def run(self):
        begin = time.monotonic()
        self.world.start_exporter()
        self.scrapers, self.plugin, self.files, resources = watchers.all_of(self.world)
        watching = [*self.scrapers, self.plugin, self.files, resources]
        for watcher in watching:
            watcher.start()
        try:
            self._await_recovery()  # the first fill
            self.world.warm_up()
            self._go_through([self.plain, self.disk_full, self.descriptors_exhausted, self.dark, self.plain,
                              self.file_size_limited], begin + LONG_LIFE * self.seconds)
            self.judge_life(self.world.lives[0])
            starved = [] if self.sanitized else [self.memory_exhausted]
            self._go_through([self.kills, self.simulator_killed, *starved, self.kills, self.dark],
                             begin + self.seconds)
        finally:
            for watcher in watching:
                watcher.end()
        self._go_on()
        self.took = time.monotonic() - begin
        self.asked = self.world.journal()
        self.world.end_exporter()
        self.judge.expect(self.world.simulator.stop() == 0, "the simulator did not end in good order")
        for life in self.world.lives[1:]:
            self.judge_life(life)

    # Memory and descriptors.

    @staticmethod
    def lasted(life):
        """Behind the warm-up."""
        return life.samples[-1][0] - (life.warm or life.began)

    @staticmethod
    def parts(life):
        """What was used behind the warm-up, at the end, and at most: (bytes, descriptors) each.

        Of bytes the median; of descriptors the least, because connections come and go."""
        samples, began = life.samples, life.warm or life.began
        lasted = Soak.lasted(life)
        early = [s for s in samples if 0.25 <= (s[0] - began) / lasted <= 0.4] or samples[:1]
        late = [s for s in samples if (s[0] - began) / lasted >= 0.85]
        most = max(s[1] for s in samples), max(s[2] for s in samples)
        return [*((statistics.median(s[1] for s in part), min(s[2] for s in part)) for part in (early, late)),
                most]

    def judge_life(self, life):
        if self.sanitized or not life.samples:
            return
        (memory, descriptors), (later_memory, later_descriptors), (most, _) = self.parts(life)
        self.judge.expect(most < unit_memory(),
                          f"life {life.number} took {most} bytes, more than the unit allows")
        if not life.warm or self.lasted(life) < SHORTEST_JUDGED_LIFE:
            return
        self.judge.expect(later_memory - memory <= MOST_GROWTH,
                          f"life {life.number} grew from {memory} to {later_memory} bytes")
        self.judge.expect(later_descriptors - descriptors <= MOST_MORE_DESCRIPTORS,
                          f"life {life.number} had {descriptors} descriptors, later {later_descriptors}")

    # The table.

    def table(self):
        print(f"{'scrapes':32} {'answered':>9} {'refused':>14} {'excused':>8}"
              f" {'median':>8} {'99 %':>8} {'worst':>8}")
        for scraper in self.scrapers:
            refused = self._told(scraper.refused) or 0
            seconds = sorted(scraper.seconds)
            times = [f"{seconds[int(part * (len(seconds) - 1))] * 1000:5.0f} ms" for part in (0.5, 0.99, 1)]
            print(f"  {scraper.name:30} {scraper.answered:9} {refused:>14} {scraper.excused:8}", *times)
        print(f"plugin: {self._told(self.plugin.states)}")
        print(f"files read: {self._told(self.files.looks)}")
        print(f"moves of the storm: {self.storm.moves}; rounds: {self._told(self.rounds)}")
        print(f"kills survived: {self._told(self.world.kills)}")
        print(f"calm to all well: {statistics.median(self.recoveries):.1f} s at the median, "
              f"{max(self.recoveries):.1f} s at most")
        asked = self.asked
        most = max(sum(1 for at in asked if begin <= at < begin + 60) for begin in asked)
        print(f"requests to the metadata service: {len(asked)}, {len(asked) / self.took * 60:.0f} a minute, "
              f"{most} in the busiest; allowed {promises.BURST + 60 * promises.BUDGET}")
        print(f"{'lives, first last most':32} {'lasted':>9} {'resident in KiB':>29} {'descriptors':>20}")
        lives = [life for life in self.world.lives if life.samples]
        for life in sorted(lives, key=self.lasted)[-3:][::-1]:
            memory, descriptors = zip(*self.parts(life))
            print(f"  {f'number {life.number}, ended by {life.killed}':30} {self.lasted(life):7.0f} s",
                  *(f"{part / 1024:9.0f}" for part in memory), *(f"{part:6}" for part in descriptors))
        most = max(sample[1] for life in lives for sample in life.samples)
        print(f"  {f'all {len(self.world.lives)}, the most':30} {'':9} {most / 1024:29.0f}")

    @staticmethod
    def _told(counts):
        return ", ".join(f"{name}: {count}" for name, count in counts.items())


def main():
    seconds, seed, folder = int(sys.argv[1]), sys.argv[2], sys.argv[3]
    soak = Soak(seconds, seed, folder, sanitized="--sanitized" in sys.argv)
    try:
        with soak.judge.watching("the soak"):
            soak.run()
    finally:
        soak.world.close()
    if soak.judge.broken.is_set():
        print(f"A promise was broken {soak.judge.sentence}\n\nBefore:")
        print("\n".join(soak.judge.events))
        return 1
    soak.table()
    print("Every promise was kept.")
    return 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main())
