"""What the configuration says where something is missing, and that pkg-config finds what CMake cannot."""

import os
import subprocess
import tempfile
import unittest

import harness

PACKAGES = ["CLI11", "CURL", "OpenSSL", "ZLIB", "fmt", "nlohmann_json", "prometheus-cpp", "spdlog",
            "tl-expected", "yaml-cpp"]
DEBIAN = ["libcli11-dev", "libcurl4-openssl-dev", "libssl-dev", "zlib1g-dev", "libfmt-dev",
          "nlohmann-json3-dev", "prometheus-cpp-dev", "libspdlog-dev", "libexpected-dev",
          "libyaml-cpp-dev", "libsystemd-dev", "libcrypt-dev"]


class DependenciesTest(unittest.TestCase):
    def configure(self, *flags, packages=(), **env):
        with tempfile.TemporaryDirectory() as build:
            return subprocess.run(
                ["cmake", "-G", "Ninja", "-S", harness.SOURCE, "-B", build,
                 "-DALIYUN_ECS_TESTS=OFF",
                 *(f"-DCMAKE_DISABLE_FIND_PACKAGE_{package}=ON" for package in packages), *flags],
                env=harness.environment(**env), text=True, check=False, timeout=harness.DEADLINE,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def test_names_all_that_is_missing_at_once(self):
        with tempfile.TemporaryDirectory() as empty:
            said = self.configure(f"-DCMAKE_FIND_ROOT_PATH={empty}",
                                  "-DCMAKE_FIND_ROOT_PATH_MODE_INCLUDE=ONLY",
                                  "-DCMAKE_FIND_ROOT_PATH_MODE_LIBRARY=ONLY",
                                  packages=PACKAGES, PKG_CONFIG_LIBDIR=empty)
        self.assertEqual(said.returncode, 1, said.stdout)
        self.assertEqual(said.stdout.count("CMake Error"), 1, said.stdout)
        for package in DEBIAN:
            self.assertIn(f"(Debian: {package})", said.stdout)
        self.assertIn("libcurl 7.85 or later (Debian:", said.stdout)
        self.assertIn("exporter/packaging/install-packages.sh build", said.stdout)

    def test_names_nothing_that_is_there(self):
        said = self.configure(packages=["fmt"], PKG_CONFIG_LIBDIR="/dev/null")
        self.assertEqual(said.returncode, 1, said.stdout)
        # spdlog's own package for CMake asks for fmt.
        self.assertEqual(said.stdout.count("(Debian: "), 2, said.stdout)
        self.assertIn("fmt (Debian: libfmt-dev)\n    spdlog (Debian: libspdlog-dev)", said.stdout)

    def test_finds_all_by_pkg_config(self):
        said = self.configure(packages=PACKAGES)
        self.assertEqual(said.returncode, 0, said.stdout)
        for what in ("CLI11", "crypt", "fmt", "libcurl", "libsystemd", "nlohmann_json", "OpenSSL",
                     "prometheus-cpp", "spdlog", "yaml-cpp", "zlib"):
            self.assertIn(f"Found {what} by pkg-config", said.stdout)
        self.assertIn("Found tl-expected by its header", said.stdout)

    def test_does_without_libsystemd(self):
        said = self.configure("-DALIYUN_ECS_SYSTEMD=OFF")
        self.assertEqual(said.returncode, 0, said.stdout)
        self.assertNotIn("libsystemd", said.stdout)

    def test_lists_every_package_that_it_names(self):
        path = os.path.join(harness.SOURCE, "exporter", "packaging", "debian-packages")
        with open(path, encoding="utf-8") as file:
            listed = file.read().split("\n")
        self.assertEqual([name for name in DEBIAN if name not in listed], [])


if __name__ == "__main__":
    harness.main()
