"""The part of WASI that plugins have: clocks, random numbers, printing; nothing else, and lying pointers are EFAULT."""

import time

import pytest
from tests.conformance.guests import timeline, wasi
from tests.conformance.running import Start

from plugind_protocol.errors import Trap, UnsupportedAbi

pytestmark = [pytest.mark.anyio, pytest.mark.process]

I32 = "(result i32)"
IMPORTS = "".join(
    (
        wasi("fd_write", f"(param i32 i32 i32 i32) {I32}"),
        wasi("clock_time_get", f"(param i32 i64 i32) {I32}"),
        wasi("clock_res_get", f"(param i32 i32) {I32}"),
        wasi("random_get", f"(param i32 i32) {I32}"),
        wasi("environ_sizes_get", f"(param i32 i32) {I32}"),
        wasi("environ_get", f"(param i32 i32) {I32}"),
        wasi("args_sizes_get", f"(param i32 i32) {I32}"),
        wasi("args_get", f"(param i32 i32) {I32}"),
        wasi("fd_prestat_get", f"(param i32 i32) {I32}"),
        wasi("fd_fdstat_get", f"(param i32 i32) {I32}"),
        wasi("fd_close", f"(param i32) {I32}"),
        wasi("fd_seek", f"(param i32 i64 i32 i32) {I32}"),
        wasi("sched_yield", I32),
        wasi("proc_exit", "(param i32)"),
    )
)
EFAULT, EBADF, EINVAL, ESPIPE = 21, 8, 28, 70
HELLO = r'(data (i32.const 64) "hello\n\60\00\00\00\03\00\00\00") (data (i32.const 96) "abc")'
VECTORS = """
  (func $vectors
    (i32.store (i32.const 128) (i32.const 64)) (i32.store (i32.const 132) (i32.const 6))
    (i32.store (i32.const 136) (i32.const 96)) (i32.store (i32.const 140) (i32.const 3)))
"""


def guest_of(**methods: str) -> str:
    """Write a guest whose methods each answer with a number."""
    code = {name: f"(call $number {body})" for name, body in methods.items()}
    return timeline(code, imports=IMPORTS, more=HELLO + VECTORS)


GUEST = guest_of(
    out="(call $vectors) (call $fd_write (i32.const 1) (i32.const 128) (i32.const 2) (i32.const 200))",
    err="(call $vectors) (call $fd_write (i32.const 2) (i32.const 128) (i32.const 1) (i32.const 200))",
    written="(i32.load (i32.const 200))",
    stdin="(call $fd_write (i32.const 0) (i32.const 128) (i32.const 1) (i32.const 200))",
    clock="(call $clock_time_get (i32.const 0) (i64.const 0) (i32.const 208))",
    seconds="(i32.wrap_i64 (i64.div_u (i64.load (i32.const 208)) (i64.const 1000000000)))",
    monotonic="(call $clock_time_get (i32.const 1) (i64.const 0) (i32.const 208))",
    cputime="(call $clock_time_get (i32.const 2) (i64.const 0) (i32.const 208))",
    resolution="(call $clock_res_get (i32.const 1) (i32.const 208))",
    random="(call $random_get (i32.const 256) (i32.const 64))",
    drawn="(i32.and (i32.xor (i32.load (i32.const 256)) (i32.load (i32.const 300))) (i32.const 0x7fffffff))",
    environment="(call $environ_sizes_get (i32.const 208) (i32.const 212))",
    environ="(call $environ_get (i32.const 208) (i32.const 212))",
    arguments="(call $args_sizes_get (i32.const 208) (i32.const 212))",
    args="(call $args_get (i32.const 208) (i32.const 212))",
    sizes="(i32.or (i32.load (i32.const 208)) (i32.load (i32.const 212)))",
    prestat="(call $fd_prestat_get (i32.const 3) (i32.const 208))",
    fdstat="(call $fd_fdstat_get (i32.const 1) (i32.const 208))",
    close="(call $fd_close (i32.const 5))",
    seek="(call $fd_seek (i32.const 1) (i64.const 0) (i32.const 0) (i32.const 208))",
    tell="(call $sched_yield)",
    lie_out="(call $fd_write (i32.const 1) (i32.const -8) (i32.const 1) (i32.const 200))",
    lie_size="(call $vectors) (i32.store (i32.const 132) (i32.const -1))"
    "(call $fd_write (i32.const 1) (i32.const 128) (i32.const 1) (i32.const 200))",
    lie_clock="(call $clock_time_get (i32.const 0) (i64.const 0) (i32.const 131071))",
    lie_random="(call $random_get (i32.const 131000) (i32.const 1000))",
    lie_random2="(call $random_get (i32.const 0) (i32.const -1))",
)


