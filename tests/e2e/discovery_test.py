"""exporter/packaging/discovery: targets for Prometheus, from what the vendor's command line says.

The command line is a stand-in, which knows the flags that the vendor documents and no others. Judges of
what comes out of it are the real Prometheus and promtool.
"""

import contextlib
import importlib.util
import io
import json
import os
import re
import shutil
import socket
import stat
import struct
import subprocess
import sys
import threading
import unittest.mock

import alerting
import harness

FOLDER = os.path.join(harness.SOURCE, "exporter", "packaging", "discovery")
PROGRAM = os.path.join(FOLDER, "aliyun_ecs_targets.py")
PYTHON = sys.executable
SECRET = "CAISxgJ1q6Ft5B2yfSjIr5fa"  # of the token in a request that the service quotes

# Reads answers.json beside it: by region, a list of pages, each {"instances": […]}, or {"status": …,
# "out": …, "err": …} for whatever else; under "dry_run", what a dry run says. Writes its arguments to calls.
ALIYUN = r'''
import json, os, sys
here = os.path.dirname(os.path.abspath(__file__))
with open(os.path.join(here, "calls"), "a", encoding="utf-8") as file:
    file.write(json.dumps(sys.argv[1:]) + "\n")
with open(os.path.join(here, "answers.json"), encoding="utf-8") as file:
    answers = json.load(file)
assert sys.argv[1:3] == ["ecs", "DescribeInstances"], sys.argv
assert os.environ["ALIBABA_CLOUD_IMDSV1_DISABLED"] == "true"
flags = dict(zip(sys.argv[3::2], sys.argv[4::2]))
assert len(flags) * 2 == len(sys.argv) - 3 and all(flag.startswith("--") for flag in flags), sys.argv
assert not any(value.startswith("-") for value in flags.values()), sys.argv
assert flags.keys() <= {"--region", "--RegionId", "--Status", "--profile", "--VpcId", "--MaxResults", "--NextToken",
                        "--DryRun"} | {f"--Tag.{n}.{each}" for n in (1, 2) for each in ("Key", "Value")}, flags
assert flags["--region"] == flags["--RegionId"], flags
if flags.get("--DryRun") == "true":
    print("ERROR: SDK.ServerError\nErrorCode: " + answers["dry_run"], file=sys.stderr)
    sys.exit(1)
number = int(flags.get("--NextToken", "page-0=").removeprefix("page-").removesuffix("="))
pages = answers[flags["--region"]]
page = pages[number]
if "instances" in page:
    token = f"page-{number + 1}=" if number + 1 < len(pages) else ""
    print(json.dumps({"RequestId": "473469C7-AA6F-4DC5-B3DB-A3DC0DE3C83E", "TotalCount": 0, "PageSize": 100,
                      "NextToken": page.get("token", token), "Instances": {"Instance": page["instances"]}}))
    sys.exit(0)
sys.stdout.write(page.get("out", ""))
sys.stderr.write(page.get("err", ""))
sys.exit(page.get("status", 0))
'''


def instance(name, where, **more):
    """As DescribeInstances has it, with what is of no use here left out."""
    return {"InstanceId": name, "InstanceName": f"name of {name}", "InstanceType": "ecs.g7.large",
            "RegionId": "cn-hangzhou", "ZoneId": "cn-hangzhou-i", "ImageId": "m-1", "Status": "Running",
            "InstanceChargeType": "PostPaid", "SpotStrategy": "SpotAsPriceGo", "Cpu": 2,
            "VpcAttributes": {"VpcId": "vpc-1", "VSwitchId": "vsw-1",
                              "PrivateIpAddress": {"IpAddress": [where] if where else []}},
            "PublicIpAddress": {"IpAddress": []}, "InnerIpAddress": {"IpAddress": []},
            "EipAddress": {"IpAddress": "", "AllocationId": ""},
            "Tags": {"Tag": [{"TagKey": "team", "TagValue": "web"}]}, **more}


def failed(code, more=""):
    return {"status": 1, "err": f"ERROR: SDK.ServerError\nErrorCode: {code}\nMessage: {more}\n"}


