"""``timeline.host_call`` and ``timeline.log``: what a guest asks of its host travels to the supervisor as a message."""

from typing import Final

import msgspec

from plugind_protocol.errors import MemoryLimit, ParseError, PlugindError, Timeout, TooLarge, Trap
from plugind_protocol.worker import Kind, with_name
from plugind_worker import payload
from plugind_worker.channel import Channel
from plugind_worker.console import MAX_MESSAGE_BYTES, Console
from plugind_worker.control import Control
from plugind_worker.engine.base import HostFunction, Instance, OutOfBoundsError, Signature

MODULE: Final = "timeline"
SIGNATURES: Final = {
    "host_call": Signature.parse("i32 i32 i32 i32 -> i64"),
    "log": Signature.parse("i32 i32 i32 ->"),
}
MAX_METHOD_BYTES: Final = 256
"""Longest name of a host method, in bytes."""
ERROR_BIT: Final = 1 << 31
"""Set in a packed result whose text is an error object."""


class HostCalls:
    """Serves a guest's host calls.

    Args:
        channel: Carries the call and its answer. Whatever else arrives meanwhile is kept for later.
        control: Knows the call that runs, and whether it was interrupted.
        console: Takes log messages.
        max_params_bytes: Largest params copied out of the guest, in bytes.
    """

    def __init__(self, channel: Channel, control: Control, console: Console, *, max_params_bytes: int) -> None:
        self._channel = channel
        self._control = control
        self._console = console
        self._max = max_params_bytes
        self._busy = False

    def functions(self) -> list[HostFunction]:
        """Return what guests may import."""
        return [
            HostFunction(MODULE, "host_call", SIGNATURES["host_call"], self.host_call),
            HostFunction(MODULE, "log", SIGNATURES["log"], self.log),
        ]

    def host_call(self, instance: Instance, method: int, method_len: int, params: int, params_len: int) -> int:
        """Ask the host.

        Returns:
            The packed answer: 0 for ``null``, else pointer and length of a text from ``plugin_alloc``, with
            `ERROR_BIT` set when it is an error object.

        Raises:
            Trap: A pointer lies, or the guest's allocator made a host call of its own.
            Timeout: The call was interrupted while it waited.
        """
        if self._busy:
            raise Trap("host_call: called from inside plugin_alloc during another host_call", cause="trap")
        self._busy = True
        try:
            error, body = self._answer(instance, method, method_len, params, params_len)
            return _give(instance, body, error=error)
        finally:
            self._busy = False

    def ask(self, method: bytes, params: bytes) -> tuple[bool, bytes]:
        """Ask the host for a guest that has another way to.

        Args:
            method: UTF-8, at most `MAX_METHOD_BYTES`.
            params: A JSON text.

        Returns:
            Whether the answer is an error object, and its JSON text.

        Raises:
            Timeout: The call was interrupted while it waited.
        """
        if len(params) > self._max:
            raise TooLarge(f"{method.decode()}: params of {len(params)} bytes, over {self._max}", cause="limit")
        return self._send(with_name(method, params))

    def log(self, instance: Instance, level: int, pointer: int, length: int) -> None:
        """Send a message to the console.

        Raises:
            Trap: The pointer lies.
        """
        try:
            instance.address(pointer, length)
        except OutOfBoundsError as error:
            raise Trap(f"log: {error}", cause="trap") from error
        text = instance.read(pointer, min(length, MAX_MESSAGE_BYTES))
        self._console.log(level, text, cut=length > len(text))

    def _answer(
        self, instance: Instance, method: int, method_len: int, params: int, params_len: int
    ) -> tuple[bool, bytes]:
        try:
            body = self._request(instance, method, method_len, params, params_len)
        except OutOfBoundsError as error:
            raise Trap(f"host_call: pointer out of bounds: {error}", cause="trap") from error
        except (ParseError, TooLarge) as error:
            return True, _encode(error)
        return self._send(body)

    def _send(self, body: bytes) -> tuple[bool, bytes]:
        self._channel.send(Kind.HOST_CALL, self._control.number, body)
        return self._wait()

    def _request(self, instance: Instance, method: int, method_len: int, params: int, params_len: int) -> bytes:
        if method_len > MAX_METHOD_BYTES:
            instance.address(method, method_len)
            raise TooLarge(f"host_call: method name of {method_len} bytes, over {MAX_METHOD_BYTES}", cause="limit")
        name = instance.read(method, method_len)
        if params_len > self._max:
            instance.address(params, params_len)
            raise TooLarge(f"host_call: params of {params_len} bytes, over {self._max}", cause="limit")
        text = instance.read(params, params_len) or b"null"
        try:
            name.decode()
            return with_name(name, payload.check(text))
        except ValueError as error:
            raise ParseError(f"host_call: method must be UTF-8 and params UTF-8 JSON: {error}") from error

    def _wait(self) -> tuple[bool, bytes]:
        while True:
            message = self._channel.receive_new()
            kind, call, body = message
            if kind not in _ANSWERS:
                self._channel.keep(message)
            elif call == self._control.number:
                self._control.poll()
                if self._control.fired:
                    raise Timeout("interrupted at its deadline during a host call", cause="timeout")
                return kind == Kind.HOST_ERROR, body


_ANSWERS: Final = frozenset((Kind.HOST_RESULT, Kind.HOST_ERROR))


def _give(instance: Instance, body: bytes, *, error: bool) -> int:
    """Write an answer into memory that the guest then owns, and pack where it lies."""
    if not error and body in {b"null", b""}:
        return 0
    alloc = instance.function("plugin_alloc")
    if alloc is None:
        raise Trap("host_call: the module exports no plugin_alloc to put the answer in", cause="trap")
    pointer = int(alloc(len(body), 1)[0])
    if pointer == 0:
        raise MemoryLimit(f"host_call: plugin_alloc has no {len(body)} bytes for the answer", cause="memory")
    try:
        instance.write(pointer, body)
    except OutOfBoundsError as fault:
        raise Trap(f"host_call: plugin_alloc returned a pointer out of bounds: {fault}", cause="trap") from fault
    return pointer << 32 | len(body) | (ERROR_BIT if error else 0)


def _encode(error: PlugindError) -> bytes:
    return msgspec.json.encode(error.to_object())
