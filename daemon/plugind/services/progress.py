"""Tells a client how far its request is: seldom enough that nobody drowns, and always when something begins."""

import time
from collections.abc import Callable
from typing import Final

from plugind.rpc.session import Session
from plugind_protocol.methods import InstallProgress, Progress

INTERVAL_SECONDS: Final = 0.1
"""Shortest time between two words about the same stage."""


class ProgressReport:
    """Sends ``$/progress`` of one request; without a token nothing.

    Args:
        session: Who asked.
        token: What they gave to know it by.
        clock: Monotonic time in s.
    """

    def __init__(
        self, session: Session, token: int | str | None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._session = session
        self._token = token
        self._clock = clock
        self._last: InstallProgress | None = None
        self._told_at = 0.0

    def __call__(self, value: InstallProgress) -> None:
        """Say how far it is; never waits."""
        if self._token is None:
            return
        now = self._clock()
        begun = self._last is None or self._last.stage != value.stage
        finished = value.total is not None and value.done == value.total
        if begun or finished or now - self._told_at >= INTERVAL_SECONDS:
            self._last, self._told_at = value, now
            self._session.notify("$/progress", Progress(token=self._token, value=value))
