#!/usr/bin/env python3
"""Tells Prometheus where the exporters of an ECS fleet are: as a file for file_sd, or over HTTP.

Asks the cloud's API (ECS, DescribeInstances) through the vendor's command line `aliyun`, so that no
credential is ever here. A list that is not known to be whole is no list: whatever fails, the file stays
as it is and the exit status is 1; over HTTP the answer is 503, at which Prometheus keeps its targets.
"""

import argparse
import contextlib
import http.server
import ipaddress
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time

META = "__meta_aliyun_ecs_"
# The page says that the greatest is 100. A thousand pages are a loop, not a fleet.
PAGE_SIZE = 100
MAX_PAGES = 1000
# One answer of the command line may take so long; it tries again by itself when it is throttled.
CALL_TIMEOUT = 60
# The API counts the requests of a minute, those of the console and of Terraform among them.
LEAST_INTERVAL = 60


class Failure(Exception):
    """One sentence for people. Says nothing that the command line wrote, but for the code of an error."""


def field(owner, name, kind, default):
    """owner[name], which is default where it is missing or null."""
    value = owner.get(name)
    if value is None:
        return default
    if not isinstance(value, kind):
        raise Failure(f"the answer of DescribeInstances is malformed at {name}")
    return value


def text(owner, name):
    return field(owner, name, str, "")


def listed(owner, outer, inner, kind=str):
    """The list owner[outer][inner], whose elements are of that kind."""
    found = field(field(owner, outer, dict, {}), inner, list, [])
    if not all(isinstance(each, kind) for each in found):
        raise Failure(f"the answer of DescribeInstances is malformed at {outer}.{inner}")
    return found


def error_code(said):
    """The code of the API's error, such as Throttling.User, or None.

    The rest of it is not for a log: a refused signature is explained by the whole request, token included.
    """
    found = re.search(r'(?:ErrorCode: |"(?:Error)?Code": ?")([A-Za-z][A-Za-z0-9._-]{0,99})', said)
    return found and found[1]


class Cloud:
    """Asks for instances, by the vendor's command line."""

    def __init__(self, options):
        self._options = options

    def _call(self, region, *more):
        """The exit status, and what it wrote to standard output and to standard error."""
        options = self._options
        command = [options.aliyun, "ecs", "DescribeInstances", "--region", region, "--RegionId", region,
                   "--Status", "Running"]
        if options.profile:
            command += ["--profile", options.profile]
        if options.vpc:
            command += ["--VpcId", options.vpc]
        for number, tag in enumerate(options.tag, start=1):
            key, _, value = tag.partition("=")
            command += [f"--Tag.{number}.Key", key, f"--Tag.{number}.Value", value]
        try:
            # It reads the role's credential in hardened mode, or not at all.
            done = subprocess.run([*command, *more], stdin=subprocess.DEVNULL, capture_output=True,
                                  timeout=CALL_TIMEOUT, check=False,
                                  env={**os.environ, "ALIBABA_CLOUD_IMDSV1_DISABLED": "true"})
        except subprocess.TimeoutExpired:
            raise Failure(f"{options.aliyun} did not answer in {CALL_TIMEOUT} s") from None
        except OSError as error:
            raise Failure(f"{options.aliyun} cannot be run: {error.strerror}") from None
        return done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")

    def _page(self, region, token):
        """The instances of one page, and the token of the next one, empty after the last."""
        more = ["--MaxResults", str(PAGE_SIZE)]
        if token:
            more += ["--NextToken", token]
        status, out, err = self._call(region, *more)
        if status != 0:
            raise Failure(f"DescribeInstances in {region} failed: "
                          f"{error_code(out + err) or f'{self._options.aliyun} ended with {status}'}")
        try:
            page = json.loads(out)
        except (ValueError, RecursionError):
            raise Failure(f"DescribeInstances in {region} answered something else than JSON") from None
        if not isinstance(page, dict) or not isinstance(page.get("Instances"), dict):
            raise Failure(f"DescribeInstances in {region} answered no instances: "
                          f"{error_code(out) or 'Instances is missing'}")
        token = text(page, "NextToken")
        if not re.fullmatch(r"(?:[A-Za-z0-9+/=_][A-Za-z0-9+/=_.-]{0,4095})?", token):
            raise Failure("the answer of DescribeInstances is malformed at NextToken")
        return listed(page, "Instances", "Instance", dict), token

    def _may_ask(self, region):
        """Whether an empty list is the truth.

        A role that may not ask gets an empty list too, says the vendor; only a dry run tells them apart. It
        always fails, by this code when all is well.
        """
        _, out, err = self._call(region, "--DryRun", "true")
        return error_code(out + err) == "DryRunOperation"

    def instances(self):
        """All of all regions, by their ID: the list may change between two pages, and tell of one twice."""
        found = {}
        for region in self._options.region:
            before, token, tokens = len(found), "", set()
            while True:
                page, token = self._page(region, token)
                for instance in page:
                    name = text(instance, "InstanceId")
                    if not re.fullmatch(r"[A-Za-z0-9-]{1,64}", name):
                        raise Failure("the answer of DescribeInstances is malformed at InstanceId")
                    found[name] = instance
                if not token:
                    break
                if token in tokens or len(tokens) >= MAX_PAGES:
                    raise Failure(f"DescribeInstances in {region} has no last page")
                tokens.add(token)
            if len(found) == before and not self._may_ask(region):
                raise Failure(f"DescribeInstances in {region} found nothing, which may also mean that the RAM "
                              "role lacks the permission ecs:DescribeInstances")
        return found


