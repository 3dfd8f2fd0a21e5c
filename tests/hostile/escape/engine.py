"""An engine that a guest has broken out of: where a guest would start, an attack is made.

Takes the place of a real engine in a zygote of the tests. Everything around it is the product's: the zygote, the
fork, the layers, the worker.
"""

import json
import os
import threading
from collections.abc import Callable, Sequence

from tests.hostile.escape.attacks import Target, attempt

from plugind_worker.engine.base import EngineError, Export, HostFunction, Import, Instance, Library, Limits

STAY = "stay"
"""No attack: a worker to be attacked."""

FAULT = "fault"
"""No attack: a fault of the worker's own."""


class Escaped:
    """A module that is no module: the target of the attack."""

    imports: Sequence[Import] = ()
    exports: Sequence[Export] = ()

    def __init__(self, target: Target) -> None:
        self.target = target

    def serialize(self) -> bytes:
        raise NotImplementedError


class Engine:
    """See `plugind_worker.engine.base.Engine`."""

    name = "wasmtime"
    version = "0"
    settings = "none"
    quick_settings = None
    late_code = False
    interruptible = True
    poisoned = False

    def assemble(self, text: bytes) -> bytes:
        raise EngineError(attempt(Target(**json.loads(text))))

    def compile(self, wasm: bytes) -> Escaped:
        raise NotImplementedError

    def load(self, descriptor: int) -> Escaped:
        os.lseek(descriptor, 0, os.SEEK_SET)
        return Escaped(Target(**json.loads(os.read(descriptor, 1 << 16))))

    def sibling(self, *, quick: bool = False) -> "Engine":
        del quick
        return self

    def prepare(self, imports: Sequence[HostFunction]) -> None:
        pass

    def instantiate(
        self,
        module: Escaped,
        imports: Sequence[HostFunction],
        *,
        limits: Limits,
        library: Library | None = None,
        interrupted: Callable[[], bool] = lambda: False,
    ) -> Instance:
        """Attack; the outcome travels as the reason why there is no instance."""
        if module.target.attack == STAY:
            _wait()  # ends with its control socket
        if module.target.attack == FAULT:
            raise RuntimeError("something that nobody thought of")
        raise EngineError(attempt(module.target))

    def interrupt(self) -> None:
        pass


def _wait() -> None:
    """Wait for ever, by a lock: to sleep, CPython 3.10 makes a system call that a worker may not."""
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()


def create() -> Engine:
    return Engine()
