"""Golden frames: pictures in, pictures out, how far they are off, and a picture of that. Needs PyAV and numpy."""

import secrets
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, Literal

import av
import msgspec
import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from pluginctl.failure import CommandFailed

Pixels = NDArray[np.uint8]
"""``(height, width, 4)``, 8-bit RGBA, straight alpha."""
PixelFormat = Literal["RGBA8", "RGBA32F"]
LEAST_SIDE: Final = 16
"""In pixels, as of every frame."""
_ONLY_PNG: Final = "png_pipe"
"""No other of FFmpeg's many readers is to see a file of somebody else's package."""
_DIVIDER: Final = 4
"""Pixels between the parts of a picture of a difference."""
_FULL: Final = 255


class Difference(msgspec.Struct, frozen=True, rename="camel"):
    """How far a frame is off."""

    largest: int
    """Of all channels of all pixels, of 255."""
    pixels: int
    """How many are off by more than is allowed."""
    x: int
    """Where the one is that is off most."""
    y: int
    found: list[int]
    expected: list[int]


def read_png(path: Path) -> Pixels:
    """Read a picture as it is: no colour is converted.

    Raises:
        CommandFailed: It cannot be read, or is too small to be a frame.
    """
    try:
        with av.open(str(path), format=_ONLY_PNG) as container:
            frame = next(container.decode(video=0))
    except (OSError, av.FFmpegError, StopIteration, IndexError) as exc:
        raise CommandFailed(f"{path} cannot be read as a PNG: {getattr(exc, 'strerror', None) or exc}") from exc
    if min(frame.width, frame.height) < LEAST_SIDE:
        raise CommandFailed(f"{path} has {frame.width}x{frame.height} pixels; a frame has at least 16x16")
    return frame.to_ndarray(format="rgba").astype(np.uint8)


def write_png(path: Path, pixels: Pixels) -> None:
    """Write a picture: whole, or not at all.

    Args:
        path: Where to.
        pixels: RGBA, or RGB.

    Raises:
        CommandFailed: It cannot be written.
    """
    name = "rgba" if pixels.shape[2] == 4 else "rgb24"
    frame = VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format=name)
    encoder = av.CodecContext.create("png", "w")
    encoder.width, encoder.height, encoder.pix_fmt = frame.width, frame.height, name
    encoder.time_base, encoder.framerate = Fraction(1, 25), Fraction(25)  # any: a picture has none
    data = b"".join(bytes(packet) for packet in [*encoder.encode(frame), *encoder.encode(None)])
    part = path.with_name(f".{path.stem}.{secrets.token_hex(4)}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(data)
        part.replace(path)
    except OSError as exc:
        part.unlink(missing_ok=True)
        raise CommandFailed(f"{path} cannot be written: {exc.strerror}") from exc


def to_slot(pixels: Pixels, slot: NDArray[Any], pixel_format: PixelFormat) -> None:
    """Write a picture into a frame of a format."""
    slot[...] = pixels if pixel_format == "RGBA8" else pixels.astype(np.float32) / _FULL


def from_slot(slot: NDArray[Any], pixel_format: PixelFormat) -> Pixels:
    """Return a frame as a picture of its own."""
    if pixel_format == "RGBA8":
        return slot.astype(np.uint8)
    levels: Pixels = np.rint(np.clip(np.nan_to_num(slot), 0.0, 1.0) * _FULL).astype(np.uint8)
    return levels


def compare(expected: Pixels, found: Pixels, *, tolerance: float) -> Difference | None:
    """Say how far a frame is off; None where it is not by more than is allowed.

    Args:
        expected: The golden frame.
        found: What the plugin has made, of the same size.
        tolerance: How far a channel may be off, of 255.
    """
    off = np.abs(expected.astype(np.int16) - found.astype(np.int16)).max(axis=2)
    largest = int(off.max())
    if largest <= tolerance:
        return None
    y, x = (int(place) for place in np.unravel_index(int(off.argmax()), off.shape))
    count = int((off > tolerance).sum())
    return Difference(largest, count, x, y, [int(one) for one in found[y, x]], [int(one) for one in expected[y, x]])


def picture(expected: Pixels, found: Pixels) -> Pixels:
    """Return the expected frame, the other one, and how far they are off, side by side; the last made bright."""
    off = np.abs(expected.astype(np.int16) - found.astype(np.int16)).max(axis=2)
    scaled = (off * (_FULL / max(1, int(off.max())))).astype(np.uint8)
    line = np.full((expected.shape[0], _DIVIDER, 3), _FULL, np.uint8)
    heat = np.dstack([scaled, scaled // 3, scaled // 8])
    joined: Pixels = np.hstack([expected[..., :3], line, found[..., :3], line, heat])
    return joined
