"""The standard library for WebAssembly of a Rust that has only its sources, as Debian's packages do.

It is built once for each compiler, for all plugins, and lies where that compiler finds it by itself: in a sysroot of
its own. Such a folder is there whole or not at all, so that whoever finds it needs no lock.
"""

import functools
import hashlib
import json
import os
import re
import secrets
import shutil
import subprocess
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from pluginctl import cache
from pluginctl.failure import CommandFailed

TARGET: Final = "wasm32-unknown-unknown"
SHOWN: Final = "the standard library for WebAssembly, once for all plugins: some 40 s on two cores"
"""For people, before it is built."""

_RECIPE: Final = 1
"""Counts how it is built: another one makes what is there out of date."""
_LONGEST_BUILD_SECONDS: Final = 24 * 3600
_CRATES: Final = ("std", "panic_abort")
_WORKSPACE: Final = ("core", "alloc")
"""Crates whose stand-ins on the registry are replaced by those of the sources."""
_WRAPPER: Final = '#!/bin/sh\nexec {compiler} --sysroot "${{0%/bin/*}}" "$@"\n'
"""The compiler that looks into the sysroot which it lies in."""
_FLAGS: Final = (
    "-Zforce-unstable-if-unmarked",  # else every crate could use what is not stable in the library
    "-Cembed-bitcode=yes",  # for plugins with `lto`
    "-Zthreads=3",  # of the compiler's front end, which takes most of the time and waits for one crate after another
)
_MALLOC: Final = "glibc.malloc.hugetlb=1:glibc.malloc.top_pad=67108864:glibc.malloc.trim_threshold=1073741824"
"""Debian's compiler uses the C library's allocator: an eighth of the time goes with fewer and larger pages."""


class Sysroot(msgspec.Struct, frozen=True):
    """Where the library of one compiler is, or will be."""

    folder: Path
    cargo: str
    compiler: str
    library: Path
    """Its sources."""
    host: str
    """Target of the compiler's own machine."""

    @property
    def there(self) -> bool:
        """Whether it is built."""
        return self.folder.is_dir()

    @property
    def wrapper(self) -> Path:
        """The compiler to build plugins with."""
        return self.folder / "bin" / "rustc"

    @property
    def workshop(self) -> Path:
        """Where it is built; what an interrupted build has made is found again there."""
        return self.folder.with_name(f".{self.folder.name}.build")


def find(cargo: str, compiler: str, library: Path) -> Sysroot:
    """Say where the library of a compiler is to be.

    Args:
        cargo: Of the same toolchain.
        compiler: ``rustc``.
        library: The sources that go with it.

    Raises:
        CommandFailed: The compiler does not say which it is.
    """
    try:
        told = _told(compiler, Path(compiler).stat().st_mtime_ns)
    except OSError as exc:
        raise CommandFailed(f"{compiler} cannot be started: {exc.strerror}") from exc
    found = dict(re.findall(r"^([\w-]+): (.+)$", told, re.MULTILINE))
    if not {"release", "host"} <= found.keys():
        raise CommandFailed(f"{compiler} -vV does not say which compiler it is", hint="Install its package anew.")
    return Sysroot(cache.folder("rust-sysroot") / key(told), cargo, compiler, library, found["host"])


@functools.lru_cache(maxsize=4)
def _told(compiler: str, _changed: int) -> str:
    """Ask a compiler which it is, once as long as it is the same file."""
    return subprocess.run([compiler, "-vV"], capture_output=True, text=True, check=False).stdout


def key(told: str) -> str:
    """Name the folder of a compiler by what ``rustc -vV`` says of it: release, commit, and how we build.

    A compiler that knows no commit of its own is named by all that it says.
    """
    found = dict(re.findall(r"^(release|commit-hash): ([\w.+-]+)$", told, re.MULTILINE))
    commit = found.get("commit-hash", "unknown")
    if commit == "unknown":
        commit = hashlib.sha256(told.encode()).hexdigest()
    return f"{found.get('release', 'unknown')}-{commit[:9]}-{_RECIPE}"


