from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from tests.unit.plugind_worker.supervisor import CompileSource, Peer, Write, Zygote

from plugind_protocol.errors import PackageInvalid, UnsupportedAbi
from plugind_protocol.worker import Compile
from plugind_worker import caps
from plugind_worker.compile import compile_ordered
from plugind_worker.engine.base import Engine, EngineError
from plugind_worker.engine.wasmtime.engine import WasmtimeEngine, WasmtimeModule

pytestmark = pytest.mark.process


def test_text_becomes_an_artefact_that_a_worker_runs(
    compile_source: CompileSource, guest_text: Write, tmp_path: Path, zygote: Zygote, new_peer: type[Peer]
) -> None:
    compiled, artefact = compile_source(
        guest_text("(call $pack (local.get $params) (local.get $params_len))").encode(), text=True
    )
    assert (compiled.abi, compiled.functions) == ("timeline", [])
    path = tmp_path / "artefact"
    path.write_bytes(artefact)
    with path.open("rb") as file, closing(new_peer(zygote, file.fileno())) as peer:
        peer.ready()
        assert peer.call("echo", b"[1]") == b"[1]"


def test_a_binary_module_of_numbers(compile_source: CompileSource, engine: Engine) -> None:
    wasm = engine.assemble(b'(module (func (export "one") (result i32) i32.const 1) (func (export "v") (param v128)))')
    compiled, artefact = compile_source(wasm, text=False)
    assert (compiled.abi, compiled.functions) == ("numeric", ["one"])
    assert artefact


class Unable(WasmtimeEngine):
    """Does not know what is asked of its quick compiler."""

    def sibling(self, *, quick: bool = False) -> WasmtimeEngine:
        assert quick
        return Unable()

    def compile(self, wasm: bytes) -> WasmtimeModule:
        raise EngineError("SIMD needs AVX")


class Half(WasmtimeEngine):
    """The engine, with such a quick compiler."""

    def sibling(self, *, quick: bool = False) -> WasmtimeEngine:
        return Unable().sibling(quick=quick)


def test_what_the_quick_compiler_does_not_know_is_compiled_by_the_other(engine: Engine) -> None:
    quickly = Compile(engine="wasmtime", text=True, memory_bytes=0, cpu_seconds=0, artefact_bytes=0, quick=True)
    source = b'(module (func (export "f") (result i32) i32.const 9))'
    compiled, artefact = compile_ordered(Half(), source, quickly)
    assert (compiled.functions, compiled.quick) == (["f"], False)
    assert artefact == compile_ordered(engine, source, msgspec.structs.replace(quickly, quick=False))[1]
    if engine.quick_settings is not None:
        compiled, other = compile_ordered(engine, source, quickly)
        assert compiled.quick
        assert other != artefact
    with pytest.raises(PackageInvalid, match="text is not valid"):
        compile_ordered(engine, b"(modul", quickly)


@pytest.mark.parametrize(
    ("source", "kind", "message"),
    [
        (b"", "binary", "module is not valid"),
        (b"\0asm\1\0\0\0\1\xff", "binary", "unexpected end"),
        (b"MZ", "binary", "magic number"),
        (b"(module)", "binary", "magic number"),
        (b"(modul", "text", "text is not valid"),
        (b"\xff\xfe", "text", "text is not valid"),
        (b'(module (func (export "f") (result i32)))', "text", "type mismatch"),
        (b"(module (memory i64 1))", "text", "memory64"),
    ],
)
def test_what_is_no_module_is_refused_with_a_reason(
    compile_source: CompileSource, source: bytes, kind: str, message: str
) -> None:
    with pytest.raises(PackageInvalid, match=message) as caught:
        compile_source(source, text=kind == "text")
    assert "\n" not in caught.value.message


def test_a_truncated_module_is_refused(compile_source: CompileSource, engine: Engine, guest_text: Write) -> None:
    wasm = engine.assemble(guest_text("i64.const 0").encode())
    for length in (8, 20, len(wasm) // 2, len(wasm) - 1):
        with pytest.raises((PackageInvalid, UnsupportedAbi)):
            compile_source(wasm[:length], text=False)


def test_an_import_outside_the_list_is_refused(compile_source: CompileSource) -> None:
    with pytest.raises(UnsupportedAbi, match=r"imports env\.abort"):
        compile_source(b'(module (import "env" "abort" (func)) (func (export "f")))', text=True)


def test_a_module_without_an_abi_is_refused(compile_source: CompileSource) -> None:
    with pytest.raises(UnsupportedAbi, match="nothing to call"):
        compile_source(b"(module)", text=True)


def test_a_source_over_the_limit_is_refused(compile_source: CompileSource) -> None:
    with pytest.raises(PackageInvalid, match="larger than") as caught:
        compile_source(b"\0asm\1\0\0\0" + bytes(caps.CAPS.module_bytes), text=False)
    assert caught.value.data.cause == "limit"
