from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentimelineio.opentime import RationalTime

from plugind_headless.timeline import times

RATES = [12.5, 23.976, 24, 25, 30000 / 1001, 29.97, 30, 50, 60000 / 1001, 120, 48000]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (24, Fraction(24)),
        (23.976, Fraction(24000, 1001)),
        (23.98, Fraction(24000, 1001)),
        (29.97, Fraction(30000, 1001)),
        (29.97002997002997, Fraction(30000, 1001)),
        (59.94, Fraction(60000, 1001)),
        (12.5, Fraction(25, 2)),
        (48000.0, Fraction(48000)),
    ],
)
def test_rates_are_the_fractions_that_were_meant(written: float, meant: Fraction) -> None:
    assert times.exact(written) == meant


@given(number=st.integers(0, 10**7), rate=st.sampled_from(RATES))
def test_a_frame_survives_seconds_as_a_float(number: int, rate: float) -> None:
    wire = float(times.seconds(times.at_frame(number, rate)))
    assert times.frames(wire, rate) == number


def test_the_nearest_frame_and_of_two_the_later() -> None:
    assert [times.frames(at, 30) for at in (0, 1 / 61, Fraction(1, 60), 1 / 59, 0.999 / 30, 1)] == [0, 0, 1, 1, 1, 30]


def test_seconds_are_exact() -> None:
    assert times.seconds(RationalTime(1001, 30000 / 1001)) == Fraction(1001 * 1001, 30000)
    assert times.from_seconds(Fraction(1, 2), 25) == RationalTime(12.5, 25)


@pytest.mark.parametrize(
    ("frame", "rate", "text"),
    [
        (0, 30, "00:00:00:00"),
        (37, 25, "00:00:01:12"),
        (30 * 3600 * 11 + 30 * 61 + 5, 29.97, "11:01:01:05"),
        (-31, 30, "-00:00:01:01"),
        (1, 0.5, "00:00:01:00"),
    ],
)
def test_timecode(frame: int, rate: float, text: str) -> None:
    assert times.timecode(frame, rate) == text
