#!/usr/bin/env bash
# build-packages.sh [DIR]         builds the Debian packages into DIR (build/packages/out)
# build-packages.sh --rpm [DIR]   builds RPMs instead; they fit the distribution on which they were built
#
# ALIYUN_ECS_PACKAGE_RELEASE=2 makes packages that replace those of release 1 of the same version.
# Installs what it needs, where there is apt. Safe to run again.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."

generator=DEB
if [[ ${1-} == --rpm ]]; then
  generator=RPM
  shift
fi
if (($# > 1)) || [[ ${1-} == -* ]]; then
  echo "build-packages.sh: usage: build-packages.sh [--rpm] [DIR]" >&2
  exit 1
fi
out=${1:-build/packages/out}

! command -v apt-get >/dev/null || exporter/packaging/install-packages.sh build packages

# The time of the change that is packed, so that the same source gives the same packages.
if [[ -z ${SOURCE_DATE_EPOCH-} ]]; then
  SOURCE_DATE_EPOCH=$(git log -1 --format=%ct 2>/dev/null || stat -c %Y CHANGELOG.md)
  export SOURCE_DATE_EPOCH
fi

# What the distribution hardens its own programs with.
if command -v dpkg-buildflags >/dev/null; then
  flags() { DEB_BUILD_MAINT_OPTIONS=hardening=+all dpkg-buildflags --get "$1"; }
  CFLAGS="$(flags CFLAGS) $(flags CPPFLAGS)"
  CXXFLAGS="$(flags CXXFLAGS) $(flags CPPFLAGS) -DNDEBUG"
  LDFLAGS=$(flags LDFLAGS)
else
  CFLAGS=$(rpm --eval '%{optflags}') CXXFLAGS="$(rpm --eval '%{optflags}') -DNDEBUG"
  LDFLAGS=$(rpm --eval '%{?build_ldflags}')
fi
export CFLAGS CXXFLAGS LDFLAGS

umask 022 # CPack packs files and folders with the rights that they get here
cmake --preset packages "-DALIYUN_ECS_PACKAGE_RELEASE=${ALIYUN_ECS_PACKAGE_RELEASE:-1}"
cmake --build --preset packages
mkdir -p "$out"
out=$(cd "$out" && pwd)
scratch=$(mktemp -d build/packages/pack.XXXXXX)
scratch=$PWD/$scratch
trap 'rm -rf "$scratch"' EXIT
(cd build/packages && cpack -G "$generator" -B "$scratch") >"$scratch/log" 2>&1 || {
  tail -n 20 "$scratch/log" >&2
  echo "build-packages.sh: CPack could not make the packages; its last words are above." >&2
  exit 1
}
for package in "$scratch"/*."${generator,,}"; do
  mv "$package" "$out"
  printf '%s\n' "$out/${package##*/}"
done
