"""What a worker is given to do: calls, hooks, frames and their windows, limits; and how far it is with that."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Final

import msgspec

from plugind.policy.plan import LaunchPlan
from plugind.supervisor.allowance import Allowance
from plugind.supervisor.answers import Answers
from plugind.supervisor.asking import Asking
from plugind.supervisor.call import Call
from plugind.supervisor.calls import Calls
from plugind.supervisor.house import Home
from plugind.supervisor.logs import MAX_LOG_RATE, Logs
from plugind.supervisor.long_runs import LongRuns
from plugind.supervisor.meter import Meter
from plugind_protocol.manifest import Limits
from plugind_protocol.worker import PROCESS, Kind, LiveLimits, Order, Window

_CALL: Final = Kind.CALL  # members of an enum are slow to look up
_PROCESS: Final = Kind.PROCESS

_encoder: Final = msgspec.json.Encoder()


class Tasks:
    """The near half of `plugind.supervisor.worker.Worker`, which see for the arguments.

    It is inherited and not called, since one more call for each call of a plugin's would cost as much as what it does.
    """

    def __init__(
        self,
        plan: LaunchPlan,
        child: Home,
        *,
        meter: Meter,
        long_runs: LongRuns,
        max_queued: int,
    ) -> None:
        self.plan = plan
        self.alive = False
        """Whether it takes calls."""
        self.parked = False
        """Whether it has given memory back, and nothing to do since."""
        self.thread = child.pid
        """Which runs the guest."""
        self.demoted = False
        """Whether it computes behind the others' back; see `plugind.supervisor.long_runs`."""
        self._child = child
        self._end_reason: str | None = None
        self._on_busy: Callable[[], object] = partial(long_runs.watch, self)
        self._calls = Calls(
            (plan.plugin_id, plan.version),
            meter=meter,
            max_queued=max_queued,
            on_busy=self._on_busy,
            on_due=self._expire,
            give_up=self._give_up,
        )
        self._submit = self._calls.submit
        self._asking = Asking(self._calls, plan.limits, meter=meter, ask=self._ask)
        self._answers = Answers(plan.plugin_id, plan.version)
        self._logs = Logs(plan.limits)
        self._memory = Allowance(child, plan.limits)

    def kill(self, reason: str) -> None:
        """Kill the worker at once, as if it had crashed."""
        raise NotImplementedError

    def _expire(self, call: Call) -> None:
        raise NotImplementedError

    def _give_up(self, call: Call) -> None:
        raise NotImplementedError

    def _ask(self, number: int, method: bytes, params: bytes) -> "asyncio.Future[None] | None":
        raise NotImplementedError

    def check_alive(self) -> None:
        """Make sure that it takes calls.

        Raises:
            WorkerCrashed: It is gone, or stopping.
        """
        if not self.alive:
            raise self._answers.crashed(self._end_reason or "its worker is gone")

    def call(self, function: str, args: bytes | msgspec.Raw, timeout: float, lane: int = 0) -> Call:
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
        return self._submit(_CALL, function.encode(), bytes(args), function, timeout, lane)

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
        self._memory.open(window)
        channel = self._calls.channel
        if channel is not None and not channel.order(Order.WINDOW, window.window, descriptor):
            self.kill("it does not read its control socket")
        return self._order(Kind.WINDOW_OPEN, window, label="frames.open", timeout=timeout)

    def close_window(self, window: Window, *, timeout: float) -> Call:
        """Take a window of frames away from the guest."""
        self._memory.close(window.window)
        return self._order(Kind.WINDOW_CLOSE, window, label="frames.close", timeout=timeout)

    def has_window(self, number: int) -> bool:
        """Whether a window was given to it."""
        return self._memory.has(number)

    def ping(self, *, timeout: float) -> Call:
        """Ask an idle worker whether it still answers; one that does not is killed."""
        return self._order(Kind.PING, None, label="the health probe", timeout=timeout)

    def park(self, *, timeout: float) -> Call:
        """Let an idle worker give back memory that it does not need; one that does not answer is killed."""
        call = self._order(Kind.PARK, None, label="parking", timeout=timeout)
        self.parked = True
        return call

    def limit(self, limits: Limits, *, timeout: float) -> Call:
        """Change the limits of the running worker; those that only count at its start stay as they are."""
        self.check_alive()
        self._child.limit(limits)
        self._memory.limit(limits)
        self._asking.limit(limits)
        self._logs.limit(limits)
        live = LiveLimits(
            memory_bytes=self._memory.memory_bytes,
            log_messages_per_second=limits.log_messages_per_second or MAX_LOG_RATE,
        )
        return self._order(Kind.LIMITS, live, label="plugins.setResourceLimits", timeout=timeout)

    def _order(self, kind: Kind, body: msgspec.Struct | None, *, label: str, timeout: float) -> Call:
        self.check_alive()
        return self._submit(kind, None, b"" if body is None else _encoder.encode(body), label=label, timeout=timeout)

    # --- what it has to do ------------------------------------------------------------------------------------

    @property
    def unanswered(self) -> int:
        """How many calls it was given and has not answered."""
        return self._calls.unanswered

    @property
    def idle(self) -> bool:
        """Whether it takes calls and has none."""
        return self.alive and self._calls.running is None

    @property
    def running(self) -> int | None:
        """Number of the call that runs."""
        running = self._calls.running
        return None if running is None else running.number

    @property
    def given(self) -> int:
        """Changes with everything that it is given to do."""
        return self._calls.given

    async def drained(self) -> None:
        """Wait until its calls are answered; each is at its deadline at the latest."""
        while waiting := [call for call in self._calls if not call.done()]:
            await waiting[-1].over()

    def tell_when_used(self, told: Callable[[], None]) -> None:
        """Tell somebody once, when it is given something to do that has nothing to do; costs nothing until then."""

        def used() -> None:
            self._calls.on_busy = self._on_busy
            self.parked = False
            told()
            self._on_busy()

        self._calls.on_busy = used

    def call_of(self, number: int) -> Call | None:
        """Return the call of a number, while the worker has it."""
        return self._calls.sent(number)