def load():
    """The program as a module: it begins faster, and its minutes can be made shorter."""
    spec = importlib.util.spec_from_file_location("aliyun_ecs_targets", PROGRAM)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def blocks(kind):
    """The blocks of the page in that language."""
    return re.findall(rf"^```{kind}\n(.*?)^```$", alerting.read(os.path.relpath(FOLDER, harness.SOURCE), "README.md"),
                      re.MULTILINE | re.DOTALL)


class DiscoveryCase(alerting.Case):
    def setUp(self):
        super().setUp()
        self.aliyun = self.file("aliyun", f"#!{PYTHON} -BISs\n{ALIYUN}")
        os.chmod(self.aliyun, 0o755)
        os.mkdir(os.path.join(self.folder, "out"))
        self.path = os.path.join(self.folder, "out", "targets.json")

    def answers(self, *pages, dry_run="DryRunOperation", **regions):
        """Each page a list of instances, or another answer."""
        answers = {"cn-hangzhou": list(pages), **{name.replace("_", "-"): each for name, each in regions.items()}}
        self.file("answers.json", json.dumps({"dry_run": dry_run, **{
            region: [{"instances": page} if isinstance(page, list) else page for page in each]
            for region, each in answers.items()}}))

    def calls(self):
        with open(os.path.join(self.folder, "calls"), encoding="utf-8") as file:
            return [json.loads(line) for line in file]

    def run_once(self, *flags, regions=("cn-hangzhou",)):
        """Its exit status, and what it says."""
        with contextlib.redirect_stderr(io.StringIO()) as said:
            try:
                status = load().main([f"--file={self.path}", f"--aliyun={self.aliyun}",
                                      *(f"--region={region}" for region in regions), *flags])
            except SystemExit as ended:
                status = ended.code
        return status, said.getvalue()

    def written(self, *flags, **more):
        """The groups, by the instance's ID."""
        status, said = self.run_once(*flags, **more)
        self.assertEqual(status, 0, said)
        with open(self.path, encoding="utf-8") as file:
            groups = json.load(file)
        self.assertEqual(said, f"aliyun_ecs_targets: {len(groups)} targets written to {self.path}\n")
        return {group["labels"]["__meta_aliyun_ecs_instance_id"]: group for group in groups}


