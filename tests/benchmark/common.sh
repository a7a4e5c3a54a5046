# shellcheck shell=bash
# What the benchmarks share; to be sourced with `script` set to the name for complaints. Leaves
# $scratch, a folder that goes with the script, as do the programs in $children.

: "${script:?}"

die() {
  echo "$script: $1" >&2
  exit 1
}

exporter/packaging/install-packages.sh build benchmark
exporter/packaging/install-packages.sh --unpack build/_tools/benchmark benchmark-unpack
scratch=$(mktemp -d)
chmod 755 "$scratch"  # nginx's workers are nobody when root starts them
children=()
clean_up() {
  local child
  for child in "${children[@]}"; do kill "$child" 2>/dev/null || true; done
  wait
  rm -rf "$scratch"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

build() { # PRESET TARGET...
  { cmake --preset "$1" && cmake --build "build/$1" --target "${@:2}"; } >"$scratch/build" 2>&1 || {
    tail -n 40 "$scratch/build" >&2
    die "${*:2} could not be built; the last words are above."
  }
}

# Runs until a command succeeds, for at most 30 s.
await() { # COMMAND...
  local tries
  for ((tries = 0; tries < 300; tries++)); do
    ! "$@" >/dev/null 2>&1 || return 0
    sleep 0.1
  done
  tail -n 20 "$scratch"/*.log >&2
  die "a server did not start; its words are above."
}

free_port() {
  python3 -c 'import socket; print(socket.create_server(("127.0.0.1", 0)).getsockname()[1])'
}

ask() { # CURL_ARGUMENT...
  curl --silent --show-error --fail --noproxy '*' "$@"
}

# Starts nginx with these lines in its server block.
start_nginx() { # LINES
  cat >"$scratch/nginx.conf" <<CONF
daemon off;
pid nginx.pid;
error_log stderr;
worker_processes auto;
events {}
http {
  access_log off;
  default_type text/plain;
  keepalive_requests 1000000000;
  client_body_temp_path body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  server {
$1
  }
}
CONF
  build/_tools/benchmark/usr/sbin/nginx -p "$scratch" -e stderr -c nginx.conf 2>"$scratch/nginx.log" &
  children+=($!)
}
