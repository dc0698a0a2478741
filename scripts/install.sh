#!/usr/bin/env bash
# Installs what is missing to run (`install.sh run`) or to test (`install.sh test`). Does nothing when all is there.
set -euo pipefail
cd "$(dirname "$0")/.."

# Oldest versions that build the project.
readonly RUST_MIN=1.95 NODE_MIN=20.19

say() { printf '\033[1m==>\033[0m %s\n' "$*"; }
fail() { printf 'install: %s\n' "$*" >&2; exit 1; }
has() { command -v "$1" >/dev/null 2>&1; }
at_least() { [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n1)" = "$1" ]; }

# Debian packages whose command is absent: "command package".
missing_packages() {
  local wanted=("cmake cmake" "pkg-config pkg-config")
  # A compiler without the C library's headers, as its package alone brings it, links nothing.
  if ! { has cc && has c++ && [ -e /usr/include/stdio.h ]; }; then
    echo build-essential
  fi
  if [ "$1" = test ]; then
    wanted+=("chromium chromium" "firefox-esr firefox-esr" "ffmpeg ffmpeg" "valgrind valgrind" "shellcheck shellcheck" "fc-list fontconfig" "curl curl" "jq jq")
    # Its programs are in no folder of PATH.
    has initdb || compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || echo postgresql
    # Debian's python3 lacks what makes virtual environments.
    python3 -c 'import ensurepip, venv' 2>/dev/null || echo python3-venv
  fi
  local pair
  for pair in "${wanted[@]}"; do
    has "${pair%% *}" || echo "${pair##* }"
  done
  if [ "$1" = test ] && { ! has fc-list || [ -z "$(fc-list 2>/dev/null)" ]; }; then
    echo fonts-dejavu-core
  fi
}

install_packages() {
  has apt-get || fail "please install: $* (this system has no apt-get)"
  local as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    has sudo || fail "please install as root: apt-get install $*"
    as_root=(sudo)
  fi
  say "Installing $*"
  "${as_root[@]}" apt-get update -q
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends "$@"
}

check_toolchains() {
  has cargo || fail "Rust is missing: install $RUST_MIN or later, for example from https://rustup.rs"
  if ! has node || ! has npm; then
    fail "Node.js is missing: install $NODE_MIN or later, for example from https://nodejs.org"
  fi
  local rust node
  rust="$(cargo --version | cut -d' ' -f2)"
  node="$(node --version | tr -d v)"
  at_least "$RUST_MIN" "$rust" || fail "Rust $rust is too old: $RUST_MIN or later is needed (rustup update)"
  at_least "$NODE_MIN" "$node" || fail "Node.js $node is too old: $NODE_MIN or later is needed"
  if [ "$1" = test ] && ! { cargo fmt --version && cargo clippy --version; } >/dev/null 2>&1; then
    rustup component add rustfmt clippy
  fi
}

install_node_modules() {
  # npm writes its own copy of the lock file last: when it is newer, all is there.
  if [ ! node_modules/.package-lock.json -nt package-lock.json ]; then
    say "Fetching JavaScript packages"
    npm ci --no-progress --loglevel=error
    touch node_modules/.package-lock.json
  fi
}

# Media stacks of others, for tests that meet them: see tests/interop.
install_python_packages() {
  local folder=.tools/python list=tests/interop/requirements.txt
  if ! cmp -s "$list" "$folder/installed.txt"; then
    say "Fetching Python packages"
    python3 -m venv --clear "$folder"
    "$folder/bin/pip" install --quiet --disable-pip-version-check --requirement "$list"
    cp "$list" "$folder/installed.txt"
  fi
}

main() {
  local for_what="${1:-run}" packages
  check_toolchains "$for_what"
  mapfile -t packages < <(missing_packages "$for_what" | sort -u)
  if [ "${#packages[@]}" -gt 0 ]; then
    install_packages "${packages[@]}"
  fi
  install_node_modules
  if [ "$for_what" = test ]; then
    install_python_packages
  fi
}

main "$@"
