"""C entries of libwasmtime that run often, with addresses as plain integers: no pointer objects are made per call.

The binding's own prototypes stay as they are; these are separate function objects of the same library.
"""

import ctypes
import functools
from collections.abc import Callable
from typing import Final

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

VALUE_BYTES: Final = ctypes.sizeof(_ffi.wasmtime_val_raw_t)
"""Size of a raw value."""
