#!/usr/bin/env bash
# Builds Rust plugins for WebAssembly, and puts each module beside its manifest as plugin.wasm.
#
#   sdk/rust/build-wasm.sh [FOLDER…]      default: all examples here, and the tests' probe
#
# With rustup's target wasm32-unknown-unknown, that is one cargo build. Without it, the standard library is built from Debian's
# sources by Debian's compiler: apt-get install rustc-web cargo-web rust-web-src lld-19. Where there is neither, it says
# what to install and exits with 3.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
target=wasm32-unknown-unknown
folders=("$@")
((${#folders[@]})) || folders=("$here"/examples/* "$here"/probe)

has_target() { [[ -d "$("$1" --print sysroot 2>/dev/null)/lib/rustlib/$target/lib" ]]; }

if command -v cargo rustc >/dev/null && has_target rustc; then
  build=(cargo build)
elif [[ -x /usr/bin/cargo && -d /usr/lib/rustlib/src/rust/library/std ]] && command -v wasm-ld-19 >/dev/null; then
  export RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1 CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER=wasm-ld-19
  build=(/usr/bin/cargo build -Zbuild-std=std,panic_abort)
else
  cat >&2 <<'WORDS'
Rust has no target wasm32-unknown-unknown here. Install it:
  rustup target add wasm32-unknown-unknown
or, on Debian without rustup:
  apt-get install rustc-web cargo-web rust-web-src lld-19
WORDS
  exit 3
fi

# One folder for all that is built, so that the standard library is built once.
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$here/target}"
for folder in "${folders[@]}"; do
  "${build[@]}" --release --target "$target" --manifest-path "$folder/Cargo.toml"
  name="$(sed -n 's/^name = "\(.*\)"$/\1/p' "$folder/Cargo.toml" | head -n 1)"
  cp "$CARGO_TARGET_DIR/$target/release/${name//-/_}.wasm" "$folder/plugin.wasm"
done
