"""`StoreExports`: the functions and the memory of one of the instances in a store."""

import ctypes
from ctypes import byref
from typing import Any, Final

from wasmtime import _ffi

from plugind_worker.engine.base import Function, Signature
from plugind_worker.engine.bounds import Bounded
from plugind_worker.engine.wasmtime import capi, types

_FUNC: Final = _ffi.WASMTIME_EXTERN_FUNC.value
_MEMORY: Final = _ffi.WASMTIME_EXTERN_MEMORY.value


class StoreExports(Bounded):
    """See `plugind_worker.engine.base.Exports`.

    Args:
        context: Address of the store's context.
        signatures: Of the exported functions.
    """

    def __init__(self, context: int, signatures: dict[str, Signature]) -> None:
        self._context = context
        self._signatures = signatures
        self._instance: _ffi.wasmtime_instance_t | None = None
        self._caller = 0  # while the start function runs, exports are reached through the caller
        self._functions: dict[str, Function | None] = {}
        self._memory: _ffi.wasmtime_memory_t | None = None
        self._base = 0
        self._size = 0

    @property
    def memory_size(self) -> int:
        """Bytes of linear memory there are now."""
        memory = self._memory or self._find_memory()
        self._size = capi.memory_size(self._context, byref(memory)) if memory is not None else 0
        return self._size

    def function(self, name: str) -> Function | None:
        """Look up an exported function of numbers."""
        try:
            return self._functions[name]
        except KeyError:
            signature = self._signatures.get(name)
            func = self._lookup(name) if signature is not None and signature.numeric else None
            bound = self._bind(func, signature) if func is not None and signature is not None else None
            self._functions[name] = bound
            return bound

    def leave(self) -> None:
        """Never touch the store again."""
        self._functions.clear()
        self._memory = None
        self._leave_memory()

    def _raise(self, error: int | None, trap: int | None) -> None:
        """Raise what ended a call."""
        raise NotImplementedError

    def _find_memory(self) -> "_ffi.wasmtime_memory_t | None":
        item = self._export("memory", kind=_MEMORY)
        if item is None:
            return None
        memory = _ffi.wasmtime_memory_t.from_buffer_copy(item.of.memory)
        self._base = capi.memory_data(self._context, byref(memory)) or 0
        self._memory = memory
        return memory

    def _lookup(self, name: str) -> "_ffi.wasmtime_func_t | None":
        item = self._export(name, kind=_FUNC)
        return None if item is None else _ffi.wasmtime_func_t.from_buffer_copy(item.of.func)

    def _export(self, name: str, *, kind: object) -> "_ffi.wasmtime_extern_t | None":
        raw = name.encode()
        item = _ffi.wasmtime_extern_t()
        if self._instance is not None:
            context = ctypes.cast(self._context, ctypes.POINTER(_ffi.wasmtime_context_t))
            found = _ffi.wasmtime_instance_export_get(context, byref(self._instance), raw, len(raw), byref(item))
        elif self._caller:
            caller = ctypes.cast(self._caller, ctypes.POINTER(_ffi.wasmtime_caller_t))
            found = _ffi.wasmtime_caller_export_get(caller, raw, len(raw), byref(item))
        else:
            found = False
        return item if found and item.kind == kind else None

    def _bind(self, func: "_ffi.wasmtime_func_t", signature: Signature) -> Function:
        """Make the callable of a guest function. Everything a call needs is prepared here, once.

        The array of values is shared by nested calls of the same function: the engine takes the arguments out before
        the guest runs, and puts the results in when it has returned.
        """
        params, results = types.raw_layout(signature.params), types.raw_layout(signature.results)
        count = max(len(signature.params), len(signature.results))
        values = capi.space(max(count, 1) * capi.VALUE_BYTES)()
        trap = ctypes.c_void_p()
        pack, unpack, raise_ = params.pack_into, results.unpack_from, self._raise
        call = capi.prepare_call(
            self._context, ctypes.addressof(func), ctypes.addressof(values), count, ctypes.addressof(trap)
        )

        def invoke(*args: Any, _alive: object = (func, values, trap)) -> tuple[Any, ...]:
            pack(values, 0, *args)
            error = call()
            if error or trap.value:
                raise_(error, trap.value)
            return unpack(values)

        return invoke
