#!/usr/bin/env bash
# How the exporter's page is served, beside what else serves such a page, in one run: nginx with the
# page as a file, prometheus-cpp's own Exposer with the same families, and Prometheus' node exporter
# with the page in its textfile collector. Installs what is missing; nginx and node exporter are only
# unpacked. Figures depend on the machine, ratios hardly.
#
#   tests/benchmark/run.sh [SECONDS]   5 s for each load; all of it takes about four minutes
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."

script=tests/benchmark/run.sh
source tests/benchmark/common.sh

seconds=${1:-5}
[[ $seconds =~ ^[1-9][0-9]?$ ]] || die "\"$seconds\" is not a number of seconds from 1 to 99."
connections=4
rounds=3

build release aliyun_ecs_exporter aliyun_ecs_simulator benchmark_exposer

start() { # NAME COMMAND...: sets $started to its process
  "${@:2}" >"$scratch/$1.log" 2>&1 &
  started=$!
  children+=("$started")
}

start simulator build/release/aliyun_ecs_simulator --profile=full \
  --listen-address=127.0.0.1:0 --control.listen-address=127.0.0.1:0
await grep -q for=metadata "$scratch/simulator.log"
metadata_url=http://$(sed -n 's/.*msg=listening address=\([^ ]*\) for=metadata.*/\1/p' "$scratch/simulator.log")

# Sets $exporter, its process, and $exporter_at.
start_exporter() {
  exporter_at=127.0.0.1:$(free_port)
  start exporter build/release/aliyun_ecs_exporter --web.listen-address="$exporter_at" --metadata.url="$metadata_url"
  exporter=$started
  await grep -q "first fill complete" "$scratch/exporter.log"
}
start_exporter

# The others serve the page as it was at this moment.
mkdir "$scratch/www"
ask "http://$exporter_at/metrics" >"$scratch/www/metrics"
gzip -9 --keep "$scratch/www/metrics"
nginx_at=127.0.0.1:$(free_port)
start_nginx "
    listen $nginx_at;
    root $scratch/www;
    sendfile on;
    tcp_nopush on;
    open_file_cache max=10;
    gzip_static on;"
nginx=${children[-1]}
await ask "http://$nginx_at/metrics"

exposer_port=$(free_port)
exposer_at=127.0.0.1:$exposer_port
start exposer build/release/benchmark_exposer "$scratch/www/metrics" "$exposer_port"
exposer=$started
await ask "http://$exposer_at/metrics"

# Only the textfile collector, and nothing of its own process, whose names the page has too.
mkdir "$scratch/textfiles"
cp "$scratch/www/metrics" "$scratch/textfiles/aliyun_ecs.prom"
node_at=127.0.0.1:$(free_port)
start node build/_tools/benchmark/usr/bin/prometheus-node-exporter --web.listen-address="$node_at" \
  --collector.disable-defaults --collector.textfile --collector.textfile.directory="$scratch/textfiles" \
  --web.disable-exporter-metrics
node=$started
await ask "http://$node_at/metrics"
ask "http://$node_at/metrics" | grep -q '^aliyun_ecs_instance_info' || die "the node exporter does not serve the page."

# On-CPU time of all threads of processes, in nanoseconds.
cpu_of() { # PROCESS...
  local process
  for process in "$@"; do cat /proc/"$process"/task/*/schedstat; done | awk '{ sum += $1 } END { printf "%.0f", sum }'
}

# Sets $rate, in requests a second, and $cpu, the server's own nanoseconds on the CPU for each.
measure() { # ADDRESS HEADER PROCESS...
  local before after requests
  before=$(cpu_of "${@:3}")
  wrk -t 1 -c "$connections" -d "${seconds}s" --timeout 10s -H "$2" "http://$1/metrics" >"$scratch/wrk.log" 2>&1 ||
    die "wrk failed: $(<"$scratch/wrk.log")"
  after=$(cpu_of "${@:3}")
  ! grep -E "Non-2xx|Socket errors" "$scratch/wrk.log" || die "requests to $1 failed."
  rate=$(sed -n 's/^Requests\/sec: *//p' "$scratch/wrk.log")
  requests=$(sed -n 's/^ *\([0-9]*\) requests in .*/\1/p' "$scratch/wrk.log")
  cpu=$(((after - before) / requests))
}

declare -A processes=(
  [exporter]=$exporter
  [nginx]=$(pgrep -P "$nginx" | tr '\n' ' ')
  [exposer]=$exposer
  [node]=$node
)
# Each in turn, several times, so that whatever else the machine does meets all of them.
for ((round = 0; round < rounds; round++)); do
  for load in plain gzip; do
    header="Accept: text/plain"
    [[ $load == plain ]] || header="Accept-Encoding: gzip"
    for server in exporter nginx exposer node; do
      at=${server}_at
      # shellcheck disable=SC2086 # several processes
      measure "${!at}" "$header" ${processes[$server]}
      echo "$load $server $rate $cpu" >>"$scratch/rates"
    done
  done
done

size_of() { # ADDRESS [CURL_ARGUMENT...]
  ask "${@:2}" "http://$1/metrics" | wc -c
}
printf '%d kept-alive connections; the median of %d times %d s. The load generator needs most of a core itself.\n' \
  "$connections" "$rounds" "$seconds"
python3 tests/benchmark/rates.py "$scratch/rates"
printf 'The page: %d bytes, ours in gzip %d, gzip -9 of it %d.\n' "$(size_of "$exporter_at")" \
  "$(size_of "$exporter_at" -H "Accept-Encoding: gzip")" "$(wc -c <"$scratch/www/metrics.gz")"

echo "At 100 scrapes a second, measured by a client in Python:"
python3 tests/benchmark/scrape_times.py exporter="$exporter_at" nginx="$nginx_at"

memory() {
  awk '/^(VmRSS|RssAnon):/ { printf "%s %.1f MiB  ", $1, $2 / 1024 }' "/proc/$exporter/status"
}
kill "$exporter"
start_exporter
scraped=0
for until in 10000 50000 100000; do
  for header in "Accept: text/plain" "Accept-Encoding: gzip"; do
    hey -n $(((until - scraped) / 2)) -c "$connections" -H "$header" "http://$exporter_at/metrics" >/dev/null
  done
  scraped=$until
  printf 'Memory after %6d scrapes: %s\n' "$scraped" "$(memory)"
done

kill "$exporter"
start_exporter
sleep 2
before=$(cpu_of "$exporter")
sleep 60
printf 'CPU of an idle exporter: %.1f ms a minute\n' "$(awk -v a="$before" -v b="$(cpu_of "$exporter")" 'BEGIN { print (b - a) / 1e6 }')"

printf 'From exec to the first complete page: %s\n' "$(python3 tests/benchmark/start_up.py build/release/aliyun_ecs_exporter "$metadata_url")"
