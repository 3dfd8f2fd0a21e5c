"""Media files for tests, small and made on the spot, whose every frame says which it is."""

import wave
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

STEP = 4
"""Levels of grey between one frame and the next."""


def film(path: Path, *, frames: int = 50, fps: int = 25, width: int = 64, height: int = 32, **stream: Any) -> Path:
    """Write a film in which frame n is of the grey n·STEP; its left upper quarter is white, so that up is known."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=fps, options={"g": "250", "bf": "2", "qp": "0"})
        video.width, video.height, video.pix_fmt = width, height, "yuv444p"
        for name, value in stream.items():
            setattr(video, name, value)
        for number in range(frames):
            picture = np.full((height, width, 3), number * STEP % 256, np.uint8)
            picture[: height // 2, : width // 2] = 255
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, fps)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
    return path


def turned(path: Path) -> Path:
    """Let a film's container say that it is to be shown turned by a quarter, with the clock."""
    identity = b"".join(value.to_bytes(4, "big") for value in (0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000))
    quarter = b"".join(
        value.to_bytes(4, "big", signed=True) for value in (0, 0x10000, 0, -0x10000, 0, 0, 0, 0, 0x40000000)
    )
    data = path.read_bytes()
    header = data.index(b"tkhd")
    at = data.index(identity, header)
    path.write_bytes(data[:at] + quarter + data[at + len(quarter) :])
    return path


def sound(path: Path, *, seconds: float = 1.0, rate: int = 8000) -> Path:
    """Write silence."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(bytes(2 * int(seconds * rate)))
    return path


def still(path: Path, *, width: int = 40, height: int = 20) -> Path:
    """Write a PNG that is half transparent red on the left, and opaque blue on the right."""
    picture = np.zeros((height, width, 4), np.uint8)
    picture[:, : width // 2] = (255, 0, 0, 128)
    picture[:, width // 2 :] = (0, 0, 255, 255)
    frame = av.VideoFrame.from_ndarray(picture, format="rgba")
    context = av.CodecContext.create("png", "w")
    assert isinstance(context, av.VideoCodecContext)
    context.width, context.height, context.pix_fmt, context.time_base = width, height, "rgba", Fraction(1, 25)
    path.write_bytes(b"".join(bytes(packet) for packet in (*context.encode(frame), *context.encode(None))))
    return path


def pixels(data: bytes, path: Path) -> Any:
    """Decode a picture: shape (height, width, 4)."""
    path.write_bytes(data)
    with av.open(str(path)) as container:
        return next(container.decode(video=0)).to_ndarray(format="rgba")
