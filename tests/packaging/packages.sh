#!/usr/bin/env bash
# tests/packaging/packages.sh   builds the packages, lets lintian judge them, and installs, upgrades,
#                               removes and purges them in a throw-away Debian 12
# As root. Installs what it needs. Safe to run again; the bare Debian is kept below build/_roots.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."

here=$PWD/build/packages-test
root=$here/root
default=/etc/default/aliyun-ecs-exporter
packages=(aliyun-ecs-exporter aliyun-ecs-simulator check-aliyun-ecs)

die() {
  printf 'packages.sh: %s\n' "$1" >&2
  exit 1
}
ok() { printf 'ok  %s\n' "$1"; }

((EUID == 0)) || die "only root can make a root folder of Debian."

children=()
clean_up() {
  local child
  for child in "${children[@]}"; do kill "$child" 2>/dev/null || true; done
  ! mountpoint -q "$root/proc" || umount "$root/proc"
  rm -rf "$here"
}
trap clean_up EXIT
clean_up
mkdir -p "$here"

exporter/packaging/install-packages.sh build packages packages-test

# --- what is built

export SOURCE_DATE_EPOCH=1700000000
exporter/packaging/build-packages.sh "$here/1" >/dev/null
exporter/packaging/build-packages.sh "$here/again" >/dev/null
ALIYUN_ECS_PACKAGE_RELEASE=2 ALIYUN_ECS_PACKAGE_HOMEPAGE=https://exporter.example/ \
  exporter/packaging/build-packages.sh "$here/2" >/dev/null
for file in "$here"/1/*; do
  cmp "$file" "$here/again/${file##*/}" || die "${file##*/} is another when it is packed again."
  printf '    %7d bytes %s\n' "$(stat -c %s "$file")" "${file##*/}"
done
ok "packed twice: the same bytes"

for file in "$here"/[12]/*.deb; do printf '%s ' "$(dpkg-deb -f "$file" Homepage)"; done >"$here/homepages"
[[ $(<"$here/homepages") == "   https://exporter.example/ https://exporter.example/ https://exporter.example/ " ]] ||
  die "packages name these homepages: $(<"$here/homepages")"
ok "packages name the homepage that they are given, and else none"

bills_name() { # DIR PROGRAM...
  local program sum
  for program in "${@:2}"; do
    read -r sum _ < <(sha256sum "$program")
    grep -qF "$sum" "$1"/*.cdx.json || die "no bill of materials names ${program##*/} as it is packed."
  done
}
for deb in "$here"/1/*.deb; do dpkg-deb -x "$deb" "$here/unpacked"; done
bills_name "$here/1" "$here"/unpacked/usr/bin/* "$here"/unpacked/usr/lib/nagios/plugins/*
ok "bills of materials name the programs as they are packed"

# Reasons for what is overridden stand in exporter/packaging/deb/*.lintian-overrides. Whether machine code
# looks like a misspelt word is chance, and so is whether that override is used.
words=$(lintian --allow-root --pedantic --display-info --tag-display-limit 0 --fail-on none "$here"/1/*.deb |
  sed '/unused-override spelling-error-in-binary/d')
printf '%s' "${words:+$words$'\n'}"
! grep -E '^[EWIP]:' <<<"$words" >/dev/null || die "lintian complains."
ok "lintian is content, also when it is pedantic"

size=$(stat -c %s "$here/unpacked/usr/bin/aliyun_ecs_exporter")
((size <= 2 * 1024 * 1024)) || die "the stripped exporter has $size bytes, more than 2 MiB."
ok "the stripped exporter has $size bytes, of at most 2 MiB"

# --- a bare Debian 12 with what the packages depend on

tests/packaging/bare-debian.sh build/_roots
mkdir "$root"
tar -xf build/_roots/bookworm.tar -C "$root"
mount -t proc proc "$root/proc"
# Those that shall be ended are begun with this itself: the process of a function is another.
in_root=(chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive)
in_root() { "${in_root[@]}" "$@"; }
apt_in_root() {
  in_root apt-get -qq -y --no-install-recommends "$@" </dev/null >"$here/apt.log" 2>&1 || {
    tail -n 20 "$here/apt.log" >&2
    die "apt-get $1 failed; its last words are above."
  }
}
put_in_root() { # DIR; "debs" are what apt shall install
  rm -rf "$root/packages"
  cp -r "$1" "$root/packages"
  debs=("$root"/packages/*.deb)
  debs=("${debs[@]#"$root"}")
}
apt_in_root update

# As apt finds them, so that what remains afterwards is the packages' own doing.
put_in_root "$here/1"
mapfile -t needed < <(in_root apt-get install -s --no-install-recommends "${debs[@]}" |
  sed -n 's/^Inst \([^ ]*\).*/\1/p' | grep -vxF "$(printf '%s\n' "${packages[@]}")")
