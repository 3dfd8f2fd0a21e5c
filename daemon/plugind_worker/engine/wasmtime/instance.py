"""`WasmtimeInstance`: a store with one instance, its memory, its functions, and the host functions it may call."""

import ctypes
from collections.abc import Callable, Sequence
from ctypes import byref
from typing import Any, Final

import wasmtime
from wasmtime import _ffi

from plugind_protocol.errors import MemoryLimit, PlugindError, Timeout
from plugind_worker.engine.base import EngineError, Function, HostFunction, Limits, Signature
from plugind_worker.engine.bounds import Bounded
from plugind_worker.engine.wasmtime import capi, traps, types
from plugind_worker.engine.wasmtime.bridge import Bridge

_MAX_TABLES: Final = 16
_NO_FINALIZER: Final = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(0)
_FUNC: Final = _ffi.WASMTIME_EXTERN_FUNC.value
_MEMORY: Final = _ffi.WASMTIME_EXTERN_MEMORY.value


class WasmtimeInstance(Bounded):
    """A store with one instance; see `plugind_worker.engine.base.Instance`.

    Args:
        engine: The engine.
        signatures: Of the module's exported functions.
        bridge: How its guest reaches host functions.
        limits: What the instance may take.
    """

    def __init__(
        self, engine: wasmtime.Engine, signatures: dict[str, Signature], *, bridge: Bridge, limits: Limits
    ) -> None:
        self._engine = engine
        self._bridge = bridge
        self._numbers: list[int] = []  # by which the bridge knows its host functions
        self._signatures = signatures
        self._limits = limits
        self._store: Any = _ffi.wasmtime_store_new(engine.ptr(), None, _NO_FINALIZER)
        context = _ffi.wasmtime_store_context(self._store)
        self._context: int = ctypes.cast(context, ctypes.c_void_p).value or 0
        self._instance: _ffi.wasmtime_instance_t | None = None
        self._caller = 0  # while the start function runs, exports are reached through the caller
        self._failure: BaseException | None = None
        self._functions: dict[str, Function | None] = {}
        self._memory: _ffi.wasmtime_memory_t | None = None
        self._base = 0
        self._size = 0
        self.limit_memory(limits.memory_bytes)
        self.rearm()

    def start(
        self, module: wasmtime.Module, imports: Sequence[HostFunction], *, interrupted: Callable[[], bool]
    ) -> None:
        """Instantiate the module, which runs its start function."""
        if interrupted():
            raise Timeout("interrupted before it started", cause="timeout")
        linker = _ffi.wasmtime_linker_new(self._engine.ptr())
        try:
            for function in imports:
                self._define(linker, function)
            instance = _ffi.wasmtime_instance_t()
            trap = ctypes.c_void_p()
            error = _ffi.wasmtime_linker_instantiate(
                linker,
                ctypes.cast(self._context, ctypes.POINTER(_ffi.wasmtime_context_t)),
                module.ptr(),
                byref(instance),
                ctypes.cast(byref(trap), ctypes.POINTER(ctypes.POINTER(_ffi.wasm_trap_t))),
            )
            if error or trap.value:
                self._raise(ctypes.cast(error, ctypes.c_void_p).value, trap.value)
        finally:
            _ffi.wasmtime_linker_delete(linker)
        self._instance = instance
        self._caller = 0

    @property
    def memory_size(self) -> int:
        """Bytes of linear memory the guest has now."""
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

    def limit_memory(self, memory_bytes: int) -> None:
        """Move the cap of the linear memory."""
        _ffi.wasmtime_store_limiter(self._store, memory_bytes, self._limits.table_elements, 1, _MAX_TABLES, 1)

    def rearm(self) -> None:
        """Let the next interrupt, and none before it, end a call."""
        _ffi.wasmtime_context_set_epoch_deadline(ctypes.cast(self._context, ctypes.POINTER(_ffi.wasmtime_context_t)), 1)

    def called(self, caller: int) -> None:
        """Note the caller, through which exports are reached while the start function runs."""
        if self._instance is None:
            self._caller = caller

    def failed(self, error: BaseException) -> None:
        """Note what a host function raised; `_raise` raises it again."""
        self._failure = error

    def close(self) -> None:
        """Give everything back."""
        self._bridge.release(self._numbers)
        if self._store is not None:
            _ffi.wasmtime_store_delete(self._store)
        self._store = None
        self._functions.clear()
        self._memory = None
        self._leave_memory()

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

    def _define(self, linker: Any, function: HostFunction) -> None:
        number = self._bridge.bind(self, function)
        self._numbers.append(number)
        module, name = function.module.encode(), function.name.encode()
        functype = types.functype(function.signature)  # owns what its pointer points to
        error = capi.define_func(
            *(linker, module, len(module), name, len(name)),
            *(functype.ptr(), ctypes.cast(self._bridge.callback, ctypes.c_void_p), number, None),
        )
        if error:
            raise EngineError(traps.take_reason(error))

    def _raise(self, error: int | None, trap: int | None) -> None:
        """Raise what ended a call: the guest's own trap, or the error that a host function's exception became."""
        failure, self._failure = self._failure, None
        if trap:
            raise traps.error_of(trap)
        assert error
        if isinstance(failure, PlugindError) and failure.data.stack is None:
            failure.data.stack = traps.stack_of(error=error)
        reason = traps.take_reason(error)
        if failure is not None:
            raise failure
        if traps.is_memory(reason):
            raise MemoryLimit(f"wants more memory from the start than its limit: {reason}", cause="memory")
        raise EngineError(reason)