class FileTest(DiscoveryCase):
    def test_two_pages_of_two_regions(self):
        self.answers([instance("i-1", "10.0.0.1"), instance("i-2", "10.0.0.2")],
                     [instance("i-2", "10.0.0.2"), instance("i-3", "10.0.0.3")],
                     cn_beijing=[[instance("i-4", "10.1.0.4", RegionId="cn-beijing")]])
        groups = self.written(regions=("cn-hangzhou", "cn-beijing"))
        self.assertEqual({name: group["targets"] for name, group in groups.items()},
                         {"i-1": ["10.0.0.1:10200"], "i-2": ["10.0.0.2:10200"], "i-3": ["10.0.0.3:10200"],
                          "i-4": ["10.1.0.4:10200"]})
        self.assertEqual(groups["i-4"]["labels"], {"__meta_aliyun_ecs_" + name: value for name, value in {
            "instance_id": "i-4", "instance_name": "name of i-4", "instance_type": "ecs.g7.large",
            "region_id": "cn-beijing", "zone_id": "cn-hangzhou-i", "image_id": "m-1", "vpc_id": "vpc-1",
            "vswitch_id": "vsw-1", "public_ip": "", "charge_type": "PostPaid", "spot_strategy": "SpotAsPriceGo",
            "tag_team": "web"}.items()})

    def test_asks_for_no_more_than_it_needs(self):
        self.answers([instance("i-1", "10.0.0.1")], [instance("i-2", "10.0.0.2")])
        self.written("--tag=team=web", "--tag=env=", "--vpc=vpc-1", "--profile=targets")
        whole = ["ecs", "DescribeInstances", "--region", "cn-hangzhou", "--RegionId", "cn-hangzhou", "--Status",
                 "Running", "--profile", "targets", "--VpcId", "vpc-1", "--Tag.1.Key", "team", "--Tag.1.Value", "web",
                 "--Tag.2.Key", "env", "--Tag.2.Value", "", "--MaxResults", "100"]
        self.assertEqual(self.calls(), [whole, [*whole, "--NextToken", "page-1="]])

    def test_only_what_runs_and_can_be_reached(self):
        classic = {"VpcAttributes": {"PrivateIpAddress": {"IpAddress": []}},
                   "InnerIpAddress": {"IpAddress": ["10.9.0.3"]}}
        self.answers([instance("i-1", "fd00::1"), instance("i-2", None), instance("i-3", None, **classic),
                      instance("i-4", "10.0.0.4", Status="Stopped"),
                      instance("i-5", "10.0.0.5", SpotStrategy="NoSpot", Tags=None,
                               EipAddress={"IpAddress": "203.0.113.5"})])
        groups = self.written("--port=443")
        self.assertEqual({name: group["targets"] for name, group in groups.items()},
                         {"i-1": ["[fd00::1]:443"], "i-3": ["10.9.0.3:443"], "i-5": ["10.0.0.5:443"]})
        self.assertEqual(groups["i-5"]["labels"]["__meta_aliyun_ecs_public_ip"], "203.0.113.5")
        self.assertEqual(set(self.written("--spot")), {"i-1", "i-3"})

    def test_the_file_can_be_read_by_others_and_is_alone(self):
        self.answers([instance("i-1", "10.0.0.1")])
        self.written()
        self.assertEqual(stat.S_IMODE(os.stat(self.path).st_mode), 0o644)
        self.assertEqual(os.listdir(os.path.dirname(self.path)), ["targets.json"])

    def test_what_fails_leaves_the_file_as_it_is(self):
        good = [instance("i-1", "10.0.0.1")]
        self.answers(good)
        self.written()
        with open(self.path, "rb") as file:
            before = file.read(), os.stat(self.path).st_mtime_ns, os.stat(self.path).st_ino
        quoted = f"server string to sign is:GET&SecurityToken={SECRET}&AccessKeyId=STS.NUgYrLnoC37mZZCNnAbez"
        malformed = "the answer of DescribeInstances is malformed at "
        for answers, sentence in [
                ([good, failed("Throttling.User")], "in cn-hangzhou failed: Throttling.User"),
                ([failed("SignatureDoesNotMatch", quoted)], "failed: SignatureDoesNotMatch"),
                ([{"status": 3, "err": quoted}], "ended with 3"),
                ([{"out": f'{{"Code": "Forbidden.RAM", "Message": "{quoted}"}}'}], "no instances: Forbidden.RAM"),
                ([good, {"out": '{"Instances": {"Instance": [{"InstanceId": "i-'}], "something else than JSON"),
                ([{"out": ""}], "something else than JSON"),
                ([{"out": "[" * 100000}], "something else than JSON"),
                ([{"out": "[]"}], "Instances is missing"),
                ([{"out": "{}"}], "Instances is missing"),
                ([{"out": '{"Instances": null}'}], "Instances is missing"),
                ([{"out": '{"Instances": {"Instance": [7]}}'}], malformed + "Instances.Instance"),
                ([[*good, instance("../../x", "10.0.0.2")]], malformed + "InstanceId"),
                ([[*good, instance(7, "10.0.0.2")]], malformed + "InstanceId"),
                ([[*good, instance("i-2", "10.0.0.2:80/metrics?x=")]], malformed + "IpAddress"),
                ([[*good, instance("i-2", "evil.example")]], malformed + "IpAddress"),
                ([[*good, instance("i-2", "fd00::1%]evil.example:80#[")]], malformed + "IpAddress"),
                ([[*good, instance("i-2", 7)]], malformed + "PrivateIpAddress.IpAddress"),
                ([[*good, instance("i-2", "10.0.0.2", Status=None)]], malformed + "Status"),
                ([[*good, instance("i-2", "10.0.0.2", Tags=[])]], malformed + "Tags"),
                ([[*good, instance("i-2", "10.0.0.2", Tags={"Tag": [{"TagKey": 1}]})]], malformed + "TagKey"),
                ([{"instances": good, "token": "--profile"}], malformed + "NextToken"),
                ([{"instances": good, "token": "x y"}], malformed + "NextToken"),
                ([{"instances": good, "token": "page-0="}], "has no last page")]:
            with self.subTest(sentence, answers=answers):
                self.answers(*answers)
                self.assert_kept(self.run_once(), sentence, before)

    def assert_kept(self, done, sentence, before):
        status, said = done
        self.assertEqual(status, 1, said)
        self.assertRegex(said, rf"^aliyun_ecs_targets: [^\n]*{re.escape(sentence)}; [^\n]* stays as it is\n$")
        for secret in (SECRET, "NUgYrLnoC37mZZCNnAbez"):
            self.assertNotIn(secret, said)
        with open(self.path, "rb") as file:
            self.assertEqual((file.read(), os.stat(self.path).st_mtime_ns, os.stat(self.path).st_ino), before)
        self.assertEqual(os.listdir(os.path.dirname(self.path)), ["targets.json"])

    def test_an_empty_list_is_believed_after_a_dry_run_only(self):
        self.answers([instance("i-1", "10.0.0.1")])
        self.written()
        with open(self.path, "rb") as file:
            before = file.read(), os.stat(self.path).st_mtime_ns, os.stat(self.path).st_ino
        for code in ("Forbidden.RAM", "Throttling"):
            self.answers([], dry_run=code)
            self.assert_kept(self.run_once(), "lacks the permission ecs:DescribeInstances", before)
        # One region with instances says nothing about the other.
        self.answers([instance("i-1", "10.0.0.1")], cn_beijing=[[]], dry_run="Forbidden.RAM")
        self.assert_kept(self.run_once(regions=("cn-hangzhou", "cn-beijing")),
                         "lacks the permission ecs:DescribeInstances", before)
        self.answers([])
        self.assertEqual(self.written(), {})

    def test_neither_a_missing_command_line_nor_a_missing_folder_is_a_trace(self):
        self.answers([instance("i-1", "10.0.0.1")])
        self.assertEqual(self.run_once("--aliyun=/nowhere/aliyun"), (1, (
            "aliyun_ecs_targets: /nowhere/aliyun cannot be run: No such file or directory; "
            f"{self.path} stays as it is\n")))
        os.rmdir(os.path.dirname(self.path))
        self.assertEqual(self.run_once(), (1, f"aliyun_ecs_targets: {self.path}: No such file or directory\n"))

    def test_wrong_flags_are_refused(self):
        for flags in (["--region=cn hangzhou"], ["--region=--profile"], ["--port=0"], ["--tag=team"], ["--tag==web"],
                      ["--tag=team=-x"], ["--file=targets.txt"], ["--listen=127.0.0.1:1"], ["--interval=59"],
                      ["--reg=x"]):
            status, said = self.run_once(*flags)
            self.assertEqual(status, 2, flags)
            self.assertRegex(said, r"\n[^\n]+: error: [^\n]+\n$")
        self.assertEqual(os.listdir(os.path.dirname(self.path)), [])

    def test_pages_have_an_end(self):
        module = load()
        module.MAX_PAGES = 3
        self.answers(*[[instance(f"i-{number}", "10.0.0.1")] for number in range(9)])
        with self.assertRaisesRegex(module.Failure, "has no last page"):
            module.targets(module.parse(["--region=cn-hangzhou", f"--file={self.path}", f"--aliyun={self.aliyun}"]))
        self.assertEqual(len(self.calls()), 4)

    def test_a_command_line_that_hangs_is_ended(self):
        module = load()
        module.CALL_TIMEOUT = 0.2
        sleeper = self.file("sleeper", "#!/bin/sh\nexec sleep 60\n")
        os.chmod(sleeper, 0o755)
        with self.assertRaisesRegex(module.Failure, "did not answer"):
            module.targets(module.parse(["--region=cn-hangzhou", f"--file={self.path}", f"--aliyun={sleeper}"]))


