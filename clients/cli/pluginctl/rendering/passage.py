"""Frames on their way through the plugin: several at once, passed on in their order, tried again when one is lost."""

import time
from collections.abc import Awaitable, Callable
from typing import NamedTuple, Protocol, TypeAlias

import anyio
import msgspec

from pluginctl.rendering.job import Job
from pluginctl.rendering.tally import Tally
from plugind_client import AsyncClient
from plugind_protocol.errors import WorkerCrashed
from plugind_protocol.methods import FrameRef, ProcessResult


class Passed(NamedTuple):
    """What came back for one frame."""

    result: ProcessResult
    round_trip: float
    """Seconds from request to answer, of the last attempt."""


Then: TypeAlias = Callable[[Passed], Awaitable[None]]


class Spawn(Protocol):
    """Runs something beside what runs; what it raises ends the rendering."""

    def __call__(self, work: Callable[..., Awaitable[None]], *args: object) -> None:
        """Start it."""


class Passage:
    """The plugin's part of a rendering.

    Args:
        client: A session with the daemon.
        job: What to render.
        params: The effect's parameters as JSON.
        deadline_ms: How long the plugin may take for a frame; None for the daemon's default.
        tally: Where it is counted.
        ahead: How many frames may be with the plugin at once, at least 1.
    """

    def __init__(
        self,
        client: AsyncClient,
        job: Job,
        *,
        params: msgspec.Raw,
        deadline_ms: int | None,
        tally: Tally,
        ahead: int,
    ) -> None:
        self._client, self._job, self._params, self._tally = client, job, params, tally
        self._deadline_ms = deadline_ms
        self._room = anyio.Semaphore(ahead)
        self._last = anyio.Event()
        self._last.set()

    async def send(self, frame: FrameRef, then: Then, *, spawn: Spawn) -> None:
        """Send a frame as soon as there is room for it.

        Args:
            frame: Its slots and its time.
            then: Takes what came back, once all frames before this one were taken; there is room only afterwards.
            spawn: Where all of that happens.
        """
        await self._room.acquire()
        before, self._last = self._last, anyio.Event()
        spawn(self._pass, frame, then, before, self._last)

    async def drained(self) -> None:
        """Wait until all frames were taken."""
        await self._last.wait()

    async def _pass(self, frame: FrameRef, then: Then, before: anyio.Event, after: anyio.Event) -> None:
        passed = await self._process(frame)
        await before.wait()
        self._tally.done(passed.result)
        await then(passed)
        after.set()
        self._room.release()

    async def _process(self, frame: FrameRef) -> Passed:
        lost_at: float | None = None
        for attempts_left in range(self._job.retries, -1, -1):
            began = self._tally.sent()
            try:
                result = await self._ask(frame, last=not attempts_left)
            finally:
                self._tally.back()
            took = time.perf_counter() - began
            if result is not None:
                break
            learnt_at = self._tally.lost(began)
            lost_at = lost_at or learnt_at
        assert result is not None  # the last attempt raises, or there is something
        if lost_at is not None:
            self._tally.recovery += time.perf_counter() - lost_at
        return Passed(result, took)

    async def _ask(self, frame: FrameRef, *, last: bool) -> ProcessResult | None:
        """Send a frame once; None where its worker was lost, and it is to be tried again."""
        job = self._job
        try:
            result = await self._client.effects_process(
                job.plugin,
                job.effect,
                frame=frame,
                params=self._params,
                deadline_ms=self._deadline_ms,
                fallback=job.fallback,
            )
        except WorkerCrashed:
            if last:
                raise
            return None
        lost = result.degraded and result.degraded.kind == WorkerCrashed.__name__
        return None if lost and not last else result
