#!/usr/bin/env bash
# tests/packaging/containers.sh  builds the images of docker/ with a Docker daemon of its own, shows them at
#                                work, and lets a notice go through compose.yaml's stack (without Grafana)
#
# Needs root, the network of a Debian mirror and free ports as in compose.yaml, but no registry: the base is
# made by debootstrap, and Debian's Prometheus stands for upstream's images. Safe to run again.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."

say() { printf 'containers: %s\n' "$*"; }
die() {
  printf 'tests/packaging/containers.sh: %s\n' "$*" >&2
  exit 1
}

((EUID == 0)) || die "a Docker daemon needs root."
exporter/packaging/install-packages.sh containers
exporter/packaging/install-packages.sh --unpack build/_docker containers-unpack
{ command -v prometheus && command -v prometheus-alertmanager; } >/dev/null ||
  exporter/packaging/install-packages.sh --unpack build/_tools

docker=$PWD/build/_docker
multiarch=$(dpkg-architecture -qDEB_HOST_MULTIARCH 2>/dev/null || gcc -print-multiarch)
export PATH=$docker/usr/sbin:$docker/usr/bin:$PWD/build/_tools/usr/bin:$PATH
export LD_LIBRARY_PATH=$docker/lib/$multiarch:$docker/usr/lib/$multiarch
scratch=$(mktemp -d)
export DOCKER_HOST=unix://$scratch/docker.sock DOCKER_BUILDKIT=1 DOCKER_CONFIG=$scratch/config
version=$(sed -n 's/^project(.* VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt)
compose=(docker-compose -p aliyun-ecs-test -f docker/compose.yaml)
children=()

clean_up() {
  local status=$? child containers
  if ((status)) && [[ -f $scratch/dockerd.log ]]; then tail -n 20 "$scratch/dockerd.log" >&2; fi
  containers=$(timeout 20 docker ps -aq 2>/dev/null || true)
  # shellcheck disable=SC2086  # one word each
  [[ -z $containers ]] || timeout 60 docker rm -f $containers >/dev/null 2>&1 || true
  timeout 20 docker network prune -f >/dev/null 2>&1 || true
  for child in "${children[@]}"; do kill "$child" 2>/dev/null || true; done
  wait
  # The machine's own network as it was.
  [[ ! -f $scratch/rules ]] || iptables-restore <"$scratch/rules"
  [[ ! -f $scratch/no-bridge ]] || ip link delete docker0 2>/dev/null || true
  # What the daemon leaves: the network name space of builds.
  awk -v below="$scratch/" 'index($2, below) == 1 { print $2 }' /proc/mounts | sort -r | xargs -r -n 1 umount
  rm -rf "$scratch"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Asks every half second until COMMAND succeeds.
await() { # SECONDS WHAT COMMAND...
  local end=$((SECONDS + $1)) what=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < end)) || die "waited in vain: $what"
    sleep 0.5
  done
}

is_healthy() { [[ $(docker inspect -f '{{.State.Health.Status}}' "$1") == healthy ]]; }
fetch() { curl --silent --show-error --fail --noproxy '*' --max-time 5 "$@"; }
page_has() { fetch "http://$1/metrics" | grep -q "$2"; } # ADDRESS PATTERN
published() { docker port "$1" "$2" | head -n 1; }        # CONTAINER PORT

# ---- a base image and a daemon
tests/packaging/bare-debian.sh build/_roots

[[ -e /sys/class/net/docker0 ]] || touch "$scratch/no-bridge"
iptables-save >"$scratch/rules"
dockerd --data-root="$scratch/data" --exec-root="$scratch/exec" --pidfile="$scratch/dockerd.pid" \
  -H "$DOCKER_HOST" --storage-driver=overlay2 >"$scratch/dockerd.log" 2>&1 &
children+=($!)
await 60 "the Docker daemon does not come up" docker info
docker import build/_roots/bookworm.tar debian:bookworm-slim >/dev/null

