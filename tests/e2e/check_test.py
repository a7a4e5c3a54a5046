"""check_aliyun_ecs, the real program: what it says, and that it never says more than it knows."""

import concurrent.futures
import functools
import json
import os
import queue
import re
import signal
import socket
import subprocess
import sys
import tempfile

import harness
import private_network
from check_plugin import (BADNESS, CHECK, CRITICAL, NUMBER, OK, STATES, UNKNOWN, WARNING, Answerer,
                          Case, Checks, Relay, Run, nobody, runs, utc)
from web_config_test import HASH  # of "right"

# What can be asked, and what is given so that everything is as it should be.
NAMES = {
    "spot": [],
    "credentials": ["--role=SimulatedEcsRole"],
    "metadata": [],
    "hardening": [],
    "identity": ["--expect=zone_id=cn-hangzhou-i", "--expect=eipv4=203.0.113.11"],
    "bandwidth": ["--interval=0.05"],
}
BUT_BANDWIDTH = [name for name in NAMES if name != "bandwidth"]

SPOT = "instance/spot/termination-time"
ROLES = "ram/security-credentials/"
ROLE = ROLES + "SimulatedEcsRole"
LIMIT = "instance/max-netbw-egress"
MACS = "network/interfaces/macs/"
ZONE = "zone-id"

SECRETS = ("SimulatedAccessKeyId", "SimulatedAccessKeySecret", "SimulatedSecurityToken",
           "SIMULATED-SESSION-TOKEN")


def document(seconds_left, code="Success"):
    """A credential, which may have ended."""
    return json.dumps({
        "AccessKeyId": "STS.SimulatedAccessKeyId0009",
        "AccessKeySecret": "SimulatedAccessKeySecret0009", "Expiration": utc(seconds_left),
        "SecurityToken": "SimulatedSecurityToken0009", "LastUpdated": utc(seconds_left - 21600),
        "Code": code})


class StateTest(Case):
    """Every state of every check, from the metadata service and from an exporter."""

    def put(self, path, text):
        response = harness.request(self.control, "PUT", "/control/items/" + path, text)
        self.assertEqual(response.status, 200, response.body)

    def expect(self, name, *cases):
        """Cases are flags, a state and words of the text; of the metadata service itself, and of an
        exporter that has just read it all."""
        self.start_exporter()
        self.exporter.wait_for("first fill complete")
        for flags, state, words in cases:
            for run in (self.direct(name, *flags), self.ask(name, *flags)):
                with self.subTest(run.flags):
                    self.assert_state(run, state, words)
        self.exporter.stop(signal.SIGKILL)  # an orderly end takes longer than all of this

    def test_spot_without_a_notice(self):
        self.start_simulator()
        self.expect("spot", ([], OK, "^no termination notice$"), (["-w300:", "-c120:"], OK, "^no "))

    def test_spot_with_a_notice(self):
        self.start_simulator()
        self.control_api("PUT", "/control/spot-termination", {"in_seconds": 290})
        words = "will be taken away in 4 min"
        self.expect("spot", ([], CRITICAL, words), (["-w300:", "-c120:"], WARNING, words),
                    (["-w200:"], OK, words), (["-c300:"], CRITICAL, words))

    def test_spot_with_a_notice_whose_time_is_over(self):
        self.start_simulator()
        self.control_api("PUT", "/control/spot-termination", {"at": utc(-70)})
        words = "was to be taken away 1 min .* s ago"
        self.expect("spot", ([], CRITICAL, words), (["-w~:0"], OK, words))
        self.control_api("PUT", "/control/spot-termination", {"at": utc(-660)})
        self.expect("spot", ([], UNKNOWN, "is long past"), (["-w~:0"], UNKNOWN, "is long past"))

    def test_credentials_by_role(self):
        self.start_simulator()
        self.expect(
            "credentials", ([], OK, "role SimulatedEcsRole expires in 5 h 59 min"),
            (["--role=SimulatedEcsRole"], OK, "SimulatedEcsRole expires"),
            (["--role=any"], OK, "SimulatedEcsRole expires"),
            (["--role=none"], CRITICAL, "^role SimulatedEcsRole is attached, but none may be$"),
            (["--role=Other"], CRITICAL, "role Other is not attached, but SimulatedEcsRole is$"))
        self.control_api("DELETE", "/control/role")
        self.expect(
            "credentials", ([], OK, "^no RAM role is attached$"),
            (["--role=none"], OK, "^no RAM role is attached$"),
            (["--role=any"], CRITICAL, "^no RAM role is attached, but one is expected$"),
            (["--role=Other"], CRITICAL, "^no RAM role is attached, but Other is expected$"))

    def test_credentials_by_time_left(self):
        self.start_simulator()
        for left, state, words in ((18000, OK, "expires in 4 h 59 min"),
                                   (1230, WARNING, "expires in 20 min"),
                                   (510, CRITICAL, "expires in 8 min"),
                                   (-70, CRITICAL, "expired 1 min .* s ago")):
            self.put(ROLE, document(left))
            self.expect("credentials", (["--role=SimulatedEcsRole"], state, words),
                        (["-w~:86400", "-c@-240:-180"], OK, words))
        self.put(ROLE, document(18000, code="Failed"))
        self.expect("credentials", ([], CRITICAL, "its Code is not Success$"),
                    (["-w~:86400", "-c~:86400"], CRITICAL, "its Code is not Success$"))

    def test_credentials_of_two_roles_are_as_good_as_the_worse(self):
        self.start_simulator()
        self.put(ROLES + "Other+Role=2", document(1230))
        run = self.direct("credentials", "-v")
        self.assert_state(run, WARNING, "^the credential of role Other[+]Role=2 expires in 20 m")
        self.assertIn("OK: the credential of role SimulatedEcsRole expires", run.output)
        self.assertEqual(len(self.numbers(run)), 2, run)

    def test_hardening(self):
        self.start_simulator()
        self.expect("hardening", ([], WARNING, "^normal mode is open"))
        in_normal_mode = ("hardening", "--mode=normal")
        self.assert_state(self.direct(*in_normal_mode), WARNING, "^normal mode is open")
        self.control_api("PUT", "/control/options", {"http_tokens": "required"})
        self.expect("hardening", ([], OK, "^normal mode is closed"))
        self.assert_state(self.direct(*in_normal_mode), OK, "^normal mode is closed")
        # An exporter that does not look cannot say, whatever it reads.
        self.start_exporter("--poll.posture-interval=0")
        self.exporter.wait_for("first fill complete")
        self.assert_state(self.ask("hardening"), UNKNOWN, "does not ask for it")

    def test_identity(self):
        self.start_simulator()
        self.expect(
            "identity", ([], OK, "^i-bp1simulated00000001, ecs.g6e.large, cn-hangzhou-i$"),
            (["--expect=zone_id=cn-hangzhou-i"], OK, "^zone_id is cn-hangzhou-i as expected$"),
            (["--expect=zone_id=cn-hangzhou-h"], CRITICAL,
             "^zone_id is cn-hangzhou-i, but cn-hangzhou-h is expected$"),
            (["--expect=zone_id=cn-hangzhou-i", "--expect=instance_type=x"], CRITICAL,
             "^instance_type is ecs.g6e.large, but x is expected$"),
            (["--expect=public_ipv4="], OK, "^public_ipv4 is none as expected$"),
            (["--expect=public_ipv4=1.2.3.4"], CRITICAL,
             "^public_ipv4 is none, but 1.2.3.4 is expected$"),
            (["--expect=eipv4="], CRITICAL, "^eipv4 is 203.0.113.11, but none is expected$"))
        # What an exporter does not read it does not vouch for.
        self.start_exporter("--metadata.exclude=zone-id")
        self.exporter.wait_for("first fill complete")
        self.assert_state(self.ask("identity", "--expect=zone_id=cn-hangzhou-i"), UNKNOWN,
                          "^zone_id is not known: it is not among what is read$")

    def test_what_an_instance_is_called_cannot_forge_the_line(self):
        self.start_simulator()
        name = "OK | 'x'=1\u00e9"
        self.put("instance/instance-name", name.encode())
        self.expect("identity", (["--expect=instance_name=" + name], OK,
                                 "^instance_name is OK / 'x'=1\u00e9 as expected$"))

    def test_what_is_expected_cannot_garble_the_output(self):
        """Many a monitoring system takes nothing but UTF-8, and shows it in a terminal."""
        self.start_simulator()
        for expected in (b"\xff\xfe", b"a\x1b[31m\nb|c", "\u009b31m".encode(), b"\xc3" * 2000,
                         "\u20ac".encode() * 2000, b"x" + "\u20ac".encode() * 2000):
            done = subprocess.run(
                [CHECK, "--check=identity", f"--metadata-url=http://{self.metadata}",
                 b"--expect=zone_id=" + expected], capture_output=True, check=False)
            with self.subTest(expected[:20]):
                self.assertEqual(done.returncode, 2)
                self.assertRegex(done.stdout.decode(), "^ALIYUN_ECS IDENTITY CRITICAL - zone_id is "
                                 r"cn-hangzhou-i, but [^|\x00-\x1f\x7f-\x9f]*\n\Z")

    def test_metadata(self):
        self.start_simulator()
        words = "answers in hardened mode, in [0-9.e-]+ ms$"
        self.expect("metadata", ([], OK, words), (["-w~:0"], WARNING, words),
                    (["-c60:"], CRITICAL, words))
        self.assert_state(self.direct("metadata", "--mode=normal"), OK, "answers in normal mode")

    def expect_nobody_knows(self, metadata, words, *flags, exporter=()):
        """That `metadata` comes to that state, and all others to UNKNOWN."""
        self.start_exporter(*exporter)
        self.exporter.wait_for("as it should")
        expected = {name: metadata if name == "metadata" else UNKNOWN for name in NAMES}
        for name, more in NAMES.items():
            with self.subTest(name):
                self.assert_state(self.direct(name, *more, *flags), expected[name], words)
        run = self.ask("all", *NAMES["identity"], *NAMES["bandwidth"], "-v")
        for name, state in expected.items():
            with self.subTest(name, by="exporter"):
                self.assertRegex(run.output, f"(?m)^{name.upper()} {state} - .*{words}")
        self.exporter.stop(signal.SIGKILL)

    def test_says_who_throttles(self):
        self.start_simulator("--throttle=0.001/1")
        harness.request(self.metadata, "GET", "/latest/meta-data/")
        self.expect_nobody_knows(WARNING, "throttles this instance")

    def test_says_that_nobody_listens(self):
        self.metadata = nobody()
        self.expect_nobody_knows(CRITICAL, "nobody answers")

    def test_says_that_nobody_answers(self):
        service = harness.SilentService()
        self.addCleanup(service.close)
        self.metadata = service.address
        self.expect_nobody_knows(CRITICAL, "nobody answers", "-t0.2",
                                 exporter=["--metadata.timeout=100ms"])

    def test_says_that_a_login_page_answers(self):
        service = harness.LoginPage()
        self.addCleanup(service.close)
        self.metadata = service.address
        self.expect_nobody_knows(CRITICAL, "does not speak as the metadata service does")

    def test_says_that_the_channel_is_disabled(self):
        self.start_simulator("--http-endpoint=disabled")
        self.expect_nobody_knows(CRITICAL, "is disabled for this instance")

    def test_an_exporter_that_has_lost_the_service_says_so(self):
        for notice, before, after in ((True, CRITICAL, CRITICAL), (False, OK, UNKNOWN)):
            self.start_simulator()
            if notice:
                self.control_api("PUT", "/control/spot-termination", {"in_seconds": 250})
            self.start_exporter("--poll.spot-interval=1s", "--poll.notice-interval=1s")
            self.exporter.wait_for("first fill complete")
            self.assert_state(self.ask("spot"), before)
            self.simulator.stop(signal.SIGKILL)
            self.exporter.wait_for("an item cannot be read.*termination-time")
            while not notice and self.sample(
                    'aliyun_ecs_spot_termination_state{state="unknown"}') != 1:
                self.assertIsNone(self.exporter.process.poll())  # for three seconds it is none
            self.assert_state(self.ask("spot"), after)
            # Of what is read once in an hour it still vouches.
            self.assert_state(self.ask("identity"), OK)

    def test_says_that_normal_mode_is_closed_to_who_asks_in_it(self):
        self.start_simulator("--http-tokens=required")
        self.start_exporter("--metadata.mode=normal")
        self.exporter.wait_for("as it should.*hardened_only")
        states = {"metadata": CRITICAL, "hardening": OK}
        for name, more in NAMES.items():
            for run in (self.direct(name, "--mode=normal", *more), self.ask(name, *more)):
                self.assert_state(run, states.get(name, UNKNOWN), "mode")


