"""Prints how long scrapes take, 100 of them a second: scrape_times.py NAME=ADDRESS...

By turns over four kept-alive connections to each address, as few scrapers would. All addresses are
scraped at the same pace in the same seconds.
"""

import re
import socket
import sys
import time

SCRAPES = 1000
CONNECTIONS = 4
INTERVAL = 0.01
LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")


def scrape(connection):
    """Milliseconds. Without a library for HTTP: it would take longer than the server."""
    begin = time.perf_counter()
    connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
    received = connection.recv(65536)
    while (end := received.find(b"\r\n\r\n")) < 0:
        received += connection.recv(65536)
    missing = int(LENGTH.search(received)[1]) - (len(received) - end - 4)
    while missing > 0:
        missing -= len(connection.recv(65536))
    taken = (time.perf_counter() - begin) * 1000
    if not received.startswith(b"HTTP/1.1 200 "):
        sys.exit(f"a scrape was answered {received[:16]}")
    return taken


def connect(address):
    host, port = address.split(":")
    connection = socket.create_connection((host, int(port)))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


servers = dict(argument.split("=") for argument in sys.argv[1:])
connections = {name: [connect(address) for _ in range(CONNECTIONS)]
               for name, address in servers.items()}
times = {name: [] for name in servers}
begin = time.perf_counter()
for number in range(SCRAPES):
    time.sleep(max(0.0, begin + number * INTERVAL - time.perf_counter()))
    for name, pool in connections.items():
        times[name].append(scrape(pool[number % CONNECTIONS]))
for name, taken in times.items():
    taken.sort()
    print(f"  {name:9} p50 {taken[SCRAPES // 2]:.2f} ms, p99 {taken[SCRAPES * 99 // 100]:.2f} ms, "
          f"slowest {taken[-1]:.2f} ms")