class PrometheusTest(DiscoveryCase):
    """The snippets of the page, with other addresses and paths, in a real Prometheus."""

    def start_with(self, snippet):
        self.run_prometheus(*self.need("prometheus"), snippet)

    def targets(self, job):
        """What it scrapes: the labels, and those before relabelling, by instance."""
        return {each["labels"]["instance"]: (each["labels"], each["discoveredLabels"])
                for each in self.ask_prometheus("targets", state="active")["activeTargets"]
                if each["labels"]["job"] == job}

    def snippet(self, word, *replacements):
        (text,) = [block for block in blocks("yaml") if word in block]
        for before, after in replacements:
            self.assertIn(before, text)
            text = text.replace(before, after)
        return text

    HOSTILE = 'a "quoted"\nname \\ ${1} {{ .Value }} 名字 \ud800 </script>'

    def fleet(self):
        tags = [{"TagKey": "team", "TagValue": "web"}, {"TagKey": "k8s.io/role-名", "TagValue": self.HOSTILE},
                {"TagKey": "", "TagValue": "x"}]
        return [instance("i-1", "127.0.0.1", InstanceName=self.HOSTILE, Tags={"Tag": tags}),
                instance("i-2", "127.0.0.2"), instance("i-3", "127.0.0.3")]

    def assert_fleet(self, job):
        labels, discovered = self.targets(job)["127.0.0.1:10200"]
        self.assertEqual(labels, {"job": job, "instance": "127.0.0.1:10200", "team": "web"})
        expected = self.HOSTILE.replace("\ud800", "\N{REPLACEMENT CHARACTER}")
        self.assertEqual(discovered["__meta_aliyun_ecs_instance_name"], expected)
        self.assertEqual(discovered["__meta_aliyun_ecs_tag_k8s_io_role__"], expected)
        self.assertEqual(discovered["__meta_aliyun_ecs_tag_"], "x")
        self.assertEqual(discovered["__meta_aliyun_ecs_zone_id"], "cn-hangzhou-i")

    def serve(self):
        """A running server, within the interval of its last answer until it is None."""
        module = load()
        module.log = lambda sentence: None
        server = module.Server(module.parse(["--region=cn-hangzhou", f"--aliyun={self.aliyun}",
                                             "--listen=127.0.0.1:0", "--interval=3600"]))
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        self.addCleanup(lambda: (server.shutdown(), thread.join(), server.server_close()))
        return server

    def test_in_both_ways_targets_come_and_go(self):
        self.answers(self.fleet())
        self.written()
        server = self.serve()
        address = "127.0.0.1:%d" % server.server_address[1]
        over_http = self.snippet("http_sd_configs", ("127.0.0.1:10290", address), ("2m", "1s"),
                                 ("scrape_configs:\n", ""), (alerting.JOB, "over-http"))
        self.start_with(self.snippet("file_sd_configs", ("/var/lib/aliyun-ecs-targets/targets.json", self.path))
                        + over_http)
        every = {f"127.0.0.{number}:10200" for number in (1, 2, 3)}

        def both():
            return [set(self.targets(job)) for job in (alerting.JOB, "over-http")]

        self.wait_until(both, [every, every])
        self.assert_fleet(alerting.JOB)
        self.assert_fleet("over-http")
        # A list that is not known changes nothing.
        self.answers(self.fleet()[:1], failed("Throttling.User"))
        self.assertEqual(self.run_once()[0], 1)
        server._answered = None

        def own():
            return harness.request(self.prometheus, "GET", "/metrics").body

        self.wait_until(lambda: bool(re.search(r"^prometheus_sd_http_failures_total [1-9]", own(), re.MULTILINE)),
                        True)
        # What the page's alert rests on.
        (alert,) = [block for block in blocks("yaml") if block.startswith("groups:")]
        (metric,) = re.findall(r"\w+\{filename=", alert)
        self.assertIn(f'\n{metric}"{self.path}"}} ', own())
        self.assertEqual(both(), [every, every])
        # Taken away, it goes.
        self.answers(self.fleet()[:2])
        self.written()
        server._answered = None
        self.wait_until(both, [every - {"127.0.0.3:10200"}] * 2)

    def test_an_answer_that_came_late_counts_for_the_interval(self):
        self.answers([instance("i-1", "127.0.0.1")])
        server = self.serve()
        clock = iter((1000, 1000 + 2 * 3600, 1000 + 3 * 3600 - 1, 1000 + 3 * 3600, 1000 + 4 * 3600))
        time = unittest.mock.Mock(monotonic=lambda: next(clock))
        with unittest.mock.patch.dict(server.targets.__globals__, time=time):
            server._answered = 1000 - 3600
            for calls in (1, 1, 2):
                self.assertIsNotNone(server.targets())
                self.assertEqual(len(self.calls()), calls)

    def test_a_server_asks_once_a_minute_and_ends_when_told_to(self):
        for answers, status in (([self.fleet()], 200), ([failed("Throttling.User")], 503)):
            self.answers(*answers)
            self.file("calls", "")
            server = self.start(PYTHON, "-B", PROGRAM, "--region=cn-hangzhou", f"--aliyun={self.aliyun}",
                                "--listen=127.0.0.1:0")
            address = server.wait_for(r"listening on (\S+)")[1]
            # The first does not wait for the answer.
            host, port = address.split(":")
            with socket.create_connection((host, int(port))) as impatient:
                impatient.sendall(b"GET /targets HTTP/1.0\r\n\r\n")
                impatient.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            for _ in range(3):
                answer = harness.request(address, "GET", "/targets")
                self.assertEqual(answer.status, status, answer.body)
            self.assertEqual(harness.request(address, "GET", "/").status, 404)
            self.assertEqual(len(self.calls()), 1)
            server.stop()
            said = [line for line in server.output if "listening" not in line]
            self.assertEqual(said, [] if status == 200 else [
                "aliyun_ecs_targets: DescribeInstances in cn-hangzhou failed: Throttling.User; answering 503\n"])
            if status == 200:
                self.assertEqual(answer.headers["Content-Type"], "application/json")


