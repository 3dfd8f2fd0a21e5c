#!/usr/bin/env bash
# Builds the guests of the tests of the Extism ABI with others' plugin kits, unmodified. What it makes is checked in, since
# the toolchains are many: run it after a change of the sources, and commit the modules. The one in Rust is of Debian's
# rustc 1.96; another compiler makes other bytes.
#
#   tests/extism/build.sh      needs .venv (make setup), Node.js, npm and Rust: pluginctl toolchain says what is missing
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
plugins="$here/../plugins"

(cd "$here/assemblyscript" && npm ci --silent --no-audit --no-fund && npm run --silent build)

# a panic names the file it is in: not where this machine keeps it
trap 'rm -f "$here/rust/manifest.json"' EXIT
cp "$plugins/extism-rust/manifest.json" "$here/rust/"
RUSTFLAGS="--remap-path-prefix=$HOME=/rust" "$here/../../.venv/bin/pluginctl" build "$here/rust"
mv "$here/rust/plugin.wasm" "$plugins/extism-rust/plugin.wasm"
