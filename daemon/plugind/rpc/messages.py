"""Does what one message of a client's says: starts its requests, and gives its answers to whoever waits for them."""

from collections.abc import Callable
from typing import cast

import msgspec

from plugind.config import WireLimits
from plugind.rpc.backlog import Backlog, Member, Unread
from plugind.rpc.batch import Batch
from plugind.rpc.incoming import Incoming, Sink, failure
from plugind.rpc.outgoing import Outgoing
from plugind_protocol import envelope
from plugind_protocol.envelope import Message, RequestId
from plugind_protocol.errors import PlugindError, TooLarge
from plugind_protocol.framing import Oversized


class Messages:
    """The messages of one connection.

    Args:
        incoming: Answers requests.
        outgoing: Waits for answers.
        backlog: Where members of a batch wait.
        limits: Bounds of the connection.
        send: Sends one JSON text.
        answer: Sends the answer to a hot request, at once or together with others.
    """

    def __init__(
        self,
        incoming: Incoming,
        outgoing: Outgoing,
        backlog: Backlog,
        *,
        limits: WireLimits,
        send: Sink,
        answer: Sink,
    ) -> None:
        self._incoming = incoming
        self._take_usual: Callable[[bytes, Sink], bool] = incoming.take_usual
        self._outgoing = outgoing
        self._backlog = backlog
        self._limits = limits
        self._send = send
        self._answer = answer

    def take_line(self, data: bytes) -> bool:
        """Take bytes as they arrived, if they are one request for a hot method in its usual form, and all of them.

        Returns:
            False where they are not, and nothing was done.
        """
        line = self._backlog.decoder.whole_line(data)
        return line is not None and self._take_usual(line, self._answer)

    def take(self, text: Unread) -> None:
        """Take one message, or a member of a batch."""
        if isinstance(text, bytes):
            if not self._take_usual(text, self._answer):
                self._take_text(text)
        elif isinstance(text, Member):
            self._take_member(text)
        else:
            self._refuse(text)

    def _take_text(self, text: bytes) -> None:
        try:
            decoded = envelope.decode(text, max_nesting=self._limits.nesting)
            if isinstance(decoded, list):
                self._take_batch(decoded)
            else:
                self._do(decoded, size=len(text), sink=self._send)
        except PlugindError as exc:
            self._send(failure(None, exc))

    def _refuse(self, message: Oversized) -> None:
        most = self._limits.message_bytes
        self._send(failure(None, TooLarge(f"A message of {message.size} bytes; at most {most} are taken")))

    def _take_batch(self, members: list[msgspec.Raw]) -> None:
        if len(members) > self._limits.batch_members:
            raise TooLarge(f"A batch of {len(members)} members; at most {self._limits.batch_members} are taken")
        self._backlog.put_back(Batch(self._send), members)

    def _take_member(self, member: Member) -> None:
        batch, text = member
        if text is None:
            batch.seal()
            return
        try:
            message = envelope.decode_member(text)
        except PlugindError as exc:
            batch.expect()
            batch.add(failure(None, exc))
            return
        if isinstance(message.method, str) and not message.is_notification:
            batch.expect()
            request_id = cast("RequestId", message.id)
            try:
                batch.claim(request_id)
            except PlugindError as exc:
                batch.add(failure(request_id, exc))
                return
        self._do(message, size=memoryview(text).nbytes, sink=batch.add)

    def _do(self, message: Message, *, size: int, sink: Sink) -> None:
        if message.method is msgspec.UNSET:
            self._outgoing.settle(message)
        else:
            self._incoming.take(message, size=size, sink=sink)
