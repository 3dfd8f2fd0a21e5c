import os
import struct
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from tests.unit.plugind_worker.supervisor import Instantiate, Write, function
from tests.unit.plugind_worker.windows import MakeShared

from plugind_protocol.errors import FunctionNotFound, InvalidParams, MemoryLimit, Trap
from plugind_protocol.frames import HUGE_PAGE_BYTES, MAX_WINDOW_BYTES, PixelFormat
from plugind_protocol.worker import PROCESS, PROCESSED
from plugind_worker.engine.base import Instance
from plugind_worker.frames import Frames, OpenWindow

INVERT = """
  (func (export "plugin_process_frame") (param $effect i32) (param $frame i32) (result i32)
    (local $i i32) (local $end i32) (local $in i32) (local $out i32)
    (local.set $in (i32.load offset=20 (local.get $frame)))
    (local.set $out (i32.load offset=24 (local.get $frame)))
    (local.set $end (i32.mul (i32.load offset=12 (local.get $frame)) (i32.load offset=8 (local.get $frame))))
    (loop $more
      (i32.store8 (i32.add (local.get $out) (local.get $i))
        (i32.xor (i32.const 255) (i32.load8_u (i32.add (local.get $in) (local.get $i)))))
      (br_if $more (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $end))))
    (local.get $effect))
  (func (export "peek") (param i32) (result i32) (i32.load (local.get 0)))
  (func (export "poke") (param i32 i32) (i32.store (local.get 0) (local.get 1)))
  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
"""
COPY_STRUCT = """
  (func (export "plugin_process_frame") (param $effect i32) (param $frame i32) (result i32)
    (memory.copy (i32.load offset=24 (local.get $frame)) (local.get $frame)
      (i32.add (i32.const 48) (i32.load offset=32 (local.get $frame))))
    (i32.const -3))
"""
TOP_DOWN = """(module (memory (export "memory") 1)
  (func (export "plugin_alloc") (param i32 i32) (result i32) %s)
  (func (export "plugin_free") (param i32 i32 i32))
  (func (export "plugin_process_frame") (param i32 i32) (result i32) i32.const 0))"""


Start = Callable[..., tuple[Instance, Frames]]


@pytest.fixture
def start(instantiate: Instantiate, guest_text: Write) -> Start:
    def make(more: str = INVERT, memory_bytes: int = 8 << 20) -> tuple[Instance, Frames]:
        instance, _ = instantiate(guest_text("i64.const 0", more=more), memory_bytes=memory_bytes)
        return instance, Frames(instance, memory_bytes=memory_bytes)

    return make


def process(
    frames: Frames,
    window: int = 1,
    *,
    source: int = 0,
    target: int = 1,
    effect: int = 0,
    pts: int = 0,
    params: bytes = b"",
) -> tuple[int, int]:
    code, microseconds = PROCESSED.unpack(frames.process(PROCESS.pack(effect, window, source, target, pts) + params))
    return code, microseconds


@pytest.mark.parametrize(
    "size",
    [
        {"width": 16, "height": 16},
        {"width": 17, "height": 19},
        {"width": 1921, "height": 31},
        {"width": 33, "height": 16, "pixel_format": PixelFormat.RGBA32F},
        {"width": 101, "height": 51, "pixel_format": PixelFormat.YUV420P8, "slots": 3},
    ],
)
def test_a_frame_is_processed_in_place(start: Start, shared: MakeShared, size: dict[str, Any]) -> None:
    _, frames = start()
    window = shared(**size)
    frames.open(window.opened)
    length = window.layout.stride * window.layout.height
    picture = os.urandom(length)
    window.fill(0, picture)
    code, _ = process(frames, effect=9)
    assert code == 9
    assert window.slot(1, length) == bytes(255 - byte for byte in picture)
    assert window.slot(0, length) == picture


