#!/usr/bin/env bash
# From a checkout to a running server. Arguments go to `boltorezka serve`.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf '\033[1m==>\033[0m %s\n' "$*"; }

say "Boltorezka: looking for tools"
scripts/install.sh run
say "Building the web client"
npm run build --silent
say "Building the server (some minutes the first time, seconds later)"
cargo build --workspace --bin boltorezka
say "Starting. Open the address below; at the first start, open the owner link. Ctrl-C stops the server."
exec target/debug/boltorezka serve "$@"
