#!/usr/bin/env bash
# install-packages.sh SECTION...              installs the missing packages of these sections of
#                                             debian-packages
# install-packages.sh --unpack DIR [SECTION]  unpacks those of [unpack], or of a section of that kind,
#                                             into DIR without installing them; "package/suite" is
#                                             taken from another suite of Debian
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
list=$here/debian-packages

# shellcheck source=exporter/packaging/debian-mirror.sh
. "$here/debian-mirror.sh"

die() {
  printf 'install-packages.sh: %s\n' "$1" >&2
  exit 1
}

usage="usage: install-packages.sh SECTION... | --unpack DIR [SECTION], where SECTION is a section of $list"

scratch=
trap '[[ -z $scratch ]] || rm -rf "$scratch"' EXIT

packages_of() { # SECTION
  grep -qxF "[$1]" "$list" || die "there is no section [$1] in $list."
  awk -v wanted="[$1]" '
    { sub(/#.*/, ""); gsub(/[[:space:]]/, "") }
    /^\[/ { inside = ($0 == wanted); next }
    inside && $0 != ""' "$list"
}

missing_of() { # PACKAGE...
  local package
  for package in "$@"; do
    dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed || printf '%s\n' "$package"
  done
}

# A command before which apt-get may change the system; fails when there is none.
privileged=()
find_privilege() {
  if ((EUID == 0)); then
    privileged=(env)
  elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
    privileged=(sudo -n)
  elif command -v sudo >/dev/null && [[ -t 0 && -t 2 ]]; then
    privileged=(sudo)  # somebody is there to type a password
  else
    return 1
  fi
}

# One unreachable source must not matter as long as the packages themselves can be had.
update_lists() {
  "${privileged[@]}" apt-get -qq -o Acquire::Retries=3 update </dev/null >>"$scratch/log" 2>&1 || true
}

run_install() {
  "${privileged[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install --no-install-recommends -y \
    -o Acquire::Retries=3 -o DPkg::Lock::Timeout=300 "$@" </dev/null >>"$scratch/log" 2>&1
}

install_sections() { # SECTION...
  local section found wanted=() missing
  for section in "$@"; do
    [[ $section != *unpack ]] || die "the packages of [$section] must not be installed; use --unpack DIR."
    found=$(packages_of "$section")
    mapfile -t -O "${#wanted[@]}" wanted <<<"$found"
  done
  mapfile -t wanted < <(printf '%s\n' "${wanted[@]}" | sort -u)
  mapfile -t missing < <(missing_of "${wanted[@]}")
  ((${#missing[@]})) || return 0

  find_privilege || die "these packages are missing and neither root nor sudo is at hand to install them: ${missing[*]}"
  printf 'Installing %s\n' "${missing[*]}"
  update_lists
  run_install "${missing[@]}" || {
    tail -n 20 "$scratch/log" >&2
    die "apt-get could not install ${missing[*]}; its last words are above."
  }
}

# Of a private apt, while one is in use.
apt_options=()

candidate_of() { # PACKAGE
  LC_ALL=C apt-cache "${apt_options[@]}" policy "$1" 2>/dev/null | awk '$1 == "Candidate:" && $2 != "(none)" { print $2 }'
}

# Downloads and unpacks one package; prints nothing.
fetch_and_unpack() { # PACKAGE VERSION DIR
  rm -f "$scratch"/*.deb
  # apt would warn that its own user cannot write into a private folder.
  (cd "$scratch" && apt-get -qq -o APT::Sandbox::User=root -o Acquire::Retries=3 "${apt_options[@]}" download "$1=$2") \
    </dev/null >>"$scratch/log" 2>&1 && dpkg-deb -x "$scratch"/*.deb "$3" 2>>"$scratch/log"
}

# What is there stays: another suite moves on, and asking it takes longer than all else.
unpack_from_suite() { # PACKAGE SUITE DIR
  local mirror version
  [[ ! -e $3/.unpacked/$1 ]] || return 0
  printf 'Unpacking %s of %s\n' "$1" "$2"
  use_private_apt "$scratch"
  for mirror in $(debian_mirrors); do
    update_private_apt deb "$mirror" "$2" >>"$scratch/log"
    version=$(candidate_of "$1")
    if [[ -n $version ]] && fetch_and_unpack "$1" "$version" "$3"; then
      printf '%s\n' "$version" >"$3/.unpacked/$1"
      apt_options=()
      return 0
    fi
  done
  tail -n 20 "$scratch/log" >&2
  die "no Debian mirror of this system gave $1 of $2; apt's last words are above."
}

unpack_into() { # DIR SECTION
  local dir=$1 package version updated=no wanted
  [[ $2 == *unpack ]] || die "the packages of [$2] are to be installed, not unpacked."
  wanted=$(packages_of "$2")
  mkdir -p "$dir/.unpacked"
  for package in $wanted; do
    if [[ $package == */* ]]; then
      unpack_from_suite "${package%/*}" "${package#*/}" "$dir"
      continue
    fi
    version=$(candidate_of "$package")
    if [[ -z $version && ! -e $dir/.unpacked/$package ]] && find_privilege; then
      update_lists
      updated=yes
      version=$(candidate_of "$package")
    fi
    if [[ -e $dir/.unpacked/$package && ${version:-$(<"$dir/.unpacked/$package")} == "$(<"$dir/.unpacked/$package")" ]]; then
      continue
    fi
    [[ -n $version ]] || die "apt knows no package $package; 'apt-get update' as root may help."
    printf 'Unpacking %s %s\n' "$package" "$version"
    if ! fetch_and_unpack "$package" "$version" "$dir"; then
      # Old lists name versions which the mirror has replaced since.
      if [[ $updated == no ]] && find_privilege; then
        update_lists
        updated=yes
        version=$(candidate_of "$package")
      fi
      fetch_and_unpack "$package" "$version" "$dir" || {
        tail -n 20 "$scratch/log" >&2
        die "$package could not be downloaded and unpacked; apt's last words are above."
      }
    fi
    printf '%s\n' "$version" >"$dir/.unpacked/$package"
  done
}

(($#)) || die "$usage"
[[ $1 != --unpack ]] || (($# == 2 || $# == 3)) || die "$usage"
if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
  die "this system has no apt-get; install what corresponds to the Debian packages listed in $list."
fi
scratch=$(mktemp -d)
if [[ $1 == --unpack ]]; then
  unpack_into "$2" "${3:-unpack}"
else
  install_sections "$@"
fi