def test_the_guest_gets_the_whole_structure_and_params(start: Start, shared: MakeShared) -> None:
    _, frames = start(COPY_STRUCT)
    window = shared(width=33, height=20, slots=3)
    frames.open(window.opened)
    params = b'{"amount":0.5}'
    code, _ = process(frames, source=2, target=1, pts=-40_000, params=params)
    assert code == 2**32 - 3
    seen = window.slot(1, 48 + len(params))
    size, width, height, stride, pixel_format, source, target, pointer, length, pts = struct.unpack("<9I4xq", seen[:48])
    assert (size, width, height, stride, pixel_format, pts) == (48, 33, 20, window.layout.stride, 0, -40_000)
    assert source - target == window.layout.slot_bytes
    assert (length, seen[48:]) == (len(params), params)
    assert pointer


def test_long_params_get_a_larger_place(start: Start, shared: MakeShared) -> None:
    _, frames = start(COPY_STRUCT)
    window = shared(width=512, height=512)
    frames.open(window.opened)
    for params in (b"[1]", b'"' + b"x" * 100_000 + b'"', b"[2]"):
        process(frames, params=params)
        assert window.slot(1, 48 + len(params))[48:] == params


def test_several_windows_stay_apart(start: Start, shared: MakeShared) -> None:
    _, frames = start()
    windows = [shared(n) for n in (1, 2, 3)]
    for n, window in enumerate(windows):
        frames.open(window.opened)
        window.fill(0, bytes((n,)) * 64)
    for n, window in enumerate(windows):
        process(frames, window=n + 1)
        assert window.slot(1, 64) == bytes((255 - n,)) * 64


def test_a_closed_window_is_zeros_and_no_longer_shared(start: Start, shared: MakeShared) -> None:
    instance, frames = start()
    window = shared()
    frames.open(window.opened)
    pointer = frames._mapped[1].pointer
    window.fill(0, b"\7\0\0\0")
    assert function(instance, "peek")(pointer) == (7,)
    frames.close(1)
    assert function(instance, "peek")(pointer) == (0,)
    function(instance, "poke")(pointer, 99)
    assert window.slot(0, 4) == b"\7\0\0\0"
    with pytest.raises(InvalidParams, match="no window 1"):
        process(frames)
    with pytest.raises(InvalidParams, match="no window 1"):
        frames.close(1)


def test_a_window_does_not_count_against_the_memory_limit(start: Start, shared: MakeShared) -> None:
    instance, frames = start(memory_bytes=4 << 20)
    frames.open(shared(width=1920, height=1080).opened)
    assert instance.memory_size > 15 << 20
    frames.close(1)
    assert function(instance, "grow")(1) == (2**32 - 1,)


def test_a_window_leaves_the_guest_little_more_memory_than_its_limit(start: Start, shared: MakeShared) -> None:
    instance, frames = start(memory_bytes=4 << 20)
    window = shared(width=1920, height=1080)
    frames.open(window.opened)
    for _ in iter(lambda: function(instance, "grow")(1), (2**32 - 1,)):
        assert instance.memory_size <= (4 << 20) + window.layout.window_bytes + HUGE_PAGE_BYTES + 3 * 65536


def test_a_large_window_lies_where_huge_pages_can_hold_it(start: Start, shared: MakeShared) -> None:
    instance, frames = start()
    assert function(instance, "plugin_alloc")(5000, 4096) != 0  # so that nothing is aligned by accident
    window = shared(width=1920, height=1080)
    frames.open(window.opened)
    mapped = frames._mapped[1]
    assert instance.address(mapped.pointer, mapped.size) % HUGE_PAGE_BYTES == 0
    assert mapped.allocated <= mapped.pointer
    assert mapped.pointer + mapped.size <= mapped.allocated + mapped.taken


def test_the_largest_window_fits(start: Start, shared: MakeShared) -> None:
    _, frames = start(memory_bytes=4 << 20)
    window = shared(width=7680, height=4320, pixel_format=PixelFormat.RGBA32F, slots=2)
    frames.open(window.opened)
    window.fill(0, b"\1" * 64)
    last = window.layout.offsets[1] + window.layout.slot_bytes - 4
    pointer = frames._mapped[1].pointer
    function(frames._instance, "poke")(pointer + last, 0x01020304)
    assert window.view[last : last + 4] == b"\4\3\2\1"
    frames.close(1)


