"""The picture before and after: two frames side by side, as PNG."""

import secrets
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import numpy as np
from av.video.frame import VideoFrame

from pluginctl.failure import CommandFailed
from pluginctl.rendering.colour import Pixels

DIVIDER_FRACTION: Final = 320
"""The divider takes one of so many parts of a frame's width, at least 2 pixels."""
DIVIDER_LEVEL: Final = 255


def side_by_side(before: Pixels, after: Pixels) -> Pixels:
    """Return one RGB array: left the one frame, right the other, a thin white line between.

    Args:
        before: ``(height, width, 4)``, 8 bits.
        after: The same size.
    """
    height, width, _ = before.shape
    line = np.full((height, max(2, width // DIVIDER_FRACTION), 3), DIVIDER_LEVEL, np.uint8)
    joined: Pixels = np.hstack([before[..., :3], line, after[..., :3]])
    return joined


def write_png(path: Path, rgb: Pixels) -> None:
    """Write an RGB array as PNG: whole, or not at all.

    Raises:
        CommandFailed: It cannot be written.
    """
    frame = VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24")
    encoder = av.CodecContext.create("png", "w")
    encoder.width, encoder.height, encoder.pix_fmt = frame.width, frame.height, "rgb24"
    encoder.time_base, encoder.framerate = Fraction(1, 25), Fraction(25)  # any: a picture has none
    temporary = path.with_name(f".{path.stem}.{secrets.token_hex(4)}.part{path.suffix}")
    try:
        temporary.write_bytes(b"".join(bytes(packet) for packet in [*encoder.encode(frame), *encoder.encode(None)]))
        temporary.replace(path)
    except OSError as exc:
        temporary.unlink(missing_ok=True)
        raise CommandFailed(f"Cannot write {path}: {exc.strerror}") from exc