# ---- the images
for target in exporter plugin simulator; do
  say "building $target"
  # The host's network: a bridge may have no way to the mirror.
  docker build --network=host --pull=false -q -f docker/Dockerfile --target "$target" \
    --build-arg "REVISION=$(git rev-parse --short=12 HEAD 2>/dev/null || echo unknown)" \
    -t "aliyun-ecs-$target:$version" . >"$scratch/build.log" 2>&1 || {
    tail -n 40 "$scratch/build.log" >&2
    die "the image of the $target could not be built."
  }
  size=$(docker image inspect -f '{{.Size}}' "aliyun-ecs-$target:$version")
  container=$(docker create "aliyun-ecs-$target:$version")
  # Docker itself adds files to a container that are in no image.
  files=$(docker export "$container" | tar -t | LC_ALL=C sort |
    grep -vxE '\.dockerenv|dev/(console|(pts|shm)/)?|etc/(hostname|hosts|mtab|resolv\.conf)?|(proc|sys)/')
  licences=$(docker cp "$container:/licenses" - | tar -xO)
  docker rm "$container" >/dev/null
  say "aliyun-ecs-$target:$version has $size bytes: ${files//$'\n'/ }"
  program=aliyun_ecs_$target
  [[ $target != plugin ]] || program=check_aliyun_ecs
  wanted=$(printf '%s\n' "$program" licenses/ "licenses/$program."{txt,cdx.json} | LC_ALL=C sort)
  [[ $files == "$wanted" ]] || die "the image holds more than its program and what is said of it, or less."
  for text in 'Apache License' 'libc6-dev ' 'GNU LESSER GENERAL PUBLIC LICENSE'; do
    [[ $licences == *"$text"* ]] || die "the licences do not have the words \"$text\"."
  done
  [[ $(docker run --rm "aliyun-ecs-$target:$version" --version 2>&1) == *"$version"* ]] || die "it is another version."
  ((size <= 8 * 1024 * 1024)) || die "that is more than 8 MiB."
