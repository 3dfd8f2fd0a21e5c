"""The ``effects.*`` methods: effects run on frames that client and worker share."""

import asyncio
from collections.abc import Callable
from typing import Final

import msgspec

from plugind.host.effects import EffectRegistry
from plugind.rpc.session import Session
from plugind.services.catalog import Catalog
from plugind.services.fallbacks import FAILURES, fall_back
from plugind.services.frameorder import Turn, carrier
from plugind.services.frames import FramesService, Opened
from plugind.services.order import Order
from plugind.services.plugins import timeout_seconds
from plugind.services.runtime import Runtime
from plugind.supervisor.call import Call
from plugind.supervisor.worker import Worker
from plugind_protocol.errors import ErrorObject, InvalidParams, PlugindError, PluginError, Timeout
from plugind_protocol.methods import Effect, EffectsList, Process, ProcessResult, State
from plugind_protocol.worker import PROCESSED

_encoder: Final = msgspec.json.Encoder()


class EffectsService:
    """Answers ``effects.*``.

    Args:
        catalog: The installed plugins.
        effects: What they registered.
        frames: The open windows.
        order: Brings plugins up after what they need.
    """

    def __init__(self, catalog: Catalog, effects: EffectRegistry, frames: FramesService, *, order: Order) -> None:
        self._order = order
        self._catalog = catalog
        self._effects = effects
        self._frames = frames

    async def list(self, _session: Session, params: EffectsList) -> list[Effect]:
        """List effects; a plugin that is named is activated first."""
        if params.plugin_id is not None and (runtime := self._catalog.get(params.plugin_id)).state is not State.ACTIVE:
            await self._order.up(runtime, State.ACTIVE)
        return self._effects.list(params.plugin_id)

    def process(self, session: Session, params: Process) -> "_Answer | asyncio.Future[bytes]":
        """Run an effect on one frame; no task where nothing has to be waited for, nor done afterwards.

        Raises:
            InvalidParams: The params name slots that are not there.
            PluginNotFound: It is not installed.
            FunctionNotFound: It has no such effect.
        """
        runtime = self._catalog.get(params.plugin_id)
        timeout = timeout_seconds(params.deadline_ms, runtime)
        opened, source, target = self._frames.find(session, runtime, params.frame)
        if params.fallback == "bypass" and source == target:
            raise InvalidParams(
                "in place, nothing is left of the input that could go through unchanged",
                hint="Give another slot for the output, or another fallback.",
                path="$.fallback",
            )
        turn = opened.turns.take(source, target)
        if (call := self._at_once(opened, params, turn, timeout, session.number)) is not None:
            return _Answer(call, opened, turn, params.effect_id)
        run = _Run(self, opened, params, turn, until=asyncio.get_running_loop().time() + timeout, lane=session.number)
        task = asyncio.ensure_future(run.answer())
        task.add_done_callback(lambda _: opened.turns.end(turn))
        return task

    def _at_once(self, opened: Opened, params: Process, turn: Turn[Worker], timeout: float, lane: int) -> Call | None:
        """Send a frame that nothing is in the way of; None where something is."""
        runtime = opened.runtime
        worker = runtime.worker
        if worker is None or not worker.alive or runtime.state is not State.ACTIVE:
            return None
        if params.fallback != "fail" or opened.turns.before(turn) or opened.good.endangered(turn.target):
            return None
        try:
            handle, parallel = self.handle(params)
            turn.worker = chosen = runtime.crew.pick(worker, params.effect_id) if parallel else worker
            return send(chosen, handle, params, turn, timeout=timeout, lane=lane)
        except PlugindError:
            opened.turns.end(turn)
            raise

    async def worker(self, runtime: Runtime, *, until: float | None) -> Worker:
        """Return the plugin's own worker, the plugin being active.

        Args:
            runtime: The plugin.
            until: When it must be there, in the loop's time; None to wait as long as it takes.

        Raises:
            Timeout: It was not there in time; it still comes up.
            PlugindError: Why it does not come up.
        """
        worker = runtime.worker
        if worker is not None and worker.alive and runtime.state is State.ACTIVE:
            return worker
        coming = asyncio.ensure_future(self._order.up(runtime, State.ACTIVE))
        if until is None:
            return await coming
        done, _ = await asyncio.wait({coming}, timeout=max(0.0, until - coming.get_loop().time()))
        if not done:
            coming.add_done_callback(lambda task: task.cancelled() or task.exception())
            raise _late(runtime, "its worker is not there yet")
        return coming.result()

    def handle(self, params: Process) -> tuple[int, bool]:
        """Return the handle of a frame's effect, and whether it is stateless.

        Raises:
            FunctionNotFound: The plugin has not registered it.
        """
        handle = self._effects.handle(params.plugin_id, params.effect_id)
        effect = self._effects.get(params.plugin_id, params.effect_id)
        return handle, effect is not None and effect.parallel