async def test_printing_reaches_the_console_by_lines(start: Start) -> None:
    guest = await start(GUEST)
    assert await guest.call("out") == 0
    assert await guest.call("written") == 9
    assert await guest.call("err") == 0
    assert guest.logs == [(2, "hello"), (2, "abc"), (4, "hello")]


async def test_clocks_and_random_numbers(start: Start) -> None:
    guest = await start(GUEST)
    assert await guest.call("clock") == 0
    assert abs(await guest.call("seconds") - time.time() % 2**32) < 5
    assert await guest.call("monotonic") == 0
    assert await guest.call("resolution") == 0
    assert await guest.call("random") == 0
    first = await guest.call("drawn")
    assert await guest.call("random") == 0
    assert await guest.call("drawn") != first


@pytest.mark.parametrize(
    ("method", "number"),
    [
        ("stdin", EBADF),
        ("cputime", EINVAL),
        ("environment", 0),
        ("environ", 0),
        ("arguments", 0),
        ("args", 0),
        ("prestat", EBADF),
        ("fdstat", 0),
        ("close", EBADF),
        ("seek", ESPIPE),
        ("tell", 0),
        ("lie_out", EFAULT),
        ("lie_size", EFAULT),
        ("lie_clock", EFAULT),
        ("lie_random", EFAULT),
        ("lie_random2", EFAULT),
    ],
)
async def test_what_each_function_answers(start: Start, method: str, number: int) -> None:
    guest = await start(GUEST)
    assert await guest.call(method) == number
    if method in ("environment", "arguments"):
        assert await guest.call("sizes") == 0


async def test_exit_ends_the_call_and_not_the_worker(start: Start) -> None:
    guest = await start(guest_of(leave="(call $proc_exit (i32.const 3)) (i32.const 0)", stay="(i32.const 1)"))
    with pytest.raises(Trap, match="plugin exited with 3"):
        await guest.call("leave")
    assert await guest.call("stay") == 1
    assert guest.worker.alive


@pytest.mark.parametrize(
    ("item", "message"),
    [
        (wasi("path_open", f"(param i32) {I32}"), "wasi_snapshot_preview1.path_open"),
        (wasi("fd_read", f"(param i32 i32 i32 i32) {I32}"), "wasi_snapshot_preview1.fd_read"),
        (wasi("random_get", f"(param i64 i32) {I32}"), r"random_get as \(i64, i32\)"),
        ('(import "env" "memory" (memory 1))', "imports the memory env.memory"),
        ('(import "plugind" "memory" (memory 1))', "imports the memory plugind.memory"),
        ('(import "env" "table" (table 1 funcref))', "imports the table env.table"),
        ('(import "env" "global" (global i32))', "imports the global env.global"),
        ('(import "timeline" "shell" (func))', "imports timeline.shell"),
    ],
)
async def test_other_imports_are_refused_by_name(start: Start, item: str, message: str) -> None:
    runtime = '(func (export "f"))'
    with pytest.raises(UnsupportedAbi, match=message):
        await start(f"(module {item} {runtime})")
