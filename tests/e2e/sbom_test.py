"""The bill of materials of the built programs, held against what the loader says of them."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

import harness

SBOM = os.path.join(harness.SOURCE, "exporter", "packaging", "sbom.py")
SCHEMAS = os.path.join(harness.SOURCE, "build", "_tools", "clients", "node_modules", "@cyclonedx",
                       "cyclonedx-library", "res", "schema")
PROGRAMS = ["aliyun_ecs_exporter", "aliyun_ecs_simulator", "check_aliyun_ecs"]


def bill(program, *more, build=harness.BIN, **env):
    return subprocess.run(
        [sys.executable, "-B", SBOM, build, program, *more], text=True, check=False,
        env=harness.environment(**env), stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def licences(program, build):
    """What --licences writes, as pairs: the line of names, and the text below it."""
    done = subprocess.run([sys.executable, "-B", SBOM, "--licences", build, program], text=True, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    parts = re.split(r"(?m)^={80}\n(.+)\n={80}\n\n", done.stdout)
    return done, parts[0], list(zip(parts[1::2], parts[2::2]))


def properties(component, name):
    return [p["value"] for p in component["properties"] if p["name"] == f"aliyun_ecs:{name}"]


def violations(document):
    """What the schema of CycloneDX does not allow."""
    import jsonschema  # pylint: disable=import-outside-toplevel

    store = {}
    for name in os.listdir(SCHEMAS):
        if name.endswith(".schema.json"):
            with open(os.path.join(SCHEMAS, name), encoding="utf-8") as file:
                store[f"http://cyclonedx.org/schema/{name}"] = json.load(file)
    schema = store["http://cyclonedx.org/schema/bom-1.5.SNAPSHOT.schema.json"]
    validator = jsonschema.Draft7Validator(
        schema, resolver=jsonschema.RefResolver(schema["$id"], schema, store))
    return list(validator.iter_errors(document))


def need_schemas(case):
    if not os.path.isdir(SCHEMAS):
        case.skip_or_fail("no schema; exporter/packaging/install-node-modules.sh tests/e2e/clients clients gets it")


class SbomTest(harness.Case):
    @classmethod
    def setUpClass(cls):
        cls.texts = {program: bill(program, SOURCE_DATE_EPOCH="1700000000") for program in PROGRAMS}

    def document(self, program):
        done = self.texts[program]
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return json.loads(done.stdout)

    def names(self, program, linkage):
        return {c["name"] for c in self.document(program)["components"]
                if properties(c, "linkage") == [linkage]}

    def test_lists_what_the_loader_loads(self):
        for program in PROGRAMS:
            path = os.path.join(harness.BIN, program)
            loaded = subprocess.run(["ldd", path], text=True, check=True, stdout=subprocess.PIPE)
            wanted = {os.path.basename(name) for name in re.findall(r"(/\S+) \(0x", loaded.stdout)}
            listed = [soname for c in self.document(program)["components"]
                      for soname in properties(c, "soname")]
            self.assertEqual(len(listed), len(set(listed)))
            self.assertEqual(set(listed), wanted)

    def test_lists_what_was_only_compiled_in(self):
        exporter = self.names("aliyun_ecs_exporter", "source")
        self.assertLessEqual({"civetweb", "libcli11-dev", "libexpected-dev", "nlohmann-json3-dev"},
                             exporter)
        self.assertNotIn("civetweb", self.names("aliyun_ecs_simulator", "source"))
        self.assertNotIn("civetweb", self.names("check_aliyun_ecs", "source"))
        self.assertNotIn("libfmt-dev", exporter)  # libfmt9 stands for it
        self.assertEqual(self.names("aliyun_ecs_exporter", "compiler"), {"g++-12"})

    def test_gives_the_versions_that_are_installed(self):
        for component in self.document("aliyun_ecs_exporter")["components"]:
            if component["purl"].startswith("pkg:deb/"):
                installed = subprocess.run(
                    ["dpkg-query", "-W", "-f", "${Version}\n", component["name"]], text=True,
                    check=True, stdout=subprocess.PIPE)
                self.assertIn(component["version"], installed.stdout.split("\n"))

    def test_names_a_licence_only_where_it_is_sure(self):
        found = {c["name"]: c["licenses"][0]["license"]
                 for c in self.document("aliyun_ecs_exporter")["components"]}
        self.assertEqual(found["libssl3"], {"id": "Apache-2.0"})
        self.assertEqual(found["libspdlog1.10"], {"id": "MIT"})  # Debian calls it Expat
        # Its source package is under the GPL above all, and this library of it is not.
        self.assertEqual(found["libidn2-0"], {"name": "see /usr/share/doc/libidn2-0/copyright"})

    def test_names_the_source_of_civetweb_by_its_checksum(self):
        civetweb = next(c for c in self.document("aliyun_ecs_exporter")["components"]
                        if c["name"] == "civetweb")
        stamp = os.path.join(harness.SOURCE, "build", "_civetweb-1.16", ".sha256")
        with open(stamp, encoding="utf-8") as file:
            checksum = file.read().strip()
        self.assertIn(f"checksum=sha256:{checksum}", civetweb["purl"])
        self.assertEqual(civetweb["version"], "1.16")

    def test_is_a_closed_graph(self):
        for program in PROGRAMS:
            document = self.document(program)
            known = {c["bom-ref"] for c in document["components"]}
            self.assertEqual(len(known), len(document["components"]))
            known.add(document["metadata"]["component"]["bom-ref"])
            for edge in document["dependencies"]:
                self.assertLessEqual({edge["ref"], *edge["dependsOn"]}, known)

    def test_is_the_same_each_time(self):
        again = bill("check_aliyun_ecs", SOURCE_DATE_EPOCH="1700000000")
        self.assertEqual(again.stdout, self.texts["check_aliyun_ecs"].stdout)
        self.assertIn('"timestamp": "2023-11-14T22:13:20Z"', again.stdout)
        self.assertNotIn(harness.SOURCE, again.stdout)

    def test_names_the_checksum_of_the_file_that_is_shipped(self):
        with open(SBOM, "rb") as file:
            checksum = hashlib.sha256(file.read()).hexdigest()
        shipped = json.loads(bill("check_aliyun_ecs", SBOM).stdout)
        self.assertEqual(shipped["metadata"]["component"]["hashes"][0]["content"], checksum)

    def test_writes_the_licences_of_what_is_in_a_program_and_not_of_what_it_loads(self):
        done, own, others = licences("check_aliyun_ecs", harness.BIN)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        with open(os.path.join(harness.SOURCE, "LICENSE"), encoding="utf-8") as file:
            self.assertIn(file.read(), own)
        named = [name.split()[0] for names, _ in others for name in names.split(", ")]
        self.assertIn("nlohmann-json3-dev", named)
        self.assertFalse({name for name in named if name.startswith("lib") and not name.endswith("-dev")})
        self.assertEqual(len(named), len(set(named)))

    def test_refuses_what_was_not_built(self):
        done = bill("no_program")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertRegex(done.stderr, r"^sbom.py: there is no .*no_program\.\n$")

    def test_is_what_the_schema_of_cyclonedx_allows(self):
        need_schemas(self)
        for program in PROGRAMS:
            self.assertEqual(violations(self.document(program)), [])


class StaticTest(harness.Case):
    """A small program, linked like those of the static profile, with the list of sources that is shipped."""

    PROGRAM = "aliyun_ecs_exporter"
    HEADERS = {"curl/curl.h": "_static/include", "prometheus/registry.h": "_static/include",
               "civetweb.h": "_civetweb-1.16/include"}
    ARCHIVES = ("_static/lib/libcurl.a", "_static/lib/libprometheus-cpp-core.a")

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.source = os.path.realpath(folder.name)
        os.makedirs(os.path.join(self.source, "exporter", "packaging"))
        shutil.copy(os.path.join(os.path.dirname(SBOM), "sources"), os.path.join(self.source, "exporter", "packaging"))
        for header, folder in self.HEADERS.items():
            self.put(f"build/{folder}/{header}", '#define CIVETWEB_VERSION "1.17"\n')
        self.put("main.cc", "".join(f"#include <{header}>\n" for header in self.HEADERS) + "int main() {}\n")
        self.build = os.path.dirname(self.put("build/static/CMakeCache.txt", ""))

    def put(self, name, text):
        path = os.path.join(self.source, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def components(self, civetweb=""):
        """Of the bill of the program, once it is built."""
        compiler = shutil.which("g++")
        self.put("build/static/CMakeCache.txt", f"CMAKE_HOME_DIRECTORY:INTERNAL={self.source}\n"
                 f"CMAKE_CXX_COMPILER:FILEPATH={compiler}\nCMAKE_PROJECT_VERSION:STATIC=1.2.3\n"
                 f"ALIYUN_ECS_CIVETWEB_SOURCE:PATH={civetweb}\n")
        include = civetweb or "../_civetweb-1.16"
        archives = [os.path.join(self.source, "build", name) for name in self.ARCHIVES]
        self.put("build/static/build.ninja", f"""
