"""What one worker was given to do: calls that were sent to it, those that wait for their turn, and when they are due.

Calls are answered in the order they were sent, so the oldest unanswered call is the one that runs. Knows nothing of
what a worker says beside its answers, nor how a guest is stopped. The path of a call that ends well is `Calls.submit`,
then `Calls.answered` and `Calls.settle`.
"""

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Final

from plugind.supervisor.call import Call, Outcome
from plugind.supervisor.channel import Channel
from plugind.supervisor.lanes import Queue
from plugind.supervisor.meter import Meter
from plugind_protocol.errors import Overloaded, PlugindError, Timeout
from plugind_protocol.worker import PROCESSED, Kind, encode, encode_named

_AHEAD: Final = 16
"""Calls sent before the running one is answered, so that the worker never waits for the supervisor."""
_REFILL: Final = 8
"""Calls that are left of them when more are sent, all in one write."""
_AHEAD_SHARED: Final = 4
"""The same while several call: whoever calls seldom waits behind all of these."""
_SHARED_SECONDS: Final = 0.1
"""For how long calls of one are taken for those of several, once there were."""
_AHEAD_BYTES: Final = 256 * 1024
"""At most this much is sent ahead."""
_SOONEST_SECONDS: Final = 0.001
"""The loop's timers count milliseconds."""
_PROCESS: Final = Kind.PROCESS  # members of an enum are slow to look up

now: Final = time.perf_counter
"""The clock of calls, in seconds; that of the loop counts milliseconds."""


