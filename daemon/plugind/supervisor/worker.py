"""One worker's life: its calls, their deadlines, its host calls, and its end.

Calls are answered in the order they were sent, so the oldest unanswered call is the one that runs. A deadline or a
cancellation interrupts the running call and skips a waiting one; a worker that does not react within the grace is
killed. Whatever ends the worker, every call gets an answer.
"""

import asyncio
import signal
import socket
import time
from collections.abc import Callable
from typing import Final, Protocol

import msgspec

from plugind.pace import Pace
from plugind.policy.plan import LaunchPlan
from plugind.supervisor import ends, scheduling
from plugind.supervisor.channel import Channel
from plugind.supervisor.distrust import MAX_LOG_BYTES, check_text
from plugind.supervisor.house import Home
from plugind.supervisor.lanes import Queue
from plugind.supervisor.long_runs import LongRuns
from plugind.supervisor.meter import Meter
from plugind.supervisor.trail import LOST, OK, Asked, Evidence, Ran, Trail
from plugind_protocol.errors import (
    ErrorObject,
    MemoryLimit,
    Overloaded,
    PlugindError,
    PluginError,
    Timeout,
    TooLarge,
    Trap,
    WorkerCrashed,
    from_object,
)
from plugind_protocol.manifest import Limits
from plugind_protocol.rates import TokenBucket
from plugind_protocol.worker import (
    DROPPED,
    MAX_FAULT_BYTES,
    PROCESS,
    PROCESSED,
    Kind,
    LiveLimits,
    Order,
    Ready,
    Window,
    split_name,
    with_name,
)

_AHEAD: Final = 16
"""Calls sent before the running one is answered, so that the worker never waits for the supervisor."""
_AHEAD_BYTES: Final = 256 * 1024
"""At most this much is sent ahead."""
_REAP_SECONDS: Final = 5.0
_RUDE_SECONDS: Final = 0.002
"""How long nothing is read from a worker that logs faster than its own limit lets it, each time it does."""
_BROKE: Final = (Trap, MemoryLimit)
"""Answers after which the guest goes on with a fresh instance, through its own fault."""
_OUR_OWN: Final = frozenset((Kind.PING, Kind.LIMITS))
"""Calls that nobody but us makes, and that do not count."""

_MEANINGS: Final = {
    ("wasmtime", "SIGSYS"): ": it made a system call that its sandbox forbids",
    ("wasmer", "SIGSYS"): ": it made a system call that its sandbox forbids",
    ("wasmer", "SIGSEGV"): ", as where a guest runs out of stack in wasmer's own code",
}
"""What a signal says, by engine, where the system sends it for one reason only, or nearly so."""

_error_decoder: Final = msgspec.json.Decoder(ErrorObject)
_error_encoder: Final = msgspec.json.Encoder()


