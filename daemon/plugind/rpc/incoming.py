"""Requests of one client: started, cancelled and answered, on the hot path or the control path."""

import asyncio
from collections.abc import Callable, Hashable
from functools import partial
from typing import Final, cast

import anyio
import msgspec
import structlog
from anyio.abc import TaskGroup

from plugind.rpc import faults
from plugind.rpc.dispatch import Dispatcher, HotAnswer, HotHandler
from plugind.rpc.inflight import InFlight
from plugind.rpc.params import ParamsDecoder
from plugind.rpc.session import Session
from plugind_protocol import envelope
from plugind_protocol.envelope import Message, RequestId
from plugind_protocol.errors import InvalidRequest, PlugindError, RequestCancelled
from plugind_protocol.methods import CancelRequest

CANCEL: Final = "$/cancelRequest"
_NO_PARAMS: Final = msgspec.Raw(b"{}")

Sink = Callable[[bytes], None]
"""Takes one response, as JSON."""

_log: Final = structlog.get_logger(__name__)
_cancel_params: Final = ParamsDecoder(CANCEL, CancelRequest)


class _Call:
    """A request while it is being answered."""

    __slots__ = ("key", "method", "request_id", "sink", "size")

    def __init__(self, key: Hashable, request_id: RequestId, method: str, size: int, sink: Sink) -> None:
        self.key = key
        self.request_id = request_id
        self.method = method
        self.size = size
        self.sink = sink


class Incoming:
    """Answers the requests of one client.

    Args:
        dispatcher: Who answers.
        session: Who asks.
        in_flight: Table of the requests that have started.
        tasks: Where control methods run.
        on_answer: Called after a request that took time was answered.
    """

    def __init__(
        self,
        dispatcher: Dispatcher,
        session: Session,
        *,
        in_flight: InFlight,
        tasks: TaskGroup,
        on_answer: Callable[[], None],
    ) -> None:
        self._dispatcher = dispatcher
        self._session = session
        self._in_flight = in_flight
        self._tasks = tasks
        self._on_answer = on_answer

    def take(self, message: Message, *, size: int, sink: Sink) -> None:
        """Start a request, or do as a notification says.

        Args:
            message: An envelope with a method.
            size: Size of its text in bytes.
            sink: Takes the response, once; nothing for a notification.
        """
        method = cast("str", message.method)
        if not message.is_notification:
            request_id = cast("RequestId", message.id)  # `envelope` lets nothing else pass
            self._start(_Call(request_id, request_id, method, size, sink), message)
        elif method == CANCEL:
            self._cancel(message)
        else:
            self._start(_Call(object(), None, method, size, _discard), message)

    def _cancel(self, message: Message) -> None:
        try:
            self._in_flight.cancel(_cancel_params.decode(_params_of(message)).id)
        except PlugindError as exc:
            _log.debug("a client cancels nothing that could be", session=self._session.number, error=exc.message)

    def _start(self, call: _Call, message: Message) -> None:
        try:
            params = _params_of(message)
            self._in_flight.check(call.key)
            if handler := self._dispatcher.hot.get(call.method):
                self._start_hot(call, handler, params)
            else:
                self._dispatcher.check(call.method)
                self._start_control(call, params)
        except PlugindError as exc:
            call.sink(failure(call.request_id, exc))

    def _start_hot(self, call: _Call, handler: HotHandler, params: msgspec.Raw) -> None:
        try:
            answer = handler(self._session, params)
        except Exception as exc:  # told or logged in full by faults
            call.sink(envelope.encode_error(call.request_id, faults.describe(exc, call.method)))
            return
        if isinstance(answer, asyncio.Future):
            self._in_flight.add(call.key, call.size, answer.cancel)
            answer.add_done_callback(partial(self._finish_hot, call))
        else:
            call.sink(_success(call.request_id, answer))

    def _finish_hot(self, call: _Call, answer: "asyncio.Future[HotAnswer]") -> None:
        self._in_flight.finish(call.key)
        if answer.cancelled():
            call.sink(failure(call.request_id, RequestCancelled(f"{call.method} was cancelled")))
        elif exc := answer.exception():
            call.sink(envelope.encode_error(call.request_id, faults.describe(exc, call.method)))
        else:
            call.sink(_success(call.request_id, answer.result()))
        self._on_answer()

    def _start_control(self, call: _Call, params: msgspec.Raw) -> None:
        scope = anyio.CancelScope()
        self._in_flight.add(call.key, call.size, scope.cancel)
        self._tasks.start_soon(self._run_control, call, params, scope, name=call.method)

    async def _run_control(self, call: _Call, params: msgspec.Raw, scope: anyio.CancelScope) -> None:
        response: bytes | None = None
        try:
            with scope:
                response = await self._dispatcher.control(
                    self._session, call.request_id, method=call.method, params=params
                )
        finally:
            self._in_flight.finish(call.key)
        call.sink(response or failure(call.request_id, RequestCancelled(f"{call.method} was cancelled")))
        self._on_answer()


def _params_of(message: Message) -> msgspec.Raw:
    """Return a message's params, an object or an array; none and null are an empty object.

    Raises:
        InvalidRequest: They are something else.
    """
    params = message.params
    if isinstance(params, msgspec.UnsetType):
        return _NO_PARAMS
    first = memoryview(params)[0]
    if first in b"{[":
        return params
    if first in b"n":
        return _NO_PARAMS
    raise InvalidRequest('"params" must be an object or an array')


def _success(request_id: RequestId, result: HotAnswer) -> bytes:
    return b'{"jsonrpc":"2.0","id":%b,"result":%b}' % (msgspec.json.encode(request_id), result)


def failure(request_id: RequestId, error: PlugindError) -> bytes:
    """Return the response that tells an error."""
    return envelope.encode_error(request_id, error.to_object())


def _discard(_: bytes) -> None:
    """Where the answers to notifications go."""
