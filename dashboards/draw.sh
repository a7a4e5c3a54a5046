#!/usr/bin/env bash
# draw.sh [FOLDER]   draws the dashboards into dashboards/pictures or FOLDER, light and dark
#
# Needs chromium, npm, and what tests/run.sh installs.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(dirname "$here")
to=$(realpath "${1:-$here/pictures}")
tools=$top/build/_tools/pictures

"$top/exporter/packaging/install-node-modules.sh" "$here/drawing" pictures
cmake --build --preset check --target scripted_hour
"$tools/node_modules/.bin/esbuild" "$here/drawing/draw.ts" --bundle --packages=external --platform=node \
  --format=esm --outfile="$tools/out/draw.mjs" --log-level=warning
node "$tools/out/draw.mjs" "$top" "$to"
pngquant --force --ext .png --strip --speed 1 "$to"/{fleet,instance,spot,exporter}-{light,dark}.png