def address(instance):
    """Its first private address as Prometheus wants it, or None: it has none yet."""
    vpc = field(instance, "VpcAttributes", dict, {})
    for each in listed(vpc, "PrivateIpAddress", "IpAddress") + listed(instance, "InnerIpAddress", "IpAddress"):
        try:
            # The zone of an IPv6 address may be any text.
            parsed = ipaddress.ip_address(each) if "%" not in each else None
        except ValueError:
            parsed = None
        if parsed is None:
            raise Failure("the answer of DescribeInstances is malformed at IpAddress")
        return f"[{parsed}]" if parsed.version == 6 else str(parsed)
    return None


def labels(instance):
    vpc = field(instance, "VpcAttributes", dict, {})
    public = [*listed(instance, "PublicIpAddress", "IpAddress"),
              text(field(instance, "EipAddress", dict, {}), "IpAddress")]
    found = {
        "instance_id": text(instance, "InstanceId"),
        "instance_name": text(instance, "InstanceName"),
        "instance_type": text(instance, "InstanceType"),
        "region_id": text(instance, "RegionId"),
        "zone_id": text(instance, "ZoneId"),
        "image_id": text(instance, "ImageId"),
        "vpc_id": text(vpc, "VpcId"),
        "vswitch_id": text(vpc, "VSwitchId"),
        "public_ip": next(filter(None, public), ""),
        "charge_type": text(instance, "InstanceChargeType"),
        "spot_strategy": text(instance, "SpotStrategy"),
    }
    for tag in sorted(listed(instance, "Tags", "Tag", dict), key=lambda each: text(each, "TagKey")):
        # As Prometheus' own discoveries do; of two keys that become one the last counts, in every run.
        found["tag_" + re.sub(r"[^a-zA-Z0-9_]", "_", text(tag, "TagKey"))] = text(tag, "TagValue")
    return {META + name: value for name, value in found.items()}


def targets(options):
    """What Prometheus is told, as JSON; each instance by itself."""
    groups = []
    for _, instance in sorted(Cloud(options).instances().items()):
        status = text(instance, "Status")
        if not status:
            raise Failure("the answer of DescribeInstances is malformed at Status")
        where = address(instance)
        spot = text(instance, "SpotStrategy") not in ("", "NoSpot")
        if where and status == "Running" and (spot or not options.spot):
            groups.append({"targets": [f"{where}:{options.port}"], "labels": labels(instance)})
    return json.dumps(groups, indent=1) + "\n", len(groups)


def write(path, content):
    """Replaces the file. The name of the new one does not end like those that Prometheus looks for."""
    folder, name = os.path.split(os.path.abspath(path))
    with tempfile.NamedTemporaryFile("w", dir=folder, prefix=f".{name}.", delete=False) as file:
        try:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            os.chmod(file.name, 0o644)
            os.replace(file.name, path)
        except BaseException:
            os.unlink(file.name)
            raise


def log(sentence):
    print(f"aliyun_ecs_targets: {sentence}", file=sys.stderr, flush=True)


