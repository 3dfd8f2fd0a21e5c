"""Opens media for reading, in the decoder's process: one file that is open already, no other, and no thread."""

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from typing import BinaryIO, Final

import av
from av.container import InputContainer
from av.stream import Stream

MAX_PIXELS: Final = 64 * 1024 * 1024
"""Of one picture; 8K has 33 million."""
_MICROSECOND: Final = Fraction(1, 1_000_000)


class Unreadable(Exception):  # noqa: N818  # says what is the case
    """The file is damaged, or has not what was asked for; the message says what, without naming the file."""


class TooMuch(Exception):  # noqa: N818  # as above
    """It would take too much; the message says what."""


@contextmanager
def reading(file: BinaryIO) -> Iterator[InputContainer]:
    """Open a container.

    Args:
        file: The file, at its beginning.

    Yields:
        The container.

    Raises:
        Unreadable: FFmpeg cannot read it.
    """
    try:
        with av.open(file, "r", metadata_errors="replace") as container:
            yield container
    except av.error.FFmpegError as exc:
        raise Unreadable(f"FFmpeg: {exc.strerror or type(exc).__name__}") from exc
    except (ValueError, OverflowError, MemoryError) as exc:
        raise Unreadable(f"{type(exc).__name__}: {exc}") from exc


def first_video(container: InputContainer) -> "av.video.stream.VideoStream":
    """Return the stream to take pictures from.

    Raises:
        Unreadable: There is none.
        TooMuch: Its pictures are too large.
    """
    if not container.streams.video:
        raise Unreadable("it has no video")
    stream = container.streams.video[0]
    if stream.codec_context is None:
        raise Unreadable("there is no decoder for its video")
    if stream.width * stream.height > MAX_PIXELS:
        raise TooMuch(f"its pictures have {stream.width}x{stream.height} pixels, at most {MAX_PIXELS} are decoded")
    stream.codec_context.thread_count = 1
    return stream


def origin(container: InputContainer) -> Fraction:
    """Return the time at which a container begins, in s."""
    return (container.start_time or 0) * _MICROSECOND


def length(container: InputContainer) -> Fraction:
    """Return how long a container is, in s; 0 for a still picture, or where nothing says so."""
    if container.duration is not None and container.duration > 0:
        return container.duration * _MICROSECOND
    return max((stream_length(stream) or Fraction(0) for stream in container.streams), default=Fraction(0))


def stream_length(stream: Stream) -> Fraction | None:
    """Return how long a stream is, in s, where it says so."""
    if stream.duration is None or stream.time_base is None or stream.duration <= 0:
        return None
    return Fraction(stream.duration * stream.time_base)
