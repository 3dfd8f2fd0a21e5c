"""The ``effects.*`` and ``frames.*`` methods: effects run on frames that client and worker share."""

import asyncio
import os
from collections.abc import Callable
from typing import Final

import anyio
import msgspec

from plugind.host.effects import EffectRegistry
from plugind.rpc.session import Session
from plugind.services.catalog import Catalog
from plugind.services.order import Order
from plugind.services.plugins import timeout_seconds
from plugind.services.runtime import Runtime
from plugind.supervisor.windows import WindowFolder
from plugind.supervisor.worker import Worker
from plugind_protocol.errors import ErrorObject, InvalidParams, PlugindError, PluginError, TooLarge
from plugind_protocol.frames import Layout, layout
from plugind_protocol.methods import (
    PIXEL_FORMATS,
    Effect,
    EffectsList,
    FrameRef,
    FramesClose,
    FramesOpen,
    FrameWindow,
    Process,
    ProcessResult,
    State,
)
from plugind_protocol.worker import PROCESSED, Window

MAX_WINDOWS: Final = 64
"""Open windows per connection."""
_MAX_GUEST_BYTES: Final = (1 << 32) - (1 << 26)
"""A guest's address space, less room for the guest itself."""

_encoder: Final = msgspec.json.Encoder()


class _Open(msgspec.Struct):
    runtime: Runtime
    layout: Layout
    session: Session
    unhook: Callable[[], None] = lambda: None
    """Ends the wait for the client to leave."""


