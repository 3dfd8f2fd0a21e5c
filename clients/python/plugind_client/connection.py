"""One connection to the daemon: what is in flight in both directions, and who waits for it.

Knows envelopes and framing; of the contract's methods only ``$/cancelRequest``.
"""

import contextlib
import itertools
import logging
import math
import socket
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import anyio
import msgspec
from anyio.abc import ByteStream, SocketAttribute, TaskGroup

from plugind_client.errors import Disconnected
from plugind_client.handlers import Handler, answer
from plugind_client.subscribers import Subscribers
from plugind_protocol import envelope, framing
from plugind_protocol.errors import InvalidRequest, ParseError, PlugindError, RequestCancelled, TooLarge, from_object
from plugind_protocol.methods import CancelRequest

MAX_ANSWER_BYTES: Final = 64 * 1024 * 1024
"""Largest message accepted from the daemon, in bytes."""
HANG_UP_SECONDS: Final = 1.0
"""How long the end of a connection may take."""
_READ_BYTES: Final = 256 * 1024

_log: Final = logging.getLogger(__name__)


class _Waiting:
    """A request of ours, until its answer is here."""

    __slots__ = ("answered", "error", "result")

    def __init__(self) -> None:
        self.answered = anyio.Event()
        self.result: msgspec.Raw = msgspec.Raw(b"null")
        self.error: Exception | None = None

    def fail(self, error: Exception) -> None:
        self.error = error
        self.answered.set()