MAX_MEMORY_BYTES: Final = 1 << 32
"""What a guest can address."""
MAX_LOG_RATE: Final = 100_000
"""Messages per second where no limit is set."""


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

        The call has been answered with this error, which whoever called has not seen yet.
        """

    def overdue(self, worker: "Worker", error: Timeout) -> None:
        """A call did not end in time, and the worker is killed for it.

        This error is the answer, which whoever called has not seen yet. `ended` follows, with an error that names the
        same capsule as this one does afterwards.
        """

    def ended(self, worker: "Worker", error: WorkerCrashed, *, expected: bool) -> None:
        """The worker is gone; all its calls have been answered. ``expected`` when we asked for it.

        This error is the answer to those that were waiting; whoever called has not seen it yet.
        """


class Call(asyncio.Future[bytes]):
    """One call on its way; the result is the body of the worker's answer.

    Cancelling it stops the guest.
    """

    ending: Callable[[bytes | PlugindError], None] | None = None
    """Takes the outcome before whoever called sees it, and gives it on by `Worker.finish`."""
    held = False
    """Whether it has taken it."""

    def __init__(self, worker: "Worker", number: int, kind: Kind, body: bytes, *, label: str, lane: int | None) -> None:
        super().__init__(loop=worker.loop)
        self.worker = worker
        self.number = number
        self.kind = kind
        self.counts = kind not in _OUR_OWN
        self.body = body
        self.label = label
        """What is called, for messages."""
        self.lane = lane
        """Who calls; None for ourselves."""
        self.began = time.perf_counter()  # the loop's own clock counts in ms
        self.timeout = 0.0
        self.deadline: asyncio.TimerHandle | None = None
        self.expired = False
        self.skipped = False
        """It was given up before its turn came."""
        self.asked: Asked | None = None
        """Its host calls."""

    def cancel(self, msg: object = None) -> bool:
        """Give the call up; the guest is stopped."""
        if not super().cancel(msg):
            return False
        self.worker.give_up(self)
        return True


class Worker:
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
        self.plan = plan
        self.pid = child.pid
        self.thread = child.pid
        """Which runs the guest."""
        self.loop = asyncio.get_running_loop()
        self.base_bytes = 0
        """Private memory that it had before it met the plugin."""
        self.ready: asyncio.Future[Ready] = self.loop.create_future()
        self._child = child
        self._owner = owner
        self._meter = meter
        self._pace = pace
        self._long_runs = long_runs
        self._grace = grace_seconds
        self._interruptible = interruptible
        self._max_queued = max_queued
        self._channel: Channel | None = None
        self._number = 0
        self._sent: dict[int, Call] = {}  # in order: the first one runs
        self._sent_bytes = 0
        self._queue: Queue[Call] = Queue()
        self._host_calls = _host_call_rate(plan.limits)
        self._logs = _log_rate(plan.limits)
        self._memory_bytes = plan.limits.memory_bytes or MAX_MEMORY_BYTES
        self._windows: dict[int, int] = {}  # bytes of each that is open
        self._window_bytes = 0  # most that were open at once
        self._hosting: int | None = None  # the call whose host call is being answered
        self._asking: asyncio.Future[None] | None = None  # what works on that answer
        self._killer: asyncio.TimerHandle | None = None
        self.demoted = False
        """Whether it computes behind the others' back; see `plugind.supervisor.long_runs`."""
        self._stopping = False
        self._end_reason: str | None = None
        self._capsule: str | None = None  # named by an answer already
        self.killed = False
        """Whether we ended it: at a deadline, or because it broke the protocol."""
        self._trail = Trail(remembered)
        self._fatal: Ran | None = None
        self.spent = False
        """Whether we ended it to stop a call, with nothing wrong about it."""
        self.gone: asyncio.Future[None] = self.loop.create_future()
        """Done when the process was reaped and the owner told."""

    @property
    def blamed(self) -> bool:
        """Whether its end counts against the plugin: not when it only stopped a call, or was a neighbour's fault."""
        return not self.spent and self._child.verdict.blamed

    @property
    def neighbours(self) -> list[str]:
        """Plugins that share its process now."""
        return self._child.neighbours

    @property
    def alive(self) -> bool:
        """Whether it takes calls."""
        return self._channel is not None and not self._stopping and self._end_reason is None

    def check_alive(self) -> None:
        """Make sure that it takes calls.

        Raises:
            WorkerCrashed: It is gone, or stopping.
        """
        if not self.alive:
            raise self._crashed(self._end_reason or "its worker is gone")

    async def attach(self, messages: socket.socket, control: socket.socket) -> None:
        """Take over our ends of its channel."""
        self._channel = await Channel.open(
            messages, control, pace=self._pace, on_message=self._message, on_lost=self._lost
        )

    # --- calls ------------------------------------------------------------------------------------------------

    def call(self, function: str, args: bytes | msgspec.Raw, *, timeout: float, lane: int = 0) -> Call:
        """Call a function of the guest.

        Args:
            function: Its name.
            args: JSON text.
            timeout: Seconds until the call is stopped.
            lane: Who calls: those that wait are taken from all callers in turns.

        Returns:
            The call; its result is JSON text.

        Raises:
            Overloaded: Too many calls are waiting.
            WorkerCrashed: The worker is gone.
        """
        return self._submit(Kind.CALL, with_name(function.encode(), bytes(args)), function, timeout, lane)

    def hook(self, name: str, *, timeout: float) -> Call:
        """Run a lifecycle hook; the worker repeats it wherever it has to start the guest afresh."""
        return self._submit(Kind.HOOK, with_name(name.encode(), b"null"), name, timeout)

    def process(
        self,
        effect: int,
        window: int,
        *,
        slots: tuple[int, int],
        pts_us: int,
        params: bytes | msgspec.Raw,
        timeout: float,
        lane: int = 0,
    ) -> Call:
        """Run an effect on one frame; the result is a `plugind_protocol.worker.PROCESSED` body."""
        head = PROCESS.pack(effect, window, slots[0], slots[1], pts_us)
        return self._submit(Kind.PROCESS, head + bytes(params), "effects.process", timeout, lane)

    def open_window(self, window: Window, descriptor: int, *, timeout: float) -> Call:
        """Share a window of frames with the guest."""
        self._windows[window.window] = window.slot_bytes * window.slots
        self._allow_windows()
        if self._channel is not None and not self._channel.order(Order.WINDOW, window.window, descriptor):
            self.kill("it does not read its control socket")
        return self._submit(Kind.WINDOW_OPEN, _error_encoder.encode(window), "frames.open", timeout)

    def close_window(self, window: Window, *, timeout: float) -> Call:
        """Take a window of frames away from the guest."""
        self._windows.pop(window.window, None)
        return self._submit(Kind.WINDOW_CLOSE, _error_encoder.encode(window), "frames.close", timeout)

    @property
    def idle(self) -> bool:
        """Whether it takes calls and has none."""
        return self.alive and not self._sent

    async def drained(self) -> None:
        """Wait until its calls are answered; each is at its deadline at the latest."""
        while waiting := [call for call in (*self._sent.values(), *self._queue) if not call.done()]:
            await asyncio.wait(waiting)

    def ping(self, *, timeout: float) -> Call:
        """Ask an idle worker whether it still answers; one that does not is killed."""
        return self._submit(Kind.PING, b"", "the health probe", timeout)

    def limit(self, limits: Limits, *, timeout: float) -> Call:
        """Change the limits of the running worker; those that only count at its start stay as they are."""
        self._child.limit(limits)
        memory_bytes = limits.memory_bytes or MAX_MEMORY_BYTES
        self._child.allow_memory(memory_bytes - self._memory_bytes)
        self._memory_bytes = memory_bytes
        self._host_calls = _host_call_rate(limits)
        self._logs = _log_rate(limits)
        live = LiveLimits(
            memory_bytes=memory_bytes,
            log_messages_per_second=limits.log_messages_per_second or MAX_LOG_RATE,
        )
        return self._submit(Kind.LIMITS, _error_encoder.encode(live), "plugins.setResourceLimits", timeout)

    def _allow_windows(self) -> None:
        """Let the worker's memory hold the windows: each is the guest's own before the shared file is laid over it.

        What a guest has grown by it keeps, so that this never goes down.
        """
        wanted = sum(self._windows.values())
        if wanted > self._window_bytes:
            self._child.allow_memory(wanted - self._window_bytes)
            self._window_bytes = wanted

    def call_of(self, number: int) -> Call | None:
        """Return the call of a number, while the worker has it."""
        return self._sent.get(number)

    def answer_host_call(self, number: int, result: bytes | msgspec.Raw | PlugindError) -> None:
        """Answer the guest's host call, if the guest still waits for it."""
        if self._hosting != number or self._channel is None:
            return
        self._hosting = None
        failed = isinstance(result, PlugindError)
        text = _error_encoder.encode(result.to_object()) if isinstance(result, PlugindError) else bytes(result)
        self._channel.send(Kind.HOST_ERROR if failed else Kind.HOST_RESULT, number, text)
        if (call := self._sent.get(number)) is not None and call.asked is not None:
            call.asked.answered(text, failed=failed)

    def _submit(self, kind: Kind, body: bytes, label: str, timeout: float, lane: int | None = None) -> Call:
        self.check_alive()
        if len(self._queue) >= self._max_queued:
            self._make_room(lane)
        self._number = self._number % 0xFFFFFFFF + 1
        call = Call(self, self._number, kind, body, label=label, lane=lane)
        call.timeout = timeout
        call.deadline = self.loop.call_later(timeout, self._expire, call)
        if self._queue or not self._may_send(body):
            self._queue.push(call, lane)
        else:
            self._send(call)
        return call

    def _make_room(self, lane: int | None) -> None:
        """Give up a waiting call of whoever has most of them, unless that is the one who calls now."""
        longest = self._queue.longest()
        mine = 0 if lane is None else self._queue.waiting(lane)
        error = Overloaded(f"{self.plan.plugin_id} has {self._max_queued} calls waiting", plugin_id=self.plan.plugin_id)
        if longest is None or longest[0] <= mine + 1:
            raise error
        self._queue.remove(longest[1])
        self._settle(longest[1], error)

    def _may_send(self, body: bytes) -> bool:
        return not self._sent or (len(self._sent) < _AHEAD and self._sent_bytes + len(body) <= _AHEAD_BYTES)

    def _send(self, call: Call) -> None:
        assert self._channel is not None
        if not self._sent:
            self._long_runs.watch(self)
        self._sent[call.number] = call
        self._sent_bytes += len(call.body)
        self._channel.send(call.kind, call.number, call.body)

    # --- deadlines and cancellation ---------------------------------------------------------------------------

    def _expire(self, call: Call) -> None:
        call.expired = True
        running = self._running is call
        if not running:  # it has not begun: nothing to stop, so nothing to wait for
            self._settle(call, self._timed_out(call, "it was still waiting for earlier calls"))
        self._interrupt(call)

    def give_up(self, call: Call) -> None:
        """Stop a call that nobody waits for any more."""
        if call.deadline is not None:
            call.deadline.cancel()
        self._interrupt(call)

    @property
    def running(self) -> int | None:
        """Number of the call that runs."""
        return next(iter(self._sent), None)

    @property
    def _running(self) -> Call | None:
        return next(iter(self._sent.values()), None)

    def _interrupt(self, call: Call) -> None:
        if call.number not in self._sent:
            self._queue.remove(call)
            return
        if self._channel is None:
            return
        self._channel.order(Order.INTERRUPT, call.number)
        if self._running is call:
            if not self._interruptible and self._hosting is None:
                self._end_for(call)
                return
            if self._hosting == call.number:
                self._stop_asking()
                self.answer_host_call(call.number, self._timed_out(call, "the host call was given up"))
            self._arm_killer(call)
        else:
            call.skipped = True

    def _end_for(self, call: Call) -> None:
        """End the worker to stop its guest, which its engine cannot. The plugin is not to blame."""
        if call.expired:
            self._settle(call, self._timed_out(call, f"its worker was ended, since {self.plan.engine} stops no guest"))
        self.spent = True
        self.kill("a call was stopped, and its worker with it")

    def _arm_killer(self, call: Call) -> None:
        if self._killer is None:
            self._killer = self.loop.call_later(self._grace, self._overdue, call)

    def _overdue(self, call: Call) -> None:
        self._killer = None
        if self._running is call:
            if call.expired:
                error = self._timed_out(call, "its worker did not react and was killed")
                if self._interruptible:
                    self._owner.overdue(self, error)
                    self._capsule = error.data.capsule
                self._settle(call, error)
            self.spent = not self._interruptible
            self.kill("a call did not end in time")

    def _timed_out(self, call: Call, detail: str) -> Timeout:
        return Timeout(
            f"{self.plan.plugin_id} {self.plan.version}: {call.label} took longer than {call.timeout * 1000:.0f} ms; "
            + detail,
            plugin_id=self.plan.plugin_id,
            version=self.plan.version,
            cause="timeout",
        )

    # --- what the worker says ---------------------------------------------------------------------------------

    def _message(self, kind: int, number: int, body: bytes) -> None:
        if kind in (Kind.RESULT, Kind.PROCESSED, Kind.ERROR):
            self._answer(kind, number, body)
        elif kind == Kind.HOST_CALL:
            self._host_call(number, body)
        elif kind == Kind.LOG and 0 < len(body) <= MAX_LOG_BYTES:
            self._log(body)
        elif kind == Kind.DROPPED and len(body) == DROPPED.size:
            self._owner.dropped(DROPPED.unpack(body)[0])
        elif kind == Kind.FAULT and len(body) <= MAX_FAULT_BYTES:
            self._end_reason = self._end_reason or f"its worker had a fault of its own: {printable(body)}"
        elif kind == Kind.READY and not self.ready.done():
            self._started(body)
        elif kind == Kind.FAILED and not self.ready.done():
            self.ready.set_exception(self._decode_error(body))
        else:
            self._protocol_fault(f"message of kind {kind} at the wrong time")

    def _answer(self, kind: int, number: int, body: bytes) -> None:
        call = self._running
        if call is None or call.number != number or (kind == Kind.RESULT and call.kind is Kind.PROCESS):
            self._protocol_fault(f"answer to call {number}, which is not the one that runs")
            return
        if kind == Kind.PROCESSED and (call.kind is not Kind.PROCESS or len(body) != PROCESSED.size):
            self._protocol_fault(f"malformed answer to call {number}")
            return
        outcome = self._outcome(call, kind, body)
        if outcome is None:
            return
        del self._sent[number]
        self._sent_bytes -= len(call.body)
        if self._hosting == number:  # it did not wait for the answer to its host call
            self._hosting = None
            self._stop_asking()
        if self._killer is not None:
            self._killer.cancel()
            self._killer = None
        self._settle(call, outcome)
        ran = self._ran(call, outcome.data.kind if isinstance(outcome, PlugindError) else OK)
        self._go_on()
        if isinstance(outcome, _BROKE):
            self._fatal = ran
            self._owner.trapped(self, outcome)
            self._fatal = None
        if call.counts and not (call.skipped and isinstance(outcome, Timeout)):
            self._trail.add(ran)

    def _go_on(self) -> None:
        """Send what waits, once the call that ran is over."""
        if self.demoted:
            self._long_runs.over(self)
        while self._queue and self._may_send(self._queue.first().body):
            self._send(self._queue.pop())
        running = self._running
        if running is not None and running.done():
            self._arm_killer(running)  # given up while it waited: the worker has to skip it

    def evidence(self) -> Evidence:
        """Return what is known of what it did; to be asked when the owner learns that something went wrong."""
        return self._trail.evidence(self._fatal)

    @property
    def exit_status(self) -> int | None:
        """Its exit code, or minus the number of the signal that ended it; None while it runs."""
        return self._child.exited.result() if self._child.exited.done() else None

    def _ran(self, call: Call, outcome: str) -> Ran:
        seconds = time.perf_counter() - call.began
        return Ran(call.kind, call.label, call.body, len(call.body), seconds, call.timeout, outcome, call.asked)

    def _outcome(self, call: Call, kind: int, body: bytes) -> bytes | PlugindError | None:
        if kind == Kind.ERROR:
            return self._failure(call, body)
        if kind == Kind.PROCESSED:
            return body
        try:
            check_text(body)
        except RecursionError:
            return TooLarge(f"{self.plan.plugin_id} {self.plan.version}: the result of {call.label} is nested too deep")
        except ValueError as exc:
            self._protocol_fault(f"result of call {call.number}: {exc}")
            return None
        return body

    def _log(self, body: bytes) -> None:
        if self._logs.take(self.loop.time()):
            self._owner.logged(body[0], body[1:].decode(errors="replace"))
        else:
            self._owner.dropped(1)
            if self._channel is not None:
                self._channel.rest(_RUDE_SECONDS)

    def _settle(self, call: Call, outcome: bytes | PlugindError) -> None:
        if call.deadline is not None:
            call.deadline.cancel()
        if call.held:
            return
        if call.ending is not None:
            late = call.expired and not isinstance(outcome, PlugindError)
            call.held = True
            call.ending(self._timed_out(call, "it ended too late") if late else outcome)
        else:
            self.finish(call, outcome)

    def finish(self, call: Call, outcome: bytes | PlugindError) -> None:
        """Let whoever called see the outcome."""
        if call.done():
            return
        if call.counts:
            self._meter.call(time.perf_counter() - call.began, failed=isinstance(outcome, PlugindError))
        if isinstance(outcome, PlugindError):
            call.set_exception(outcome)
        else:
            if call.kind is Kind.PROCESS:
                self._meter.frame(PROCESSED.unpack(outcome)[1])
            call.set_result(outcome)

    def _host_call(self, number: int, body: bytes) -> None:
        running = self._running
        if running is None or running.number != number or self._hosting is not None:
            self._protocol_fault(f"host call during call {number}, which does not run")
            return
        if self._channel is not None and self._channel.more:
            self._protocol_fault(f"host call during call {number} that does not wait for its answer")
            return
        try:
            method, params = split_name(body)
            check_text(params)
        except RecursionError:
            self._hosting = number
            self.answer_host_call(number, TooLarge("the params of the host call are nested too deep"))
            return
        except ValueError as exc:
            self._protocol_fault(f"host call: {exc}")
            return
        self._hosting = number
        self._meter.host_calls += 1
        if running.asked is None:
            running.asked = Asked()
        running.asked.add(method, params)
        if running.done() or running.expired:
            self.answer_host_call(number, self._timed_out(running, "the call was given up"))
        elif (wait := self._host_calls.reserve(self.loop.time())) > 0:
            self.loop.call_later(wait, self._ask, number, method, params)
        else:
            self._ask(number, method, params)

    def _ask(self, number: int, method: bytes, params: bytes) -> None:
        if self._hosting == number and self.alive:
            self._asking = self._owner.host_call(self, number, method, params)

    def _stop_asking(self) -> None:
        """Let nobody work any more on the answer to a host call."""
        if self._asking is not None:
            self._asking.cancel()
            self._asking = None

    def _started(self, body: bytes) -> None:
        try:
            ready = msgspec.json.decode(body, type=Ready)
        except msgspec.DecodeError as exc:
            self._protocol_fault(f"ready message: {exc}")
            return
        if scheduling.has_thread(self.pid, ready.thread):
            self.thread = ready.thread
        self.ready.set_result(ready)

    def _failure(self, call: Call, body: bytes) -> PlugindError:
        error = self._decode_error(body)
        # A guest may have got the answer to its host call before its worker saw the interrupt, and passed it on.
        late = isinstance(error, Timeout) or (call.expired and isinstance(error, PluginError))
        return self._timed_out(call, "it was stopped") if late else error

    def _decode_error(self, body: bytes) -> PlugindError:
        try:
            error = from_object(_error_decoder.decode(body))
        except msgspec.DecodeError as exc:
            self._protocol_fault(f"error message: {exc}")
            return self._crashed("its worker broke the protocol", cause="protocol")
        plan, kind = self.plan, type(error).__name__  # whose error it is, we know better
        error.data = msgspec.structs.replace(
            error.data, kind=kind, plugin_id=plan.plugin_id, version=plan.version, capsule=None
        )
        return error

    def _protocol_fault(self, what: str) -> None:
        self._end_reason = f"its worker broke the protocol: {what}"
        if self._channel is not None:
            self._channel.fail(self._end_reason)

    # --- its end ----------------------------------------------------------------------------------------------

    async def stop(self) -> None:
        """End the worker; calls in flight are answered WorkerCrashed. Returns when it was reaped."""
        self._stopping = True
        if not self._interruptible and self._sent:
            self._child.signal(ends.KILL)  # while its guest computes, it does not see the channel's end
        if self._channel is not None:
            self._channel.close()
        await asyncio.shield(self.gone)

    def kill(self, reason: str) -> None:
        """Kill the worker at once, as if it had crashed."""
        self._end_reason = self._end_reason or reason
        self.killed = True
        self._child.signal(ends.KILL)

    def _lost(self, fault: str | None) -> None:
        self._channel = None
        self._stop_asking()
        self._end_reason = self._end_reason or fault
        if (running := self._running) is not None and running.counts:
            stopped = running.expired or (running.done() and running.cancelled())
            self._fatal = self._ran(running, Timeout.__name__ if stopped else LOST)
        self._child.lost(busy=any(call.counts for call in self._sent.values()) or not self.ready.done())
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
        reason = self._end_reason or self._status()
        error = self._crashed(reason, cause="protocol" if fault else self._cause())
        error.data.capsule = self._capsule
        for timer in (self._killer, *(call.deadline for call in (*self._sent.values(), *self._queue))):
            if timer is not None:
                timer.cancel()
        for call in (*self._sent.values(), *self._queue):
            self._settle(call, error)
        self._sent.clear()
        self._queue.clear()
        if not self.ready.done():
            self.ready.set_exception(error)
            self.ready.exception()  # somebody may have stopped waiting
        self._owner.ended(self, error, expected=self._stopping)
        self.gone.set_result(None)

    def _cause(self) -> str:
        return "limit" if self._child.exited.done() and self._child.exited.result() in ends.SPENT else "crash"

    def _status(self) -> str:
        verdict = self._child.verdict
        worker = "its worker"
        if verdict.shared_with:
            worker += f", shared with {', '.join(verdict.shared_with)},"
        if not self._child.exited.done():
            return f"{worker} closed its channel and could not be reaped"
        if verdict.killed_for not in (None, self.plan.plugin_id):
            return f"{worker} was killed because of {verdict.killed_for}"
        code = self._child.exited.result()
        during = f" during a call of {' and '.join(verdict.running)}" if verdict.running else ""
        if code in ends.SPENT:
            return f"{worker} has used up its processor time (cpuSeconds){during}"
        if code >= 0:
            return f"{worker} exited with status {code}{during}"
        try:
            name = signal.Signals(-code).name
        except ValueError:
            return f"{worker} was killed by signal {-code}{during}"
        return f"{worker} was killed by {name}{_MEANINGS.get((self.plan.engine, name), '')}{during}"

    def _crashed(self, reason: str, *, cause: str = "crash") -> WorkerCrashed:
        return WorkerCrashed(
            f"{self.plan.plugin_id} {self.plan.version}: {reason}",
            plugin_id=self.plan.plugin_id,
            version=self.plan.version,
            cause=cause,
        )


def _host_call_rate(limits: Limits) -> TokenBucket:
    rate = limits.host_calls_per_second or 1_000_000
    return TokenBucket(rate, rate)


def _log_rate(limits: Limits) -> TokenBucket:
    """Bound what a worker may log that keeps no rate of its own; one that does is below it however late we read."""
    rate = limits.log_messages_per_second or MAX_LOG_RATE
    return TokenBucket(rate, 4 * rate)


def printable(text: bytes) -> str:
    """Decode words of a worker's, which may be anybody's by then, for a log or a terminal."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text.decode(errors="replace"))
