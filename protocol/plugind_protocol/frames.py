"""Layout of frame windows and of the frame structure a guest gets: what daemon, worker and clients compute alike.

A window is one shared file: ``slots`` frames of one size and format, each slot page-aligned.
"""

import enum
import struct
from typing import Final

import msgspec

MIN_SIDE: Final = 16
MAX_WIDTH: Final = 7680
MAX_HEIGHT: Final = 4320
MAX_SLOTS: Final = 64
MAX_WINDOW_BYTES: Final = 1 << 31
"""Largest window in bytes: half of what a guest can address."""
PAGE: Final = 4096
HUGE_PAGE_BYTES: Final = 1 << 21
"""Windows of at least this size are put where pages of this size can hold them."""
ROW_ALIGNMENT: Final = 64
"""Rows start at multiples of this many bytes."""

FRAME_STRUCT: Final = struct.Struct("<9I4xq")
"""``u32 size width height stride format input output params_ptr params_len, i64 pts_us``, naturally aligned: 48 bytes
in all."""


class PixelFormat(enum.IntEnum):
    """Pixel formats of the Timeline ABI; the number is what the guest sees."""

    RGBA8 = 0
    RGBA16F = 1
    RGBA32F = 2
    YUV420P8 = 3


_BYTES_PER_PIXEL: Final = {
    PixelFormat.RGBA8: 4,
    PixelFormat.RGBA16F: 8,
    PixelFormat.RGBA32F: 16,
    PixelFormat.YUV420P8: 1,
}


class Layout(msgspec.Struct, frozen=True):
    """Where the bytes of a window are."""

    width: int
    """Pixels."""
    height: int
    """Pixels."""
    format: PixelFormat
    stride: int
    """Bytes from one row to the next; for YUV420P8 that of the Y plane, the chroma planes have half of it."""
    slot_bytes: int
    """Bytes from one slot to the next, a multiple of the page size."""
    slots: int

    @property
    def window_bytes(self) -> int:
        """Bytes of all slots."""
        return self.slot_bytes * self.slots

    @property
    def file_bytes(self) -> int:
        """Size of the shared file in bytes: whole huge pages, where it is as large as one."""
        size = self.window_bytes
        return size if size < HUGE_PAGE_BYTES else _round_up(size, HUGE_PAGE_BYTES)

    @property
    def offsets(self) -> list[int]:
        """Byte offset of each slot in the shared file."""
        return [slot * self.slot_bytes for slot in range(self.slots)]


def layout(*, width: int, height: int, pixel_format: PixelFormat, slots: int) -> Layout:
    """Lay out a window.

    Args:
        width: Pixels, `MIN_SIDE` … `MAX_WIDTH`.
        height: Pixels, `MIN_SIDE` … `MAX_HEIGHT`.
        pixel_format: Format of every slot.
        slots: How many frames the window holds, 1 … `MAX_SLOTS`.

    Returns:
        The layout.

    Raises:
        ValueError: A number is out of range, or the window is over `MAX_WINDOW_BYTES`; the message says which.
    """
    for name, value, low, high in (
        ("width", width, MIN_SIDE, MAX_WIDTH),
        ("height", height, MIN_SIDE, MAX_HEIGHT),
        ("slots", slots, 1, MAX_SLOTS),
    ):
        if not low <= value <= high:
            raise ValueError(f"{name} must be {low} to {high}, not {value}")
    stride = _round_up(width * _BYTES_PER_PIXEL[pixel_format], ROW_ALIGNMENT)
    rows = stride * height
    if pixel_format is PixelFormat.YUV420P8:
        stride = _round_up(width, 2 * ROW_ALIGNMENT)  # so that the chroma rows are aligned too
        rows = stride * height + 2 * (stride // 2) * ((height + 1) // 2)
    slot_bytes = _round_up(rows, PAGE)
    if slot_bytes * slots > MAX_WINDOW_BYTES:
        raise ValueError(f"slots: {slots} frames of {slot_bytes} bytes are over {MAX_WINDOW_BYTES} bytes together")
    return Layout(width=width, height=height, format=pixel_format, stride=stride, slot_bytes=slot_bytes, slots=slots)


def _round_up(value: int, multiple: int) -> int:
    return -(-value // multiple) * multiple
