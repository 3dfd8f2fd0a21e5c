import pytest
from benchmarks.findings import Curve
from benchmarks.fit import fit

Points = list[tuple[float, float]]


def linear(points: Points) -> Curve:
    return Curve(key="k", what="w", x="payload", per="KB", y="time", unit="µs", points=points, shape="linear")


def flat(points: Points) -> Curve:
    return Curve(key="k", what="w", x="plugins", per="plugin", y="time", unit="µs", points=points, shape="flat")


def test_a_line_is_found_whatever_its_scale() -> None:
    line = fit(linear([(10.0**n, 100 + 2 * 10.0**n) for n in range(7)]))
    assert line.start == pytest.approx(100)
    assert line.slope == pytest.approx(2)
    assert line.off < 1e-9
    assert line.holds


def test_what_grows_faster_than_a_line_is_told() -> None:
    assert not fit(linear([(x, x**2) for x in (1.0, 10.0, 100.0, 1000.0)])).holds


def test_small_points_weigh_as_much_as_large_ones() -> None:
    line = fit(linear([(1.0, 10.0), (2.0, 10.0), (1000.0, 110.0), (2000.0, 210.0)]))
    assert line.at(1) == pytest.approx(10, rel=0.05)


def test_flat_is_the_mean() -> None:
    line = fit(flat([(1, 95.0), (10, 105.0), (100, 100.0)]))
    assert (line.start, line.slope) == (100, 0)
    assert line.off == pytest.approx(0.05)
    assert line.holds


def test_what_rises_is_not_flat() -> None:
    assert not fit(flat([(1, 100.0), (10, 150.0), (100, 300.0)])).holds


def test_a_line_below_nothing_does_not_hold() -> None:
    assert not fit(linear([(1.0, 1.0), (2.0, 100.0), (3.0, 10_000.0)])).holds
