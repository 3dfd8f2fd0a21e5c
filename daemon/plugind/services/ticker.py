"""Tells clients what plugins log: a message at once, a flood of them a few at a time, so that an answer can pass."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from plugind_protocol.methods import ConsoleMessage
from plugind_protocol.rates import TokenBucket

AT_ONCE: Final = 32
"""Messages told together: what a client may have to read before the answer it waits for."""
PAUSE_SECONDS: Final = 0.005
"""Between two of these: some 6 000 messages a second, six times what a plugin may log unless its user says so."""
KEPT: Final = 10_000
"""Messages that may wait; beyond it the oldest are not told, which clients see by the numbers."""
_RATE: Final = 200.0
_BURST: Final = 20.0


class Ticker:
    """The messages that clients have still to be told of.

    Args:
        tell: Sends some to every client, in one piece.
    """

    def __init__(self, tell: Callable[[Sequence[ConsoleMessage]], None]) -> None:
        self._tell = tell
        self._loop = asyncio.get_running_loop()
        self._at_once = TokenBucket(_RATE, _BURST)
        self._waiting: deque[ConsoleMessage] = deque(maxlen=KEPT)

    def add(self, message: ConsoleMessage) -> None:
        """Tell one message, after those before it."""
        if self._waiting:
            self._waiting.append(message)
        elif self._at_once.take(self._loop.time()):
            self._tell((message,))
        else:
            self._waiting.append(message)
            self._loop.call_later(PAUSE_SECONDS, self._go_on)

    def _go_on(self) -> None:
        waiting = self._waiting
        self._tell([waiting.popleft() for _ in range(min(AT_ONCE, len(waiting)))])
        if waiting:
            self._loop.call_later(PAUSE_SECONDS, self._go_on)
