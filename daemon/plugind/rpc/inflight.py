"""The requests of one client that are being worked on: their number and size bounded, each can be cancelled."""

import asyncio
from collections.abc import Callable, Hashable
from typing import Final

from plugind.pace import Work, now
from plugind_protocol.errors import InvalidRequest, Overloaded


class InFlight:
    """The table of one connection. Keys are request ids; notifications bring keys of their own.

    Args:
        max_calls: How many requests at once.
        max_bytes: How large they may be together, in bytes; a single one may always be larger.
    """

    def __init__(self, *, max_calls: int, max_bytes: int) -> None:
        self._max_calls: Final = max_calls
        self._max_bytes: Final = max_bytes
        self._bytes = 0
        self.calls: Final[dict[Hashable, tuple[int, Callable[[], object]]]] = {}
        """Size in bytes of each, and what cancels it."""
        self._waiting: list[asyncio.Future[None]] = []

    def __len__(self) -> int:
        return len(self.calls)

    def check(self, key: Hashable) -> None:
        """Decide whether a request may start.

        Raises:
            InvalidRequest: The id is in use.
            Overloaded: Too many, or too large together.
        """
        if key in self.calls:
            raise in_use(key)
        if len(self.calls) >= self._max_calls:
            raise Overloaded(f"{self._max_calls} requests of this connection are in flight")
        if self._bytes > self._max_bytes:
            raise Overloaded(f"the requests in flight on this connection are over {self._max_bytes} bytes together")

    def add(self, key: Hashable, size: int, cancel: Callable[[], object]) -> None:
        """Note that a request has started.

        Args:
            key: Its key.
            size: Its size in bytes.
            cancel: Cancels it; it still has to be finished.
        """
        self.calls[key] = (size, cancel)
        self._bytes += size

    def finish(self, key: Hashable) -> None:
        """Note that a request has ended."""
        self._bytes -= self.calls.pop(key)[0]
        if not self.calls:
            self._wake()

    def cancel(self, key: Hashable) -> None:
        """Cancel a request; one that is unknown, or done already, is no mistake."""
        if call := self.calls.get(key):
            call[1]()

    def cancelling(self) -> Work:
        """Return what cancels all of them, some at a time, from the last one: no other one begins meanwhile."""
        left = [cancel for _, cancel in self.calls.values()]

        def some(until: float) -> bool:
            while left:
                left.pop()()
                if now() >= until:
                    break
            return bool(left)

        return some

    async def wait_empty(self) -> None:
        """Wait until nothing is in flight."""
        while self.calls:
            waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(waiting)
            await waiting

    def _wake(self) -> None:
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_result(None)
        self._waiting.clear()


def in_use(key: Hashable) -> InvalidRequest:
    """Return the error that an id is taken."""
    return InvalidRequest(f"id {str(key)[:100]!r} is in use", hint="Use an id again only once it was answered.")
