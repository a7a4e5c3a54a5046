#!/usr/bin/env bash
# Reads the C++ as a reviewer would who knows every trap of the language: cppcheck, then clang-tidy
# with the checks of .clang-tidy, file by file. Installs what is missing; builds nothing.
#
#   tests/gates/lint.sh            the product, the simulator and all that is no unit test
#   tests/gates/lint.sh --all      the unit tests as well
#   tests/gates/lint.sh FILE...    these by clang-tidy
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."

die() {
  echo "tests/gates/lint.sh: $1" >&2
  exit 1
}

exporter/packaging/install-packages.sh build test lint
mkdir -p build
cmake --preset lint >build/lint-configure.log 2>&1 || {
  tail -n 40 build/lint-configure.log >&2
  die "the preset \"lint\" could not be configured; the last words are above."
}

compiled() { # the files that the preset compiles, by their path from here
  jq -r --arg here "$PWD/" '.[].file | select(startswith($here)) | ltrimstr($here) | select(startswith("build/") | not)' \
    build/lint/compile_commands.json | sort -u
}

list=$(compiled)
case ${1:-} in
  '') list=$(grep -v '^tests/unit/' <<<"$list") ;;
  --all) ;;
  -*) die "usage: tests/gates/lint.sh [--all | FILE...]" ;;
  *) list=$(printf '%s\n' "$@") ;;
esac
mapfile -t files <<<"$list"

if [[ ${1:-} != [!-]* ]]; then
  SECONDS=0
  cppcheck --quiet --error-exitcode=1 --std=c++20 --language=c++ --library=googletest \
    --enable=warning,style,performance,portability --suppressions-list=tests/gates/cppcheck.txt \
    -I exporter -I tests "${files[@]}"
  echo "cppcheck: ${#files[@]} files, $SECONDS s"
fi

SECONDS=0
# Each file by itself: some take a minute.
# shellcheck disable=SC2016  # the inner shell's own
printf '%s\n' "${files[@]}" | xargs -d '\n' -P 2 -n 1 sh -c '
  said=$(clang-tidy-14 --quiet --warnings-as-errors="*" -p build/lint "$1" 2>/dev/null) || {
    printf "%s\n%s\n" "$1" "$said"
    exit 1
  }' sh || die "clang-tidy complains; see above."
echo "clang-tidy: ${#files[@]} files, $SECONDS s"
