"""What a benchmark finds: rows of the table, spreads and curves for the pictures. Pure values, nothing else.

A subject (a module such as ``calls``) has a function that takes a `benchmarks.setting.Setting` and yields these as it
finds them. Goals are printed beside what was measured, never asserted.
"""

from typing import Literal

import msgspec


class Goal(msgspec.Struct, frozen=True):
    """What a row should reach."""

    bound: float
    way: Literal["most", "least"] = "most"
    of: Literal["ratio", "value"] = "ratio"

    def met(self, row: "Row") -> bool | None:
        """Whether a row reaches it; none where there is nothing to judge."""
        found = row.ratio if self.of == "ratio" else row.value
        if found is None:
            return None
        return found <= self.bound if self.way == "most" else found >= self.bound


def at_most(bound: float, of: Literal["ratio", "value"] = "ratio") -> Goal:
    """Say that a row's ratio (or value) should be no more than this."""
    return Goal(bound, "most", of)


def at_least(bound: float, of: Literal["ratio", "value"] = "ratio") -> Goal:
    """Say that a row's ratio (or value) should be no less than this."""
    return Goal(bound, "least", of)


class Row(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of the table: a figure, what it was measured against in the same run, and the goal."""

    key: str
    """Stays the same from run to run, so that runs can be compared: ``calls.relay.p50``."""
    what: str
    value: float | None = None
    unit: str = ""
    p99: float | None = None
    against: str = ""
    """The limit or the peer, in words."""
    peer: float | None = None
    """Its figure, in the same unit."""
    peer_p99: float | None = None
    ratio: float | None = None
    """Ours to the peer's, or the other way round where ``what`` says so."""
    goal: Goal | None = None
    missing: str = ""
    """Why it, or its peer, was not measured."""

    @property
    def met(self) -> bool | None:
        """Whether it reaches its goal; none without a goal, or where nothing was measured."""
        return None if self.goal is None else self.goal.met(self)


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """How the times of many runs are spread, for a picture."""

    picture: str
    """Spreads of one picture are drawn together: ``calls``."""
    name: str
    unit: str
    quantiles: list[float]
    """From 0 to 1 in equal steps."""


class Curve(msgspec.Struct, frozen=True, kw_only=True):
    """How something grows with something else, and how it should."""

    key: str
    what: str
    """The title of its picture."""
    x: str
    """What is varied: ``echoed, KiB``."""
    per: str
    """One of it: ``KiB``."""
    y: str
    """What is measured: ``p50``."""
    unit: str
    """Of what is measured: ``µs``."""
    points: list[tuple[float, float]]
    shape: Literal["flat", "linear"]
    """What it should be: the same everywhere, or a start plus a constant for each ``x``."""


Finding = Row | Spread | Curve
