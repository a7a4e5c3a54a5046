#!/usr/bin/env bash
# Renders docker/kubernetes with kubectl and holds it to the schemas of Kubernetes and the Prometheus operator,
# to promtool and to the programs. Gets what it needs; safe to run again.
#
#   tests/packaging/kubernetes.sh [BIN]   the folder of the built programs, build/check unless told otherwise
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."

bin=$(realpath "${1:-build/check}")
[[ -x $bin/aliyun_ecs_exporter ]] || {
  echo "tests/packaging/kubernetes.sh: there is no $bin/aliyun_ecs_exporter; build it first." >&2
  exit 1
}
exporter/packaging/install-packages.sh test
command -v promtool >/dev/null || exporter/packaging/install-packages.sh --unpack build/_tools
exporter/packaging/install-packages.sh --unpack build/_tools/alerts alerts-unpack
exporter/packaging/install-packages.sh --unpack build/_tools/kubernetes kubernetes-unpack
{ command -v node && command -v npm; } >/dev/null || exporter/packaging/install-packages.sh clients
exporter/packaging/install-node-modules.sh tests/e2e/kubernetes kubernetes-models

ALIYUN_ECS_BIN=$bin ALIYUN_ECS_SOURCE=$PWD /usr/bin/python3 -B tests/e2e/kubernetes_rendered_test.py