class RangeTest(Case):
    """The state is what both judges say of the value and the ranges, for every form of range."""

    def test_seconds_until_a_notice(self):
        self.start_simulator()
        self.control_api("PUT", "/control/spot-termination", {"at": utc(15)})
        self.assert_judged("--check=spot", f"--metadata-url=http://{self.metadata}")

    def test_seconds_since_a_notice(self):
        self.start_simulator()
        self.control_api("PUT", "/control/spot-termination", {"at": utc(-15)})
        self.assert_judged("--check=spot", f"--metadata-url=http://{self.metadata}", every=2)

    def test_seconds_of_a_credential(self):
        self.start_simulator("--no-role")
        response = harness.request(self.control, "PUT",
                                   "/control/items/ram/security-credentials/Role", document(15))
        self.assertEqual(response.status, 200)
        self.assert_judged("--check=credentials", f"--metadata-url=http://{self.metadata}")

    def test_seconds_of_an_answer(self):
        self.start_simulator()
        self.start_exporter()
        self.exporter.wait_for("first fill complete")
        self.assert_judged("--check=metadata", f"--exporter=http://{self.web}", every=2)

    def test_what_is_no_range_to_the_judges_is_none_to_the_plugin(self):
        texts = ["20:10", ":", "@", "~", "10:~", "--5", "10:20:30", "1e3", "nan", "10:x", "@@1", "",
                 "0x10", "1,5"]
        for text, run in zip(texts, runs(["--check=spot", "-c", text] for text in texts)):
            with self.subTest(text):
                self.judge(run)
                self.assertEqual((run.name, run.state), (None, UNKNOWN), run)
                self.assertIn("is no range", run.text)


class CostTest(Case):
    """What one run costs the metadata service, in requests; one of them is for a session token."""

    REQUESTS = {"metadata": 2, "spot": 3, "hardening": 3, "credentials": 4, "identity": 4,
                "bandwidth": 4, "all": 10}

    def journal(self):
        return {count["path"]: count["count"]
                for count in self.control_api("GET", "/control/journal")["counts"]}

    def test_costs_what_the_table_says(self):
        self.start_simulator()
        for name, requests in self.REQUESTS.items():
            flags = NAMES["identity"] + NAMES["bandwidth"] if name == "all" else NAMES[name]
            for mode, tokens in (("hardened", 1), ("normal", 0)):
                self.control_api("POST", "/control/reset")
                self.direct(name, *flags, f"--mode={mode}")
                journal = self.journal()
                with self.subTest(name, mode=mode, journal=journal):
                    self.assertEqual(journal.pop("/latest/api/token", 0), tokens)
                    # In normal mode whatever is read tells whether it is open.
                    without = name in ("hardening", "all") and mode == "normal"
                    self.assertEqual(sum(journal.values()), requests - 1 - without)
                    self.assertEqual(set(journal.values()), {1}, "nothing twice")

    def test_gives_up_early_when_it_is_throttled(self):
        self.start_simulator()
        for path, requests in {"*": 1, "*/instance-id": 2}.items():
            for name in (*NAMES, "all"):
                self.control_api("POST", "/control/reset")
                self.control_api("PUT", "/control/faults", {
                    "faults": [{"fault": "status", "status": 429, "path": path}]})
                self.direct(name, *NAMES.get(name, NAMES["bandwidth"]))
                self.assertEqual(sum(self.journal().values()), requests, name)

    def test_costs_the_metadata_service_nothing_to_ask_an_exporter(self):
        self.start_simulator()
        self.start_exporter("--poll.spot-interval=1h")
        self.exporter.wait_for("first fill complete")
        before = self.journal()
        for name in (*NAMES, "all"):
            self.ask(name, *NAMES.get(name, NAMES["bandwidth"]))
        self.assertEqual(self.journal(), before)


