"""Finds who answers a method, and lets them.

Control methods go through `jsonrpcserver`: their params become the row's struct, their result is encoded whole. Hot
methods get the row's struct too and answer with bytes, at once or later; `plugind.rpc.incoming` calls them.

Wiring: ``Dispatcher(control={"plugins.get": get, …}, hot={"plugins.call": call, …})`` with a handler for every row of
`plugind_protocol.methods.METHODS`. ``async def get(session, params: PluginId) -> PluginInfo`` returns what the row says
or raises a `PlugindError`; ``def call(session, params: Call)`` returns JSON bytes or something `Pending` (an
`asyncio.Future` is) of them, never blocks, and sees by its own done callback that the client cancelled.
"""

import difflib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, NamedTuple, Protocol

import msgspec
from jsonrpcserver.async_dispatcher import dispatch_request
from jsonrpcserver.dispatcher import to_response
from jsonrpcserver.request import Request
from jsonrpcserver.response import to_serializable
from jsonrpcserver.result import Error, Result, Success

from plugind.rpc import faults
from plugind.rpc.params import ParamsDecoder, decoder_of
from plugind.rpc.session import Session
from plugind_protocol.envelope import RequestId
from plugind_protocol.errors import MethodNotFound
from plugind_protocol.methods import METHODS
from plugind_protocol.table import Method, Path

ControlHandler = Callable[[Session, Any], Awaitable[Any]]
"""Takes the session and the row's params struct."""
HotAnswer = bytes | msgspec.Raw


class Pending(Protocol):
    """An answer that comes later."""

    def add_done_callback(self, callback: Callable[[Any], object], /) -> object:
        """Call back with this once it is there."""

    def cancel(self) -> object:
        """Give it up."""

    def cancelled(self) -> bool:
        """Return whether it was given up."""

    def exception(self) -> BaseException | None:
        """Return why there is no answer, once it is there and was not given up; None where there is one."""

    def result(self) -> HotAnswer:
        """Return the answer, where there is one."""


HotHandler = Callable[[Session, Any], HotAnswer | Pending]
"""Takes the session and the row's params struct; returns the result as JSON."""


class HotMethod(NamedTuple):
    """A method whose answers are not encoded, since they are JSON already."""

    name: str
    handler: HotHandler
    decode: Callable[[msgspec.Raw], Any]
    """Decodes params, and says what is wrong with them."""
    decode_text: Callable[[bytes], Any]
    """Decodes a text that is to be an object of params and nothing else; raises `msgspec.DecodeError`."""


_LONGEST_NAME: Final = 100
_encoder: Final = msgspec.json.Encoder()


class Dispatcher:
    """Knows the handler of every method.

    Args:
        control: Handlers of the control methods, by name.
        hot: Handlers of the hot methods, by name.
        methods: The method table.

    Raises:
        ValueError: A row without a handler, or a handler without its row.
    """

    def __init__(
        self,
        *,
        control: Mapping[str, ControlHandler],
        hot: Mapping[str, HotHandler],
        methods: Mapping[str, Method] = METHODS,
    ) -> None:
        _check_complete(methods, Path.CONTROL, control)
        _check_complete(methods, Path.HOT, hot)
        self.hot: Final = {
            name: HotMethod(
                name,
                handler,
                decoder_of(name, methods[name].params).decode,
                msgspec.json.Decoder(methods[name].params).decode,
            )
            for name, handler in hot.items()
        }
        """Hot methods, by name."""
        self.hot_by_text: Final = {name.encode(): method for name, method in self.hot.items()}
        """The same, by how their names stand in a message."""
        self._names = list(methods)
        self._methods = {
            name: _adapt(name, handler, decoder_of(name, methods[name].params)) for name, handler in control.items()
        }

    async def control(self, session: Session, request_id: RequestId, *, method: str, params: msgspec.Raw) -> bytes:
        """Answer a request that is not hot.

        A handler is awaited in the caller's own task (jsonrpcserver's entry for whole messages would put it into a task
        of another, where cancelling knows no shields).

        Args:
            session: Who asks.
            request_id: Id for the response.
            method: A method that `check` let pass.
            params: Its params, a JSON object or array.

        Returns:
            The response, a success or an error, as JSON.
        """
        request = Request(method, [params], request_id)
        _, result = await dispatch_request(self._methods, session, request)
        return _encoder.encode(to_serializable(to_response(request, result)))

    def check(self, method: str) -> None:
        """Check that a method is in the table; it may be of any length.

        Raises:
            MethodNotFound: It is not; the hint names similar ones.
        """
        if method in self._methods or method in self.hot:
            return
        near = difflib.get_close_matches(method, self._names, 3) if len(method) <= _LONGEST_NAME else []
        hint = f"Did you mean {' or '.join(near)}?" if near else ""
        raise MethodNotFound(f"There is no method {method[:_LONGEST_NAME]!r}", hint=hint)


def _adapt(
    name: str, handler: ControlHandler, decoder: ParamsDecoder[Any]
) -> Callable[[Session, msgspec.Raw], Awaitable[Result]]:
    """Make a handler what jsonrpcserver calls: it returns a Result and raises nothing but cancellation."""

    async def method(session: Session, params: msgspec.Raw) -> Result:
        try:
            result = await handler(session, decoder.decode(params))
            return Success(msgspec.Raw(_encoder.encode(result)))
        except Exception as exc:  # whatever a handler does, the daemon lives: logged or told in full by faults
            error = faults.describe(exc, name)
            return Error(error.code, error.message, error.data)

    return method


def _check_complete(methods: Mapping[str, Method], path: Path, handlers: Mapping[str, object]) -> None:
    rows = {name for name, row in methods.items() if row.path is path}
    if missing := sorted(rows - set(handlers)):
        raise ValueError(f"no {path.value} handler for {', '.join(missing)}")
    if unknown := sorted(set(handlers) - rows):
        raise ValueError(f"{path.value} handler without its row: {', '.join(unknown)}")
