"""The rendering itself: three stages that overlap, over a ring of slots in one shared window.

While the plugin works on a frame, the next is decoded and the one before encoded, each in a thread. Every frame has a
slot for its input and another for its output, so that it can be tried again when the plugin's worker is lost.
"""

import inspect
import time
from collections.abc import Awaitable, Callable
from contextlib import closing
from typing import Any, Final, NamedTuple, cast

import anyio
import anyio.to_thread
import msgspec
from anyio.abc import ObjectReceiveStream, ObjectSendStream
from av.packet import Packet

from pluginctl.failure import CommandFailed
from pluginctl.rendering.colour import Pixels
from pluginctl.rendering.job import FrameDone, Job, MsPerFrame, Summary
from pluginctl.rendering.picture import side_by_side, write_png
from pluginctl.rendering.reader import Reader, Timing
from pluginctl.rendering.writer import Writer
from plugind_client import AsyncClient, Disconnected, FrameBuffers
from plugind_protocol.errors import FunctionNotFound, TooLarge, WorkerCrashed
from plugind_protocol.methods import FrameRef, FrameWindow

RINGS: Final = (3, 2, 1)
"""Frames under way: one decoded, one with the plugin, one encoded; fewer where there is no room for the window."""

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
    params = await check_params(client, job)
    started = time.perf_counter()
    with closing(await anyio.to_thread.run_sync(Reader, job.source)) as reader:
        window = await _open_window(client, job, width=reader.width, height=reader.height)
        try:
            with FrameBuffers(window) as buffers, Writer(job, reader) as writer:
                work = _Rendering(
                    client, job, params=params, buffers=buffers, reader=reader, writer=writer, on_frame=on_frame
                )
                await work.run()
                await anyio.to_thread.run_sync(work.write_picture)
                await anyio.to_thread.run_sync(writer.commit)
                return work.summary(time.perf_counter() - started, [*reader.notes, *writer.notes])
        finally:
            with anyio.CancelScope(shield=True):
                await _close_window(client, window)


async def check_params(client: AsyncClient, job: Job) -> msgspec.Raw:
    """Check that the effect is there and knows each parameter given.

    Returns:
        The parameters as JSON.

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
    return msgspec.Raw(msgspec.json.encode(dict(job.params)))


def _check_targets(job: Job) -> None:
    for path in (job.target, *([] if job.picture is None else [job.picture])):
        if path.exists() and not job.force:
            raise CommandFailed(f"{path} exists already", hint="Use --force to replace it.")
        if path.is_dir() or not path.parent.is_dir():
            raise CommandFailed(f"{path} is not a place for a file", hint="Name a file in a folder that exists.")


async def _open_window(client: AsyncClient, job: Job, *, width: int, height: int) -> FrameWindow:
    for ring in RINGS[:-1]:
        try:
            return await client.frames_open(job.plugin, width=width, height=height, slots=2 * ring)
        except TooLarge:
            continue
    return await client.frames_open(job.plugin, width=width, height=height, slots=2 * RINGS[-1])


async def _close_window(client: AsyncClient, window: FrameWindow) -> None:
    try:
        await client.frames_close(window.window_id)
    except Disconnected:
        return  # it closed with the connection


class _Rendering:
    """The state of one rendering: its stages, the ring between them, and the figures."""

    def __init__(
        self,
        client: AsyncClient,
        job: Job,
        *,
        params: msgspec.Raw,
        buffers: FrameBuffers,
        reader: Reader,
        writer: Writer,
        on_frame: OnFrame | None,
    ) -> None:
        self._client, self._job, self._params, self._window = client, job, params, buffers.window
        self._reader, self._writer, self._on_frame = reader, writer, on_frame
        slots = [cast("Pixels", buffers.array(slot)) for slot in range(len(buffers))]
        self._inputs, self._outputs = slots[::2], slots[1::2]
        self._expected = reader.expected_frames
        self._pictured = self._expected // 2
        self._picture: Pixels | None = None
        self._failures: list[Exception] = []
        self._frames = self._crashes = 0
        self._guest = self._relay = self._codec = self._recovery = 0.0  # seconds
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

            async def stage(work: Callable[..., Awaitable[None]], *streams: Any) -> None:
                try:
                    await work(*streams)
                except Exception as exc:
                    self._failures.append(exc)
                    tasks.cancel_scope.cancel()

            tasks.start_soon(stage, self._decode, places, decoded)
            tasks.start_soon(stage, self._process, to_process, processed)
            tasks.start_soon(stage, self._encode, to_encode, free)
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

    async def _process(self, steps: ObjectReceiveStream[Step], processed: ObjectSendStream[Step]) -> None:
        async with processed:
            async for step in steps:
                if step.place is not None:
                    await self._process_frame(step.place, step.timing)
                await processed.send(step)

    async def _process_frame(self, place: int, timing: Timing) -> None:
        pts_us = round(timing.pts * self._reader.time_base * 1_000_000)
        frame = FrameRef(window_id=self._window.window_id, input=2 * place, output=2 * place + 1, pts_us=pts_us)
        lost_at: float | None = None
        for attempts_left in range(self._job.retries, -1, -1):
            began = time.perf_counter()
            try:
                result = await self._client.effects_process(
                    self._job.plugin, self._job.effect, frame=frame, params=self._params
                )
                break
            except WorkerCrashed:
                self._crashes += 1
                lost_at = lost_at or time.perf_counter()
                if not attempts_left:
                    raise
        took = time.perf_counter() - began
        if lost_at is not None:
            self._recovery += time.perf_counter() - lost_at
        await self._frame_done(place, guest_us=result.guest_us, took=took)

    async def _frame_done(self, place: int, *, guest_us: int, took: float) -> None:
        self._guest += guest_us / 1e6
        self._relay += took - guest_us / 1e6
        if self._job.picture is not None and self._frames in (0, self._pictured):
            self._picture = side_by_side(self._inputs[place], self._outputs[place])
        self._frames += 1
        if self._on_frame is None:
            return
        done = FrameDone(
            index=self._frames - 1,
            expected=self._expected,
            guest_us=guest_us,
            round_trip_us=round(took * 1e6),
            crashes=self._crashes,
        )
        called = self._on_frame(done)
        if inspect.isawaitable(called):
            await called

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
            self._codec += time.perf_counter() - began

    def write_picture(self) -> None:
        """Write the picture before and after, if one is wanted."""
        if self._job.picture is not None and self._picture is not None:
            write_png(self._job.picture, self._picture)

    def summary(self, seconds: float, notes: list[str]) -> Summary:
        """Add up."""
        count = max(self._frames, 1)
        per_frame = [round(1000 * total / count, 3) for total in (self._guest, self._relay, self._codec)]
        first = self._reader.video.start_time or 0
        return Summary(
            output=str(self._job.target),
            picture=None if self._job.picture is None else str(self._job.picture),
            frames=self._frames,
            duration=round(float((self._end - first) * self._reader.time_base), 6),
            width=self._reader.width,
            height=self._reader.height,
            seconds=round(seconds, 3),
            ms_per_frame=MsPerFrame(plugin=per_frame[0], relay=per_frame[1], codec=per_frame[2]),
            crashes=self._crashes,
            recovery_ms=round(1000 * self._recovery, 1),
            notes=notes,
        )