class UsageTest(Case):
    """Wrong use is UNKNOWN, with a sentence and how to do it; never a guess of what was meant."""

    WRONG = {
        "nothing": ([], "--check: it must say what to check"),
        "no such check": (["--check=disk"], '"disk" is not one of'),
        "an empty check": (["--check="], "--check"),
        "a check without a name": (["--check"], "--check"),
        "two checks": (["--check=spot", "--check=metadata"], "given 2 times"),
        "a flag that is none": (["--check=spot", "--warn=1"], '"--warn" is not a flag'),
        "a short flag that is none": (["--check=spot", "-H"], '"-H" is not a flag'),
        "an argument of no flag": (["--check=spot", "sesame-open"], "belongs to no flag"),
        "an argument behind --": (["--check=spot", "--", "sesame-open"], "belongs to no flag"),
        "a range of no value": (["--check=hardening", "-w1"], "no value to compare"),
        "a range of identity": (["--check=identity", "-c1"], "no value to compare"),
        "a range of all": (["--check=all", "-w1"], "no one meaning"),
        "a warning twice": (["--check=spot", "-w1", "--warning=2"], "given 2 times"),
        "no time": (["--check=spot", "-t0"], "number of seconds from 0.05 to 3600"),
        "a time that is none": (["--check=spot", "-t10s"], "number of seconds"),
        "too long a time": (["--check=spot", "-t3601"], "number of seconds"),
        "a negative time": (["--check=spot", "-t-1"], "number of seconds"),
        "an endless time": (["--check=spot", "-tinf"], "number of seconds"),
        "no mode": (["--check=spot", "--mode=soft"], "hardened or normal"),
        "no URL": (["--check=spot", "--metadata-url=x y"], "--metadata-url"),
        "a URL of another protocol": (["--check=spot", "--metadata-url=ftp://1.2.3.4"],
                                      "--metadata-url"),
        "a password in a URL": (["--check=spot", "--exporter=http://me:sesame-open@127.0.0.1:1"],
                                "no password in it"),
        "a password in a URL that is none": (
            ["--check=spot", "--exporter=http://me:sesame-open@127.0.0.1:x"], "--exporter"),
        "a password with an @ in a URL": (
            ["--check=spot", "--exporter=https://me:sesame@open@127.0.0.1"], "no password in it"),
        "a password in the metadata service's URL": (
            ["--check=spot", "--metadata-url=http://me:sesame-open@127.0.0.1"], "--metadata-url"),
        "a password for a flag that is none": (
            ["--check=spot", "--exporter-password=sesame-open"], '"--exporter-password" is not'),
        "a password behind a flag that is none": (
            ["--check=spot", "--exporter-password", "sesame-open"], "is not a flag"),
        "a password behind a letter that is no flag": (
            ["--check=spot", "-psesame-open"], "is not a flag"),
        "a password behind letters that are flags": (
            ["--check=spot", "-vpsesame-open"], "is not a flag"),
        "both sources": (["--check=spot", "--exporter=http://127.0.0.1:1",
                          "--metadata-url=http://127.0.0.1:1"], "not asked"),
        "a mode of an exporter": (
            ["--check=spot", "--exporter=http://127.0.0.1:1", "--mode=normal"], "not asked"),
        "a user without password": (["--check=spot", "--exporter=http://127.0.0.1:1",
                                     "--exporter-username=me"], "go together"),
        "a password without user": (["--check=spot", "--exporter=http://127.0.0.1:1",
                                     "--exporter-password-file=f"], "go together"),
        "a colon in a user's name": (["--check=spot", "--exporter=http://127.0.0.1:1",
                                      "--exporter-username=a:sesame-open",
                                      "--exporter-password-file=f"], "a colon"),
        "a certificate without key": (["--check=spot", "--exporter=https://127.0.0.1:1",
                                       "--exporter-cert-file=f"], "go together"),
        "a CA without exporter": (["--check=spot", "--exporter-ca-file=f"], "only with --exporter"),
        "a role of spot": (["--check=spot", "--role=any"], "only --check credentials"),
        "an impossible role": (["--check=credentials", "--role=a b"], "--role"),
        "an empty role": (["--check=credentials", "--role="], "--role"),
        "an expectation of spot": (["--check=spot", "--expect=zone_id=x"], "only --check identity"),
        "an expectation without value": (["--check=identity", "--expect=zone_id"], "NAME=VALUE"),
        "an expectation of nothing known": (
            ["--check=identity", "--expect=colour=x"], "NAME=VALUE"),
        "an interval of spot": (["--check=spot", "--interval=1"], "only --check bandwidth"),
        "an interval behind the end": (["--check=bandwidth", "-t1", "--interval=1"], "shorter"),
        "leaving out of one": (["--check=spot", "--exclude=spot"], "only --check all"),
        "leaving out what is none": (["--check=all", "--exclude=disk"], "one of the checks"),
        "leaving out all": (["--check=all", *(f"--exclude={name}" for name in NAMES)],
                            "nothing is left"),
        "no format": (["--check=spot", "--output=xml"], "nagios or checkmk"),
        "a flag without value": (["--check=spot", "-w"], "--warning"),
        "a switch with a value": (["--check=spot", "--verbose=much"], "verbose"),
        "no UTF-8": (["--check=\udcff\udcfe"], "--check"),
        "lines and bars": (["--check=a\nb|c"], "--check"),
    }

    def test_wrong_use_is_unknown_and_told_how_to_do_better(self):
        for name, run in zip(self.WRONG, runs([flags for flags, _ in self.WRONG.values()])):
            with self.subTest(name):
                self.judge(run)
                self.assertEqual((run.status, run.name, run.state), (3, None, UNKNOWN), run)
                self.assertIn(self.WRONG[name][1], run.text, run)
                self.assertRegex(run.lines[1], "^Usage: check_aliyun_ecs --check ", run)
                self.assertNotIn("sesame", run.output)

    def test_how_to_do_it_is_not_taken_for_perfdata(self):
        """Behind the first bar of any line a monitoring system looks for numbers."""
        self.assertNotIn("|", self.check("--check=disk").output)

    def test_says_all_that_is_wrong_at_once(self):
        run = self.check("--check=spot", "-w:", "-tx", "--output=y", "--role=any")
        for word in ("--warning", "--timeout", "--output", "--role"):
            self.assertIn(word, run.text)

    def test_help_and_version_are_no_verdict(self):
        for flag in ("-h", "--help", "-V", "--version"):
            for more in ([], ["--check=nothing", "-w:"]):
                run = Run(flag, *more)
                self.assertEqual((run.status, run.errors), (3, ""), run)
                self.assertNotIn("ALIYUN_ECS", run.first)
        self.assertIn("--exporter-password-file FILE", Run("-h").output)
        self.assertRegex(Run("-V").output, r"^check_aliyun_ecs \d+\.\d+\.\d+ .*\n$")

    def test_is_unknown_when_nobody_can_hear_it(self):
        """No standard output, a full disk, a reader that has gone."""
        self.start_simulator()
        for sink in (">&-", "> /dev/full", "| true"):
            shell = f'set -o pipefail; "$@" {sink}; echo ${{PIPESTATUS[0]}} >&2'
            done = subprocess.run(
                ["bash", "-c", shell, "bash", CHECK, "--check=spot",
                 f"--metadata-url=http://{self.metadata}"],
                env=harness.environment(), capture_output=True, text=True, check=False)
            expected = ["0\n", "3\n"] if "|" in sink else ["3\n"]  # the reader may go too late
            self.assertIn(done.stderr, expected, sink)


@functools.cache
def real_snapshot():
    """The text of /snapshot of an exporter that has read everything, and found all well."""
    case = harness.Case()
    try:
        case.start_simulator("--http-tokens=required")
        case.start_exporter()
        case.exporter.wait_for("first fill complete")
        return case.page("/snapshot")
    finally:
        case.doCleanups()


def snapshot():
    """The same, of now, to be changed."""
    told = json.loads(real_snapshot())
    told["time"] = utc(0)
    return told


def answer_of(told, path):
    return told["listings" if path.endswith("/") else "items"][path]


# What each check needs to be fresh, each with the name of its refresh interval.
NEEDS = {
    "spot": {SPOT: "spot"},
    "credentials": {ROLES: "listing", ROLE: "credentials"},
    "identity": {ZONE: "identity", "eipv4": "identity"},
    "bandwidth": {LIMIT: "identity", MACS: "listing"},
}


