#!/usr/bin/env bash
# install-node-modules.sh FOLDER NAME   installs exactly the packages of FOLDER/package-lock.json into
#                                       build/_tools/NAME, where all presets find them
# Safe to run again; does nothing then.
set -euo pipefail

folder=$1
dir=$(dirname "${BASH_SOURCE[0]}")/../../build/_tools/$2

! cmp -s "$folder/package-lock.json" "$dir/installed-lock.json" || exit 0
command -v npm >/dev/null || {
  echo "install-node-modules.sh: there is no npm; tests/run.sh gets one." >&2
  exit 1
}
mkdir -p "$dir"
cp "$folder/package.json" "$folder/package-lock.json" "$dir"
echo "Installing the packages of $folder"
# A registry that does not answer within a minute is asked again; npm itself would wait for five.
(cd "$dir" && npm ci --ignore-scripts --no-audit --no-fund --fetch-timeout=60000 --loglevel=error \
  >npm.log 2>&1) || {
  tail -n 20 "$dir/npm.log" >&2
  echo "install-node-modules.sh: npm could not install them; its last words are above." >&2
  exit 1
}
cp "$folder/package-lock.json" "$dir/installed-lock.json"
