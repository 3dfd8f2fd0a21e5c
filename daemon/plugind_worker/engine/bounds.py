"""`Bounded`: the guest's memory as the worker uses it, each access checked; what the engines' instances have in common.

Inherited and not called, since a call of Python's for each access would cost as much as the access.
"""

import ctypes

from plugind_worker.engine.base import OutOfBoundsError


class Bounded:
    """A linear memory that starts at `_base`; `_size` is what it had when last asked, and it never shrinks."""

    _base: int = 0
    _size: int = 0

    @property
    def memory_size(self) -> int:
        """Bytes the guest has now; sets `_size` and `_base`."""
        raise NotImplementedError

    def read(self, pointer: int, length: int) -> bytes:
        """Copy bytes out of the guest's memory."""
        return ctypes.string_at(self.address(pointer, length), length)

    def write(self, pointer: int, data: bytes) -> None:
        """Copy bytes into the guest's memory."""
        ctypes.memmove(self.address(pointer, len(data)), data, len(data))

    def address(self, pointer: int, length: int) -> int:
        """Return where a piece of the guest's memory lies in this process."""
        if pointer + length > self._size and pointer + length > self.memory_size:
            raise OutOfBoundsError(f"{length} bytes at {pointer} reach outside a memory of {self._size} bytes")
        return self._base + pointer
