"""Notifications of the daemon as async iterators: bounded, oldest dropped first, and the loss counted."""

import logging
from collections import deque
from typing import Any, Final, Generic, TypeVar, cast

import anyio
import msgspec

from plugind_client.errors import Disconnected, UnexpectedAnswer
from plugind_protocol.methods import NOTIFICATIONS

T = TypeVar("T")

DEFAULT_CAPACITY: Final = 1024
"""Notifications kept for a reader that is behind."""

_log: Final = logging.getLogger(__name__)


class Notifications(Generic[T]):
    """The notifications of one method, from the moment this object exists.

    Iterate over it with ``async for``; it ends when the client is closed. Dropping the object unsubscribes.

    Args:
        method: Name of the notification.
        capacity: How many are kept for a reader that is behind, at least 1; beyond it the oldest are dropped.
        kind: Type of their params; default: what the method table says.
    """

    def __init__(self, method: str, *, capacity: int = DEFAULT_CAPACITY, kind: Any = None) -> None:
        self.method = method
        self.dropped = 0
        """Notifications lost so far because the reader was too slow."""
        row = NOTIFICATIONS.get(method)
        self._decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(kind or (row.params if row else Any))
        self._queue: deque[bytes] = deque(maxlen=capacity)
        self._changed = anyio.Event()
        self._ended = False
        self._failure: Disconnected | None = None

    def __aiter__(self) -> "Notifications[T]":
        return self

    async def __anext__(self) -> T:
        """Return the next notification's params.

        Raises:
            StopAsyncIteration: The client was closed.
            Disconnected: The connection was lost, and all that had arrived before was read.
            UnexpectedAnswer: This one does not have the shape of its method; the next may.
        """
        while not self._queue:
            if self._failure is not None:
                raise self._failure
            if self._ended:
                raise StopAsyncIteration
            self._changed = anyio.Event()
            await self._changed.wait()
        try:
            return cast("T", self._decoder.decode(self._queue.popleft()))
        except msgspec.DecodeError as exc:
            raise UnexpectedAnswer(f"{self.method}: {exc}") from exc

    def put(self, params: bytes) -> None:
        """Take a notification as it arrived (for `Subscribers`)."""
        if len(self._queue) == self._queue.maxlen:
            if not self.dropped:
                _log.warning("reader of %s is behind: oldest notifications are dropped", self.method)
            self.dropped += 1
        self._queue.append(params)
        self._changed.set()

    def end(self, failure: Disconnected | None) -> None:
        """Let the iteration end once what is queued is read, with a failure if there was one (for `Subscribers`)."""
        self._ended, self._failure = True, failure
        self._changed.set()