class Connection:
    """Requests, notifications and their answers over one byte stream.

    Args:
        stream: The connected stream; closed when `run` ends.
        handlers: Who answers requests of the daemon, by method or namespace.
        subscribers: Who reads its notifications.
    """

    def __init__(self, stream: ByteStream, *, handlers: Mapping[str, Handler], subscribers: Subscribers) -> None:
        self.ended: Final = anyio.Event()
        """Set when the connection is over."""
        self.failure: Disconnected | None = None
        """How it was lost; ``None`` where it was closed on purpose."""
        self._stream = stream
        self._handlers = handlers
        self._subscribers = subscribers
        self._scope = anyio.CancelScope()
        self._ids = itertools.count(1)
        self._waiting: dict[int, _Waiting] = {}
        self._serving: dict[int | str, anyio.CancelScope] = {}
        self._closed = False
        self._leaving = False
        # Unbounded: who asks waits for the answer, so what is queued is bounded by what is in flight.
        self._outbox, self._to_send = anyio.create_memory_object_stream[bytes](math.inf)

    async def request(self, method: str, params: Any) -> msgspec.Raw:
        """Send a request and wait for its answer; cancelling the wait cancels the request.

        Args:
            method: Name of the method.
            params: Anything msgspec can encode.

        Returns:
            The result, undecoded.

        Raises:
            Disconnected: The connection is or was lost.
            TooLarge: The request is larger than a message may be.
            PlugindError: The daemon answered with an error; its class is that of the error's code.
        """
        request_id = next(self._ids)
        waiting = _Waiting()
        self._post(envelope.encode_request(request_id, method, params))
        self._waiting[request_id] = waiting
        try:
            await waiting.answered.wait()
        except anyio.get_cancelled_exc_class():
            if not self._closed:
                self._post(envelope.encode_notification("$/cancelRequest", {"id": request_id}))
            raise
        finally:
            self._waiting.pop(request_id, None)
        if waiting.error is not None:
            raise waiting.error
        return waiting.result

    async def run(self) -> None:
        """Serve the connection until it is lost, closed, or this is cancelled; then everyone who waits learns of it."""
        try:
            with self._scope:
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(self._until_lost, self._write, tasks)
                    await self._until_lost(self._read, tasks)
        finally:
            self._close()
            self._outbox.close()
            self._to_send.close()
            await anyio.aclose_forcefully(self._stream)

    def close(self) -> None:
        """End the connection at once."""
        self._scope.cancel()

    async def hang_up(self) -> None:
        """End the connection as its other side would, and wait until it is over.

        A read that is cancelled just when something arrives is a fault in anyio's socket streams on asyncio; one that
        comes to the end of the stream is none.
        """
        self._leaving = True
        raw = self._stream.extra(SocketAttribute.raw_socket, None)  # noqa: S610  # no Django here
        if raw is None:
            self.close()
        else:
            with contextlib.suppress(OSError):  # the other side was faster
                raw.shutdown(socket.SHUT_RDWR)
        with anyio.move_on_after(HANG_UP_SECONDS, shield=True):
            await self.ended.wait()

    def _post(self, body: bytes) -> None:
        if self._closed:
            raise self.failure or Disconnected("The client is closed")
        if len(body) > framing.MAX_MESSAGE_BYTES:
            raise TooLarge(f"A message of {len(body)} bytes is over {framing.MAX_MESSAGE_BYTES}")
        self._outbox.send_nowait(framing.encode(body, framing.Framing.LINES))

    async def _until_lost(self, work: Callable[[TaskGroup], Awaitable[None]], tasks: TaskGroup) -> None:
        """Do one direction's work; when the stream fails, remember why and end the other direction too."""
        try:
            await work(tasks)
        except (OSError, anyio.BrokenResourceError, anyio.EndOfStream, framing.FramingError) as exc:
            reason = (
                "it closed the connection" if isinstance(exc, anyio.EndOfStream) else str(exc) or type(exc).__name__
            )
            if not self._leaving:
                self.failure = self.failure or Disconnected(f"The connection to the daemon was lost: {reason}")
            tasks.cancel_scope.cancel()

    async def _write(self, _tasks: TaskGroup) -> None:
        async for message in self._to_send:
            await self._stream.send(message)

    async def _read(self, tasks: TaskGroup) -> None:
        decoder = framing.Decoder(max_message=MAX_ANSWER_BYTES, framing=framing.Framing.LINES)
        while True:
            for text in decoder.feed(await self._stream.receive(_READ_BYTES)):
                if isinstance(text, framing.Oversized):
                    raise framing.FramingError(f"an answer of {text.size} bytes is over {MAX_ANSWER_BYTES}")
                try:
                    self._take(text, tasks)
                except (ParseError, InvalidRequest) as exc:
                    raise framing.FramingError(f"it sent what is not the protocol: {exc}") from exc

    def _take(self, text: bytes, tasks: TaskGroup) -> None:
        message = envelope.decode(text)
        if isinstance(message, envelope.Message):
            self._dispatch(message, tasks)
        else:
            for member in message:
                self._dispatch(envelope.decode_member(member), tasks)

    def _dispatch(self, message: envelope.Message, tasks: TaskGroup) -> None:
        if message.method is msgspec.UNSET:
            self._take_answer(message)
        elif message.is_notification:
            self._take_notification(message)
        else:
            tasks.start_soon(self._serve, message)

    def _take_answer(self, message: envelope.Message) -> None:
        waiting = self._waiting.get(message.id) if isinstance(message.id, int) else self._only_waiting(message)
        if waiting is None:  # was cancelled before the answer came
            return
        if message.error is not msgspec.UNSET:
            waiting.fail(from_object(message.error))
        elif message.result is not msgspec.UNSET:
            waiting.result = message.result
            waiting.answered.set()

    def _only_waiting(self, message: envelope.Message) -> _Waiting | None:
        """An error without an id answers a message whose id could not be read: certain only when one is out."""
        if len(self._waiting) == 1:
            return next(iter(self._waiting.values()))
        _log.error("the daemon could not read a message: %s", message.error)
        return None

    def _take_notification(self, message: envelope.Message) -> None:
        params = bytes(message.params) if isinstance(message.params, msgspec.Raw) else b"null"
        if message.method == "$/cancelRequest":
            self._cancel_serving(params)
        assert isinstance(message.method, str)
        self._subscribers.put(message.method, params)

    def _cancel_serving(self, params: bytes) -> None:
        try:
            request_id = msgspec.json.decode(params, type=CancelRequest).id
        except msgspec.DecodeError:
            _log.warning("the daemon sent a malformed $/cancelRequest")
            return
        if scope := self._serving.get(request_id):
            scope.cancel()

    async def _serve(self, request: envelope.Message) -> None:
        assert isinstance(request.id, int | str)
        with anyio.CancelScope() as scope:
            self._serving[request.id] = scope
            try:
                body = await answer(self._handlers, request)
            finally:
                del self._serving[request.id]
        if scope.cancelled_caught:
            body = envelope.encode_error(request.id, RequestCancelled("Cancelled by the daemon").to_object())
        try:
            self._post(body)
        except PlugindError as exc:
            self._post(envelope.encode_error(request.id, exc.to_object()))

    def _close(self) -> None:
        self._closed = True
        for waiting in self._waiting.values():
            waiting.fail(self.failure or Disconnected("The client was closed"))
        self.ended.set()
