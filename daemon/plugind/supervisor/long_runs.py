"""Finds guests that compute for long, and lets them compute behind the others' back.

While a guest has just begun, it may be one that answers at once, and its worker is to run at once. One that still runs
after a few milliseconds has no hurry left that another few would matter to: its slice becomes a long one, so that
whatever else wakes on its processor, a bystander's worker or the editor, comes first. It gets as much of the
processor as before. When the call ends, so does that.
"""

import asyncio
from typing import Final, Protocol

from plugind_protocol import scheduling

LOOK_SECONDS: Final = 0.005
"""A guest is found when it has run for one to two of these."""


class Runner(Protocol):
    """A worker."""

    thread: int
    """Which runs its guest."""
    demoted: bool

    @property
    def running(self) -> int | None:
        """Number of the call that runs."""


class LongRuns:
    """Workers that have something to do. Nothing is looked at while none has."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._seen: dict[Runner, int | None] = {}  # with the call that ran when we looked last
        self._looking = False

    def watch(self, worker: Runner) -> None:
        """Look after a worker that was given something to do."""
        self._seen[worker] = None
        if not self._looking:
            self._looking = True
            self._loop.call_later(LOOK_SECONDS, self._look)

    def over(self, worker: Runner) -> None:
        """The call that ran too long is over."""
        worker.demoted = False
        scheduling.answer(worker.thread)

    def _look(self) -> None:
        for worker, seen in list(self._seen.items()):
            running = worker.running
            if running is None:
                del self._seen[worker]
            elif running != seen:
                self._seen[worker] = running
            elif not worker.demoted:
                worker.demoted = scheduling.compute(worker.thread)
        self._looking = bool(self._seen)
        if self._looking:
            self._loop.call_later(LOOK_SECONDS, self._look)
