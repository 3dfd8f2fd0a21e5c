"""Between the video's own pixels and RGBA: the right matrix, the right range, and no drift.

The scaler's settings matter. With swscale's defaults an unchanged frame comes back 1.1 levels darker on average
(measured on a 1080p gradient, BT.709 limited, 8 bits). With those below it comes back exactly: halved chroma is
repeated on the way to RGBA and averaged on the way back (measured on noise: largest difference 0; smooth upsampling
would change chroma by up to 16 at edges). Full-range chroma alone is rounded down by swscale: by 1 at most.
"""

from typing import Final, NamedTuple

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
"""``(height, width, 4)``, 8-bit RGBA; rows may be padded."""

_EXACT: Final = Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT | Interpolation.FULL_CHR_H_INP
TO_RGBA: Final = Interpolation.POINT | _EXACT
FROM_RGBA: Final = Interpolation.AREA | _EXACT
HD_HEIGHT: Final = 720
"""Untagged video of at least this height is taken as BT.709, below as BT.601: what players do."""

_MATRICES: Final = {
    1: Colorspace.ITU709,
    4: Colorspace.FCC,
    5: Colorspace.ITU601,
    6: Colorspace.ITU601,
    7: Colorspace.SMPTE240M,
    9: Colorspace.BT2020,
    10: Colorspace.BT2020,
}
"""AVColorSpace (ITU-T H.273 matrix coefficients) → swscale's."""
_BT709: Final = 1
_BT601: Final = 6


class Colour(NamedTuple):
    """How the pixels of a video are coded."""

    matrix: Colorspace
    range: ColorRange
    tag: int
    """What the output's matrix is tagged with, as AVColorSpace."""

    @classmethod
    def of(cls, context: VideoCodecContext, pixels: av.VideoFormat) -> "Colour":
        """Read it from a decoder's context, guessing as players do where the video does not say.

        Args:
            context: The decoder.
            pixels: Its pixel format.
        """
        untagged = Colorspace.ITU709 if context.height >= HD_HEIGHT else Colorspace.ITU601
        full = context.color_range == ColorRange.JPEG or pixels.name.startswith("yuvj")
        if pixels.is_rgb:  # becomes YUV in the output, which must say how
            return cls(untagged, ColorRange.MPEG, _BT709 if untagged == Colorspace.ITU709 else _BT601)
        matrix = _MATRICES.get(context.colorspace, untagged)
        return cls(matrix, ColorRange.JPEG if full else ColorRange.MPEG, context.colorspace)


class Converter:
    """Converts frames of one video to RGBA and back; one object for each direction and thread.

    Args:
        colour: How the video codes its pixels.
    """

    def __init__(self, colour: Colour) -> None:
        self._colour = colour
        self._reformatter = VideoReformatter()

    def to_rgba(self, frame: VideoFrame, pixels: Pixels) -> None:
        """Write a decoded frame into an RGBA array of its size."""
        rgba = self._reformatter.reformat(
            frame,
            format="rgba",
            src_colorspace=self._colour.matrix,
            dst_colorspace=self._colour.matrix,
            src_color_range=ColorRange.JPEG if frame.format.is_rgb else self._colour.range,
            dst_color_range=ColorRange.JPEG,
            interpolation=TO_RGBA,
        )
        height, width, _ = pixels.shape
        plane = rgba.planes[0]
        rows = np.frombuffer(plane, np.uint8).reshape(height, plane.line_size)  # type: ignore[call-overload]
        np.copyto(pixels, rows[:, : width * 4].reshape(height, width, 4))

    def from_rgba(self, pixels: Pixels, pix_fmt: str) -> VideoFrame:
        """Return a frame in the video's own coding; the array may be reused at once."""
        wrapped = VideoFrame.from_numpy_buffer(pixels, format="rgba", width=pixels.shape[1])
        return self._reformatter.reformat(
            wrapped,
            format=pix_fmt,
            src_colorspace=self._colour.matrix,
            dst_colorspace=self._colour.matrix,
            src_color_range=ColorRange.JPEG,
            dst_color_range=self._colour.range,
            interpolation=FROM_RGBA,
        )


def target_format(source: av.VideoFormat, *, offered: list[str], width: int, height: int) -> str | None:
    """Choose the pixel format to encode to: the source's chroma sampling in 8 bits, where the encoder offers it.

    Args:
        source: The source's pixel format.
        offered: What the encoder offers.
        width: Pixels; odd ones do not go with halved chroma.
        height: Pixels; likewise.

    Returns:
        Its name; None if the encoder offers nothing that fits.
    """
    alpha = any(component.is_alpha for component in source.components)
    chroma = [component for component in source.components if component.is_chroma]
    halved_x = bool(chroma) and chroma[0].width < source.width
    halved_y = bool(chroma) and chroma[0].height < source.height
    if not chroma and not source.is_rgb:
        halved_x = halved_y = True  # grey: every player knows 4:2:0
    wanted = _sampling(halved_x=halved_x and width % 2 == 0, halved_y=halved_y and height % 2 == 0)
    names = [wanted, "yuv444p"]
    if width % 2 == 0 and height % 2 == 0:
        names.append("yuv420p")
    candidates = [name.replace("yuv", "yuva") for name in names] if alpha else []
    return next((name for name in [*candidates, *names] if name in offered), None)


def _sampling(*, halved_x: bool, halved_y: bool) -> str:
    if not halved_x:
        return "yuv444p"
    return "yuv420p" if halved_y else "yuv422p"
