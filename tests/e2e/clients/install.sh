#!/usr/bin/env bash
# Installs the real clients, exactly those of package-lock.json, into build/_tools/clients, where
# all presets find them. Safe to run again; does nothing then.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
dir=$here/../../../build/_tools/clients

! cmp -s "$here/package-lock.json" "$dir/installed-lock.json" || exit 0
command -v npm >/dev/null || {
  echo "tests/e2e/clients/install.sh: there is no npm; tests/run.sh gets one." >&2
  exit 1
}
mkdir -p "$dir"
cp "$here/package.json" "$here/package-lock.json" "$dir"
echo "Installing the real clients of the metadata service"
(cd "$dir" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >npm.log 2>&1) || {
  tail -n 20 "$dir/npm.log" >&2
  echo "tests/e2e/clients/install.sh: npm could not install them; its last words are above." >&2
  exit 1
}
cp "$here/package-lock.json" "$dir/installed-lock.json"
