"""A worker's main loop: take a message, run the guest, answer. One plugin, one thread, no timers.

The supervisor keeps the deadlines and sends interrupts; `Control` takes them while the guest computes.
"""

import contextlib
import os
import socket
import threading
from collections.abc import Callable
from typing import Final

import msgspec

from plugind_protocol.errors import (
    InvalidParams,
    MemoryLimit,
    PackageInvalid,
    PlugindError,
    Timeout,
    Trap,
    UnsupportedAbi,
)
from plugind_protocol.worker import Kind, Launch, LiveLimits, Ready, Window, split_name
from plugind_worker import heap, wasi_files
from plugind_worker.abi import ABIS
from plugind_worker.channel import Channel, ChannelClosedError
from plugind_worker.console import Console
from plugind_worker.control import START, Control
from plugind_worker.control import Spawn as SpawnThread
from plugind_worker.engine.base import Engine, EngineError, HostFunction, Module
from plugind_worker.extism import Extism
from plugind_worker.guest import Guest
from plugind_worker.host_calls import HostCalls
from plugind_worker.lockdown import Lockdown
from plugind_worker.sandbox.layer import Stage
from plugind_worker.wasi import Wasi

Answer = tuple[Kind, bytes]
_RESULT: Final = Kind.RESULT  # members of an enum are slow to look up

_SPENT: Final = (Trap, Timeout, MemoryLimit)
"""Errors after which the instance cannot be trusted to go on."""
_WINDOW: Final = msgspec.json.Decoder(Window)
_LIMITS: Final = msgspec.json.Decoder(LiveLimits)


