"""Stops the guest of one worker: who is late or given up is interrupted, and a worker that does not react is killed."""

import asyncio
from collections.abc import Callable

from plugind.supervisor.asking import Asking
from plugind.supervisor.call import Call
from plugind.supervisor.calls import Calls
from plugind_protocol.errors import Timeout
from plugind_protocol.worker import Order


class Stopper:
    """What is done about calls that nobody waits for any more.

    Args:
        calls: The worker's calls.
        asking: What its guest asks its host for.
        grace_seconds: From an interrupt to the kill.
        engine: What its engine is called.
        interruptible: Whether that can stop a guest; the worker is killed otherwise, as the only way.
        kill: Kills the worker.
        blame: Told, where the worker is to blame, of the error that its call is answered with.
    """

    def __init__(
        self,
        calls: Calls,
        asking: Asking,
        *,
        grace_seconds: float,
        engine: str,
        interruptible: bool,
        kill: Callable[[str], None],
        blame: Callable[[Timeout], None],
    ) -> None:
        self.spent = False
        """Whether the worker was killed to stop a call, with nothing wrong about it."""
        self._calls = calls
        self._asking = asking
        self._grace = grace_seconds
        self._engine = engine
        self._interruptible = interruptible
        self._kill = kill
        self._blame = blame
        self._loop = asyncio.get_running_loop()
        self._killer: asyncio.TimerHandle | None = None

    def expire(self, call: Call) -> None:
        """Stop a call that was not answered in time."""
        if self._calls.running is not call:  # it has not begun: nothing to stop, so nothing to wait for
            self._calls.settle(call, self._calls.timed_out(call, "it was still waiting for earlier calls"))
        self.give_up(call)

    def give_up(self, call: Call) -> None:
        """Stop a call that nobody waits for any more, or that is late."""
        channel = self._calls.channel
        if not self._calls.forget(call) or channel is None:
            return
        channel.order(Order.INTERRUPT, call.number)
        if self._calls.running is not call:
            call.skipped = True
            return
        if not self._interruptible and self._asking.number is None:
            self._end_for(call)
            return
        if self._asking.number == call.number:
            self._asking.stop()
            self._asking.answer(call.number, self._calls.timed_out(call, "the host call was given up"))
        self._arm(call)

    @property
    def armed(self) -> bool:
        """Whether the call that runs has to end, lest its worker be killed."""
        return self._killer is not None

    def disarm(self) -> None:
        """The call that had to end has ended."""
        if self._killer is not None:
            self._killer.cancel()
            self._killer = None

    def begins(self, call: Call) -> None:
        """A call's turn has come; if it was given up while it waited, the worker has to skip it."""
        if call.done():
            self._arm(call)

    def close(self) -> None:
        """Let go of the worker, which is gone."""
        self.disarm()
        self._kill = self._blame = _nothing

    def _end_for(self, call: Call) -> None:
        """End the worker to stop its guest, which its engine cannot. The plugin is not to blame."""
        self.spent = True
        self._kill("a call was stopped, and its worker with it")
        if call.expired:
            detail = f"its worker was ended, since {self._engine} stops no guest"
            self._calls.settle(call, self._calls.timed_out(call, detail))

    def _arm(self, call: Call) -> None:
        if self._killer is None:
            self._killer = self._loop.call_later(self._grace, self._overdue, call)

    def _overdue(self, call: Call) -> None:
        self._killer = None
        if self._calls.running is not call:
            return
        self.spent = not self._interruptible
        self._kill("a call did not end in time")
        if call.expired:
            error = self._calls.timed_out(call, "its worker did not react and was killed")
            if self._interruptible:
                self._blame(error)
            self._calls.settle(call, error)


def _nothing(_: object) -> None:
    """Take the place of what is done to a worker."""
