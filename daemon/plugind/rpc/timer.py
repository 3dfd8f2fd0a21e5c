"""A timer that is started and stopped far more often than it fires."""

import asyncio
from collections.abc import Callable


class QuietTimer:
    """Calls back when it was not restarted or stopped for a while.

    Starting and stopping cost an assignment: the loop's timer stays armed and looks again when it fires.

    Args:
        seconds: How long.
        callback: What to call; the timer is stopped by then.
    """

    __slots__ = ("_callback", "_due", "_handle", "_loop", "_seconds")

    def __init__(self, seconds: float, callback: Callable[[], None]) -> None:
        self._seconds = seconds
        self._callback = callback
        self._loop = asyncio.get_running_loop()
        self._due: float | None = None
        self._handle: asyncio.TimerHandle | None = None

    @property
    def running(self) -> bool:
        """Whether it will fire."""
        return self._due is not None

    def start(self) -> None:
        """Start, or start over."""
        self._due = self._loop.time() + self._seconds
        if self._handle is None:
            self._handle = self._loop.call_at(self._due, self._fire)

    def stop(self) -> None:
        """Do not fire."""
        self._due = None

    def release(self) -> None:
        """Stop for good and let go of the loop."""
        self._due = None
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _fire(self) -> None:
        self._handle = None
        if self._due is None:
            return
        if self._loop.time() < self._due:
            self._handle = self._loop.call_at(self._due, self._fire)
            return
        self._due = None
        self._callback()
