"""One worker's life: what it says, and its end.

Calls are answered in the order they were sent, so the oldest unanswered call is the one that runs. A deadline or a
cancellation interrupts the running call and skips a waiting one; a worker that does not react within the grace is
killed. Whatever ends the worker, every call gets an answer. What it is given to do is `tasks`, how calls wait and are
sent `calls`, how they are stopped `stopper`, what answers become `answers`, what the guest asks its host for `asking`.
"""

import asyncio
import socket
from typing import Final, Protocol

import msgspec

from plugind.pace import Pace
from plugind.policy.plan import LaunchPlan
from plugind.supervisor import ending, ends
from plugind.supervisor.answers import printable
from plugind.supervisor.call import Call, Outcome
from plugind.supervisor.calls import now
from plugind.supervisor.channel import Channel
from plugind.supervisor.distrust import MAX_LOG_BYTES, ProtocolFault
from plugind.supervisor.house import Home
from plugind.supervisor.long_runs import LongRuns
from plugind.supervisor.meter import Meter
from plugind.supervisor.stopper import Stopper
from plugind.supervisor.tasks import Tasks
from plugind.supervisor.trail import LOST, OK, Evidence, Ran, Trail
from plugind_protocol import scheduling
from plugind_protocol.errors import (
    MemoryLimit,
    PlugindError,
    PluginError,
    Timeout,
    Trap,
    WorkerCrashed,
)
from plugind_protocol.worker import (
    DROPPED,
    MAX_FAULT_BYTES,
    Kind,
    Ready,
)

_REAP_SECONDS: Final = 5.0
_BROKE: Final = (Trap, MemoryLimit)
"""Answers after which the guest goes on with a fresh instance, through its own fault."""
_CALL: Final = Kind.CALL  # members of an enum are slow to look up
_PROCESS: Final = Kind.PROCESS
_HOST_CALL: Final = int(Kind.HOST_CALL)
_ANSWERS: Final = (int(Kind.RESULT), int(Kind.PROCESSED), int(Kind.ERROR))

_encoder: Final = msgspec.json.Encoder()


class Owner(Protocol):
    """Who a worker reports to."""

    def host_call(self, worker: "Worker", number: int, method: bytes, params: bytes) -> "asyncio.Future[None] | None":
        """The guest asks for something; answer by `Worker.answer_host_call` with the same number.

        What is returned is cancelled when nobody waits for the answer any more.
        """

    def logged(self, level: int, text: str) -> None:
        """The guest logged something; level 0 (trace) … 4 (error)."""

    def dropped(self, count: int) -> None:
        """So many log messages were too many, and not sent."""

    def trapped(self, worker: "Worker", error: Trap | MemoryLimit) -> None:
        """The guest trapped or ran out of memory; the worker goes on with a fresh instance.

        The call is answered with this error, which whoever called has not seen yet.
        """

    def overdue(self, worker: "Worker", error: Timeout) -> None:
        """A call did not end in time, and the worker is killed for it.

        This error is the answer, which whoever called has not seen yet. `ended` follows, with an error that names the
        same capsule as this one does afterwards.
        """

    def ended(self, worker: "Worker", error: WorkerCrashed, *, expected: bool) -> None:
        """The worker is gone. ``expected`` when we asked for it.

        This error is the answer to calls that were waiting; whoever called has not seen it yet.
        """


