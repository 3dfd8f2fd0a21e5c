"""Layouts: every row and plane inside its slot, every slot on its page, at any size."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugind_protocol import frames
from plugind_protocol.frames import Layout, PixelFormat, layout

SIDES = {"width": st.integers(16, 7680), "height": st.integers(16, 4320)}
BYTES = {PixelFormat.RGBA8: 4, PixelFormat.RGBA16F: 8, PixelFormat.RGBA32F: 16, PixelFormat.YUV420P8: 1}


def check(shape: Layout) -> None:
    assert shape.stride % frames.ROW_ALIGNMENT == 0
    assert shape.stride >= shape.width * BYTES[shape.format]
    used = shape.stride * shape.height
    if shape.format is PixelFormat.YUV420P8:
        chroma = shape.stride // 2
        assert chroma % frames.ROW_ALIGNMENT == 0
        assert chroma >= (shape.width + 1) // 2
        used += 2 * chroma * ((shape.height + 1) // 2)
    assert used <= shape.slot_bytes < used + frames.PAGE
    assert shape.slot_bytes % frames.PAGE == 0
    assert shape.offsets == [slot * shape.slot_bytes for slot in range(shape.slots)]
    assert shape.window_bytes == shape.slots * shape.slot_bytes


@given(**SIDES, pixel_format=st.sampled_from(PixelFormat), slots=st.integers(1, 3))
def test_everything_fits(width: int, height: int, pixel_format: PixelFormat, slots: int) -> None:
    check(layout(width=width, height=height, pixel_format=pixel_format, slots=slots))


@pytest.mark.parametrize("pixel_format", PixelFormat)
@pytest.mark.parametrize(
    ("width", "height"), [(16, 16), (17, 17), (7680, 4320), (7679, 4319), (16, 4320), (7680, 16), (33, 31)]
)
def test_edges(width: int, height: int, pixel_format: PixelFormat) -> None:
    check(layout(width=width, height=height, pixel_format=pixel_format, slots=2))


def test_full_hd_is_what_clients_know() -> None:
    shape = layout(width=1920, height=1080, pixel_format=PixelFormat.RGBA8, slots=2)
    assert (shape.stride, shape.slot_bytes, shape.offsets) == (7680, 8294400, [0, 8294400])
    shape = layout(width=1919, height=1079, pixel_format=PixelFormat.YUV420P8, slots=1)
    assert (shape.stride, shape.slot_bytes) == (1920, 759 * 4096)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("width", 15),
        ("width", 7681),
        ("width", 0),
        ("width", -16),
        ("height", 15),
        ("height", 4321),
        ("slots", 0),
        ("slots", 65),
    ],
)
def test_out_of_range_is_named(name: str, value: int) -> None:
    with pytest.raises(ValueError, match=f"{name} must be .* not {value}"):
        layout(**{"width": 16, "height": 16, "slots": 1, name: value}, pixel_format=PixelFormat.RGBA8)


def test_a_window_must_be_addressable() -> None:
    most = {"width": 7680, "height": 4320, "pixel_format": PixelFormat.RGBA32F}
    assert layout(**most, slots=4).window_bytes <= frames.MAX_WINDOW_BYTES
    with pytest.raises(ValueError, match="slots: 5 frames"):
        layout(**most, slots=5)
    assert layout(width=1920, height=1080, pixel_format=PixelFormat.RGBA32F, slots=64).slots == 64


def test_the_frame_structure_is_the_one_of_the_abi() -> None:
    fields = list(range(1, 10))
    packed = frames.FRAME_STRUCT.pack(*fields, -2)
    assert len(packed) == 48
    assert list(struct.unpack_from("<9I", packed)) == fields
    assert struct.unpack_from("<q", packed, 40) == (-2,)
    assert [member.value for member in PixelFormat] == [0, 1, 2, 3]
