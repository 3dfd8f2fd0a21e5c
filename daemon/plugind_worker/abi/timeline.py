"""Timeline ABI 1: ``plugin_call`` with a method's name and JSON params in the guest's memory, a packed result back."""

from collections.abc import Sequence
from typing import ClassVar, Final

import msgspec

from plugind_protocol.errors import (
    ErrorObject,
    FunctionNotFound,
    MemoryLimit,
    PlugindError,
    PluginError,
    TooLarge,
    Trap,
    UnsupportedAbi,
)
from plugind_worker import payload
from plugind_worker.abi import signatures
from plugind_worker.abi.base import LibrarySource
from plugind_worker.engine.base import Export, Function, Import, Instance, OutOfBoundsError, Signature

VERSION: Final = 1
REQUIRED: Final = {
    "plugin_call": Signature.parse("i32 i32 i32 i32 -> i64"),
    "plugin_alloc": Signature.parse("i32 i32 -> i32"),
    "plugin_free": Signature.parse("i32 i32 i32 ->"),
}
OPTIONAL: Final = {
    "plugin_process_frame": Signature.parse("i32 i32 -> i32"),
    "plugin_abi": Signature.parse("-> i32"),
}
NOT_IMPLEMENTED: Final = -32601
"""Code by which a guest says that it has no such method."""

MAX_ERROR_BYTES: Final = 256 * 1024
"""Largest error object kept whole, in bytes; of a larger one, code and message are kept."""

_KEPT_BYTES: Final = 4096
"""Params of at most this size, with the name, are put into the same memory for every call."""
_ERROR_BIT: Final = 1 << 31
_MAX_MESSAGE: Final = 4096  # characters
_LENGTH: Final = _ERROR_BIT - 1


class TimelineAbi:
    """One instance that speaks Timeline ABI 1; see `plugind_worker.abi.base.Abi`."""

    LIBRARY: ClassVar[LibrarySource | None] = None
    spent = False

    def __init__(
        self,
        instance: Instance,
        exports: Sequence[Export],  # noqa: ARG002  # as in every ABI
        *,
        max_result_bytes: int,
    ) -> None:
        self._instance = instance
        self._max = max_result_bytes
        self._kept = 0  # pointer to memory for the params of small calls, kept from call to call
        self._call = exported(instance, "plugin_call")
        self._alloc = exported(instance, "plugin_alloc")
        self._free = exported(instance, "plugin_free")
        version = instance.function("plugin_abi")
        if version is not None and (found := version()[0]) != VERSION:
            raise UnsupportedAbi(f"follows version {found} of the timeline ABI; this host has version {VERSION}")

    @staticmethod
    def claims(exports: Sequence[Export], imports: Sequence[Import]) -> bool:  # noqa: ARG004  # as in every ABI
        """Whether there is a ``plugin_call``."""
        return any(export.name == "plugin_call" for export in exports)

    @staticmethod
    def check(exports: Sequence[Export]) -> None:
        """Make sure of the memory and of every function of the ABI."""
        signatures.require_memory(exports, abi="timeline")
        signatures.check(exports, REQUIRED, optional=OPTIONAL, abi="timeline")

    @staticmethod
    def callables(exports: Sequence[Export]) -> list[str]:  # noqa: ARG004  # as in every ABI
        """Return nothing: only the plugin knows its methods."""
        return []

    def begin(self, program: bytes) -> None:
        """Say that such a module runs no scripts."""
        raise UnsupportedAbi(f"a module of the timeline ABI runs no scripts ({len(program)} bytes of them came)")

    def call(self, name: bytes, params: bytes) -> bytes:
        """Call a method."""
        failed, text = self._run(name, params)
        if not failed:
            return text
        error = error_object(text)
        if error.code == NOT_IMPLEMENTED and error.data is None:  # with data it is the host's, passed on by the guest
            shown = name.decode("utf-8", "replace")
            raise FunctionNotFound(f"has no function {shown!r}", hint="See the plugin's own documentation.")
        raise self.failure(error)

    def hook(self, name: bytes, params: bytes) -> bytes | None:
        """Call a reserved method, which the plugin need not have."""
        failed, text = self._run(name, params)
        if not failed:
            return text
        error = error_object(text)
        if error.code == NOT_IMPLEMENTED and error.data is None:
            return None
        raise self.failure(error)

    def failure(self, error: ErrorObject) -> PlugindError:
        """Return what is raised for an error that the guest answered with."""
        return PluginError(error.message, error=error)

    def _run(self, name: bytes, params: bytes) -> tuple[bool, bytes]:
        """Return whether the guest answered with an error, and the text of its answer."""
        data = name + (params or b"null")
        name_length, length = len(name), len(data)
        pointer = (length <= _KEPT_BYTES and self._kept) or self._place(length)
        try:
            self._instance.write(pointer, data)
        except OutOfBoundsError as error:
            raise Trap(f"plugin_alloc returned a pointer out of bounds: {error}", cause="trap") from error
        packed = self._call(pointer, name_length, pointer + name_length, length - name_length)[0]
        if pointer != self._kept:
            self._free(pointer, length, 1)
        return self.unpack(packed)

    def unpack(self, packed: int) -> tuple[bool, bytes]:
        """Return whether a packed answer is an error, and its text."""
        return bool(packed & _ERROR_BIT), self._take(packed >> 32, packed & _LENGTH)

    def _place(self, length: int) -> int:
        """Return the guest's memory for the name and params of a call: such as is kept, where they are small."""
        if length <= _KEPT_BYTES:
            self._kept = int(self._alloc(_KEPT_BYTES, 1)[0])
            if self._kept:
                return self._kept
        pointer = int(self._alloc(length, 1)[0])
        if pointer == 0:
            raise MemoryLimit(f"plugin_alloc has no {length} bytes for the params", cause="memory")
        return pointer

    def _take(self, pointer: int, length: int) -> bytes:
        """Copy the answer out, give its memory back, and make sure that it is JSON."""
        if not length:
            return b"null"
        try:
            if length > self._max:
                self._instance.address(pointer, length)
                self._free(pointer, length, 1)
                raise TooLarge(f"returned {length} bytes, over the limit of {self._max}", cause="limit")
            text = self._instance.read(pointer, length)
        except OutOfBoundsError as error:
            raise Trap(f"plugin_call returned a pointer out of bounds: {error}", cause="trap") from error
        self._free(pointer, length, 1)
        try:
            return payload.check(text)
        except ValueError as error:
            raise PluginError(f"returned something that is not a UTF-8 JSON text: {error}", cause="protocol") from error


def exported(instance: Instance, name: str) -> Function:
    """Return a function of the guest that it must have.

    Raises:
        UnsupportedAbi: It has none of this name.
    """
    function = instance.function(name)
    if function is None:
        raise UnsupportedAbi(f"exports no {name}, which the timeline ABI needs")
    return function


def error_object(text: bytes) -> ErrorObject:
    """Read the error object that a guest answered with; of one that is too large, code and message are kept.

    Raises:
        PluginError: It is none.
    """
    try:
        error = msgspec.json.decode(text, type=ErrorObject)
    except (msgspec.DecodeError, RecursionError) as fault:
        raise PluginError(f"failed with something that is no error object: {fault}", cause="protocol") from fault
    if len(text) > MAX_ERROR_BYTES:
        return ErrorObject(error.code, error.message[:_MAX_MESSAGE])
    return error
