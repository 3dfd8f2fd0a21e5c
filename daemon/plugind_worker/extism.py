"""What Extism plugins ask of their host: configuration, variables, HTTP by the daemon, log, and the host methods.

The rest of what they import is the kernel's (`plugind_worker.abi.kernel`). Nothing here opens a connection: a request
is a host call like any other, which the daemon answers if the plugin may.
"""

import base64
import functools
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from plugind_protocol.errors import ErrorObject, PluginError, TooLarge, Trap
from plugind_worker import payload
from plugind_worker.abi import kernel
from plugind_worker.abi.kernel import Kernel
from plugind_worker.console import MAX_MESSAGE_BYTES, Console, Level
from plugind_worker.engine.base import HostFunction, Instance, Signature
from plugind_worker.host_calls import MAX_METHOD_BYTES, HostCalls

USER: Final = "extism:host/user"
MAX_VARS_BYTES: Final = 1024 * 1024
"""Names and values of a plugin's variables together, in bytes; as Extism's own hosts have it."""
_MAX_NAME_BYTES: Final = 64 * 1024
_error: Final = msgspec.json.Decoder(ErrorObject)


class _Request(msgspec.Struct, frozen=True):
    """A request as plugin kits write it."""

    url: str
    method: str | None = None
    headers: dict[str, str] | None = None
    header: dict[str, str] | None = None
    """Older plugin kits' name of the same."""


_request: Final = msgspec.json.Decoder(_Request)


class _Of(msgspec.Struct):
    """What one instance has at its host."""

    kernel: Kernel
    variables: dict[bytes, bytes]
    status: int = 0
    headers: bytes = b""


class Extism:
    """Serves the functions of `TABLE`.

    Args:
        calls: Asks the daemon.
        console: Takes what the guest logs.
        config: The plugin's configuration.
    """

    def __init__(self, calls: HostCalls, console: Console, config: Mapping[str, str]) -> None:
        self._calls = calls
        self._console = console
        self._config = {key.encode(): value.encode() for key, value in config.items()}
        self._instance: Instance | None = None
        self._state: _Of | None = None

    def functions(self) -> list[HostFunction]:
        """Return what guests may import."""
        return [
            HostFunction(module, name, signature, functools.partial(method, self))
            for module, name, signature, method in TABLE
        ]

    def config_get(self, instance: Instance, key: int) -> int:
        """Look a value of the configuration up; 0 where there is none."""
        memory = self._of(instance).kernel
        return memory.give(self._config.get(_name(memory, key, "config_get"), b""))

    def var_get(self, instance: Instance, key: int) -> int:
        """Look a variable up; 0 where there is none."""
        of = self._of(instance)
        return of.kernel.give(of.variables.get(_name(of.kernel, key, "var_get"), b""))

    def var_set(self, instance: Instance, key: int, value: int) -> None:
        """Set a variable, or remove it where the value is 0.

        Raises:
            TooLarge: It does not fit beside the others.
        """
        of = self._of(instance)
        name = _name(of.kernel, key, "var_set")
        if not value:
            of.variables.pop(name, None)
            return
        length = of.kernel.length(value, "var_set")
        others = sum(len(key) + len(kept) for key, kept in of.variables.items() if key != name)
        if others + len(name) + length > MAX_VARS_BYTES:
            raise TooLarge(f"var_set: its variables would take more than {MAX_VARS_BYTES} bytes", cause="limit")
        of.variables[name] = of.kernel.take(value, length, "var_set")

    def http_request(self, instance: Instance, request: int, body: int) -> int:
        """Have the daemon make a request; returns the block with the answer's body, 0 where that is empty.

        Raises:
            PluginError: It was refused, or got no answer; what the daemon says is its error.
            Trap: The request is none.
        """
        of = self._of(instance)
        of.status, of.headers = 0, b""
        text = of.kernel.block(request, "http_request")
        try:
            wanted = _request.decode(text)
        except (msgspec.DecodeError, RecursionError) as error:
            raise Trap(f"http_request: the request is malformed: {error}", cause="trap") from error
        params = {
            "url": wanted.url,
            "method": wanted.method or "GET",
            "headers": wanted.headers or wanted.header or {},
            "body": base64.b64encode(of.kernel.block(body, "http_request")).decode(),
            "encoding": "base64",
        }
        answer = payload.decode(self._ask(b"network.request", msgspec.json.encode(params)))
        of.status = int(answer["status"])
        of.headers = msgspec.json.encode(answer["headers"])
        return of.kernel.give(_bytes(answer))

    def http_status_code(self, instance: Instance) -> int:
        """Tell the status of the last answer; 0 before there was one."""
        return self._of(instance).status

    def http_headers(self, instance: Instance) -> int:
        """Return the block with the headers of the last answer, a JSON object; 0 before there was one."""
        of = self._of(instance)
        return of.kernel.give(of.headers)

    def log(self, level: Level, instance: Instance, message: int) -> None:
        """Send a message to the console."""
        memory = self._of(instance).kernel
        length = memory.length(message, "log")
        text = memory.take(message, min(length, MAX_MESSAGE_BYTES), "log")
        self._console.log(level, text, cut=length > len(text))

    def get_log_level(self, _instance: Instance) -> int:
        """Say that all levels are wanted: the console sorts them out."""
        return Level.TRACE

    def host_call(self, instance: Instance, method: int, params: int) -> int:
        """Ask the host by one of its methods.

        Returns:
            A block with ``{"result": …}``, or with ``{"error": {"code", "message", "data"?}}``.

        Raises:
            Trap: The method's name is none, or the params are not JSON.
        """
        memory = self._of(instance).kernel
        name = memory.block(method, "host_call")
        if len(name) > MAX_METHOD_BYTES:
            raise Trap(f"host_call: a method's name of {len(name)} bytes, over {MAX_METHOD_BYTES}", cause="trap")
        try:
            name.decode()
            text = payload.check(memory.block(params, "host_call") or b"null")
        except ValueError as error:
            raise Trap(f"host_call: method must be UTF-8 and params UTF-8 JSON: {error}", cause="trap") from error
        failed, answer = self._calls.ask(name, text)
        return memory.give(b'{"%s":%s}' % (b"error" if failed else b"result", answer or b"null"))

    def _ask(self, method: bytes, params: bytes) -> bytes:
        failed, answer = self._calls.ask(method, params)
        if failed:
            error = _error.decode(answer)
            raise PluginError(error.message, error=error)
        return answer

    def _of(self, instance: Instance) -> _Of:
        """Return what an instance has here; another one begins anew, as its memory does."""
        if self._state is None or self._instance is not instance:
            self._instance, self._state = instance, _Of(kernel.of(instance), {})
        return self._state


