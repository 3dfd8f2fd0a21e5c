"""What the worker does with a module that runs scripts; the real one is in tests/integration/test_scripts.py."""

from collections.abc import Callable

import pytest
from tests.unit.plugind_worker.supervisor import Instantiate, Write

from plugind_protocol.errors import MemoryLimit, PluginError, Trap, UnsupportedAbi
from plugind_worker.abi import recognise
from plugind_worker.abi.javascript import JavaScriptAbi
from plugind_worker.abi.numeric import NumericAbi
from plugind_worker.abi.timeline import TimelineAbi

Start = Callable[..., JavaScriptAbi]
PLACE = 2048


@pytest.fixture
def start(instantiate: Instantiate, guest_text: Write) -> Start:
    """Make an instance whose script_load answers with a constant text; its calls answer what it was given."""

    def make(text: str = "", *, error: bool = True) -> JavaScriptAbi:
        packed = (PLACE << 32 | (1 << 31 if error else 0) | len(text)) if text else 0
        quoted = text.replace('"', "\\22")
        load = f"""
            (data (i32.const {PLACE}) "{quoted}")
            (global $given (mut i64) (i64.const 0))
            (func (export "script_load") (param $at i32) (param $size i32) (result i64)
              (global.set $given (call $pack (local.get $at) (local.get $size)))
              (i64.const {packed}))"""
        instance, module = instantiate(guest_text("(global.get $given)", more=load))
        return JavaScriptAbi(instance, module.exports, max_result_bytes=1000)

    return make


def test_the_script_lies_in_the_guests_memory(start: Start) -> None:
    abi = start()
    abi.begin(b'"the script"')
    assert abi.call(b"f", b"1") == b'"the script"'


def test_an_error_has_its_name_and_its_place(start: Start) -> None:
    abi = start('{"code":1,"message":"boom","data":{"name":"TypeError","at":"index.ts:3:9"}}')
    with pytest.raises(PluginError) as raised:
        abi.begin(b"x")
    assert raised.value.message == "TypeError: boom (at index.ts:3:9)"
    assert raised.value.data.error is not None
    assert (raised.value.data.error.message, raised.value.data.error.code) == ("boom", 1)


@pytest.mark.parametrize("data", ["null", "[1]", '{"name":7,"at":[]}', '{"name":"","at":""}'])
def test_an_error_that_is_none_of_the_runtimes_is_told_as_it_is(start: Start, data: str) -> None:
    with pytest.raises(PluginError) as raised:
        start(f'{{"code":1,"message":"boom","data":{data}}}').begin(b"x")
    assert raised.value.message == "boom"


def test_memory_that_ran_out_is_the_limits_doing(start: Start) -> None:
    with pytest.raises(MemoryLimit):
        start('{"code":1,"message":"out of memory","data":{"name":"OutOfMemory"}}').begin(b"x")


def test_a_module_is_never_told_by_its_exports(instantiate: Instantiate, guest_text: Write) -> None:
    load = '(func (export "script_load") (param i32 i32) (result i64) (i64.const 0))'
    _, module = instantiate(guest_text("(i64.const 0)", more=load))
    assert recognise(module.exports, module.imports)[0] == "timeline"


def test_other_modules_run_no_scripts(instantiate: Instantiate, guest_text: Write) -> None:
    instance, module = instantiate(guest_text("(i64.const 0)"))
    for abi in (TimelineAbi, NumericAbi):
        with pytest.raises(UnsupportedAbi, match="runs no scripts"):
            abi(instance, module.exports, max_result_bytes=1000).begin(b"x")


def test_a_lying_allocator_traps(instantiate: Instantiate) -> None:
    text = """(module (memory (export "memory") 1)
        (func (export "plugin_alloc") (param i32 i32) (result i32) (i32.const 65530))
        (func (export "plugin_free") (param i32 i32 i32))
        (func (export "plugin_call") (param i32 i32 i32 i32) (result i64) (i64.const 0))
        (func (export "script_load") (param i32 i32) (result i64) (i64.const 0)))"""
    instance, module = instantiate(text)
    with pytest.raises(Trap, match="out of bounds"):
        JavaScriptAbi(instance, module.exports, max_result_bytes=1000).begin(b"more than six bytes")
