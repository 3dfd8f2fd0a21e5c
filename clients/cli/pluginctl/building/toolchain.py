"""What a toolchain needs on this machine, and what to install where it is missing."""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from pluginctl.failure import CommandFailed

TARGET: Final = "wasm32-unknown-unknown"
DEBIAN_SYSROOT: Final = Path("/usr")
"""Where Debian's Rust is, beside a rustup that goes before it on the path."""

_DEBIAN_LINKER: Final = "wasm-ld-19"
"""By its name, as `sdk/rust/build-wasm.sh` has it: what is built with another linker is built anew."""
_RUST_HINT: Final = (
    "Install Rust from https://rustup.rs, and its target: rustup target add wasm32-unknown-unknown. "
    "On Debian without rustup: apt-get install rustc-web cargo-web rust-web-src lld-19"
)
_NODE_HINT: Final = "Install Node.js 20 or newer from https://nodejs.org. On Debian: apt-get install nodejs npm"


class Rust(msgspec.Struct, frozen=True):
    """A Rust that builds for WebAssembly."""

    cargo: str
    options: tuple[str, ...] = ()
    """Of ``cargo build``, beside the target."""
    environment: Mapping[str, str] = {}


def rust(path: str | None = None, *, debian: Path = DEBIAN_SYSROOT) -> Rust:
    """Find a Rust that builds for WebAssembly.

    Args:
        path: Folders to look in, as ``PATH``; default: that of the environment.
        debian: Where Debian's Rust would be.

    Raises:
        CommandFailed: There is none; the hint says what to install.
    """
    path = os.environ.get("PATH", "") if path is None else path
    cargo, compiler = shutil.which("cargo", path=path), shutil.which("rustc", path=path)
    if cargo is not None and compiler is not None and _has_target(compiler):
        return Rust(cargo)
    binaries = debian / "bin"
    debians, linker = shutil.which("cargo", path=str(binaries)), shutil.which(_DEBIAN_LINKER, path=path)
    library = debian / "lib/rustlib/src/rust/library/std"
    if debians is not None and linker is not None and library.is_dir() and str(binaries) in path.split(os.pathsep):
        # Debian has no standard library for this target: it is built of its sources, which takes minutes, once for each
        # target folder; so there is one for all plugins
        return Rust(
            debians,
            ("-Zbuild-std=std,panic_abort",),
            {
                "RUSTC": str(binaries / "rustc"),
                "RUSTC_BOOTSTRAP": "1",
                "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER": _DEBIAN_LINKER,
                "CARGO_TARGET_DIR": os.environ.get("CARGO_TARGET_DIR") or str(_shared_target()),
            },
        )
    missing = "cargo is not on the path" if cargo is None or compiler is None else f"it has no target {TARGET}"
    raise CommandFailed(f"Rust for WebAssembly is missing: {missing}", hint=_RUST_HINT)


def _shared_target() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "plugind" / "rust-target"


def npm() -> str:
    """Find npm.

    Raises:
        CommandFailed: It, or Node.js, is missing; the hint says what to install.
    """
    found = shutil.which("npm")
    if found is None or shutil.which("node") is None:
        raise CommandFailed("Node.js is missing: node and npm are not on the path", hint=_NODE_HINT)
    return found


def check_command(argv: Sequence[str], folder: Path) -> None:
    """Make sure that a command of the author's own can be found.

    Args:
        argv: Its words.
        folder: Where it runs.

    Raises:
        CommandFailed: It cannot.
    """
    name = argv[0]
    there = (folder / name).is_file() if os.sep in name else shutil.which(name) is not None
    if not there:
        raise CommandFailed(
            f"{name} is missing, by which manifest.json says that the plugin is built (dev.build)",
            hint=f"Install {name}, or correct dev.build in manifest.json.",
        )


def _has_target(compiler: str) -> bool:
    done = subprocess.run([compiler, "--print", "sysroot"], capture_output=True, text=True, check=False)
    return done.returncode == 0 and (Path(done.stdout.strip()) / "lib" / "rustlib" / TARGET / "lib").is_dir()
