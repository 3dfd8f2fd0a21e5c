"""The invert effect: exact in both formats."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import reference
from conftest import HANDLE
from guest import Guest
from pictures import FORMATS, LAYOUTS, SHAPES, noise


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", FORMATS)
def test_invert(effect: Callable[[str], Guest], dtype: str, shape: tuple[int, int], layout: dict[str, Any]) -> None:
    picture = noise(dtype, shape)
    result = effect("invert").process(HANDLE, picture, None, **layout)
    assert np.array_equal(result, reference.invert(picture))
