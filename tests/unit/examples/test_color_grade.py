"""The colour grade against its formula in float64."""

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

FLOAT_ERROR = 5e-6
"""Of the value, or of 1 where that is more."""

Effect = Callable[[str], Guest]

PARAMETERS: list[dict[str, float]] = [
    {},
    {"gamma": 2.2},
    {"gain": 1.5, "saturation": 0.5},
    {"lift": -0.3, "gamma": 0.4, "gain": 2.0, "saturation": 1.7},
    {"lift": 0.5, "gamma": 4, "gain": 0.25, "saturation": 4},
    {"lift": 0.1, "gamma": 0.1, "gain": 4, "saturation": 3},
    {"gain": 0},
    {"saturation": 0},
]


def check(guest: Guest, dtype: str, shape: tuple[int, int], params: dict[str, float], layout: dict[str, Any]) -> None:
    picture = noise(dtype, shape)
    result = guest.process(HANDLE, picture, params, **layout)
    expected = reference.grade(picture, **params)
    assert np.array_equal(result[..., 3], picture[..., 3])
    if dtype == "uint8":
        assert steps(result, expected) <= 1
    else:
        # Saturation takes the difference of channels: what counts is the largest of them, before it.
        curve = reference.grade(picture, **(params | {"saturation": 1.0}))[..., :3].max(axis=2, keepdims=True)
        scale = np.maximum(1.0, curve) * max(1.0, params.get("saturation", 1.0))
        assert (np.abs(result - expected) / scale).max() <= FLOAT_ERROR


@pytest.mark.parametrize("params", PARAMETERS, ids=str)
@pytest.mark.parametrize("dtype", FORMATS)
def test_parameters(effect: Effect, dtype: str, params: dict[str, float]) -> None:
    check(effect("color-grade"), dtype, (64, 67), params, LAYOUTS[0])


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", FORMATS)
def test_layouts(effect: Effect, dtype: str, shape: tuple[int, int], layout: dict[str, Any]) -> None:
    check(effect("color-grade"), dtype, shape, {"gamma": 1.3, "lift": 0.05, "gain": 1.1, "saturation": 1.4}, layout)


@settings(max_examples=60, deadline=None)
@given(
    dtype=st.sampled_from(FORMATS),
    params=st.fixed_dictionaries(
        {},
        optional={
            "lift": st.floats(-0.5, 0.5),
            "gamma": st.floats(0.1, 4),
            "gain": st.floats(0, 4),
            "saturation": st.floats(0, 4),
        },
    ),
)
def test_any_parameters(effect: Effect, dtype: str, params: dict[str, float]) -> None:
    check(effect("color-grade"), dtype, (13, 17), params, LAYOUTS[1])


def test_every_byte_comes_out_as_it_went_in_by_default(effect: Effect) -> None:
    picture = np.zeros((16, 16, 4), dtype=np.uint8)
    picture[...] = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    assert np.array_equal(effect("color-grade").process(HANDLE, picture), picture)


def test_rounding_is_nearly_always_exact(effect: Effect) -> None:
    picture = noise("uint8", (256, 256))
    params = {"gamma": 1.3, "lift": 0.05, "gain": 1.1, "saturation": 1.4}
    result = effect("color-grade").process(HANDLE, picture, params)
    assert (result != reference.grade(picture, **params)).mean() < 1e-4


def test_float_whites_are_kept_and_nan_comes_out_black(effect: Effect) -> None:
    picture = np.array([[[8.0, 8.0, 8.0, np.nan], [np.nan, -1.0, 0.5, 0.25]]], dtype=np.float32)
    result = effect("color-grade").process(HANDLE, picture, {"gain": 2})
    expected = np.array([[[16.0, 16.0, 16.0, np.nan], [0.0, 0.0, 1.0, 0.25]]], dtype=np.float32)
    assert np.array_equal(result, expected, equal_nan=True)


def test_parameters_of_one_frame_do_not_stay_for_the_next(effect: Effect) -> None:
    guest = effect("color-grade")
    picture = noise("uint8", (4, 4))
    guest.process(HANDLE, picture, {"gain": 0.5})
    assert np.array_equal(guest.process(HANDLE, picture, {}), picture)
