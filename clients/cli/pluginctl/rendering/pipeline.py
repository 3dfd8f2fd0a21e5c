"""The rendering itself: three stages that overlap, over a ring of slots in one shared window.

While the plugin works on a frame, the next is decoded and the one before encoded, each in a thread. Every frame has a
slot for its input and another for its output, so that it can be tried again when the plugin's worker is lost. More than
one frame is with the plugin at a time: one waits while another is worked on, and a stateless effect is run on several
at once. They are encoded in their order.
"""

import inspect
import os
import time
from collections.abc import Awaitable, Callable
from contextlib import closing
from functools import partial
from typing import Any, Final, NamedTuple, cast

import anyio
import anyio.to_thread
import msgspec
from anyio.abc import ObjectReceiveStream, ObjectSendStream
from av.packet import Packet

from pluginctl.failure import CommandFailed
from pluginctl.rendering.colour import Pixels
from pluginctl.rendering.job import FrameDone, Job, Summary
from pluginctl.rendering.passage import Passage, Passed, Spawn
from pluginctl.rendering.picture import side_by_side, write_png
from pluginctl.rendering.reader import Reader, Timing
from pluginctl.rendering.tally import Tally
from pluginctl.rendering.writer import Writer
from plugind_client import AsyncClient, Disconnected, FrameBuffers
from plugind_protocol.errors import FunctionNotFound, TooLarge
from plugind_protocol.methods import Effect, FrameRef, FrameWindow

BESIDE: Final = 2
"""Frames under way beside those with the plugin: one is decoded, one encoded."""
MOST_WORKERS: Final = 4
"""As many frames of a stateless effect are worked on at once, at most, and no more than there are processors."""

OnFrame = Callable[[FrameDone], Awaitable[None] | None]


class Step(NamedTuple):
    """One frame on its way, or packets without one."""

    place: int | None
    """Which pair of slots holds the frame; None after the last one."""
    timing: Timing
    packets: list["Packet[Any]"]
    """Packets of other streams that came before the frame in the file."""


