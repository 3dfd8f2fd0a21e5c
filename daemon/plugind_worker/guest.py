"""The plugin in this process: one instance at a time, made again, and brought back to where it was, after it broke."""

import os
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from plugind_protocol.errors import InvalidParams, PackageInvalid, PlugindError
from plugind_protocol.worker import Launch, Window
from plugind_worker.abi import ABIS
from plugind_worker.abi.base import Abi
from plugind_worker.engine.base import (
    Engine,
    EngineError,
    Export,
    ExternKind,
    HostFunction,
    Instance,
    Library,
    Limits,
    Module,
    Signature,
)
from plugind_worker.frames import Frames, OpenWindow
from plugind_worker.hooks import History

_INITIALIZE: Final = Export("_initialize", ExternKind.FUNCTION, Signature.parse("->"))
"""What compilers of libraries export in place of a start function."""


class _Live(msgspec.Struct, frozen=True):
    """An instance and those who speak with it."""

    instance: Instance
    abi: Abi
    frames: Frames


class Guest:
    """A module and what outlives its instances: windows, and the hooks that hold.

    Args:
        engine: The engine.
        module: The plugin's module.
        launch: Its limits and ABI.
        imports: What the host offers.
        interrupted: Whether the call that runs was interrupted.
        program: Descriptor of its scripts, which is the guest's from now on.
    """

    def __init__(
        self,
        engine: Engine,
        module: Module,
        launch: Launch,
        *,
        imports: Sequence[HostFunction],
        interrupted: Callable[[], bool],
        program: int | None = None,
    ) -> None:
        self._engine = engine
        self._module = module
        self._launch = launch
        self._imports = imports
        self._interrupted = interrupted
        self._program = program
        self._abi = ABIS[launch.abi]
        self._limits = Limits(memory_bytes=launch.memory_bytes, table_elements=launch.table_elements)
        self._windows: dict[int, OpenWindow] = {}
        self._history = History()
        self._live: _Live | None = None

    @property
    def functions(self) -> list[str]:
        """Functions that can be called one by one, where exports tell."""
        return self._abi.callables(self._module.exports)

    def start(self) -> None:
        """Make an instance if there is none: its start functions run, its windows are mapped, its hooks replayed.

        Raises:
            PlugindError: What the guest did wrong; there is no instance then.
        """
        self._current()

    def call(self, name: bytes, params: bytes) -> bytes:
        """Call a function; see `plugind_worker.abi.base.Abi.call`."""
        live = self._live or self._current()
        try:
            return live.abi.call(name, params)
        except PlugindError:
            if live.abi.spent:
                self.discard()
            raise

    def hook(self, name: bytes, params: bytes) -> bytes:
        """Call a lifecycle hook; ``null`` where the plugin does not implement it."""
        live = self._current()
        self._history.forget(name)
        result = live.abi.hook(name, params)
        if result is None:
            return b"null"
        self._history.remember(name, params)
        return result

    def process(self, body: bytes) -> bytes:
        """Process a frame; see `plugind_worker.frames.Frames.process`."""
        return (self._live or self._current()).frames.process(body)

    def open_window(self, window: Window, descriptor: int) -> None:
        """Open a window.

        Args:
            window: The window.
            descriptor: Its file, which is the guest's from now on.
        """
        opened = OpenWindow(window, descriptor)
        try:
            self._current().frames.open(opened)
        except BaseException:
            os.close(descriptor)
            raise
        self._windows[window.window] = opened

    def close_window(self, number: int) -> None:
        """Close a window.

        Raises:
            InvalidParams: There is no such window.
        """
        opened = self._windows.pop(number, None)
        if opened is None:
            raise InvalidParams(f"there is no window {number}")
        os.close(opened.descriptor)
        if self._live is not None:
            self._live.frames.close(number)

    def limit_memory(self, memory_bytes: int) -> None:
        """Change how large the guest's memory may become, frame windows not counted; what it has it keeps."""
        self._limits = Limits(memory_bytes=memory_bytes, table_elements=self._limits.table_elements)
        if self._live is not None:
            self._live.frames.limit_memory(memory_bytes)

    def rearm(self) -> None:
        """Forget an interrupt that came when the guest was done."""
        if self._live is not None:
            self._live.instance.rearm()

    def discard(self) -> None:
        """Give the instance up; the next call gets a fresh one."""
        if self._live is not None:
            self._live.instance.close()
            self._live = None

    def close(self) -> None:
        """Give everything back."""
        self.discard()
        while self._windows:
            os.close(self._windows.popitem()[1].descriptor)
        if self._program is not None:
            os.close(self._program)
            self._program = None

    def _current(self) -> _Live:
        if self._live is None:
            self._live = self._make()
        return self._live

    def _make(self) -> _Live:
        try:
            instance = self._engine.instantiate(
                self._module,
                self._imports,
                limits=self._limits,
                library=self._library(),
                interrupted=self._interrupted,
            )
        except EngineError as error:
            raise PackageInvalid(f"cannot be instantiated: {error}") from error
        try:
            return self._prepare(instance)
        except BaseException:
            instance.close()
            raise

    def _library(self) -> Library | None:
        source = self._abi.LIBRARY
        if source is None:
            return None
        if self._module.library is None:
            raise EngineError(f"its artefact has no library for the {self._launch.abi} ABI")
        return Library(source.name, self._module.library)

    def _prepare(self, instance: Instance) -> _Live:
        """Bring a fresh instance to where the last one was."""
        initialize = instance.function("_initialize") if _INITIALIZE in self._module.exports else None
        if initialize is not None:
            initialize()
        abi = self._abi(instance, self._module.exports, max_result_bytes=self._launch.max_result_bytes)
        if self._program is not None:
            abi.begin(_contents(self._program))
        frames = Frames(instance, memory_bytes=self._launch.memory_bytes)
        for opened in self._windows.values():
            frames.open(opened)
        for name, params in self._history:
            abi.hook(name, params)
        return _Live(instance, abi, frames)


def _contents(descriptor: int) -> bytes:
    """Read a whole file, by calls that a locked worker may make, for each instance anew: it is needed only once."""
    size = os.lseek(descriptor, 0, os.SEEK_END)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return b"".join(iter(lambda: os.read(descriptor, size), b""))
