"""Small videos for tests: what they hold is known to the pixel and the packet."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np
from numpy.typing import NDArray

BT709 = 1
LIMITED, FULL = 1, 2


class Clip(NamedTuple):
    """What `describe` reads back from a file."""

    size: tuple[int, int]
    pix_fmt: str
    time_base: Fraction
    times: list[tuple[int, int]]
    """pts and duration of each frame, as decoded, in units of the time base."""
    packets: dict[int, list[tuple[Any, ...]]]
    """Of each stream but the video: pts, dts and duration in seconds, and the bytes."""
    colour: tuple[int, int, int, int]
    """Range, matrix, primaries, transfer."""
    duration: float | None
    streams: list[str]


def gradient(width: int, height: int, index: int) -> NDArray[np.uint8]:
    """RGB inside the gamut of limited YUV, moving with the index."""
    y, x = np.mgrid[0:height, 0:width]
    rgb = np.empty((height, width, 3))
    rgb[..., 0] = 60 + 120 * ((x + 3 * index) % width) / width
    rgb[..., 1] = 60 + 120 * y / height
    rgb[..., 2] = 180 - 60 * (x + y) / (width + height)
    return rgb.astype(np.uint8)


def write_clip(
    path: Path,
    *,
    width: int = 64,
    height: int = 48,
    times: Sequence[int] | None = None,
    time_base: Fraction = Fraction(1, 25),
    codec: str = "ffv1",
    pix_fmt: str = "yuv420p",
    colour: tuple[int, int, int, int] = (LIMITED, BT709, BT709, BT709),
    audio: bool = True,
    frames: int = 12,
    rotation: int = 0,
    pixel_aspect: Fraction | None = None,
    options: dict[str, str] | None = None,
    video_options: dict[str, str] | None = None,
) -> Path:
    """Write a video of a moving gradient, with a tone."""
    pts = list(times) if times is not None else list(range(frames))
    with av.open(str(path), "w", container_options=options or {}) as container:
        video: Any = container.add_stream(codec, rate=25, options=video_options or {})
        video.width, video.height, video.pix_fmt = width, height, pix_fmt
        video.time_base = video.codec_context.time_base = time_base
        context = video.codec_context
        context.color_range, context.colorspace, context.color_primaries, context.color_trc = colour
        if pixel_aspect is not None:
            context.sample_aspect_ratio = pixel_aspect
        if rotation:
            video.set_display_rotation(rotation)
        sound: Any = container.add_stream("aac", rate=48_000) if audio else None
        end = float(pts[-1] * time_base) + 0.04
        for index, when in enumerate(pts):
            frame = av.VideoFrame.from_ndarray(gradient(width, height, index), format="rgb24").reformat(
                format=pix_fmt, dst_colorspace=colour[1], src_color_range=FULL, dst_color_range=colour[0]
            )
            frame.pts, frame.time_base = when, time_base
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        for start in range(0, int(end * 48_000), 1024) if sound else ():
            wave = np.sin((np.arange(1024) + start) * 0.05)[None].repeat(2, 0).astype(np.float32)
            block = av.AudioFrame.from_ndarray(wave, format="fltp", layout="stereo")
            block.sample_rate, block.pts, block.time_base = 48_000, start, Fraction(1, 48_000)
            container.mux(sound.encode(block))
        if sound:
            container.mux(sound.encode(None))
    return path


def add_subtitles(source: Path, target: Path) -> Path:
    """Copy a video and give it subtitles."""
    text = target.with_suffix(".srt")
    text.write_text("1\n00:00:00,040 --> 00:00:00,200\nhello\n\n2\n00:00:00,240 --> 00:00:00,400\nworld\n\n")
    with av.open(str(source)) as video, av.open(str(text)) as words, av.open(str(target), "w") as out:
        copies = [
            (container, {each.index: out.add_stream_from_template(each, opaque=True) for each in container.streams})
            for container in (words, video)
        ]
        for container, streams in copies:
            for packet in container.demux():
                if packet.size:
                    packet.stream = streams[packet.stream.index]
                    out.mux(packet)
    text.unlink()
    return target


def describe(path: Path) -> Clip:
    """Read a video back."""
    packets: dict[int, list[tuple[Any, ...]]] = {}
    times = []
    with av.open(str(path)) as container:
        video = container.streams.video[0]
        for packet in container.demux():
            if packet.stream.index == video.index:
                times += [(frame.pts, frame.duration) for frame in packet.decode()]  # type: ignore[union-attr]
            elif packet.size:
                base = packet.time_base
                moment = tuple(
                    None if t is None else float(t * base) for t in (packet.pts, packet.dts, packet.duration)
                )
                packets.setdefault(packet.stream.index, []).append((*moment, bytes(packet)))
        context = video.codec_context
        return Clip(
            size=(context.width, context.height),
            pix_fmt=context.pix_fmt or "",
            time_base=video.time_base or Fraction(0),
            times=times,
            packets=packets,
            colour=(context.color_range, context.colorspace, context.color_primaries, context.color_trc),
            duration=container.duration / 1e6 if container.duration else None,
            streams=[
                f"{each.type} {each.codec_context.name if each.codec_context else ''}" for each in container.streams
            ],
        )


def planes(path: Path) -> list[list[NDArray[np.uint8]]]:
    """Decode every frame to its own planes, without any conversion."""
    with av.open(str(path)) as container:
        return [[_pixels(plane) for plane in frame.planes] for frame in container.decode(video=0)]


def _pixels(plane: Any) -> NDArray[np.uint8]:
    rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
    return rows[: plane.height, : plane.width].copy()
