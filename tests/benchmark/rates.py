"""Prints the table: rates.py FILE, whose lines are "LOAD SERVER SCRAPES_A_SECOND NANOSECONDS_OF_CPU"."""

import collections
import statistics
import sys

NAMES = {"exporter": "aliyun_ecs_exporter", "nginx": "nginx, the page as a file",
         "exposer": "prometheus-cpp's Exposer", "node": "node exporter's textfile collector"}

rates, cpu = collections.defaultdict(list), collections.defaultdict(list)
with open(sys.argv[1], encoding="utf-8") as file:
    for line in file:
        load, server, rate, nanoseconds = line.split()
        rates[load, server].append(float(rate))
        cpu[load, server].append(float(nanoseconds) / 1000)


def ratio(these, those):
    """Of the same round, then the middle one: a ratio of medians would compare moments."""
    return statistics.median(one / other for one, other in zip(these, those))


for load, title in (("plain", "plain"), ("gzip", "gzip (nginx: gzip_static)")):
    print(f"{title:36} {'scrapes/s':>10} {'ours is':>9}   {'CPU each':>9} {'ours is':>9}")
    for server, name in NAMES.items():
        faster = ratio(rates[load, "exporter"], rates[load, server])
        thriftier = ratio(cpu[load, server], cpu[load, "exporter"])
        print(f"  {name:34} {statistics.median(rates[load, server]):10.0f} {faster:7.2f} x   "
              f"{statistics.median(cpu[load, server]):6.0f} us {thriftier:7.2f} x")