class Worker:
    """One plugin.

    Args:
        engine: The engine.
        launch: What to run.
        messages: The messages socket.
        control: The control socket.
        lost: Called from another thread when the supervisor has closed the control socket.
        spawn: Runs a function in a thread of its own.
    """

    def __init__(
        self,
        engine: Engine,
        launch: Launch,
        *,
        messages: socket.socket,
        control: socket.socket,
        lost: Callable[[], None] | None = None,
        spawn: SpawnThread | None = None,
    ) -> None:
        self._engine = engine
        self._launch = launch
        self._channel = Channel(messages)
        self._control = Control(
            control,
            interrupt=engine.interrupt,
            lost=_leave if lost is None else lost,
            threaded=engine.interruptible,
            spawn=spawn,
        )
        self._ending = contextlib.ExitStack()
        self._console = Console(self._channel, self._control, per_second=launch.log_messages_per_second)
        self._handlers: dict[int, Callable[[bytes], Answer]] = {
            Kind.CALL: self._call,
            Kind.HOOK: self._hook,
            Kind.PROCESS: self._process,
            Kind.WINDOW_OPEN: self._open_window,
            Kind.WINDOW_CLOSE: self._close_window,
            Kind.PING: self._ping,
            Kind.LIMITS: self._limit,
            Kind.PARK: self._park,
        }

    def run(self, artefact: int, program: int | None = None, *, lockdown: Lockdown) -> None:
        """Start the plugin and serve it until the supervisor closes the channel.

        Args:
            artefact: Descriptor of the compiled module.
            program: Descriptor of the plugin's scripts, where the module runs scripts.
            lockdown: What confines this process, entirely from before anything of the plugin's runs.
        """
        self._control.begin(START)  # before the thread: an interrupt of the start may have arrived already
        try:
            module, imports = self._load(artefact)
            lockdown.apply(Stage.LOADED)
            self._control.start()
            lockdown.apply(Stage.LAST)
            lockdown.check()
            self._start(module, imports, program)
        except PlugindError as error:
            self._channel.send(Kind.FAILED, START, self._describe(error))
            return
        except MemoryError:
            self._channel.send(Kind.FAILED, START, self._describe(_no_memory()))
            return
        self._end_call()
        ready = Ready(
            abi=self._launch.abi,
            functions=self._guest.functions,
            thread=threading.get_native_id(),
            layers=lockdown.held,
        )
        self._channel.send(Kind.READY, START, msgspec.json.encode(ready))
        try:
            while not self._engine.poisoned:
                self._serve(*self._channel.receive())
        except ChannelClosedError:
            return

    def close(self) -> None:
        """Give everything back; for a process that goes on. Returns when the supervisor has closed its ends."""
        self._ending.close()
        self._channel.close()
        self._control.close()

    def _load(self, artefact: int) -> tuple[Module, list[HostFunction]]:
        """Do what opens files and makes code executable, while this process can."""
        if self._launch.abi not in ABIS:
            raise UnsupportedAbi(f"this worker has no {self._launch.abi} ABI", hint=f"It has: {', '.join(ABIS)}.")
        try:
            module = self._engine.load(artefact)
        except EngineError as error:
            raise PackageInvalid(f"the compiled module cannot be loaded: {error}") from error
        finally:
            os.close(artefact)
        calls = HostCalls(self._channel, self._control, self._console, max_params_bytes=self._launch.max_result_bytes)
        imports = [*calls.functions(), *Wasi(self._console, self._control).functions()]
        if self._launch.abi == "extism":
            imports += Extism(calls, self._console, self._launch.config).functions()
            imports += wasi_files.functions()
        self._engine.prepare(imports)
        return module, imports

    def _start(self, module: Module, imports: list[HostFunction], program: int | None) -> None:
        self._guest = Guest(
            self._engine,
            module,
            self._launch,
            imports=imports,
            interrupted=lambda: self._control.fired,
            program=program,
        )
        self._ending.callback(self._guest.close)
        self._guest.start()

    def _serve(self, kind: int, number: int, body: bytes) -> None:
        handler = self._handlers.get(kind)
        if handler is None:
            return  # an answer to a host call that is over
        if not self._control.begin(number):
            error = Timeout("interrupted before its turn came", cause="timeout")
            self._channel.send(Kind.ERROR, number, self._describe(error))
            return
        try:
            answer, payload = handler(body)
        except PlugindError as error:
            if isinstance(error, _SPENT):
                self._guest.discard()
            answer, payload = Kind.ERROR, self._describe(error)
        except MemoryError:
            self._guest.discard()
            answer, payload = Kind.ERROR, self._describe(_no_memory())
        self._end_call()
        self._channel.send(answer, number, payload)

    def _end_call(self) -> None:
        self._console.flush()
        if self._control.finish():
            self._guest.rearm()

    def _call(self, body: bytes) -> Answer:
        name, params = split_name(body)
        return _RESULT, self._guest.call(name, params)

    def _hook(self, body: bytes) -> Answer:
        return Kind.RESULT, self._guest.hook(*split_name(body))

    def _process(self, body: bytes) -> Answer:
        return Kind.PROCESSED, self._guest.process(body)

    def _open_window(self, body: bytes) -> Answer:
        window = _window(body)
        self._guest.open_window(window, self._control.take_window(window.window))
        return Kind.RESULT, b"null"

    def _close_window(self, body: bytes) -> Answer:
        self._guest.close_window(_window(body).window)
        return Kind.RESULT, b"null"

    def _ping(self, _body: bytes) -> Answer:
        return Kind.RESULT, b"null"

    def _park(self, _body: bytes) -> Answer:
        if self._channel.large:  # otherwise looking for what is free takes more memory than it gives back
            self._channel.large = False
            heap.give_back()
        return Kind.RESULT, b"null"

    def _limit(self, body: bytes) -> Answer:
        limits = _LIMITS.decode(body)
        self._guest.limit_memory(limits.memory_bytes)
        self._console.limit(limits.log_messages_per_second)
        return Kind.RESULT, b"null"

    def _describe(self, error: PlugindError) -> bytes:
        """Encode an error with the plugin it is about."""
        launch = self._launch
        if isinstance(error, Trap) and (words := self._console.last_words):
            error.message = f"{error.message}: {words}"
        error.message = f"{launch.plugin_id} {launch.version}: {error.message}"
        error.data.plugin_id, error.data.version = launch.plugin_id, launch.version
        return msgspec.json.encode(error.to_object())


def _window(body: bytes) -> Window:
    try:
        return _WINDOW.decode(body)
    except msgspec.DecodeError as error:
        raise InvalidParams(f"malformed window: {error}") from error


def _no_memory() -> MemoryLimit:
    return MemoryLimit("its process has no memory left for this", cause="memory")


def _leave() -> None:
    os._exit(0)
