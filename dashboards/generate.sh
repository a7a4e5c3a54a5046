#!/usr/bin/env bash
# generate.sh [FOLDER]   writes the dashboards that dashboards/source describes, into dashboards or FOLDER
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
to=$(realpath "${1:-$here}")
tools=$here/../build/_tools/dashboards

"$here/../exporter/packaging/install-node-modules.sh" "$here/source" dashboards
node "$tools/node_modules/typescript/bin/tsc" --project "$here/source"
node "$tools/out/main.js" "$to"