def test_windows_that_need_more_than_32_bits_together_are_refused(start: Start, shared: MakeShared) -> None:
    _, frames = start(memory_bytes=4 << 20)
    eight_k = {"width": 7680, "height": 4320, "pixel_format": PixelFormat.RGBA32F, "slots": 4}
    frames.open(shared(1, **eight_k).opened)
    frames.open(shared(2, **eight_k).opened)  # just under 4 GiB
    with pytest.raises((MemoryLimit, Trap)):
        frames.open(shared(3, **eight_k).opened)


def test_a_window_over_the_limit_of_all_windows_is_refused(start: Start, shared: MakeShared) -> None:
    _, frames = start()
    window = shared()
    huge = msgspec.structs.replace(window.window, slot_bytes=MAX_WINDOW_BYTES)
    with pytest.raises(InvalidParams, match="does not fit"):
        frames.open(OpenWindow(huge, window.file.fileno()))


@pytest.mark.parametrize(("source", "target"), [(2, 0), (0, 2), (2**32 - 1, 0)])
def test_slots_outside_the_window_are_refused(start: Start, shared: MakeShared, source: int, target: int) -> None:
    _, frames = start()
    frames.open(shared().opened)
    with pytest.raises(InvalidParams, match="slots 0 to 1"):
        process(frames, source=source, target=target)


def test_a_window_is_opened_once(start: Start, shared: MakeShared) -> None:
    _, frames = start()
    window = shared()
    frames.open(window.opened)
    with pytest.raises(InvalidParams, match="open already"):
        frames.open(window.opened)


def test_a_file_that_is_too_short_is_refused(start: Start, shared: MakeShared) -> None:
    _, frames = start()
    window = shared()
    window.file.truncate(window.layout.window_bytes - 1)
    with pytest.raises(InvalidParams, match="does not fit its file"):
        frames.open(window.opened)


def test_a_plugin_without_effects_has_no_frames(start: Start, shared: MakeShared) -> None:
    _, frames = start(more="")
    with pytest.raises(FunctionNotFound, match="plugin_process_frame"):
        frames.open(shared().opened)
    with pytest.raises(FunctionNotFound, match="plugin_process_frame"):
        process(frames)


@pytest.mark.parametrize(
    ("alloc", "error", "message"),
    [
        ("i32.const 0", MemoryLimit, "plugin_alloc has no"),
        ("i32.const 8", Trap, "out of bounds|not aligned"),
        ("i32.const 4096", Trap, "out of bounds"),
        ("i32.const -4096", Trap, "out of bounds"),
        ("(drop (memory.grow (i32.const 1))) i32.const 4104", Trap, "not aligned"),
        ("unreachable", Trap, "unreachable"),
    ],
)
def test_an_allocator_that_fails_or_lies_gets_no_window(
    instantiate: Instantiate, shared: MakeShared, alloc: str, error: type[Exception], message: str
) -> None:
    instance, _ = instantiate(TOP_DOWN % alloc, memory_bytes=1 << 20)
    frames = Frames(instance, memory_bytes=1 << 20)
    window = shared(width=64, height=252, slots=1)  # 63 KiB of the 64 there are
    with pytest.raises(error, match=message):
        frames.open(window.opened)
    with pytest.raises(InvalidParams):
        frames.close(1)


def test_memory_of_a_window_is_not_given_out_twice(instantiate: Instantiate, shared: MakeShared) -> None:
    instance, _ = instantiate(TOP_DOWN % "i32.const 8192", memory_bytes=1 << 20)
    frames = Frames(instance, memory_bytes=1 << 20)
    frames.open(shared(1, width=16, height=16).opened)
    with pytest.raises(Trap, match="memory of window 1 again"):
        frames.open(shared(2, width=16, height=16).opened)


@pytest.mark.parametrize(("alloc", "error"), [("i32.const 0", MemoryLimit), ("i32.const 65530", Trap)])
def test_params_the_allocator_has_no_place_for(
    instantiate: Instantiate, shared: MakeShared, alloc: str, error: type[Exception]
) -> None:
    wat = TOP_DOWN % f"(if (result i32) (i32.eq (local.get 1) (i32.const 16)) (then {alloc}) (else i32.const 8192))"
    instance, _ = instantiate(wat, memory_bytes=1 << 20)
    frames = Frames(instance, memory_bytes=1 << 20)
    frames.open(shared(width=16, height=16).opened)
    with pytest.raises(error):
        process(frames)
