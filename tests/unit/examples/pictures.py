"""Pictures the effects are tried on."""

from typing import Any

import numpy as np
from guest import Picture

FORMATS = ["uint8", "float32"]

SHAPES = [(16, 16), (13, 17), (1, 1), (2, 3), (40, 5)]
"""Heights and widths: a multiple of every vector, odd, and smaller than one."""

LAYOUTS: list[dict[str, Any]] = [
    {"in_place": False, "extra_stride": 0},
    {"in_place": True, "extra_stride": 0},
    {"in_place": False, "extra_stride": 52},
    {"in_place": True, "extra_stride": 7},
]


def noise(dtype: str, shape: tuple[int, int], *, seed: int = 1) -> Picture:
    """Returns random pixels, alpha included; floats reach from -0.25 to 2."""
    rng = np.random.default_rng(seed)
    if dtype == "uint8":
        return rng.integers(0, 256, (*shape, 4), dtype=np.uint8)
    return (rng.random((*shape, 4), dtype=np.float32) * np.float32(2.25)) - np.float32(0.25)


def steps(result: Picture, expected: Picture) -> int:
    """Returns by how much two RGBA8 pictures differ at most."""
    return int(np.abs(result.astype(np.int16) - expected.astype(np.int16)).max())
