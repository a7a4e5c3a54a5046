"""Prints how long it takes from exec to the first complete page: start_up.py EXPORTER METADATA_URL."""

import socket
import statistics
import subprocess
import sys
import time
import urllib.request

# Whatever http_proxy says.
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))

COMPLETE = b'\naliyun_ecs_metadata_items{state="unread"} 0\n'


def page(address):
    try:
        with DIRECT.open(f"http://{address}/metrics") as answer:
            return answer.read()
    except OSError:
        return b""


def start_up(program, metadata_url):
    """Milliseconds."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = "127.0.0.1:%d" % free.getsockname()[1]
    begin = time.monotonic()
    exporter = subprocess.Popen(
        [program, f"--web.listen-address={address}", f"--metadata.url={metadata_url}"],
        stderr=subprocess.DEVNULL)
    try:
        while COMPLETE not in page(address):
            if exporter.poll() is not None or time.monotonic() - begin > 30:
                sys.exit("the exporter does not come up")
        return (time.monotonic() - begin) * 1000
    finally:
        exporter.terminate()
        exporter.wait()


times = sorted(start_up(*sys.argv[1:]) for _ in range(11))
print(f"median {statistics.median(times):.0f} ms, slowest of {len(times)} {times[-1]:.0f} ms")
