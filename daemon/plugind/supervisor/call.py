"""One call of a worker's: who waits for it is told in the same turn of the loop in which its answer arrives.

It can be used as a future (awaited, cancelled, asked for its outcome), and costs less: where nobody awaits it, no
future is made, and no further turn of the loop passes until its callbacks run. Knows nothing of workers.
"""

import asyncio
from collections.abc import Callable, Generator
from typing import Final

from plugind.supervisor.trail import Asked
from plugind_protocol.errors import PlugindError
from plugind_protocol.worker import HEADER, Kind

_HEADER_BYTES: Final = HEADER.size
_OUR_OWN: Final = frozenset((Kind.PING, Kind.LIMITS, Kind.PARK))
"""Calls that nobody but us makes, and that do not count."""

Outcome = bytes | PlugindError
"""The body of the worker's answer, or why there is none."""


class Call:
    """One call on its way. Cancelling it stops the guest.

    Args:
        number: By which the worker knows it.
        kind: What it is.
        message: What the worker is sent, header included.
        label: What is called, for messages.
        lane: Who calls; None for ourselves.
        began: When, in seconds of `time.perf_counter`.
        timeout: Seconds it may take.
        give_up: Called with it once, when it is cancelled.
    """

    __slots__ = (
        "_callback",
        "_give_up",
        "_more_callbacks",
        "asked",
        "began",
        "counts",
        "due",
        "ending",
        "expired",
        "held",
        "kind",
        "label",
        "lane",
        "message",
        "number",
        "outcome",
        "skipped",
        "timeout",
    )

    def __init__(  # noqa: PLR0917  # made for every call, and names of arguments cost
        self,
        number: int,
        kind: Kind,
        message: bytes,
        label: str,
        lane: int | None,
        began: float,
        timeout: float,
        give_up: "Callable[[Call], None]",
    ) -> None:
        self.number = number
        self.kind = kind
        self.message = message
        self.label = label
        self.lane = lane
        self.began = began
        self.timeout = timeout
        self.due = began + timeout
        self.counts = kind not in _OUR_OWN
        """Whether somebody else than us made it."""
        self.expired = False
        """Its deadline is over."""
        self.skipped = False
        """It was given up before its turn came."""
        self.asked: Asked | None = None
        """Its host calls."""
        self.ending: Callable[[Outcome], None] | None = None
        """Takes the outcome before whoever called sees it, and gives it on by `Worker.finish`."""
        self.held = False
        """Whether it has taken it."""
        self._give_up: Callable[[Call], None] | None = give_up
        self.outcome: Outcome | asyncio.CancelledError | None = None
        """How it ended."""
        self._callback: Callable[[Call], object] | None = None
        self._more_callbacks: list[Callable[[Call], object]] | None = None

    @property
    def body(self) -> bytes:
        """What the worker is sent, without the header."""
        return self.message[_HEADER_BYTES:]

    # --- as a future ------------------------------------------------------------------------------------------

    def done(self) -> bool:
        """Whether it has an outcome, or was cancelled."""
        return self.outcome is not None

    def cancelled(self) -> bool:
        """Whether it was cancelled."""
        return isinstance(self.outcome, asyncio.CancelledError)

    def result(self) -> bytes:
        """Return the body of the worker's answer.

        Raises:
            PlugindError: Why there is none.
            CancelledError: It was cancelled.
            InvalidStateError: It has no outcome yet.
        """
        if isinstance(self.outcome, bytes):
            return self.outcome
        try:
            raise self.outcome or asyncio.InvalidStateError("the call is not answered yet")
        finally:
            del self  # the error has this frame in its traceback, and would keep the call, which keeps the error

    def exception(self) -> PlugindError | None:
        """Return why there is no answer, None where there is one.

        Raises:
            CancelledError: It was cancelled.
            InvalidStateError: It has no outcome yet.
        """
        if isinstance(self.outcome, PlugindError):
            return self.outcome
        self.result()
        return None

    def add_done_callback(self, callback: "Callable[[Call], object]") -> None:
        """Call back once, in the turn of the loop in which it is answered or cancelled; at once if it is already."""
        if self.outcome is not None:
            callback(self)
        elif self._callback is None:
            self._callback = callback
        elif self._more_callbacks is None:
            self._more_callbacks = [callback]
        else:
            self._more_callbacks.append(callback)

    def cancel(self) -> bool:
        """Give the call up; the guest is stopped. Return False where it was over already."""
        if self.outcome is not None:
            return False
        give_up = self._give_up
        self.set_outcome(asyncio.CancelledError())
        if give_up is not None:
            give_up(self)
        return True

    def set_outcome(self, outcome: Outcome | asyncio.CancelledError) -> None:
        """Note how it ended, once, and tell whoever waits."""
        self.outcome = outcome
        self._give_up = None  # an error's traceback may keep us for long, and must not keep the worker
        callback, self._callback = self._callback, None
        if callback is not None:
            callback(self)
        if self._more_callbacks is not None:
            for one in self._more_callbacks:
                one(self)
            self._more_callbacks = None

    def over(self) -> asyncio.Future[None]:
        """Return a future that is done once the call is; cancelling it does nothing to the call."""
        over = asyncio.get_running_loop().create_future()

        def wake(_: Call) -> None:
            if not over.done():
                over.set_result(None)

        self.add_done_callback(wake)
        return over

    def __await__(self) -> Generator[asyncio.Future[None], None, bytes]:
        """Wait for the answer; cancelling the wait cancels the call."""
        if self.outcome is None:
            try:
                yield from self.over()
            except asyncio.CancelledError:
                self.cancel()
                raise
        try:
            return self.result()
        finally:
            del self  # as there
