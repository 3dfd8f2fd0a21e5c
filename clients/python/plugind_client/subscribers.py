"""Who reads which notifications; outlives the connections that they come over."""

import weakref
from typing import Any

from plugind_client.errors import Disconnected
from plugind_client.notifications import DEFAULT_CAPACITY, Notifications


class Subscribers:
    """The readers of a session's notifications. A reader that nobody holds any more is forgotten."""

    def __init__(self) -> None:
        self._readers: weakref.WeakSet[Notifications[Any]] = weakref.WeakSet()
        self._ended = False
        self._failure: Disconnected | None = None

    def __len__(self) -> int:
        return len(self._readers)

    def add(self, method: str, *, capacity: int = DEFAULT_CAPACITY, kind: Any = None) -> Notifications[Any]:
        """Return an iterator over the notifications of a method, from now on."""
        reader: Notifications[Any] = Notifications(method, capacity=capacity, kind=kind)
        if self._ended:
            reader.end(self._failure)
        self._readers.add(reader)
        return reader

    def put(self, method: str, params: bytes) -> None:
        """Hand a notification to those who read its method."""
        for reader in self._readers:
            if reader.method == method:
                reader.put(params)

    def end(self, failure: Disconnected | None) -> None:
        """Nothing comes any more: the iterations end once what is queued is read.

        Args:
            failure: What they raise then; ``None`` where the client was closed on purpose.
        """
        if self._ended:
            return
        self._ended, self._failure = True, failure
        for reader in self._readers:
            reader.end(failure)
