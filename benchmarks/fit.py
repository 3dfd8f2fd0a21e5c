"""Fits curves to the shape that they should have, and says how far off they are. Pure."""

from collections.abc import Sequence
from typing import NamedTuple

from benchmarks.findings import Curve

TOLERANCE = 0.25
"""A curve has its shape if no point is further from it, as a part of the fitted value."""


class Fit(NamedTuple):
    """A line through a curve, ``start + slope * x``; the slope is 0 where it should be flat."""

    start: float
    slope: float
    off: float
    """The largest distance of a point from it, as a part of the fitted value."""

    def at(self, x: float) -> float:
        """Return the fitted value."""
        return self.start + self.slope * x

    @property
    def holds(self) -> bool:
        """Whether the curve has the shape."""
        return self.off <= TOLERANCE


def fit(curve: Curve) -> Fit:
    """Fit a curve to its shape.

    Every point weighs the same as a part of its own value (least squares of relative distances): payloads grow a
    millionfold, and the smallest says as much as the largest.
    """
    if curve.shape == "flat":
        start, slope = sum(y for _, y in curve.points) / len(curve.points), 0.0
    else:
        start, slope = _line(curve.points)
    line = Fit(start, slope, 0.0)
    return line._replace(off=max(abs(y / line.at(x) - 1) if line.at(x) > 0 else 1.0 for x, y in curve.points))


def _line(points: Sequence[tuple[float, float]]) -> tuple[float, float]:
    weights = [1 / y**2 for _, y in points]
    total = sum(weights)
    x_mean = sum(weight * x for weight, (x, _) in zip(weights, points, strict=True)) / total
    y_mean = sum(weight * y for weight, (_, y) in zip(weights, points, strict=True)) / total
    spread = sum(weight * (x - x_mean) ** 2 for weight, (x, _) in zip(weights, points, strict=True))
    both = sum(weight * (x - x_mean) * (y - y_mean) for weight, (x, y) in zip(weights, points, strict=True))
    slope = both / spread if spread else 0.0
    return y_mean - slope * x_mean, slope
