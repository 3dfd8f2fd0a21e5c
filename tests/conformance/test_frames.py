"""Frame windows: shared memory of every size, in place and between slots, and what a guest may do wrong."""

from typing import Any

import pytest
from tests.conformance.guests import timeline
from tests.conformance.running import Running, Start
from tests.unit.plugind_worker.windows import MakeShared, Shared

from plugind_protocol.errors import (
    FunctionNotFound,
    InvalidParams,
    MemoryLimit,
    PlugindError,
    Timeout,
    Trap,
)
from plugind_protocol.frames import HUGE_PAGE_BYTES, PixelFormat
from plugind_protocol.worker import PROCESSED

pytestmark = [pytest.mark.anyio, pytest.mark.process]


EFFECTS = """
  (global $last (mut i32) (i32.const 0))
  (func $at (param $frame i32) (param $slot i32) (result i32)
    (i32.load (i32.add (local.get $frame) (i32.mul (local.get $slot) (i32.const 4)))))
  (func $process (export "plugin_process_frame") (param $effect i32) (param $frame i32) (result i32)
    (local $from i32) (local $to i32) (local $end i32)
    (global.set $last (local.get $frame))
    (if (i32.eq (local.get $effect) (i32.const 1)) (then (return (i32.const 42))))
    (if (i32.eq (local.get $effect) (i32.const 2)) (then (unreachable)))
    (if (i32.eq (local.get $effect) (i32.const 3)) (then (loop $more (br $more))))
    (local.set $from (call $at (local.get $frame) (i32.const 5)))
    (local.set $to (call $at (local.get $frame) (i32.const 6)))
    (if (i32.eq (local.get $effect) (i32.const 4)) (then  ;; the structure and the params, to see them
      (memory.copy (local.get $to) (local.get $frame) (i32.const 48))
      (memory.copy (i32.add (local.get $to) (i32.const 48)) (call $at (local.get $frame) (i32.const 7))
                   (call $at (local.get $frame) (i32.const 8)))
      (return (i32.const 0))))
    (local.set $end (i32.add (local.get $from) (i32.mul (call $at (local.get $frame) (i32.const 2))
                                                        (call $at (local.get $frame) (i32.const 3)))))
    (loop $pixel  ;; inverted, 16 bytes at once
      (v128.store (local.get $to) (v128.not (v128.load (local.get $from))))
      (local.set $to (i32.add (local.get $to) (i32.const 16)))
      (br_if $pixel (i32.lt_u (local.tee $from (i32.add (local.get $from) (i32.const 16))) (local.get $end))))
    (i32.const 0))
"""
GUEST = timeline({"size": "(call $number (memory.size))"}, more=EFFECTS)
INVERT, ERROR, TRAP, LOOP, SHOW = range(5)


async def open_window(guest: Running, window: Shared) -> None:
    assert await guest.worker.open_window(window.window, window.file.fileno(), timeout=10) == b"null"


async def process(
    guest: Running, window: Shared, effect: int = INVERT, *, slots: tuple[int, int] = (0, 0), **more: Any
) -> int:
    """Process a frame; return the guest's code."""
    params, timeout = more.get("params", b"null"), more.get("timeout", 20)
    answer = await guest.worker.process(
        effect, window.window.window, slots=slots, pts_us=more.get("pts", 0), params=params, timeout=timeout
    )
    return int(PROCESSED.unpack(answer)[0])