class ToldTest(Case):
    """What an exporter, or who poses as one, tells: never OK on what is old, odd or not there."""

    def setUp(self):
        super().setUp()
        self.server = Answerer()
        self.addCleanup(self.server.close)

    def told(self, name, told, *flags):
        self.server.body = told if isinstance(told, (str, bytes)) else json.dumps(told)
        return self.ask(name, *NAMES[name], *flags, web=self.server.url)

    def changed(self, name, change, *flags):
        told = snapshot()
        change(told)
        return self.told(name, told, *flags)

    def test_all_is_well_in_what_is_changed_below(self):
        for name in BUT_BANDWIDTH:
            self.assert_state(self.told(name, snapshot()), OK)
        self.assertIn("no interface of this machine", self.told("bandwidth", snapshot()).text)
        (asked,) = {(method, path) for method, path, _ in self.server.asked}
        self.assertEqual(asked, ("GET", "/snapshot"))

    def test_is_never_ok_on_what_was_read_three_intervals_ago(self):
        for name, needs in NEEDS.items():
            for path, refresh in needs.items():
                def age(told, by, path=path, refresh=refresh):
                    answer = answer_of(told, path)
                    answer["age_seconds"] = by * told["refresh_intervals"][refresh]
                with self.subTest(path):
                    old = self.changed(name, lambda told: age(told, 3.0))
                    self.assert_state(old, UNKNOWN, "the last answer is .* old|not known")
                    if name != "bandwidth":
                        young = self.changed(name, lambda told: age(told, 2.9))
                        self.assert_state(young, OK)

        def age_posture(told):
            told["access"]["posture"]["age_seconds"] = 3 * told["refresh_intervals"]["posture"]
        self.assert_state(self.changed("hardening", age_posture), UNKNOWN, "3 h 0 min old")

    def test_is_never_ok_when_the_whole_answer_is_of_an_hour_ago(self):
        """A copy that something on the way has kept, or a clock that stands."""
        told = snapshot()
        told["time"] = utc(-3600)
        for name in ("spot", "metadata"):
            self.assert_state(self.told(name, told), UNKNOWN, "old")
        told["time"] = utc(-4 * 3600)
        for name in NAMES:
            self.assert_state(self.told(name, told), UNKNOWN, "old|not known")
        for access in ("good", "hardened_only"):  # in normal mode that tells whether it is open
            told["mode"], told["access"]["state"] = "normal", access
            with self.subTest(access):
                self.assert_state(self.told("hardening", told), UNKNOWN, "old|not known")

    def test_says_of_an_old_copy_that_it_is_one(self):
        told = snapshot()
        told["time"] = utc(-60)
        run = self.told("spot", told, "-vvv")
        self.assert_state(run, UNKNOWN)
        self.assertRegex(run.output, "the exporter's answer is dated 1 min [0-9]+ s behind this machine's clock")

    def test_is_never_ok_on_an_answer_from_the_future(self):
        """Nobody can say how old it is; but what is wrong in it stays wrong."""
        for name in BUT_BANDWIDTH:
            told = snapshot()
            told["time"] = utc(3600)
            self.assert_state(self.told(name, told), UNKNOWN,
                              "dated (1 h 0 min|59 min [0-9]+ s) ahead of this machine's clock")

        def notice(told):
            told["time"] = utc(3600)
            told["spot"].update({"state": "scheduled", "termination_time": utc(3800),
                                 "first_seen": utc(3500), "ends_in_seconds": 200.0, "notices": 1})
            told["items"][SPOT].update(
                {"state": "present", "age_seconds": 1.0, "value": utc(3800)})
        self.assert_state(self.changed("spot", notice), CRITICAL, "ahead of this machine's clock")

    def test_what_it_was_told_grows_older_while_it_measures(self):
        told = snapshot()
        told["items"][SPOT]["age_seconds"] = 2.7 * told["refresh_intervals"]["spot"]
        # Of the loopback interface, which is everywhere.
        told["listings"][MACS]["value"] = ["00:00:00:00:00:00"]
        self.assert_state(self.told("spot", told), OK)
        self.server.body = json.dumps(told)
        run = self.check("--check=all", "--interval=1.8", f"--exporter={self.server.url}", "-v")
        self.assertIn("SPOT UNKNOWN - ", run.output)
        self.assertIn("counted: 00:00:00:00:00:00", run.output)

    def test_a_notice_stands_in_an_old_answer(self):
        def notice(told):
            told["time"] = utc(-60)
            told["spot"].update({"state": "scheduled", "termination_time": utc(200),
                                 "first_seen": utc(-90), "ends_in_seconds": 260.0, "notices": 1})
            told["items"][SPOT].update(
                {"state": "present", "age_seconds": 1000.0, "value": utc(200)})
            told["access"]["state"] = "unreachable"
        run = self.changed("spot", notice)
        self.assert_state(run, CRITICAL, "taken away in 3 min")
        self.assertAlmostEqual(run.value("termination_in"), 200, delta=10)
        self.assert_state(self.changed("spot", notice, "-w300:", "-c120:"), WARNING)
        # But whether the instance really has so long nobody knows any more: it may have moved.
        self.assert_state(self.changed("spot", notice, "-w150:"), UNKNOWN)

    def test_is_never_ok_without_what_it_needs(self):
        for name, needs in NEEDS.items():
            for path in needs:
                def remove(told, path=path):
                    told["listings"].pop(path, None)
                    told["items"].pop(path, None)

                def forget(told, path=path):
                    answer_of(told, path).clear()
                    answer_of(told, path).update(state="unread")

                def fail(told, path=path):
                    answer_of(told, path).clear()
                    answer_of(told, path).update(state="failing", failure="it broke",
                                                 failure_code="refused")
                for change in (remove, forget):
                    with self.subTest(path, change=change):
                        self.assert_state(self.changed(name, change), UNKNOWN)
                with self.subTest(path, change=fail):
                    self.assert_state(self.changed(name, fail), UNKNOWN, "it broke")
        for change in (lambda told: told["access"].update(posture=None),
                       lambda told: told["refresh_intervals"].pop("posture")):
            self.assert_state(self.changed("hardening", change), UNKNOWN)
        self.assert_state(
            self.changed("metadata", lambda told: told.update(latency_seconds=None)), CRITICAL)

    # Members that nothing rests on, or that may be null; and what others cost when they are odd.
    FREE = [("roles",), ("changes",), ("drill",), ("access", "meaning"), ("access", "advice"),
            ("access", "normal_mode_open"), ("spot", "state"), ("spot", "notices"),
            ("spot", "moved"), ("spot", "withdrawn")]
    NULLABLE = [("session_token_expiration",), ("clock_skew_seconds",), ("spot", "first_seen"),
                ("spot", "termination_time"), ("spot", "ends_in_seconds")]
    COSTS = {(("clock_skew_seconds",), -1): set(), (("latency_seconds",), None): {"metadata"},
             (("up",), None): {"metadata"}, (("access", "posture"), None): {"hardening"},
             (("items", ZONE, "value"), "x"): {"identity"},
             **{(("refresh_intervals", name), "missing"): {check} for name, check in {
                 "spot": "spot", "credentials": "credentials", "listing": "credentials",
                 "identity": "identity", "posture": "hardening"}.items()}}

    def test_is_never_ok_without_a_member_or_with_one_of_another_kind(self):
        whole = snapshot()
        members = [(name,) for name in whole]
        members += [(name, inner) for name in ("access", "spot", "refresh_intervals")
                    for inner in whole[name]]
        members += [("items", path, inner) for path in (SPOT, ROLE, ZONE, LIMIT)
                    for inner in whole["items"][path]]
        members += [("listings", path, inner) for path in (ROLES, MACS)
                    for inner in whole["listings"][path]]
        jobs = [(member, "missing") for member in members if member not in self.NULLABLE]
        for i, member in enumerate(members):
            *way, last = member
            value = functools.reduce(lambda tree, name: tree[name], way, whole)[last]
            if isinstance(value, float):
                jobs.append((member, (-1, 1e300, None, "x")[i % 4]))
            elif member not in self.FREE:
                jobs.append((member, (None, "x")[i % 2]))

        def body(path):
            member, odd = jobs[int(path.split("/")[1])]
            told = snapshot()
            *way, last = member
            place = functools.reduce(lambda tree, name: tree[name], way, told)
            place[last] = odd
            if odd == "missing":
                del place[last]
            return json.dumps(told)

        self.server.body = body
        for job, run in zip(jobs, runs([
                ["--check=all", "--exclude=bandwidth", "-v", *NAMES["identity"],
                 f"--exporter={self.server.url}/{i}"] for i in range(len(jobs))])):
            member, odd = job
            with self.subTest(member, odd=odd):
                self.judge(run)
                suffers = {name for name in BUT_BANDWIDTH
                           if f"\n{name.upper()} OK - " not in run.output}
                expected = self.COSTS.get(job, set(BUT_BANDWIDTH))
                if member in self.FREE or (odd is None and member in self.NULLABLE):
                    expected = set()
                self.assertEqual(suffers, expected, run)
                if len(suffers) > 1:
                    self.assert_state(run, UNKNOWN, "^the exporter's answer: it is (no|a) snapshot")

    def test_takes_only_a_snapshot(self):
        good = real_snapshot()
        for body in ("", "{}", "[]", "null", "{", "\0", good[:-10], good + "}",
                     b"\xff\xfe" + good.encode(), "<html><title>Log in</title></html>",
                     "aliyun_ecs_metadata_up 1\n",
                     "[" * 100000, '{"version":1,"items":' + '{"a":' * 100000,
                     good.replace('"version": 1', '"version": 2'),
                     good.replace('"version": 1', '"version": 1.5'),
                     good.replace('"version": 1', '"version": "1"')):
            with self.subTest(body[:30]):
                run = self.told("spot", body, "-vvv")
                self.assert_state(run, UNKNOWN, "^the exporter's answer: ")
                self.assertNotIn("Log in", run.output)

    def test_takes_no_more_than_some_megabytes(self):
        self.assert_state(self.told("spot", json.dumps(snapshot()) + " " * 1_000_000), OK)
        self.assert_state(self.told("spot", json.dumps(snapshot()) + " " * 5_000_000), UNKNOWN,
                          "^the exporter: .*larger")
        self.server.headers = [("X-Filler", "x" * 1000)] * 90
        self.assert_state(self.told("spot", snapshot()), UNKNOWN, "^the exporter: ")

    def test_takes_no_other_status_than_200(self):
        for status in (201, 204, 206, 301, 302, 307, 400, 401, 403, 404, 429, 500, 503):
            self.server.status = status
            with self.subTest(status):
                self.assert_state(self.told("spot", snapshot() if status != 204 else ""), UNKNOWN,
                                  f"^the exporter answered {status}")

    def test_follows_no_redirection(self):
        elsewhere = Answerer(json.dumps(snapshot()))
        self.addCleanup(elsewhere.close)
        self.assert_state(self.ask("spot", web=elsewhere.url), OK)
        asked = len(elsewhere.asked)
        self.server.status, self.server.headers = 302, [("Location", elsewhere.url + "/snapshot")]
        self.assert_state(self.told("spot", ""), UNKNOWN, r"^the exporter answered 302 \(")
        self.assertEqual(len(elsewhere.asked), asked)

    def test_knows_the_exporter_by_its_path(self):
        for url, path in (("/", "/snapshot"), ("/ecs", "/ecs/snapshot"),
                          ("/ecs/", "/ecs/snapshot")):
            self.server.body = json.dumps(snapshot())
            self.assert_state(self.ask("spot", web=self.server.url + url), OK)
            self.assertEqual(self.server.asked[-1][:2], ("GET", path))

    def test_uses_no_proxy_of_the_environment(self):
        proxy = Answerer(status=502)
        self.addCleanup(proxy.close)
        self.start_simulator()
        names = ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")
        self.server.body = json.dumps(snapshot())
        environment = dict.fromkeys(names, proxy.url)
        self.assert_state(self.ask("spot", web=self.server.url, **environment), OK)
        self.assert_state(self.direct("spot", **environment), OK)
        self.assertEqual(proxy.asked, [])