class _Run:
    """One frame on its way.

    Args:
        service: Knows workers and effects.
        opened: The frame's window.
        params: What is asked for.
        turn: The frame's place among the others of its window.
        until: When it must be done, in the loop's time.
        lane: Who asks.
    """

    def __init__(
        self,
        service: EffectsService,
        opened: Opened,
        params: Process,
        turn: Turn[Worker],
        *,
        until: float,
        lane: int,
    ) -> None:
        self._service = service
        self._opened = opened
        self._params = params
        self._turn = turn
        self._until = until
        self._lane = lane
        self._ordinal = opened.good.ask()
        self._patient = params.fallback == "fail"
        self._loop = asyncio.get_running_loop()

    async def answer(self) -> bytes:
        """Run the effect; return the result's JSON text.

        Raises:
            PlugindError: It failed, and there is nothing to fall back to.
        """
        params, target = self._params, self._turn.target
        try:
            guest_us = await self._process()
        except FAILURES as error:
            degraded = await fall_back(params, error, good=self._opened.good, source=self._turn.source, target=target)
            return _encoder.encode(ProcessResult(output=target, guest_us=0, degraded=degraded))
        if params.fallback == "lastGood":
            await self._opened.good.made(params.effect_id, self._ordinal, target, in_place=self._turn.source == target)
        return _encoder.encode(ProcessResult(output=target, guest_us=guest_us))

    async def _process(self) -> int:
        """Run the effect; return the µs in the guest."""
        params, turn = self._params, self._turn
        if self._opened.good.endangered(turn.target):
            await self._before()
            await self._opened.good.rescue(turn.target)
        runtime = self._opened.runtime
        worker = await self._worker()
        handle, parallel = self._service.handle(params)
        chosen = None
        if earlier := self._opened.turns.before(turn):
            chosen = carrier(earlier)
            if chosen is None or not chosen.alive or not (parallel or chosen is worker):
                chosen = None
                await self._before()
                worker = await self._worker()
        if chosen is None:
            chosen = runtime.crew.pick(worker, params.effect_id) if parallel else worker
        turn.worker = chosen
        outcome = await send(chosen, handle, params, turn, timeout=self._left(), lane=self._lane)
        return _guest_us(outcome, chosen, params.effect_id)

    async def _worker(self) -> Worker:
        """Return the plugin's own worker; what a client waits for that falls back to nothing does not count."""
        began = self._loop.time()
        worker = await self._service.worker(self._opened.runtime, until=None if self._patient else self._until)
        if self._patient:
            self._until += self._loop.time() - began
        return worker

    async def _before(self) -> None:
        """Wait for the frames that must be answered before this one begins.

        Raises:
            Timeout: They were not, in time.
        """
        for earlier in self._opened.turns.before(self._turn):
            over = self._loop.create_future()
            earlier.waiting.append(lambda over=over: over.done() or over.set_result(None))  # type: ignore[misc]
            done, _ = await asyncio.wait({over}, timeout=self._left())
            if not done:
                raise _late(self._opened.runtime, "it was still waiting for earlier frames in the same slots")

    def _left(self) -> float:
        """Return the seconds until the deadline.

        Raises:
            Timeout: There are none.
        """
        left = self._until - self._loop.time()
        if left <= 0:
            raise _late(self._opened.runtime, "it had not begun")
        return left


class _Answer:
    """The answer to a frame that was sent at once: what its call becomes, without a task.

    Args:
        call: The worker's.
        opened: The frame's window.
        turn: The frame's place in it, which ends with the call.
        effect_id: The effect.
    """

    def __init__(self, call: Call, opened: Opened, turn: Turn[Worker], effect_id: str) -> None:
        self._call = call
        self._turn = turn
        self._effect_id = effect_id
        self._guest_us = 0
        call.add_done_callback(lambda _: opened.turns.end(turn))

    def add_done_callback(self, callback: Callable[["_Answer"], object]) -> None:
        """Call back with this once it is there."""
        self._call.add_done_callback(lambda _: callback(self))

    def cancel(self) -> bool:
        """Give the frame up."""
        return self._call.cancel()

    def cancelled(self) -> bool:
        """Whether it was given up."""
        return self._call.cancelled()

    def exception(self) -> PlugindError | None:
        """Why there is no answer, None where there is one."""
        if error := self._call.exception():
            return error
        assert self._turn.worker is not None
        try:
            self._guest_us = _guest_us(self._call.result(), self._turn.worker, self._effect_id)
        except PluginError as refused:
            return refused
        return None

    def result(self) -> bytes:
        """Return the result's JSON text."""
        if error := self.exception():
            raise error
        return _encoder.encode(ProcessResult(output=self._turn.target, guest_us=self._guest_us))


def send(worker: Worker, handle: int, params: Process, turn: Turn[Worker], *, timeout: float, lane: int) -> Call:
    """Send a frame to a worker."""
    return worker.process(
        handle,
        params.frame.window_id,
        slots=(turn.source, turn.target),
        pts_us=params.frame.pts_us,
        params=params.params,
        timeout=timeout,
        lane=lane,
    )


def _guest_us(outcome: bytes, worker: Worker, effect_id: str) -> int:
    """Return the µs in the guest.

    Raises:
        PluginError: The effect refused the frame.
    """
    code, guest_us = PROCESSED.unpack(outcome)
    if code != 0:
        raise _refused(worker, effect_id, code)
    return int(guest_us)


def _late(runtime: Runtime, detail: str) -> Timeout:
    return Timeout(
        f"{runtime.plugin_id} {runtime.installed.record.version}: effects.process was not done in time; {detail}",
        plugin_id=runtime.plugin_id,
        version=runtime.installed.record.version,
        cause="timeout",
    )


def _refused(worker: Worker, effect_id: str, code: int) -> PluginError:
    return PluginError(
        f"{worker.plan.plugin_id} {worker.plan.version}: effect {effect_id} refused the frame with code {code}",
        plugin_id=worker.plan.plugin_id,
        version=worker.plan.version,
        error=ErrorObject(code, f"effect {effect_id} refused the frame"),
    )