class EffectsService:
    """Answers ``effects.*`` and ``frames.*``.

    Args:
        catalog: The installed plugins.
        effects: What they registered.
        folder: Where window files are made.
        order: Brings plugins up after what they need.
    """

    def __init__(self, catalog: Catalog, effects: EffectRegistry, folder: WindowFolder, *, order: Order) -> None:
        self._order = order
        self._catalog = catalog
        self._effects = effects
        self._folder = folder
        self._windows: dict[int, _Open] = {}
        self._number = 0

    # --- frames -----------------------------------------------------------------------------------------------

    async def open(self, session: Session, params: FramesOpen) -> FrameWindow:
        """Open a window; it belongs to the session and closes with it.

        Raises:
            InvalidParams: A size or the number of slots is out of range.
            TooLarge: Too many windows, or no room for the frames in the guest or in memory.
        """
        runtime = self._catalog.get(params.plugin_id)
        try:
            shape = layout(
                width=params.width,
                height=params.height,
                pixel_format=PIXEL_FORMATS[params.format],
                slots=params.slots,
            )
        except ValueError as exc:
            raise InvalidParams(str(exc)) from exc
        self._check_room(session, runtime, shape)
        worker = await self._order.up(runtime, State.LOADED)
        self._number += 1
        window = Window(
            window=self._number,
            width=shape.width,
            height=shape.height,
            stride=shape.stride,
            format=shape.format,
            slot_bytes=shape.slot_bytes,
            slots=shape.slots,
        )
        with anyio.CancelScope(shield=True):
            file = await anyio.to_thread.run_sync(self._folder.create, shape)
            runtime.windows[window.window] = (window, file)
            self._windows[window.window] = opened = _Open(runtime, shape, session)
            try:
                await worker.open_window(window, file.descriptor, timeout=runtime.call_timeout)
            except PlugindError:
                self._forget(window.window)
                raise
        opened.unhook = session.on_close(lambda: self._client_left(window.window))
        return FrameWindow(
            window_id=window.window,
            path=os.fspath(file.path),
            offsets=shape.offsets,
            width=shape.width,
            height=shape.height,
            format=params.format,
            stride=shape.stride,
            slot_bytes=shape.slot_bytes,
        )

    async def close(self, session: Session, params: FramesClose) -> None:
        """Close a window and remove its file.

        Raises:
            InvalidParams: This session has no such window.
        """
        runtime = self._of(session, params.window_id).runtime
        window = self._forget(params.window_id)
        if window is not None and runtime.worker is not None:
            await runtime.worker.close_window(window, timeout=runtime.call_timeout)

    def _check_room(self, session: Session, runtime: Runtime, shape: Layout) -> None:
        if sum(opened.session is session for opened in self._windows.values()) >= MAX_WINDOWS:
            raise TooLarge(f"a client may have {MAX_WINDOWS} windows open", hint="Close windows with frames.close.")
        shared = sum(window.slot_bytes * window.slots for window, _ in runtime.windows.values())
        if shared + shape.window_bytes > _MAX_GUEST_BYTES:
            raise TooLarge(
                f"{shape.window_bytes} bytes of frames do not fit into a guest's 4 GiB, {shared} are in use",
                hint="Open fewer or smaller slots.",
                plugin_id=runtime.plugin_id,
            )

    def _of(self, session: Session, window_id: int) -> _Open:
        opened = self._windows.get(window_id)
        if opened is None or opened.session is not session or window_id not in opened.runtime.windows:
            raise InvalidParams(f"there is no window {window_id} of this connection", hint="Open one with frames.open.")
        return opened

    def _forget(self, window_id: int) -> Window | None:
        """Drop a window and its file; return it if the plugin still has it."""
        opened = self._windows.pop(window_id)
        opened.unhook()
        window, file = opened.runtime.windows.pop(window_id, (None, None))
        if file is not None:
            file.remove()
        return window

    def _client_left(self, window_id: int) -> None:
        opened = self._windows[window_id]
        window = self._forget(window_id)
        worker = opened.runtime.worker
        if window is not None and worker is not None and worker.alive:
            closing = worker.close_window(window, timeout=opened.runtime.call_timeout)
            closing.add_done_callback(lambda call: call.cancelled() or call.exception())

    # --- effects ----------------------------------------------------------------------------------------------

    async def list(self, _session: Session, params: EffectsList) -> list[Effect]:
        """List effects; a plugin that is named is activated first."""
        if params.plugin_id is not None:
            await self._order.up(self._catalog.get(params.plugin_id), State.ACTIVE)
        return self._effects.list(params.plugin_id)

    def process(self, session: Session, params: Process) -> "asyncio.Future[bytes]":
        """Run an effect on one frame.

        Raises:
            InvalidParams: The params name slots that are not there.
            PluginNotFound: It is not installed.
            FunctionNotFound: It has no such effect.
        """
        runtime = self._catalog.get(params.plugin_id)
        timeout = timeout_seconds(params.deadline_ms, runtime)
        slots = self._slots(session, runtime, params.frame)
        return asyncio.ensure_future(self._process(session, runtime, params, slots, timeout))

    async def _process(
        self, session: Session, runtime: Runtime, params: Process, slots: tuple[int, int], timeout: float
    ) -> bytes:
        worker = runtime.worker
        if worker is None or not worker.alive or runtime.state is not State.ACTIVE:
            worker = await self._order.up(runtime, State.ACTIVE)
        handle = self._effects.handle(params.plugin_id, params.effect_id)
        outcome = await worker.process(
            handle,
            params.frame.window_id,
            slots=slots,
            pts_us=params.frame.pts_us,
            params=params.params,
            timeout=timeout,
            lane=session.number,
        )
        code, guest_us = PROCESSED.unpack(outcome)
        if code != 0:
            raise self._refused(worker, params.effect_id, code)
        return _encoder.encode(ProcessResult(output=slots[1], guest_us=guest_us))

    def _slots(self, session: Session, runtime: Runtime, frame: FrameRef) -> tuple[int, int]:
        opened = self._of(session, frame.window_id)
        if opened.runtime is not runtime:
            raise InvalidParams(
                f"window {frame.window_id} is shared with {opened.runtime.plugin_id}, not with {runtime.plugin_id}"
            )
        shape = opened.layout
        output = frame.input if frame.output is None else frame.output
        for name, slot in (("input", frame.input), ("output", output)):
            if not 0 <= slot < shape.slots:
                raise InvalidParams(f"the window has slots 0 to {shape.slots - 1}, not {slot}", path=f"$.frame.{name}")
        if frame.width not in (None, shape.width) or frame.height not in (None, shape.height):
            raise InvalidParams(
                f"the frame is {frame.width}x{frame.height}, the window {shape.width}x{shape.height}",
                hint="Open a window of the frame's size.",
                path="$.frame",
            )
        return frame.input, output

    @staticmethod
    def _refused(worker: Worker, effect_id: str, code: int) -> PluginError:
        return PluginError(
            f"{worker.plan.plugin_id} {worker.plan.version}: effect {effect_id} refused the frame with code {code}",
            plugin_id=worker.plan.plugin_id,
            version=worker.plan.version,
            error=ErrorObject(code, f"effect {effect_id} refused the frame"),
        )