TOKEN_HEADER = "X-aliyun-ecs-metadata-token"
PROBED = "region-id"  # asked for without a token, by --check hardening only

# Kinds of requests: method, end of the path.
KINDS = {
    "everything": (None, ""),
    "session token": ("PUT", "/token"),
    "instance ID": ("GET", "/instance-id"),
    "spot notice": ("GET", SPOT),
    "role listing": ("GET", ROLES),
    "credential document": ("GET", ROLE),
    "scalar": ("GET", "/" + ZONE),
    "optional scalar": ("GET", "/eipv4"),
    "limit": ("GET", LIMIT),
    "interface listing": ("GET", MACS),
    "posture": ("GET", "/" + PROBED),
}
RESTS_ON = {
    "spot": ["spot notice"],
    "credentials": ["role listing", "credential document"],
    "metadata": [],
    "hardening": ["posture"],
    "identity": ["scalar", "optional scalar"],
    "bandwidth": ["limit", "interface listing"],
}

# What is wrong, as a fault of the simulator's or a body instead of the right one; and what it comes
# to: nothing, the word that there is no such thing, throttling, another status that is no answer to
# the question, something malformed, silence for a moment, or silence until time is up.
TROUBLES = {
    "401 once": ({"fault": "status", "status": 401, "times": 1}, "nothing"),
    "401": ({"fault": "status", "status": 401}, "token refused"),
    "403": ({"fault": "status", "status": 403}, "refused"),
    "404": ({"fault": "status", "status": 404}, "none"),
    "405": ({"fault": "status", "status": 405}, "refused"),
    "429": ({"fault": "status", "status": 429}, "throttled"),
    "429, Retry-After": (
        {"fault": "status", "status": 429, "retry_after_seconds": 60}, "throttled"),
    "500": ({"fault": "status", "status": 500}, "refused"),
    "503": ({"fault": "status", "status": 503}, "throttled"),
    "302": ({"fault": "status", "status": 302}, "refused"),
    "200 empty": (b"", "none"),
    "200 blank": (b" \r\n", "none"),
    "200 HTML": ({"fault": "html"}, "malformed"),
    "200 JSON cut short": (b'{"AccessKeyId" : "STS.Simulated", "Expiration"', "malformed"),
    "200 control characters": (b"a\x01\x7f", "malformed"),
    "200 invalid UTF-8": (b"a\xff\xfe", "malformed"),
    "too large": (b"a" * 5_000_000, "malformed"),
    "cut short": ({"fault": "cut"}, "malformed"),
    "a wrong length": ({"fault": "wrong-length"}, "malformed"),
    "no HTTP": ({"fault": "garbage"}, "malformed"),
    "reset": ({"fault": "reset"}, "silence"),
    "an early end": ({"fault": "close"}, "silence"),
    "hang": ({"fault": "hang"}, "long silence"),
    "drip": ({"fault": "drip", "drip_interval_seconds": 0.2}, "long silence"),
}


class Bench:
    """A simulated instance of its own, and a relay before it, for one run at a time."""

    def __init__(self, case, number, metadata):
        self.case, self.number, self.metadata = case, number, metadata
        self.relay = Relay(metadata)
        case.addCleanup(self.relay.close)

    def run(self, name, kind, trouble, *flags):
        method, end = KINDS[kind]
        fault = TROUBLES[trouble][0]
        address, faults = self.metadata, []
        if isinstance(fault, bytes):
            address = self.relay.address
            self.relay.instead = lambda asked, path, _: (
                fault if method in (None, asked) and path.endswith(end) else None)
        else:
            faults = [{**fault, "path": "*" + end, **({"method": method} if method else {})}]
        self.case.control_api("PUT", f"/control/faults?instance={self.number}", {"faults": faults})
        return Run(f"--check={name}", f"--metadata-url=http://{address}",
                   *(flag.replace("203.0.113.11", f"203.0.113.{10 + self.number}")
                     for flag in flags))


class Troubles(Checks):
    """Kinds of requests x troubles x checks; tests/golden/failure_table.tsv is the page's."""

    INSTANCES = 8

    def run_all(self, jobs):
        """Each job with its run; made at the same time, on instances of their own."""
        numbers = range(1, self.INSTANCES + 1)
        self.simulator = self.start(
            harness.SIMULATOR, *(f"--listen-address=127.0.0.{i}:0" for i in numbers),
            "--control.listen-address=127.0.0.1:0", f"--instances={self.INSTANCES}",
            "--http-tokens=required")
        places = [self.simulator.wait_for(r"address=(\S+) for=metadata")[1] for _ in numbers]
        self.control = self.simulator.wait_for(r"address=(\S+) for=control")[1]
        free = queue.SimpleQueue()
        for number, place in zip(numbers, places):
            free.put(Bench(self, number, place))

        def run(job):
            bench = free.get()
            try:
                return bench.run(*job)
            finally:
                free.put(bench)

        # Most wait for an answer that does not come.
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count() + 2) as pool:
            return list(zip(jobs, pool.map(run, jobs)))

    @staticmethod
    def expected(name, kind, trouble):
        """The states that are right."""
        outcome = TROUBLES[trouble][1]
        lost = {UNKNOWN}
        if name == "metadata":
            lost = {WARNING if outcome == "throttled" else CRITICAL}
        if kind in ("everything", "session token"):
            return lost  # a 401 to who asks for a token is no invitation to come back with another
        if outcome == "nothing":
            return {OK} if kind != "posture" else {UNKNOWN}
        if kind == "instance ID":
            if name == "hardening" and outcome in ("refused", "silence", "token refused"):
                return {OK, UNKNOWN}  # a token was given; it may be enough
            if name == "metadata" or outcome in ("throttled", "token refused", "long silence"):
                return lost
            # Whoever does not know it, and says that there is nothing, may be anybody.
            unproven = outcome in ("none", "malformed") and name in ("spot", "hardening")
            return {UNKNOWN} if unproven else {OK}
        if kind not in RESTS_ON[name]:
            return {OK}
        if trouble == "403" and kind == "posture" or outcome == "none" and kind == "spot notice":
            return {OK}
        # A role is expected, and an address.
        none = ("role listing", "credential document", "optional scalar")
        return {CRITICAL} if outcome == "none" and kind in none else {UNKNOWN}

    COMMON = ("everything", "session token", "instance ID")
    # In which all kinds are tried; the others concern only some, and all checks together below.
    WORST = ("403", "429", "200 HTML", "hang")
    FULL = ("spot notice", "credential document", "limit")

    def test_each_check_in_each_trouble_of_what_it_rests_on(self):
        jobs = [(name, kind, trouble, *NAMES[name], "-t0.3" if outcome == "long silence" else "-t9")
                for name in self.NAMES for kind in ("everything", *RESTS_ON[name])
                for trouble, (_, outcome) in TROUBLES.items()
                if trouble in self.WORST or kind in self.FULL
                or kind in RESTS_ON[name] and trouble in ("401 once", "404", "200 empty")]
        for (name, kind, trouble, *_), run in self.run_all(jobs):
            with self.subTest(name, kind=kind, trouble=trouble):
                self.judge(run)
                self.assertIn(run.state, self.expected(name, kind, trouble), run)


class TroubleTest(Troubles, harness.Case):
    NAMES = BUT_BANDWIDTH

    def test_all_checks_in_each_trouble_of_what_all_rest_on(self):
        flags = [*NAMES["credentials"], *NAMES["identity"], "-v", "--exclude=bandwidth"]
        jobs = [("all", kind, trouble, *flags, "-t0.3" if outcome == "long silence" else "-t9")
                for kind in self.COMMON for trouble, (_, outcome) in TROUBLES.items()]
        for (_, kind, trouble, *_), run in self.run_all(jobs):
            with self.subTest(kind, trouble=trouble):
                self.judge(run)
                states = dict(re.findall(r"(?m)^([A-Z]+) (\w+) - ", run.output))
                self.assertEqual(sorted(states), sorted(name.upper() for name in self.NAMES), run)
                self.assertEqual(run.state, max(states.values(), key=BADNESS.get), run)
                for name, state in states.items():
                    name = name.lower()
                    allowed = self.expected(name, kind, trouble)
                    if kind == "instance ID":
                        # The metadata service is judged by its last word, which may be better; and
                        # what comes behind the trouble may not be asked for any more.
                        allowed |= {OK, WARNING, CRITICAL} if name == "metadata" else {UNKNOWN}
                    self.assertIn(state, allowed, run)


