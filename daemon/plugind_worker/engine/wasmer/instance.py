"""`WasmerInstance`: one instance, its memory behind a fence, its functions, and the host functions it may call."""

import ctypes
import sys
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

from wasmer import Function as RawFunction
from wasmer import Instance as RawInstance
from wasmer import Memory as RawMemory
from wasmer import Module as RawModule
from wasmer import Store

from plugind_protocol.errors import WorkerCrashed
from plugind_worker.engine.base import EngineError, Function, HostFunction, Signature
from plugind_worker.engine.bounds import Bounded
from plugind_worker.engine.wasmer import fence, rewrite, traps, types

assert sys.platform != "win32"  # for type checkers: memory is not mapped over there

WASM_PAGE: Final = 64 * 1024


class Broken(Protocol):
    """Who is told that the engine has failed."""

    def __call__(self, error: BaseException) -> WorkerCrashed:
        """Note it, and return what to raise."""


class WasmerMemory:
    """A linear memory with a cap that can be moved.

    Args:
        raw: The engine's memory; it never moves, since all a guest can address is reserved for it.
        stock: Where its fence's pages come from.
    """

    def __init__(self, raw: RawMemory, stock: fence.Stock) -> None:
        self.raw = raw
        self.base = ctypes.addressof((ctypes.c_char * 0).from_buffer(raw.buffer))
        self._fence = fence.Fence(stock, base=self.base, size=self.size)

    @property
    def size(self) -> int:
        """Bytes the guest has now."""
        return int(self.raw.data_size)

    def limit(self, memory_bytes: int) -> None:
        """Move the cap."""
        self._fence.move(min(memory_bytes // WASM_PAGE * WASM_PAGE, fence.RESERVED), size=self.size)


class WasmerInstance(Bounded):
    """An instance; see `plugind_worker.engine.base.Instance`.

    Args:
        memory: The module's memory, if it has one.
        signatures: Of the module's exported functions.
        exported: Whether the memory is exported as ``memory``, so that the host may use it.
        broken: Told when the engine fails.
    """

    def __init__(
        self, memory: WasmerMemory | None, signatures: dict[str, Signature], *, exported: bool, broken: Broken
    ) -> None:
        self._memory = memory
        self._signatures = signatures
        self._broken = broken
        self._base = memory.base if memory is not None else 0
        self._exported = exported and memory is not None
        self._size = 0
        self._exports: dict[str, Any] = {}
        self._functions: dict[str, Function | None] = {}

    def start(self, store: Store, module: RawModule, imports: Sequence[HostFunction], *, run: bool) -> None:
        """Instantiate the module.

        Args:
            store: The engine's store.
            module: The module, rewritten.
            imports: What it imports, its memory not counted.
            run: Whether it has a start function.
        """
        offered: dict[str, dict[str, Any]] = {}
        for function in imports:
            raw = RawFunction(store, self._bridge(function), types.functype(function.signature))
            offered.setdefault(function.module, {})[function.name] = raw
        if self._memory is not None:
            space, name = rewrite.MEMORY
            offered.setdefault(space, {})[name] = self._memory.raw
        try:
            self._exports = {name: item for name, item in RawInstance(module, offered).exports}  # noqa: C416  # it has no keys()
        except BaseException as error:  # a panic of the engine is no Exception
            raise self._meaning(error) from error
        if run:
            self._bind(self._exports[rewrite.START], Signature((), ()))()

    @property
    def memory_size(self) -> int:
        """Bytes of linear memory the guest has now."""
        self._size = self._memory.size if self._memory is not None and self._exported else 0
        return self._size

    def function(self, name: str) -> Function | None:
        """Look up an exported function of numbers."""
        try:
            return self._functions[name]
        except KeyError:
            signature = self._signatures.get(name)
            numeric = signature is not None and signature.numeric
            bound = self._bind(self._exports[name], signature) if signature is not None and numeric else None
            self._functions[name] = bound
            return bound

    def limit_memory(self, memory_bytes: int) -> None:
        """Move the cap of the linear memory."""
        if self._memory is not None:
            try:
                self._memory.limit(memory_bytes)
            except OSError as error:
                raise self._broken(error) from error

    def rearm(self) -> None:
        """Do nothing: interrupts never reach a guest of this engine."""

    def close(self) -> None:
        """Give everything back: what is left of the engine's objects goes with the last reference to them."""
        self._functions.clear()
        self._exports.clear()
        self._memory = None
        self._exported = False
        self._leave_memory()

    def _bind(self, function: Any, signature: Signature) -> Function:
        """Make the callable of a guest function."""
        results, meaning = types.results(signature.results), self._meaning

        def invoke(*args: Any) -> tuple[Any, ...]:
            try:
                returned = function(*args)
            except BaseException as error:  # the engine lets everything through that a host function raises
                raise meaning(error) from None
            return results(returned)

        return invoke

    def _bridge(self, function: HostFunction) -> Callable[..., int | None]:
        """Make what the engine calls."""
        convert, handler = types.unsigned(function.signature.params), function.handler

        def entry(*args: Any) -> int | None:
            return handler(self, *convert(args))

        return entry

    def _meaning(self, error: BaseException) -> BaseException:
        """Return what to raise for what ended a call: a trap, what a host function raised, or the engine's end."""
        if traps.is_trap(error):
            return traps.error_of(error)
        if traps.is_panic(error):
            return self._broken(error)
        if type(error) is RuntimeError:
            return EngineError(traps.reason_of(error))
        return error
