"""`WasmerEngine`: compiling, loading and instantiating."""

import hashlib
import importlib.metadata
import mmap
import platform
import sys
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Final

import msgspec
from wasmer import Memory as RawMemory
from wasmer import MemoryType, Store, wat2wasm
from wasmer import Module as RawModule
from wasmer import engine as engines
from wasmer_compiler_cranelift import Compiler

from plugind_protocol.errors import MemoryLimit, Timeout, WorkerCrashed
from plugind_worker.engine.base import EngineError, Export, ExternKind, HostFunction, Import, Library, Limits, Module
from plugind_worker.engine.wasmer import fence, traps, types
from plugind_worker.engine.wasmer import instance as instances
from plugind_worker.engine.wasmer.rewrite import Changes, rewrite

assert sys.platform != "win32"  # for type checkers: memory is not mapped over there

MAX_TABLE_ELEMENTS: Final = 100_000
"""Cap of each table; it is compiled into the module, so that a launch cannot lower it."""

_MAGIC: Final = b"plugind wasmer 1\0"
_FORMAT: Final = "1"  # of artefacts, and of how modules are rewritten
_LENGTH_BYTES: Final = 4
_decoder: Final = msgspec.json.Decoder(Changes)


class WasmerModule:
    """A compiled module.

    Args:
        raw: The engine's module.
        changes: How it differs from the one that was given.
    """

    def __init__(self, raw: RawModule, changes: Changes) -> None:
        self.raw = raw
        self.changes = changes

    @cached_property
    def imports(self) -> Sequence[Import]:
        """What the module needs."""
        found = types.imports_of(self.raw)
        return found[:-1] if self.changes.memory else found

    @cached_property
    def exports(self) -> Sequence[Export]:
        """What the module offers."""
        found = types.exports_of(self.raw)
        return found[:-1] if self.changes.start else found

    @property
    def memory(self) -> tuple[int, int] | None:
        """Pages its memory has at first, and may have at most; ``None`` where it has no memory."""
        if not self.changes.memory:
            return None
        declared = self.raw.imports[-1].type
        most = declared.maximum
        return declared.minimum, fence.RESERVED // instances.WASM_PAGE if most is None else most

    @property
    def library(self) -> None:
        """None: this engine does not link."""
        return None

    def serialize(self, library: Module | None = None) -> bytes:
        """Return the artefact: a mark, the changes with their length, and the engine's own format."""
        assert library is None, "this engine does not link"
        changes = msgspec.json.encode(self.changes)
        return _MAGIC + len(changes).to_bytes(_LENGTH_BYTES, "little") + changes + bytes(self.raw.serialize())


