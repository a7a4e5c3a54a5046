#!/usr/bin/env bash
# Builds the programs of a Release twice, in two folders, under two names, time zones and umasks, and
# compares them byte by byte.
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
programs=(aliyun_ecs_exporter check_aliyun_ecs aliyun_ecs_simulator)

"$top/exporter/packaging/install-packages.sh" build
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
# No result of an earlier build may stand in for this one.
export CCACHE_DISABLE=1
SOURCE_DATE_EPOCH=$(git -C "$top" log -1 --format=%ct 2>/dev/null || echo 1700000000)
export SOURCE_DATE_EPOCH

# Once, so that both are of the same source whatever happens to it meanwhile.
tar -C "$top" --exclude=./build --exclude=./.git -cf "$scratch/source.tar" .

build() { # FOLDER
  mkdir -p "$1/source"
  tar -C "$1/source" -xf "$scratch/source.tar"
  # Else the configuration fetches it there.
  [[ ! -d $top/build/_civetweb-1.16 ]] || {
    mkdir "$1/source/build"
    cp -r "$top/build/_civetweb-1.16" "$1/source/build"
  }
  cmake -S "$1/source" -B "$1/out" -G Ninja -DCMAKE_BUILD_TYPE=Release -DALIYUN_ECS_TESTS=OFF \
    -DALIYUN_ECS_REVISION=0123456789ab >"$scratch/log"
  cmake --build "$1/out" --parallel 2 --target "${programs[@]}" >>"$scratch/log" || {
    tail -n 20 "$scratch/log" >&2
    exit 1
  }
}

(umask 022 && TZ=UTC LC_ALL=C build "$scratch/one")
(umask 077 && TZ=Asia/Shanghai LC_ALL=C.UTF-8 build "$scratch/a-folder-with-a-longer-name/two")

status=0
for program in "${programs[@]}"; do
  first=$scratch/one/out/$program second=$scratch/a-folder-with-a-longer-name/two/out/$program
  (cd "$scratch/one/out" && sha256sum "$program")
  if ! cmp "$first" "$second"; then
    echo "reproducible.sh: $program is not the same in both builds." >&2
    status=1
  elif grep -qaF "$scratch" "$first"; then
    echo "reproducible.sh: $program names the folder of its build." >&2
    status=1
  fi
done
((status)) || echo "Both builds gave the same bytes."
exit "$status"
