#!/usr/bin/env bash
# Builds the guests of the tests of the Extism ABI with others' plugin kits, unmodified. What it makes is checked in, since
# the toolchains are many: run it after a change of the sources, and commit the modules.
#
#   tests/extism/build.sh      needs Node.js, npm, and what sdk/rust/build-wasm.sh needs
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
plugins="$here/../plugins"

(cd "$here/assemblyscript" && npm ci --silent --no-audit --no-fund && npm run --silent build)

# a panic names the file it is in: not where this machine keeps it
RUSTFLAGS="--remap-path-prefix=$HOME=/rust" "$here/../../sdk/rust/build-wasm.sh" "$here/rust"
chmod 644 "$here/rust/plugin.wasm" # cargo makes modules executable; those that are checked in are not
mv "$here/rust/plugin.wasm" "$plugins/extism-rust/plugin.wasm"
