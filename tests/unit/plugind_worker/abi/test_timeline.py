from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from tests.unit.plugind_worker.supervisor import Instantiate, Write

from plugind_protocol.errors import FunctionNotFound, MemoryLimit, PluginError, Timeout, TooLarge, Trap, UnsupportedAbi
from plugind_worker.abi import recognise
from plugind_worker.abi.base import Abi
from plugind_worker.abi.timeline import MAX_ERROR_BYTES, TimelineAbi
from plugind_worker.engine.base import Engine

MAX = 1000
Start = Callable[..., Abi]


@pytest.fixture
def start(instantiate: Instantiate, guest_text: Write) -> Start:
    """Make an instance whose plugin_call has a body; return its ABI."""

    def make(body: str, *, more: str = "", **limits: Any) -> Abi:
        instance, module = instantiate(guest_text(body, more=more), **limits)
        return TimelineAbi(instance, module.exports, max_result_bytes=MAX)

    return make


def _returning(text: bytes | str, *, error: bool = False) -> tuple[str, str]:
    """Write a body that returns a constant text, and the data segment that holds it."""
    data = text if isinstance(text, bytes) else text.encode()
    escaped = "".join(f"\\{byte:02x}" for byte in data)
    bit = "(i64.or (i64.const 0x80000000)" if error else "(block (result i64)"
    return f"{bit} (call $pack (i32.const 1024) (i32.const {len(data)})))", f'(data (i32.const 1024) "{escaped}")'


def test_params_come_back(start: Start) -> None:
    abi = start("(call $pack (local.get $params) (local.get $params_len))")
    assert abi.call(b"echo", b'{"a":[1,2]}') == b'{"a":[1,2]}'
    assert abi.call(b"echo", b"") == b"null"


def test_the_method_name_comes_in_utf8(start: Start) -> None:
    abi = start("(call $pack (local.get $method) (local.get $method_len))")
    assert abi.call('"é"'.encode(), b"1") == '"é"'.encode()


def test_nothing_returned_is_null(start: Start) -> None:
    assert start("i64.const 0").call(b"f", b"1") == b"null"


_FREES = (
    "(i32.store8 (i32.const 1024) (i32.add (i32.const 48) (global.get $frees)))"
    " (call $pack (i32.const 1024) (i32.const 1))"
)
"""Answers with the number of times that memory was given back."""


def test_results_are_freed_each_call_and_the_memory_of_small_params_is_kept(start: Start) -> None:
    abi = start(_FREES)
    assert [abi.call(b"f", b"1") for _ in range(3)] == [b"0", b"1", b"2"]


def test_large_params_are_freed_each_call(start: Start) -> None:
    abi = start(_FREES)
    large = b'"' + bytes(5000).replace(b"\0", b"x") + b'"'
    assert [abi.call(b"f", large) for _ in range(3)] == [b"0", b"2", b"4"]


def test_a_guest_that_has_no_room_to_keep_any_is_called_all_the_same(instantiate: Instantiate) -> None:
    room = "(if (result i32) (i32.gt_u (local.get 0) (i32.const 64)) (then (i32.const 0)) (else (i32.const 8)))"
    instance, module = instantiate(_with_alloc(room))
    abi = TimelineAbi(instance, module.exports, max_result_bytes=MAX)
    assert [abi.call(b"f", b"1") for _ in range(2)] == [b"null", b"null"]
    with pytest.raises(MemoryLimit, match="66 bytes"):
        abi.call(b"f", bytes(65))


def test_line_breaks_of_a_result_do_not_travel(start: Start) -> None:
    body, data = _returning('{\n"a":\r\n1}')
    assert start(body, more=data).call(b"f", b"1") == b'{ "a":  1}'


@pytest.mark.parametrize("text", [b"{", b'"\xff"', b"NaN", b"1 2", b"[" * 900, b'"\xed\xa0\x80"', b"\0"])
def test_a_result_that_is_no_json_is_a_plugin_error(start: Start, text: bytes | str) -> None:
    body, data = _returning(text)
    with pytest.raises(PluginError, match="not a UTF-8 JSON text") as caught:
        start(body, more=data).call(b"f", b"1")
    assert caught.value.data.cause == "protocol"


@pytest.mark.parametrize(
    ("pointer", "length"),
    [(0x7FFFFFFF, 1), (0xFFFFFFFF, 2), (131071, 2), (0, 0x7FFFFFFF), (0xFFFFFFFF, 0x7FFFFFFF), (200_000, 999_999)],
)
def test_a_result_that_lies_about_its_place_is_a_trap(start: Start, pointer: int, length: int) -> None:
    abi = start(f"(call $pack (i32.const {pointer}) (i32.const {length}))")
    with pytest.raises(Trap, match="plugin_call returned a pointer out of bounds") as caught:
        abi.call(b"f", b"1")
    assert caught.value.data.cause == "trap"


def test_a_result_over_the_limit_is_not_copied(start: Start) -> None:
    abi = start(f"(call $pack (i32.const 1024) (i32.const {MAX + 1}))")
    with pytest.raises(TooLarge, match="1001 bytes, over the limit of 1000") as caught:
        abi.call(b"f", b"1")
    assert caught.value.data.cause == "limit"


def test_the_guests_own_error_is_kept(start: Start) -> None:
    body, data = _returning('{"code":7,"message":"no such clip","data":{"id":[1]}}', error=True)
    with pytest.raises(PluginError, match="no such clip") as caught:
        start(body, more=data).call(b"f", b"1")
    error = caught.value.data.error
    assert error is not None
    assert (error.code, error.message, error.data) == (7, "no such clip", {"id": [1]})
    assert caught.value.data.cause is None


