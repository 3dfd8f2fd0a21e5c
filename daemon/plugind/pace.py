"""Lets others have their turn: whoever brings more work than fits into a moment goes on with the rest later.

The daemon has one event loop. A client that asks ten thousand times in one breath, or a worker that logs without end,
must not keep it from everybody else. Sources of work look at the clock, stop when their slice is over, and wait here;
in each turn of the loop one slice is given out, to all that wait in rotation. Between the turns the loop serves
whoever has just come with little; as long as somebody does, slices are short.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Final

SLICE_SECONDS: Final = 0.0003
"""What is done at once: some ten messages of a client, or a hundred lines of a log."""

SHORT_SECONDS: Final = 0.0001
"""The same while somebody comes with little: he waits for two or three of them, and they cost a third more."""
_QUIET_SECONDS: Final = 0.05
"""For how long slices stay short."""

GATHER_SECONDS: Final = 0.002
"""For how long requests of a client that go on and on are gathered for several workers. Each write wakes one, and eight
that are woken for each request answer fewer than one that never sleeps."""

Work = Callable[[float], bool]
"""Works until a moment (of `now`), at least one step; returns whether there is more to do now."""

now: Final = time.perf_counter
"""The clock of slices, in seconds; that of the loop has a resolution of a millisecond."""


class Pace:
    """Those that wait for their next slice. Who works on one does so inside ``with pace``.

    Args:
        slice_seconds: How long one turn of the loop is spent on them, together, at most.
    """

    def __init__(self, *, slice_seconds: float = SLICE_SECONDS) -> None:
        self.crowded = 0
        """Clients that wait; they keep count themselves."""
        self._slices = (slice_seconds, min(slice_seconds, SHORT_SECONDS))
        self._slice_seconds = slice_seconds
        self._short_until = 0.0
        self._waiting: deque[Work] = deque()
        self._loop = asyncio.get_running_loop()
        self._called = False
        self.slicing = False
        """Whether somebody works on a slice of much: what is written now is best written together, `at_end` of it."""
        self.goes_on = False
        """Whether who works on a slice will have another: then what was to be done at its end may wait for that."""
        self._at_end: list[Callable[[], None]] = []
        self._gathering_until = 0.0

    def __enter__(self) -> None:
        """Work on a slice."""
        self.slicing = True

    def __exit__(self, *exc: object) -> None:
        """Do what was to be done at the end of the slice, or of one of those that follow."""
        self.slicing = False
        goes_on, self.goes_on = self.goes_on, False
        several = len(self._at_end) > 1  # one that has something to do is better not let wait for more
        if goes_on and several and self._calm and now() < self._gathering_until:
            return
        while self._at_end:
            self._at_end.pop()()

    @property
    def _calm(self) -> bool:
        """Whether nobody has come with little lately."""
        return self._slice_seconds == self._slices[0]

    def at_end(self, flush: Callable[[], None]) -> None:
        """Call back once when this slice is over, or some that follow it.

        Args:
            flush: Must not raise.
        """
        if not self._at_end:
            self._gathering_until = now() + GATHER_SECONDS
        self._at_end.append(flush)

    def begin(self) -> float:
        """Return until when somebody may work who begins now."""
        return now() + self._slice_seconds

    def hurry(self) -> None:
        """Note that a client has come with little while others wait with plenty."""
        self._short_until = now() + _QUIET_SECONDS
        self._slice_seconds = self._slices[1]

    def wait(self, work: Work) -> None:
        """Let somebody go on in one of the next turns, and again for as long as it says that there is more.

        Args:
            work: Must not be waiting already.
        """
        self._waiting.append(work)
        self._call()

    def _call(self) -> None:
        if not self._called:
            self._called = True
            self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        self._called = False
        until = self.begin()
        if until > self._short_until:
            self._slice_seconds = self._slices[0]
        try:
            while self._waiting:
                work = self._waiting.popleft()
                if work(until):
                    self._waiting.append(work)
                if now() >= until:
                    break
        finally:
            if self._waiting:
                self._call()
