"""The blur against a convolution in float64."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import reference
from conftest import HANDLE
from guest import Guest
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import FORMATS, LAYOUTS, SHAPES, noise, steps

Effect = Callable[[str], Guest]


def check(guest: Guest, dtype: str, shape: tuple[int, int], params: dict[str, float], layout: dict[str, Any]) -> None:
    picture = noise(dtype, shape)
    result = guest.process(HANDLE, picture, params, **layout)
    expected = reference.blur(picture, **params)
    assert np.array_equal(result[..., 3], picture[..., 3])
    if dtype == "uint8":
        assert steps(result, expected) <= 1
    else:
        assert np.abs(result - expected).max() <= 5e-6


@pytest.mark.parametrize("radius", [0, 0.3, 0.5, 1, 2, 5, 7.5, 20, 66, 100])
@pytest.mark.parametrize("dtype", FORMATS)
def test_radius(effect: Effect, dtype: str, radius: float) -> None:
    check(effect("gaussian-blur"), dtype, (64, 67), {"radius": radius}, LAYOUTS[0])


@pytest.mark.parametrize("radius", [0, 2, 20])
@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", FORMATS)
def test_layouts(effect: Effect, dtype: str, shape: tuple[int, int], layout: dict[str, Any], radius: float) -> None:
    check(effect("gaussian-blur"), dtype, shape, {"radius": radius}, layout)


@settings(max_examples=60, deadline=None)
@given(dtype=st.sampled_from(FORMATS), radius=st.floats(0, 100), layout=st.sampled_from(LAYOUTS))
def test_any_radius(effect: Effect, dtype: str, radius: float, layout: dict[str, Any]) -> None:
    check(effect("gaussian-blur"), dtype, (13, 17), {"radius": radius}, layout)


def test_the_default_radius_is_5(effect: Effect) -> None:
    check(effect("gaussian-blur"), "uint8", (16, 16), {}, LAYOUTS[0])


@pytest.mark.parametrize("radius", [0.7, 5, 33, 100])
def test_flat_bytes_stay_what_they_are(effect: Effect, radius: float) -> None:
    guest = effect("gaussian-blur")
    for level in (0, 1, 77, 128, 254, 255):
        picture = np.full((9, 11, 4), level, dtype=np.uint8)
        assert np.array_equal(guest.process(HANDLE, picture, {"radius": radius}), picture)


def test_a_checkerboard_and_an_edge_stay_within_one_step(effect: Effect) -> None:
    guest = effect("gaussian-blur")
    edge = np.zeros((50, 50, 4), dtype=np.uint8)
    edge[:, 25:] = 255
    checkers = np.zeros((50, 50, 4), dtype=np.uint8)
    checkers[::2, ::2] = checkers[1::2, 1::2] = 255
    for picture in (edge, checkers):
        for radius in (1, 5, 100):
            result = guest.process(HANDLE, picture, {"radius": radius})
            assert steps(result, reference.blur(picture, radius=radius)) <= 1


def test_in_place_and_apart_are_the_same_to_the_bit(effect: Effect) -> None:
    guest = effect("gaussian-blur")
    for dtype in FORMATS:
        picture = noise(dtype, (30, 21))
        apart = guest.process(HANDLE, picture, {"radius": 9})
        assert np.array_equal(guest.process(HANDLE, picture, {"radius": 9}, in_place=True), apart)