@pytest.mark.parametrize("text", ["5", '{"code":1}', '{"code":"1","message":"x"}', '{"message":"x"}', "{", "null"])
def test_a_malformed_error_object_is_a_plugin_error_that_says_so(start: Start, text: bytes | str) -> None:
    body, data = _returning(text, error=True)
    with pytest.raises(PluginError, match=r"no error object|not a UTF-8 JSON"):
        start(body, more=data).call(b"f", b"1")


def test_an_error_without_text_is_a_plugin_error(start: Start) -> None:
    with pytest.raises(PluginError, match="no error object"):
        start("(i64.const 0x80000000)").call(b"f", b"1")


def test_a_huge_error_object_keeps_its_message_only(instantiate: Instantiate, guest_text: Write) -> None:
    wat = guest_text("(i64.or (i64.const 0x80000000) (call $pack (local.get $params) (local.get $params_len)))")
    instance, module = instantiate(wat)
    abi = TimelineAbi(instance, module.exports, max_result_bytes=1 << 20)
    params = msgspec.json.encode({"code": 1, "message": "big", "data": "x" * MAX_ERROR_BYTES})
    with pytest.raises(PluginError, match="big") as caught:
        abi.call(b"f", params)
    error = caught.value.data.error
    assert error is not None
    assert (error.code, error.data) == (1, None)


def test_a_method_the_guest_does_not_have(start: Start) -> None:
    body, data = _returning('{"code":-32601,"message":"?"}', error=True)
    abi = start(body, more=data)
    with pytest.raises(FunctionNotFound, match="'spin'"):
        abi.call(b"spin", b"1")
    assert abi.hook(b"lifecycle.load", b"1") is None


def test_a_hook_that_fails_is_a_plugin_error(start: Start) -> None:
    body, data = _returning('{"code":1,"message":"not today"}', error=True)
    with pytest.raises(PluginError, match="not today"):
        start(body, more=data).hook(b"main", b"1")


def test_a_trap_in_the_call_comes_with_its_stack(start: Start) -> None:
    with pytest.raises(Trap, match="unreachable") as caught:
        start("unreachable").call(b"f", b"1")
    assert caught.value.data.stack == ["call"]


def _with_alloc(alloc: str, call: str = "i64.const 0") -> str:
    return f"""(module (memory (export "memory") 1)
      (func (export "plugin_alloc") (param i32 i32) (result i32) {alloc})
      (func (export "plugin_free") (param i32 i32 i32))
      (func (export "plugin_call") (param i32 i32 i32 i32) (result i64) {call}))"""


@pytest.mark.parametrize(
    ("alloc", "error", "message"),
    [
        ("i32.const 0", MemoryLimit, "plugin_alloc has no"),
        ("i32.const -1", Trap, "plugin_alloc returned a pointer out of bounds"),
        ("i32.const 65535", Trap, "plugin_alloc returned a pointer out of bounds"),
        ("unreachable", Trap, "unreachable"),
    ],
)
def test_an_allocator_that_fails_or_lies(
    instantiate: Instantiate, alloc: str, error: type[Exception], message: str
) -> None:
    instance, module = instantiate(_with_alloc(alloc))
    with pytest.raises(error, match=message):
        TimelineAbi(instance, module.exports, max_result_bytes=MAX).call(b"f", b"123")


def test_params_the_guest_has_no_memory_for(start: Start) -> None:
    abi = start("i64.const 0", memory_bytes=3 * 65536)
    with pytest.raises(MemoryLimit) as caught:
        abi.call(b"f", b'"' + b"x" * 200_000 + b'"')
    assert caught.value.data.cause == "memory"


def test_an_interrupt_in_the_call_is_a_timeout(engine: Engine, start: Start) -> None:
    abi = start("(loop br 0) unreachable")
    engine.interrupt()
    with pytest.raises(Timeout):
        abi.call(b"f", b"1")


def test_another_version_of_the_abi_is_refused(instantiate: Instantiate) -> None:
    wat = _with_alloc("i32.const 8")[:-1] + '(func (export "plugin_abi") (result i32) i32.const 2))'
    instance, module = instantiate(wat)
    with pytest.raises(UnsupportedAbi, match="version 2"):
        TimelineAbi(instance, module.exports, max_result_bytes=MAX)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"memory"', '"mem"', "exports no memory named memory"),
        ('"plugin_alloc"', '"alloc"', "exports no plugin_alloc"),
        ('"plugin_free"', '"free"', "exports no plugin_free"),
        (
            '"plugin_free") (param i32 i32 i32)',
            '"plugin_free") (param i32 i32)',
            r"plugin_free as \(i32, i32\) -> \(\)",
        ),
        ("(result i64) i64.const 0", "(result i32) i32.const 0", r"plugin_call as .* but it must be .* -> \(i64\)"),
        (
            '"memory") 1)',
            '"memory") 1) (func (export "plugin_process_frame"))',
            r"plugin_process_frame as \(\) -> \(\)",
        ),
        ('"memory") 1)', '"memory") 1) (func (export "plugin_abi") (result i64) i64.const 1)', "plugin_abi as"),
        (
            '(func (export "plugin_free") (param i32 i32 i32))',
            '(global (export "plugin_free") i32 (i32.const 0))',
            "as a global",
        ),
    ],
)
def test_exports_that_break_the_abi_are_named(engine: Engine, old: str, new: str, message: str) -> None:
    wat = _with_alloc("i32.const 8")
    assert old in wat
    module = engine.compile(engine.assemble(wat.replace(old, new).encode()))
    with pytest.raises(UnsupportedAbi, match=message):
        recognise(module.exports, module.imports)


def test_a_module_of_the_abi_is_recognised(engine: Engine) -> None:
    module = engine.compile(engine.assemble(_with_alloc("i32.const 8").encode()))
    assert recognise(module.exports, module.imports) == ("timeline", [])
