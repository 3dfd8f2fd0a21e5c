import importlib.metadata
import platform
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.unit.plugind_worker.supervisor import Instantiate, function

from plugind_protocol.errors import MemoryLimit, Timeout, Trap
from plugind_worker.engine import load
from plugind_worker.engine.base import (
    Engine,
    EngineError,
    ExternKind,
    HostFunction,
    Instance,
    Limits,
    OutOfBoundsError,
    Signature,
)
from plugind_worker.engine.wasmtime import config


def test_the_fingerprint_tells_versions_apart(engine: Engine) -> None:
    assert engine.settings == config.fingerprint(engine.version)
    assert engine.settings != config.fingerprint("0")


def test_the_version_is_the_bindings(engine: Engine) -> None:
    assert engine.version == importlib.metadata.version("wasmtime")


def test_an_unknown_engine_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        load("v8")


@pytest.mark.threat("Guest", "invalid module, or a proposal that is off")
@pytest.mark.parametrize(
    "module",
    [
        '(func (export "f") (param externref))',
        '(type (struct)) (func (export "f"))',
        "(memory i64 1)",
        "(memory 1) (memory 1)",
        "(func $f return_call $f)",
        "(tag $t)",
        "(memory 1 1 shared)",
        "(func (param v128 v128 v128) (result v128) local.get 0 local.get 1 local.get 2 f32x4.relaxed_madd)",
        "(memory 1 (pagesize 1))",
        "(func (param i64 i64) (result i64 i64) local.get 0 local.get 1 i64.mul_wide_s)",
    ],
    ids=["externref", "gc", "memory64", "memories", "tail", "exceptions", "shared", "relaxed", "pagesize", "wide"],
)
def test_proposals_that_are_off_are_refused_with_a_reason(engine: Engine, module: str) -> None:
    wasm = engine.assemble(f"(module {module})".encode())
    with pytest.raises(EngineError, match=r"\w+") as caught:
        engine.compile(wasm)
    assert "\n" not in str(caught.value)


def test_proposals_that_are_on_compile(engine: Engine) -> None:
    text = b"""(module (memory 1) (table 2 funcref)
      (func (param v128) (result v128) local.get 0 i8x16.neg)
      (func (result i32 i32) i32.const 1 i32.const 2)
      (func (param i32 i32 i32) local.get 0 local.get 1 local.get 2 memory.fill)
      (func (param i32) (result i32) local.get 0 i32.extend8_s)
      (func (param f32) (result i32) local.get 0 i32.trunc_sat_f32_s))"""
    engine.compile(engine.assemble(text))


@pytest.mark.parametrize("wasm", [b"", b"\0asm", b"\0asm\1\0\0", b"\0asm\1\0\0\0\1\xff", b"(module)", b"\x7fELF"])
def test_bad_modules_have_a_reason_of_one_line(engine: Engine, wasm: bytes) -> None:
    with pytest.raises(EngineError) as caught:
        engine.compile(wasm)
    assert "\n" not in str(caught.value)


def test_bad_text_has_a_reason_with_its_place(engine: Engine) -> None:
    with pytest.raises(EngineError, match=r"extra tokens.* at line 2:11") as caught:
        engine.assemble(b"(module\n (func )) )")
    assert "\n" not in str(caught.value)


def test_imports_and_exports_are_described(engine: Engine) -> None:
    module = engine.compile(
        engine.assemble(
            b'(module (import "a" "b" (func (param i32 i64) (result f32 f64))) (memory (export "memory") 1)'
            b' (table (export "t") 1 funcref) (global (export "g") i32 (i32.const 0))'
            b' (func (export "f") (param funcref)))'
        )
    )
    ((imported),) = module.imports
    assert (imported.module, imported.name, str(imported.signature)) == ("a", "b", "(i32, i64) -> (f32, f64)")
    assert {e.name: e.kind for e in module.exports} == {
        "memory": ExternKind.MEMORY,
        "t": ExternKind.TABLE,
        "g": ExternKind.GLOBAL,
        "f": ExternKind.FUNCTION,
    }
    assert str(module.exports[3].signature) == "(a reference or vector) -> ()"


def test_numbers_go_in_and_out(instantiate: Instantiate) -> None:
    instance, _ = instantiate(
        '(module (func (export "all") (param i32 i64 f32 f64) (result f64 f32 i64 i32)'
        " local.get 3 local.get 2 local.get 1 local.get 0))"
    )
    assert function(instance, "all")(2**32 - 1, 2**64 - 1, 0.5, -2.25) == (-2.25, 0.5, 2**64 - 1, 2**32 - 1)
    assert instance.function("all") is instance.function("all")


