"""Prints what an exporter keeps resident: memory.py EXPORTER SIMULATOR [MIB [SCRAPES]].

Before the first scrape and behind the last of 10,000, by four scrapers at once that ask for either format,
plain and in gzip, by turns. Half of the scrapes have a connection of their own, as those of a Prometheus,
for which every worker of the server gets its turn. Fails where it is more than MIB at the end.
"""

import http.client
import os
import re
import sys
import threading

os.environ.setdefault("ALIYUN_ECS_BIN", "")  # both programs are given
os.environ.setdefault("ALIYUN_ECS_SOURCE", os.path.join(os.path.dirname(__file__), "..", ".."))
sys.path.append(os.path.join(os.path.dirname(__file__), "..", "e2e"))
import harness  # noqa: E402

CONNECTIONS = 4
FIELDS = "VmRSS", "RssAnon", "RssFile"
ASKED_FOR = [{"Accept": accept, "Accept-Encoding": encoding}
             for encoding in ("identity", "gzip")
             for accept in ("text/plain", "application/openmetrics-text;version=1.0.0")]


def scrape(address, count, failures):
    try:
        connection = http.client.HTTPConnection(address, timeout=harness.DEADLINE)
        for number in range(count):
            connection.request("GET", "/metrics", headers=ASKED_FOR[number % len(ASKED_FOR)])
            answer = connection.getresponse()
            if answer.status != 200 or not answer.read():
                raise OSError(f"a scrape was answered {answer.status}")
            if number // len(ASKED_FOR) % 2:
                connection.close()  # the next request opens it again
        connection.close()
    except (OSError, http.client.HTTPException) as error:
        failures.append(repr(error))


def resident(process):
    """MiB, by field."""
    with open(f"/proc/{process}/status", encoding="ascii") as file:
        status = file.read()
    return {field: int(re.search(rf"^{field}:\s*(\d+) kB$", status, re.MULTILINE)[1]) / 1024 for field in FIELDS}


def measure(case, scrapes):
    case.start_simulator("--profile=full")
    exporter = case.start_exporter()
    exporter.wait_for("first fill complete")
    first = resident(exporter.process.pid)
    failures = []
    scrapers = [threading.Thread(target=scrape, args=(case.web, scrapes // CONNECTIONS, failures))
                for _ in range(CONNECTIONS)]
    for scraper in scrapers:
        scraper.start()
    for scraper in scrapers:
        scraper.join()
    if failures:
        sys.exit("memory.py: " + failures[0])
    return first, resident(exporter.process.pid)


harness.EXPORTER, harness.SIMULATOR = (os.path.abspath(program) for program in sys.argv[1:3])
limit = float(sys.argv[3]) if len(sys.argv) > 3 else None
scrapes = int(sys.argv[4]) if len(sys.argv) > 4 else 10_000
case = harness.Case()
try:
    first, last = measure(case, scrapes)
finally:
    case.doCleanups()
for moment, figures in (("before the first scrape", first), (f"behind {scrapes} scrapes", last)):
    print(f"{moment:24} " + "  ".join(f"{field} {mib:.2f} MiB" for field, mib in figures.items()))
if limit is not None and last["VmRSS"] > limit:
    sys.exit(f"memory.py: that is more than {limit:g} MiB.")
