"""`WasmtimeEngine`: compiling, loading and instantiating."""

import os
import struct
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Final

import wasmtime

from plugind_worker.engine.base import EngineError, Export, HostFunction, Import, Library, Limits, Module
from plugind_worker.engine.wasmtime import config, traps, types
from plugind_worker.engine.wasmtime.bridge import Bridge
from plugind_worker.engine.wasmtime.instance import WasmtimeInstance

_TAIL: Final = struct.Struct("<Q")


class WasmtimeModule:
    """A compiled module.

    Args:
        raw: As the binding has it.
        library: That came with it.
    """

    def __init__(self, raw: wasmtime.Module, library: "WasmtimeModule | None" = None) -> None:
        self.raw = raw
        self.library = library

    @cached_property
    def imports(self) -> Sequence[Import]:
        """What the module needs."""
        return types.imports_of(self.raw)

    @cached_property
    def exports(self) -> Sequence[Export]:
        """What the module offers."""
        return types.exports_of(self.raw)

    def serialize(self, library: Module | None = None) -> bytes:
        """Return the artefact: the engine's own format, behind it that of the library, and how long that is.

        The end is always there, so that nothing that a plugin has put into its module is ever taken for it.
        """
        assert library is None or isinstance(library, WasmtimeModule)
        more = b"" if library is None else bytes(library.raw.serialize())
        return bytes(self.raw.serialize()) + more + _TAIL.pack(len(more))


class WasmtimeEngine:
    """Wasmtime with our settings; see `plugind_worker.engine.base.Engine`.

    Args:
        version: Of the engine, where that is known already.
        bridge: The callback, where there is one already.
        quick: Compile quickly, to slower code.

    Raises:
        EngineError: It cannot be quick on this machine.
    """

    name = "wasmtime"
    late_code = False
    links = True
    interruptible = True
    poisoned = False

    def __init__(self, *, version: str | None = None, bridge: Bridge | None = None, quick: bool = False) -> None:
        self.version = config.version() if version is None else version
        chosen, quicker = config.settings(quick=quick), config.settings(quick=True)
        if chosen is None:
            raise EngineError("it has no quick compiler for this machine")
        self.settings = config.fingerprint(self.version, chosen)
        self.quick_settings = None if quicker is None else config.fingerprint(self.version, quicker)
        self._engine = wasmtime.Engine(config.build(chosen))
        self._increment = self._engine.increment_epoch
        self._bridge = Bridge() if bridge is None else bridge

    def assemble(self, text: bytes) -> bytes:
        """Turn WebAssembly text into a binary module."""
        try:
            return bytes(wasmtime.wat2wasm(text))
        except wasmtime.WasmtimeError as error:
            raise EngineError(traps.reason_of(error)) from error

    def compile(self, wasm: bytes) -> WasmtimeModule:
        """Check and compile a binary module."""
        if wasm[:4] != b"\0asm":  # the binding would take it for text
            raise EngineError("it does not start with the magic number of WebAssembly")
        try:
            return WasmtimeModule(wasmtime.Module(self._engine, wasm))
        except wasmtime.WasmtimeError as error:
            raise EngineError(traps.reason_of(error)) from error

    def load(self, descriptor: int) -> WasmtimeModule:
        """Load an artefact, mapped from its file where that has a name in ``/proc``: its pages are then shared."""
        try:
            library = self._library(descriptor)
        except (wasmtime.WasmtimeError, OSError, struct.error) as error:
            raise _unloadable(error) from error
        try:
            raw = wasmtime.Module.deserialize_file(self._engine, f"/proc/self/fd/{descriptor}")
        except wasmtime.WasmtimeError:
            return WasmtimeModule(self._load_copy(descriptor), library)
        return WasmtimeModule(raw, library)

    def _library(self, descriptor: int) -> WasmtimeModule | None:
        """Load the library that lies behind a module, if one does."""
        size = os.lseek(descriptor, 0, os.SEEK_END)
        (length,) = _TAIL.unpack(_read(descriptor, max(0, size - _TAIL.size), _TAIL.size))
        if not length:
            return None
        start = size - _TAIL.size - length
        if start < 0:
            raise EngineError("it is damaged: what lies behind it is longer than all of it")
        data = _read(descriptor, start, length)
        return WasmtimeModule(wasmtime.Module.deserialize(self._engine, data))

    def _load_copy(self, descriptor: int) -> wasmtime.Module:
        """Load an artefact by calls that a locked worker may make."""
        try:
            size = os.lseek(descriptor, 0, os.SEEK_END)
            return wasmtime.Module.deserialize(self._engine, _read(descriptor, 0, size))
        except (wasmtime.WasmtimeError, OSError, ValueError) as error:
            raise _unloadable(error) from error

    def sibling(self, *, quick: bool = False) -> "WasmtimeEngine":
        """Return another engine that shares the callback of this one."""
        return WasmtimeEngine(version=self.version, bridge=self._bridge, quick=quick)

    def prepare(self, imports: Sequence[HostFunction]) -> None:
        """Make the callback that every instance to come will use."""
        del imports  # one callback serves all
        _ = self._bridge.callback

    def instantiate(
        self,
        module: Module,
        imports: Sequence[HostFunction],
        *,
        limits: Limits,
        library: Library | None = None,
        interrupted: Callable[[], bool] = lambda: False,
    ) -> WasmtimeInstance:
        """Make an instance and run its start function."""
        assert isinstance(module, WasmtimeModule)
        needed = {(i.module, i.name) for i in module.imports}
        signatures = {e.name: e.signature for e in module.exports if e.signature is not None}
        instance = WasmtimeInstance(self._engine, signatures, bridge=self._bridge, limits=limits)
        try:
            offered = [function for function in imports if (function.module, function.name) in needed]
            instance.start(module.raw, offered, library=_named(library), interrupted=interrupted)
        except BaseException:
            instance.close()
            raise
        return instance

    def interrupt(self) -> None:
        """End what runs now; see `plugind_worker.engine.base.Engine.interrupt`."""
        self._increment()


def _named(library: Library | None) -> tuple[str, wasmtime.Module] | None:
    if library is None:
        return None
    assert isinstance(library.module, WasmtimeModule)
    return library.name, library.module.raw


def _read(descriptor: int, start: int, length: int) -> bytes:
    """Read a part of a file by calls that a locked worker may make."""
    os.lseek(descriptor, start, os.SEEK_SET)
    data = bytearray()
    while len(data) < length and (part := os.read(descriptor, length - len(data))):
        data += part
    return bytes(data)


def _unloadable(error: Exception) -> EngineError:
    return EngineError(traps.reason_of(error) if isinstance(error, wasmtime.WasmtimeError) else str(error))


def create() -> WasmtimeEngine:
    """Return the engine, with all made that instances need and no module has yet to do with."""
    engine = WasmtimeEngine()
    engine.prepare(())
    return engine


__all__ = ["WasmtimeEngine", "WasmtimeModule", "create"]
