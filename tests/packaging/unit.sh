#!/usr/bin/env bash
# Boots a systemd of its own and runs the exporter under its real unit there: ready, reload, notice
# file, SIGKILL, watchdog, stop. Needs root and cgroup v2; nothing outside its namespaces changes.
#
#   tests/packaging/unit.sh [BUILD]   BUILD holds the programs; build/check if absent
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
unit=aliyun-ecs-exporter

die() {
  printf 'unit.sh: %s\n' "$1" >&2
  exit 1
}

build=${1:-$top/build/check}
[[ -x $build/aliyun_ecs_exporter ]] || die "$build holds no aliyun_ecs_exporter; 'tests/run.sh check' builds one."
build=$(cd "$build" && pwd)

((EUID == 0)) || die "only root can boot a systemd."
"$top/exporter/packaging/install-packages.sh" demo test
cgroup=$(findmnt -n -o TARGET -t cgroup2 | head -n 1)
[[ -n $cgroup ]] || die "there is no cgroup v2 here."

scratch=$(mktemp -d)
group=$cgroup/unit-sh-$$
init=
clean_up() {
  # Its first process takes every other one with it.
  [[ -z $init ]] || kill -KILL "$init" 2>/dev/null || true
  wait
  find "$group" -depth -type d -exec rmdir {} + 2>/dev/null || true
  rm -rf "$scratch"
}
trap clean_up EXIT
trap 'exit 1' INT TERM
mkdir "$group" "$scratch/root"

# The machine's programs under an /etc and a /var of their own.
cat >"$scratch/boot" <<'END'
set -euo pipefail
root=$1 build=$2 unit=$3
mount -t tmpfs -o mode=755 none "$root"
cd "$root"
mkdir -p dev etc/systemd/system home opt proc root run srv sys tmp usr var/lib
for name in bin lib lib64 sbin; do ln -s "usr/$name" "$name"; done
mount --bind /usr usr
mount -o remount,ro,bind usr
mount -t proc proc proc
# systemd would set the machine's own kernel variables.
mount --bind proc/sys proc/sys
mount -o remount,ro,bind proc/sys
mount -t sysfs -o ro sysfs sys
mount -t tmpfs none sys/fs/cgroup
mount -t cgroup2 none sys/fs/cgroup
mount -t tmpfs -o mode=755 none run
mount -t tmpfs -o mode=755 none dev
for name in full null random tty urandom zero; do cp -a "/dev/$name" dev; done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
cp /etc/ld.so.cache /etc/nsswitch.conf etc
echo root:x:0:0:root:/root:/bin/sh >etc/passwd
echo root:x:0: >etc/group
echo 0123456789abcdef0123456789abcdef >etc/machine-id
ln -s /lib/systemd/system/basic.target etc/systemd/system/default.target
for name in dbus.socket systemd-logind.service systemd-sysctl.service; do
  ln -s /dev/null "etc/systemd/system/$name"
done
cp "$build/aliyun_ecs_exporter" "$build/aliyun_ecs_simulator" opt
sed "s|=/usr/bin/aliyun_ecs_exporter|=/opt/aliyun_ecs_exporter|" "$unit" \
  >etc/systemd/system/aliyun-ecs-exporter.service
mkdir etc/default
cat >etc/default/aliyun-ecs-exporter <<'SETTINGS'
ALIYUN_ECS_EXPORTER_METADATA_URL=http://127.0.0.1:10280
ALIYUN_ECS_EXPORTER_WEB_LISTEN_ADDRESS=127.0.0.1:10200
ALIYUN_ECS_EXPORTER_SPOT_NOTICE_FILE=/run/aliyun-ecs-exporter/notice.json
SETTINGS
ip link set lo up
mkdir old
pivot_root . old
umount -l /old
exec env -i container=other PATH=/usr/sbin:/usr/bin /lib/systemd/systemd --log-target=journal \
  --show-status=no </dev/null
END
(
  echo "$BASHPID" >"$group/cgroup.procs"
  exec unshare --pid --fork --mount --uts --ipc --net --cgroup --kill-child \
    bash "$scratch/boot" "$scratch/root" "$build" "$top/exporter/packaging/$unit.service"
) >"$scratch/log" 2>&1 &
outer=$!

