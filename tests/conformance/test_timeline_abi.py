"""Timeline ABI 1: calls, results, errors, the guest's allocator, and guests that break it."""

import pytest
from tests.conformance.guests import said, text, timeline
from tests.conformance.running import Start

from plugind_protocol.errors import (
    FunctionNotFound,
    MemoryLimit,
    PlugindError,
    PluginError,
    TooLarge,
    Trap,
    UnsupportedAbi,
)

pytestmark = [pytest.mark.anyio, pytest.mark.process]

OWN_ERROR = '{"code":7,"message":"no such clip","data":{"clip":3}}'
METHODS = {
    "echo": "(call $pack (local.get $params) (local.get $params_len))",
    "method": "(call $pack (global.get $quoted) (call $quote (local.get $method) (local.get $method_len)))",
    "mëthod": "(call $pack (global.get $quoted) (call $quote (local.get $method) (local.get $method_len)))",
    "nil": "(i64.const 0)",
    "frees": "(call $number (global.get $frees))",
    "own_error": f"(i64.or {said(256, OWN_ERROR)} (i64.const 0x80000000))",
    "not_an_error": f"(i64.or {said(100, '[1,2]')} (i64.const 0x80000000))",
    "no_json": said(112, "{broken"),
    "no_utf8_text": "(call $pack (i32.const 128) (i32.const 4))",
    "two_lines": said(140, "[1,\n2]"),
    "far": "(call $pack (i32.const -8) (i32.const 100))",
    "a_gigabyte": "(call $pack (i32.const 1024) (i32.const 0x40000000))",
    "over_the_limit": "(call $pack (i32.const 0) (i32.const 4097))",
    "allocated_result": "(call $pack (call $alloc (i32.const 0x7fffff) (i32.const 1)) (i32.const 0x7fffff))",
}
QUOTE = r"""
  (global $quoted i32 (i32.const 2048))
  (func $quote (param $from i32) (param $len i32) (result i32)
    (i32.store8 (i32.const 2048) (i32.const 34))
    (memory.copy (i32.const 2049) (local.get $from) (local.get $len))
    (i32.store8 (i32.add (i32.const 2049) (local.get $len)) (i32.const 34))
    (i32.add (local.get $len) (i32.const 2)))
"""
GUEST = timeline(
    METHODS,
    more=QUOTE
    + text(256, OWN_ERROR)
    + text(100, "[1,2]")
    + text(112, "{broken")
    + text(140, "[1,\n2]")
    + r'(data (i32.const 128) "\"\ff\fe\"")',
)


@pytest.mark.parametrize("params", [None, 1, "ünï😀", [1, [2, {"three": 4.5}]], {"a": "x" * 5000}])
async def test_params_and_results_are_any_json(start: Start, params: object) -> None:
    guest = await start(GUEST)
    assert await guest.call("echo", params) == params


async def test_the_method_is_told_and_nothing_is_null(start: Start) -> None:
    guest = await start(GUEST)
    assert await guest.call("method") == "method"
    assert await guest.call("mëthod") == "mëthod"
    assert await guest.call("nil") is None
    assert await guest.call("two_lines") == [1, 2]


async def test_results_are_freed_and_so_are_large_params(start: Start) -> None:
    guest = await start(GUEST)
    assert await guest.call("frees") == 0
    assert await guest.call("frees") == 1  # the result of the first; memory of small params is kept
    assert await guest.call("nil") is None
    assert await guest.call("nil", "x" * 5000) is None
    assert await guest.call("frees") == 3  # the result of the second, and the params of the fourth


async def test_errors_of_the_guest(start: Start) -> None:
    guest = await start(GUEST)
    with pytest.raises(PluginError, match="no such clip") as caught:
        await guest.call("own_error")
    error = caught.value.data.error
    assert error is not None
    assert (error.code, error.message, error.data) == (7, "no such clip", {"clip": 3})
    with pytest.raises(FunctionNotFound, match="has no function 'unheard of'"):
        await guest.call("unheard of")
    assert await guest.worker.hook("lifecycle.activate", timeout=5) == b"null"


@pytest.mark.parametrize(
    ("method", "error", "cause", "message"),
    [
        ("not_an_error", PluginError, "protocol", "no error object"),
        ("no_json", PluginError, "protocol", "not a UTF-8 JSON text"),
        ("no_utf8_text", PluginError, "protocol", "not a UTF-8 JSON text"),
        ("far", Trap, "trap", "out of bounds"),
        ("a_gigabyte", Trap, "trap", "out of bounds"),
        ("over_the_limit", TooLarge, "limit", "returned 4097 bytes, over the limit of 4096"),
    ],
)
async def test_results_that_lie(start: Start, method: str, error: type[PlugindError], cause: str, message: str) -> None:
    guest = await start(GUEST, message_bytes=4096)
    with pytest.raises(error, match=message) as caught:
        await guest.call(method)
    data = caught.value.data
    assert (data.plugin_id, data.version, data.cause) == ("guest", "1.2.3", cause)
    assert await guest.call("echo", [1]) == [1]


async def test_a_large_result(start: Start) -> None:
    guest = await start(GUEST)
    text_of_a_million = "x" * 1_000_000
    assert await guest.call("echo", text_of_a_million) == text_of_a_million
    with pytest.raises(TooLarge):
        await guest.call("allocated_result")


@pytest.mark.parametrize(
    ("alloc", "error", "message"),
    [
        ("(i32.const 0)", MemoryLimit, "plugin_alloc has no"),
        ("(i32.const -4)", Trap, "pointer out of bounds"),
        ("(i32.const 131071)", Trap, "pointer out of bounds"),
        ("(unreachable)", Trap, "unreachable"),
    ],
)
async def test_an_allocator_that_fails_or_lies(
    start: Start, alloc: str, error: type[PlugindError], message: str
) -> None:
    runtime = f"""(memory (export "memory") 2) (func (export "plugin_free") (param i32 i32 i32))
      (func (export "plugin_alloc") (param i32 i32) (result i32) {alloc})"""
    guest = await start(timeline("(i64.const 0)", runtime=runtime))
    with pytest.raises(error, match=message):
        await guest.call("f")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('(memory (export "memory") 2)', "(memory 2)", "exports no memory"),
        ('(export "plugin_free")', "", "exports no plugin_free"),
        ('(export "plugin_free") (param i32 i32 i32)', '(export "plugin_free") (param i32 i64 i32)', "plugin_free as"),
    ],
)
async def test_exports_that_break_the_abi(start: Start, old: str, new: str, message: str) -> None:
    module = timeline("(i64.const 0)")
    assert old in module
    with pytest.raises(UnsupportedAbi, match=message):
        await start(module.replace(old, new))


async def test_the_version_of_the_abi(start: Start) -> None:
    module = timeline("(i64.const 0)", more='(func (export "plugin_abi") (result i32) (i32.const 1))')
    assert await (await start(module)).call("f") is None
    for version in (0, 2):
        with pytest.raises(UnsupportedAbi, match=f"version {version} of the timeline ABI"):
            await start(module.replace("(i32.const 1))\n", f"(i32.const {version}))\n"))


async def test_start_and_initialize_run_once_and_in_order(start: Start) -> None:
    more = """
      (global $order (mut i32) (i32.const 0))
      (func $note (param i32)
        (global.set $order (i32.add (i32.mul (global.get $order) (i32.const 10)) (local.get 0))))
      (func $begin (call $note (i32.const 1)))
      (start $begin)
      (func (export "_initialize") (call $note (i32.const 2)))
    """
    guest = await start(timeline("(call $number (global.get $order))", more=more))
    assert await guest.call("f") == 12
