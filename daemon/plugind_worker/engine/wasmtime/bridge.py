"""`Bridge`: what the engine calls when a guest calls a host function.

Each callback of ctypes is a few bytes of machine code made at run time. A locked worker can make no more code, so there
is one callback for all host functions of all instances, made before; it finds who calls what by a number.
"""

import ctypes
import itertools
import struct
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Any, Protocol

import msgspec

from plugind_worker.engine.base import HostFunction, Instance
from plugind_worker.engine.wasmtime import capi, types


class Caller(Instance, Protocol):
    """An instance, as the bridge needs it."""

    def called(self, caller: int) -> None:
        """Note who calls, before a host function runs."""

    def failed(self, error: BaseException) -> None:
        """Note what a host function raised, which must come out of the call that entered the guest."""


class _Binding(msgspec.Struct, frozen=True, gc=False):
    """A host function as one instance sees it."""

    instance: Caller
    handler: Callable[..., int | None]
    params: struct.Struct
    result: struct.Struct
    returns: bool


class Bridge:
    """The callback, and what each number stands for. Several threads may use it, each for instances of its own."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._bindings: dict[int, _Binding] = {}

    @cached_property
    def callback(self) -> Any:
        """What the engine calls; made when it is first asked for."""
        bindings = self._bindings

        def entry(number: int, caller: int, values: int, _count: int) -> int:
            bound = bindings[number]
            instance = bound.instance
            try:
                instance.called(caller)
                answer = bound.handler(instance, *bound.params.unpack(ctypes.string_at(values, bound.params.size)))
                if bound.returns:
                    ctypes.memmove(values, bound.result.pack(answer), bound.result.size)
            except BaseException as error:  # raised again by the instance, once the engine has unwound the guest
                instance.failed(error)
                return int(capi.trap_new(b"host function", 13))
            return 0

        return capi.Callback(entry)

    def bind(self, instance: Caller, function: HostFunction) -> int:
        """Return the number that stands for a host function called by an instance."""
        number = next(self._numbers)
        self._bindings[number] = _Binding(
            instance,
            function.handler,
            types.raw_layout(function.signature.params),
            types.raw_layout(function.signature.results),
            bool(function.signature.results),
        )
        return number

    def release(self, numbers: Iterable[int]) -> None:
        """Forget what numbers stand for."""
        for number in numbers:
            self._bindings.pop(number, None)
