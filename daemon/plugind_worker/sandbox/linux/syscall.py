"""Calling the kernel where the C library has no function for it."""

import ctypes
import os
import sys
from typing import Final

assert sys.platform != "win32"  # for type checkers: `plugind_worker.sandbox.windows` has its own

_LIBC: Final = ctypes.CDLL(None, use_errno=True)
_LIBC.syscall.restype = ctypes.c_long

_PIDFD_OPEN: Final = 434
"""On every architecture."""

word = ctypes.c_long
"""Type of an argument that is a number: as wide as a register."""


def call(number: int, *args: "ctypes.c_long | ctypes.Array[ctypes.c_uint64] | bytes | None") -> int:
    """Make a system call.

    Args:
        number: Its number on this machine.
        args: Numbers as `word`, pointers as arrays, bytes or None.

    Returns:
        What the kernel returned.

    Raises:
        OSError: The kernel refused.
    """
    result = int(_LIBC.syscall(word(number), *args))
    if result < 0:
        errno = ctypes.get_errno()
        raise OSError(errno, os.strerror(errno))
    return result


def pidfd_open(pid: int) -> int:
    """Return a descriptor of a process, which goes to no program that is started.

    ``os.pidfd_open`` is missing where CPython was built with the headers of an older kernel, as some 3.10 are.
    """
    return call(_PIDFD_OPEN, word(pid), word(0))
