"""Translation between wasmtime's types of functions and ours, and the raw layout of values."""

import ctypes
import struct
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

import wasmtime
from wasmtime import _ffi

from plugind_worker.engine.base import Export, ExternKind, Import, Signature, ValType
from plugind_worker.engine.wasmtime import capi

T = TypeVar("T")

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
_KINDS: Final = (ExternKind.FUNCTION, ExternKind.GLOBAL, ExternKind.TABLE, ExternKind.MEMORY)
"""In the order of the C API's enumeration."""
_RAW: Final = {ValType.I32: "I12x", ValType.I64: "Q8x", ValType.F32: "f12x", ValType.F64: "d8x"}


def raw_layout(types: tuple[ValType, ...]) -> struct.Struct:
    """Return how values lie in the engine's array of 16-byte raw values (little-endian, as all its targets are)."""
    return struct.Struct("<" + "".join(_RAW[t] for t in types))


def functype(signature: Signature) -> wasmtime.FuncType:
    """Build wasmtime's type of a function of numbers; it belongs to the first engine that it is used with."""
    return wasmtime.FuncType([_TO_ENGINE[t]() for t in signature.params], [_TO_ENGINE[t]() for t in signature.results])


# The binding's own lists are objects of many classes, and each worker would write to half a megabyte of the zygote's
# memory, counting references to all of these; so lists are read by addresses.


def imports_of(module: wasmtime.Module) -> list[Import]:
    """List a module's imports."""
    return _listed(module, capi.list_imports, capi.free_imports, _import)


def exports_of(module: wasmtime.Module) -> list[Export]:
    """List a module's exports."""
    return _listed(module, capi.list_exports, capi.free_exports, _export)


def signatures_of(module: wasmtime.Module) -> dict[str, Signature]:
    """Return the types of a module's exported functions, by name."""
    return {export.name: export.signature for export in exports_of(module) if export.signature is not None}


def _listed(
    module: wasmtime.Module, fill: Callable[..., object], free: Callable[..., object], read: Callable[[int], T]
) -> list[T]:
    """Read each entry of what a module has, by its address."""
    vector = capi.space(capi.VECTOR.size)()
    where = ctypes.addressof(vector)
    fill(ctypes.cast(module.ptr(), ctypes.c_void_p), where)
    try:
        return [read(entry) for entry in _elements(where)]
    finally:
        free(where)


def _import(entry: int) -> Import:
    name, kind = capi.import_name(entry), capi.import_type(entry)
    return Import(_text(capi.import_module(entry)), _text(name), *_describe(kind))


def _export(entry: int) -> Export:
    return Export(_text(capi.export_name(entry)), *_describe(capi.export_type(entry)))


def _elements(vector: int | None) -> Sequence[int]:
    """Return the elements of a vector of pointers."""
    count, first = capi.VECTOR.unpack(ctypes.string_at(vector or 0, capi.VECTOR.size))
    return struct.unpack(f"@{count}P", ctypes.string_at(first, count * capi.POINTER_BYTES)) if count else ()


def _text(name: int | None) -> str:
    """Return a name; nothing for none."""
    if not name:
        return ""
    length, first = capi.VECTOR.unpack(ctypes.string_at(name, capi.VECTOR.size))
    return ctypes.string_at(first, length).decode() if length else ""


def _describe(extern: int | None) -> tuple[ExternKind, Signature | None]:
    kind = capi.extern_kind(extern) or 0
    if kind >= len(_KINDS):
        return ExternKind.OTHER, None
    function = capi.as_function(extern)
    if not function:
        return _KINDS[kind], None
    return ExternKind.FUNCTION, Signature(_valtypes(capi.params_of(function)), _valtypes(capi.results_of(function)))


def _valtypes(vector: int | None) -> tuple[ValType, ...]:
    return tuple(_valtype(valtype) for valtype in _elements(vector))


def _valtype(valtype: int) -> ValType:
    """Tell a type by wasmtime's own description: the C API's aborts the process at a vector."""
    described = capi.space(capi.DESCRIPTION_BYTES)()
    where = ctypes.addressof(described)
    capi.describe_value(valtype, where)
    found = _FROM_ENGINE.get(described.raw[0], ValType.OTHER)
    capi.free_description(where)
    return found
