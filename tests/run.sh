#!/usr/bin/env bash
# Holds every file against formatters and linters; builds and runs every test: with g++, with clang under
# AddressSanitizer and UndefinedBehaviorSanitizer, and with clang under ThreadSanitizer; then the demo.
# Installs what is missing. Safe to run again.
#
#   tests/run.sh [STAGE...]   only these of: gates check asan tsan demo, of what --full adds, and of "clang": the
#                             tests built with clang, without sanitizers and precompiled headers
#   tests/run.sh --full       also cppcheck and clang-tidy, the lines that tests run, new inputs for the fuzz
#                             targets, a soak, the pictures of the dashboards, and, as root, the unit under a
#                             real systemd, packages, images, Kubernetes manifests
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

usual=(gates check asan tsan demo)
full=("${usual[@]}" lint coverage fuzz soak pictures unit reproducible packages kubernetes containers)
stages=("$@")
((${#stages[@]})) || stages=("${usual[@]}")
[[ ${stages[*]} != --full ]] || stages=("${full[@]}")
for stage in "${stages[@]}"; do
  [[ " ${full[*]} clang " == *" $stage "* ]] || {
    echo "tests/run.sh: there is no \"$stage\"; choose --full or from ${full[*]} clang." >&2
    exit 1
  }
done

exporter/packaging/install-packages.sh build demo test
{ command -v promtool && command -v prometheus-alertmanager; } >/dev/null ||
  exporter/packaging/install-packages.sh --unpack build/_tools
exporter/packaging/install-packages.sh --unpack build/_tools/alerts alerts-unpack
exporter/packaging/install-packages.sh --unpack build/_tools/monitoring monitoring-unpack
{ command -v node && command -v npm; } >/dev/null || exporter/packaging/install-packages.sh clients
exporter/packaging/install-node-modules.sh tests/e2e/clients clients
exporter/packaging/install-node-modules.sh dashboards/source dashboards

# A test that cannot run here fails instead of being skipped.
export ALIYUN_ECS_SKIP_NOTHING=1

demo() {
  local page built=()
  # Optimising them anew takes minutes, and the packages of --full are.
  [[ ${stages[*]} != *check*demo* ]] || built=(--programs build/check)
  page=$(exporter/demo.sh --once "${built[@]}")
  grep -q '^aliyun_ecs_metadata_items{state="present"} 46$' <<<"$page" || {
    echo "tests/run.sh: the demo's page does not show all 46 items." >&2
    return 1
  }
}

pictures() {
  exporter/packaging/install-packages.sh pictures
  local drawn
  drawn=$(mktemp -d)
  dashboards/draw.sh "$drawn"
  rm -r "$drawn"
}

for stage in "${stages[@]}"; do
  SECONDS=0
  echo "== $stage"
  case $stage in
    demo | pictures) "$stage" ;;
    check | clang | asan | tsan) cmake --workflow --preset "$stage" ;;
    gates) tests/gates/quick.sh ;;
    lint | coverage) "tests/gates/$stage.sh" ;;
    fuzz) tests/fuzz/run.sh 5 ;;
    soak) tests/soak/run.sh 300 ;;
    *) "tests/packaging/$stage.sh" ;;
  esac
  echo "== $stage: $SECONDS s"
done
echo "== all of it passed: ${stages[*]}"
