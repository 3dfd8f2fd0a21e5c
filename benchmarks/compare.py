"""Makes rows of what was measured: ours beside a limit or a peer, or beside the reason why that one is missing."""

from collections.abc import Mapping
from contextlib import AbstractContextManager, ExitStack
from typing import Any, Literal, TypeVar

from benchmarks.findings import Goal, Row
from benchmarks.measure import Sample

T = TypeVar("T")


class Missing(Exception):  # noqa: N818  # not a fault: the machine lacks what a peer needs
    """A peer cannot be measured here; the message says why."""


def present(stack: ExitStack, peer: AbstractContextManager[T]) -> T | Missing:
    """Start a peer until the stack is left; or return why it cannot be."""
    try:
        return stack.enter_context(peer)
    except Missing as missing:
        return missing


class Comparison:
    """What was measured of us and of all peers, in one run.

    Args:
        own: Ours.
        peers: Theirs by name, or why there is none.
        unit: Of the rows: µs or ms.
    """

    def __init__(self, own: Sample, peers: Mapping[str, Sample | Missing], *, unit: Literal["µs", "ms"] = "µs") -> None:
        self._own = own
        self._peers = peers
        self._unit = unit

    def row(
        self,
        key: str,
        what: str,
        peer: str,
        *,
        against: str,
        goal: Goal | None = None,
        of: Literal["p50", "p99"] = "p50",
        faster: bool = False,
    ) -> Row:
        """Make a row.

        Args:
            key: Of the row.
            what: Was measured, in words.
            peer: Its name.
            against: What the peer is, in words.
            goal: Of the ratio.
            of: Which figure of the samples is compared.
            faster: The ratio says how many times as fast we are; it is how many times as long we take otherwise.
        """
        own, scale = self._own, 1000 if self._unit == "ms" else 1
        shown: dict[str, Any] = {"value": getattr(own, of) / scale, "unit": self._unit}
        if of == "p50":
            shown["p99"] = own.p99 / scale
        theirs = self._peers[peer]
        if isinstance(theirs, Missing):
            return Row(key=key, what=what, against=against, goal=goal, missing=str(theirs), **shown)
        shown["peer"] = getattr(theirs, of) / scale
        if of == "p50":
            shown["peer_p99"] = theirs.p99 / scale
        ratio = getattr(own, of) / getattr(theirs, of)
        return Row(key=key, what=what, against=against, goal=goal, ratio=1 / ratio if faster else ratio, **shown)
