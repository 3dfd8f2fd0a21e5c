"""`Bounded`: the guest's memory as the worker uses it, each access checked; what the engines' instances have in common.

Inherited and not called, since a call of Python's for each access would cost as much as the access.
"""

import ctypes
from typing import Final

from plugind_worker.engine.base import OutOfBoundsError

_NOTHING: Final = memoryview(bytearray())
_WRITABLE: Final = 0x200  # PyBUF_WRITE
_view_of: Final = ctypes.pythonapi["PyMemoryView_FromMemory"]
"""``(address, bytes, flags) -> memoryview``; ctypes would make a type of its own for memory of each size."""
_view_of.restype = ctypes.py_object
_view_of.argtypes = [ctypes.c_void_p, ctypes.c_ssize_t, ctypes.c_int]


class Bounded:
    """A linear memory that starts at `_base`; `_size` is what it had when last asked, and it never shrinks."""

    _base: int = 0
    _size: int = 0
    _view: memoryview = _NOTHING
    """The memory as far as it has been used: slices of it cost a third of calls of `ctypes`."""

    @property
    def memory_size(self) -> int:
        """Bytes the guest has now; sets `_size` and `_base`."""
        raise NotImplementedError

    def read(self, pointer: int, length: int) -> bytes:
        """Copy bytes out of the guest's memory."""
        end = pointer + length
        view = self._view if end <= len(self._view) else self._see(pointer, length)
        return view[pointer:end].tobytes()

    def write(self, pointer: int, data: bytes) -> None:
        """Copy bytes into the guest's memory."""
        end = pointer + len(data)
        view = self._view if end <= len(self._view) else self._see(pointer, len(data))
        view[pointer:end] = data

    def address(self, pointer: int, length: int) -> int:
        """Return where a piece of the guest's memory lies in this process."""
        if pointer + length > self._size and pointer + length > self.memory_size:
            raise OutOfBoundsError(f"{length} bytes at {pointer} reach outside a memory of {self._size} bytes")
        return self._base + pointer

    def _see(self, pointer: int, length: int) -> memoryview:
        """Look at the memory anew, since a piece of it lies beyond what was seen."""
        self.address(pointer, length)
        self._view = _view_of(self._base, self._size, _WRITABLE)
        return self._view

    def _leave_memory(self) -> None:
        """Never touch the memory again."""
        self._size = 0
        self._view = _NOTHING