class Calls:
    """The calls of one worker.

    Args:
        plugin: Its id and version, for messages.
        meter: Where calls are counted.
        max_queued: Calls waiting beyond those sent.
        on_busy: Called when it is given something to do that had nothing to do.
        on_due: Called with each call that is not answered in time.
        give_up: Called with each call that is cancelled.
    """

    def __init__(
        self,
        plugin: tuple[str, str],
        *,
        meter: Meter,
        max_queued: int,
        on_busy: Callable[[], object],
        on_due: Callable[[Call], object],
        give_up: Callable[[Call], None],
    ) -> None:
        self.running: Call | None = None
        """The call that runs."""
        self.channel: Channel | None = None
        """Where calls are sent; None before there is one and after it is lost."""
        self._plugin_id, self._version = plugin
        self._meter = meter
        self._max_queued = max_queued
        self.on_busy = on_busy
        """As given; who waits for that may put itself before it."""
        self._on_due = on_due
        self._give_up = give_up
        self._loop = asyncio.get_running_loop()
        self._number = 0
        self._sent: deque[Call] = deque()  # in order: the first one runs
        self._sent_bytes = 0
        self._ahead = _AHEAD
        self._lane: int | None = None  # who called last
        self._shared_until = 0.0
        self._queue: Queue[Call] = Queue()
        self._look_at = math.inf  # when the timer fires
        self._timer: asyncio.TimerHandle | None = None

    def __iter__(self) -> Iterator[Call]:
        yield from self._sent
        yield from self._queue

    @property
    def given(self) -> int:
        """Number of the last call that was submitted: it changes with each."""
        return self._number

    # --- on their way -----------------------------------------------------------------------------------------

    def submit(  # noqa: PLR0917  # done for every call, and names of arguments cost
        self, kind: Kind, name: bytes | None, body: bytes, label: str, timeout: float, lane: int | None = None
    ) -> Call:
        """Send a call, or let it wait for its turn.

        Args:
            kind: What it is.
            name: Of the function, where the kind has one.
            body: What follows the name.
            label: What is called, for messages.
            timeout: Seconds until `on_due`.
            lane: Who calls: those that wait are taken from all callers in turns; None for ourselves.

        Raises:
            Overloaded: Too many calls are waiting.
        """
        if self._queue.length >= self._max_queued:
            self._make_room(lane)
        self._number = number = self._number % 0xFFFFFFFF + 1
        message = encode(kind, number, body) if name is None else encode_named(kind, number, name, body)
        call = Call(number, kind, message, label, lane, now(), timeout, self._give_up)
        if lane != self._lane and lane is not None:
            if self._lane is not None:
                self._ahead, self._shared_until = _AHEAD_SHARED, call.began + _SHARED_SECONDS
            self._lane = lane
        elif self._ahead != _AHEAD and call.began > self._shared_until:
            self._ahead = _AHEAD
        if call.due < self._look_at:
            self._look_later(call.due, call.began)
        if self._queue.length or not self._may_send(message):
            self._queue.push(call, lane)
            return call
        if self.running is None:
            self.running = call
            self.on_busy()
        self._sent.append(call)
        self._sent_bytes += len(message)
        if self.channel is not None:
            self.channel.write(message)
        return call

    def answered(self, call: Call) -> None:
        """Note that the call that runs was answered, and send what waits."""
        sent = self._sent
        sent.popleft()
        self._sent_bytes -= len(call.message)
        self.running = sent[0] if sent else None
        if self._queue.length and len(sent) <= _REFILL:
            self._refill()

    def settle(self, call: Call, outcome: Outcome, seconds: float | None = None) -> None:
        """Let a call have its outcome, unless it has one; who holds it back until then gets it first.

        Args:
            call: The call.
            outcome: Its outcome.
            seconds: How long it took; until now where that is not at hand.
        """
        if call.ending is None:
            self.finish(call, outcome, seconds)
        elif not call.held:
            late = call.expired and not isinstance(outcome, PlugindError)
            call.held = True
            call.ending(self.timed_out(call, "it ended too late") if late else outcome)

    def finish(self, call: Call, outcome: Outcome, seconds: float | None = None) -> None:
        """Let whoever called see the outcome; see `settle`."""
        if call.outcome is not None:
            return
        if call.counts:
            self._meter.call(
                now() - call.began if seconds is None else seconds, failed=isinstance(outcome, PlugindError)
            )
        if call.kind is _PROCESS and isinstance(outcome, bytes):
            self._meter.frame(PROCESSED.unpack(outcome)[1])
        call.set_outcome(outcome)

    def forget(self, call: Call) -> bool:
        """Take a call out that waits for its turn; return whether it did not, but was sent and not answered."""
        if call in self._sent:
            return True
        self._queue.remove(call)
        return False

    def clear(self) -> list[Call]:
        """Forget all calls, and return them in order."""
        calls = list(self)
        self._sent.clear()
        self._queue.clear()
        self.running = None
        if self._timer is not None:
            self._timer.cancel()
        return calls

    def close(self) -> None:
        """Let go of the worker, which is gone: together they would be kept until the next whole garbage collection."""
        self.on_busy = self._on_due = self._give_up = _nobody

    def sent(self, number: int) -> Call | None:
        """Return the call of a number, if it was sent and is not answered."""
        return next((call for call in self._sent if call.number == number), None)

    @property
    def unanswered(self) -> int:
        """How many calls there are."""
        return len(self._sent) + self._queue.length

    @property
    def busy(self) -> bool:
        """Whether calls that count were sent and not answered."""
        return any(call.counts for call in self._sent)

    def timed_out(self, call: Call, detail: str) -> Timeout:
        """Return the error of a call that was not answered in time."""
        return Timeout(
            f"{self._plugin_id} {self._version}: {call.label} took longer than {call.timeout * 1000:.0f} ms; {detail}",
            plugin_id=self._plugin_id,
            version=self._version,
            cause="timeout",
        )

    def _may_send(self, message: bytes) -> bool:
        sent = self._sent
        return not sent or (len(sent) < self._ahead and self._sent_bytes + len(message) <= _AHEAD_BYTES)

    def _refill(self) -> None:
        """Send what waits, as much of it as may be on its way."""
        sent, more = self._sent, []
        while self._queue.length and self._may_send(self._queue.first().message):
            call = self._queue.pop()
            sent.append(call)
            self._sent_bytes += len(call.message)
            more.append(call.message)
        if self.running is None and sent:
            self.running = sent[0]
            self.on_busy()
        if self.channel is not None and more:
            self.channel.write(b"".join(more))

    def _make_room(self, lane: int | None) -> None:
        """Give up a waiting call of whoever has most of them, unless that is the one who calls now."""
        longest = self._queue.longest()
        mine = 0 if lane is None else self._queue.waiting(lane)
        if longest is None or longest[0] <= mine + 1:
            raise self._overloaded()  # no name of ours for it: it has this frame in its traceback
        self._queue.remove(longest[1])
        self.settle(longest[1], self._overloaded())

    def _overloaded(self) -> Overloaded:
        return Overloaded(f"{self._plugin_id} has {self._max_queued} calls waiting", plugin_id=self._plugin_id)

    # --- when they are due: one timer, armed for the first of them, which may have been answered when it fires -----

    def _look_later(self, due: float, at: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._look_at = due
        self._timer = self._loop.call_later(max(_SOONEST_SECONDS, due - at), self._look)

    def _look(self) -> None:
        self._timer, self._look_at = None, math.inf
        at = now()
        for call in list(self):
            if call.due <= at and not (call.expired or call.done()):
                call.expired = True
                self._on_due(call)
        nearest = min((call.due for call in self if not (call.expired or call.done())), default=math.inf)
        if nearest < self._look_at:
            self._look_later(nearest, at)


def _nobody(*_call: object) -> None:
    """Take the place of who was told of calls."""
