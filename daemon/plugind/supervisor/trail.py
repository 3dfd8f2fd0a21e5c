"""What a worker was given to do lately: references to what exists anyway, so that remembering costs next to nothing.

Knows nothing of capsules: whoever writes one asks for the `Evidence` when something went wrong.
"""

from collections import deque
from typing import Final, NamedTuple

from plugind_protocol.worker import Kind

KEPT_BYTES: Final = 64 * 1024
"""Of a call that was answered, no more than this is kept; of the running one, all of it is there anyway."""
_ASKED: Final = 64
"""Host calls kept per call."""
_ASKED_BYTES: Final = 64 * 1024
"""Bytes of host calls and their answers kept per call."""
_UNDONE: Final = {
    "lifecycle.deactivate": ("lifecycle.activate", "main"),
    "lifecycle.unload": ("lifecycle.load", "lifecycle.activate", "main"),
}
"""What a hook takes back."""

_HOOK: Final = Kind.HOOK  # members of an enum are slow to look up
LOST: Final = "lost"
"""Outcome of a call whose worker was lost."""
OK: Final = "ok"


class HostCalled:
    """One host call of a guest.

    Args:
        method: Its name.
        params: JSON text, or what the guest sent for it.
    """

    __slots__ = ("answer", "failed", "method", "params")

    def __init__(self, method: bytes, params: bytes) -> None:
        self.method = method
        self.params = params
        self.answer: bytes | None = None
        self.failed = False
        """The answer is an error object."""


class Asked:
    """The host calls of one call, as many as are kept."""

    __slots__ = ("_bytes", "calls", "lost")

    def __init__(self) -> None:
        self.calls: list[HostCalled] = []
        self.lost = 0
        """How many were too many or too large."""
        self._bytes = 0

    def add(self, method: bytes, params: bytes) -> None:
        """Note a host call."""
        if len(self.calls) >= _ASKED or self._bytes + len(params) > _ASKED_BYTES or self.lost:
            self.lost += 1
            return
        self._bytes += len(params)
        self.calls.append(HostCalled(method, params))

    def answered(self, answer: bytes, *, failed: bool) -> None:
        """Note the answer to the last one."""
        if self.lost:
            return
        if self._bytes + len(answer) > _ASKED_BYTES:
            self.lost += 1
            self.calls.pop()
            return
        self._bytes += len(answer)
        self.calls[-1].answer, self.calls[-1].failed = answer, failed


class Ran(NamedTuple):
    """One call that the worker was given."""

    kind: Kind
    name: str
    body: bytes
    """Of the message, or its beginning."""
    size: int
    """Bytes of the whole body."""
    seconds: float
    """From the request to the answer."""
    timeout: float
    """Seconds."""
    outcome: str
    """`OK`, the kind of an error, or `LOST`."""
    asked: Asked | None


class Evidence(NamedTuple):
    """What is known of a worker when something went wrong."""

    calls: tuple[Ran, ...]
    """Answered before, oldest first."""
    fatal: Ran | None
    """During which it went wrong, whole."""
    hooks: tuple[str, ...]
    """Lifecycle hooks that had run and still held, in order."""


class Trail:
    """The last calls of one worker.

    Args:
        kept: How many.
    """

    def __init__(self, kept: int) -> None:
        self._calls: deque[Ran] = deque(maxlen=kept)
        self._hooks: list[str] = []

    def add(self, ran: Ran) -> None:
        """Note a call that was answered."""
        if ran.kind is _HOOK:
            self._hook(ran)
        self._calls.append(ran if ran.size <= KEPT_BYTES else ran._replace(body=ran.body[:KEPT_BYTES]))

    def evidence(self, fatal: Ran | None) -> Evidence:
        """Return what is known.

        Args:
            fatal: The call during which something went wrong; not one of those added.
        """
        return Evidence(tuple(self._calls), fatal, tuple(self._hooks))

    def _hook(self, ran: Ran) -> None:
        undone = (*_UNDONE.get(ran.name, ()), ran.name)
        self._hooks = [name for name in self._hooks if name not in undone]
        if ran.outcome == OK and ran.name not in _UNDONE:
            self._hooks.append(ran.name)
