"""Times, exactly: seconds of the wire against frames of the timeline. Pure; of OTIO, it knows times only.

Rates are floats in OTIO, so that 30000/1001 is stored as 29.97002997…; here they are the fractions that were meant.
A time in seconds means the frame that is nearest to it; exactly halfway, the later one.
"""

import math
from fractions import Fraction
from typing import Final

from opentimelineio.opentime import RationalTime, TimeRange

_NEAR: Final = Fraction(1, 100)
"""How far a rate may be written from the one that is meant: 23.98 is 24000/1001."""


def exact(rate: float) -> Fraction:
    """Return the frame rate that a float stands for.

    Args:
        rate: Frames per second, above 0.
    """
    whole = Fraction(round(rate))
    written = Fraction(rate)
    if written == whole:
        return whole
    ntsc = whole * 1000 / 1001
    return ntsc if abs(written - ntsc) < _NEAR else written.limit_denominator(1_000_000)


def seconds(time: RationalTime) -> Fraction:
    """Return a time in seconds, without rounding."""
    return Fraction(time.value) / exact(time.rate)


def frames(at: float | Fraction, rate: float) -> int:
    """Return the number of the frame that is nearest to a time; of two, the later.

    Args:
        at: Seconds, finite.
        rate: Frames per second.
    """
    return math.floor(Fraction(at) * exact(rate) + Fraction(1, 2))


def at_frame(number: int, rate: float) -> RationalTime:
    """Return the time at which a frame begins."""
    return RationalTime(number, rate)


def from_seconds(span: Fraction, rate: float) -> RationalTime:
    """Return a time in a rate, without rounding to its frames."""
    return RationalTime(float(span * exact(rate)), rate)


def time_range(start: RationalTime, duration: RationalTime) -> TimeRange:
    """Return the range of a start, which may count at a rate of its own, and a length."""
    return TimeRange(start, duration)


def timecode(frame: int, rate: float) -> str:
    """Return a frame as non-drop timecode, ``HH:MM:SS:FF``, for display."""
    nominal = max(1, round(rate))
    total, rest = divmod(abs(frame), nominal)
    sign = "-" if frame < 0 else ""
    return f"{sign}{total // 3600:02}:{total // 60 % 60:02}:{total % 60:02}:{rest:02}"