class TimeTest(Case):
    """However long others take, it ends when it was told to."""

    def test_ends_in_time_when_the_metadata_service_hangs_or_drips(self):
        self.start_simulator()
        for fault in ({"fault": "hang"}, {"fault": "hang", "path": "*/instance-id"},
                      {"fault": "drip", "drip_interval_seconds": 0.02},
                      {"fault": "delay", "delay_seconds": 0.06}):
            self.control_api("PUT", "/control/faults", {"faults": [fault]})
            for name in (*NAMES, "all") if fault == {"fault": "hang"} else ("identity", "all"):
                with self.subTest(name, fault=fault):
                    run = self.assert_in_time(0.1, "--check", name,
                                              f"--metadata-url=http://{self.metadata}",
                                              *NAMES.get(name, NAMES["bandwidth"]))
                    self.assertIn(run.state, (UNKNOWN, CRITICAL), run)

    def test_ends_in_time_when_the_exporter_hangs_or_drips(self):
        service = harness.SilentService()
        self.addCleanup(service.close)
        for scheme in ("http", "https"):
            for name in ("metadata", "all"):
                run = self.assert_in_time(0.1, "--check", name,
                                          f"--exporter={scheme}://{service.address}",
                                          *NAMES.get(name, NAMES["bandwidth"]))
                self.assert_state(run, UNKNOWN, "^(the exporter: [Tt]imeout|no end within)")
        # The simulator can tell a snapshot, too: slowly.
        self.start_simulator()
        self.assertEqual(200, harness.request(
            self.control, "PUT", "/control/items/snapshot", json.dumps(snapshot())).status)
        exporter = f"--exporter=http://{self.metadata}/latest/meta-data"
        self.assert_state(self.check("--check=spot", exporter), OK)
        for fault in ({"fault": "drip", "drip_interval_seconds": 0.02}, {"fault": "hang"},
                      {"fault": "delay", "delay_seconds": 1}):
            self.control_api("PUT", "/control/faults", {"faults": [fault]})
            self.assert_state(self.assert_in_time(0.1, "--check=spot", exporter), UNKNOWN)
        for fault in ("reset", "close", "cut", "wrong-length", "garbage", "html"):
            self.control_api("PUT", "/control/faults", {"faults": [{"fault": fault}]})
            self.assert_state(self.assert_in_time(0.1, "--check=spot", exporter), UNKNOWN,
                              "^the exporter")

    def test_ends_in_time_when_a_file_hangs(self):
        with tempfile.TemporaryDirectory() as folder:
            fifo = os.path.join(folder, "fifo")
            os.mkfifo(fifo)
            flags = ["--check=spot", "--exporter=https://" + nobody(), "--exporter-username=me"]
            run = self.assert_in_time(0.1, *flags, f"--exporter-password-file={fifo}")
            self.assertEqual((run.name, run.state), ("SPOT", UNKNOWN), run)
            # With a writer that never writes.
            writer = os.open(fifo, os.O_RDWR)
            try:
                run = self.assert_in_time(0.1, *flags, f"--exporter-password-file={fifo}")
                self.assertEqual((run.name, run.state), ("SPOT", UNKNOWN), run)
            finally:
                os.close(writer)
            # Certificates are read when there is somebody to show them to.
            service = harness.SilentService()
            self.addCleanup(service.close)
            exporter = f"--exporter=https://{service.address}"
            for flag in ("ca", "cert"):
                more = ["--exporter-key-file=/dev/null"] if flag == "cert" else []
                run = self.assert_in_time(0.1, flags[0], exporter, f"--exporter-{flag}-file={fifo}",
                                          *more)
                self.assertEqual((run.name, run.state), ("SPOT", UNKNOWN), run)
                self.assertIn("no end within 0.1 s", run.text)

    def test_ends_in_time_though_its_parent_has_blocked_the_alarm(self):
        with tempfile.TemporaryDirectory() as folder:
            fifo = os.path.join(folder, "fifo")
            os.mkfifo(fifo)
            service = harness.SilentService()
            self.addCleanup(service.close)
            done = subprocess.run(
                [CHECK, "--check=spot", f"--exporter=https://{service.address}",
                 f"--exporter-ca-file={fifo}", "-t0.1"],
                stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=30,
                preexec_fn=lambda: signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM]))
        self.assertEqual(done.returncode, 3)
        self.assertRegex(done.stdout, "^ALIYUN_ECS SPOT UNKNOWN - no end within 0.1 s")

    def test_leaves_time_for_the_rest_when_one_item_hangs(self):
        self.start_simulator()
        self.control_api("PUT", "/control/faults",
                         {"faults": [{"fault": "hang", "path": "*" + ROLES}]})
        run = self.direct("all", "--exclude=bandwidth", "-t5", "-v")
        self.assert_state(run, UNKNOWN, "^credentials UNKNOWN: .*Timeout.*spot, metadata OK$")


class SecretTest(Case):
    """No secret gets into what it prints, however much it is asked to print."""

    def test_no_secret_is_printed_in_whatever_trouble(self):
        self.start_simulator()
        relays = [Relay(self.metadata) for _ in range(os.cpu_count())]
        free = queue.SimpleQueue()
        for relay in relays:
            self.addCleanup(relay.close)
            free.put(relay)
        whole = document(-60)
        bodies = [None, whole, whole[:-20], whole.replace("Success", "Failed"),
                  whole.replace('"Expiration": "', '"Expiration": "x'), "<" + whole]

        def run(job):
            (method, end), body = job
            relay = free.get()
            relay.instead = lambda asked, path, _: (
                body.encode() if body and method in (None, asked) and path.endswith(end) else None)
            try:
                return Run("--check=all", f"--metadata-url={relay.url}", *NAMES["identity"],
                           "--exclude=bandwidth", "-vvv")
            finally:
                free.put(relay)

        jobs = [(kind, body) for name, kind in KINDS.items() for body in bodies
                if name not in RESTS_ON["bandwidth"] and (body or name == "everything")]
        with concurrent.futures.ThreadPoolExecutor(len(relays)) as pool:
            for job, done in zip(jobs, pool.map(run, jobs)):
                with self.subTest(job):
                    self.judge(done)
                    self.assertIn("asked session token: 200", done.output)
                    for secret in SECRETS:
                        self.assertNotIn(secret.lower(), done.output.lower())
        # They did go over the wire, the session token both ways.
        heard = "".join(body for relay in relays for body in relay.heard)
        for secret in SECRETS:
            self.assertIn(secret, heard)
        self.assertTrue(any(headers.get(TOKEN_HEADER, "").startswith("SIMULATED-SESSION-TOKEN")
                            for relay in relays for _, _, headers in relay.asked))

    def test_tells_what_was_asked_for_but_not_what_was_answered(self):
        self.start_simulator()
        run = self.direct("credentials", "-vvv")
        for line in (r"asked session token: 200, [0-9.]+ ms",
                     r"asked ram/security-credentials/SimulatedEcsRole: 200, [0-9.]+ ms"):
            self.assertRegex(run.output, r"(?m)^" + line + "$")
        self.assertNotIn("asked", self.direct("credentials", "-vv").output)


class FormatTest(Case):
    def test_checkmk_has_a_line_for_each_check(self):
        self.start_simulator()
        self.control_api("PUT", "/control/spot-termination", {"in_seconds": 250})
        run = Run("--check=all", "--output=checkmk", f"--metadata-url=http://{self.metadata}",
                  *NAMES["identity"], *NAMES["bandwidth"], "-vvv")
        self.assertEqual(len(run.lines), len(NAMES), run)
        for line, name in zip(run.lines, NAMES):
            # STATUS "Name" metric=value;warn;crit|metric2=… text
            metric = rf"\w+={NUMBER}(?:;(?:{NUMBER})?){{0,4}}"
            match = re.fullmatch(rf'([0-3]) "Alibaba Cloud ECS {name}" '
                                 rf"(-|{metric}(?:\|{metric})*) ([^|]+)", line)
            self.assertTrue(match, line)
            alone = self.direct(name, *NAMES[name])
            self.assertEqual(STATES[int(match[1])], alone.state, line)
            self.assertEqual(match[2] == "-", not alone.perfdata, line)
        self.assertEqual(run.status, 2)

    def test_more_words_come_behind_the_first_line(self):
        self.start_simulator()
        first = self.direct("identity", *NAMES["identity"])
        self.assertEqual(len(first.lines), 1, first)
        more = self.direct("identity", *NAMES["identity"], "-v")
        self.assertEqual(more.first, first.first)
        self.assertEqual(more.lines[1:], ["OK: zone_id is cn-hangzhou-i as expected",
                                          "OK: eipv4 is 203.0.113.11 as expected"])
        self.assertEqual(self.direct("identity", *NAMES["identity"], "-v", "-v", "-v").lines[:3],
                         self.direct("identity", *NAMES["identity"], "-vvv").lines[:3])


