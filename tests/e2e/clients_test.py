"""Other people's clients, as they are published, against the simulator at the service's address."""

import json
import os
import re
import shutil
import subprocess
import tempfile

import harness
import private_network

CLIENTS = os.path.join(harness.SOURCE, "tests", "e2e", "clients")
INSTALLED = os.path.join(harness.SOURCE, "build", "_tools", "clients")
CREDENTIALS = "/latest/meta-data/ram/security-credentials/"
IDENTITY = "dynamic/instance-identity/document"

# The vendor's samples for Linux, word for word; one of several lines is one script.
HARDENED_SAMPLE = """\
# 擷取訪問中繼資料服務器訪問憑證,需設定有效期間,不可包含標題X-Forwarded-For
TOKEN=`curl -X PUT "http://100.100.100.200/latest/api/token" -H "X-aliyun-ecs-metadata-token-ttl-seconds:<中繼資料服務器訪問憑證有效期間>"`
# 訪問執行個體中繼資料
curl -H "X-aliyun-ecs-metadata-token: $TOKEN" http://100.100.100.200/latest/meta-data/<metadata>
"""
HARDENED_EXAMPLE = """\
TOKEN=`curl -X PUT "http://100.100.100.200/latest/api/token" -H "X-aliyun-ecs-metadata-token-ttl-seconds:180"`
curl -H "X-aliyun-ecs-metadata-token: $TOKEN" http://100.100.100.200/latest/meta-data/vpc-id
"""
NORMAL_SAMPLE = "curl http://100.100.100.200/latest/meta-data/<metadata>"
NORMAL_EXAMPLE = "curl http://100.100.100.200/latest/meta-data/vpc-id"

VPC_ID = "vpc-bp1simulated00000001"
INSTANCE_ID = "i-bp1simulated00000001"


class RealClient(private_network.Case):
    def run_client(self, *argv, **env):
        """The finished client; it finds nothing of this user's own settings."""
        home = tempfile.TemporaryDirectory()
        self.addCleanup(home.cleanup)
        finished = subprocess.run(
            argv, env={"PATH": os.environ["PATH"], "HOME": home.name, **env}, capture_output=True,
            text=True, timeout=harness.DEADLINE, check=False)
        self.assertEqual(finished.returncode, 0, finished.stderr)
        return finished

    def exchanges(self):
        """What was asked and answered so far: ["GET /latest 200", …]."""
        journal = self.control_api("GET", "/control/journal")
        return ["{method} {path} {status}".format(**entry) for entry in journal["recent"]]


class NodeClient(RealClient):
    def run_node(self, script, *arguments):
        """The JSON that a script of clients/ prints."""
        node = shutil.which("node")
        if not node or not os.path.exists(os.path.join(INSTALLED, "node_modules")):
            self.skip_or_fail("no node or no packages for it; tests/run.sh gets both")
        printed = self.run_client(node, os.path.join(CLIENTS, script), *arguments,
                                  NODE_PATH=os.path.join(INSTALLED, "node_modules")).stdout
        return json.loads(printed)


class AlibabaCredentialsTest(NodeClient):
    def expect_the_credential_of_the_role(self, credential):
        self.assertRegex(credential["accessKeyId"], r"^STS\.SimulatedAccessKeyId\d{4}$")
        self.assertRegex(credential["accessKeySecret"], r"^SimulatedAccessKeySecret\d{4}$")
        self.assertRegex(credential["securityToken"], r"^SimulatedSecurityToken\d{4}$")

    def expect_only_reads_with_a_token(self):
        # The mode "required" answers no other read with 200.
        self.assertEqual(self.exchanges(), [
            "PUT /latest/api/token 200", f"GET {CREDENTIALS} 200",
            "PUT /latest/api/token 200", f"GET {CREDENTIALS}SimulatedEcsRole 200"])

    def test_obtains_the_credential_of_the_role_in_required_mode(self):
        self.serve("--http-tokens=required")
        self.expect_the_credential_of_the_role(self.run_node("credentials.js", "ecs_ram_role"))
        self.expect_only_reads_with_a_token()

    def test_obtains_the_credential_of_the_role_in_optional_mode(self):
        self.serve("--http-tokens=optional")
        self.expect_the_credential_of_the_role(self.run_node("credentials.js", "ecs_ram_role"))

    def test_finds_the_role_by_its_default_chain(self):
        self.serve("--http-tokens=required")
        self.expect_the_credential_of_the_role(self.run_node("credentials.js"))
        self.expect_only_reads_with_a_token()

    def test_obtains_the_next_credential_after_a_rotation(self):
        self.serve("--http-tokens=required")
        first = self.run_node("credentials.js", "ecs_ram_role")
        self.control_api("POST", "/control/credentials/rotate")
        second = self.run_node("credentials.js", "ecs_ram_role")
        self.expect_the_credential_of_the_role(second)
        for part in first:
            self.assertNotEqual(first[part], second[part])


