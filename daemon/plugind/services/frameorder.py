"""Which frames of a window must wait for which: those that share a slot keep the order in which they were asked for.

Frames may run on several workers at once. Two that only read one slot do not mind each other; one that writes a slot
comes after all before it that read or write it, and before all after it that do. Pure.
"""

from collections.abc import Callable
from typing import Generic, TypeVar

W = TypeVar("W")


class Turn(Generic[W]):
    """One frame that was asked for, until it is answered.

    Args:
        source: The slot it reads.
        target: The slot it writes.
    """

    __slots__ = ("over", "source", "target", "waiting", "worker")

    def __init__(self, source: int, target: int) -> None:
        self.source = source
        self.target = target
        self.worker: W | None = None
        """Who was given it; None as long as nobody was."""
        self.over = False
        self.waiting: list[Callable[[], None]] = []
        """Called when it is over."""

    def shares(self, other: "Turn[W]") -> bool:
        """Whether one of both writes a slot that the other uses."""
        return self.target in (other.source, other.target) or self.source == other.target


class Turns(Generic[W]):
    """The frames of one window that are not answered yet, in the order in which they were asked for."""

    def __init__(self) -> None:
        self._turns: list[Turn[W]] = []

    def take(self, source: int, target: int) -> Turn[W]:
        """Note that a frame was asked for."""
        turn: Turn[W] = Turn(source, target)
        self._turns.append(turn)
        return turn

    def before(self, turn: Turn[W]) -> list[Turn[W]]:
        """Return the unanswered frames that must come before one."""
        earlier = self._turns[: self._turns.index(turn)]
        return [other for other in earlier if turn.shares(other)]

    def end(self, turn: Turn[W]) -> None:
        """Note that a frame was answered, or given up; those that wait for it are told."""
        self._turns.remove(turn)
        turn.over = True
        for tell in turn.waiting:
            tell()


def carrier(earlier: list[Turn[W]]) -> W | None:
    """Return the worker that has all of these frames, which keeps their order by itself; None if there is no one."""
    first = earlier[0].worker
    return first if all(turn.worker is first for turn in earlier) else None
