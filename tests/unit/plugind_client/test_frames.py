from pathlib import Path

import numpy as np
import pytest

from plugind_client import FrameBuffers
from plugind_protocol.frames import PixelFormat, layout
from plugind_protocol.methods import FrameWindow


def window(path: Path, pixel_format: PixelFormat, *, width: int = 17, height: int = 19) -> FrameWindow:
    laid = layout(width=width, height=height, pixel_format=pixel_format, slots=3)
    path.write_bytes(bytes(laid.window_bytes))
    return FrameWindow(
        window_id=1,
        path=str(path),
        offsets=laid.offsets,
        width=width,
        height=height,
        format=pixel_format.name,
        stride=laid.stride,
        slot_bytes=laid.slot_bytes,
    )


@pytest.mark.parametrize(
    ("pixel_format", "dtype", "value"),
    [
        (PixelFormat.RGBA8, np.uint8, 200),
        (PixelFormat.RGBA16F, np.float16, 0.5),
        (PixelFormat.RGBA32F, np.float32, 0.25),
    ],
)
def test_arrays_are_the_shared_pixels(tmp_path: Path, pixel_format: PixelFormat, dtype: type, value: float) -> None:
    with FrameBuffers(window(tmp_path / "w", pixel_format)) as buffers:
        assert len(buffers) == 3
        pixels = buffers.array(1)
        assert (pixels.shape, pixels.dtype) == ((19, 17, 4), np.dtype(dtype))
        pixels[18, 16, 3] = value
        offset = buffers.window.offsets[1] + 18 * buffers.window.stride + (16 * 4 + 3) * pixels.itemsize
    content = (tmp_path / "w").read_bytes()
    assert np.frombuffer(content, dtype, 1, offset)[0] == value
    assert sum(content) == sum(np.array([value], dtype).tobytes())


def test_bytes_work_for_every_format(tmp_path: Path) -> None:
    with FrameBuffers(window(tmp_path / "w", PixelFormat.YUV420P8)) as buffers:
        buffers.bytes(2)[5] = 9
        assert (tmp_path / "w").read_bytes()[buffers.window.offsets[2] + 5] == 9
        assert len(buffers.bytes(0)) == buffers.window.slot_bytes
        with pytest.raises(ValueError, match="planes"):
            buffers.array(0)
        with pytest.raises(IndexError):
            buffers.bytes(3)


def test_a_file_smaller_than_the_window_is_refused(tmp_path: Path) -> None:
    described = window(tmp_path / "w", PixelFormat.RGBA8)
    (tmp_path / "w").write_bytes(bytes(100))
    with pytest.raises(ValueError, match="has 100 bytes, the window needs"):
        FrameBuffers(described)