class OpenTelemetryDetectorTest(NodeClient):
    DOCUMENT = {
        "zone-id": "cn-hangzhou-i", "serial-number": "4acd2b47-b328-4762-852f-998000000001",
        "instance-id": INSTANCE_ID, "region-id": "cn-hangzhou", "private-ipv4": "192.168.10.11",
        "owner-account-id": "1609000000000001", "mac": "00:16:3e:00:00:01",
        "image-id": "aliyun_3_x64_20G_alibase_20210425.vhd", "instance-type": "ecs.g6e.large"}

    def detect(self, http_tokens):
        self.serve(f"--http-tokens={http_tokens}")
        self.control_api("PUT", f"/control/items/{IDENTITY}", self.DOCUMENT)
        return self.run_node("resource.js")

    def test_fills_its_resource_in_optional_mode(self):
        self.assertEqual(self.detect("optional"), {
            "cloud.provider": "alibaba_cloud", "cloud.platform": "alibaba_cloud_ecs",
            "cloud.account.id": "1609000000000001", "cloud.region": "cn-hangzhou",
            "cloud.availability_zone": "cn-hangzhou-i", "host.id": INSTANCE_ID,
            "host.type": "ecs.g6e.large", "host.name": "simulated-ecs-1"})

    def test_stays_empty_in_required_mode(self):
        self.assertEqual(self.detect("required"), {})
        # It knows no tokens.
        self.assertEqual(self.exchanges(), [f"GET /latest/{IDENTITY} 403"])


class DocumentedSamplesTest(RealClient):
    def run_sample(self, sample):
        sample = sample.replace("<中繼資料服務器訪問憑證有效期間>", "21600")
        sample = sample.replace("<metadata>", "instance-id")
        self.assertNotRegex(sample, "[<>]")
        return self.run_client("sh", "-c", sample).stdout

    def expect_refusal(self, answer):
        self.assertTrue(answer.startswith("<?xml"), answer)
        self.assertIn("<title>403 - Forbidden</title>", answer)

    def test_the_hardened_ones_read_in_both_modes(self):
        for mode in ("required", "optional"):
            self.serve(f"--http-tokens={mode}")
            self.assertEqual(self.run_sample(HARDENED_SAMPLE), INSTANCE_ID)
            self.assertEqual(self.run_sample(HARDENED_EXAMPLE), VPC_ID)
            self.assertEqual(self.exchanges(), [
                "PUT /latest/api/token 200", "GET /latest/meta-data/instance-id 200",
                "PUT /latest/api/token 200", "GET /latest/meta-data/vpc-id 200"])
            self.simulator.stop()

    def test_the_normal_ones_read_in_optional_mode(self):
        self.serve("--http-tokens=optional")
        self.assertEqual(self.run_sample(NORMAL_SAMPLE), INSTANCE_ID)
        self.assertEqual(self.run_sample(NORMAL_EXAMPLE), VPC_ID)

    def test_the_normal_ones_are_refused_in_required_mode(self):
        self.serve("--http-tokens=required")
        self.expect_refusal(self.run_sample(NORMAL_SAMPLE))
        self.expect_refusal(self.run_sample(NORMAL_EXAMPLE))


class OurExporterTest(private_network.Case):
    def test_finds_the_service_without_any_setting(self):
        self.serve("--http-tokens=required")
        self.exporter = self.start(harness.EXPORTER, "--web.listen-address=127.0.0.1:0")
        self.exporter.wait_for("first fill complete")


class PinnedPackagesTest(harness.Case):
    def test_are_exact_and_come_from_wherever_npm_is_told_to_look(self):
        with open(os.path.join(CLIENTS, "package.json"), encoding="utf-8") as file:
            for version in json.load(file)["dependencies"].values():
                self.assertRegex(version, r"^\d+\.\d+\.\d+$")
        with open(os.path.join(CLIENTS, "package-lock.json"), encoding="utf-8") as file:
            text = file.read()
        self.assertIsNone(re.search(r'"resolved"|://', text), "npm has written down a host; set "
                          "omit-lockfile-registry-resolved=true and make the lock file anew")
        for name, package in json.loads(text)["packages"].items():
            self.assertTrue(not name or package["integrity"].startswith("sha512-"), name)


if __name__ == "__main__":
    private_network.main()
