#!/usr/bin/env bash
# How long a notice takes to a person: from the metadata service to the call of a webhook, by the rule
# and by the direct path, with what alerts/ ships. Prometheus and Alertmanager are only unpacked.
#
#   tests/benchmark/notice_times.sh [RUNS]   20, all of them at once; takes about a minute
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."

script=tests/benchmark/notice_times.sh
source tests/benchmark/common.sh

runs=${1:-20}
[[ $runs =~ ^[1-9][0-9]?$ ]] || die "\"$runs\" is not a number of runs from 1 to 99."

exporter/packaging/install-packages.sh --unpack build/_tools
build release aliyun_ecs_exporter aliyun_ecs_simulator
ALIYUN_ECS_BIN=build/release ALIYUN_ECS_SOURCE=$PWD ALIYUN_ECS_SKIP_NOTHING=1 \
  python3 -B tests/benchmark/notice_times.py "$runs"
