"""A window's shared file, mapped: each slot as a numpy array or as bytes, without a copy."""

import contextlib
import mmap
import os
from typing import TYPE_CHECKING, Any, Self

from plugind_protocol import disk
from plugind_protocol.frames import PixelFormat
from plugind_protocol.methods import FrameWindow

if TYPE_CHECKING:  # numpy is an extra, and slow to import: only `array` needs it
    import numpy as np
    from numpy.typing import NDArray

_CHANNELS = 4
_DTYPES = {PixelFormat.RGBA8.name: "u1", PixelFormat.RGBA16F.name: "<f2", PixelFormat.RGBA32F.name: "<f4"}


class FrameBuffers:
    """The slots of an open window. Close it when the window is closed; what arrays see is gone with the mapping.

    Args:
        window: As ``frames.open`` returned it.

    Raises:
        OSError: The shared file cannot be opened or mapped.
        ValueError: It is smaller than the window.
    """

    def __init__(self, window: FrameWindow) -> None:
        self.window = window
        needed = max(window.offsets) + window.slot_bytes
        descriptor = os.open(window.path, os.O_RDWR | disk.BINARY)
        try:
            size = os.fstat(descriptor).st_size
            if size < needed:
                raise ValueError(f"{window.path} has {size} bytes, the window needs {needed}")
            self._map = mmap.mmap(descriptor, needed)
        finally:
            os.close(descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __len__(self) -> int:
        return len(self.window.offsets)

    def bytes(self, slot: int) -> memoryview:
        """Return the bytes of a slot, row padding included: row ``y`` starts at ``y * window.stride``.

        Raises:
            IndexError: There is no such slot.
        """
        offset = self.window.offsets[slot]
        return memoryview(self._map)[offset : offset + self.window.slot_bytes]

    def array(self, slot: int) -> "NDArray[np.generic]":
        """Return a slot as an array ``(height, width, 4)`` that reads and writes the shared pixels in place.

        Raises:
            IndexError: There is no such slot.
            ValueError: The window's format has planes (YUV420P8); use `bytes`.
            ImportError: numpy is not installed (``pip install "plugind[media]"``).
        """
        import numpy as np  # noqa: PLC0415 - an extra, and slow to import

        window = self.window
        code = _DTYPES.get(window.format)
        if code is None:
            raise ValueError(f"{window.format} has planes; use bytes()")
        dtype: np.dtype[Any] = np.dtype(code)
        return np.ndarray(
            (window.height, window.width, _CHANNELS),
            dtype,
            buffer=self._map,
            offset=window.offsets[slot],
            strides=(window.stride, _CHANNELS * dtype.itemsize, dtype.itemsize),
        )

    def close(self) -> None:
        """Unmap; while arrays or views of slots are alive, the memory goes with the last of them."""
        with contextlib.suppress(BufferError):
            self._map.close()