def test_only_functions_of_numbers_are_found(instantiate: Instantiate) -> None:
    instance, _ = instantiate('(module (memory (export "memory") 1) (func (export "v") (param v128)))')
    assert instance.function("v") is None
    assert instance.function("memory") is None
    assert instance.function("nothing") is None


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("unreachable", "unreachable"),
        ("(drop (i32.div_s (i32.const 1) (i32.const 0)))", "divided by zero"),
        ("(drop (i32.div_s (i32.const 0x80000000) (i32.const -1)))", "overflow"),
        ("(drop (i32.load (i32.const 0x7fffffff)))", "out of bounds"),
        ("(drop (i32.trunc_f32_s (f32.const nan)))", "no integer"),
        ("(call_indirect (i32.const 0))", "null function"),
        ("(call_indirect (param i32) (i32.const 0) (i32.const 1))", "wrong signature"),
        ("(call_indirect (i32.const 99))", "table out of bounds"),
        ("call $inner", "ran out of stack"),
    ],
)
def test_traps_say_what_and_where(instantiate: Instantiate, body: str, message: str) -> None:
    instance, _ = instantiate(
        f"(module (memory 1) (table 2 funcref) (elem (i32.const 1) $inner) (func $inner {body})"
        ' (func $outer (export "f") call $inner))'
    )
    with pytest.raises(Trap, match=message) as caught:
        function(instance, "f")()
    assert caught.value.data.cause == "trap"
    stack = caught.value.data.stack or []
    assert stack == ["inner", "outer"] if message != "ran out of stack" else set(stack) == {"inner"}


def test_a_function_without_a_name_is_shown_by_its_index(instantiate: Instantiate) -> None:
    instance, _ = instantiate('(module (func) (func (export "f") unreachable))')
    with pytest.raises(Trap) as caught:
        function(instance, "f")()
    assert caught.value.data.stack == ["function 1"]


def test_an_interrupt_ends_a_loop_and_only_that(engine: Engine, instantiate: Instantiate) -> None:
    wat = '(module (func $spin (export "f") (loop br 0)) (func (export "g") (result i32) i32.const 3))'
    instance, _ = instantiate(wat)
    threading.Timer(0.05, engine.interrupt).start()
    with pytest.raises(Timeout, match="in spin") as caught:
        function(instance, "f")()
    assert caught.value.data.cause == "timeout"
    fresh, _ = instantiate(wat)
    assert function(fresh, "g")() == (3,)


@pytest.mark.threat("Guest", "infinite loop in bulk memory operations")
def test_an_interrupt_ends_endless_bulk_operations(engine: Engine, instantiate: Instantiate) -> None:
    instance, _ = instantiate(
        '(module (memory 1000) (func (export "f")'
        " (loop (memory.fill (i32.const 0) (i32.const 1) (i32.const 65536000)) (br 0))))"
    )
    threading.Timer(0.05, engine.interrupt).start()
    with pytest.raises(Timeout):
        function(instance, "f")()


def test_a_host_function_has_stack_left_wherever_the_guest_calls_it(instantiate: Instantiate) -> None:
    depths: list[int] = []

    def note(_instance: Instance, depth: int) -> int:
        depths.append(depth)
        return depth

    instance, _ = instantiate(
        '(module (import "m" "h" (func $h (param i32) (result i64)))'
        ' (func $down (export "f") (param i32)'
        " (drop (call $h (local.get 0))) (call $down (i32.add (local.get 0) (i32.const 1)))))",
        [_host(note)],
    )
    with pytest.raises(Trap, match="ran out of stack"):
        function(instance, "f")(0)
    assert len(depths) > 1000


def test_a_late_interrupt_is_forgotten_when_rearmed(engine: Engine, instantiate: Instantiate) -> None:
    instance, _ = instantiate('(module (func (export "g") (result i32) i32.const 3))')
    engine.interrupt()
    instance.rearm()
    assert function(instance, "g")() == (3,)


@pytest.mark.threat("Guest", "infinite loop in the start function")
def test_the_start_function_can_be_interrupted(engine: Engine, instantiate: Instantiate) -> None:
    threading.Timer(0.05, engine.interrupt).start()
    with pytest.raises(Timeout):
        instantiate("(module (func $s (loop br 0)) (start $s))")


