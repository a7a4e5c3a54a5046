# shellcheck shell=bash
# Sourced by fetch-source.sh and install-packages.sh: takes things from suites that the system does
# not follow, by an apt of its own. The system's sources and lists stay as they are, and no right is
# needed.

# Updates and security have a dash in their suite. Before the first 'apt-get update' apt does not know
# who publishes a source; should a foreign one slip through, it cannot sign what we ask for.
debian_mirrors() {
  # shellcheck disable=SC2016  # apt's own variables
  local format='$(RELEASE) $(COMPONENT) $(REPO_URI) $(ORIGIN)' found
  found=$(apt-get indextargets --format "$format" 2>/dev/null | awk '$4 == "Debian"')
  [[ -n $found ]] || found=$(apt-get indextargets --no-release-info --format "$format" 2>/dev/null)
  awk '$1 !~ /[-\/]/ && $2 == "main" && !seen[$3]++ { print $3 }' <<<"$found"
}

# Sets apt_options, for apt-get and apt-helper. DIR must be absolute.
use_private_apt() { # DIR
  apt_options=(
    -o "Dir::Etc::sourcelist=$1/sources.list" -o Dir::Etc::sourceparts=/dev/null
    -o "Dir::State::lists=$1/lists" -o "Dir::Cache=$1/cache" -o Dir::State::status=/dev/null
    # apt's own user may not enter a private build folder.
    -o APT::Sandbox::User=root
    # A mirror that stands still is signed as well as any other.
    -o Acquire::Check-Valid-Until=false
    -o Acquire::Retries=3 -o Acquire::http::Timeout=30 -o Acquire::https::Timeout=30
  )
  private_apt=$1
}

# The lists of one suite, and no other; apt's words go to the standard output.
update_private_apt() { # deb|deb-src MIRROR SUITE
  local keyring=/usr/share/keyrings/debian-archive-keyring.gpg signed_by=
  [[ ! -f $keyring ]] || signed_by="[signed-by=$keyring] "
  rm -rf "$private_apt/lists" "$private_apt/cache"
  mkdir -p "$private_apt/lists/partial" "$private_apt/cache/archives/partial"
  printf '%s %s%s %s main\n' "$1" "$signed_by" "$2" "$3" >"$private_apt/sources.list"
  # Its exit status is no use: hooks of the system may fail without root.
  apt-get -qq "${apt_options[@]}" update </dev/null 2>&1 || true
}
