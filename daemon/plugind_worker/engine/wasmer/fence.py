"""Caps a linear memory that the engine cannot cap: by what lies behind it in the address space.

Wasmer reserves all 4 GiB that a guest can address, and more as a guard, and grows a memory by making further pages of
the reservation accessible, at the same address. Pages of a shared mapping of a file that is open for reading only can
never be made writable: with such pages behind the cap, the kernel refuses, and ``memory.grow`` gives the guest -1.
They stay inaccessible like the rest of the reservation, so that what reaches behind the memory still traps.
"""

import ctypes
import mmap
import os
import sys
from typing import Final

from plugind_worker import mapping

assert sys.platform != "win32"  # for type checkers: memory is not mapped over there

RESERVED: Final = 1 << 32
"""Bytes that a guest can address."""

_LIBC: Final = ctypes.CDLL(None, use_errno=True)
_LIBC.mmap.restype = _LIBC.mremap.restype = ctypes.c_void_p
_LIBC.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
_LIBC.mremap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_size_t, ctypes.c_int, ctypes.c_void_p]
_NO_ACCESS: Final = 0
_MOVE: Final = 1 | 2  # MREMAP_MAYMOVE | MREMAP_FIXED
_FAILED: Final = ctypes.c_void_p(-1).value


class Stock:
    """Pages to make fences of: a mapping made once, before the process loses its files, and inherited by children.

    Raises:
        OSError: The kernel refused.
    """

    def __init__(self) -> None:
        descriptor = os.open(__file__, os.O_RDONLY)
        try:
            address = _LIBC.mmap(None, RESERVED, _NO_ACCESS, mmap.MAP_SHARED, descriptor, 0)
        finally:
            os.close(descriptor)
        if address == _FAILED:
            raise _fault()
        self._address: int = address

    def cover(self, address: int, size: int) -> None:
        """Put pages over a part of a reservation that can never be made accessible.

        Args:
            address: Start, a multiple of the page size.
            size: Bytes, a multiple of the page size.

        Raises:
            OSError: The kernel refused. There may be a hole now: the process must not go on.
        """
        if size and _LIBC.mremap(self._address, 0, size, _MOVE, address) == _FAILED:
            raise _fault()


class Fence:
    """The fence behind one memory.

    Args:
        stock: Where its pages come from.
        base: Address of the memory.
        size: Bytes it has now.
    """

    def __init__(self, stock: Stock, *, base: int, size: int) -> None:
        self._stock = stock
        self._base = base
        self._at = size
        stock.cover(base + size, RESERVED - size)

    def move(self, cap: int, *, size: int) -> None:
        """Let the memory grow up to a cap, and no further.

        Args:
            cap: Bytes, a multiple of the page size, at most `RESERVED`.
            size: Bytes the memory has now, which it keeps.

        Raises:
            OSError: The kernel refused. There may be a hole now: the process must not go on.
        """
        at = max(cap, size)
        if at > self._at:
            mapping.reserve(self._base + self._at, at - self._at)
        else:
            self._stock.cover(self._base + at, self._at - at)
        self._at = at


def _fault() -> OSError:
    errno = ctypes.get_errno()
    return OSError(errno, os.strerror(errno))