@pytest.mark.parametrize(
    "size",
    [
        {"width": 16, "height": 16},
        {"width": 17, "height": 33},
        {"width": 1919, "height": 1079},
        {"width": 1920, "height": 1080, "pixel_format": PixelFormat.RGBA16F},
        {"width": 101, "height": 55, "pixel_format": PixelFormat.YUV420P8},
        {"width": 7680, "height": 4320, "pixel_format": PixelFormat.RGBA32F},
    ],
)
async def test_a_frame_is_processed_in_place(start: Start, shared: MakeShared, size: dict[str, Any]) -> None:
    guest = await start(GUEST)
    window = shared(slots=1, **size)
    await open_window(guest, window)
    end = window.layout.stride * window.layout.height
    frame = bytes(range(256)) * (min(4096, end) // 256 - 1)
    window.fill(0, frame)
    window.view[end - 16 : end] = b"\x5a" * 16
    assert await process(guest, window) == 0
    assert window.slot(0, len(frame)) == bytes(255 - byte for byte in frame)
    assert window.view[end - 16 : end] == b"\xa5" * 16


async def test_from_one_slot_to_another(start: Start, shared: MakeShared) -> None:
    guest = await start(GUEST)
    window = shared(slots=3)
    await open_window(guest, window)
    window.fill(2, b"\x01\x02\x03\x04")
    assert await process(guest, window, slots=(2, 1)) == 0
    assert window.slot(2, 4) == b"\x01\x02\x03\x04"
    assert window.slot(1, 4) == b"\xfe\xfd\xfc\xfb"
    assert window.slot(0, 4) == bytes(4)
    for slots in ((3, 0), (0, 3)):
        with pytest.raises(InvalidParams, match="slots 0 to 2"):
            await process(guest, window, slots=slots)


async def test_the_guest_gets_the_whole_structure(start: Start, shared: MakeShared) -> None:
    guest = await start(GUEST)
    window = shared(width=100, height=50, slots=2)
    await open_window(guest, window)
    params = b'{"radius":' + b"9" * 5000 + b"}"  # more than the first scratch area has
    assert await process(guest, window, SHOW, slots=(0, 1), params=params, pts=-(2**40)) == 0
    seen = window.slot(1, 48 + len(params))
    words = memoryview(seen[:48]).cast("I")
    layout = window.layout
    assert list(words[:5]) == [48, 100, 50, layout.stride, 0]
    assert words[6] - words[5] == layout.slot_bytes
    assert words[8] == len(params)
    assert memoryview(seen[:48]).cast("q")[5] == -(2**40)
    assert seen[48:] == params


async def test_errors_of_the_guest(start: Start, shared: MakeShared) -> None:
    guest = await start(GUEST)
    window = shared()
    await open_window(guest, window)
    assert await process(guest, window, ERROR) == 42
    with pytest.raises(Trap, match="unreachable instruction in process"):
        await process(guest, window, TRAP)
    window.fill(0, b"\x00\xff")
    assert await process(guest, window) == 0  # in a fresh instance, which has the window too
    assert window.slot(0, 2) == b"\xff\x00"
    with pytest.raises(InvalidParams, match="there is no window 9"):
        await process(guest, shared(9))
    with pytest.raises(Timeout):
        await process(guest, window, LOOP, timeout=0.1)


async def test_windows_do_not_count_against_the_memory_limit(start: Start, shared: MakeShared) -> None:
    guest = await start(GUEST, memory_bytes=4 << 16)
    large = shared(1, width=1920, height=1080, slots=2)
    small = shared(2)
    await open_window(guest, large)
    await open_window(guest, small)
    large.fill(1, b"\x0f")
    small.fill(0, b"\xf0")
    assert await process(guest, large, slots=(1, 1)) == 0
    assert await process(guest, small) == 0
    assert (large.slot(1, 1), small.slot(0, 1)) == (b"\xf0", b"\x0f")
    used = await guest.call("size")
    with pytest.raises(MemoryLimit):
        await guest.call("size", "x" * (8 << 16))
    assert used * 65536 < large.layout.window_bytes + HUGE_PAGE_BYTES + small.layout.window_bytes + (8 << 16)


async def test_a_closed_window_is_no_longer_shared(start: Start, shared: MakeShared) -> None:
    guest = await start(GUEST)
    window, other = shared(1), shared(2)
    await open_window(guest, window)
    await open_window(guest, other)
    window.fill(0, b"\x01")
    await guest.worker.close_window(window.window, timeout=5)
    with pytest.raises(InvalidParams, match="there is no window 1"):
        await process(guest, window)
    assert await process(guest, other) == 0
    assert window.slot(0, 1) == b"\x01"


async def test_two_windows_of_8k(start: Start, shared: MakeShared) -> None:
    guest = await start(GUEST)
    window = shared(width=7680, height=4320, pixel_format=PixelFormat.RGBA32F, slots=2)
    await open_window(guest, window)
    window.fill(0, b"\x11" * 16)
    assert await process(guest, window, ERROR, slots=(0, 1)) == 42
    with pytest.raises(Trap):
        await process(guest, window, TRAP)
    assert await process(guest, window, SHOW, slots=(0, 1)) == 0
    assert window.slot(1, 4) == (48).to_bytes(4, "little")


@pytest.mark.parametrize(
    ("alloc", "error", "message"),
    [
        ("(i32.const 0)", MemoryLimit, "plugin_alloc has no"),
        ("(i32.const 4100)", Trap, "not aligned"),
        ("(i32.const -4096)", Trap, "out of bounds"),
        ("(unreachable)", Trap, "unreachable"),
    ],
)
async def test_an_allocator_that_fails_or_lies(
    start: Start, shared: MakeShared, alloc: str, error: type[PlugindError], message: str
) -> None:
    runtime = f"""(memory (export "memory") 8) (func (export "plugin_free") (param i32 i32 i32))
      (func (export "plugin_alloc") (param i32 i32) (result i32) {alloc})"""
    guest = await start(timeline("(i64.const 0)", runtime=runtime, more=EFFECTS))
    with pytest.raises(error, match=message):
        await open_window(guest, shared())


async def test_a_plugin_without_effects(start: Start, shared: MakeShared) -> None:
    guest = await start(timeline("(i64.const 0)"))
    with pytest.raises(FunctionNotFound, match="process"):
        await open_window(guest, shared())
