"""Opens files below a folder in such a way that nothing leads out of it: no link, no ``..``, whatever moves meanwhile.

Two ways, and the one place where they are chosen: ``openat2``, where the kernel makes sure of it, and a walk from name
to name that follows no link, on kernels and systems without it.
"""

import ctypes
import errno
import os
import sys
from collections.abc import Callable, Sequence
from typing import Final

from plugind_protocol import disk

assert sys.platform != "win32"  # for type checkers: there are no descriptors of folders there

_OPENAT2: Final = 437
"""The same number on every architecture."""
_RESOLVE_NO_MAGICLINKS: Final = 0x02
_RESOLVE_NO_SYMLINKS: Final = 0x04
_RESOLVE_BENEATH: Final = 0x08
_TRIES: Final = 8
"""The kernel gives up with EAGAIN where it could not tell for all that moved meanwhile."""
_SAFE: Final = disk.WARY | os.O_CLOEXEC
"""Never follow a link, wait for a pipe's other end, or take over a terminal."""
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY
_STEP: Final = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY

_LIBC: Final = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None

Open = Callable[[int, Sequence[str], int, int], int]
"""Root descriptor, names, flags, mode; returns a descriptor, raises `OSError`."""


class _How(ctypes.Structure):
    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


def by_kernel(root: int, parts: Sequence[str], flags: int, mode: int = 0) -> int:
    """Open with ``openat2``.

    Args:
        root: Descriptor of the folder.
        parts: Names below it, at least one, none of them ``.`` or ``..``.
        flags: As for `os.open`.
        mode: Of a file that is made.

    Returns:
        A descriptor.

    Raises:
        OSError: ELOOP where a link is in the way, ENOSYS where the kernel is too old; else as for `os.open`.
    """
    if _LIBC is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    how = _How(flags | _SAFE, mode, _RESOLVE_BENEATH | _RESOLVE_NO_SYMLINKS | _RESOLVE_NO_MAGICLINKS)
    path = os.fsencode("/".join(parts))
    for _ in range(_TRIES):
        descriptor = _LIBC.syscall(_OPENAT2, root, path, ctypes.byref(how), ctypes.sizeof(how))
        if descriptor >= 0:
            return int(descriptor)
        number = ctypes.get_errno()
        if number not in (errno.EAGAIN, errno.EINTR):
            break
    raise OSError(number, os.strerror(number))


def by_walk(root: int, parts: Sequence[str], flags: int, mode: int = 0) -> int:
    """Open step by step, each name in the folder before it, without following links.

    Args:
        root: Descriptor of the folder.
        parts: Names below it, at least one, none of them ``.`` or ``..``.
        flags: As for `os.open`.
        mode: Of a file that is made.

    Returns:
        A descriptor.

    Raises:
        OSError: ELOOP or ENOTDIR where a link is in the way; else as for `os.open`.
    """
    at = root
    try:
        for part in parts[:-1]:
            before, at = at, os.open(part, _STEP | _SAFE, dir_fd=at)
            if before != root:
                os.close(before)
        return os.open(parts[-1], flags | _SAFE, mode, dir_fd=at)
    finally:
        if at != root:
            os.close(at)


def folder(root: int, parts: Sequence[str], open_: Open) -> int:
    """Open a folder below another one, or that one itself.

    Raises:
        OSError: ENOTDIR where it is none; else as above.
    """
    return open_(root, parts, _FOLDER, 0) if parts else os.open(".", _FOLDER | _SAFE, dir_fd=root)


def choose() -> Open:
    """Return the way that works here."""
    if sys.platform != "linux":
        return by_walk
    try:
        root = os.open("/", _FOLDER | _SAFE)
        try:
            os.close(by_kernel(root, ("proc",), _FOLDER))
        finally:
            os.close(root)
    except OSError as exc:
        if exc.errno in (errno.ENOSYS, errno.EPERM, errno.EINVAL, errno.E2BIG):
            return by_walk
    return by_kernel
