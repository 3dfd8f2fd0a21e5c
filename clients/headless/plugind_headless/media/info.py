"""What a media file holds: ``media.getInfo``, and how much of it there is for a clip."""

import math
import os
from fractions import Fraction
from typing import Any, BinaryIO, Final

from av.container import InputContainer
from av.stream import Stream

from plugind_headless.media.reading import length, reading, stream_length

_MAX_RATE: Final = 1000
_KINDS: Final = ("video", "audio")


def info(file: BinaryIO, suffix: str) -> dict[str, Any]:
    """Describe a file.

    Args:
        file: The file.
        suffix: What its name ends with, to tell formats apart that FFmpeg reads as one.

    Returns:
        `plugind_protocol.host.media.MediaInfo` without the path.

    Raises:
        Unreadable: FFmpeg cannot read it.
    """
    with reading(file) as container:
        names = container.format.name.split(",")
        return {
            "duration": float(length(container)),
            "container": suffix if suffix in names else names[0],
            "size": os.fstat(file.fileno()).st_size,
            "streams": [_stream(stream) for stream in container.streams],
        }


def extent(file: BinaryIO) -> dict[str, Any] | None:
    """Say how much there is of a file: of its video, else of its sound.

    Returns:
        ``rate``, ``frames`` and ``kind``; None for a still picture, which has no length of its own.

    Raises:
        Unreadable: FFmpeg cannot read it.
    """
    with reading(file) as container:
        for kind in _KINDS:
            for stream in container.streams.get({kind: 0}) if getattr(container.streams, kind) else []:
                return _extent(container, stream, kind)
    return None


def _extent(container: InputContainer, stream: Stream, kind: str) -> dict[str, Any] | None:
    span = stream_length(stream) or length(container)
    context: Any = stream.codec_context
    if context is None and kind == "audio":  # how it is sampled is the decoder's to say, and FFmpeg has none
        return None
    rate = _frame_rate(stream) if kind == "video" else Fraction(context.sample_rate or 0)
    if rate is None or rate <= 0 or span <= 0:
        return None
    counted = stream.frames if kind == "video" else 0
    return {"rate": float(rate), "frames": counted or math.floor(span * rate + Fraction(1, 2)), "kind": kind}


def _stream(stream: Stream) -> dict[str, Any]:
    context: Any = stream.codec_context  # of the class that fits its kind; none where FFmpeg has no decoder for it
    span = stream_length(stream)
    described: dict[str, Any] = {
        "kind": stream.type or "data",
        "codec": context.codec.canonical_name if context is not None else "unknown",
        "duration": None if span is None else float(span),
    }
    if context is None:
        pass
    elif stream.type == "video":
        rate = _frame_rate(stream)
        described |= {
            "width": context.width or None,
            "height": context.height or None,
            "fps": None if rate is None else float(rate),
            "pixelFormat": context.pix_fmt,
        }
    elif stream.type == "audio":
        described |= {"sampleRate": context.sample_rate or None, "channels": context.channels or None}
    return {key: value for key, value in described.items() if value is not None}


def _frame_rate(stream: Any) -> Fraction | None:
    rate = stream.average_rate or stream.guessed_rate
    return rate if rate is not None and 0 < rate <= _MAX_RATE else None