class GuardedTest(Case):
    """An exporter behind TLS, a password and client certificates."""

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = folder.name
        # Each is its own CA.
        for name, names in {"server": "IP:127.0.0.1", "client": "DNS:monitoring.example.com",
                            "stranger": "IP:127.0.0.1"}.items():
            cls.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                        "-nodes", "-days", "2", "-keyout", f"{name}.key", "-out", f"{name}.crt",
                        "-subj", f"/CN={name}", "-addext", f"subjectAltName={names}")
        cls.openssl("ec", "-in", "client.key", "-aes128", "-passout", "pass:sesame-open",
                    "-out", "encrypted.key")
        for name, text in {"right": "right\n", "windows": "right\r\nmore\r\n",
                           "wrong": "sesame-open\n", "empty": "", "empty line": "\nright\n",
                           "long": "sesame" * 1000}.items():
            with open(cls.path(name), "w", encoding="utf-8", newline="") as file:
                file.write(text)
        os.symlink("loop", cls.path("loop"))

    @classmethod
    def path(cls, name):
        return os.path.join(cls.folder, name)

    @classmethod
    def openssl(cls, *arguments):
        subprocess.run(["openssl", *arguments], cwd=cls.folder, check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def start_guarded(self, text, name="web.yml"):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        self.start_simulator()
        self.start_exporter(f"--web.config.file={self.path(name)}", "--log.level=debug")
        self.exporter.wait_for("first fill complete")

    def guarded(self, *flags, scheme="https", host="127.0.0.1", **env):
        port = self.web.rsplit(":", 1)[1]
        run = self.ask("spot", *flags, "-vvv", web=f"{scheme}://{host}:{port}", **env)
        self.assertNotRegex(run.output, r"sesame|\bright\b|PRIVATE")
        return run

    def flags(self, **files):
        """--exporter-NAME-file=… for each."""
        return [f"--exporter-{name}-file={self.path(file)}" for name, file in files.items()]

    def test_shows_its_certificate_and_its_password(self):
        self.start_guarded(f"""
tls_server_config: {{cert_file: server.crt, key_file: server.key, client_ca_file: client.crt,
                     client_auth_type: RequireAndVerifyClientCert}}
basic_auth_users: {{monitoring: {HASH}}}
""")
        everything = {"ca": "server.crt", "cert": "client.crt", "key": "client.key",
                      "password": "right"}
        user = "--exporter-username=monitoring"
        self.assert_state(self.guarded(*self.flags(**everything), user), OK)
        proxy = {"https_proxy": "http://" + nobody(), "HTTPS_PROXY": "http://" + nobody()}
        self.assert_state(self.guarded(*self.flags(**everything), user, **proxy), OK)
        windows = {**everything, "password": "windows"}
        self.assert_state(self.guarded(*self.flags(**windows), user), OK)
        wrong = {
            "no password": ({"password": None}, "another user name or password"),
            "a wrong password": ({"password": "wrong"}, "another user name or password"),
            "a password that is not there": ({"password": "none"}, "none.*(No such file|cannot)"),
            "a password in an empty file": ({"password": "empty"}, "has an empty first line"),
            "a password behind an empty line": (
                {"password": "empty line"}, "has an empty first line"),
            "a password without end": ({"password": "long"}, "long"),
            "a password in a folder": ({"password": "."}, "."),
            "a password that cannot be reached": ({"password": "loop"}, "loop"),
            "no CA": ({"ca": None}, "certificate"),
            "another CA": ({"ca": "stranger.crt"}, "certificate"),
            "a CA that is not there": ({"ca": "none"}, "CA cert"),
            "a CA that is none": ({"ca": "server.key"}, "CA cert"),
            "no client certificate": ({"cert": None, "key": None}, "."),
            "a stranger's certificate": ({"cert": "stranger.crt", "key": "stranger.key"}, "."),
            "another key": ({"key": "stranger.key"}, "certificate"),
            "a key that is not there": ({"key": "none"}, "certificate"),
            "a certificate that is not there": ({"cert": "none"}, "certificate"),
        }
        for name, (files, words) in wrong.items():
            files = {k: v for k, v in {**everything, **files}.items() if v}
            with self.subTest(name):
                run = self.guarded(*self.flags(**files), *[user] * ("password" in files))
                self.assert_state(run, UNKNOWN, words)
        with self.subTest("another user"):
            self.assert_state(self.guarded(*self.flags(**everything), "--exporter-username=me"),
                              UNKNOWN, "another user name or password")
        for scheme, host in (("https", "localhost"), ("http", "127.0.0.1")):
            run = self.guarded(*self.flags(**everything), user, scheme=scheme, host=host)
            with self.subTest(scheme, host=host):
                self.assert_state(run, UNKNOWN, "^the exporter")

    def test_asks_nobody_for_the_pass_phrase_of_a_key(self):
        """The scheduler that would have to type it may keep its standard input open for ever."""
        self.start_guarded("tls_server_config: {cert_file: server.crt, key_file: server.key}\n")
        command = [CHECK, "--check=spot", f"--exporter=https://{self.web}", "-t0.2",
                   *self.flags(ca="server.crt", cert="client.crt", key="encrypted.key")]
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, start_new_session=True)  # without a terminal
        try:
            status = process.wait(timeout=3)
        except subprocess.TimeoutExpired:
            status = "it does not end"
        process.kill()
        output, errors = process.communicate()
        self.assertEqual((status, errors), (3, ""))
        self.assertRegex(output, r"^ALIYUN_ECS SPOT UNKNOWN - the exporter: .*certificate")

    def test_gives_its_password_to_nobody_else(self):
        """Not to where it is sent on to, and nothing of it without being told the name."""
        elsewhere = Answerer(json.dumps(snapshot()))
        self.addCleanup(elsewhere.close)
        server = Answerer("", 302, [("Location", elsewhere.url + "/snapshot")])
        self.addCleanup(server.close)
        self.ask("spot", "--exporter-username=me", *self.flags(password="right"), web=server.url)
        self.assertEqual(elsewhere.asked, [])
        self.assertEqual(server.asked[0][2]["Authorization"], "Basic bWU6cmlnaHQ=")

    def test_speaks_tls_to_who_speaks_it(self):
        self.start_guarded("{}")
        self.assert_state(self.guarded(scheme="http"), OK)
        self.assert_state(self.guarded(*self.flags(ca="server.crt")), UNKNOWN, "^the exporter")


MAC_1, MAC_2 = "00:16:3e:00:00:01", "00:16:3e:00:00:02"


