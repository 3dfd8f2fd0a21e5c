"""C entries of libwasmtime that run often, with addresses as plain integers: no pointer objects are made per call.

The binding's own prototypes stay as they are; these are separate function objects of the same library.
"""

import ctypes
import functools
import struct
from collections.abc import Callable
from typing import Any, Final

from wasmtime import _ffi

_ADDRESS: Final = ctypes.c_void_p
_SIZE: Final = ctypes.c_size_t

call_unchecked: Final = _ffi.dll["wasmtime_func_call_unchecked"]
"""``(context, func, values, count, trap out) -> error or None``."""
call_unchecked.restype = _ADDRESS
call_unchecked.argtypes = [_ADDRESS, _ADDRESS, _ADDRESS, _SIZE, _ADDRESS]

_call_prepared: Final = ctypes.CDLL(_ffi.dll._name)["wasmtime_func_call_unchecked"]  # noqa: SLF001  # its path
_call_prepared.restype = _ADDRESS


def prepare_call(context: int, func: int, values: int, count: int, trap: int) -> Callable[[], int | None]:
    """Return what makes one call of `call_unchecked` again and again; its arguments are turned into C's only once."""
    arguments = (*map(_ADDRESS.from_param, (context, func, values)), _SIZE(count), _ADDRESS.from_param(trap))
    return functools.partial(_call_prepared, *arguments)


memory_size: Final = _ffi.dll["wasmtime_memory_data_size"]
"""``(context, memory) -> bytes``."""
memory_size.restype = _SIZE
memory_size.argtypes = [_ADDRESS, _ADDRESS]

memory_data: Final = _ffi.dll["wasmtime_memory_data"]
"""``(context, memory) -> address``."""
memory_data.restype = _ADDRESS
memory_data.argtypes = [_ADDRESS, _ADDRESS]

trap_new: Final = _ffi.dll["wasmtime_trap_new"]
"""``(text, length) -> trap``, which the callee of a callback's return value owns."""
trap_new.restype = _SIZE
trap_new.argtypes = [ctypes.c_char_p, _SIZE]

define_func: Final = _ffi.dll["wasmtime_linker_define_func_unchecked"]
"""``(linker, module, length, name, length, type, callback, data, finalizer) -> error or None``."""
define_func.restype = _ADDRESS
define_func.argtypes = [
    *(ctypes.POINTER(_ffi.wasmtime_linker_t), ctypes.c_char_p, _SIZE, ctypes.c_char_p, _SIZE),
    *(ctypes.POINTER(_ffi.wasm_functype_t), _ADDRESS, _ADDRESS, _ADDRESS),
]

Callback: Final = ctypes.CFUNCTYPE(ctypes.c_size_t, _ADDRESS, _ADDRESS, _ADDRESS, _SIZE)
"""Host functions: ``(data, caller, values, count) -> 0 or a trap``."""


def _entry(name: str, result: type[Any] | None, *arguments: type[Any]) -> Callable[..., int | None]:
    function = _ffi.dll[name]
    function.restype = result
    function.argtypes = arguments
    return function


list_imports: Final = _entry("wasmtime_module_imports", None, _ADDRESS, _ADDRESS)
"""``(module, vector out)``: a vector of import types, to be given back by `free_imports`."""
free_imports: Final = _entry("wasm_importtype_vec_delete", None, _ADDRESS)
import_module: Final = _entry("wasm_importtype_module", _ADDRESS, _ADDRESS)
"""``(import type) -> vector of bytes``."""
import_name: Final = _entry("wasm_importtype_name", _ADDRESS, _ADDRESS)
import_type: Final = _entry("wasm_importtype_type", _ADDRESS, _ADDRESS)
"""``(import type) -> extern type``."""
list_exports: Final = _entry("wasmtime_module_exports", None, _ADDRESS, _ADDRESS)
"""As `list_imports`, and the same entries for each."""
free_exports: Final = _entry("wasm_exporttype_vec_delete", None, _ADDRESS)
export_name: Final = _entry("wasm_exporttype_name", _ADDRESS, _ADDRESS)
export_type: Final = _entry("wasm_exporttype_type", _ADDRESS, _ADDRESS)
extern_kind: Final = _entry("wasm_externtype_kind", ctypes.c_uint8, _ADDRESS)
as_function: Final = _entry("wasm_externtype_as_functype_const", _ADDRESS, _ADDRESS)
params_of: Final = _entry("wasm_functype_params", _ADDRESS, _ADDRESS)
"""``(function type) -> vector of value types``."""
results_of: Final = _entry("wasm_functype_results", _ADDRESS, _ADDRESS)
describe_value: Final = _entry("wasmtime_valtype_new", None, _ADDRESS, _ADDRESS)
"""``(value type, description out)``, to be given back by `free_description`."""
free_description: Final = _entry("wasmtime_valtype_delete", None, _ADDRESS)

VECTOR: Final = struct.Struct("@NP")
"""How a vector begins: its length, and where its elements are."""
POINTER_BYTES: Final = ctypes.sizeof(_ADDRESS)
DESCRIPTION_BYTES: Final = ctypes.sizeof(_ffi.wasmtime_valtype_t)
"""Of a value type's description; its first byte is the kind."""
VALUE_BYTES: Final = ctypes.sizeof(_ffi.wasmtime_val_raw_t)
"""Size of a raw value."""


@functools.cache
def space(size: int) -> Callable[[], "ctypes.Array[ctypes.c_char]"]:
    """Return what makes room for so many bytes; the types that ctypes makes for it are large, and these are kept."""
    return ctypes.c_char * size