class Worker(Tasks):
    """A worker process.

    Args:
        plan: What it runs.
        child: Where it lives.
        owner: Who it reports to.
        meter: Where its calls are counted.
        pace: Where its channel waits with what is too much for one turn of the loop.
        long_runs: Told when it has something to do.
        interruptible: Whether its engine can stop a guest; the worker is killed otherwise, as the only way.
        grace_seconds: From an interrupt to the kill.
        max_queued: Calls waiting beyond those sent.
        remembered: How many of its last calls are remembered.
    """

    def __init__(
        self,
        plan: LaunchPlan,
        child: Home,
        *,
        owner: Owner,
        meter: Meter,
        pace: Pace,
        long_runs: LongRuns,
        grace_seconds: float,
        max_queued: int,
        remembered: int = 20,
        interruptible: bool = True,
    ) -> None:
        super().__init__(plan, child, meter=meter, long_runs=long_runs, max_queued=max_queued)
        self.pid = child.pid
        self.loop = asyncio.get_running_loop()
        self.base_bytes = 0
        """Private memory that it had before it met the plugin."""
        self.ready: asyncio.Future[Ready] = self.loop.create_future()
        self.killed = False
        """Whether we ended it: at a deadline, or because it broke the protocol."""
        self.gone: asyncio.Future[None] = self.loop.create_future()
        """Done when the process was reaped and the owner told."""
        self._owner = owner
        self._pace = pace
        self._long_runs = long_runs
        self._grace = grace_seconds
        self._interruptible = interruptible
        self._channel: Channel | None = None
        self._stopper = Stopper(
            self._calls,
            self._asking,
            grace_seconds=grace_seconds,
            engine=plan.engine,
            interruptible=interruptible,
            kill=self.kill,
            blame=self._blame,
        )
        self._trail = Trail(remembered)
        self._fatal: Ran | None = None
        self._stopping = False
        self._capsule: str | None = None  # named by an answer already

    @property
    def blamed(self) -> bool:
        """Whether its end counts against the plugin: not when it only stopped a call, or was a neighbour's fault."""
        return not self.spent and self._child.verdict.blamed

    @property
    def spent(self) -> bool:
        """Whether we ended it to stop a call, with nothing wrong about it."""
        return self._stopper.spent

    @property
    def neighbours(self) -> list[str]:
        """Plugins that share its process now."""
        return self._child.neighbours

    async def attach(self, messages: socket.socket, control: socket.socket) -> None:
        """Take over our ends of its channel."""
        self._channel = await Channel.open(
            messages, control, pace=self._pace, on_message=self._message, on_lost=self._lost
        )
        self._calls.channel = self._channel
        self.alive = not self._stopping and self._end_reason is None

    # --- what it says -----------------------------------------------------------------------------------------

    def _message(self, kind: int, number: int, body: bytes) -> None:
        try:
            if kind in _ANSWERS:
                self._answer(kind, number, body)
            elif kind == _HOST_CALL:
                self._asking.take(number, body)
            elif kind == Kind.LOG and 0 < len(body) <= MAX_LOG_BYTES:
                self._log(body)
            elif kind == Kind.DROPPED and len(body) == DROPPED.size:
                self._owner.dropped(DROPPED.unpack(body)[0])
            elif kind == Kind.FAULT and len(body) <= MAX_FAULT_BYTES:
                self._retire(f"its worker had a fault of its own: {printable(body)}")
            elif kind == Kind.READY and not self.ready.done():
                self._started(body)
            elif kind == Kind.FAILED and not self.ready.done():
                self.ready.set_exception(self._answers.error(body))
            else:
                self._protocol_fault(f"message of kind {kind} at the wrong time")
        except ProtocolFault as exc:
            self._protocol_fault(str(exc))

    def _answer(self, kind: int, number: int, body: bytes) -> None:
        calls = self._calls
        call, outcome = self._answers.outcome(calls.running, kind, number, body)
        if isinstance(outcome, Timeout) or (call.expired and isinstance(outcome, PluginError)):
            # A guest may have got the answer to its host call before its worker saw the interrupt, and passed it on.
            outcome = calls.timed_out(call, "it was stopped")
        if self._asking.number == number:
            self._asking.over()
        if self._stopper.armed:
            self._stopper.disarm()
        if self.demoted:
            self._long_runs.over(self)
        calls.answered(call)
        if (following := calls.running) is not None and following.done():
            self._stopper.begins(following)
        seconds = now() - call.began
        self._remember(call, outcome, seconds)
        calls.settle(call, outcome, seconds)

    def _remember(self, call: Call, outcome: Outcome, seconds: float) -> None:
        if isinstance(outcome, bytes):
            word = OK
        else:
            word = outcome.data.kind
            if isinstance(outcome, _BROKE):
                self._fatal = _ran(call, word)
                self._owner.trapped(self, outcome)
                self._fatal = None
            if call.skipped and isinstance(outcome, Timeout):
                return
        if call.counts:
            self._trail.add(call.kind, call.label, call.message, seconds, call.timeout, word, call.asked)

    def evidence(self) -> Evidence:
        """Return what is known of what it did; to be asked when the owner learns that something went wrong."""
        return self._trail.evidence(self._fatal)

    def _log(self, body: bytes) -> None:
        heard = self._logs.take(self.loop.time())
        if heard.kept:
            self._owner.logged(body[0], body[1:].decode(errors="replace"))
        else:
            self._owner.dropped(1)
        if heard.rest_seconds and self._channel is not None:
            self._channel.rest(heard.rest_seconds)
            self.demoted = self.demoted or scheduling.compute(self.thread)

    def _ask(self, number: int, method: bytes, params: bytes) -> "asyncio.Future[None] | None":
        return self._owner.host_call(self, number, method, params) if self.alive else None

    def _started(self, body: bytes) -> None:
        try:
            ready = msgspec.json.decode(body, type=Ready)
        except msgspec.DecodeError as exc:
            raise ProtocolFault(f"ready message: {exc}") from exc
        if scheduling.has_thread(self.pid, ready.thread):
            self.thread = ready.thread
        scheduling.answer(self.thread)
        self.ready.set_result(ready)

    def _protocol_fault(self, what: str) -> None:
        self._end_reason = None  # the last one says more
        self._retire(reason := f"its worker broke the protocol: {what}")
        if self._channel is not None:
            self._channel.fail(reason)

    def answer_host_call(self, number: int, result: bytes | msgspec.Raw | PlugindError) -> None:
        """Answer the guest's host call, if the guest still waits for it."""
        self._asking.answer(number, result)

    def finish(self, call: Call, outcome: Outcome) -> None:
        """Let whoever called see the outcome that was held back."""
        self._calls.finish(call, outcome)

    # --- its end ----------------------------------------------------------------------------------------------

    async def stop(self) -> None:
        """End the worker; calls in flight are answered WorkerCrashed. Returns when it was reaped."""
        self._stopping, self.alive = True, False
        self._hurry_no_more()
        if not self._interruptible and self._calls.running is not None:
            self._child.signal(ends.KILL)  # while its guest computes, it does not see the channel's end
        if self._channel is not None:
            self._channel.close()
        await asyncio.shield(self.gone)

    def kill(self, reason: str) -> None:
        """Kill the worker at once, as if it had crashed."""
        self._retire(reason)
        self.killed = True
        self._hurry_no_more()
        self._child.signal(ends.KILL)

    @property
    def exit_status(self) -> int | None:
        """Its exit code, or minus the number of the signal that ended it; None while it runs."""
        return self._child.exited.result() if self._child.exited.done() else None

    def _hurry_no_more(self) -> None:
        """Let others run before it: nobody waits for the memory that its end gives back."""
        if not self._child.exited.done():
            scheduling.compute(self.thread)

    def _retire(self, reason: str) -> None:
        """Take no more calls, for the first reason that there is."""
        self._end_reason = self._end_reason or reason
        self.alive = False

    def _expire(self, call: Call) -> None:
        self._stopper.expire(call)

    def _give_up(self, call: Call) -> None:
        self._stopper.give_up(call)

    def _blame(self, error: Timeout) -> None:
        self._owner.overdue(self, error)
        self._capsule = error.data.capsule

    def _lost(self, fault: str | None) -> None:
        self._channel = self._calls.channel = None
        self.alive = False
        self._asking.stop()
        self._end_reason = self._end_reason or fault
        if (running := self._calls.running) is not None and running.counts:
            stopped = running.expired or (running.done() and running.cancelled())
            self._fatal = _ran(running, Timeout.__name__ if stopped else LOST)
        self._child.lost(busy=self._calls.busy or not self.ready.done())
        _end_task = self.loop.create_task(self._reap(fault))
        _end_task.add_done_callback(lambda task: task.result())

    async def _reap(self, fault: str | None) -> None:
        if fault is not None:
            self.killed = True
            self._child.signal(ends.KILL)
        done, _ = await asyncio.wait({self._child.exited}, timeout=self._grace)
        if not done:
            self.killed = True
            self._child.signal(ends.KILL)
            await asyncio.wait({self._child.exited}, timeout=_REAP_SECONDS)
        status = self.exit_status
        reason = self._end_reason or ending.describe(status, self._child.verdict, self.plan)
        error = self._answers.crashed(reason, cause="protocol" if fault else ending.cause(status))
        error.data.capsule = self._capsule
        self._stopper.disarm()
        calls = self._calls.clear()
        if not self.ready.done():
            self.ready.set_exception(error)
            self.ready.exception()  # somebody may have stopped waiting
        self._owner.ended(self, error, expected=self._stopping)
        for call in calls:
            self._calls.settle(call, error)
        self._let_go()
        self.gone.set_result(None)

    def _let_go(self) -> None:
        """Undo rings of references, which would keep what calls were sent until the next whole garbage collection."""
        self._calls.close()
        self._asking.close()
        self._stopper.close()
        self._on_busy = _nothing


def _nothing() -> None:
    """Take the place of what was called of a worker."""


def _ran(call: Call, outcome: str) -> Ran:
    body, seconds = call.body, now() - call.began
    return Ran(call.kind, call.label, body, len(body), seconds, call.timeout, outcome, call.asked)
