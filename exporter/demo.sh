#!/usr/bin/env bash
# Shows the exporter at work on any Debian 12, without a cloud: installs what is missing, builds,
# and runs it against the simulator.
#
#   exporter/demo.sh         runs until Ctrl-C and prints where to look
#   exporter/demo.sh --once  prints the metrics page and ends
#   --programs DIR           after those: does not build, but takes the programs of DIR
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

once=no programs=
if [[ ${1-} == --once ]]; then
  once=yes
  shift
fi
if (($# == 2)) && [[ $1 == --programs && -x $2/aliyun_ecs_exporter ]]; then
  programs=$2
elif (($#)); then
  echo "usage: exporter/demo.sh [--once] [--programs DIR], where DIR has programs that were built" >&2
  exit 1
fi

scratch=$(mktemp -d)
children=()
clean_up() {
  local child
  for child in "${children[@]}"; do kill "$child" 2>/dev/null || true; done
  wait
  rm -rf "$scratch"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Standard output is for the page.
exporter/packaging/install-packages.sh build demo >&2
if [[ -z $programs ]]; then
  programs=build/release
  echo "Building into $programs (the first time takes a few minutes)" >&2
  if ! cmake --workflow --preset release >"$scratch/build" 2>&1; then
    cat "$scratch/build" >&2
    echo "exporter/demo.sh: the build failed; its output is above." >&2
    exit 1
  fi
fi

# Waits until a program has said TEXT in its log, or has ended.
await() { # PID LOG TEXT
  local tries
  for ((tries = 0; tries < 300; tries++)); do
    ! grep -qsF "$3" "$2" || return 0
    kill -0 "$1" 2>/dev/null || break
    sleep 0.1
  done
  cat "$2" >&2
  echo "exporter/demo.sh: the program above did not get as far as \"$3\"." >&2
  exit 1
}

address_in() { # LOG WORD: the address in the line that has WORD
  sed -n "s/.*msg=listening address=\([^ ]*\).*$2.*/\1/p" "$1"
}

if [[ $once == yes ]]; then
  # Any free ports, so that nothing can be in the way.
  simulator_at=127.0.0.1:0 control_at=127.0.0.1:0 exporter_at=127.0.0.1:0
else
  simulator_at=127.0.0.1:10280 control_at=127.0.0.1:10281 exporter_at=127.0.0.1:10200
fi

"$programs"/aliyun_ecs_simulator --profile=full \
  --listen-address="$simulator_at" --control.listen-address="$control_at" 2>"$scratch/simulator" &
children+=($!)
await $! "$scratch/simulator" "for=control"
simulator_at=$(address_in "$scratch/simulator" for=metadata)
control_at=$(address_in "$scratch/simulator" for=control)

"$programs"/aliyun_ecs_exporter --web.listen-address="$exporter_at" \
  --metadata.url="http://$simulator_at" --log.level=info --log.format=logfmt 2>"$scratch/exporter" &
exporter=$!
children+=("$exporter")
await "$exporter" "$scratch/exporter" "first fill complete"
exporter_at=$(address_in "$scratch/exporter" path=)

if [[ $once == yes ]]; then
  curl --silent --show-error --fail --noproxy '*' "http://$exporter_at/metrics"
  exit 0
fi

cat <<EOF

The exporter runs against a simulated instance. Look at

  http://$exporter_at/          the status page
  http://$exporter_at/metrics   what Prometheus scrapes
  http://$exporter_at/snapshot  the same as JSON

The simulated instance begins with a spot termination notice. Change things and look again:

  curl -X DELETE http://$control_at/control/spot-termination
  curl -X PUT -d '{"in_seconds": 300}' http://$control_at/control/spot-termination
  curl -X PUT -d '{"http_endpoint": "disabled"}' http://$control_at/control/options
  curl -X PUT -d '{"http_endpoint": "enabled"}' http://$control_at/control/options
  curl http://$control_at/control/journal

Ctrl-C ends the demo. The exporter's log follows.

EOF
tail -n +1 -f "$scratch/exporter" &
children+=($!)
wait "$exporter"