async def render(client: AsyncClient, job: Job, *, on_frame: OnFrame | None = None) -> Summary:
    """Render a video through an effect.

    Args:
        client: A session with the daemon.
        job: What to render.
        on_frame: Called, and awaited if it is to be, after each frame that came back from the plugin and before the
            next is sent.

    Returns:
        What came of it. The target is there, whole.

    Raises:
        CommandFailed: Source or target cannot be used; nothing is left at the target.
        PlugindError: The plugin failed, or its worker was lost once more than the job allows.
    """
    _check_targets(job)
    effect, params = await check_params(client, job)
    started = time.perf_counter()
    with closing(await anyio.to_thread.run_sync(Reader, job.source)) as reader:
        deadline_ms = job.deadline_ms(reader.rate)
        ahead = frames_ahead(effect, timed=deadline_ms is not None)
        window = await _open_window(client, job, reader, places=ahead + BESIDE)
        try:
            with FrameBuffers(window) as buffers, Writer(job, reader) as writer:
                tally = Tally()
                passage = Passage(
                    client,
                    job,
                    params=params,
                    deadline_ms=deadline_ms,
                    tally=tally,
                    ahead=min(ahead, max(1, len(buffers) // 2 - 1)),
                )
                work = _Rendering(passage, tally, job, buffers=buffers, reader=reader, writer=writer, on_frame=on_frame)
                await work.run()
                await anyio.to_thread.run_sync(work.write_picture)
                await anyio.to_thread.run_sync(writer.commit)
                return work.summary(time.perf_counter() - started, [*reader.notes, *writer.notes])
        finally:
            with anyio.CancelScope(shield=True):
                await _close_window(client, window)


def frames_ahead(effect: Effect, *, timed: bool) -> int:
    """Return how many frames are with the plugin at once.

    Args:
        effect: The effect; if it is stateless, there is one for each processor, and one that waits.
        timed: Whether each frame has a deadline of its own: none waits for another then.
    """
    if timed or not effect.parallel:
        return 1
    return min(os.cpu_count() or 1, MOST_WORKERS) + 1


async def check_params(client: AsyncClient, job: Job) -> tuple[Effect, msgspec.Raw]:
    """Check that the effect is there and knows each parameter given.

    Returns:
        The effect, and the parameters as JSON.

    Raises:
        FunctionNotFound: The plugin has no such effect.
        CommandFailed: A parameter is not one of the effect's.
    """
    effects = {effect.effect_id: effect for effect in await client.effects_list(job.plugin)}
    effect = effects.get(job.effect)
    if effect is None:
        raise FunctionNotFound(
            f"{job.plugin} has no effect {job.effect!r}",
            hint=f"It has: {', '.join(effects)}." if effects else "It has none.",
            plugin_id=job.plugin,
        )
    known = [parameter.name for parameter in effect.parameters]
    if unknown := [name for name in job.params if known and name not in known]:
        raise CommandFailed(f"{job.effect} has no parameter {unknown[0]!r}", hint=f"It has: {', '.join(known)}.")
    return effect, msgspec.Raw(msgspec.json.encode(dict(job.params)))


def _check_targets(job: Job) -> None:
    for path in (job.target, *([] if job.picture is None else [job.picture])):
        if path.exists() and not job.force:
            raise CommandFailed(f"{path} exists already", hint="Use --force to replace it.")
        if path.is_dir() or not path.parent.is_dir():
            raise CommandFailed(f"{path} is not a place for a file", hint="Name a file in a folder that exists.")


async def _open_window(client: AsyncClient, job: Job, reader: Reader, *, places: int) -> FrameWindow:
    """Open a window with two slots for each place of the ring, or for fewer where there is no room."""
    while True:
        try:
            return await client.frames_open(job.plugin, width=reader.width, height=reader.height, slots=2 * places)
        except TooLarge:
            if places == 1:
                raise
            places -= 1


async def _close_window(client: AsyncClient, window: FrameWindow) -> None:
    try:
        await client.frames_close(window.window_id)
    except Disconnected:
        return  # it closed with the connection


class _Rendering:
    """The state of one rendering: its stages, the ring between them, and the figures."""

    def __init__(
        self,
        passage: Passage,
        tally: Tally,
        job: Job,
        *,
        buffers: FrameBuffers,
        reader: Reader,
        writer: Writer,
        on_frame: OnFrame | None,
    ) -> None:
        self._passage, self._tally, self._job, self._window = passage, tally, job, buffers.window
        self._reader, self._writer, self._on_frame = reader, writer, on_frame
        slots = [cast("Pixels", buffers.array(slot)) for slot in range(len(buffers))]
        self._inputs, self._outputs = slots[::2], slots[1::2]
        self._expected = reader.expected_frames
        self._pictured = self._expected // 2
        self._picture: Pixels | None = None
        self._failures: list[Exception] = []
        self._end = 0

    async def run(self) -> None:
        """Run the stages to the end of the video."""
        ring = len(self._inputs)
        free, places = anyio.create_memory_object_stream[int](ring)
        decoded, to_process = anyio.create_memory_object_stream[Step](ring)
        processed, to_encode = anyio.create_memory_object_stream[Step](ring)
        for place in range(ring):
            free.send_nowait(place)
        async with anyio.create_task_group() as tasks:

            async def guarded(work: Callable[..., Awaitable[None]], *args: Any) -> None:
                try:
                    await work(*args)
                except Exception as exc:  # raised by who waits for all, the first of them
                    self._failures.append(exc)
                    tasks.cancel_scope.cancel()

            def spawn(work: Callable[..., Awaitable[None]], *args: object) -> None:
                tasks.start_soon(guarded, work, *args)

            spawn(self._decode, places, decoded)
            spawn(self._process, to_process, processed, spawn)
            spawn(self._encode, to_encode, free)
        for stream in (free, places, decoded, to_process, processed, to_encode):
            stream.close()
        if self._failures:
            raise self._failures[0]

    async def _decode(self, places: ObjectReceiveStream[int], decoded: ObjectSendStream[Step]) -> None:
        async with decoded:
            while True:
                place = await places.receive()
                timing = await self._in_thread(self._reader.read, self._inputs[place])
                packets = self._reader.take_packets()
                if timing is None:
                    await decoded.send(Step(None, Timing(0, 0), packets))
                    return
                await decoded.send(Step(place, timing, packets))

    async def _process(self, steps: ObjectReceiveStream[Step], processed: ObjectSendStream[Step], spawn: Spawn) -> None:
        async with processed:
            async for step in steps:
                if step.place is None:
                    await self._passage.drained()
                    await processed.send(step)
                else:
                    then = partial(self._frame_done, step, step.place, processed)
                    await self._passage.send(self._frame(step.place, step.timing), then, spawn=spawn)
            await self._passage.drained()

    def _frame(self, place: int, timing: Timing) -> FrameRef:
        pts_us = round(timing.pts * self._reader.time_base * 1_000_000)
        return FrameRef(window_id=self._window.window_id, input=2 * place, output=2 * place + 1, pts_us=pts_us)

    async def _frame_done(self, step: Step, place: int, processed: ObjectSendStream[Step], passed: Passed) -> None:
        index = self._tally.frames - 1
        if self._job.picture is not None and index in (0, self._pictured):
            self._picture = side_by_side(self._inputs[place], self._outputs[place])
        if self._on_frame is not None:
            done = FrameDone(
                index=index,
                expected=self._expected,
                guest_us=passed.result.guest_us,
                round_trip_us=round(passed.round_trip * 1e6),
                degraded=len(self._tally.degraded),
                crashes=self._tally.crashes,
            )
            called = self._on_frame(done)
            if inspect.isawaitable(called):
                await called
        await processed.send(step)

    async def _encode(self, steps: ObjectReceiveStream[Step], free: ObjectSendStream[int]) -> None:
        async for step in steps:
            await self._in_thread(self._encode_step, step)
            if step.place is not None:
                self._end = max(self._end, step.timing.pts + step.timing.duration)
                await free.send(step.place)

    def _encode_step(self, step: Step) -> None:
        self._writer.pass_on(step.packets)
        if step.place is not None:
            self._writer.write(self._outputs[step.place], step.timing)

    async def _in_thread(self, work: Callable[..., Any], *args: Any) -> Any:
        began = time.perf_counter()
        try:
            return await anyio.to_thread.run_sync(work, *args)
        finally:
            self._tally.codec += time.perf_counter() - began

    def write_picture(self) -> None:
        """Write the picture before and after, if one is wanted."""
        if self._job.picture is not None and self._picture is not None:
            write_png(self._job.picture, self._picture)

    def summary(self, seconds: float, notes: list[str]) -> Summary:
        """Add up."""
        first = self._reader.video.start_time or 0
        return Summary(
            output=str(self._job.target),
            picture=None if self._job.picture is None else str(self._job.picture),
            frames=self._tally.frames,
            duration=round(float((self._end - first) * self._reader.time_base), 6),
            width=self._reader.width,
            height=self._reader.height,
            seconds=round(seconds, 3),
            ms_per_frame=self._tally.per_frame(),
            degraded=self._tally.degraded,
            crashes=self._tally.crashes,
            recovery_ms=round(1000 * self._tally.recovery, 1),
            notes=notes,
        )