def _name(memory: Kernel, offset: int, what: str) -> bytes:
    length = memory.length(offset, what)
    if length > _MAX_NAME_BYTES:
        raise Trap(f"{what}: a name of {length} bytes, over {_MAX_NAME_BYTES}", cause="trap")
    return memory.take(offset, length, what)


def _bytes(answer: Any) -> bytes:
    text: str = answer["body"]
    return base64.b64decode(text) if answer["encoding"] == "base64" else text.encode()


_Method = Callable[..., int | None]


def _logs(level: Level) -> _Method:
    return lambda extism, instance, message: extism.log(level, instance, message)


TABLE: Final[tuple[tuple[str, str, Signature, _Method], ...]] = tuple(
    (module, name, Signature.parse(text), method)
    for module, name, text, method in (
        (kernel.MODULE, "config_get", "i64 -> i64", Extism.config_get),
        (kernel.MODULE, "var_get", "i64 -> i64", Extism.var_get),
        (kernel.MODULE, "var_set", "i64 i64 ->", Extism.var_set),
        (kernel.MODULE, "http_request", "i64 i64 -> i64", Extism.http_request),
        (kernel.MODULE, "http_status_code", "-> i32", Extism.http_status_code),
        (kernel.MODULE, "http_headers", "-> i64", Extism.http_headers),
        (kernel.MODULE, "log_trace", "i64 ->", _logs(Level.TRACE)),
        (kernel.MODULE, "log_debug", "i64 ->", _logs(Level.DEBUG)),
        (kernel.MODULE, "log_info", "i64 ->", _logs(Level.INFO)),
        (kernel.MODULE, "log_warn", "i64 ->", _logs(Level.WARN)),
        (kernel.MODULE, "log_error", "i64 ->", _logs(Level.ERROR)),
        (kernel.MODULE, "get_log_level", "-> i32", Extism.get_log_level),
        (USER, "host_call", "i64 i64 -> i64", Extism.host_call),
    )
)
"""Every function offered, with its exact type."""
