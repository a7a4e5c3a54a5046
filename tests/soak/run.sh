#!/usr/bin/env bash
# Storms of trouble around the real programs, in real time: a metadata service that misbehaves in every way
# the simulator knows, kills, a full disk, no descriptors, no memory, while scrapers and the plugin look on.
# Every answer is judged, all the time. Installs what is missing; needs root, or a kernel that gives
# namespaces to ordinary users, for the small disk.
#
#   tests/soak/run.sh [SECONDS [PRESET [SEED]]]   1800 s, the build "check", a new seed
#
# The first broken promise ends it, with what happened before; the logs are kept then.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."

die() {
  echo "tests/soak/run.sh: $1" >&2
  exit 1
}

seconds=${1:-1800} preset=${2:-check} seed=${3:-$RANDOM$RANDOM}
[[ $seconds =~ ^[1-9][0-9]*$ ]] || die "\"$seconds\" is not a number of seconds."
exporter/packaging/install-packages.sh build test
mkdir -p build
folder=$(mktemp -d "$PWD/build/soak.XXXXXX")
soak=
# The soak may have just ended.
trap '[[ -z $soak ]] || kill "$soak" 2>/dev/null || true; wait; rm -r "$folder"; exit 143' INT TERM
{ cmake --preset "$preset" && cmake --build "build/$preset" --target \
  aliyun_ecs_exporter aliyun_ecs_simulator check_aliyun_ecs; } >"$folder/build.log" 2>&1 || {
  tail -n 40 "$folder/build.log" >&2
  rm -r "$folder"
  die "the programs could not be built; the last words are above."
}

flags=()
[[ $preset != asan && $preset != tsan ]] || flags=(--sanitized)
own_mounts=(unshare --mount)
((UID == 0)) || own_mounts+=(--map-root-user)
"${own_mounts[@]}" true || {
  rm -r "$folder"
  die "there are no mount namespaces here, and so no small disk."
}

echo "seed $seed, $seconds s, build $preset"
# Little is kept of what was freed, so that memory tells something under AddressSanitizer, too.
export ASAN_OPTIONS=quarantine_size_mb=8 ALIYUN_ECS_BIN=$PWD/build/$preset ALIYUN_ECS_SOURCE=$PWD
status=0
"${own_mounts[@]}" /usr/bin/python3 -B tests/soak/soak.py "$seconds" "$seed" "$folder" "${flags[@]}" &
soak=$!
wait "$soak" || status=$?
if ((status)); then
  echo "The logs are in $folder; the same again: tests/soak/run.sh $seconds $preset $seed" >&2
else
  rm -r "$folder"
fi
exit "$status"
