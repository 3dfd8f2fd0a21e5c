"""What the example effects should compute, in float64 and with no cleverness.

Owns the formulas that the plugins are tested against; knows nothing of WebAssembly or of the daemon. Pictures are
arrays of shape (height, width, 4), in RGBA order: ``uint8`` for RGBA8, ``float32`` for RGBA32F. Alpha is always copied.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Picture: TypeAlias = npt.NDArray[np.uint8] | npt.NDArray[np.float32]
Floats: TypeAlias = npt.NDArray[np.float64]

LUMA_WEIGHTS = np.array([0.2126, 0.7152, 0.0722])
"""Rec. 709: what red, green and blue contribute to luma."""

HEADROOM = 64.0
"""RGBA8 only: the curve is cut off at this multiple of white, before saturation."""


SMALLEST_RADIUS = 0.01
"""Pixels; below it, a neighbour's weight is 0 even in float64, and a blur is a copy."""


def grade(
    picture: Picture, *, lift: float = 0.0, gamma: float = 1.0, gain: float = 1.0, saturation: float = 1.0
) -> Picture:
    """Grades a picture: lift, gain and gamma for each channel, then saturation around Rec. 709 luma.

    ``curve = max(0, gain * (x + lift * (1 - x))) ** (1 / gamma)``, then
    ``luma + saturation * (curve - luma)``, cut off below at 0 and, for RGBA8, above at 1.

    Args:
        picture: RGBA8, taken as 0 to 1, or RGBA32F, where 1 is white and more is allowed.
        lift: Offset of the shadows, -0.5 to 0.5; white stays where it is.
        gamma: Above 1 brightens the middle tones, 0.1 to 4.
        gain: Factor that white is multiplied by, 0 to 4.
        saturation: 0 is grey, 1 leaves colours as they are, at most 4.

    Returns:
        A new picture of the same format.
    """
    x = _colours(picture)
    curve = np.maximum(0.0, gain * (x + lift * (1.0 - x))) ** (1.0 / gamma)
    if picture.dtype == np.uint8:
        curve = np.minimum(curve, HEADROOM)
    luma = (curve @ LUMA_WEIGHTS)[..., np.newaxis]
    return _with_colours(picture, np.maximum(0.0, luma + saturation * (curve - luma)))


def blur(picture: Picture, *, radius: float = 5.0) -> Picture:
    """Blurs a picture with a Gaussian, edges repeated outwards.

    The standard deviation is half the radius; the kernel reaches ``ceil(3 * sigma)`` pixels to each side and its
    weights add up to 1.

    Args:
        picture: RGBA8 or RGBA32F.
        radius: Pixels, 0 to 100; below `SMALLEST_RADIUS` is a copy.

    Returns:
        A new picture of the same format.
    """
    if radius < SMALLEST_RADIUS:
        return picture.copy()
    weights = gaussian(radius)
    return _with_colours(picture, _convolve(_convolve(_colours(picture), weights, axis=0), weights, axis=1))


def gaussian(radius: float) -> Floats:
    """Returns the kernel of `blur`.

    Args:
        radius: Pixels, at least `SMALLEST_RADIUS`.

    Returns:
        An odd number of weights that add up to 1, the centre's in the middle.
    """
    sigma = radius / 2.0
    reach = int(np.ceil(3.0 * sigma))
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    return np.asarray(weights / weights.sum(), dtype=np.float64)


def invert(picture: Picture) -> Picture:
    """Inverts colours: ``1 - x``, not cut off for RGBA32F.

    Args:
        picture: RGBA8 or RGBA32F.

    Returns:
        A new picture of the same format.
    """
    return _with_colours(picture, 1.0 - _colours(picture))


def _convolve(values: Floats, weights: Floats, *, axis: int) -> Floats:
    reach = len(weights) // 2
    padding = [(reach, reach) if each == axis else (0, 0) for each in range(values.ndim)]
    padded = np.pad(values, padding, mode="edge")
    result = np.zeros_like(values)
    for offset, weight in enumerate(weights):
        result += weight * padded.take(np.arange(offset, offset + values.shape[axis]), axis=axis)
    return result


def _colours(picture: Picture) -> Floats:
    """Returns red, green and blue in float64, white at 1."""
    white = 255.0 if picture.dtype == np.uint8 else 1.0
    return np.asarray(picture[..., :3], dtype=np.float64) / white


def _with_colours(picture: Picture, colours: Floats) -> Picture:
    """Returns the picture with other colours, rounded to its format, and its own alpha."""
    result = picture.copy()
    if result.dtype == np.uint8:
        result[..., :3] = np.floor(np.clip(colours, 0.0, 1.0) * 255.0 + 0.5)
    else:
        result[..., :3] = colours
    return result
