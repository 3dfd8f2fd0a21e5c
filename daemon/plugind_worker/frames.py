"""Frame windows in the memory of one instance: shared files mapped over its pages, and frames processed in place."""

import os
import time
from typing import Final

import msgspec

from plugind_protocol.errors import FunctionNotFound, InvalidParams, MemoryLimit, Trap
from plugind_protocol.frames import FRAME_STRUCT, HUGE_PAGE_BYTES, MAX_WINDOW_BYTES
from plugind_protocol.worker import PROCESS, PROCESSED, Window
from plugind_worker import mapping
from plugind_worker.engine.base import Function, Instance, OutOfBoundsError

_WASM_PAGE: Final = 64 * 1024
_ALIGNMENT: Final = max(4096, mapping.PAGE)
_SCRATCH: Final = 4096
"""First size of the area that holds the frame structure and the params, in bytes."""
_SCRATCH_ALIGNMENT: Final = 16
_MASK: Final = (1 << 32) - 1


class OpenWindow(msgspec.Struct, frozen=True):
    """A window as it outlives an instance."""

    window: Window
    descriptor: int


class _Mapped(msgspec.Struct, frozen=True):
    window: Window
    pointer: int
    size: int
    allocated: int
    """Pointer to all that the guest gave for it."""
    taken: int
    """How much that is."""