inside() { nsenter -t "$init" -a "$@"; }
fails() {
  tail -n 20 "$scratch/log" >&2
  [[ -z $init ]] || inside timeout 20 journalctl --no-pager -n 40 >&2 || true
  die "$1"
}
until_true() { # WHAT COMMAND...
  local end=$((SECONDS + 60)) what=$1
  shift
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < end)) || fails "never: $what"
    sleep 0.1
  done
  printf 'ok  %s\n' "$what"
}
property() { inside systemctl show -P "$1" "$unit"; }
is() { # PROPERTY VALUE
  [[ $(property "$1") == "$2" ]]
}
check() { # WHAT COMMAND...
  local what=$1
  shift
  "$@" || fails "not so: $what"
  printf 'ok  %s\n' "$what"
}

booted() {
  init=$(pgrep -P "$outer") && inside systemctl is-active basic.target
}
until_true "systemd is booted" booted
inside systemd-run -q --unit=simulator /opt/aliyun_ecs_simulator --listen-address=127.0.0.1:10280 \
  --control.listen-address=127.0.0.1:10281
until_true "the simulator answers" inside curl -fsS http://127.0.0.1:10281/control/options

check "the unit starts" inside timeout 60 systemctl start "$unit"
check "it was ready because its page was complete" is StatusText "the page is complete"
inside curl -fsS http://127.0.0.1:10200/metrics >"$scratch/page"
check "no item is unread" grep -q '^aliyun_ecs_metadata_items{state="unread"} 0$' "$scratch/page"
check "and the resident memory is on the page" grep -q '^process_resident_memory_bytes [1-9]' "$scratch/page"

first=$(property MainPID)
inside cat "/proc/$first/status" >"$scratch/status"
user=$(awk '$1 == "Uid:" { print $2 }' "$scratch/status")
check "it runs as a dynamic user ($user)" test "$user" -ge 61184 -a "$user" -le 65519
check "without capabilities" grep -qE '^CapEff:\s0+$' "$scratch/status"
check "under a filter of system calls" grep -qE '^Seccomp:\s2$' "$scratch/status"
inside cat "/proc/$first/limits" >"$scratch/limits"
check "with no core file, be it a file or a pipe" grep -qE '^Max core file size +1 +1 ' "$scratch/limits"
state=/var/lib/private/$unit/state.json
owner_of() { inside stat -c %u "$1"; }
until_true "its state is kept in its own folder" inside test -s "$state"
check "which belongs to it" test "$(owner_of "$state")" = "$user"

notice=/run/$unit/notice.json
inside curl -fsS -X PUT -d '{"in_seconds": 280}' http://127.0.0.1:10281/control/spot-termination
until_true "a notice is written to /run" inside test -s "$notice"

logged() { [[ $(inside journalctl -u "$unit" --no-pager) == *"$1"* ]]; }
echo ALIYUN_ECS_EXPORTER_LOG_LEVEL=debug | inside tee -a /etc/default/aliyun-ecs-exporter >/dev/null
check "the unit reloads" inside timeout 60 systemctl reload "$unit"
until_true "and the program has read its settings anew" logged "settings read anew"

inside kill -KILL "$first"
restarted() { [[ $(property MainPID) != @(0|"$1") ]] && is ActiveState active; }
until_true "it is killed, and started again" restarted "$first"
check "the notice is still there" inside test -s "$notice"

inside mkdir -p "/run/systemd/system/$unit.service.d"
printf '[Service]\nWatchdogSec=2\n' | inside tee "/run/systemd/system/$unit.service.d/watchdog.conf" >/dev/null
inside systemctl daemon-reload
inside systemctl restart "$unit"
second=$(property MainPID)
fed() { [[ $(property WatchdogTimestampMonotonic) -gt $1 ]]; }
until_true "the watchdog is fed" fed "$(property WatchdogTimestampMonotonic)"
inside kill -STOP "$second"
until_true "it stands still, and the watchdog starts it again" restarted "$second"
check "the watchdog was it" logged "Watchdog timeout"
no_core() { ! logged "code=dumped"; }
check "no core was dumped" no_core

check "the unit stops" inside timeout 60 systemctl stop "$unit"
check "with exit status 0" is ExecMainStatus 0
check "and success" is Result success
gone() { ! inside test -e "/run/$unit"; }
check "nothing is left in /run" gone
check "the state is" inside test -s "$state"
inside timeout 20 systemd-analyze security --no-pager "$unit" | tail -n 1