done
for label in version revision licenses; do
  say "label $label: $(docker image inspect -f "{{index .Config.Labels \"org.opencontainers.image.$label\"}}" "aliyun-ecs-exporter:$version")"
done

# ---- one by one: nothing to write to, no right, any user; names come from Docker's name server
confined=(--read-only --cap-drop=ALL --security-opt=no-new-privileges)
docker network create quiet >/dev/null
docker run -d --name simulator --network quiet "${confined[@]}" -p 127.0.0.1::10280 -p 127.0.0.1::10281 \
  "aliyun-ecs-simulator:$version" >/dev/null
docker run -d --name exporter --network quiet "${confined[@]}" --user 12345 -p 127.0.0.1::10200 \
  -e ALIYUN_ECS_EXPORTER_METADATA_URL=http://simulator:10280 "aliyun-ecs-exporter:$version" >/dev/null
await 60 "the exporter is not healthy" is_healthy exporter
docker ps --format '{{.Names}}: {{.Status}}' --filter name=exporter
await 60 "the exporter does not reach simulator:10280" \
  page_has "$(published exporter 10200)" '^aliyun_ecs_metadata_items{state="unread"} 0$'
say "the exporter is healthy without rights as user 12345, and found its metadata service by name"
docker exec exporter /aliyun_ecs_exporter --healthcheck || die "the health check has another result by hand."
! docker exec -e ALIYUN_ECS_EXPORTER_WEB_LISTEN_ADDRESS=:1 exporter /aliyun_ecs_exporter --healthcheck 2>/dev/null ||
  die "the health check takes nobody for healthy."
said=$(docker run --rm --network quiet "${confined[@]}" --user 12345 "aliyun-ecs-plugin:$version" \
  --check metadata --metadata-url http://simulator:10280) || die "the plugin is not content: $said"
say "the plugin says: ${said%%$'\n'*}"

# ---- an Alertmanager that speaks HTTPS, by a name of /etc/hosts, with an authority of its own
for name in ca other; do
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=$name" \
    -addext "subjectAltName=DNS:alertmanager.test" -keyout "$scratch/$name.key" -out "$scratch/$name.crt" 2>/dev/null
done
printf 'tls_config: {ca_file: /ca.crt}\n' >"$scratch/http-config.yml"
# Any user must be able to read what is mounted.
chmod 755 "$scratch"
chmod 644 "$scratch"/{ca.crt,other.crt,http-config.yml}
python3 -B tests/packaging/https_alertmanager.py "$scratch/ca.crt" "$scratch/ca.key" >"$scratch/alerts" 2>/dev/null &
children+=($!)
await 20 "the Alertmanager's stand-in does not start" test -s "$scratch/alerts"
read -r port <"$scratch/alerts"
fetch -X PUT -d '{"in_seconds": 300}' "http://$(published simulator 10281)/control/spot-termination" >/dev/null
start_sender() { # NAME AUTHORITY
  docker run -d --name "$1" --network host --add-host alertmanager.test:127.0.0.1 "${confined[@]}" \
    -v "$scratch/$2.crt:/ca.crt:ro" -v "$scratch/http-config.yml:/http-config.yml:ro" \
    "aliyun-ecs-exporter:$version" --web.listen-address=127.0.0.1:0 \
    --metadata.url="http://$(published simulator 10280)" \
    --alertmanager.url="https://alertmanager.test:$port" --alertmanager.http-config=/http-config.yml >/dev/null
}
address_of() { docker logs "$1" 2>&1 | sed -n 's/.*msg=listening address=\([^ ]*\).*/\1/p'; }
listens() { [[ -n $(address_of "$1") ]]; }
start_sender distrustful other
await 30 "the exporter with another authority does not listen" listens distrustful
await 60 "no failed notification is counted" \
  page_has "$(address_of distrustful)" '^aliyun_ecs_alertmanager_notifications_failed_total{[^}]*} [1-9]'
! grep -q AliyunEcs "$scratch/alerts" || die "an alert went to a server whose authority is not trusted."
start_sender trusting ca
await 60 "the alert does not come by HTTPS" grep -qx '/api/v2/alerts AliyunEcsSpotTerminationScheduled' "$scratch/alerts"
say "the alert came by HTTPS to a name of /etc/hosts, and only with the mounted authority"
for name in exporter trusting; do
  docker stop -t 10 "$name" >/dev/null
  [[ $(docker inspect -f '{{.State.ExitCode}}' "$name") == 0 ]] || die "$name did not stop by itself."
done
say "SIGTERM ends the exporter with status 0"
docker rm -f simulator exporter distrustful trusting >/dev/null

# ---- compose.yaml, as it is
# What compose.yaml uses of upstream's images: the program as entry point, its tools, wget of busybox.
stand_in() { # IMAGE PROGRAM TOOL...
  local folder=$scratch/stand-in program=$2 tool
  rm -rf "$folder"
  mkdir -p "$folder/bin" "$folder/share"
  for tool in "${@:2}"; do cp -L "$(command -v "$tool")" "$folder/bin/"; done
  # Debian's Alertmanager has its templates beside it, upstream's within.
  cp -L "$(dirname "$(command -v prometheus-alertmanager)")"/../share/prometheus/alertmanager/*.tmpl "$folder/share/"
  printf '%s\n' 'FROM debian:bookworm-slim' 'COPY bin /bin/' 'COPY share /usr/share/prometheus/alertmanager' \
    'USER 65534:65534' "ENTRYPOINT [\"/bin/$program\"]" >"$folder/Dockerfile"
  docker build --pull=false -q -t "$1" "$folder" >/dev/null
}
image_of() { "${compose[@]}" config | python3 -c "
import sys, yaml
print(yaml.safe_load(sys.stdin)['services']['$1']['image'])"; }
printf '#!/bin/sh\nexec busybox wget "$@"\n' >"$scratch/wget"
chmod 755 "$scratch/wget"
export PATH=$scratch:$PATH
stand_in "$(image_of prometheus)" prometheus busybox wget
stand_in "$(image_of alertmanager)" prometheus-alertmanager amtool
stand_in "$(image_of node_exporter)" prometheus-node-exporter busybox wget

"${compose[@]}" up -d --no-build simulator exporter alertmanager prometheus node_exporter >"$scratch/compose.log" 2>&1 ||
  {
    cat "$scratch/compose.log" >&2
    "${compose[@]}" logs --no-color --tail=10 >&2
    die "compose.yaml's stack does not start."
  }
for service in exporter alertmanager prometheus node_exporter; do
  await 120 "$service of compose.yaml is not healthy" is_healthy "$("${compose[@]}" ps -q "$service")"
done
"${compose[@]}" ps
up_for_all() {
  fetch --get --data-urlencode 'query=count(up == 1)' http://127.0.0.1:9090/api/v1/query | jq -e '.data.result[0].value[1] == "3"'
}
await 60 "not all targets are up" up_for_all
say "all three targets of Prometheus are up"
command=$(grep -m 1 -o 'curl -X PUT .*spot-termination$' docker/README.md)
begin=$SECONDS
bash -c "$command" >/dev/null 2>&1 || die "the README's command fails: $command"
alerted() {
  fetch http://127.0.0.1:9093/api/v2/alerts |
    jq -e '.[] | select(.labels.alertname == "AliyunEcsSpotTerminationScheduled" and .receivers[].name == "spot")'
}
await 90 "the notice does not come to Alertmanager" alerted
say "$((SECONDS - begin)) s after \"$command\" the alert is in Alertmanager, for the receiver spot"
"${compose[@]}" down >"$scratch/compose.log" 2>&1 || die "compose.yaml's stack does not end."
say "all of it passed"
