"""The ``frames.*`` methods: windows of frames that a client and a plugin share."""

import os
from collections.abc import Callable
from typing import Final

import anyio
import msgspec

from plugind.rpc.session import Session
from plugind.services.catalog import Catalog
from plugind.services.frameorder import Turns
from plugind.services.goodframes import GoodFrames
from plugind.services.order import Order
from plugind.services.runtime import Runtime
from plugind.supervisor.windows import WindowFolder
from plugind.supervisor.worker import Worker
from plugind_protocol.errors import InvalidParams, PlugindError, TooLarge
from plugind_protocol.frames import HUGE_PAGE_BYTES, Layout, layout
from plugind_protocol.methods import PIXEL_FORMATS, FrameRef, FramesClose, FramesOpen, FrameWindow, State
from plugind_protocol.worker import Window

MAX_WINDOWS: Final = 64
"""Open windows per connection."""
_MAX_GUEST_BYTES: Final = (1 << 32) - (1 << 26)
"""A guest's address space, less room for the guest itself."""


class Opened(msgspec.Struct):
    """An open window."""

    runtime: Runtime
    layout: Layout
    session: Session
    good: GoodFrames
    turns: Turns[Worker] = msgspec.field(default_factory=Turns)
    unhook: Callable[[], None] = lambda: None
    """Ends the wait for the client to leave."""


class FramesService:
    """Answers ``frames.*``.

    Args:
        catalog: The installed plugins.
        folder: Where window files are made.
        order: Brings plugins up after what they need.
    """

    def __init__(self, catalog: Catalog, folder: WindowFolder, *, order: Order) -> None:
        self._catalog = catalog
        self._folder = folder
        self._order = order
        self._windows: dict[int, Opened] = {}
        self._number = 0

    async def open(self, session: Session, params: FramesOpen) -> FrameWindow:
        """Open a window; it belongs to the session and closes with it.

        Raises:
            InvalidParams: A size or the number of slots is out of range.
            TooLarge: Too many windows, or no room for the frames in the guest or in memory.
        """
        runtime = self._catalog.get(params.plugin_id)
        shape = _shape(params)
        self._check_room(session, runtime, shape)
        await self._order.up(runtime, State.LOADED)
        self._number += 1
        window = _window(self._number, shape)
        with anyio.CancelScope(shield=True):
            file = await anyio.to_thread.run_sync(self._folder.create, shape)
            runtime.windows[window.window] = (window, file)
            opened = Opened(runtime, shape, session, GoodFrames(file.path, shape))
            self._windows[window.window] = opened
            try:
                await runtime.share_window(window.window)
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
        if window is not None:
            for closing in runtime.unshare_window(window):
                await closing

    def find(self, session: Session, runtime: Runtime, frame: FrameRef) -> tuple[Opened, int, int]:
        """Return the window and the slots that a frame is in and goes to.

        Raises:
            InvalidParams: The session has no such window for this plugin, it has no such slots, or its size is another.
        """
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
        return opened, frame.input, output

    def _check_room(self, session: Session, runtime: Runtime, shape: Layout) -> None:
        if sum(opened.session is session for opened in self._windows.values()) >= MAX_WINDOWS:
            raise TooLarge(f"a client may have {MAX_WINDOWS} windows open", hint="Close windows with frames.close.")
        # each may be moved to where a huge page begins
        shared = sum(window.slot_bytes * window.slots + HUGE_PAGE_BYTES for window, _ in runtime.windows.values())
        if shared + shape.window_bytes + HUGE_PAGE_BYTES > _MAX_GUEST_BYTES:
            raise TooLarge(
                f"{shape.window_bytes} bytes of frames do not fit into a guest's 4 GiB, {shared} are in use",
                hint="Open fewer or smaller slots.",
                plugin_id=runtime.plugin_id,
            )

    def _of(self, session: Session, window_id: int) -> Opened:
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
        if window is not None:
            for closing in opened.runtime.unshare_window(window):
                closing.add_done_callback(lambda call: call.cancelled() or call.exception())


def _shape(params: FramesOpen) -> Layout:
    try:
        return layout(
            width=params.width,
            height=params.height,
            pixel_format=PIXEL_FORMATS[params.format],
            slots=params.slots,
        )
    except ValueError as exc:
        raise InvalidParams(str(exc)) from exc


def _window(number: int, shape: Layout) -> Window:
    return Window(
        window=number,
        width=shape.width,
        height=shape.height,
        stride=shape.stride,
        format=shape.format,
        slot_bytes=shape.slot_bytes,
        slots=shape.slots,
    )
