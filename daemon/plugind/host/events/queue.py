"""Events that wait for one plugin: bounded; when there are too many the oldest go, and the next one says so. Pure."""

from collections import deque
from typing import Final, NamedTuple

import msgspec

from plugind_protocol.host.events import Event

MAX_EVENTS: Final = 256
MAX_BYTES: Final = 1 << 20
"""Of all payloads together."""

_encoder: Final = msgspec.json.Encoder()


class Waiting(NamedTuple):
    """One event on its way to one plugin."""

    name: str
    payload: msgspec.Raw
    source: str | None
    hops: int
    """How many events led to this one, each emitted on hearing of the one before."""
    direct: bool = False
    """Meant for this plugin alone, whether it asked for it or not."""

    @property
    def full_name(self) -> str:
        """As those see it who hear of it."""
        return self.name if self.source is None else f"{self.source}/{self.name}"


class EventQueue:
    """The events of one plugin."""

    def __init__(self) -> None:
        self._waiting: deque[Waiting] = deque()
        self._bytes = 0
        self._lost = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, event: Waiting) -> int:
        """Add an event at the end.

        Returns:
            How many were dropped for it.
        """
        self._waiting.append(event)
        self._bytes += len(event.payload)
        dropped = 0
        while len(self._waiting) > MAX_EVENTS or (self._bytes > MAX_BYTES and len(self._waiting) > 1):
            self._bytes -= len(self._waiting.popleft().payload)
            dropped += 1
        self._lost += dropped
        return dropped

    def take(self) -> tuple[bytes, Waiting]:
        """Return the next event, as params of the guest's ``event``, and as it was added."""
        event = self._waiting.popleft()
        self._bytes -= len(event.payload)
        told = Event(name=event.full_name, payload=event.payload, source=event.source, dropped=self._lost)
        self._lost = 0
        return _encoder.encode(told), event

    def clear(self) -> int:
        """Drop everything; return how many that were."""
        dropped = len(self._waiting)
        self._waiting.clear()
        self._bytes = 0
        return dropped
