#!/usr/bin/env bash
# fetch-source.sh NAME DIR  puts the verified source of NAME, as the list "sources" beside this script
#                           pins it, into DIR; needs no root
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
list=$here/sources

# shellcheck source=exporter/packaging/debian-mirror.sh
. "$here/debian-mirror.sh"

die() {
  printf 'fetch-source.sh: %s\n' "$1" >&2
  exit 1
}

(($# == 2)) || die "usage: fetch-source.sh NAME DIR."
name=$1
dir=${2%/}
stamp=.sha256

suites=() tarballs=() sha256s=()
while read -r listed suite tarball sha256; do
  [[ $listed == "$name" ]] || continue
  suites+=("$suite") tarballs+=("$tarball") sha256s+=("$sha256")
done <"$list"
((${#tarballs[@]})) || die "there is no \"$name\" in $list."

is_complete() {
  [[ -f $dir/$stamp && $(<"$dir/$stamp") == "${sha256s[*]}" ]]
}
! is_complete || exit 0
if [[ -e $dir && ! -f $dir/$stamp ]]; then
  rmdir "$dir" 2>/dev/null || die "$dir exists and holds something else."
fi

helper=/usr/lib/apt/apt-helper
if ! command -v apt-get >/dev/null || [[ ! -x $helper ]]; then
  die "the source of $name comes from a Debian mirror, and this system has no apt."
fi
command -v xz >/dev/null || die "unpacking the source of $name needs xz (package xz-utils)."
if ((${#tarballs[@]} > 1)); then
  command -v patch >/dev/null || die "the source of $name needs patch (package patch)."
fi
parent=$(dirname "$dir")
mkdir -p "$parent" 2>/dev/null || die "$parent cannot be made."
# Beside DIR, so that the last step is one rename.
scratch=$(mktemp -d "$parent/.fetch-source.XXXXXX" 2>/dev/null) || die "$parent cannot be written."
trap 'rm -rf "$scratch"' EXIT
scratch=$(cd "$scratch" && pwd)  # apt wants absolute names

log=$scratch/log
use_private_apt "$scratch"

fetch_from() { # MIRROR SUITE TARBALL SHA256
  local uri
  update_private_apt deb-src "$1" "$2" >>"$log"
  uri=$(apt-get -qq "${apt_options[@]}" --print-uris source "$name" 2>>"$log" </dev/null |
    awk -F "'" -v name="$3" '{ split($3, field, " ") } field[1] == name { print $2; exit }') || true
  [[ -n $uri ]] || return 1
  "$helper" "${apt_options[@]}" download-file "$uri" "$scratch/$3" "SHA256:$4" </dev/null >>"$log" 2>&1
}

fetch() { # SUITE,... TARBALL SHA256
  local mirror suite
  for mirror in $(debian_mirrors); do
    for suite in ${1//,/ }; do
      ! fetch_from "$mirror" "$suite" "$2" "$3" || return 0
    done
  done
  return 1
}

unpack() { # TARBALL DIR OPTION...
  tar -xf "$scratch/$1" -C "$2" --no-same-owner "${@:3}" || die "$1 could not be unpacked."
}

apply_patches() { # TARBALL, which holds debian/
  local patch
  unpack "$1" "$scratch"
  while read -r patch; do
    [[ -n $patch && $patch != \#* ]] || continue
    patch -d "$scratch/source" -p1 -s -f --no-backup-if-mismatch <"$scratch/debian/patches/$patch" >>"$log" 2>&1 ||
      die "$patch of $1 could not be applied."
  done <"$scratch/debian/patches/series"
}

printf 'Fetching the source of %s\n' "$name"
mkdir "$scratch/source"
for i in "${!tarballs[@]}"; do
  tarball=${tarballs[i]}
  fetch "${suites[i]}" "$tarball" "${sha256s[i]}" || {
    grep -hsE '^[EW]: (Failed|GPG|The repository)' "$log" | sort -u >&2 || true
    die "no Debian mirror of this system gave $tarball, which $list wants."
  }
  printf '%s  %s\n' "${sha256s[i]}" "$scratch/$tarball" | sha256sum --check --quiet --status ||
    die "$tarball has not the checksum it must have."
  if [[ $tarball == *.debian.tar.* ]]; then
    apply_patches "$tarball"
  else
    unpack "$tarball" "$scratch/source" --strip-components=1
  fi
done
printf '%s\n' "${sha256s[*]}" >"$scratch/source/$stamp"

# An older source of ours makes room; where another run was faster, its result serves as well.
is_complete || [[ ! -f $dir/$stamp ]] || rm -rf "$dir"
mv -T "$scratch/source" "$dir" 2>/dev/null || is_complete || die "$dir could not be written."
