"""`WasmtimeInstance`: a store with one instance, the host functions it may call, and a library beside it."""

import ctypes
import weakref
from collections.abc import Callable, Sequence
from ctypes import byref
from typing import Any, Final

import wasmtime
from wasmtime import _ffi

from plugind_protocol.errors import MemoryLimit, PlugindError, Timeout
from plugind_worker.engine.base import EngineError, HostFunction, Limits, Signature
from plugind_worker.engine.wasmtime import capi, traps, types
from plugind_worker.engine.wasmtime.bridge import Bridge
from plugind_worker.engine.wasmtime.exports import StoreExports

_MAX_TABLES: Final = 16
_NO_FINALIZER: Final = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(0)


class WasmtimeInstance(StoreExports):
    """A store with one instance, and one of a library where there is one; see `plugind_worker.engine.base.Instance`.

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
        self._limits = limits
        self._store: Any = _ffi.wasmtime_store_new(engine.ptr(), None, _NO_FINALIZER)
        context = _ffi.wasmtime_store_context(self._store)
        super().__init__(ctypes.cast(context, ctypes.c_void_p).value or 0, signatures)
        self._library: _Library | None = None
        self._failure: BaseException | None = None
        self.limit_memory(limits.memory_bytes)
        self.rearm()

    def start(
        self,
        module: wasmtime.Module,
        imports: Sequence[HostFunction],
        *,
        library: tuple[str, wasmtime.Module] | None = None,
        interrupted: Callable[[], bool],
    ) -> None:
        """Instantiate the module, which runs its start function; before it the library that it imports, by its name."""
        if interrupted():
            raise Timeout("interrupted before it started", cause="timeout")
        linker = _ffi.wasmtime_linker_new(self._engine.ptr())
        try:
            for function in imports:
                self._define(linker, function)
            if library is not None:
                self._add_library(linker, *library)
            instance = self._instantiate(linker, module)
        finally:
            _ffi.wasmtime_linker_delete(linker)
        self._instance = instance
        self._caller = 0

    @property
    def library(self) -> StoreExports | None:
        """The library in the same store."""
        return self._library

    def limit_memory(self, memory_bytes: int) -> None:
        """Move the cap of the linear memory, and of the library's."""
        self._memory_bytes = memory_bytes
        count = 1 if self._library is None else 2
        tables = self._limits.table_elements
        _ffi.wasmtime_store_limiter(self._store, memory_bytes, tables, count, _MAX_TABLES, count)

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
        self.leave()
        if self._library is not None:
            self._library.leave()

    def _add_library(self, linker: Any, name: str, module: wasmtime.Module) -> None:
        """Instantiate a library, and let the module import what it exports."""
        self._library = _Library(self._context, types.signatures_of(module), self)
        self.limit_memory(self._memory_bytes)
        instance = self._instantiate(linker, module)
        context = ctypes.cast(self._context, ctypes.POINTER(_ffi.wasmtime_context_t))
        raw = name.encode()
        error = _ffi.wasmtime_linker_define_instance(linker, context, raw, len(raw), byref(instance))
        if error:
            raise EngineError(traps.take_reason(ctypes.cast(error, ctypes.c_void_p).value or 0))
        self._library.become(instance)

    def _instantiate(self, linker: Any, module: wasmtime.Module) -> "_ffi.wasmtime_instance_t":
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
            self.fail(ctypes.cast(error, ctypes.c_void_p).value, trap.value)
        return instance

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

    def fail(self, error: int | None, trap: int | None) -> None:
        """Raise what ended a call into this store: a trap, or the error that a host function's exception became."""
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

    _raise = fail


class _Library(StoreExports):
    """A library in the store of an instance, which knows what ends calls."""

    def __init__(self, context: int, signatures: dict[str, Signature], of: WasmtimeInstance) -> None:
        super().__init__(context, signatures)
        self._of = weakref.proxy(of)  # which holds this

    def become(self, instance: "_ffi.wasmtime_instance_t") -> None:
        """Take the instance, once it is there."""
        self._instance = instance

    def _raise(self, error: int | None, trap: int | None) -> None:
        self._of.fail(error, trap)
