#!/usr/bin/env bash
# How fast the simulator answers 32 clients with kept-alive connections, beside nginx giving bodies
# of the same bytes. Installs what is missing; nginx is only unpacked, and ends with this.
#
#   tests/benchmark/simulator.sh [SECONDS [PRESET]]   10 s for each load, the build "release"
#
# With the preset "tsan" the figures mean nothing, but it fails when a data race is reported.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."

script=tests/benchmark/simulator.sh
source tests/benchmark/common.sh

seconds=${1:-10} preset=${2:-release}
[[ $seconds =~ ^[1-9][0-9]?$ ]] || die "\"$seconds\" is not a number of seconds from 1 to 99."
clients=32

build "$preset" aliyun_ecs_simulator

address_of() { # WHAT: where the simulator listens for it
  sed -n "s/.*msg=listening address=\([^ ]*\) for=$1.*/\1/p" "$scratch/simulator.log"
}

"build/$preset/aliyun_ecs_simulator" --http-tokens=required \
  --listen-address=127.0.0.1:0 --control.listen-address=127.0.0.1:0 2>"$scratch/simulator.log" &
simulator=$!
children[0]=$simulator
await grep -q for=control "$scratch/simulator.log"
simulator_at=$(address_of metadata)

token=$(ask -X PUT -H "X-aliyun-ecs-metadata-token-ttl-seconds: 21600" "http://$simulator_at/latest/api/token")
vpc_id=$(ask -H "X-aliyun-ecs-metadata-token: $token" "http://$simulator_at/latest/meta-data/vpc-id")

nginx_at=127.0.0.1:$(free_port)
start_nginx "
    listen $nginx_at;
    location = /latest/api/token { return 200 \"$token\"; }
    location = /latest/meta-data/vpc-id { return 200 \"$vpc_id\"; }"
await ask "http://$nginx_at/latest/meta-data/vpc-id"

# Sets rate and p99, in microseconds.
measure() { # ADDRESS LOAD
  local failures
  wrk -t 1 -c "$clients" -d "${seconds}s" --timeout 10s -s tests/benchmark/load.lua "http://$1" \
    -- "$2" "$token" >"$scratch/wrk.log" 2>&1 || die "wrk failed: $(<"$scratch/wrk.log")"
  read -r rate p99 failures < <(sed -n 's/^result //p' "$scratch/wrk.log")
  [[ $failures == 0 ]] || die "$failures requests to $1 failed under the load \"$2\"."
}

printf '%-24s %23s   %23s   %s\n' "$clients clients, $seconds s" simulator nginx ratio
printf '%-24s %12s %10s   %12s %10s\n' "" requests/s "p99 in ms" requests/s "p99 in ms"
for load in put read turn; do
  case $load in
    put) name="token PUTs" ;;
    read) name="reads with a token" ;;
    turn) name="a PUT and a read in turn" ;;
  esac
  measure "$simulator_at" "$load"
  simulator_rate=$rate simulator_p99=$p99
  measure "$nginx_at" "$load"
  awk -v name="$name" -v a="$simulator_rate" -v b="$simulator_p99" -v c="$rate" -v d="$p99" 'BEGIN {
    printf "%-24s %12d %10.2f   %12d %10.2f   %.2f\n", name, a, b / 1000, c, d / 1000, a / c }'
done

kill "$simulator"
status=0
wait "$simulator" || status=$?
unset 'children[0]'
((status == 0)) || {
  cat "$scratch/simulator.log" >&2
  die "the simulator ended with $status; its log is above."
}
