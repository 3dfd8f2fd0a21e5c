"""Translation between wasmtime's types of functions and ours, and the raw layout of values."""

import ctypes
import struct
from typing import Final

import wasmtime
from wasmtime import _ffi

from plugind_worker.engine.base import Export, ExternKind, Import, Signature, ValType

_FROM_ENGINE: Final = {
    int(_ffi.WASMTIME_I32.value): ValType.I32,
    int(_ffi.WASMTIME_I64.value): ValType.I64,
    int(_ffi.WASMTIME_F32.value): ValType.F32,
    int(_ffi.WASMTIME_F64.value): ValType.F64,
}
_TO_ENGINE: Final = {
    ValType.I32: wasmtime.ValType.i32,
    ValType.I64: wasmtime.ValType.i64,
    ValType.F32: wasmtime.ValType.f32,
    ValType.F64: wasmtime.ValType.f64,
}
_KINDS: Final[tuple[tuple[type, ExternKind], ...]] = (
    (wasmtime.FuncType, ExternKind.FUNCTION),
    (wasmtime.MemoryType, ExternKind.MEMORY),
    (wasmtime.TableType, ExternKind.TABLE),
    (wasmtime.GlobalType, ExternKind.GLOBAL),
)
_RAW: Final = {ValType.I32: "I12x", ValType.I64: "Q8x", ValType.F32: "f12x", ValType.F64: "d8x"}


def raw_layout(types: tuple[ValType, ...]) -> struct.Struct:
    """Return how values lie in the engine's array of 16-byte raw values (little-endian, as all its targets are)."""
    return struct.Struct("<" + "".join(_RAW[t] for t in types))


def functype(signature: Signature) -> wasmtime.FuncType:
    """Build wasmtime's type of a function of numbers."""
    return wasmtime.FuncType([_TO_ENGINE[t]() for t in signature.params], [_TO_ENGINE[t]() for t in signature.results])


def imports_of(module: wasmtime.Module) -> list[Import]:
    """List a module's imports."""
    return [Import(i.module, i.name or "", *_describe(i.type)) for i in module.imports]


def exports_of(module: wasmtime.Module) -> list[Export]:
    """List a module's exports."""
    return [Export(e.name, *_describe(e.type)) for e in module.exports]


def _describe(extern: object) -> tuple[ExternKind, Signature | None]:
    if isinstance(extern, wasmtime.FuncType):
        return ExternKind.FUNCTION, Signature(_valtypes(extern.params), _valtypes(extern.results))
    return next((kind for cls, kind in _KINDS if isinstance(extern, cls)), ExternKind.OTHER), None


def _valtypes(types: list[wasmtime.ValType]) -> tuple[ValType, ...]:
    return tuple(_valtype(t) for t in types)


def _valtype(valtype: wasmtime.ValType) -> ValType:
    """Tell a type by wasmtime's own description: the public one aborts the process at a vector."""
    described = _ffi.wasmtime_valtype_t()
    _ffi.wasmtime_valtype_new(valtype.ptr(), ctypes.byref(described))
    found = _FROM_ENGINE.get(int(described.kind), ValType.OTHER)
    _ffi.wasmtime_valtype_delete(ctypes.byref(described))
    return found
