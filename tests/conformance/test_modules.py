"""What modules may contain: the language that is on, and the proposals that are off, refused before anything runs."""

from pathlib import Path

import pytest
from tests.conformance.running import Start
from tests.harness.engines import Expect

from plugind_protocol.errors import PackageInvalid

pytestmark = [pytest.mark.anyio, pytest.mark.process]

EXAMPLES = Path(__file__).parents[2] / "examples"
ONE = '(func (export "one") (result i32) (i32.const 1))'
HEADER = b"\0asm\1\0\0\0"
TYPE = b"\1\4\1\x60\0\0"  # one type: () -> ()


@pytest.mark.parametrize(
    "body",
    [
        "(func (result v128) (i8x16.add (v128.const i32x4 1 2 3 4) (v128.const i32x4 1 2 3 4)))",
        "(func (result i32 i64) (i32.const 1) (i64.const 2))",
        "(memory 1) (func (memory.fill (i32.const 0) (i32.const 0) (i32.const 1)))",
        "(table 1 funcref) (table 2 funcref) (func $f (table.set 1 (i32.const 0) (ref.func 0))) (elem declare func 0)",
        "(func (drop (i32.trunc_sat_f32_s (f32.const 1))) (drop (i32.extend8_s (i32.const 1))))",
        "(global (mut i32) (i32.const 1))",
    ],
    ids=["simd", "multi-value", "bulk memory", "reference types", "conversions", "globals"],
)
async def test_what_is_on(start: Start, body: str) -> None:
    assert await (await start(f"(module {body} {ONE})")).call("one", []) == 1


@pytest.mark.parametrize(
    "module",
    [
        pytest.param(HEADER + TYPE + b"\5\3\1\4\1", id="memory64"),
        pytest.param(HEADER + TYPE + b"\5\4\1\3\1\1", id="threads"),
        pytest.param(HEADER + TYPE + b"\5\5\2\0\1\0\1", id="multi memory"),
        pytest.param(HEADER + TYPE + b"\3\2\1\0\x0a\6\1\4\0\x12\0\x0b", id="tail calls"),
        pytest.param(HEADER + TYPE + b"\x0d\3\1\0\0", id="exceptions"),
        pytest.param(HEADER + b"\1\4\1\x5f\1\x7f", id="garbage collection"),
        pytest.param(b"\0asm\x0d\0\1\0", id="components"),
        pytest.param(HEADER + TYPE + b"\3\2\1\0\x0a\5\1\3\0\xff\x0b", id="unknown instruction"),
        pytest.param(HEADER + b"\1\xff\xff\xff\xff\x0f", id="section past the end"),
        pytest.param(HEADER + b"\1\1", id="truncated"),
        pytest.param(b"\0asm\2\0\0\0", id="another version"),
        pytest.param(b"\x7fELF", id="something else"),
        pytest.param(b"", id="nothing"),
    ],
)
async def test_what_is_off_or_damaged(start: Start, engine: str, module: bytes) -> None:
    with pytest.raises(PackageInvalid, match=rf"the WebAssembly module is not valid for {engine}: ."):
        await start(module)


@pytest.mark.parametrize("text", ["(module", "(module (func (i32.add)))", "(module (funk))", "\0"])
async def test_text_that_is_not_valid(start: Start, engine: str, text: str) -> None:
    with pytest.raises(PackageInvalid, match=rf"the WebAssembly text is not valid for {engine}: ."):
        await start(text)


@pytest.mark.parametrize(
    ("what", "module"),
    [
        ("modules with externref", f"(module (func (param externref)) {ONE})"),
        (
            "extended constant expressions",
            f"(module (global i32 (i32.add (i32.const 1) (i32.const 2))) {ONE})",
        ),
        (
            "the last instructions of SIMD",
            f"(module (func (param v128) (drop (i32x4.extmul_low_i16x8_s (local.get 0) (local.get 0)))) {ONE})",
        ),
    ],
)
async def test_where_the_engines_differ(start: Start, expect: Expect, what: str, module: str) -> None:
    if expect(what) == "accepted":
        assert await (await start(module)).call("one", []) == 1
    else:
        with pytest.raises(PackageInvalid, match="not valid"):
            await start(module)


@pytest.mark.parametrize("name", ["invert", "color-grade"])
async def test_modules_of_a_compiler(start: Start, name: str) -> None:
    """Modules as AssemblyScript makes them load, and register their effects."""
    guest = await start((EXAMPLES / name / "plugin.wasm").read_bytes(), lambda method, params: {"effect": 1})
    assert await guest.worker.hook("lifecycle.load", timeout=5) == b"null"
    assert await guest.worker.hook("lifecycle.activate", timeout=5) == b"null"
    assert [method for method, _ in guest.asked] == ["effects.register"]