def command(sysroot: Sysroot) -> tuple[tuple[str, ...], Mapping[str, str]]:
    """Return the command that builds it in `Sysroot.workshop`, and its environment beside ours.

    It needs no network: Debian's sources have the crates of others with them. What users have set for their own
    builds does not reach it.
    """
    vendored = json.dumps(str(sysroot.library / "vendor"))
    words = ["build", "--release", "--offline", "--target", TARGET, "--message-format=json-render-diagnostics"]
    words += [word for crate in _CRATES for word in ("-p", crate)]
    words += [
        "--config",
        'source.crates-io.replace-with="vendored"',
        "--config",
        f"source.vendored.directory={vendored}",
    ]
    environment = {
        "RUSTC": sysroot.compiler,
        "RUSTC_BOOTSTRAP": "1",
        "RUSTC_WRAPPER": "",
        "RUSTC_WORKSPACE_WRAPPER": "",
        "CARGO_ENCODED_RUSTFLAGS": "\x1f".join(_FLAGS),
        "CARGO_TARGET_DIR": str(sysroot.workshop / "target"),
        "CARGO_PROFILE_RELEASE_OPT_LEVEL": "3",
        "CARGO_PROFILE_RELEASE_LTO": "off",
        "CARGO_PROFILE_RELEASE_DEBUG": "false",
        "CARGO_INCREMENTAL": "0",
        "__CARGO_DEFAULT_LIB_METADATA": "plugind",  # else the names of its files would be those of any crate
        "GLIBC_TUNABLES": _MALLOC,
    }
    return (sysroot.cargo, *words), environment


def lay_out(sysroot: Sysroot) -> None:
    """Write the crate whose dependencies the library is.

    Raises:
        OSError: It cannot be written.
    """
    crate = sysroot.workshop
    (crate / "src").mkdir(parents=True, exist_ok=True)
    (crate / "src" / "lib.rs").write_text("#![no_std]\n")
    named = [f"{name} = {_path(sysroot.library / name)}" for name in _CRATES]
    patched = [
        f"rustc-std-workspace-{one} = {_path(sysroot.library / f'rustc-std-workspace-{one}')}" for one in _WORKSPACE
    ]
    lines = ["[package]", 'name = "standard-library"', 'version = "0.0.0"', 'edition = "2021"', "", "[workspace]", ""]
    lines += ["[dependencies]", *named, "", "[patch.crates-io]", *patched, ""]
    lines += ["[profile.release.package.compiler_builtins]", "codegen-units = 10000"]
    (crate / "Cargo.toml").write_text("\n".join(lines) + "\n")


def _path(folder: Path) -> str:
    return f"{{ path = {json.dumps(str(folder))} }}"


def take(sysroot: Sysroot, files: Iterable[Path]) -> None:
    """Make the sysroot of what was built, and let go of those of other compilers and of what is left of builds.

    Args:
        sysroot: What was built.
        files: The libraries that Cargo has made.

    Raises:
        CommandFailed: It cannot be written, and nobody else has made it meanwhile.
    """
    part = sysroot.folder.with_name(f".{sysroot.folder.name}.{secrets.token_hex(4)}.part")
    try:
        _fill(part, sysroot, files)
        part.rename(sysroot.folder)
    except OSError as exc:
        # somebody else was faster, and may have cleaned up behind us
        if not sysroot.there:
            raise CommandFailed(f"{exc.filename or sysroot.folder}: {exc.strerror}") from exc
    finally:
        shutil.rmtree(part, ignore_errors=True)
    now = time.time()
    for other in sysroot.folder.parent.iterdir():
        if _is_over(other, sysroot, now=now):
            shutil.rmtree(other, ignore_errors=True)


def _is_over(other: Path, sysroot: Sysroot, *, now: float) -> bool:
    """Whether a folder beside a new sysroot goes: not while another compiler's may be in the making there."""
    if other.name.startswith(f".{sysroot.folder.name}.") or not other.name.startswith("."):
        return other != sysroot.folder
    with suppress(OSError):
        return now - other.stat().st_mtime > _LONGEST_BUILD_SECONDS
    return False


def _fill(part: Path, sysroot: Sysroot, files: Iterable[Path]) -> None:
    targets = part / "lib" / "rustlib"
    (targets / TARGET / "lib").mkdir(parents=True)
    for file in files:
        _write(targets / TARGET / "lib" / file.name, file.read_bytes())
    host = sysroot.library.parents[2] / sysroot.host
    (targets / host.name).symlink_to(host)  # of which build scripts and macros are made
    wrapper = part / "bin" / "rustc"
    wrapper.parent.mkdir()
    _write(wrapper, _WRAPPER.format(compiler=_quoted(sysroot.compiler)).encode())
    wrapper.chmod(0o755)


def _quoted(word: str) -> str:
    return "'" + word.replace("'", "'\\''") + "'"


def _write(path: Path, content: bytes) -> None:
    """Write a file that is there after a power failure, too, once its folder has got its name."""
    with path.open("xb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def libraries(messages: bytes) -> list[Path]:
    """Find the libraries among what Cargo says that it has made, or has found made."""
    found = []
    for line in messages.splitlines():
        with suppress(ValueError):
            message = json.loads(line)
            if message.get("reason") == "compiler-artifact":
                found += [Path(name) for name in message["filenames"] if name.endswith(".rlib")]
    return found