class WasmerEngine:
    """Wasmer with the Cranelift compiler; see `plugind_worker.engine.base.Engine`."""

    name = "wasmer"
    interruptible = False
    links = False
    late_code = False

    def __init__(self) -> None:
        self.version = importlib.metadata.version("wasmer")
        self.settings = _fingerprint(self.version)
        self.quick_settings = None
        self.poisoned = False
        self._store = Store(engines.Universal(Compiler))
        self._stock = fence.Stock()

    def sibling(self, *, quick: bool = False) -> "WasmerEngine":
        """Refuse: what stops a guest would stop its neighbours."""
        del quick  # there is nothing quicker either
        raise EngineError("a guest can only be stopped with its process, which it must have for itself")

    def assemble(self, text: bytes) -> bytes:
        """Turn WebAssembly text into a binary module."""
        try:
            return bytes(wat2wasm(text.decode()))
        except UnicodeDecodeError as error:
            raise EngineError(f"it is not UTF-8: {error.reason} at byte {error.start}") from error
        except BaseException as error:  # a panic of the engine is no Exception
            raise self._refusal(error) from error

    def compile(self, wasm: bytes) -> WasmerModule:
        """Check and compile a binary module."""
        if wasm[:4] != b"\0asm":  # the binding would take it for text
            raise EngineError("it does not start with the magic number of WebAssembly")
        try:
            if not RawModule.validate(self._store, wasm):
                RawModule(self._store, wasm)  # which says why
            rewritten, changes = rewrite(wasm, table_elements=MAX_TABLE_ELEMENTS)
            return WasmerModule(RawModule(self._store, rewritten), changes)
        except EngineError:
            raise
        except BaseException as error:  # a panic of the engine is no Exception
            raise self._refusal(error) from error

    def load(self, descriptor: int) -> WasmerModule:
        """Load an artefact."""
        try:
            with mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ) as view:
                data = view[:]
        except (OSError, ValueError) as error:
            raise EngineError(f"the artefact cannot be read: {error}") from error
        head = len(_MAGIC) + _LENGTH_BYTES
        if data[: len(_MAGIC)] != _MAGIC:
            raise EngineError("it is not an artefact of this engine")
        start = head + int.from_bytes(data[len(_MAGIC) : head], "little")
        try:
            return WasmerModule(RawModule.deserialize(self._store, data[start:]), _decoder.decode(data[head:start]))
        except msgspec.DecodeError as error:
            raise EngineError(f"the artefact is damaged: {error}") from error
        except BaseException as error:  # a panic of the engine is no Exception
            raise self._refusal(error) from error

    def prepare(self, imports: Sequence[HostFunction]) -> None:
        """Do nothing: what calls of host functions need is part of every module's own code."""

    def instantiate(
        self,
        module: Module,
        imports: Sequence[HostFunction],
        *,
        limits: Limits,
        library: Library | None = None,
        interrupted: Callable[[], bool] = lambda: False,
    ) -> instances.WasmerInstance:
        """Make an instance and run its start function."""
        assert isinstance(module, WasmerModule)
        assert library is None, "this engine does not link"
        if interrupted():
            raise Timeout("interrupted before it started", cause="timeout")
        needed = {(i.module, i.name) for i in module.imports}
        instance = instances.WasmerInstance(
            self._memory_of(module, limits),
            {e.name: e.signature for e in module.exports if e.signature is not None},
            exported=any(e.name == "memory" and e.kind is ExternKind.MEMORY for e in module.exports),
            broken=self._broken,
        )
        try:
            instance.limit_memory(limits.memory_bytes)
            offered = [function for function in imports if (function.module, function.name) in needed]
            instance.start(self._store, module.raw, offered, run=module.changes.start)
        except BaseException:
            instance.close()
            raise
        return instance

    def interrupt(self) -> None:
        """Do nothing; see `interruptible`."""

    def _memory_of(self, module: WasmerModule, limits: Limits) -> instances.WasmerMemory | None:
        """Make a module's memory, unless the module wants more than the limits allow."""
        largest = max(module.changes.tables, default=0)
        if largest > min(limits.table_elements, MAX_TABLE_ELEMENTS):
            raise MemoryLimit(f"wants a table of {largest} elements from the start", cause="memory")
        if module.memory is None:
            return None
        least, most = module.memory
        if least * instances.WASM_PAGE > limits.memory_bytes:
            raise MemoryLimit(
                f"wants more memory from the start than its limit: "
                f"{least * instances.WASM_PAGE} of {limits.memory_bytes} bytes",
                cause="memory",
            )
        try:
            return instances.WasmerMemory(RawMemory(self._store, MemoryType(least, most, shared=False)), self._stock)
        except RuntimeError as error:
            raise MemoryLimit(f"its memory cannot be made: {traps.reason_of(error)}", cause="memory") from error
        except OSError as error:
            raise self._broken(error) from error

    def _refusal(self, error: BaseException) -> BaseException:
        """Return what to raise for what the engine raised about a module."""
        if traps.is_panic(error):
            self.poisoned = True
        elif not isinstance(error, (RuntimeError, TypeError, ValueError)):
            return error
        return EngineError(traps.reason_of(error))

    def _broken(self, error: BaseException) -> WorkerCrashed:
        self.poisoned = True
        return WorkerCrashed(f"its engine failed: {traps.reason_of(error)}", cause="crash")


def create() -> WasmerEngine:
    """Return the engine."""
    return WasmerEngine()


def _fingerprint(version: str) -> str:
    """Hash engine, versions, machine and settings; the engine uses what the processor has, and does not check later."""
    compiler = importlib.metadata.version("wasmer_compiler_cranelift")
    parts = ("wasmer", version, compiler, platform.machine(), _features(), _FORMAT, str(MAX_TABLE_ELEMENTS))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


def _features() -> str:
    """Return what the processor can do, where the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor()
    return next((line for line in lines if line.startswith(("flags", "Features"))), platform.processor())


__all__ = ["WasmerEngine", "WasmerModule", "create"]
