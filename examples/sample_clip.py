"""Makes a short clip to try effects on: shapes in motion, gradients, text, a frame counter and a stereo tone.

The clip is drawn from nothing but the code below and is dedicated to the public domain (CC0 1.0).
H.264 in yuv420p with BT.709 tags and AAC sound, in MP4. Needs numpy and PyAV; no network, no font files.
"""

from __future__ import annotations

import argparse
from fractions import Fraction
from pathlib import Path
from typing import TypeAlias

import av
import numpy as np
import numpy.typing as npt
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.video.reformatter import ColorRange, Colorspace
from av.video.stream import VideoStream

Canvas: TypeAlias = npt.NDArray[np.uint8]
Colour: TypeAlias = tuple[int, int, int]

SAMPLE_RATE = 48_000
TONES = (440.0, 660.0)
"""Left and right, in Hz."""
VOLUME = 0.2

BT709 = 1
"""The number of BT.709 in H.264's tables of primaries and transfer functions."""

TITLE = "PLUGIND SAMPLE CC0"
WHITE: Colour = (255, 255, 255)
BARS: tuple[Colour, ...] = (
    (192, 32, 48),
    (208, 160, 32),
    (48, 160, 64),
    (32, 128, 192),
    (128, 64, 176),
    (128, 128, 128),
)

GLYPH_WIDTH = 5
GLYPHS = {
    " ": "..... ..... ..... ..... ..... ..... .....",
    "0": ".###. #...# #..## #.#.# ##..# #...# .###.",
    "1": "..#.. .##.. ..#.. ..#.. ..#.. ..#.. .###.",
    "2": ".###. #...# ....# ...#. ..#.. .#... #####",
    "3": ".###. #...# ....# ..##. ....# #...# .###.",
    "4": "...#. ..##. .#.#. #..#. ##### ...#. ...#.",
    "5": "##### #.... ####. ....# ....# #...# .###.",
    "6": ".###. #.... #.... ####. #...# #...# .###.",
    "7": "##### ....# ...#. ..#.. ..#.. ..#.. ..#..",
    "8": ".###. #...# #...# .###. #...# #...# .###.",
    "9": ".###. #...# #...# .#### ....# ....# .###.",
    "A": ".###. #...# #...# ##### #...# #...# #...#",
    "C": ".###. #...# #.... #.... #.... #...# .###.",
    "D": "####. #...# #...# #...# #...# #...# ####.",
    "E": "##### #.... #.... ####. #.... #.... #####",
    "F": "##### #.... #.... ####. #.... #.... #....",
    "G": ".###. #...# #.... #.### #...# #...# .###.",
    "I": ".###. ..#.. ..#.. ..#.. ..#.. ..#.. .###.",
    "L": "#.... #.... #.... #.... #.... #.... #####",
    "M": "#...# ##.## #.#.# #.#.# #...# #...# #...#",
    "N": "#...# ##..# ##..# #.#.# #..## #..## #...#",
    "P": "####. #...# #...# ####. #.... #.... #....",
    "R": "####. #...# #...# ####. #.#.. #..#. #...#",
    "S": ".#### #.... #.... .###. ....# ....# ####.",
    "U": "#...# #...# #...# #...# #...# #...# .###.",
}
"""Five pixels wide, seven high, rows from the top."""


def generate(path: str | Path, *, width: int = 1280, height: int = 720, fps: int = 30, seconds: float = 4) -> None:
    """Writes the clip.

    Args:
        path: Where to; a file that is there is replaced.
        width: Pixels, even, 64 to 7680.
        height: Pixels, even, 64 to 4320.
        fps: Frames per second, 1 to 240.
        seconds: Length; rounded to whole frames, at least one.

    Raises:
        ValueError: A number is out of range; the message names it.
        OSError: The file cannot be written.
    """
    _check(width=width, height=height, fps=fps)
    frames = max(1, round(fps * seconds))
    background = _background(width, height)
    with av.open(str(path), "w", format="mp4") as container:
        video = _video_stream(container, width, height, fps)
        audio = container.add_stream("aac", rate=SAMPLE_RATE, layout="stereo")
        samples = _tone(Fraction(frames, fps))
        for index in range(frames):
            _encode_picture(container, video, draw(background, index, frames), index)
            first, last = (int(SAMPLE_RATE * Fraction(at, fps)) for at in (index, index + 1))
            _encode_sound(container, audio, samples[first:last], first)
        container.mux(video.encode(None))
        container.mux(audio.encode(None))