apt_in_root install "${needed[@]}"

# Names, kinds, rights and contents; without what apt, dpkg and the loader keep for themselves.
listing() {
  (cd "$root" && find . -xdev \( -path ./proc -o -path ./packages -o -path ./var/cache -o -path ./var/log \
    -o -path ./var/lib/apt -o -path ./var/lib/dpkg -o -path ./etc/ld.so.cache -o -path ./tmp \) -prune \
    -o ! -type f -printf '%p %y %M %l\n' -o -printf '%p %y %M ' -exec sha256sum {} \; | sort)
}
listing >"$here/before"

# --- installed

apt_in_root install "${debs[@]}"
ok "installed from Debian 12 alone, without systemd running"
in_root aliyun_ecs_exporter --version
in_root aliyun_ecs_simulator --version
status=0
in_root /usr/lib/nagios/plugins/check_aliyun_ecs --version || status=$?
((status == 3)) || die "the plugin ended with $status instead of 3."
ok "every program starts"

# shellcheck disable=SC2016  # dpkg-query's own variables
[[ $(in_root dpkg-query -W -f '${Conffiles}' aliyun-ecs-exporter) == *"$default "* ]] || die "$default is no conffile."
[[ -L $root/etc/systemd/system/multi-user.target.wants/aliyun-ecs-exporter.service ]] || die "the unit is not enabled."
ok "settings are a conffile, the unit is enabled"
in_root dpkg --verify "${packages[@]}" | grep . && die "files are not those of the packages."

# As the unit has it, as far as that goes without systemd: its variables, no right, no privilege, own umask.
wait_for() { # FILE PATTERN
  local deadline=$((SECONDS + 120))
  until sed -nE "s/.*$2.*/\1/p" "$1" 2>/dev/null | head -n 1 | grep .; do
    ((SECONDS < deadline)) || die "$2 never came: $(tail -n 5 "$1")"
    sleep 0.1
  done
}
unit=$root/usr/lib/systemd/system/aliyun-ecs-exporter.service
state=/var/lib/private/aliyun-ecs-exporter
install -d -m 700 "$root/var/lib/private"
install -d -m 755 -o 64999 -g 64999 "$root$state"
ln -s private/aliyun-ecs-exporter "$root/var/lib/aliyun-ecs-exporter"
chmod 711 "$root/var/lib/private" # systemd shows the service its own folder there, and no other
mapfile -t variables < <(sed -n 's/^Environment=//p' "$unit")
"${in_root[@]}" aliyun_ecs_simulator --listen-address=127.0.0.1:0 --control.listen-address=127.0.0.1:0 >"$here/simulator" 2>&1 &
children+=($!)
metadata=$(wait_for "$here/simulator" 'address=([^ ]+) for=metadata')
"${in_root[@]}" setpriv --reuid=64999 --regid=64999 --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all \
  env "${variables[@]}" sh -c "umask 0077; set -a; . $default; exec $(sed -n 's/^ExecStart=//p' "$unit") \
    --metadata.url=http://$metadata --web.listen-address=127.0.0.1:0" >"$here/exporter" 2>&1 &
