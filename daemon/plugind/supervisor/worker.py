"""One worker's life: its calls, their deadlines, its host calls, and its end.

Calls are answered in the order they were sent, so the oldest unanswered call is the one that runs. A deadline or a
cancellation interrupts the running call and skips a waiting one; a worker that does not react within the grace is
killed. Whatever ends the worker, every call gets an answer.
"""

import asyncio
import socket
from collections.abc import Callable
from functools import partial
from typing import Final, Protocol

import msgspec

from plugind.pace import Pace
from plugind.policy.plan import LaunchPlan
from plugind.supervisor import ending, ends, scheduling
from plugind.supervisor.call import Call, Outcome
from plugind.supervisor.calls import Calls, now
from plugind.supervisor.channel import Channel
from plugind.supervisor.distrust import MAX_LOG_BYTES, check_text
from plugind.supervisor.house import Home
from plugind.supervisor.long_runs import LongRuns
from plugind.supervisor.meter import Meter
from plugind.supervisor.trail import LOST, OK, Asked, Evidence, Ran, Trail
from plugind_protocol.errors import (
    ErrorObject,
    MemoryLimit,
    PlugindError,
    PluginError,
    Timeout,
    TooLarge,
    Trap,
    WorkerCrashed,
    from_object,
)
from plugind_protocol.frames import HUGE_PAGE_BYTES
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
)

