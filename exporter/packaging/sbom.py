#!/usr/bin/python3
"""sbom.py BUILD PROGRAM [FILE]        writes what a built program is made of, as CycloneDX 1.5, to the
                                    standard output
sbom.py --licences BUILD PROGRAM    writes the texts of the licences of all that is in it

BUILD is a build folder of Ninja, PROGRAM one of its programs. FILE is the program as it is shipped, when
it was stripped after the build, say; its checksum is what the document names. SOURCE_DATE_EPOCH, if set,
is the document's time; without it there is none. The same program gives the same bytes.

Nothing is listed by hand: shared libraries are those that the loader finds, archives those of the link,
and what was only included is what Ninja saw the compiler read.
"""

import datetime
import functools
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import urllib.parse
import uuid

KINDS = ["shared", "archive", "source"]  # the closest first


def fail(sentence):
    sys.exit(f"sbom.py: {sentence}")


def run(*argv, check=True):
    try:
        done = subprocess.run(argv, text=True, check=False, env={**os.environ, "LC_ALL": "C"},
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    except FileNotFoundError:
        fail(f"there is no {argv[0]}.")
    if check and done.returncode:
        fail(f"{argv[0]} failed: {(done.stderr or done.stdout).strip()}")
    return done.stdout


def sha256(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def setting(build, name):
    """A variable of CMake's cache."""
    try:
        with open(os.path.join(build, "CMakeCache.txt"), encoding="utf-8") as file:
            found = re.search(rf"(?m)^{name}:\w+=(.*)$", file.read())
    except FileNotFoundError:
        fail(f"{build} is no build folder of CMake.")
    return found[1] if found else ""


def needed(path):
    return re.findall(r"\(NEEDED\).*\[(.+)\]", run("readelf", "-d", path))


def shared_libraries(program):
    """The path of each library by its soname, with those of the libraries themselves."""
    if not needed(program):
        return {}
    said = run("ldd", program)
    if "not found" in said:
        fail(f"a library is missing: {said.strip()}")
    return {os.path.basename(path): path for path in re.findall(r"(/\S+) \(0x", said)}


def built_from(build, program):
    """The archives of the link, and every file that the compiler read."""
    inputs = run("ninja", "-C", build, "-t", "inputs", os.path.basename(program)).split("\n")
    inputs = [line for line in inputs if not line.startswith("ninja:")]
    objects = [path for path in inputs if path.endswith(".o")]
    if not objects:
        fail(f"{build} does not build {program}.")
    read = re.findall(r"(?m)^    (.+)$", run("ninja", "-C", build, "-t", "deps", *objects))
    archives = [path for path in inputs if path.startswith("/") and path.endswith(".a")]
    return [sorted({os.path.realpath(os.path.join(build, path)) for path in paths})
            for paths in (archives, read)]


def packages_of(paths):
    """The Debian package of each path that belongs to one."""
    # Where /lib is /usr/lib, packages may own either.
    names = {}
    for path in paths:
        names[path] = path
        if path.startswith("/usr/"):
            names[path[len("/usr"):]] = path
    found = {}
    asked = sorted(names)
    for first in range(0, len(asked), 1000):
        for line in run("dpkg-query", "-S", *asked[first:first + 1000], check=False).splitlines():
            owners, _, path = line.rpartition(": ")
            if path in names:
                found[names[path]] = owners.split(", ")[0]
    return found


# Names that Debian's copyright files have for licences of which SPDX knows the very same.
SPDX = {"Apache-2.0": "Apache-2.0", "BSD-2-clause": "BSD-2-Clause", "BSD-3-clause": "BSD-3-Clause",
        "CC0-1.0": "CC0-1.0", "curl": "curl", "Expat": "MIT", "LGPL-2.1+": "LGPL-2.1-or-later", "MIT": "MIT",
        "Zlib": "Zlib"}


def licences(package):
    """A licence of SPDX, or where to read: what a copyright file says of the bulk of a source package, if that is
    of the GNU kind above all, need not be so of one library of it."""
    path = f"/usr/share/doc/{package.split(':')[0]}/copyright"
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            text = file.read()
    except FileNotFoundError:
        text = ""
    found = re.search(r"(?ms)^Files: \*$.*?^License:[ \t]*(\S[^\n]*?)[ \t]*$", text)
    if found and found[1] in SPDX:
        return [{"license": {"id": SPDX[found[1]]}}]
    return [{"license": {"name": f"see {path}"}}]


@functools.cache
def distribution():
    with open("/etc/os-release", encoding="utf-8") as file:
        told = dict(re.findall(r'(?m)^(\w+)="?([^"\n]*)"?$', file.read()))
    return told["ID"], told.get("VERSION_ID", "")


def text_of(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        fail(f"{path} cannot be read, and holds a licence.")


def debian_component(package):
    name, version, architecture, source = run(
        "dpkg-query", "-W", "-f", "${Package}\n${Version}\n${Architecture}\n${source:Package}",
        package).split("\n")
    who, release = distribution()
    quoted = urllib.parse.quote(version, safe=".~-")
    release = f"&distro={who}-{release}" if release else ""
    return {
        "type": "library", "name": name, "version": version, "licenses": licences(package),
        "purl": f"pkg:deb/{who}/{name}@{quoted}?arch={architecture}{release}", "source": source}


# What is built from the list "sources": the licence, where its files are below the folder "build" of the
# source, and which of them has the licence's text.
VENDORED = {
    "civetweb": ("MIT", ["_civetweb-"], "_civetweb-1.16/LICENSE.md"),
    "curl": ("curl", ["_static/include/curl/", "_static/lib/libcurl"], "_static/licences/curl"),
    "prometheus-cpp": ("MIT", ["_static/include/prometheus/", "_static/lib/libprometheus-cpp"],
                       "_static/licences/prometheus-cpp")}


class Vendored:
    """What the build folder's source has got from elsewhere and builds itself."""

    def __init__(self, build):
        self._source = os.path.join(os.path.realpath(setting(build, "CMAKE_HOME_DIRECTORY")), "")
        self._civetweb = setting(build, "ALIYUN_ECS_CIVETWEB_SOURCE")
        self._files = {}  # by name: suites, file and SHA-256, the upstream's first
        with open(os.path.join(self._source, "exporter", "packaging", "sources"), encoding="utf-8") as lines:
            for line in lines:
                if line.strip() and not line.startswith("#"):
                    name, *file = line.split()
                    self._files.setdefault(name, []).append(file)

    def is_ours(self, path):
        return path.startswith(self._source) and self._name(path) is None

    def _name(self, path):
        if self._civetweb and path.startswith(os.path.join(os.path.realpath(self._civetweb), "")):
            return "civetweb"
        starts = {os.path.join(self._source, "build", start): name
                  for name, (_, paths, _) in VENDORED.items() for start in paths}
        return next((name for start, name in starts.items() if path.startswith(start)), None)

    def licence(self, name):
        if name == "civetweb" and self._civetweb:
            return os.path.join(self._civetweb, "LICENSE.md")
        return os.path.join(self._source, "build", VENDORED[name][2])

    def own_licence(self):
        return os.path.join(self._source, "LICENSE")

    def component(self, path):
        name = self._name(path)
        if name is None:
            fail(f"{path} belongs to no package; whose is it?")
        found = {"type": "library", "name": name, "licenses": [{"license": {"id": VENDORED[name][0]}}],
                 "source": name}
        if name == "civetweb" and self._civetweb:  # somebody's copy, of which only the version is known
            with open(os.path.join(self._civetweb, "include", "civetweb.h"), encoding="utf-8") as file:
                version = re.search(r'#define CIVETWEB_VERSION "([^"]+)"', file.read())[1]
            return {**found, "version": version, "purl": f"pkg:generic/{name}@{version}"}
        if name not in self._files:
            fail(f"no checksum of the source of {name} is known.")
        suite, tarball, checksum = self._files[name][0]
        version = re.match(r".+?_(.+?)(?:\+dfsg\S*)?\.orig\.", tarball)[1]
        purl = (f"pkg:generic/{name}@{version}?checksum=sha256:{checksum}&file_name="
                + urllib.parse.quote(tarball))
        patches = [file for _, file, _ in self._files[name][1:]]
        if patches:  # with them it is what Debian has of it
            found["pedigree"] = {
                "ancestors": [{"type": "library", "name": name, "version": version, "purl": purl}],
                "patches": [{"type": "backport", "diff": {"url": file}} for file in patches]}
            version = re.match(r".+?_(.+)\.debian\.", patches[-1])[1]
            purl = f"pkg:deb/debian/{name}@{urllib.parse.quote(version, safe='.~-')}?arch=source&distro={suite}"
        return {**found, "version": version, "purl": purl, "externalReferences": [
            {"type": "distribution", "url": file, "hashes": [{"alg": "SHA-256", "content": content}]}
            for _, file, content in self._files[name]]}


class Bill:
    def __init__(self, vendored):
        self._vendored = vendored
        self.components = {}  # by purl
        self.by_soname = {}

    def add(self, path, owner, kind, soname=None):
        component = debian_component(owner) if owner else self._vendored.component(path)
        kept = self.components.setdefault(component["purl"], {**component, "kinds": set(), "sonames": set()})
        kept["kinds"].add(kind)
        if soname:
            kept["sonames"].add(soname)
            self.by_soname[soname] = component["purl"]

    def finish(self):
        """The components, without headers of what is linked anyway."""
        linked = {c["source"] for c in self.components.values() if c["kinds"] != {"source"}}
        finished = []
        for purl, component in sorted(self.components.items()):
            if component["kinds"] == {"source"} and component["source"] in linked:
                continue
            kind = min(component.pop("kinds"), key=KINDS.index)
            properties = [{"name": "aliyun_ecs:linkage", "value": kind}]
            properties += [{"name": "aliyun_ecs:soname", "value": soname}
                           for soname in sorted(component.pop("sonames"))]
            del component["source"]
            finished.append({"bom-ref": purl, **component, "scope": "required", "properties": properties})
        return finished


def runtime_archives(build):
    """What a static link takes without being told."""
    compiler = setting(build, "CMAKE_CXX_COMPILER")
    paths = [run(compiler, f"-print-file-name={name}").strip()
             for name in ("libc.a", "libstdc++.a", "libgcc.a")]
    return [os.path.realpath(path) for path in paths if path.startswith("/")]


def compiler_component(build):
    path = os.path.realpath(shutil.which(setting(build, "CMAKE_CXX_COMPILER")))
    owner = packages_of([path]).get(path)
    if not owner:
        name = os.path.basename(path)
        version = run(path, "-dumpfullversion", check=False).strip() or run(path, "-dumpversion").strip()
        component = {"type": "application", "name": name, "version": version,
                     "purl": f"pkg:generic/{name}@{version}"}
    else:
        component = {**debian_component(owner), "type": "application"}
        del component["source"]
    return {"bom-ref": component["purl"], **component, "scope": "excluded",
            "properties": [{"name": "aliyun_ecs:linkage", "value": "compiler"}]}


def bill_of(build, program, vendored):
    """With the shared libraries: their paths by soname."""
    shared = shared_libraries(os.path.join(build, program))
    archives, read = built_from(build, program)
    if not shared:
        archives += runtime_archives(build)
    foreign = [name for name in read if not vendored.is_ours(name)]
    real = {soname: os.path.realpath(library) for soname, library in shared.items()}
    owners = packages_of({*real.values(), *archives, *foreign})

    bill = Bill(vendored)
    for soname, library in real.items():
        bill.add(library, owners.get(library), "shared", soname)
    for library in archives:
        bill.add(library, owners.get(library), "archive")
    one_of_each = {owners.get(name, os.path.dirname(name)): name for name in foreign
                   if not name.startswith(os.path.join(os.path.realpath(build), ""))}
    for name in one_of_each.values():
        bill.add(name, owners.get(name), "source")
    return bill, real


def licence_texts(build, program):
    vendored = Vendored(build)
    bill, _ = bill_of(build, program, vendored)
    texts = {}  # what they are the licence of
    for component in bill.finish():
        name, linkage = component["name"], component["properties"][0]["value"]
        if linkage == "shared":  # not in the program
            continue
        path = vendored.licence(name) if name in VENDORED else f"/usr/share/doc/{name}/copyright"
        texts.setdefault(text_of(path), []).append(f"{name} {component['version']}")
    common = sorted(set(re.findall(r"/usr/share/common-licenses/([A-Za-z0-9.-]*[A-Za-z0-9])", "".join(texts))))
    line = "=" * 80
    yield f"{program} is under the following licence, and contains the works named after it.\n"
    yield text_of(vendored.own_licence())
    for text, names in texts.items():
        yield f"{line}\n{', '.join(names)}\n{line}\n\n{text}"
    for name in common:
        yield f"{line}\n{name} (referred to above)\n{line}\n\n" + text_of(
            os.path.join("/usr/share/common-licenses", name))


def document(build, program, shipped):
    path = os.path.join(build, program)
    bill, real = bill_of(build, program, Vendored(build))
    version = setting(build, "CMAKE_PROJECT_VERSION")
    reference = f"pkg:generic/{program}@{version}"
    components = bill.finish()
    compiler = compiler_component(build)
    edges = {reference: {bill.by_soname[soname] for soname in needed(path)}}
    edges[reference] |= {c["bom-ref"] for c in components
                         if c["properties"][0]["value"] != "shared"}
    for soname, library in real.items():
        targets = {bill.by_soname[name] for name in needed(library)} - {bill.by_soname[soname]}
        edges.setdefault(bill.by_soname[soname], set()).update(targets)
    bom = {
        "bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1,
        "metadata": {
            "tools": [{"name": "sbom.py", "version": version}],
            "component": {
                "type": "application", "bom-ref": reference, "name": program, "version": version,
                "purl": reference, "licenses": [{"license": {"id": "Apache-2.0"}}],
                "hashes": [{"alg": "SHA-256", "content": sha256(shipped)}]}},
        "components": [*components, compiler],
        "dependencies": [{"ref": ref, "dependsOn": sorted(targets)} for ref, targets in sorted(edges.items())],
    }
    if epoch := os.environ.get("SOURCE_DATE_EPOCH"):
        if not epoch.isdigit():
            fail("SOURCE_DATE_EPOCH is not a number of seconds.")
        moment = datetime.datetime.fromtimestamp(int(epoch), datetime.timezone.utc)
        bom["metadata"]["timestamp"] = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    bom["serialNumber"] = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(bom, sort_keys=True)).urn
    return bom


def main(arguments):
    texts = arguments[:1] == ["--licences"]
    if texts:
        del arguments[0]
    if len(arguments) not in ((2,) if texts else (2, 3)):
        fail("usage: sbom.py BUILD PROGRAM [FILE], or sbom.py --licences BUILD PROGRAM.")
    build, program = arguments[0], os.path.basename(arguments[1])
    shipped = arguments[2] if len(arguments) == 3 else os.path.join(build, program)
    for path in (os.path.join(build, program), shipped):
        if not os.path.isfile(path):
            fail(f"there is no {path}.")
    if texts:
        print("\n".join(licence_texts(build, program)), end="")
        return
    print(json.dumps(document(build, program, shipped), indent=2))


if __name__ == "__main__":
    main(sys.argv[1:])
