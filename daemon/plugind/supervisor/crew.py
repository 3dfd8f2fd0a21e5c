"""The workers of one plugin among which the frames of its stateless effects are shared out.

The first worker is the plugin's own and not kept here. Further ones, the *helpers*, are started when a frame finds all
of them busy, and ended when none has come for a while. Nothing of a plugin's state is theirs: they run frames, no more.
"""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Iterable
from typing import Final, TypeAlias

import msgspec

from plugind.supervisor.worker import Worker
from plugind_protocol.errors import PlugindError, WorkerCrashed

HELPERS_PER_CORE: Final = 4
"""Helpers of all plugins together, by core: more would not make anything faster."""


def processors() -> int:
    """Return how many processors this process may use."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Helper(msgspec.Struct, frozen=True):
    """A worker that runs frames only."""

    worker: Worker
    effects: frozenset[str]
    """Ids of the effects that it has registered, and can run."""


Start: TypeAlias = Callable[[], Awaitable[Helper]]


class Seats:
    """How many helpers all plugins have together, and may have.

    Args:
        total: Most of them.
    """

    def __init__(self, total: int) -> None:
        self._free = total

    def take(self) -> bool:
        """Take a seat, if one is free."""
        if self._free <= 0:
            return False
        self._free -= 1
        return True

    def give_back(self) -> None:
        """Give a seat back."""
        self._free += 1


class Crew:
    """The helpers of one plugin.

    Args:
        start: Starts one that has all open windows.
        allowed: Returns how many there may be now.
        seats: Bounds the helpers of all plugins.
        idle_seconds: After so long without a frame they are ended.
        warn: Told in words why an effect is not run by helpers.
    """

    def __init__(
        self,
        start: Start,
        *,
        allowed: Callable[[], int],
        seats: Seats,
        idle_seconds: float,
        warn: Callable[[str], None],
    ) -> None:
        self._start = start
        self._allowed = allowed
        self._seats = seats
        self._idle_seconds = idle_seconds
        self._warn = warn
        self._loop = asyncio.get_running_loop()
        self._helpers: list[Helper] = []
        self._starting: asyncio.Task[None] | None = None
        self._unfit: set[str] = set()  # effects that helpers do not have
        self._last_frame = 0.0
        self._timer: asyncio.TimerHandle | None = None

    @property
    def workers(self) -> list[Worker]:
        """Those that take frames now."""
        return [helper.worker for helper in self._helpers if helper.worker.alive]

    def pick(self, first: Worker, effect_id: str) -> Worker:
        """Choose who runs a frame of a stateless effect: whoever has least to do, the plugin's own before others.

        Where all have something to do, another helper is started for the frames to come.

        Args:
            first: The plugin's own worker.
            effect_id: The effect.
        """
        able = [helper.worker for helper in self._helpers if helper.worker.alive and effect_id in helper.effects]
        chosen = min((first, *able), key=_load)
        if _load(chosen) and effect_id not in self._unfit:
            self._reinforce(effect_id)
        self._last_frame = self._loop.time()
        return chosen

    async def dismiss(self) -> None:
        """End all helpers; frames on them are answered WorkerCrashed. Returns when they are gone."""
        if self._starting is not None:  # it is there in a moment, and easier to end then
            await asyncio.wait({self._starting})
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._unfit.clear()
        await self._end(self._helpers)

    async def drained(self) -> None:
        """Wait until all frames on helpers are answered."""
        for worker in self.workers:
            await worker.drained()

    def _reinforce(self, effect_id: str) -> None:
        if self._starting is not None or len(self.workers) >= self._allowed() or not self._seats.take():
            return
        self._starting = self._loop.create_task(self._add(effect_id))

    async def _add(self, effect_id: str) -> None:
        try:
            helper = await self._start()
        except PlugindError as exc:
            self._seats.give_back()
            if not isinstance(exc, WorkerCrashed):  # such a one counts, and is tried again after a pause
                self._unfit.add(effect_id)
            self._warn(f"{effect_id} runs on one worker: another one does not start: {exc.message}")
        except BaseException:
            self._seats.give_back()
            raise
        else:
            self._take(helper, effect_id)
        finally:
            self._starting = None

    def _take(self, helper: Helper, effect_id: str) -> None:
        helper.worker.gone.add_done_callback(lambda _: self._gone(helper))
        self._helpers.append(helper)
        if effect_id not in helper.effects:
            self._unfit.add(effect_id)
            self._warn(f"{effect_id} runs on one worker: lifecycle.load alone does not register it")
        if self._timer is None:
            self._timer = self._loop.call_later(self._idle_seconds, self._look)

    def _gone(self, helper: Helper) -> None:
        self._seats.give_back()
        if helper in self._helpers:
            self._helpers.remove(helper)

    def _look(self) -> None:
        """End the helpers if no frame has come for a while, else look again when that may be so."""
        self._timer = None
        left = self._last_frame + self._idle_seconds - self._loop.time()
        if not self._helpers:
            return
        if left > 0 or any(_load(worker) for worker in self.workers):
            self._timer = self._loop.call_later(max(left, self._idle_seconds / 4), self._look)
            return
        ending = self._loop.create_task(self._end(self._helpers))
        ending.add_done_callback(lambda task: task.result())

    @staticmethod
    async def _end(helpers: Iterable[Helper]) -> None:
        await asyncio.gather(*(helper.worker.stop() for helper in tuple(helpers)))


def _load(worker: Worker) -> int:
    return worker.unanswered