rule compile
  command = {compiler} -MD -MF $out.d -I ../_static/include -I {include}/include -c $in -o $out
  depfile = $out.d
  deps = gcc
rule archive
  command = mkdir -p ../_static/lib && ar rcs $out
rule link
  command = {compiler} -static $in -o $out
build main.o: compile ../../main.cc
build {self.PROGRAM}: link main.o {" ".join(archives)}
""" + "".join(f"build {name}: archive\n" for name in archives))
        subprocess.run(["ninja", "-C", self.build, self.PROGRAM], check=True, stdout=subprocess.PIPE)
        done = bill(self.PROGRAM, build=self.build)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.document = json.loads(done.stdout)
        return {component["name"]: component for component in self.document["components"]}

    def test_lists_every_source_that_is_compiled_in(self):
        found = self.components()
        with open(os.path.join(self.source, "exporter", "packaging", "sources"), encoding="utf-8") as lines:
            listed = [line.split() for line in lines if line.strip() and not line.startswith("#")]
        self.assertGreater(len(listed), 3)
        for name, _, file, checksum in listed:
            self.assertIn({"type": "distribution", "url": file, "hashes": [{"alg": "SHA-256", "content": checksum}]},
                          found[name]["externalReferences"])
        linkages = {name: properties(found[name], "linkage") for name, *_ in listed}
        self.assertEqual(linkages, {"civetweb": ["source"], "curl": ["archive"], "prometheus-cpp": ["archive"]})
        self.assertEqual(properties(found["libc6-dev"], "linkage"), ["archive"])

    def test_writes_the_licence_of_every_source_that_is_compiled_in(self):
        self.components()
        done, *_ = licences(self.PROGRAM, self.build)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertRegex(done.stderr, r"^sbom.py: \S+ cannot be read, and holds a licence\.\n$")
        self.put("LICENSE", "of ours\n")
        kept = {"curl": "_static/licences/curl", "prometheus-cpp": "_static/licences/prometheus-cpp",
                "civetweb": "_civetweb-1.16/LICENSE.md"}
        for name, path in kept.items():
            self.put(f"build/{path}", f"the licence of {name}\n")
        done, own, others = licences(self.PROGRAM, self.build)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("of ours\n", own)
        texts = {names.split()[0]: text for names, text in others}
        for name in kept:
            self.assertEqual(texts[name].strip(), f"the licence of {name}")
        # Debian's copyright files refer to some that every Debian has, and an image has not.
        self.assertIn("GNU LESSER GENERAL PUBLIC LICENSE", texts["LGPL-2.1"])
        libc = next(text for names, text in others if "libc6-dev " in names)
        self.assertIn("GNU C Library", libc)

    def test_tells_upstream_from_what_debian_has_mended(self):
        curl = self.components()["curl"]
        (patches,) = [patch["diff"]["url"] for patch in curl["pedigree"]["patches"]]
        self.assertEqual(f"curl_{curl['version']}.debian.tar.xz", patches)
        (upstream,) = curl["pedigree"]["ancestors"]
        self.assertTrue(curl["version"].startswith(upstream["version"] + "-"))
        self.assertRegex(curl["purl"], r"^pkg:deb/debian/curl@[^?]+\?arch=source&distro=bookworm$")

    def test_takes_a_copy_of_civetweb_for_what_it_is(self):
        self.put("elsewhere/include/civetweb.h", '#define CIVETWEB_VERSION "1.17"\n')
        civetweb = self.components(os.path.join(self.source, "elsewhere"))["civetweb"]
        self.assertEqual((civetweb["version"], civetweb["purl"]), ("1.17", "pkg:generic/civetweb@1.17"))
        self.assertNotIn("externalReferences", civetweb)

    def test_is_what_the_schema_of_cyclonedx_allows(self):
        need_schemas(self)
        self.components()
        self.assertEqual(violations(self.document), [])


if __name__ == "__main__":
    harness.main()
