"""``media.*``: what plugins learn of media files."""

from typing import Annotated, Final, Literal

from msgspec import Meta

from plugind_protocol.host.values import FilePath, FrameRate, Pixels, Seconds
from plugind_protocol.table import Example, HostMethod, Open, Params, Struct

NAMESPACE: Final = "media"


class GetInfo(Params, frozen=True):
    """Asks about a media file."""

    path: FilePath
    """A path as for ``file.read``; absolute paths and URLs need ``media.read`` without a scope."""


class MediaStream(Open, frozen=True):
    """One stream of a media file."""

    kind: str
    """``video``, ``audio``, ``subtitle`` or ``data``."""
    codec: str
    """Short name, such as ``h264``."""
    width: Pixels | None = None
    """In pixels; of video."""
    height: Pixels | None = None
    """In pixels; of video."""
    fps: FrameRate | None = None
    """Frames per s; of video."""
    pixel_format: str | None = None
    """Such as ``yuv420p``; of video."""
    sample_rate: Annotated[int, Meta(gt=0)] | None = None
    """Samples per s; of audio."""
    channels: Annotated[int, Meta(gt=0)] | None = None
    """Of audio."""
    duration: Seconds | None = None
    """In s, where the file says so."""
    bit_rate: Annotated[int, Meta(ge=0)] | None = None
    """Bits per s, where the file says so."""


class MediaInfo(Open, frozen=True):
    """What a media file holds."""

    path: str
    """As it was asked for."""
    duration: Seconds
    """In s."""
    container: str
    """Short name of its format, such as ``mp4``."""
    size: Annotated[int, Meta(ge=0)]
    """In bytes."""
    streams: list[MediaStream]
    """In the order of the file."""


class GenerateThumbnail(Params, frozen=True):
    """Asks for a picture of one frame."""

    path: FilePath
    """As for ``media.getInfo``."""
    time: Seconds | None = None
    """Of the frame, in s; default: where the provider finds a good one."""
    width: Pixels | None = None
    """Largest width, in pixels; the shape of the picture is kept."""
    height: Pixels | None = None
    """Largest height, in pixels."""
    format: Literal["png", "jpeg"] = "png"
    """Of the picture."""


class Thumbnail(Struct, frozen=True):
    """A picture."""

    mime_type: Literal["image/png", "image/jpeg"]
    """Of the data."""
    width: Pixels
    """In pixels."""
    height: Pixels
    """In pixels."""
    data: str
    """The file, in base64."""


METHODS: Final = (
    HostMethod(
        "media.getInfo",
        GetInfo,
        MediaInfo,
        "Streams and duration of a media file.",
        permission="media.read",
        scope="path",
        example=Example(
            {"path": "project/media/beach.mp4"},
            {
                "path": "project/media/beach.mp4",
                "duration": 12.0,
                "container": "mp4",
                "size": 4194304,
                "streams": [{"kind": "video", "codec": "h264", "width": 1920, "height": 1080, "fps": 25.0}],
            },
        ),
    ),
    HostMethod(
        "media.generateThumbnail",
        GenerateThumbnail,
        Thumbnail,
        "A picture of one frame.",
        permission="media.read",
        scope="path",
        example=Example(
            {"path": "project/media/beach.mp4", "time": 2.0, "width": 160},
            {"mimeType": "image/png", "width": 160, "height": 90, "data": "iVBORw0KGgo="},
        ),
    ),
)