class PageTest(alerting.Case):
    def test_every_snippet_is_accepted(self):
        (old,) = self.need("promtool")
        new = os.path.join(alerting.TOOLS, "alerts", "usr", "bin", "promtool")
        if not os.path.exists(new):
            self.skip_or_fail("no promtool of Prometheus 3; tests/run.sh gets it")
        snippets = blocks("yaml")
        self.assertEqual(len(snippets), 6)
        for number, snippet in enumerate(snippets):
            kind = "rules" if snippet.startswith("groups:") else "config"
            self.assertTrue(kind == "rules" or f"job_name: {alerting.JOB}\n" in snippet)
            # Debian 12's knows nothing of Kubernetes.
            for promtool in [new] if "kubernetes_sd_configs" in snippet else [new, old]:
                done = subprocess.run([promtool, "check", kind, self.file(f"{number}.yml", snippet)],
                                      capture_output=True, text=True, check=False)
                self.assertEqual(done.returncode, 0, snippet + done.stdout + done.stderr)

    def test_the_role_may_do_one_thing(self):
        (policy,) = blocks("json")
        self.assertEqual(json.loads(policy), {"Version": "1", "Statement": [
            {"Effect": "Allow", "Action": "ecs:DescribeInstances", "Resource": "*"}]})

    def test_names_every_label_and_flag(self):
        text = alerting.read("exporter", "packaging", "discovery", "README.md")
        module = load()
        found = {name.removeprefix(module.META) for name in module.labels(instance("i-1", "10.0.0.1"))}
        rows = "\n".join(line.split(" | ")[0] for line in re.findall(r"^\| `__meta.*$", text, re.MULTILINE))
        self.assertEqual(set(re.findall(r"`(?:__meta_aliyun_ecs)?_([a-z_]+)", rows)), found - {"tag_team"} | {"tag_"})
        known = subprocess.run([PYTHON, "-B", PROGRAM, "--help"], capture_output=True, text=True, check=True).stdout
        flags = set(re.findall(r"--[a-z]+", known)) - {"--help"}
        ours = set(re.findall(r"(?<![\w-])--[a-z]+(?![\w-])", text)) - {"--now", "--mode"}
        self.assertEqual(ours | {"--file"}, flags)

    def test_the_units_are_right(self):
        if not shutil.which("systemd-analyze"):
            self.skip_or_fail("no systemd-analyze")
        text = alerting.read("exporter", "packaging", "discovery", "aliyun-ecs-targets.service")
        begin = re.search(r"^ExecStart=(\S+)", text, re.MULTILINE)[1]
        units = [self.file("aliyun-ecs-targets.service", text.replace(begin, PROGRAM)),
                 self.file("aliyun-ecs-targets.timer",
                           alerting.read("exporter", "packaging", "discovery", "aliyun-ecs-targets.timer"))]
        done = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        page = alerting.read("exporter", "packaging", "discovery", "README.md")
        self.assertIn(f"cp aliyun_ecs_targets.py {os.path.dirname(begin)}/\n", page)
        (environment,) = re.findall(r"^EnvironmentFile=(\S+)$", text, re.MULTILINE)
        self.assertIn(f">{environment}\n", page)
        (path,) = re.findall(r"--file=(\S+)", text)
        self.assertIn(f"files: [{path}]\n", page)


if __name__ == "__main__":
    harness.main()
