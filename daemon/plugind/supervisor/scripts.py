"""Scripts: the module that runs them, the same for all and so compiled once; and how a worker gets its own script."""

import functools
import hashlib
import os
import tempfile
from pathlib import Path
from typing import Final

from plugind.policy.plan import ScriptPlan
from plugind_protocol.errors import PackageInvalid
from plugind_protocol.package import script

RUNTIME: Final = Path(__file__).with_name("quickjs.wasm")
"""QuickJS, built by ``sdk/typescript/runtime/build.py``."""
ABI: Final = "javascript"

_CLOSE_ON_EXEC: Final = 1  # MFD_CLOEXEC


@functools.cache
def runtime_hash() -> str:
    """Return the SHA-256 of `RUNTIME`, hex."""
    return hashlib.sha256(RUNTIME.read_bytes()).hexdigest()


def plan(package: Path, main: str) -> ScriptPlan:
    """Say what is to be run of a plugin. Blocks.

    Args:
        package: The folder of its package.
        main: As its manifest has it.

    Raises:
        PackageInvalid: Its modules are too many or too large.
    """
    packed = script.pack(package, main)
    runtime_hash()  # here, where nobody waits for it
    return ScriptPlan(folder=str(package), main=main, hash=hashlib.sha256(packed).hexdigest())


def open_program(wanted: ScriptPlan) -> int:
    """Return a descriptor of a script's modules, packed, which the caller closes. Blocks.

    Raises:
        PackageInvalid: They are not what was installed.
    """
    packed = script.pack(Path(wanted.folder), wanted.main)
    if hashlib.sha256(packed).hexdigest() != wanted.hash:
        raise PackageInvalid(f"{wanted.main} is not what was installed: it was changed on disk")
    descriptor = _unnamed_file()
    try:
        view = memoryview(packed)
        while view:
            view = view[os.write(descriptor, view) :]
        os.lseek(descriptor, 0, os.SEEK_SET)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _unnamed_file() -> int:
    make = getattr(os, "memfd_create", None)
    if make is not None:
        return int(make("script", _CLOSE_ON_EXEC))
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())