class Server(http.server.ThreadingHTTPServer):
    """Answers GET /targets. The cloud is asked when Prometheus asks, but not again within the interval."""

    daemon_threads = True

    def __init__(self, options):
        host, _, port = options.listen.rpartition(":")
        host = host.strip("[]")
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, int(port)), Handler)
        self._options = options
        self._asking = threading.Lock()
        self._answered = None  # when the cloud did, or failed to
        self._content = None

    def handle_error(self, request, client_address):
        """A client that has not waited is nothing to tell of."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)

    def targets(self):
        """The list, or None while it is not known. A failure, too, is remembered for the interval."""
        with self._asking:
            if self._answered is None or time.monotonic() - self._answered >= self._options.interval:
                self._content = None
                try:
                    self._content, _ = targets(self._options)
                except Failure as failure:
                    log(f"{failure}; answering 503")
                # A great fleet takes longer than Prometheus waits: then the next who asks is answered.
                self._answered = time.monotonic()
            return self._content


class Handler(http.server.BaseHTTPRequestHandler):
    timeout = 10

    def do_GET(self):
        if self.path != "/targets":
            return self._answer(404, "text/plain", "There is only /targets.\n")
        content = self.server.targets()
        if content is None:
            return self._answer(503, "text/plain", "The list is not known; the log says why.\n")
        return self._answer(200, "application/json", content)

    def _answer(self, status, kind, content):
        body = content.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def parse(arguments):
    parser = argparse.ArgumentParser(
        allow_abbrev=False, description="Targets for Prometheus: the running instances of an ECS fleet.")
    parser.add_argument("--region", action="append", required=True, metavar="ID",
                        help="a region to ask, such as cn-hangzhou; repeatable")
    way = parser.add_mutually_exclusive_group(required=True)
    way.add_argument("--file", metavar="FILE.json", help="write the file for file_sd_configs, once, and end")
    way.add_argument("--listen", metavar="HOST:PORT",
                     help="serve http://HOST:PORT/targets for http_sd_configs")
    parser.add_argument("--port", type=int, default=10200, help="the exporters' port (default: 10200)")
    parser.add_argument("--tag", action="append", default=[], metavar="KEY=VALUE",
                        help="only instances with this tag; repeatable, all must be there")
    parser.add_argument("--vpc", metavar="ID", help="only instances of this VPC")
    parser.add_argument("--spot", action="store_true", help="only spot instances")
    parser.add_argument("--profile", metavar="NAME", help="the profile of the command line (default: its own)")
    parser.add_argument("--aliyun", metavar="FILE", default="aliyun",
                        help="the vendor's command line (default: aliyun)")
    parser.add_argument("--interval", type=int, default=LEAST_INTERVAL, metavar="SECONDS",
                        help="with --listen: the least time between two questions to the cloud "
                             f"(default, and least: {LEAST_INTERVAL})")
    options = parser.parse_args(arguments)
    for region in options.region:
        if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,62}", region):
            parser.error(f"--region: {region!r} is no region ID")
    if not 1 <= options.port <= 65535:
        parser.error("--port: 1 to 65535")
    if options.interval < LEAST_INTERVAL:
        parser.error(f"--interval: at least {LEAST_INTERVAL}")
    if options.file and not options.file.endswith(".json"):
        parser.error("--file: Prometheus reads files that end in .json")
    listen = options.listen and re.fullmatch(r"(?:\[[0-9a-f:.]+\]|[^:\[\]]+):(\d{1,5})", options.listen)
    if options.listen and not (listen and int(listen[1]) <= 65535):
        parser.error("--listen: HOST:PORT, such as 127.0.0.1:10290")
    if any(not key or key.startswith("-") or "=" not in tag or value.startswith("-") for tag in options.tag
           for key, _, value in [tag.partition("=")]):
        parser.error("--tag: KEY=VALUE, neither of which begins with -")
    return options


def main(arguments):
    options = parse(arguments)
    try:
        if options.listen:
            with Server(options) as server:
                log(f"listening on {server.server_address[0]}:{server.server_address[1]}")
                with contextlib.suppress(KeyboardInterrupt):
                    server.serve_forever()
            return 0
        content, count = targets(options)
        write(options.file, content)
        log(f"{count} targets written to {options.file}")
        return 0
    except Failure as failure:
        log(f"{failure}; {options.file} stays as it is")
    except OSError as error:
        log(f"{options.file or options.listen}: {error.strerror}")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
