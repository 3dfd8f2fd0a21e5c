"""Host calls and log messages: what travels, what comes back, and guests that lie."""

from typing import Any

import pytest
from tests.conformance.guests import HOST_CALL, LOG, RUNTIME, text, timeline
from tests.conformance.running import Start
from tests.harness.engines import Expect

from plugind_protocol.errors import (
    ErrorObject,
    HostUnavailable,
    MemoryLimit,
    PermissionDenied,
    PlugindError,
    PluginError,
    Trap,
)

pytestmark = [pytest.mark.anyio, pytest.mark.process]

GUEST = timeline(
    {
        "ask": "(call $host_call (i32.const 64) (i32.const 8) (local.get $params) (local.get $params_len))",
        "bare": "(call $host_call (i32.const 64) (i32.const 8) (i32.const 0) (i32.const 0))",
        "twice": "(drop (call $host_call (i32.const 64) (i32.const 8) (i32.const 0) (i32.const 0)))"
        "(call $host_call (i32.const 64) (i32.const 8) (local.get $params) (local.get $params_len))",
        "far_method": "(call $host_call (i32.const -4) (i32.const 8) (i32.const 0) (i32.const 0))",
        "far_params": "(call $host_call (i32.const 64) (i32.const 8) (i32.const 131071) (i32.const 2))",
        "huge_params": "(call $host_call (i32.const 64) (i32.const 8) (i32.const 0) (i32.const -1))",
        "no_json": "(call $host_call (i32.const 64) (i32.const 8) (i32.const 64) (i32.const 8))",
        "log": "(call $log (i32.const 3) (i32.const 64) (i32.const 8)) (i64.const 0)",
        "log_level": "(call $log (i32.const 99) (i32.const 64) (i32.const 8)) (i64.const 0)",
        "far_log": "(call $log (i32.const 2) (i32.const 131071) (i32.const 2)) (i64.const 0)",
        "heap": "(call $number (global.get $heap))",
    },
    imports=HOST_CALL + LOG,
    more=text(64, "ui.panel"),
)


def echo(method: str, params: Any) -> Any:
    return [method, params]


async def test_a_host_call_and_its_answer(start: Start) -> None:
    guest = await start(GUEST, echo)
    assert await guest.call("ask", {"ünï": [1, 2.5, None]}) == ["ui.panel", {"ünï": [1, 2.5, None]}]
    assert await guest.call("bare") == ["ui.panel", None]
    assert await guest.call("twice", 7) == ["ui.panel", 7]
    assert [method for method, _ in guest.asked] == ["ui.panel"] * 4


async def test_null_takes_no_memory(start: Start) -> None:
    guest = await start(GUEST, lambda method, params: None)
    before = await guest.call("heap")
    assert await guest.call("bare") is None
    assert await guest.call("heap") == before


async def test_an_error_of_the_host_is_the_guests_to_pass_on(start: Start) -> None:
    def refuse(method: str, params: Any) -> Any:
        raise PermissionDenied("no permission ui.create", hint="grant it")

    guest = await start(GUEST, refuse)
    with pytest.raises(PluginError, match="no permission") as caught:
        await guest.call("ask")
    error = caught.value.data.error
    assert isinstance(error, ErrorObject)
    assert error.code == PermissionDenied.code
    assert error.data["kind"] == "PermissionDenied"


async def test_a_large_answer(start: Start) -> None:
    guest = await start(GUEST, lambda method, params: "x" * 900_000)
    assert await guest.call("ask") == "x" * 900_000


@pytest.mark.parametrize(
    ("method", "message"),
    [
        ("far_method", "host_call: pointer out of bounds"),
        ("far_params", "host_call: pointer out of bounds"),
        ("huge_params", "host_call: pointer out of bounds"),
        ("far_log", "log: 2 bytes at 131071"),
    ],
)
async def test_lying_pointers(start: Start, method: str, message: str, expect: Expect) -> None:
    guest = await start(GUEST, echo)
    with pytest.raises(Trap, match=message) as caught:
        await guest.call(method)
    stack = ["call"] if expect("a trap in a host function has the guest's stack") else None
    assert caught.value.data.stack == stack
    assert guest.asked == []
    assert await guest.call("ask", 1) == ["ui.panel", 1]


async def test_params_that_are_no_json_are_the_guests_error(start: Start) -> None:
    guest = await start(GUEST, echo)
    with pytest.raises(PluginError, match="must be UTF-8") as caught:
        await guest.call("no_json")
    assert caught.value.data.error is not None
    assert caught.value.data.error.code == -32700
    assert guest.asked == []


@pytest.mark.parametrize(
    ("alloc", "error", "message"),
    [
        ("(i32.const 0)", MemoryLimit, "has no 17 bytes for the answer"),
        ("(i32.const -2)", Trap, "plugin_alloc returned a pointer out of bounds"),
        ("(unreachable)", Trap, "unreachable instruction in alloc"),
        (
            "(i32.wrap_i64 (call $host_call (i32.const 64) (i32.const 8) (i32.const 0) (i32.const 0)))",
            Trap,
            "from inside plugin_alloc",
        ),
    ],
)
async def test_an_allocator_that_fails_or_lies(
    start: Start, alloc: str, error: type[PlugindError], message: str
) -> None:
    runtime = RUNTIME.replace(
        "(local $at i32)\n",
        f"(local $at i32) (if (i32.eq (local.get $size) (i32.const 17)) (then (return {alloc})))\n",
        1,
    )
    guest = await start(
        timeline(
            {"f": "(call $host_call (i32.const 64) (i32.const 8) (i32.const 0) (i32.const 0))"},
            imports=HOST_CALL,
            more=text(64, "ui.panel"),
            runtime=runtime,
        ),
        echo,
    )
    with pytest.raises(error, match=message):
        await guest.call("f")


async def test_log_messages(start: Start) -> None:
    guest = await start(GUEST)
    await guest.call("log")
    await guest.call("log_level")
    assert guest.logs == [(3, "ui.panel"), (4, "ui.panel")]


async def test_the_start_function_may_ask_and_log_like_any_other(start: Start) -> None:
    more = """
      (global $answer (mut i64) (i64.const 0))
      (func $begin
        (call $log (i32.const 2) (i32.const 64) (i32.const 8))
        (global.set $answer (call $host_call (i32.const 64) (i32.const 8) (i32.const 0) (i32.const 0))))
      (start $begin)"""
    module = timeline("(global.get $answer)", imports=HOST_CALL + LOG, more=more + text(64, "ui.panel"))
    failure = "host call during call 0, which does not run"
    with pytest.raises(PlugindError, match=failure):
        await start(module, echo)
    logging = module.replace("(global.set $answer (call $host_call", "(drop (call $pack64").replace(
        "(call $pack64 (i32.const 64) (i32.const 8) (i32.const 0) (i32.const 0))", "(i64.const 0)"
    )
    guest = await start(logging)
    assert guest.logs == [(2, "ui.panel")]


async def test_nobody_there_to_answer(start: Start) -> None:
    def nobody(method: str, params: Any) -> Any:
        raise HostUnavailable(f"{method}: nobody provides it")

    guest = await start(GUEST, nobody)
    with pytest.raises(PluginError, match="nobody provides it"):
        await guest.call("ask")
