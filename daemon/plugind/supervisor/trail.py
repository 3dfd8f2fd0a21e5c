"""What a worker was given to do lately: references to what exists anyway, so that remembering costs next to nothing.

Knows nothing of capsules: whoever writes one asks for the `Evidence` when something went wrong.
"""

from collections import deque
from typing import Final, NamedTuple

from plugind_protocol.worker import HEADER, Kind

KEPT_BYTES: Final = 64 * 1024
"""Of a call that was answered, no more than this is kept; of the running one, all of it is there anyway."""
_HEADER_BYTES: Final = HEADER.size
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


_Kept = tuple[Kind, str, bytes, int, float, float, str, Asked | None]
"""As `Ran`, but with the message instead of its body: made for every call, and looked at for hardly any."""


class Trail:
    """The last calls of one worker.

    Args:
        kept: How many.
    """

    def __init__(self, kept: int) -> None:
        self._calls: deque[_Kept] = deque(maxlen=kept)
        self._hooks: list[str] = []

    def add(  # noqa: PLR0917  # done for every call, and names of arguments cost
        self,
        kind: Kind,
        name: str,
        message: bytes,
        seconds: float,
        timeout: float,
        outcome: str = OK,
        asked: Asked | None = None,
    ) -> None:
        """Note a call that was answered.

        Args:
            kind: What it was.
            name: What was called.
            message: What the worker was sent, header included.
            seconds: From the request to the answer.
            timeout: Seconds it might have taken.
            outcome: `OK` or the kind of an error.
            asked: Its host calls.
        """
        if kind is _HOOK:
            self._hook(name, outcome)
        size = len(message)
        if size > _HEADER_BYTES + KEPT_BYTES:
            message = message[: _HEADER_BYTES + KEPT_BYTES]
        self._calls.append((kind, name, message, size, seconds, timeout, outcome, asked))

    def evidence(self, fatal: Ran | None) -> Evidence:
        """Return what is known.

        Args:
            fatal: The call during which something went wrong; not one of those added.
        """
        calls = tuple(
            Ran(kind, name, message[_HEADER_BYTES:], size - _HEADER_BYTES, seconds, timeout, outcome, asked)
            for kind, name, message, size, seconds, timeout, outcome, asked in self._calls
        )
        return Evidence(calls, fatal, tuple(self._hooks))

    def _hook(self, name: str, outcome: str) -> None:
        undone = (*_UNDONE.get(name, ()), name)
        self._hooks = [one for one in self._hooks if one not in undone]
        if outcome == OK and name not in _UNDONE:
            self._hooks.append(name)