class BandwidthTest(Troubles, private_network.Case):
    """Interfaces of a network of its own, over which exactly known traffic goes."""

    NAMES = ["bandwidth"]
    INTERVAL = 0.1

    def setUp(self):
        super().setUp()
        if refusal := os.environ.get(_SYSFS):
            self.skip_or_fail(f"no /sys of the private network: {refusal}")
        self.before_answer = lambda: None  # what happens between the two readings of the counters
        self.links = 0

    def ip(self, *arguments, check=True):
        return subprocess.run(["ip", *arguments], check=check, text=True, capture_output=True)

    def add_link(self, mac):
        """A network interface that is up and swallows what is sent; its name."""
        self.links += 1
        name = f"ecs{self.links}"
        peer = f"peer{self.links}"  # not every kernel has dummies
        for kind in (["dummy"], ["veth", "peer", "name", peer]):
            made = self.ip("link", "add", "name", name, "address", mac, "type", *kind, check=False)
            if made.returncode == 0:
                break
        else:
            self.skip_or_fail(f"no network interface: {made.stderr}")
        self.addCleanup(self.ip, "link", "delete", name, check=False)
        self.up(name, *([peer] if peer in kind else []))
        return name

    def up(self, *names):
        for name in names:
            # The kernel itself is not to send anything.
            self.ip("link", "set", name, "addrgenmode", "none")
            self.ip("link", "set", name, "up")

    @staticmethod
    def send(name, size):
        """Exactly so many bytes."""
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sock:
            sock.bind((name, 0))
            for _ in range(size // 1000):
                sock.send(bytes.fromhex("feffffffffff" "00163e000001" "88b5") + bytes(986))

    @staticmethod
    def sent(name):
        with open(f"/sys/class/net/{name}/statistics/tx_bytes", encoding="ascii") as file:
            return int(file.read())

    def start_service(self, limit, *macs):
        """Something to ask, directly and as an exporter, with a limit in Kbit/s."""
        self.start_simulator()
        for _ in macs[1:]:
            self.control_api("POST", "/control/interfaces")
        self.assertEqual(200, harness.request(
            self.control, "PUT", "/control/items/" + LIMIT, str(limit)).status)
        relay = Relay(self.metadata)
        self.addCleanup(relay.close)

        def instead(_method, path, _headers):
            if path.endswith(MACS):
                self.before_answer()

        relay.instead = instead

        def told(_path):
            self.before_answer()
            whole = snapshot()
            whole["items"][LIMIT]["value"] = limit
            whole["listings"][MACS]["value"] = list(macs)
            return json.dumps(whole)

        exporter = Answerer(told)
        self.addCleanup(exporter.close)
        self.sources = [f"--metadata-url={relay.url}", f"--exporter={exporter.url}"]

    def measure(self, traffic, *flags):
        """The runs during which so much is sent: pairs of name and bytes."""
        def send():
            for name, size in traffic:
                self.send(name, size)
        self.before_answer = send
        for source in self.sources:
            before = {name: self.sent(name) for name, _ in traffic}
            run = self.check("--check=bandwidth", source, f"--interval={self.INTERVAL}", *flags)
            for name, size in traffic:
                self.assertEqual(self.sent(name) - before[name], size, "nobody else sends")
            yield run

    def assert_rate(self, run, size):
        """So many bytes in the interval, which is longer the busier the machine is."""
        rate, percent = run.value("egress_bytes_per_second"), run.value("egress")
        self.assertLessEqual(rate, size / self.INTERVAL, run)
        self.assertGreaterEqual(rate, size / run.seconds, run)
        limit = float(self.numbers(run)[1]["max"])
        self.assertAlmostEqual(percent, 100 * rate / limit, delta=percent * 1e-4 + 1e-6)

    def test_counts_what_is_sent(self):
        name = self.add_link(MAC_1)
        # 100 kB in 0.1 s or somewhat more: at most 8000 kbit/s, and far more than 10.
        for limit, flags, state in ((10, [], CRITICAL), (1_000_000, [], OK),
                                    (1_000_000, ["-w0.001"], WARNING),
                                    (10, ["-c", "1000000"], WARNING),
                                    (1_000_000, ["-c0.001"], CRITICAL),
                                    (10, ["-w@0:1", "-c~:1000000"], OK)):
            self.start_service(limit, MAC_1)
            for run in self.measure([(name, 100_000)], *flags):
                with self.subTest(run.flags, limit=limit):
                    self.assert_state(run, state, "% of the outbound limit.* by 1 interface$")
                    self.assert_rate(run, 100_000)
                    self.assertEqual(float(self.numbers(run)[1]["max"]), limit * 125)

    def test_counts_nothing_where_nothing_is_sent(self):
        name = self.add_link(MAC_1)
        self.start_service(1000, MAC_1)
        self.send(name, 100_000)  # before
        for run in self.measure([(name, 0)]):
            self.assert_state(run, OK, "^0.0 % of the outbound limit")
            self.assertEqual((run.value("egress"), run.value("egress_bytes_per_second")), (0, 0))

    def test_state_is_what_the_judges_say(self):
        self.add_link(MAC_1)
        self.start_service(1000, MAC_1)
        self.assert_judged("--check=bandwidth", self.sources[1], "--interval=0.05", every=2)

    def test_adds_up_two_interfaces(self):
        first, second = self.add_link(MAC_1), self.add_link(MAC_2)
        self.start_service(1000, MAC_1, MAC_2)
        for run in self.measure([(first, 100_000), (second, 200_000)], "-v"):
            self.assert_state(run, CRITICAL, "by 2 interfaces$")
            self.assert_rate(run, 300_000)
            self.assertIn(f"counted: {MAC_1}\ncounted: {MAC_2}\n", run.output)

    def test_does_not_count_twice_what_goes_through_an_interface_on_top(self):
        """A VLAN or a bridge has the address of what it lies on, and counts the same bytes."""
        tried = 0
        for kind in (["type", "vlan", "id", "5"], ["type", "bridge"]):
            name = self.add_link(MAC_1)
            beneath = ["link", name] if "vlan" in kind else []
            over = ["link", "add", *beneath, "name", "over", *kind]
            if self.ip(*over, check=False).returncode == 0:  # not every kernel has both
                tried += 1
                self.addCleanup(self.ip, "link", "delete", "over", check=False)
                if "bridge" in kind:
                    self.ip("link", "set", name, "master", "over")
                self.up("over")
                with open("/sys/class/net/over/address", encoding="ascii") as file:
                    self.assertEqual(file.read().strip(), MAC_1)
                self.start_service(1000, MAC_1)
                for source in self.sources:
                    before = self.sent("over"), self.sent(name)
                    self.before_answer = lambda: self.send("over", 100_000)
                    run = self.check("--check=bandwidth", source, f"--interval={self.INTERVAL}")
                    self.assertGreaterEqual(self.sent("over") - before[0], 100_000)
                    with self.subTest(kind, source=source):
                        self.assert_state(run, CRITICAL, "by 1 interface$")
                        self.assert_rate(run, self.sent(name) - before[1])
                self.ip("link", "delete", "over")
            self.ip("link", "delete", name)
        if not tried:
            self.skip_or_fail("neither VLANs nor bridges")

    def test_knows_the_least_when_an_interface_is_not_there(self):
        name = self.add_link(MAC_1)
        # What cannot be seen may send, too: so much is too much, but so little is not too little.
        for limit, flags, state in ((1_000_000, [], UNKNOWN), (10, [], CRITICAL),
                                    (1_000_000, ["-w0.001"], WARNING),
                                    (1_000_000, ["-w~:80", "-c50:"], UNKNOWN)):
            self.start_service(limit, MAC_1, MAC_2)
            for run in self.measure([(name, 100_000)], "-v", *flags):
                with self.subTest(run.flags, limit=limit):
                    self.assert_state(run, state, "^at least .*1 of the instance's interfaces")
                    self.assertIn(f"not seen: {MAC_2}\n", run.output)

    def test_does_not_know_without_any_interface_or_without_a_limit(self):
        self.start_service(0, MAC_1)
        for run in self.measure([]):
            self.assert_state(run, UNKNOWN, "tells no limit")
        self.start_service(1000, MAC_1)
        for run in self.measure([]):
            self.assert_state(run, UNKNOWN, "no interface of this machine has a MAC address")
        self.add_link("00:16:3e:ff:ff:ff")
        for run in self.measure([]):
            self.assert_state(run, UNKNOWN, "no interface of this machine has a MAC address")

    def test_is_not_misled_by_an_interface_that_is_made_anew(self):
        name = self.add_link(MAC_1)
        self.start_service(1000, MAC_1)
        for source in self.sources:
            self.send(name, 100_000)

            def replace():
                nonlocal name
                self.ip("link", "delete", name)
                name = self.add_link(MAC_1)  # counts from zero
            self.before_answer = replace
            run = self.check("--check=bandwidth", source, f"--interval={self.INTERVAL}")
            self.assert_state(run, UNKNOWN)

    def test_asks_the_metadata_service_at_its_address(self):
        self.add_link(MAC_1)
        self.serve()
        for name, more in NAMES.items():
            run = self.check(f"--check={name}", *more)
            self.assert_state(run, WARNING if name == "hardening" else OK)

    def test_ends_in_time_when_a_name_is_not_resolved(self):
        with tempfile.NamedTemporaryFile("w") as file:
            file.write("nameserver 100.100.100.200\n")
            file.flush()
            resolver = os.path.realpath("/etc/resolv.conf")
            subprocess.run(["mount", "--bind", file.name, resolver], check=True)
            self.addCleanup(subprocess.run, ["umount", resolver], check=True)
        silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(silent.close)
        silent.bind(("100.100.100.200", 53))
        silent.settimeout(harness.DEADLINE)
        for flag in ("--exporter", "--metadata-url"):
            run = self.assert_in_time(0.1, "--check=spot", flag + "=http://name.example.com:10200")
            self.assert_state(run, UNKNOWN)
            self.assertIn(b"name", silent.recv(1024), "it was looked for")

    def run_all(self, jobs):
        for number in range(1, self.INSTANCES + 1):
            self.add_link(f"00:16:3e:00:{number - 1:02x}:01")
        return super().run_all(jobs)


_SYSFS = "ALIYUN_ECS_SYSFS_OF_PRIVATE_NETWORK"  # empty, or why it is another one's
_MOUNT = "mount -t sysfs sysfs /sys"


def main():
    inside = os.environ.get("ALIYUN_ECS_INSIDE_PRIVATE_NETWORK") == ""
    if inside and _SYSFS not in os.environ:
        # /sys shows the interfaces of the network where it was mounted.
        in_it = ["unshare", "--mount", "sh", "-c", _MOUNT + ' && exec "$@"', "sh"]
        tried = subprocess.run([*in_it, "true"], capture_output=True, text=True, check=False)
        os.environ[_SYSFS] = "" if tried.returncode == 0 else tried.stderr or "it cannot be mounted"
        if tried.returncode == 0:
            os.execvp(in_it[0], [*in_it, sys.executable, "-B", *sys.argv])
    private_network.main()


if __name__ == "__main__":
    main()
