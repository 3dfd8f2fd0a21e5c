"""The reader of sections: strict, bounded, and of the same opinion as the engine's own."""

import contextlib
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fakes import wasm as w

from plugind_protocol.errors import PackageInvalid
from plugind_worker import sections
from plugind_worker.caps import CAPS, Extent
from plugind_worker.engine.base import Engine, EngineError

EMPTY = b"\0" + w.END


def test_everything_is_counted(engine: Engine) -> None:
    found = sections.measure(
        engine.assemble(b"""(module
          (type (func (param i32 i64) (result f32)))
          (import "timeline" "log" (func (param i32 i32 i32)))
          (import "env" "\\c3\\a9" (global i32))
          (table 7 funcref) (table 3 9 funcref) (memory 5 6) (global i32 (i32.const 1)) (global f64 (f64.const 1))
          (func (export "f") (local i32 i32 i64)) (func (export "gh") (local f32) nop nop) (func)
          (elem (i32.const 0) 0 1) (data (i32.const 0) "abc") (data "def") (@custom "note" "anything"))
        """)
    )
    assert found == Extent(
        module_bytes=found.module_bytes,
        types=3,
        type_values=6,
        imports=2,
        functions=3,
        tables=2,
        table_elements=7,
        memory_pages=5,
        globals=2,
        exports=2,
        name_bytes=len("timelinelogenvé".encode()) + 3,
        element_segments=1,
        data_segments=2,
        function_bytes=6,
        code_bytes=6 + 6 + 2,
        locals=3,
        all_locals=4,
    )


_NAMES = st.lists(st.text("abcdé", min_size=1, max_size=5), unique=True, max_size=4)
_TYPES = st.lists(st.sampled_from(["i32", "i64", "f32", "f64", "v128", "funcref"]), max_size=6)


@st.composite
def texts(draw: st.DrawFn) -> tuple[bytes, dict[str, int]]:
    """The text of a valid module, and what is known of it."""
    functions = draw(st.lists(_TYPES, max_size=6))
    exports = draw(_NAMES) if functions else []
    tables = draw(st.lists(st.integers(0, 1000), max_size=3))
    pages = draw(st.none() | st.integers(0, 65536))
    data = draw(st.integers(0, 4)) if pages else 0
    count = draw(st.integers(0, 5))
    text = "".join(f"(func {''.join(f'(local {t})' for t in types)} nop)" for types in functions)
    text += "".join(f'(export "{name}" (func {i % len(functions)}))' for i, name in enumerate(exports))
    text += "".join(f"(table {minimum} funcref)" for minimum in tables)
    text += "(global i32 (i32.const 0))" * count
    text += f"(memory {pages})" if pages is not None else ""
    text += '(data (i32.const 0) "x")' * data
    return f"(module {text})".encode(), {
        "functions": len(functions),
        "exports": len(exports),
        "tables": len(tables),
        "table_elements": max(tables, default=0),
        "memory_pages": pages or 0,
        "globals": count,
        "data_segments": data,
        "locals": max(map(len, functions), default=0),
        "all_locals": sum(map(len, functions)),
    }


@settings(max_examples=120, deadline=None)
@given(texts())
def test_counts_agree_with_what_was_written(engine: Engine, case: tuple[bytes, dict[str, int]]) -> None:
    text, known = case
    found = msgspec.structs.asdict(sections.measure(engine.assemble(text)))
    assert {name: found[name] for name in known} == known
    assert [found[name] for name in ("imports", "element_segments")] == [0, 0]


def mutated(binary: bytearray, data: st.DataObject) -> bytes:
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, max(len(binary) - 1, 0)))
        match data.draw(st.sampled_from(["set", "cut", "insert", "delete"])):
            case "set":
                binary[at : at + 1] = bytes((data.draw(st.integers(0, 255)),))
            case "cut":
                del binary[at:]
            case "insert":
                binary[at:at] = data.draw(st.binary(min_size=1, max_size=6))
            case "delete":
                del binary[at : at + data.draw(st.integers(1, 4))]
    return bytes(binary)


@settings(max_examples=300, deadline=None)
@given(texts(), st.data())
def test_it_never_crashes_on_mutations_nor_refuses_for_nothing(
    engine: Engine, case: tuple[bytes, dict[str, int]], data: st.DataObject
) -> None:
    binary = mutated(bytearray(engine.assemble(case[0])), data)
    try:
        found = sections.measure(binary)
    except sections.MalformedError:
        with pytest.raises(EngineError):
            engine.compile(binary)
        return
    except PackageInvalid:
        return  # a count that was mutated to something large
    assert all(getattr(found, name) <= getattr(CAPS, name) for name in found.__struct_fields__)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_noise_never_crashes_it(noise: bytes) -> None:
    for binary in (noise, w.HEADER + noise):
        with contextlib.suppress(sections.MalformedError, PackageInvalid):
            sections.measure(binary)


