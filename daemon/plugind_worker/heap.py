"""Memory of Python's own: the zygote's is made ready to be shared, and a worker that rests gives back what it can.

After a fork, a page belongs to both until one of them writes to it. A child writes wherever it puts something, and
the allocator would put it into the holes that imports have left all over the zygote's pages, each of which it would
then have to copy. So the holes are filled, and what children make lies close together, on pages of their own.
"""

import ctypes
import gc
import sys
from typing import Final

_SIZES: Final = range(48, 513, 16)
"""Sizes in which CPython's allocator counts, in bytes, as far as one of ours can be made of them."""
_RUN: Final = 8
"""So many blocks, each right behind the one before, come from a part of memory that was not used yet."""
_MOST: Final = 4096
"""Blocks of one size that are tried; where memory is laid out in another way, filling it makes no sense."""
_EMPTY: Final = bytes(0).__sizeof__()

_TRIM: Final = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
"""Of the GNU C library; others give back by themselves."""

_LIBC: Final = ctypes.CDLL(None) if _TRIM is not None else None
_ARENA_MAX: Final = -8  # M_ARENA_MAX
_UNUSED_BYTES: Final = 120 * 1024
"""Nearly as much as is mapped by itself."""
_HOLES: Final = (*(1 << exponent for exponent in range(16, 10, -1)), *range(1024, 16, -16))
"""Sizes of holes that are filled, in bytes."""

_fillings: list[bytes] = []


def settle() -> None:
    """Free what is not needed any more, fill the holes, and keep the collector off all that is there."""
    gc.collect()
    for size in _SIZES:
        _fill(size)
    if _LIBC is not None:
        _fill_library(_LIBC)
    gc.freeze()


def give_back() -> None:
    """Free what is not needed any more, and give the system what is free: after large messages, what they took."""
    gc.collect()
    if _TRIM is not None:
        _TRIM(0)


def _fill(size: int) -> None:
    run, before = 0, 0
    for _ in range(_MOST):
        block = bytes(size - _EMPTY)
        _fillings.append(block)
        run = run + 1 if id(block) == before + size else 0
        if run == _RUN:
            return
        before = id(block)


def _fill_library(libc: ctypes.CDLL) -> None:
    """Fill the holes of the C library's heap, the largest first, and let threads to come have no heaps of their own."""
    libc.mallopt(_ARENA_MAX, 1)
    libc.malloc.restype = ctypes.c_void_p
    libc.malloc.argtypes = [ctypes.c_size_t]
    libc.free.argtypes = [ctypes.c_void_p]
    unused = libc.malloc(_UNUSED_BYTES)  # too large for a hole: it begins where nothing was given out yet
    libc.free(unused)
    for size in _HOLES:
        for _ in range(_MOST):
            chunk = libc.malloc(size)
            if chunk is None or chunk >= unused:
                libc.free(chunk)
                break