def test_an_interrupt_that_came_early_stops_the_start(engine: Engine) -> None:
    module = engine.compile(engine.assemble(b"(module (func $s (loop br 0)) (start $s))"))
    limits = Limits(memory_bytes=1 << 20, table_elements=10)
    with pytest.raises(Timeout):
        engine.instantiate(module, [], limits=limits, interrupted=lambda: True)


@pytest.mark.threat("Guest", "memory and table bombs")
def test_memory_grows_to_the_cap_and_no_further(instantiate: Instantiate) -> None:
    instance, _ = instantiate(
        '(module (memory (export "memory") 1) (func (export "grow") (param i32) (result i32) local.get 0 memory.grow))',
        memory_bytes=10 * 65536,
    )
    grow = function(instance, "grow")
    assert grow(9) == (1,)
    assert grow(1) == (2**32 - 1,)
    assert instance.memory_size == 10 * 65536
    instance.limit_memory(11 * 65536)
    assert grow(1) == (10,)
    instance.limit_memory(65536)
    assert grow(1) == (2**32 - 1,)
    assert instance.read(11 * 65536 - 1, 1) == b"\0"


@pytest.mark.threat("Guest", "memory and table bombs")
def test_tables_grow_to_the_cap_and_no_further(instantiate: Instantiate) -> None:
    instance, _ = instantiate(
        "(module (table 1 funcref)"
        ' (func (export "grow") (param i32) (result i32) ref.null func local.get 0 table.grow))',
        table_elements=10,
    )
    assert function(instance, "grow")(9) == (1,)
    assert function(instance, "grow")(1) == (2**32 - 1,)


@pytest.mark.threat("Guest", "memory and table bombs")
@pytest.mark.parametrize("declared", ["(memory 65536)", "(memory 100)", "(table 5000000 funcref)"])
def test_wanting_too_much_from_the_start_is_a_memory_limit(instantiate: Instantiate, declared: str) -> None:
    with pytest.raises(MemoryLimit) as caught:
        instantiate(f"(module {declared})", memory_bytes=1 << 20)
    assert caught.value.data.cause == "memory"


@pytest.mark.parametrize(
    ("pointer", "length"),
    [(65536, 1), (65535, 2), (0, 65537), (2**32 - 1, 1), (0, 2**32 - 1), (2**32 - 1, 2**32 - 1)],
)
def test_memory_outside_is_out_of_reach(instantiate: Instantiate, pointer: int, length: int) -> None:
    instance, _ = instantiate('(module (memory (export "memory") 1))')
    with pytest.raises(OutOfBoundsError):
        instance.read(pointer, length)
    with pytest.raises(OutOfBoundsError):
        instance.address(pointer, length)
    with pytest.raises(OutOfBoundsError):
        instance.write(pointer, bytes(min(length, 70000)) if length > 65536 or pointer > 65536 else bytes(length))


def test_memory_inside_is_read_and_written_to_its_last_byte(instantiate: Instantiate) -> None:
    instance, _ = instantiate('(module (memory (export "memory") 1))')
    instance.write(65534, b"ab")
    assert instance.read(65530, 6) == b"\0\0\0\0ab"
    assert instance.read(65536, 0) == b""


def test_a_module_without_memory_has_none(instantiate: Instantiate) -> None:
    instance, _ = instantiate("(module (memory 1))")
    assert instance.memory_size == 0
    with pytest.raises(OutOfBoundsError):
        instance.read(0, 1)


def _host(handler: Callable[..., Any], signature: str = "i32 -> i64") -> HostFunction:
    return HostFunction("m", "h", Signature.parse(signature), handler)


HOST_CALLER = (
    '(module (import "m" "h" (func $h (param i32) (result i64))) (memory (export "memory") 1)'
    ' (func $outer (export "f") (param i32) (result i64) local.get 0 call $h)'
    ' (func $deep (export "g") (param i32) (result i32) local.get 0 i32.const 1 i32.add)'
    ' (func $bad (export "b") unreachable))'
)


def test_host_functions_take_and_return_numbers(instantiate: Instantiate) -> None:
    instance, _ = instantiate(HOST_CALLER, [_host(lambda _instance, x: x * 2**31)])
    assert function(instance, "f")(3) == (3 * 2**31,)


def test_what_a_host_function_raises_comes_out_of_the_call(instantiate: Instantiate) -> None:
    def fail(_instance: Instance, _x: int) -> int:
        raise LookupError("no such thing")

    instance, _ = instantiate(HOST_CALLER, [_host(fail)])
    with pytest.raises(LookupError, match="no such thing"):
        function(instance, "f")(1)


