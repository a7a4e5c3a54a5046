#!/usr/bin/env bash
# Which lines of the product the tests run: builds the preset "coverage", runs the unit tests and those
# end-to-end tests that reach what they do not, and prints the share of each folder and the lines of
# client, poll, metadata, expose and check that nothing reached. Fails when one of these five is under
# 95 %. Installs what is missing.
#
#   tests/gates/coverage.sh
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."

die() {
  echo "tests/gates/coverage.sh: $1" >&2
  exit 1
}

exporter/packaging/install-packages.sh build test coverage
build=$PWD/build/coverage
mkdir -p "$build"
{ cmake --preset coverage && cmake --build --preset coverage; } >"$build/build.log" 2>&1 || {
  tail -n 40 "$build/build.log" >&2
  die "the tests could not be built; the last words are above."
}

find "$build" -name '*.gcda' -delete
run() { # NAME COMMAND...
  SECONDS=0
  "${@:2}" >"$build/$1.log" 2>&1 || {
    tail -n 40 "$build/$1.log" >&2
    die "$1 failed; the last words are above."
  }
  echo "$1: $SECONDS s"
}
unit_tests() { # half of them on each of two processors
  local half status=0
  for half in 0 1; do
    GTEST_TOTAL_SHARDS=2 GTEST_SHARD_INDEX=$half "$build/unit_tests" --gtest_brief=1 &
  done
  wait -n || status=$?
  wait -n || status=$?
  return "$status"
}
run unit_tests unit_tests
export ALIYUN_ECS_BIN=$build ALIYUN_ECS_SOURCE=$PWD ALIYUN_ECS_SKIP_NOTHING=1
for test in alertmanager_direct bad_input check drill page service trouble ways_out web web_config; do
  run "e2e_$test" /usr/bin/python3 -B "tests/e2e/${test}_test.py"
done

gcovr --root . --filter exporter/ --json "$build/coverage.json" "$build/CMakeFiles" 2>"$build/gcovr.log" || {
  tail -n 40 "$build/gcovr.log" >&2
  die "gcovr could not read what was counted; its last words are above."
}
/usr/bin/python3 -B tests/gates/coverage.py "$build/coverage.json"
