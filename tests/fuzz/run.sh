#!/usr/bin/env bash
# Explores with libFuzzer, for what no test has thought of. Installs what is missing.
#
#   tests/fuzz/run.sh SECONDS [TARGET...]  explores for so long with each target (all of them)
#   tests/fuzz/run.sh --keep [TARGET...]   adds what the explorations have reached to the corpus
#
# A finding ends a target's exploration and is kept in build/fuzz/findings/TARGET. When its cause is
# mended it goes into tests/fuzz/corpus/TARGET under a name that says what it was; the tests of all
# presets replay that folder. Files whose names are hashes are libFuzzer's, and replaced by --keep.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."

die() {
  echo "tests/fuzz/run.sh: $1" >&2
  exit 1
}

(($#)) || die "usage: tests/fuzz/run.sh SECONDS|--keep [TARGET...]"
[[ $1 == --keep || $1 =~ ^[1-9][0-9]*$ ]] || die "\"$1\" is neither a number of seconds nor --keep."
what=$1
shift

exporter/packaging/install-packages.sh build test
mkdir -p build
cmake --workflow --preset fuzz >build/fuzz-build.log 2>&1 || {
  tail -n 40 build/fuzz-build.log >&2
  die "the targets could not be built; the last words are above."
}

targets=("$@")
if ((!${#targets[@]})); then
  mapfile -t targets < <(cd tests/fuzz/corpus && printf '%s\n' *)
fi
for target in "${targets[@]}"; do
  [[ -x build/fuzz/fuzz_$target ]] || die "there is no target \"$target\"."
done

explore() { # TARGET: prints its line of the table; fails when something was found
  local target=$1 found status=0
  local explored=build/fuzz/explored/$target findings=build/fuzz/findings/$target
  local log=build/fuzz/$target.log flags=(-max_len=4096)
  [[ ! -e tests/fuzz/$target.dict ]] || flags+=("-dict=tests/fuzz/$target.dict")
  mkdir -p "$explored" "$findings"
  ASAN_OPTIONS=quarantine_size_mb=8:malloc_context_size=4 \
    "build/fuzz/fuzz_$target" "${flags[@]}" -max_total_time="$what" -timeout=10 -rss_limit_mb=2048 \
    -print_final_stats=1 -artifact_prefix="$findings/" "$explored" "tests/fuzz/corpus/$target" \
    >"$log" 2>&1 || status=$?
  # The last line of its kind, such as "#1234 DONE cov: 12 ft: 34 corp: 5/67b …".
  found=$(grep -E '^#[0-9]+.* cov: ' "$log" | tail -n 1)
  printf '%-20s %12s %6s %6s   %s\n' "$target" \
    "$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")" \
    "$(sed -n 's/.* cov: \([0-9]*\).*/\1/p' <<<"$found")" \
    "$(sed -n 's/.* ft: \([0-9]*\).*/\1/p' <<<"$found")" \
    "$( ((status)) && echo "see $log" || echo none)"
  ((status == 0))
}

keep() { # TARGET
  local target=$1 corpus=tests/fuzz/corpus/$1 merged file
  merged=$(mktemp -d)
  for file in "$corpus"/*; do
    [[ ${file##*/} =~ ^[0-9a-f]{40}$ ]] || cp "$file" "$merged"
  done
  mkdir -p "build/fuzz/explored/$target"
  # The smallest set that reaches all the code, however often it runs.
  "build/fuzz/fuzz_$target" -max_len=4096 -use_counters=0 -set_cover_merge=1 "$merged" \
    "build/fuzz/explored/$target" "$corpus" >"build/fuzz/$target.log" 2>&1 ||
    die "libFuzzer could not merge the corpus of $target; see build/fuzz/$target.log."
  rm -r "$corpus"
  cp -r "$merged" "$corpus"
  rm -r "$merged"
  chmod 755 "$corpus"
  printf '%-20s %4d inputs, %d bytes\n' "$target" "$(find "$corpus" -type f | wc -l)" \
    "$(cat "$corpus"/* | wc -c)"
}

if [[ $what == --keep ]]; then
  for target in "${targets[@]}"; do keep "$target"; done
  exit 0
fi
status=0
printf '%-20s %12s %6s %6s   %s\n' target executions cov ft findings
for target in "${targets[@]}"; do explore "$target" || status=1; done
exit "$status"
