"""A picture of one frame: ``media.generateThumbnail``. Found exactly, upright, in the shape in which it is shown."""

from fractions import Fraction
from typing import Any, BinaryIO, Final, NamedTuple

import av
from av.container import InputContainer
from av.filter import Graph
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from plugind_headless.media.reading import TooMuch, Unreadable, first_video, length, origin, reading

MAX_SIDE: Final = 4096
"""Pixels of a picture's longer side."""
MAX_BYTES: Final = 8 * 1024 * 1024
"""Of the encoded picture: it must fit into a message."""
MAX_DECODED: Final = 3000
"""Frames decoded on the way to one; key frames are not that far apart."""
_SLACK: Final = Fraction(1, 1_000_000)
"""A time that was rounded to a float means the frame that begins there, not the one before."""
_DEFAULT_POSITION: Final = Fraction(1, 10)
_TURNS: Final = {90: ["transpose=cclock"], -90: ["transpose=clock"], 180: ["hflip", "vflip"], -180: ["hflip", "vflip"]}
"""Degrees against the clock, as PyAV says them, to filters."""


class _Coding(NamedTuple):
    encoder: str
    mime_type: str
    opaque: str
    """Pixel format."""
    alpha: str
    options: dict[str, str]


_CODINGS: Final = {
    "png": _Coding("png", "image/png", "rgb24", "rgba", {}),
    "jpeg": _Coding("mjpeg", "image/jpeg", "yuvj420p", "yuvj420p", {"qmin": "2", "qmax": "4"}),
}


class Wanted(NamedTuple):
    """Which frame, and how large."""

    time: float | None = None
    """In s; default: a tenth into the file."""
    width: int | None = None
    """At most, in pixels."""
    height: int | None = None
    format: str = "png"


def picture(file: BinaryIO, wanted: Wanted) -> tuple[dict[str, Any], bytes]:
    """Take a picture.

    Args:
        file: The file.
        wanted: Which frame, and how large.

    Returns:
        `plugind_protocol.host.media.Thumbnail` without its data, and the data.

    Raises:
        Unreadable: There is no such frame.
        TooMuch: It takes too much to decode, or the picture is too large.
    """
    coding = _CODINGS[wanted.format]
    with reading(file) as container:
        stream = first_video(container)
        frame = _find(container, stream, wanted.time)
        shape = Fraction(stream.sample_aspect_ratio or 1) or Fraction(1)
        turned, shape = _upright(frame, shape)
        width, height = _fit(turned.width, turned.height, shape, wanted)
        data = _encode(turned, coding, width, height)
    if len(data) > MAX_BYTES:
        raise TooMuch(f"the picture has {len(data)} bytes, at most {MAX_BYTES} can be sent: ask for a smaller one")
    return {"mimeType": coding.mime_type, "width": width, "height": height}, data


def _find(container: InputContainer, stream: VideoStream, time: float | None) -> VideoFrame:
    """Return the frame that is shown at a time: the last that does not begin after it."""
    span = length(container)
    wanted = span * _DEFAULT_POSITION if time is None else Fraction(time)
    at = wanted + origin(container) + _SLACK
    if wanted > 0:
        container.seek(int(at / Fraction(stream.time_base or 1)), stream=stream, backward=True)
    found, first = _decode_to(container, stream, at)
    if found is None and wanted > 0:  # it went too far, or cannot seek: from the beginning
        container.seek(0)
        found, first = _decode_to(container, stream, at)
    if found is None:
        if first is None:
            raise Unreadable("no frame of its video can be decoded")
        return first  # what begins after the container does is shown from its beginning
    if time is not None and span > 0 and wanted > span:
        raise Unreadable(f"it ends at {float(span):g} s, before {time:g} s")
    return found


def _decode_to(
    container: InputContainer, stream: VideoStream, at: Fraction
) -> tuple[VideoFrame | None, VideoFrame | None]:
    """Return the last frame that begins at or before a time, and the first of all."""
    found: VideoFrame | None = None
    first: VideoFrame | None = None
    for number, frame in enumerate(container.decode(stream)):
        first = first or frame
        begins = Fraction(0) if frame.pts is None else frame.pts * Fraction(frame.time_base or 1)
        if begins > at:
            break
        found = frame
        if number > MAX_DECODED:
            raise TooMuch(f"there is no key frame within {MAX_DECODED} frames before that time")
    return found, first


def _upright(frame: VideoFrame, shape: Fraction) -> tuple[VideoFrame, Fraction]:
    filters = _TURNS.get(frame.rotation)
    if filters is None:
        return frame, shape
    graph = Graph()
    nodes = [graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=Fraction(1, 1000))]
    for text in filters:
        name, _, arguments = text.partition("=")
        nodes.append(graph.add(name, arguments or None))
    nodes.append(graph.add("buffersink"))
    graph.link_nodes(*nodes).configure()
    graph.push(frame)
    turned = graph.pull()
    assert isinstance(turned, VideoFrame)
    return turned, 1 / shape if abs(frame.rotation) == 90 else shape


def _fit(width: int, height: int, shape: Fraction, wanted: Wanted) -> tuple[int, int]:
    """Return the size in which a frame is shown, made smaller to fit, never larger."""
    shown = width * shape
    scale = min(
        Fraction(1),
        Fraction(min(wanted.width or MAX_SIDE, MAX_SIDE)) / shown,
        Fraction(min(wanted.height or MAX_SIDE, MAX_SIDE), height),
    )
    return max(1, round(shown * scale)), max(1, round(height * scale))


def _encode(frame: VideoFrame, coding: _Coding, width: int, height: int) -> bytes:
    has_alpha = any(component.is_alpha for component in frame.format.components)
    made = frame.reformat(width=width, height=height, format=coding.alpha if has_alpha else coding.opaque, threads=1)
    context = av.CodecContext.create(coding.encoder, "w")
    assert isinstance(context, av.VideoCodecContext)
    context.width, context.height, context.pix_fmt = width, height, made.format.name
    context.time_base = Fraction(1, 25)
    context.thread_count = 1
    context.options = coding.options
    made.pts, made.time_base = 0, context.time_base
    return b"".join(bytes(packet) for packet in (*context.encode(made), *context.encode(None)))
