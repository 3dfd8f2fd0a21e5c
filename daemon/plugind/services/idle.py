"""Looks after workers that have nothing to do: asks whether they still answer, parks them, ends them where that is set.

Each of it happens once after a worker's last call, and again only after it was called again: a worker that rests is not
woken, however long. One timer serves all plugins, and there is none while all rest. What a step does to a worker is
`plugind.services.life`'s.
"""

import enum
import time
from collections.abc import Callable, Collection
from typing import Final, Protocol

import anyio
import msgspec

from plugind.supervisor.worker import Worker

now: Final = time.monotonic
_EARLY: Final = 0.1
"""A step may come earlier by this part of its time, so that one look serves many plugins."""


class Step(enum.IntEnum):
    """What is done to an idle worker, in this order; each includes what is done by those before."""

    PROBE = 1
    """Ask it whether it still answers; one that does not is killed and replaced."""
    PARK = 2
    """Let it give memory back; it has to answer as well."""
    END = 3
    """End it; the next call, event or frame brings it back."""


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """How long a worker must have been idle for each step, in s; None for never."""

    probe: float
    park: float
    end: float | None

    def after(self, step: Step) -> float | None:
        """Return the time of a step."""
        return {Step.PROBE: self.probe, Step.PARK: self.park, Step.END: self.end}[step]


def due(idle: float, done: Step | None, *, policy: Policy) -> Step | None:
    """Decide what is to be done to a worker now.

    Args:
        idle: How long it has been idle, in s.
        done: The last step that was done.
        policy: When each is due.

    Returns:
        The furthest step whose time has come and that was not done; None for nothing.
    """
    times = ((step, policy.after(step)) for step in reversed(Step))
    step = next((step for step, after in times if after is not None and idle >= after * (1 - _EARLY)), None)
    return step if step is not None and (done is None or step > done) else None


def wait(idle: float, done: Step | None, *, policy: Policy) -> float | None:
    """Tell how long it takes until the next step of a worker is due, in s; None if there is none.

    Args:
        idle: How long it has been idle, in s.
        done: The last step that was done.
        policy: When each is due.
    """
    left = (policy.after(step) for step in Step if done is None or step > done)
    return min((max(0.0, after - idle) for after in left if after is not None), default=None)


class Resting(Protocol):
    """A plugin, as far as this module looks at it."""

    @property
    def worker(self) -> Worker | None:
        """Its worker, if it has one."""

    async def rest(self, worker: Worker, step: Step) -> bool:
        """Do one step to a worker; False when it was given something to do meanwhile."""


class _Seen:
    """An idle worker, and since when.

    Args:
        worker: It.
        given: How many calls it had been given by then.
        at: When that was noticed.
    """

    def __init__(self, worker: Worker, given: int, at: float) -> None:
        self.worker = worker
        self.given = given
        self.at = at
        self.done: Step | None = None


class IdleWatch:
    """The one timer.

    Args:
        plugins: All plugins.
        policy: When each step is due.
    """

    def __init__(self, plugins: Callable[[], Collection[Resting]], policy: Policy) -> None:
        self._plugins = plugins
        self._policy = policy
        self._seen: dict[Resting, _Seen] = {}
        self._used = anyio.Event()

    def used(self) -> None:
        """A worker was started, or one that rested was given something to do."""
        self._used.set()

    async def watch(self) -> None:
        """Do what is due, whenever it is; never returns."""
        while True:
            self._used = anyio.Event()
            seconds = await self._look()
            with anyio.move_on_after(seconds) if seconds is not None else anyio.CancelScope():
                await self._used.wait()

    async def _look(self) -> float | None:
        """Do what is due; return when to look again, in s from now, and None for not before a worker is used."""
        at = now()
        running = {plugin: worker for plugin in self._plugins() if (worker := plugin.worker) is not None}
        self._seen = {plugin: seen for plugin, seen in self._seen.items() if running.get(plugin) is seen.worker}
        async with anyio.create_task_group() as tasks:
            for plugin, worker in running.items():
                seen = self._seen.get(plugin)
                if seen is None or not worker.idle or worker.given != seen.given:
                    self._seen[plugin] = _Seen(worker, worker.given, at)
                elif (step := due(at - seen.at, seen.done, policy=self._policy)) is not None:
                    tasks.start_soon(self._rest, plugin, seen, step)
        left = (wait(now() - seen.at, seen.done, policy=self._policy) for seen in self._seen.values())
        return min((seconds for seconds in left if seconds is not None), default=None)

    async def _rest(self, plugin: Resting, seen: _Seen, step: Step) -> None:
        worker = seen.worker
        if await plugin.rest(worker, step):  # else it was given something to do, and is seen anew
            seen.done, seen.given = step, worker.given
            worker.tell_when_used(self.used)