class Frames:
    """The windows of one instance, and its ``plugin_process_frame``.

    Args:
        instance: The instance.
        memory_bytes: Cap of its memory without windows.
    """

    def __init__(self, instance: Instance, *, memory_bytes: int) -> None:
        self._instance = instance
        self._cap = memory_bytes
        self._mapped: dict[int, _Mapped] = {}
        self._scratch = (0, 0)

    def open(self, opened: OpenWindow) -> None:
        """Map a window over memory that the guest allocates for it.

        Args:
            opened: The window; its descriptor stays the caller's.

        Raises:
            FunctionNotFound: The plugin processes no frames.
            InvalidParams: The window is open already, empty, or larger than its file.
            MemoryLimit: The guest could not allocate it.
            Trap: The guest trapped, or returned memory that cannot be used.
        """
        window = opened.window
        size = _round_up(window.slot_bytes * window.slots, mapping.PAGE)
        taken = size + (HUGE_PAGE_BYTES if size >= HUGE_PAGE_BYTES else 0)
        alloc = self._frame_function("plugin_alloc")
        self._frame_function("plugin_process_frame")
        if window.window in self._mapped:
            raise InvalidParams(f"window {window.window} is open already")
        if not 0 < size <= MAX_WINDOW_BYTES or _size_of(opened.descriptor) < window.slot_bytes * window.slots:
            raise InvalidParams(f"window {window.window} does not fit its file")
        self._limit(extra=taken)
        try:
            pointer = int(alloc(taken, _ALIGNMENT)[0])
            address = self._check(pointer, taken, window.window)
            shift = -address % HUGE_PAGE_BYTES if taken > size else 0  # a huge page lies at multiples of its size only
            mapping.share(address + shift, size, descriptor=opened.descriptor)
            self._mapped[window.window] = _Mapped(window, pointer + shift, size, allocated=pointer, taken=taken)
        finally:
            self._limit()

    def close(self, number: int) -> None:
        """Unmap a window and give its memory back to the guest.

        Raises:
            InvalidParams: There is no such window.
            Trap: The guest trapped.
        """
        mapped = self._find(number)
        mapping.clear(self._instance.address(mapped.pointer, mapped.size), mapped.size)
        del self._mapped[number]
        self._frame_function("plugin_free")(mapped.allocated, mapped.taken, _ALIGNMENT)
        self._limit()

    def limit_memory(self, memory_bytes: int) -> None:
        """Change how large the guest's memory may become, windows not counted."""
        self._cap = memory_bytes
        self._limit()

    def process(self, body: bytes) -> bytes:
        """Process one frame.

        Args:
            body: Of a PROCESS message.

        Returns:
            Body of PROCESSED.

        Raises:
            FunctionNotFound: The plugin processes no frames.
            InvalidParams: There is no such window or slot.
            MemoryLimit: There is no room for the params.
            Trap: The guest trapped.
            Timeout: The call was interrupted.
        """
        effect, number, source, target, pts = PROCESS.unpack_from(body)
        run = self._frame_function("plugin_process_frame")
        mapped = self._find(number)
        window, pointer = mapped.window, mapped.pointer
        if source >= window.slots or target >= window.slots:
            raise InvalidParams(f"window {number} has slots 0 to {window.slots - 1}, not {max(source, target)}")
        params = body[PROCESS.size :]
        frame = self._scratch_for(FRAME_STRUCT.size + len(params))
        struct = FRAME_STRUCT.pack(
            *(FRAME_STRUCT.size, window.width, window.height, window.stride, window.format),
            *(pointer + source * window.slot_bytes, pointer + target * window.slot_bytes),
            *(frame + FRAME_STRUCT.size, len(params), pts),
        )
        self._instance.write(frame, struct + params)
        started = time.perf_counter_ns()
        code = run(effect, frame)[0]
        elapsed = (time.perf_counter_ns() - started) // 1000
        return PROCESSED.pack(code, min(elapsed, _MASK))

    def _limit(self, *, extra: int = 0) -> None:
        sizes = [mapped.taken for mapped in self._mapped.values()] + ([extra] if extra else [])
        # each window may cost its alignment, and the rounding of memory.grow
        self._instance.limit_memory(self._cap + sum(_round_up(s + _ALIGNMENT, _WASM_PAGE) + _WASM_PAGE for s in sizes))

    def _check(self, pointer: int, size: int, number: int) -> int:
        """Return the address of memory for a window, once it is certain that a window may lie there."""
        if pointer == 0:
            raise MemoryLimit(f"plugin_alloc has no {size} bytes for window {number}", cause="memory")
        try:
            address = self._instance.address(pointer, size)
        except OutOfBoundsError as error:
            raise Trap(f"plugin_alloc returned a pointer out of bounds for a window: {error}", cause="trap") from error
        if address % mapping.PAGE:
            raise Trap(f"plugin_alloc returned {pointer}, which is not aligned to {_ALIGNMENT}", cause="trap")
        for other in self._mapped.values():
            if pointer < other.allocated + other.taken and other.allocated < pointer + size:
                raise Trap(f"plugin_alloc returned memory of window {other.window.window} again", cause="trap")
        return address

    def _find(self, number: int) -> _Mapped:
        try:
            return self._mapped[number]
        except KeyError:
            raise InvalidParams(f"there is no window {number}") from None

    def _frame_function(self, name: str) -> Function:
        function = self._instance.function(name)
        if function is None:
            raise FunctionNotFound(f"exports no {name}, so that it cannot process frames")
        return function

    def _scratch_for(self, size: int) -> int:
        """Return a place in the guest's memory for the frame structure and the params."""
        pointer, have = self._scratch
        if size <= have:
            return pointer
        if have:
            self._scratch = (0, 0)
            self._frame_function("plugin_free")(pointer, have, _SCRATCH_ALIGNMENT)
        wanted = max(_SCRATCH, _round_up(size, _SCRATCH))
        pointer = int(self._frame_function("plugin_alloc")(wanted, _SCRATCH_ALIGNMENT)[0])
        if pointer == 0:
            raise MemoryLimit(f"plugin_alloc has no {wanted} bytes for the params", cause="memory")
        try:
            self._instance.address(pointer, wanted)
        except OutOfBoundsError as error:
            raise Trap(f"plugin_alloc returned a pointer out of bounds: {error}", cause="trap") from error
        self._scratch = (pointer, wanted)
        return pointer


def _size_of(descriptor: int) -> int:
    return os.lseek(descriptor, 0, os.SEEK_END)  # looking at its status is a system call that a worker cannot make


def _round_up(value: int, multiple: int) -> int:
    return -(-value // multiple) * multiple
