#!/usr/bin/env bash
# build-dependencies.sh DIR [CMAKE-ARGUMENT...]  builds what Debian has no archives of that can be linked
#                                                statically (libcurl for HTTP and HTTPS only, the core of
#                                                prometheus-cpp) into DIR, with their CMake configurations
# Safe to run again; does nothing then.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

(($#)) || {
  echo "usage: build-dependencies.sh DIR [CMAKE-ARGUMENT...]" >&2
  exit 1
}
mkdir -p "$1"
dir=$(cd "$1" && pwd)
shift

# All that decides what is built.
recipe=$(cat "${BASH_SOURCE[0]}" "$here/../sources" <(printf '%s\n' "$@") | sha256sum)
[[ ! -f $dir/.recipe || $(<"$dir/.recipe") != "$recipe" ]] || exit 0

build() { # NAME CMAKE-ARGUMENT...
  local name=$1 log=$dir/$1.log
  shift
  "$here/../fetch-source.sh" "$name" "$dir/source/$name"
  printf 'Building %s\n' "$name"
  {
    cmake -S "$dir/source/$name" -B "$dir/build/$name" -G Ninja \
      -DCMAKE_BUILD_TYPE=MinSizeRel -DCMAKE_INSTALL_PREFIX="$dir" -DCMAKE_INSTALL_LIBDIR=lib \
      -DBUILD_SHARED_LIBS=OFF -DCMAKE_POSITION_INDEPENDENT_CODE=ON "${arguments[@]}" "$@" &&
      cmake --build "$dir/build/$name" --target install
  } >"$log" 2>&1 || {
    tail -n 20 "$log" >&2
    echo "build-dependencies.sh: $name could not be built; the last words of $log are above." >&2
    exit 1
  }
}

flags="-ffunction-sections -fdata-sections -fstack-protector-strong -D_FORTIFY_SOURCE=2 -ffile-prefix-map=$dir=."
arguments=("-DCMAKE_C_FLAGS=$flags" "-DCMAKE_CXX_FLAGS=$flags" "$@")
rm -rf "${dir:?}"/{.recipe,bin,build,include,lib,licences}

cares=$("${CC:-cc}" -print-file-name=libcares.a)  # CMake would take the shared one
# c-ares finds a host by /etc/hosts and /etc/resolv.conf, for which a static glibc would load libraries.
# The authorities are those that somebody mounts where Debian has its own.
build curl \
  -DBUILD_CURL_EXE=OFF -DBUILD_TESTING=OFF -DENABLE_MANUAL=OFF -DHTTP_ONLY=ON -DENABLE_ARES=ON \
  -DCARES_LIBRARY="$cares" -DCURL_USE_OPENSSL=ON -DOPENSSL_USE_STATIC_LIBS=ON -DCURL_DISABLE_OPENSSL_AUTO_LOAD_CONFIG=ON \
  -DCURL_CA_BUNDLE=/etc/ssl/certs/ca-certificates.crt -DCURL_CA_PATH=none \
  -DCURL_DISABLE_ALTSVC=ON -DCURL_DISABLE_COOKIES=ON -DCURL_DISABLE_CRYPTO_AUTH=ON -DCURL_DISABLE_DOH=ON \
  -DCURL_DISABLE_GETOPTIONS=ON -DCURL_DISABLE_HSTS=ON -DCURL_DISABLE_MIME=ON -DCURL_DISABLE_NETRC=ON \
  -DCURL_DISABLE_NTLM=ON -DCURL_DISABLE_PROGRESS_METER=ON -DCURL_DISABLE_PROXY=ON -DENABLE_UNIX_SOCKETS=OFF \
  -DCURL_BROTLI=OFF -DCURL_ZLIB=OFF -DCURL_ZSTD=OFF -DUSE_NGHTTP2=OFF -DUSE_LIBIDN2=OFF \
  -DCURL_USE_LIBPSL=OFF -DCURL_USE_LIBSSH2=OFF -DCURL_USE_OPENLDAP=OFF
# The programs serve its families themselves.
build prometheus-cpp \
  -DENABLE_PULL=OFF -DENABLE_PUSH=OFF -DENABLE_TESTING=OFF -DENABLE_COMPRESSION=OFF \
  -DUSE_THIRDPARTY_LIBRARIES=OFF -DGENERATE_PKGCONFIG=OFF

# For the images, which have nothing else that would carry them.
mkdir "$dir/licences"
cp "$dir/source/curl/COPYING" "$dir/licences/curl"
cp "$dir/source/prometheus-cpp/LICENSE" "$dir/licences/prometheus-cpp"
rm -rf "$dir/build" "$dir/source"
printf '%s\n' "$recipe" >"$dir/.recipe"
