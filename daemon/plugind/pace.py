"""Lets others have their turn: whoever brings more work than fits into a moment goes on with the rest later.

The daemon has one event loop. A client that asks ten thousand times in one breath, or a worker that logs without end,
must not keep it from everybody else. Sources of work look at the clock, stop when their slice is over, and wait here;
in each turn of the loop one slice is given out, to all that wait in rotation. Between the turns the loop serves
whoever has just come with little.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Final

SLICE_SECONDS: Final = 0.0003
"""What is done at once: some ten messages of a client, or a hundred lines of a log."""

Work = Callable[[float], bool]
"""Works until a moment (of `now`), at least one step; returns whether there is more to do now."""

now: Final = time.perf_counter
"""The clock of slices, in seconds; that of the loop has a resolution of a millisecond."""


class Pace:
    """Those that wait for their next slice.

    Args:
        slice_seconds: How long one turn of the loop is spent on them, together.
    """

    def __init__(self, *, slice_seconds: float = SLICE_SECONDS) -> None:
        self.slice_seconds = slice_seconds
        self._waiting: deque[Work] = deque()
        self._loop = asyncio.get_running_loop()
        self._called = False

    def begin(self) -> float:
        """Return until when somebody may work who begins now."""
        return now() + self.slice_seconds

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