OVER: dict[str, Callable[[], bytes]] = {
    "types": lambda: w.module(types=w.number(CAPS.types + 1) + w.VOID * (CAPS.types + 1)),
    "type_values": lambda: w.module(types=w.vector([b"\x60" + w.number(33_000) + w.I32 * 33_000 + b"\0"])),
    "imports": lambda: w.module(imports=w.number(CAPS.imports + 1) + b"\0\0\0\0" * (CAPS.imports + 1)),
    "functions": lambda: w.module(*[EMPTY] * (CAPS.functions + 1)),
    "tables": lambda: w.module(tables=w.number(17) + b"\x70\0\1" * 17),
    "table_elements": lambda: w.module(tables=b"\1\x70\0" + w.number(CAPS.table_elements + 1)),
    "memory_pages": lambda: w.module(memories=b"\1\0" + w.number(65_537)),
    "globals": lambda: w.module(globals=w.number(100_001) + b"\x7f\0\x41\0\x0b" * 100_001),
    "exports": lambda: w.module(EMPTY, exports=w.number(10_001) + b"\0\0\0" * 10_001),
    "name_bytes": lambda: w.module(EMPTY, exports=b"\1" + w.number((1 << 20) + 1) + b"a" * ((1 << 20) + 1) + b"\0\0"),
    "element_segments": lambda: w.module(elements=w.number(10_001) + b"\0\x41\0\x0b\0" * 10_001),
    "data_segments": lambda: w.module(memories=w.ONE_PAGE, data=w.number(10_001) + b"\1\0" * 10_001),
    "function_bytes": lambda: w.module(b"\0" + b"\1" * (1 << 20) + w.END),
    "code_bytes": lambda: w.module(*[b"\0" + b"\1" * ((1 << 20) - 2) + w.END] * 33),
    "locals": lambda: w.module(b"\1" + w.number(10_001) + w.I32 + w.END),
    "all_locals": lambda: w.module(*[b"\1" + w.number(10_000) + w.I32 + w.END] * 101),
    "module_bytes": lambda: w.HEADER + bytes(64 << 20),
}


@pytest.mark.parametrize("what", Extent.__struct_fields__)
def test_every_cap_holds(what: str) -> None:
    with pytest.raises(PackageInvalid, match=rf"over the limit of {getattr(CAPS, what)}$") as caught:
        sections.measure(OVER[what]())
    assert caught.value.data.cause == "limit"
    assert caught.value.hint


@pytest.mark.parametrize(
    "content",
    [
        {"types": b"\xff\xff\xff\xff\x0f"},
        {"imports": b"\xff\xff\xff\xff\x0f"},
        {"functions": b"\xff\xff\xff\xff\x0f"},
        {"data": b"\xff\xff\xff\xff\x0f"},
        {"code": b"\1\4\1\xff\xff\xff\xff\x0f\x7f"},
        {"code": b"\1\xff\xff\xff\xff\x0f"},
        {"code": b"\1\x06\2\xff\xff\xff\xff\x0f\x7f"},
    ],
)
def test_counts_of_four_billion_cost_nothing(content: dict[str, bytes]) -> None:
    with pytest.raises((sections.MalformedError, PackageInvalid)):
        sections.measure(w.module(**content))


@pytest.mark.parametrize(
    ("binary", "reason"),
    [
        (b"", "magic number"),
        (b"\0asm", "unknown version -"),
        (b"\0asm\2\0\0\0", "unknown version 02000000"),
        (b"\0asm\x0d\0\1\0", "a component"),
        (w.HEADER + b"\1", r"unexpected end \(at offset 9\)"),
        (w.HEADER + b"\1\xff\xff\xff\xff\x1f", r"more than 32 bits \(at offset 9\)"),
        (w.HEADER + b"\1\x80\x80\x80\x80\x80\0", r"more than 32 bits \(at offset 9\)"),
        (w.HEADER + b"\1\5\0", r"5 bytes are announced \(at offset 10\)"),
        (w.HEADER + b"\x0e\0", r"unknown section 14 \(at offset 8\)"),
        (w.HEADER + b"\0\2\5a", "5 bytes are announced"),
        (w.module() + w.section(1, b"\0"), "section 1 out of order"),
        (w.module(memories=w.ONE_PAGE) + w.section(4, b"\0"), "section 4 out of order"),
        (w.module(types=b"\1\x60\0\0\0"), "1 bytes too many"),
        (w.module(types=b"\1\x5f\0"), "structs \\(gc\\) are switched off"),
        (w.module(types=b"\1\x60\1\x64\0\0"), "type 0x64 of values"),
        (w.module(types=b"\1\x11\0\0"), "unknown type 0x11"),
        (w.module(imports=b"\1\0\0\x04\0\0"), "import of an unknown kind"),
        (w.module(exports=b"\1\0\x07\0"), "export of an unknown kind"),
        (w.module(tags=b"\1\0\0"), "tags \\(exceptions\\) are switched off"),
        (w.module(tables=b"\1\x40\0\x70\0\1\xd0\x70\x0b"), "function references\\) are switched off"),
        (w.module(memories=b"\2\0\1\0\1"), r"2 memories \(multi-memory\) are switched off"),
        (w.module(memories=b"\1\x03\1\1"), "shared memories \\(threads\\) are switched off"),
        (w.module(memories=b"\1\x04\1"), "memory64\\) are switched off"),
        (w.module(memories=b"\1\x08\1\0"), "custom page sizes are switched off"),
        (w.module(memories=b"\1\x11\1\0"), "unknown kind of limits"),
        (w.module(functions=b"\2\0\0", code=b"\1\2\0\x0b"), "2 functions are declared, 1 have code"),
        (w.module(functions=b"\1\0"), "1 functions are declared, 0 have code"),
        (w.module(EMPTY)[:-1], "announced"),
    ],
)
def test_the_reason_names_the_offset(binary: bytes, reason: str) -> None:
    with pytest.raises(sections.MalformedError, match=reason):
        sections.measure(binary)