def test_a_typed_error_of_a_host_function_gets_the_guests_stack(instantiate: Instantiate) -> None:
    def fail(_instance: Instance, _x: int) -> int:
        raise Trap("lied")

    instance, _ = instantiate(HOST_CALLER, [_host(fail)])
    with pytest.raises(Trap, match="lied") as caught:
        function(instance, "f")(1)
    assert caught.value.data.stack == ["outer"]


def test_a_host_function_may_call_the_guest(instantiate: Instantiate) -> None:
    instance, _ = instantiate(HOST_CALLER, [_host(lambda caller, x: function(caller, "g")(x)[0])])
    assert function(instance, "f")(41) == (42,)


def test_a_trap_in_a_nested_call_comes_out_as_it_is(instantiate: Instantiate) -> None:
    instance, _ = instantiate(HOST_CALLER, [_host(lambda caller, _x: function(caller, "b")())])
    with pytest.raises(Trap, match="unreachable") as caught:
        function(instance, "f")(1)
    assert caught.value.data.stack == ["bad", "outer"]


def test_the_start_function_may_use_memory_and_call_back(instantiate: Instantiate) -> None:
    seen: list[tuple[bytes, int]] = []

    def look(caller: Instance, x: int) -> int:
        seen.append((caller.read(0, 2), function(caller, "g")(x)[0]))
        return 0

    instance, _ = instantiate(
        HOST_CALLER[:-1] + ' (data (i32.const 0) "hi") (func $s i32.const 4 call $h drop) (start $s))', [_host(look)]
    )
    assert seen == [(b"hi", 5)]
    assert function(instance, "g")(1) == (2,)


def test_an_import_nobody_offers_is_an_engine_error(instantiate: Instantiate) -> None:
    with pytest.raises(EngineError, match="m::h"):
        instantiate(HOST_CALLER)


def test_artefacts_load_from_a_file_and_damaged_ones_do_not(engine: Engine, tmp_path: Path) -> None:
    module = engine.compile(engine.assemble(b'(module (func (export "f") (result i32) i32.const 9))'))
    path = tmp_path / "artefact"
    path.write_bytes(module.serialize())
    with path.open("rb") as file:
        loaded = engine.load(file.fileno())
    instance = engine.instantiate(loaded, [], limits=Limits(memory_bytes=1 << 20, table_elements=10))
    assert function(instance, "f")() == (9,)
    instance.close()
    for damaged in (b"", b"junk" * 100, module.serialize()[:-100]):
        path.write_bytes(damaged)
        with path.open("rb") as file, pytest.raises(EngineError):
            engine.load(file.fileno())


def test_what_is_compiled_quickly_is_run_by_a_quick_sibling_only(engine: Engine, tmp_path: Path) -> None:
    if engine.quick_settings is None:
        pytest.skip("there is no quick compiler for this machine")
    quick = engine.sibling(quick=True)
    assert quick.settings == engine.quick_settings == quick.quick_settings
    assert quick.settings != engine.settings
    module = quick.compile(quick.assemble(b'(module (func (export "f") (result i32) i32.const 9))'))
    path = tmp_path / "artefact"
    path.write_bytes(module.serialize())
    with path.open("rb") as file:
        instance = quick.instantiate(
            quick.load(file.fileno()), [], limits=Limits(memory_bytes=1 << 20, table_elements=10)
        )
        assert function(instance, "f")() == (9,)
        instance.close()
        with pytest.raises(EngineError, match="Winch"):
            engine.load(file.fileno())


def test_machines_without_a_quick_compiler_for_untrusted_code_have_none(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    assert engine.sibling().quick_settings is None
    with pytest.raises(EngineError, match="no quick compiler"):
        engine.sibling(quick=True)


_SIBLINGS = """
from plugind_worker.engine import load
from plugind_worker.engine.base import HostFunction, Limits, Signature

first = load("wasmtime")
answer = HostFunction("host", "answer", Signature.parse("-> i32"), lambda _: 42)
text = b'(module (import "host" "answer" (func $f (result i32))) (export "f" (func $f)))'
for engine in (first, first.sibling(), first.sibling()):
    module = engine.compile(engine.assemble(text))
    instance = engine.instantiate(module, [answer], limits=Limits(memory_bytes=0, table_elements=0))
    print(*instance.function("f")())
"""


@pytest.mark.process
def test_siblings_in_one_process_share_host_functions() -> None:
    """What belongs to one engine must not reach another: the library would abort."""
    done = subprocess.run([sys.executable, "-c", _SIBLINGS], capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["42"] * 3, done.stderr[-500:]