exporter=$!
children+=("$exporter")
web=$(wait_for "$here/exporter" 'msg=listening address=([^ ]+)')
wait_for "$here/exporter" '(first fill complete)' >/dev/null
curl -sf "http://$web/metrics" >"$here/page" || die "the page cannot be had."
grep -qx 'aliyun_ecs_metadata_up 1' "$here/page" || die "the page says that nothing is up."
in_root /usr/lib/nagios/plugins/check_aliyun_ecs --check spot --exporter "http://$web"
kill "$exporter"
wait "$exporter" || die "the exporter did not end well: $(tail -n 3 "$here/exporter")"
[[ -s $root$state/state.json ]] || die "there is no state file."
ok "daemon, simulator and plugin work together, with no right and as nobody in particular"

# --- upgraded, removed, purged

echo 'ALIYUN_ECS_EXPORTER_LOG_LEVEL=warn' >>"$root$default"
put_in_root "$here/2"
apt_in_root install "${debs[@]}"
# shellcheck disable=SC2016
[[ $(in_root dpkg-query -W -f '${Version}' aliyun-ecs-exporter) == *-2 ]] || die "it was not upgraded."
grep -qx 'ALIYUN_ECS_EXPORTER_LOG_LEVEL=warn' "$root$default" || die "the upgrade lost the settings."
[[ -s $root$state/state.json ]] || die "the upgrade lost the state."
ok "an upgrade keeps edited settings and the state"

apt_in_root remove "${packages[@]}"
[[ -f $root$default && -s $root$state/state.json ]] || die "removal lost settings or state."
[[ ! -e $root/usr/bin/aliyun_ecs_exporter ]] || die "removal left the program."
ok "removal keeps settings and state"
apt_in_root purge "${packages[@]}"
rmdir "$root/var/lib/private" # made above, and systemd's
rm -rf "$root/packages"
listing >"$here/after"
diff "$here/before" "$here/after" || die "something is left, or lost, as shown above."
ok "a purge leaves nothing"

# --- RPMs

exporter/packaging/build-packages.sh --rpm "$here/rpm" >/dev/null
default_flags=$(rpm -qp --qf '[%{FILEFLAGS:fflags} %{FILENAMES}\n]' "$here"/rpm/aliyun-ecs-exporter-*.rpm | grep " $default\$")
[[ $default_flags == "cn $default" ]] || die "$default is no %config(noreplace): $default_flags"
rpm -qp --scripts "$here"/rpm/aliyun-ecs-exporter-*.rpm >"$here/scripts"
for scriptlet in postinstall preuninstall postuninstall; do
  grep -q "^$scriptlet scriptlet" "$here/scripts" || die "no $scriptlet."
done
for rpm in "$here"/rpm/*.rpm; do
  name=$(rpm -qp --qf '%{NAME}' "$rpm")
  printf '    %7d bytes %s, which needs %s\n' "$(stat -c %s "$rpm")" "${rpm##*/}" \
    "$(rpm -qp --requires "$rpm" | grep -c '\.so')"
  # The same files as the Debian package, but for what is Debian's alone.
  diff <(rpm -qp --qf '[%{FILEMODES:perms} %{FILENAMES}\n]' "$rpm" | sed -n 's/^-[^ ]* //p' |
    sed 's/CHANGELOG.md$/changelog.gz/' | sort) \
    <(dpkg-deb --fsys-tarfile "$here/1/${name}"_*.deb | tar -t | sed 's/^\.//' | grep -v '/$' |
      grep -vE 'lintian|changelog.Debian' | sort) || die "${rpm##*/} has other files than the Debian package."
  mkdir "$here/unpacked-$name"
  rpm2cpio "$rpm" | (cd "$here/unpacked-$name" && cpio -idm --quiet)
done
bills_name "$here/rpm" "$here"/unpacked-*/usr/bin/* "$here"/unpacked-*/usr/lib/nagios/plugins/*
"$here"/unpacked-aliyun-ecs-exporter/usr/bin/aliyun_ecs_exporter --version
"$here"/unpacked-aliyun-ecs-simulator/usr/bin/aliyun_ecs_simulator --version
"$here"/unpacked-check-aliyun-ecs/usr/lib/nagios/plugins/check_aliyun_ecs --version || (($? == 3))
ok "RPMs have the same files, and their programs start"
echo "packages.sh: all of it passed."
