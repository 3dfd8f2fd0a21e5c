"""What a toolchain needs on this machine, and what to install where it is missing."""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from pluginctl.building import sysroot
from pluginctl.building.sysroot import TARGET, Sysroot
from pluginctl.failure import CommandFailed

DEBIAN: Final = Path("/usr")
"""Where Debian's Rust is, beside a rustup that goes before it on the path."""

_DEBIAN_LINKER: Final = "wasm-ld-19"
_RUST_HINT: Final = (
    "Install Rust from https://rustup.rs, and its target: rustup target add wasm32-unknown-unknown. "
    "On Debian without rustup: apt-get install rustc-web cargo-web rust-web-src lld-19, "
    "and then pluginctl toolchain --prepare rust, which the first build does otherwise"
)
_NODE_HINT: Final = "Install Node.js 20 or newer from https://nodejs.org. On Debian: apt-get install nodejs npm"


class Rust(msgspec.Struct, frozen=True):
    """A Rust that builds for WebAssembly."""

    cargo: str
    compiler: str
    environment: Mapping[str, str] = {}
    """Of ``cargo build``, beside ours."""
    sysroot: Sysroot | None = None
    """Where its standard library for WebAssembly is put, where the toolchain comes without."""


class Node(msgspec.Struct, frozen=True):
    """A Node.js with its npm."""

    node: str
    npm: str


def rust(path: str | None = None, *, debian: Path | None = None) -> Rust:
    """Find a Rust that builds for WebAssembly.

    Args:
        path: Folders to look in, as ``PATH``; default: that of the environment.
        debian: Where Debian's Rust would be; default: `DEBIAN`.

    Raises:
        CommandFailed: There is none; the hint says what to install.
    """
    path = os.environ.get("PATH", "") if path is None else path
    cargo, compiler = shutil.which("cargo", path=path), shutil.which("rustc", path=path)
    if cargo is not None and compiler is not None and _has_target(compiler):
        return Rust(cargo, compiler)
    if (found := _debians(path, debian or DEBIAN)) is not None:
        return found
    missing = "cargo is not on the path" if cargo is None or compiler is None else f"it has no target {TARGET}"
    raise CommandFailed(f"Rust for WebAssembly is missing: {missing}", hint=_RUST_HINT)


def _debians(path: str, debian: Path) -> Rust | None:
    """Find Debian's Rust, which comes with the sources of the standard library for this target."""
    binaries = debian / "bin"
    cargo, compiler = (shutil.which(name, path=str(binaries)) for name in ("cargo", "rustc"))
    library = debian / "lib/rustlib/src/rust/library"
    linker = shutil.which(_DEBIAN_LINKER, path=path)
    usable = linker is not None and (library / "std").is_dir() and str(binaries) in path.split(os.pathsep)
    if cargo is None or compiler is None or not usable:
        return None
    own = sysroot.find(cargo, compiler, library)
    environment = {
        "RUSTC": str(own.wrapper),
        "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER": _DEBIAN_LINKER,
    }
    return Rust(cargo, compiler, environment, own)


def node(path: str | None = None) -> Node:
    """Find Node.js and npm.

    Args:
        path: Folders to look in, as ``PATH``; default: that of the environment.

    Raises:
        CommandFailed: It, or npm, is missing; the hint says what to install.
    """
    found, npm = (shutil.which(name, path=path) for name in ("node", "npm"))
    if npm is None or found is None:
        raise CommandFailed("Node.js is missing: node and npm are not on the path", hint=_NODE_HINT)
    return Node(found, npm)


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
