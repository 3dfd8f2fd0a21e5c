"""Namespaces of the zygote and all its children: no network, no System V IPC, mounts of their own; an empty root.

They cost milliseconds, so the zygote makes them once. Containers and distributions often forbid them, and the
essential layers do not need them. There is no pid namespace: all in it die with its first process, which would have
to be one more process per worker; the system call filter and Landlock keep a child from every other process.
"""

import ctypes
import os
import sys
from typing import Final

from plugind_worker.sandbox.layer import Confinement, Missing
from plugind_worker.sandbox.linux import syscall

assert sys.platform != "win32"  # for type checkers: `plugind_worker.sandbox.windows` has its own

_NEW: Final = {"user": 0x1000_0000, "mount": 0x2_0000, "network": 0x4000_0000, "ipc": 0x0800_0000, "uts": 0x0400_0000}
_REC: Final = 0x4000
_PRIVATE: Final = 0x4_0000
_FSOPEN: Final = 430  # these three have the same number on every architecture
_FSCONFIG: Final = 431
_FSMOUNT: Final = 432
_SET_STRING: Final = 1
_CREATE: Final = 6
_CLOEXEC: Final = 1
_ATTRIBUTES: Final = 0x1 | 0x2 | 0x4 | 0x8  # read-only, no set-uid, no devices, no executables


def enter(_: Confinement) -> None:
    """Move this process, which has one thread, into namespaces of its own.

    Raises:
        Missing: The system forbids it.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(sum(_NEW.values())) != 0:
        raise Missing(f"unshare: {os.strerror(ctypes.get_errno())}")
    if libc.mount(None, b"/", None, ctypes.c_ulong(_REC | _PRIVATE), None) != 0:
        raise Missing(f"private mounts: {os.strerror(ctypes.get_errno())}")


def empty_root() -> int:
    """Make an empty file system that is mounted nowhere.

    Returns:
        Its descriptor.

    Raises:
        OSError: This process is in no mount namespace of its own, or the kernel is older than 5.2.
    """
    context = syscall.call(_FSOPEN, b"tmpfs", syscall.word(_CLOEXEC))
    try:
        syscall.call(_FSCONFIG, syscall.word(context), syscall.word(_SET_STRING), b"nr_inodes", b"1", syscall.word(0))
        syscall.call(_FSCONFIG, syscall.word(context), syscall.word(_CREATE), None, None, syscall.word(0))
        return syscall.call(_FSMOUNT, syscall.word(context), syscall.word(_CLOEXEC), syscall.word(_ATTRIBUTES))
    finally:
        os.close(context)


def move_into_empty_root(confinement: Confinement) -> None:
    """Make the empty file system this process's root and working folder.

    Raises:
        Missing: There is none.
    """
    if confinement.empty_root is None:
        raise Missing("needs namespaces")
    os.fchdir(confinement.empty_root)
    os.chroot(".")
    os.close(confinement.empty_root)