def draw(background: Canvas, index: int, frames: int) -> Canvas:
    """Draws one frame.

    Args:
        background: What does not move, shape (height, width, 3); it is not changed.
        index: Number of the frame, from 0.
        frames: How many there are: motion ends where it began.

    Returns:
        RGB, of the same shape.
    """
    canvas = background.copy()
    height, width = canvas.shape[:2]
    turn = 2 * np.pi * index / frames
    unit = min(width, height)
    _disc(canvas, (0.5 + 0.3 * np.cos(turn), 0.45 + 0.2 * np.sin(turn)), unit // 8, (240, 96, 32))
    _disc(canvas, (0.5 - 0.3 * np.cos(turn), 0.45 + 0.2 * np.sin(2 * turn)), unit // 12, (32, 176, 240))
    side = unit // 6
    left = int((width - side) * (0.5 - 0.5 * np.cos(turn)))
    canvas[height // 2 : height // 2 + side, left : left + side] = (96, 208, 96)
    scale = max(1, unit // 120)
    _text(canvas, TITLE, 4 * scale, 4 * scale, scale)
    _text(canvas, f"FRAME {index:04d}", 4 * scale, height - 11 * scale, scale)
    return canvas


def _check(*, width: int, height: int, fps: int) -> None:
    for name, value, low, high, step in (
        ("width", width, 64, 7680, 2),
        ("height", height, 64, 4320, 2),
        ("fps", fps, 1, 240, 1),
    ):
        if not low <= value <= high or value % step:
            raise ValueError(f"{name} must be {'even, ' if step == 2 else ''}{low} to {high}, not {value}")


def _background(width: int, height: int) -> Canvas:
    """A gradient in both directions, with colour bars over the lower part."""
    canvas = np.empty((height, width, 3), dtype=np.uint8)
    across, down = np.linspace(0, 1, width), np.linspace(0, 1, height)[:, np.newaxis]
    canvas[..., 0] = 200 * across
    canvas[..., 1] = 160 * down
    canvas[..., 2] = 40 + 180 * (1 - across) * np.ones_like(down)
    top, bottom = height * 13 // 16, height * 14 // 16
    for index, colour in enumerate(BARS):
        canvas[top:bottom, width * index // len(BARS) : width * (index + 1) // len(BARS)] = colour
    return canvas


def _disc(canvas: Canvas, centre: tuple[float, float], radius: int, colour: Colour) -> None:
    """Draws a disc; its centre is in parts of the canvas, its radius in pixels. What lies outside is cut off."""
    height, width = canvas.shape[:2]
    x, y = int(centre[0] * width), int(centre[1] * height)
    left, right, top, bottom = max(0, x - radius), x + radius + 1, max(0, y - radius), y + radius + 1
    window = canvas[top:bottom, left:right]
    rows, columns = np.ogrid[: window.shape[0], : window.shape[1]]
    window[(columns + left - x) ** 2 + (rows + top - y) ** 2 <= radius**2] = colour


def _text(canvas: Canvas, text: str, left: int, top: int, scale: int) -> None:
    """Draws text in capitals, `scale` pixels to a dot, on a darkened strip; what does not fit is cut off."""
    mask = np.hstack([_glyph(char) for char in text]).repeat(scale, axis=0).repeat(scale, axis=1)
    strip = canvas[top - scale : top + mask.shape[0] + scale, left - scale : left + mask.shape[1]]
    strip //= 2
    window = canvas[top : top + mask.shape[0], left : left + mask.shape[1]]
    window[mask[: window.shape[0], : window.shape[1]]] = WHITE


def _glyph(char: str) -> npt.NDArray[np.bool_]:
    rows = [[dot == "#" for dot in row] + [False] for row in GLYPHS[char].split()]
    return np.array(rows, dtype=np.bool_)


def _tone(seconds: Fraction) -> npt.NDArray[np.float32]:
    """Two sines, shape (samples, 2), faded in and out over 20 ms."""
    count = int(SAMPLE_RATE * seconds)
    time = np.arange(count)[:, np.newaxis] / SAMPLE_RATE
    fade = np.minimum(1.0, np.minimum(time, time[::-1]) / 0.02)
    return np.asarray(VOLUME * fade * np.sin(2 * np.pi * time * np.array(TONES)), dtype=np.float32)


def _video_stream(container: OutputContainer, width: int, height: int, fps: int) -> VideoStream:
    stream = container.add_stream("libx264", rate=fps, options={"preset": "veryfast", "crf": "20"})
    stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
    stream.time_base = Fraction(1, fps)
    context = stream.codec_context
    context.color_primaries = context.color_trc = BT709
    context.colorspace = Colorspace.ITU709
    context.color_range = ColorRange.MPEG
    return stream


def _encode_picture(container: OutputContainer, stream: VideoStream, canvas: Canvas, index: int) -> None:
    frame = av.VideoFrame.from_ndarray(canvas, format="rgb24").reformat(
        format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG
    )
    frame.pts, frame.time_base = index, Fraction(1, stream.codec_context.framerate)
    container.mux(stream.encode(frame))


def _encode_sound(
    container: OutputContainer, stream: AudioStream, samples: npt.NDArray[np.float32], first: int
) -> None:
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples.T), format="fltp", layout="stereo")
    frame.sample_rate, frame.pts, frame.time_base = SAMPLE_RATE, first, Fraction(1, SAMPLE_RATE)
    container.mux(stream.encode(frame))


def main(arguments: list[str] | None = None) -> None:
    """Runs the command line.

    Args:
        arguments: The arguments after the program's name; those of the process by default.
    """
    parser = argparse.ArgumentParser(description="Make a short clip (CC0) to try effects on.")
    parser.add_argument("path", type=Path, help="the MP4 file to write")
    parser.add_argument("--width", type=int, default=1280, help="pixels, even (default: %(default)s)")
    parser.add_argument("--height", type=int, default=720, help="pixels, even (default: %(default)s)")
    parser.add_argument("--fps", type=int, default=30, help="frames per second (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=4, help="length (default: %(default)s)")
    options = parser.parse_args(arguments)
    try:
        generate(options.path, width=options.width, height=options.height, fps=options.fps, seconds=options.seconds)
    except ValueError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
