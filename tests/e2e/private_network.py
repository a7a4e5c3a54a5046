"""Runs a test file in a network of its own, where this machine is 100.100.100.200.

Clients that know no other address than the metadata service's can so be tested as they are, and
nothing leaves the machine. It takes root, or a kernel that gives namespaces to ordinary users.
"""

import os
import subprocess
import sys

import harness

SERVICE = "100.100.100.200:80"

_INSIDE = "ALIYUN_ECS_INSIDE_PRIVATE_NETWORK"
_SET_UP = 'ip link set dev lo up && ip address add 100.100.100.200/32 dev lo && exec "$@"'


class Case(harness.Case):
    """Fails, or is skipped, outside of such a network."""

    def setUp(self):
        if refusal := os.environ.get(_INSIDE):
            self.skip_or_fail(f"no private network namespace: {refusal}")

    def serve(self, *flags):
        """Starts the simulator where real clients look for the metadata service."""
        return self.start_simulator(f"--listen-address={SERVICE}", *flags)


def main():
    if _INSIDE not in os.environ:
        _enter()
    harness.main()


def _enter():
    """Starts this program again, inside; or leaves the reason why not in the environment."""
    path = os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin"  # of an ordinary user, for ip
    for flags in (["--net"], ["--net", "--map-root-user"]):
        inside = ["unshare", *flags, "--", "sh", "-c", _SET_UP, "sh"]
        try:
            probe = subprocess.run([*inside, "true"], env={"PATH": path}, capture_output=True,
                                   text=True, check=False)
        except OSError as error:
            os.environ[_INSIDE] = str(error)
            return
        if probe.returncode == 0:
            os.execvpe(inside[0], [*inside, sys.executable, "-B", *sys.argv],
                       {**os.environ, "PATH": path, _INSIDE: ""})
        os.environ[_INSIDE] = " ".join(probe.stderr.split()) or "unshare failed"
