#!/usr/bin/env bash
# build-packages.sh [DIR]         builds the Debian packages into DIR (build/packages/out)
# build-packages.sh --rpm [DIR]   builds RPMs instead; they fit the distribution on which they were built
# Beside each package goes its bill of materials, *.cdx.json, where there is dpkg.
#
# From the environment:
#   ALIYUN_ECS_PACKAGE_MAINTAINER='Name <address>'  who answers for the packages
#   ALIYUN_ECS_PACKAGE_HOMEPAGE=URL                 where the packages say that the project is found
#   ALIYUN_ECS_PACKAGE_RELEASE=2                    to replace release 1 of the same version
#   ALIYUN_ECS_CIVETWEB_SOURCE=DIR                  CivetWeb's source, where no Debian mirror is configured
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

umask 022 # CPack packs files and folders with the rights that they get here
options=(
  # Else those of an earlier run would stay.
  "-DCMAKE_C_FLAGS=$CFLAGS" "-DCMAKE_CXX_FLAGS=$CXXFLAGS" "-DCMAKE_EXE_LINKER_FLAGS=$LDFLAGS"
  "-DALIYUN_ECS_PACKAGE_HOMEPAGE=${ALIYUN_ECS_PACKAGE_HOMEPAGE-}"
  "-DALIYUN_ECS_PACKAGE_RELEASE=${ALIYUN_ECS_PACKAGE_RELEASE:-1}"
  "-DALIYUN_ECS_CIVETWEB_SOURCE=${ALIYUN_ECS_CIVETWEB_SOURCE-}"
)
if [[ -n ${ALIYUN_ECS_PACKAGE_MAINTAINER-} ]]; then
  options+=("-DALIYUN_ECS_PACKAGE_MAINTAINER=$ALIYUN_ECS_PACKAGE_MAINTAINER")
else
  options+=(-UALIYUN_ECS_PACKAGE_MAINTAINER) # not that of an earlier run
  echo "build-packages.sh: ALIYUN_ECS_PACKAGE_MAINTAINER is not set; the packages name a maintainer without an address." >&2
fi
cmake --preset packages "${options[@]}"
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
bill() { # PACKAGE, whose programs CPack has left stripped
  local program
  case ${1##*/} in
    aliyun-ecs-exporter*) program=aliyun_ecs_exporter ;;
    aliyun-ecs-simulator*) program=aliyun_ecs_simulator ;;
    *) program=check_aliyun_ecs ;;
  esac
  exporter/packaging/sbom.py build/packages "$program" \
    "$(find "$scratch/_CPack_Packages" -type f -perm -u=x -name "$program" -print -quit)"
}
for package in "$scratch"/*."${generator,,}"; do
  mv "$package" "$out"
  package=$out/${package##*/}
  printf '%s\n' "$package"
  if command -v dpkg-query >/dev/null; then
    bill "$package" >"${package%.*}.cdx.json"
  fi
done
