#!/usr/bin/env bash
# Builds and runs every test: with g++, with clang, under AddressSanitizer and
# UndefinedBehaviorSanitizer, and under ThreadSanitizer; then the demo, as a new user would.
# Installs what is missing. Safe to run again.
#
#   tests/run.sh [PRESET...]   only these of: check clang asan tsan demo
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

stages=("$@")
((${#stages[@]})) || stages=(check clang asan tsan demo)
for stage in "${stages[@]}"; do
  case $stage in
    check | clang | asan | tsan | demo) ;;
    *)
      echo "tests/run.sh: there is no \"$stage\"; choose from check clang asan tsan demo." >&2
      exit 1
      ;;
  esac
done

exporter/packaging/install-packages.sh build demo test
{ command -v promtool && command -v prometheus-alertmanager; } >/dev/null ||
  exporter/packaging/install-packages.sh --unpack build/_tools
exporter/packaging/install-packages.sh --unpack build/_tools/alerts alerts-unpack
exporter/packaging/install-packages.sh --unpack build/_tools/monitoring monitoring-unpack
{ command -v node && command -v npm; } >/dev/null || exporter/packaging/install-packages.sh clients
tests/e2e/clients/install.sh

# A test that cannot run here fails instead of being skipped.
export ALIYUN_ECS_SKIP_NOTHING=1

demo() {
  local page
  page=$(exporter/demo.sh --once)
  grep -q '^aliyun_ecs_metadata_items{state="present"} 46$' <<<"$page" || {
    echo "tests/run.sh: the demo's page does not show all 46 items." >&2
    return 1
  }
}

for stage in "${stages[@]}"; do
  echo "== $stage"
  if [[ $stage == demo ]]; then
    demo
  else
    cmake --workflow --preset "$stage"
  fi
done
echo "== all of it passed: ${stages[*]}"
