"""`Bridge`: what the engine calls when a guest calls a host function.

Each callback of ctypes is a few bytes of machine code made at run time. A locked worker can make no more code, so the
callbacks of a worker's host functions are made once, before, and find the instance that calls by its number.
"""

import ctypes
import itertools
from collections.abc import Iterable
from typing import Any, Protocol

from plugind_worker.engine.base import HostFunction, Instance
from plugind_worker.engine.wasmtime import capi, types


class Caller(Instance, Protocol):
    """An instance, as the bridge needs it."""

    def called(self, caller: int) -> None:
        """Note who calls, before a host function runs."""

    def failed(self, error: BaseException) -> None:
        """Note what a host function raised, which must come out of the call that entered the guest."""


class Bridge:
    """The callbacks of one engine and the instances that use them."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._instances: dict[int, Caller] = {}
        self._prepared: dict[HostFunction, Any] = {}

    def prepare(self, functions: Iterable[HostFunction]) -> None:
        """Make the callbacks of functions that every instance to come will import."""
        self._prepared = {function: self._make(function) for function in functions}

    def callback(self, function: HostFunction) -> Any:
        """Return the callback of a function; who uses it keeps it."""
        return self._prepared.get(function) or self._make(function)

    def enter(self, instance: Caller) -> int:
        """Return the number by which callbacks find an instance."""
        number = next(self._numbers)
        self._instances[number] = instance
        return number

    def leave(self, number: int) -> None:
        """Forget an instance."""
        self._instances.pop(number, None)

    def _make(self, function: HostFunction) -> Any:
        """Make what the engine calls: raw values in, raw value out, exceptions as a trap that is raised again above."""
        params, result = types.raw_layout(function.signature.params), types.raw_layout(function.signature.results)
        handler, instances = function.handler, self._instances
        returns = bool(function.signature.results)

        def entry(number: int, caller: int, values: int, _count: int) -> int:
            instance = instances[number]
            try:
                instance.called(caller)
                answer = handler(instance, *params.unpack(ctypes.string_at(values, params.size)))
                if returns:
                    ctypes.memmove(values, result.pack(answer), result.size)
            except BaseException as error:  # raised again by the instance, once the engine has unwound the guest
                instance.failed(error)
                return int(capi.trap_new(b"host function", 13))
            return 0

        return capi.Callback(entry)
