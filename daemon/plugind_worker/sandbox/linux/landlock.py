"""Landlock with no rule at all: no file can be opened, no TCP port used, no process outside signalled.

It counts for this thread and those it makes afterwards, and so must come before the first one.
"""

import ctypes
import errno
import os
import sys
from typing import Final

from plugind_worker.sandbox.layer import Confinement, Missing
from plugind_worker.sandbox.linux import syscall

assert sys.platform != "win32"  # for type checkers: `plugind_worker.sandbox.windows` has its own

_CREATE: Final = 444  # the same number on every architecture
_RESTRICT: Final = 446
_VERSION: Final = 1
_FILES: Final = ((5, 16), (3, 15), (2, 14), (1, 13))
"""ABI version → how many rights over files it knows, the newest first."""
_TCP: Final = 0b11
"""Bind and connect."""
_SCOPES: Final = 0b11
"""Abstract sockets and signals."""
_FIELDS: Final = ((6, 3), (4, 2), (1, 1))
"""ABI version → how many 64-bit fields its structure has: files, network, scopes."""
_REASONS: Final = {
    errno.ENOSYS: "this kernel has no Landlock",
    errno.EOPNOTSUPP: "Landlock is switched off at boot",
}


def abi() -> int:
    """Return the version of Landlock that this kernel has.

    Raises:
        Missing: It has none.
    """
    try:
        return syscall.call(_CREATE, None, syscall.word(0), syscall.word(_VERSION))
    except OSError as error:
        raise Missing(_REASONS.get(error.errno or 0, f"Landlock cannot be used: {error.strerror}")) from error


def handled(version: int) -> list[int]:
    """Return the fields of ``struct landlock_ruleset_attr`` that handle everything this version can.

    Args:
        version: At least 1; of newer versions than this module knows, what it knows is used.
    """
    files = next(bits for least, bits in _FILES if version >= least)
    fields = [(1 << files) - 1, _TCP, _SCOPES]
    return fields[: next(count for least, count in _FIELDS if version >= least)]


def restrict(_: Confinement) -> None:
    """Allow nothing of what Landlock can forbid.

    Raises:
        Missing: This kernel has no Landlock.
    """
    fields = handled(abi())
    attributes = (ctypes.c_uint64 * len(fields))(*fields)
    ruleset = syscall.call(_CREATE, attributes, syscall.word(ctypes.sizeof(attributes)), syscall.word(0))
    try:
        syscall.call(_RESTRICT, syscall.word(ruleset), syscall.word(0))
    finally:
        os.close(ruleset)
