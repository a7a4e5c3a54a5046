#!/usr/bin/env bash
# generate.sh [DIR]   writes alerts/rules into DIR, prometheus-operator/rules unless told otherwise, as
#                     PrometheusRules. Kustomize cannot make a part of an object from a file.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
dir=${1:-$here/prometheus-operator/rules}

for rules in "$here"/../../alerts/rules/*.yml; do
  name=$(basename "$rules" .yml)
  {
    cat <<EOF
# Written by docker/kubernetes/generate.sh from alerts/rules/$name.yml; do not edit.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: aliyun-ecs-$name
spec:
EOF
    sed 's/^./  &/' "$rules"
  } >"$dir/$name.yaml"
done
