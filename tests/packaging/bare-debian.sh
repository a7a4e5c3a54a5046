#!/usr/bin/env bash
# bare-debian.sh DIR  makes DIR/bookworm.tar, a Debian 12 of only what it needs, unless it is there
# As root.
set -euo pipefail

here=$(dirname "${BASH_SOURCE[0]}")
(($# == 1)) || {
  echo "usage: bare-debian.sh DIR" >&2
  exit 1
}
[[ ! -f $1/bookworm.tar ]] || exit 0

# shellcheck source=exporter/packaging/debian-mirror.sh
. "$here/../../exporter/packaging/debian-mirror.sh"
read -r mirror < <(debian_mirrors) || {
  echo "bare-debian.sh: apt names no mirror of Debian." >&2
  exit 1
}
mkdir -p "$1"
scratch=$(mktemp -d "$1/.bookworm.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
debootstrap --variant=minbase bookworm "$scratch/root" "$mirror" >"$scratch/log" 2>&1 || {
  echo "bare-debian.sh: debootstrap failed: $(tail -n 3 "$scratch/log")" >&2
  exit 1
}
tar -C "$scratch/root" --exclude='./var/cache/apt/archives/*.deb' -cf "$scratch/tar" .
mv "$scratch/tar" "$1/bookworm.tar"
