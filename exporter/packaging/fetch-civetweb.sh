#!/usr/bin/env bash
# fetch-civetweb.sh DIR  puts the verified source of CivetWeb 1.16 into DIR; needs no root
set -euo pipefail

# shellcheck source=exporter/packaging/debian-mirror.sh
. "$(dirname "${BASH_SOURCE[0]}")/debian-mirror.sh"

tarball=civetweb_1.16+dfsg.orig.tar.xz
sha256=41dbfd68cd3b914ce440a5813f21058813b61a972600cc04fb8233a0d2d04fe4
# Debian 12 itself has 1.15, whose TLS crashes on OpenSSL 3; its mirrors carry these suites too.
suites=(trixie sid)

die() {
  printf 'fetch-civetweb.sh: %s -DALIYUN_ECS_CIVETWEB_SOURCE=DIR can name a copy of the source instead.\n' "$1" >&2
  exit 1
}

(($# == 1)) || die "usage: fetch-civetweb.sh DIR."
dir=${1%/}
stamp=.sha256

is_complete() {
  [[ -f $dir/$stamp && $(<"$dir/$stamp") == "$sha256" && -f $dir/src/civetweb.c ]]
}
! is_complete || exit 0
if [[ -e $dir && ! -f $dir/$stamp ]]; then
  rmdir "$dir" 2>/dev/null || die "$dir exists and holds something else."
fi

helper=/usr/lib/apt/apt-helper
if ! command -v apt-get >/dev/null || [[ ! -x $helper ]]; then
  die "the source of CivetWeb 1.16 comes from a Debian mirror, and this system has no apt."
fi
command -v xz >/dev/null || die "unpacking the source of CivetWeb needs xz (package xz-utils)."
parent=$(dirname "$dir")
mkdir -p "$parent" 2>/dev/null || die "$parent cannot be made."
# Beside DIR, so that the last step is one rename.
scratch=$(mktemp -d "$parent/.fetch-civetweb.XXXXXX" 2>/dev/null) || die "$parent cannot be written."
trap 'rm -rf "$scratch"' EXIT
scratch=$(cd "$scratch" && pwd)  # apt wants absolute names

log=$scratch/log
use_private_apt "$scratch"

fetch_from() { # MIRROR SUITE
  local uri
  update_private_apt deb-src "$1" "$2" >>"$log"
  uri=$(apt-get -qq "${apt_options[@]}" --print-uris source civetweb 2>>"$log" </dev/null |
    awk -F "'" -v name="$tarball" '{ split($3, field, " ") } field[1] == name { print $2; exit }') || true
  [[ -n $uri ]] || return 1
  "$helper" "${apt_options[@]}" download-file "$uri" "$scratch/$tarball" "SHA256:$sha256" </dev/null >>"$log" 2>&1
}

fetch() {
  local mirror suite
  for mirror in $(debian_mirrors); do
    for suite in "${suites[@]}"; do
      ! fetch_from "$mirror" "$suite" || return 0
    done
  done
  return 1
}

printf 'Fetching the source of CivetWeb 1.16\n'
fetch || {
  grep -hsE '^[EW]: (Failed|GPG|The repository)' "$log" | sort -u >&2 || true
  die "no Debian mirror of this system gave $tarball."
}
printf '%s  %s\n' "$sha256" "$scratch/$tarball" | sha256sum --check --quiet --status ||
  die "$tarball has not the checksum it must have."
mkdir "$scratch/source"
tar -xJf "$scratch/$tarball" -C "$scratch/source" --strip-components=1 --no-same-owner ||
  die "$tarball could not be unpacked."
printf '%s\n' "$sha256" >"$scratch/source/$stamp"

# An older source of ours makes room; where another run was faster, its result serves as well.
is_complete || [[ ! -f $dir/$stamp ]] || rm -rf "$dir"
mv -T "$scratch/source" "$dir" 2>/dev/null || is_complete || die "$dir could not be written."
