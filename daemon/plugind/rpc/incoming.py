"""Requests of one client: started, cancelled and answered, on the hot path or the control path."""

from collections.abc import Callable, Hashable
from typing import Any, Final, cast

import anyio
import msgspec
import structlog
from anyio.abc import TaskGroup

from plugind.rpc import faults
from plugind.rpc.dispatch import Dispatcher, HotAnswer, HotHandler, Pending
from plugind.rpc.inflight import InFlight
from plugind.rpc.params import ParamsDecoder
from plugind.rpc.session import Session
from plugind_protocol import envelope, jsontext
from plugind_protocol.envelope import Message, RequestId
from plugind_protocol.errors import InvalidRequest, PlugindError, RequestCancelled
from plugind_protocol.methods import CancelRequest

CANCEL: Final = "$/cancelRequest"
_QUOTE: Final = ord('"')
_NO_PARAMS: Final = msgspec.Raw(b"{}")

Sink = Callable[[bytes], None]
"""Takes one response, as JSON."""

_log: Final = structlog.get_logger(__name__)
_cancel_params: Final = ParamsDecoder(CANCEL, CancelRequest)


class _Call:
    """A request while it is being answered."""

    __slots__ = ("id_text", "incoming", "key", "method", "request_id", "sink", "size")

    def __init__(  # noqa: PLR0917  # made for every request, and names of arguments cost
        self, incoming: "Incoming", key: Hashable, request_id: RequestId, method: str, size: int, sink: Sink
    ) -> None:
        self.id_text: bytes | None = None
        """JSON of the id, where it is at hand."""
        self.incoming = incoming
        self.key = key
        self.request_id = request_id
        self.method = method
        self.size = size
        self.sink = sink

    def finish_hot(self, answer: Pending) -> None:
        """Take the outcome of a hot method."""
        incoming = self.incoming
        incoming.in_flight.finish(self.key)
        # Nothing is raised: a traceback would have our frame, and keep the answer, which keeps the error.
        if answer.cancelled():
            self.sink(failure(self.request_id, RequestCancelled(f"{self.method} was cancelled")))
        elif (error := answer.exception()) is not None:
            self.sink(envelope.encode_error(self.request_id, faults.describe(error, self.method)))
        else:
            self.sink(_success(self, answer.result()))
        incoming.on_answer()


class Incoming:
    """Answers the requests of one client.

    Args:
        dispatcher: Who answers.
        session: Who asks.
        in_flight: Table of the requests that have started.
        max_nesting: Deepest nesting of arrays and objects in a message.
        tasks: Where control methods run.
        on_answer: Called after a request that took time was answered.
    """

    def __init__(
        self,
        dispatcher: Dispatcher,
        session: Session,
        *,
        in_flight: InFlight,
        max_nesting: int,
        tasks: TaskGroup,
        on_answer: Callable[[], None],
    ) -> None:
        self._dispatcher = dispatcher
        self._session = session
        self.in_flight: Final = in_flight
        self.on_answer: Final = on_answer
        self._tasks = tasks
        self._max_nesting = max_nesting
        self._hot_by_text = dispatcher.hot_by_text

    def take_usual(self, text: bytes, sink: Sink) -> bool:
        """Start a request for a hot method that is in order and in its usual form, decoding it once.

        Args:
            text: The bytes of one message.
            sink: Takes the response, once.

        Returns:
            False where it is not so, and nothing was done; the message is to be decoded, then, and given to `take`.
        """
        found = envelope.usual(text)
        if found is None or (hot := self._hot_by_text.get(found[1])) is None:
            return False
        id_text, _, params_text = found
        request_id: RequestId = id_text[1:-1].decode() if id_text[0] == _QUOTE else int(id_text)
        try:
            jsontext.check(text, max_nesting=self._max_nesting)
            params = hot.decode_text(params_text)
            self.in_flight.check(request_id)
        except (msgspec.DecodeError, PlugindError):
            return False  # whoever decodes it knows better what is wrong
        call = _Call(self, request_id, request_id, hot.name, len(text), sink)
        call.id_text = id_text
        self._start_hot(call, hot.handler, params)
        return True

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
            self._start(_Call(self, request_id, request_id, method, size, sink), message)
        elif method == CANCEL:
            self._cancel(message)
        else:
            self._start(_Call(self, object(), None, method, size, _discard), message)

    def _cancel(self, message: Message) -> None:
        try:
            self.in_flight.cancel(_cancel_params.decode(_params_of(message)).id)
        except PlugindError as exc:
            _log.debug("a client cancels nothing that could be", session=self._session.number, error=exc.message)

    def _start(self, call: _Call, message: Message) -> None:
        try:
            params = _params_of(message)
            self.in_flight.check(call.key)
            if hot := self._dispatcher.hot.get(call.method):
                self._start_hot(call, hot.handler, hot.decode(params))
            else:
                self._dispatcher.check(call.method)
                self._start_control(call, params)
        except PlugindError as exc:
            call.sink(failure(call.request_id, exc))

    def _start_hot(self, call: _Call, handler: HotHandler, params: Any) -> None:
        try:
            answer = handler(self._session, params)
        except Exception as exc:  # told or logged in full by faults
            call.sink(envelope.encode_error(call.request_id, faults.describe(exc, call.method)))
            return
        if isinstance(answer, HotAnswer):
            call.sink(_success(call, answer))
        else:
            self.in_flight.add(call.key, call.size, answer.cancel)
            answer.add_done_callback(call.finish_hot)

    def _start_control(self, call: _Call, params: msgspec.Raw) -> None:
        scope = anyio.CancelScope()
        self.in_flight.add(call.key, call.size, scope.cancel)
        self._tasks.start_soon(self._run_control, call, params, scope, name=call.method)

    async def _run_control(self, call: _Call, params: msgspec.Raw, scope: anyio.CancelScope) -> None:
        response: bytes | None = None
        try:
            with scope:
                response = await self._dispatcher.control(
                    self._session, call.request_id, method=call.method, params=params
                )
        finally:
            self.in_flight.finish(call.key)
        call.sink(response or failure(call.request_id, RequestCancelled(f"{call.method} was cancelled")))
        self.on_answer()


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


def _success(call: _Call, result: HotAnswer) -> bytes:
    id_text = call.id_text or msgspec.json.encode(call.request_id)
    return b"".join((b'{"jsonrpc":"2.0","id":', id_text, b',"result":', result, b"}"))


def failure(request_id: RequestId, error: PlugindError) -> bytes:
    """Return the response that tells an error."""
    return envelope.encode_error(request_id, error.to_object())


def _discard(_: bytes) -> None:
    """Where the answers to notifications go."""
