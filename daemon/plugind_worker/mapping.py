"""Putting a shared file over pages of this process, and taking it off again: ``mmap`` at a fixed address."""

import ctypes
import errno
import mmap
import os
import sys
from typing import Final

PAGE: Final = mmap.PAGESIZE
"""Page size of this host, in bytes."""

if sys.platform == "win32":

    def share(address: int, size: int, *, descriptor: int) -> None:  # noqa: ARG001  # nothing is mapped
        """Refuse: views of files need placeholders in the guest's memory, which no engine makes."""
        raise _missing()

    def clear(address: int, size: int) -> None:  # noqa: ARG001  # nothing was mapped
        """Refuse."""
        raise _missing()

    def _missing() -> OSError:
        return OSError(errno.ENOTSUP, "files cannot be mapped over a guest's memory on Windows yet")

else:
    _LIBC: Final = ctypes.CDLL(None, use_errno=True)
    _LIBC.mmap.restype = ctypes.c_void_p
    _LIBC.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
    _FIXED: Final = 0x10
    _NO_RESERVE: Final = 0x4000
    _FAILED: Final = ctypes.c_void_p(-1).value
    _ACCESS: Final = mmap.PROT_READ | mmap.PROT_WRITE

    def share(address: int, size: int, *, descriptor: int) -> None:
        """Map a file over pages that are mapped already.

        Args:
            address: Start, a multiple of `PAGE`.
            size: Bytes, a multiple of `PAGE`.
            descriptor: The file, open for reading and writing, at least ``size`` bytes long.

        Raises:
            OSError: The kernel refused; the pages are as they were.
        """
        _map(address, size, mmap.MAP_SHARED | _FIXED, descriptor)

    def clear(address: int, size: int) -> None:
        """Put private pages of zeros in place of whatever is mapped.

        Raises:
            OSError: The kernel refused.
        """
        _map(address, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _FIXED | _NO_RESERVE, -1)

    def reserve(address: int, size: int) -> None:
        """Put private pages that cannot be accessed, until somebody makes them so, in place of whatever is mapped.

        Raises:
            OSError: The kernel refused.
        """
        _map(address, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _FIXED | _NO_RESERVE, -1, access=0)

    def _map(address: int, size: int, flags: int, descriptor: int, *, access: int = _ACCESS) -> None:
        if _LIBC.mmap(address, size, access, flags, descriptor, 0) == _FAILED:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
