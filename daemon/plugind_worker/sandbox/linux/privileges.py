"""Layers set by ``prctl`` and ``capset``: dying with the parent, gaining nothing, and giving up every capability.

Root without capabilities is nobody; so is everyone inside a user namespace, where all start as root.
"""

import contextlib
import ctypes
import errno
import os
import signal
import sys
from typing import Final

from plugind_worker.sandbox.layer import Confinement

assert sys.platform != "win32"  # for type checkers: `plugind_worker.sandbox.windows` has its own

_LIBC: Final = ctypes.CDLL(None, use_errno=True)
_SET_PDEATHSIG: Final = 1
_SET_NO_NEW_PRIVS: Final = 38
_CAPBSET_DROP: Final = 24
_CAP_AMBIENT: Final = 47
_CAP_AMBIENT_CLEAR_ALL: Final = 4
_CAP_VERSION: Final = 0x20080522
_CAP_NUMBERS: Final = 64


def parent_death(confinement: Confinement) -> None:
    """End with the parent."""
    die_with(confinement.parent)


def no_new_privs(_: Confinement) -> None:
    """Gain nothing by executing a file, for ever and for every descendant."""
    _prctl(_SET_NO_NEW_PRIVS, 1)


def die_with(parent: int) -> None:
    """End this process by SIGKILL when its parent ends.

    Args:
        parent: The parent's id, read before this process could have lost it.

    Raises:
        OSError: The kernel refused.
        ProcessLookupError: The parent has ended already.
    """
    _prctl(_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        raise ProcessLookupError(errno.ESRCH, f"the parent {parent} is gone")


def drop_capabilities(_: Confinement) -> None:
    """Empty the bounding, ambient, permitted, effective and inheritable sets."""
    with contextlib.suppress(OSError):  # ends at the first number that the kernel does not know, or without privileges
        for number in range(_CAP_NUMBERS):
            _prctl(_CAPBSET_DROP, number)
    with contextlib.suppress(OSError):  # kernels before 4.3 have no such set
        _prctl(_CAP_AMBIENT, _CAP_AMBIENT_CLEAR_ALL)
    header = (ctypes.c_uint32 * 2)(_CAP_VERSION, 0)
    if _LIBC.capset(header, (ctypes.c_uint32 * 6)()) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"capset: {os.strerror(number)}")


def _prctl(option: int, value: int) -> None:
    if _LIBC.prctl(option, value, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"prctl {option}: {os.strerror(number)}")