_REAP_SECONDS: Final = 5.0
_RUDE_SECONDS: Final = 0.02
"""How long nothing is read from a worker that logs faster than its own limit lets it, each time it does."""
_FLOOD_SECONDS: Final = 0.002
"""How long nothing is read from a worker that logs much, each time it does: then there is more to read at once."""
_MUCH_PER_SECOND: Final = 1000.0
_MUCH_AT_ONCE: Final = 64.0
_BROKE: Final = (Trap, MemoryLimit)
"""Answers after which the guest goes on with a fresh instance, through its own fault."""
_CALL: Final = Kind.CALL  # members of an enum are slow to look up
_PROCESS: Final = Kind.PROCESS
_RESULT: Final = int(Kind.RESULT)
_PROCESSED: Final = int(Kind.PROCESSED)
_ERROR: Final = int(Kind.ERROR)
_HOST_CALL: Final = int(Kind.HOST_CALL)
_ANSWERS: Final = (_RESULT, _PROCESSED, _ERROR)

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
        self.alive = False
        """Whether it takes calls."""
        self._channel: Channel | None = None
        self._on_busy: Callable[[], object] = partial(long_runs.watch, self)
        self._calls = Calls(
            (plan.plugin_id, plan.version),
            meter=meter,
            max_queued=max_queued,
            on_busy=self._on_busy,
            on_due=self._expire,
            give_up=self._interrupt,
        )
        self._submit = self._calls.submit
        self._host_calls = _host_call_rate(plan.limits)
        self._logs = _log_rate(plan.limits)
        self._much = TokenBucket(_MUCH_PER_SECOND, _MUCH_AT_ONCE)
        self._memory_bytes = plan.limits.memory_bytes or MAX_MEMORY_BYTES
        self._windows: dict[int, int] = {}  # bytes of each that is open
        self._window_bytes = 0  # most that were open at once
        self._hosting: int | None = None  # the call whose host call is being answered
        self._asking: asyncio.Future[None] | None = None  # what works on that answer
        self._killer: asyncio.TimerHandle | None = None
        self.parked = False
        """Whether it has given memory back, and nothing to do since."""
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
        self._calls.channel = self._channel
        self.alive = not self._stopping and self._end_reason is None

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
        if not self.alive:
            self.check_alive()
        return self._submit(_CALL, function.encode(), bytes(args), label=function, timeout=timeout, lane=lane)

    def hook(self, name: str, *, timeout: float, params: bytes = b"null") -> Call:
        """Run a lifecycle hook; the worker repeats it wherever it has to start the guest afresh."""
        self.check_alive()
        return self._submit(Kind.HOOK, name.encode(), params, label=name, timeout=timeout)

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
        self.check_alive()
        return self._submit(_PROCESS, None, head + bytes(params), label="effects.process", timeout=timeout, lane=lane)

    def open_window(self, window: Window, descriptor: int, *, timeout: float) -> Call:
        """Share a window of frames with the guest."""
        self._windows[window.window] = window.slot_bytes * window.slots + HUGE_PAGE_BYTES
        self._allow_windows()
        if self._channel is not None and not self._channel.order(Order.WINDOW, window.window, descriptor):
            self.kill("it does not read its control socket")
        self.check_alive()
        return self._submit(Kind.WINDOW_OPEN, None, _error_encoder.encode(window), label="frames.open", timeout=timeout)

    def close_window(self, window: Window, *, timeout: float) -> Call:
        """Take a window of frames away from the guest."""
        self._windows.pop(window.window, None)
        self.check_alive()
        return self._submit(
            Kind.WINDOW_CLOSE, None, _error_encoder.encode(window), label="frames.close", timeout=timeout
        )

    def has_window(self, number: int) -> bool:
        """Whether a window was given to it."""
        return number in self._windows

    @property
    def unanswered(self) -> int:
        """How many calls it was given and has not answered."""
        return self._calls.unanswered

    @property
    def idle(self) -> bool:
        """Whether it takes calls and has none."""
        return self.alive and self._calls.running is None

    async def drained(self) -> None:
        """Wait until its calls are answered; each is at its deadline at the latest."""
        while waiting := [call for call in self._calls if not call.done()]:
            await waiting[-1].over()

    def ping(self, *, timeout: float) -> Call:
        """Ask an idle worker whether it still answers; one that does not is killed."""
        self.check_alive()
        return self._submit(Kind.PING, None, b"", label="the health probe", timeout=timeout)

    def park(self, *, timeout: float) -> Call:
        """Let an idle worker give back memory that it does not need; one that does not answer is killed."""
        self.check_alive()
        call = self._submit(Kind.PARK, None, b"", label="parking", timeout=timeout)
        self.parked = True
        return call

    def tell_when_used(self, told: Callable[[], None]) -> None:
        """Tell somebody once, when it is given something to do that has nothing to do; costs nothing until then."""

        def used() -> None:
            self._calls.on_busy = self._on_busy
            self.parked = False
            told()
            self._on_busy()

        self._calls.on_busy = used

    @property
    def given(self) -> int:
        """Changes with everything that it is given to do."""
        return self._calls.given

    def limit(self, limits: Limits, *, timeout: float) -> Call:
        """Change the limits of the running worker; those that only count at its start stay as they are."""
        self.check_alive()
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
        return self._submit(
            Kind.LIMITS, None, _error_encoder.encode(live), label="plugins.setResourceLimits", timeout=timeout
        )

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
        return self._calls.sent(number)

    def answer_host_call(self, number: int, result: bytes | msgspec.Raw | PlugindError) -> None:
        """Answer the guest's host call, if the guest still waits for it."""
        if self._hosting != number or self._channel is None:
            return
        self._hosting = None
        failed = isinstance(result, PlugindError)
        text = _error_encoder.encode(result.to_object()) if isinstance(result, PlugindError) else bytes(result)
        self._channel.send(Kind.HOST_ERROR if failed else Kind.HOST_RESULT, number, text)
        if (call := self._calls.running) is not None and call.asked is not None:
            call.asked.answered(text, failed=failed)

    def finish(self, call: Call, outcome: Outcome) -> None:
        """Let whoever called see the outcome that was held back."""
        self._calls.finish(call, outcome)

    # --- deadlines and cancellation ---------------------------------------------------------------------------

    def _expire(self, call: Call) -> None:
        if self._calls.running is not call:  # it has not begun: nothing to stop, so nothing to wait for
            self._calls.settle(call, self._calls.timed_out(call, "it was still waiting for earlier calls"))
        self._interrupt(call)

    @property
    def running(self) -> int | None:
        """Number of the call that runs."""
        running = self._calls.running
        return None if running is None else running.number

    def _interrupt(self, call: Call) -> None:
        """Stop a call that nobody waits for any more, or that is late."""
        if not self._calls.forget(call) or self._channel is None:
            return
        self._channel.order(Order.INTERRUPT, call.number)
        if self._calls.running is call:
            if not self._interruptible and self._hosting is None:
                self._end_for(call)
                return
            if self._hosting == call.number:
                self._stop_asking()
                self.answer_host_call(call.number, self._calls.timed_out(call, "the host call was given up"))
            self._arm_killer(call)
        else:
            call.skipped = True

    def _end_for(self, call: Call) -> None:
        """End the worker to stop its guest, which its engine cannot. The plugin is not to blame."""
        self.spent = True
        self.kill("a call was stopped, and its worker with it")
        if call.expired:
            detail = f"its worker was ended, since {self.plan.engine} stops no guest"
            self._calls.settle(call, self._calls.timed_out(call, detail))

    def _arm_killer(self, call: Call) -> None:
        if self._killer is None:
            self._killer = self.loop.call_later(self._grace, self._overdue, call)

    def _overdue(self, call: Call) -> None:
        self._killer = None
        if self._calls.running is not call:
            return
        self.spent = not self._interruptible
        self.kill("a call did not end in time")
        if call.expired:
            error = self._calls.timed_out(call, "its worker did not react and was killed")
            if self._interruptible:
                self._owner.overdue(self, error)
                self._capsule = error.data.capsule
            self._calls.settle(call, error)

    # --- what the worker says ---------------------------------------------------------------------------------

    def _message(self, kind: int, number: int, body: bytes) -> None:
        if kind in _ANSWERS:
            self._answer(kind, number, body)
        elif kind == _HOST_CALL:
            self._host_call(number, body)
        elif kind == Kind.LOG and 0 < len(body) <= MAX_LOG_BYTES:
            self._log(body)
        elif kind == Kind.DROPPED and len(body) == DROPPED.size:
            self._owner.dropped(DROPPED.unpack(body)[0])
        elif kind == Kind.FAULT and len(body) <= MAX_FAULT_BYTES:
            self._retire(f"its worker had a fault of its own: {printable(body)}")
        elif kind == Kind.READY and not self.ready.done():
            self._started(body)
        elif kind == Kind.FAILED and not self.ready.done():
            self.ready.set_exception(self._decode_error(body))
        else:
            self._protocol_fault(f"message of kind {kind} at the wrong time")

    def _answer(self, kind: int, number: int, body: bytes) -> None:
        call = self._calls.running
        if call is None or call.number != number or (kind == _RESULT and call.kind is _PROCESS):
            self._protocol_fault(f"answer to call {number}, which is not the one that runs")
            return
        if kind == _PROCESSED and (call.kind is not _PROCESS or len(body) != PROCESSED.size):
            self._protocol_fault(f"malformed answer to call {number}")
            return
        outcome = self._outcome(call, kind, body)
        if outcome is None:
            return
        if self._hosting == number:  # it did not wait for the answer to its host call
            self._hosting = None
            self._stop_asking()
        if self._killer is not None:
            self._killer.cancel()
            self._killer = None
        if self.demoted:
            self._long_runs.over(self)
        self._calls.answered(call)
        running = self._calls.running
        if running is not None and running.done():
            self._arm_killer(running)  # given up while it waited: the worker has to skip it
        self._remember(call, outcome)
        self._calls.settle(call, outcome)

    def _remember(self, call: Call, outcome: Outcome) -> None:
        if isinstance(outcome, bytes):
            word = OK
        else:
            word = outcome.data.kind
            if isinstance(outcome, _BROKE):
                self._fatal = self._ran(call, word)
                self._owner.trapped(self, outcome)
                self._fatal = None
            if call.skipped and isinstance(outcome, Timeout):
                return
        if call.counts:
            self._trail.add(
                call.kind, call.label, call.message, now() - call.began, call.timeout, outcome=word, asked=call.asked
            )

    def evidence(self) -> Evidence:
        """Return what is known of what it did; to be asked when the owner learns that something went wrong."""
        return self._trail.evidence(self._fatal)

    @property
    def exit_status(self) -> int | None:
        """Its exit code, or minus the number of the signal that ended it; None while it runs."""
        return self._child.exited.result() if self._child.exited.done() else None

    def _ran(self, call: Call, outcome: str) -> Ran:
        body, seconds = call.body, now() - call.began
        return Ran(call.kind, call.label, body, len(body), seconds, call.timeout, outcome, call.asked)

    def _outcome(self, call: Call, kind: int, body: bytes) -> Outcome | None:
        if kind == _ERROR:
            return self._failure(call, body)
        if kind == _PROCESSED:
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
        at = self.loop.time()
        if self._logs.take(at):
            self._owner.logged(body[0], body[1:].decode(errors="replace"))
            rest = 0.0 if self._much.take(at) else _FLOOD_SECONDS
        else:
            self._owner.dropped(1)
            rest = _RUDE_SECONDS
        if rest and self._channel is not None:
            self._channel.rest(rest)
            self.demoted = self.demoted or scheduling.compute(self.thread)

    def _host_call(self, number: int, body: bytes) -> None:
        running = self._calls.running
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
            self.answer_host_call(number, self._calls.timed_out(running, "the call was given up"))
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
        scheduling.answer(self.thread)
        self.ready.set_result(ready)

    def _failure(self, call: Call, body: bytes) -> PlugindError:
        error = self._decode_error(body)
        # A guest may have got the answer to its host call before its worker saw the interrupt, and passed it on.
        late = isinstance(error, Timeout) or (call.expired and isinstance(error, PluginError))
        return self._calls.timed_out(call, "it was stopped") if late else error

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
        self._end_reason = None  # the last one says more
        self._retire(reason := f"its worker broke the protocol: {what}")
        if self._channel is not None:
            self._channel.fail(reason)

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

    def _hurry_no_more(self) -> None:
        """Let others run before it: nobody waits for the memory that its end gives back."""
        if not self._child.exited.done():
            scheduling.compute(self.thread)

    def _retire(self, reason: str) -> None:
        """Take no more calls, for the first reason that there is."""
        self._end_reason = self._end_reason or reason
        self.alive = False

    def _lost(self, fault: str | None) -> None:
        self._channel = self._calls.channel = None
        self.alive = False
        self._stop_asking()
        self._end_reason = self._end_reason or fault
        if (running := self._calls.running) is not None and running.counts:
            stopped = running.expired or (running.done() and running.cancelled())
            self._fatal = self._ran(running, Timeout.__name__ if stopped else LOST)
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
        error = self._crashed(reason, cause="protocol" if fault else ending.cause(status))
        error.data.capsule = self._capsule
        if self._killer is not None:
            self._killer.cancel()
        calls = self._calls.clear()
        if not self.ready.done():
            self.ready.set_exception(error)
            self.ready.exception()  # somebody may have stopped waiting
        self._owner.ended(self, error, expected=self._stopping)
        for call in calls:
            self._calls.settle(call, error)
        self._calls.close()
        self._on_busy = _nothing  # it held us, and so what our calls were sent until the next whole garbage collection
        self.gone.set_result(None)

    def _crashed(self, reason: str, *, cause: str = "crash") -> WorkerCrashed:
        return WorkerCrashed(
            f"{self.plan.plugin_id} {self.plan.version}: {reason}",
            plugin_id=self.plan.plugin_id,
            version=self.plan.version,
            cause=cause,
        )


def _nothing() -> None:
    """Take the place of what was called of a worker."""


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
