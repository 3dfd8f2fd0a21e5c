"""A worker's channel, seen from the supervisor: the message stream and the control socket."""

import asyncio
import socket
from collections import deque
from collections.abc import Callable
from typing import Final, cast

from plugind.pace import Pace, now
from plugind_protocol import sockets
from plugind_protocol.worker import CONTROL, HEADER, Decoder, Kind, Order, encode

_PIECE_BYTES: Final = 8 * 1024
"""Cut into messages at once: hundreds of them, at worst."""

_HEADER_BYTES: Final = HEADER.size
_header = HEADER.unpack_from

OnMessage = Callable[[int, int, bytes], None]
"""Kind, call number, body."""
OnLost = Callable[[str | None], None]
"""Why: ``None`` when the other end closed, else what it did wrong."""


class Channel(asyncio.Protocol):
    """Both sockets of one worker.

    Args:
        control: Our end of the control socket; ``None`` for a compiling child, which has none.
        pace: Where it waits with what is too much for one turn of the loop.
        on_message: Called for every message.
        on_lost: Called once, when no more will come.
    """

    def __init__(self, control: socket.socket | None, *, pace: Pace, on_message: OnMessage, on_lost: OnLost) -> None:
        self._control = control
        self._pace = pace
        self._on_message = on_message
        self._on_lost = on_lost
        self._decoder = Decoder()
        self._transport: asyncio.Transport | None = None
        self._loop = asyncio.get_running_loop()
        self._pieces: deque[bytes] = deque()  # not cut into messages yet
        self._unread: deque[tuple[int, int, bytes]] = deque()
        self._begun = False  # a message that has not ended
        self._waiting = False  # at the pace, or for its rest to be over
        self._rest_seconds = 0.0
        self._gathered: list[bytes] = []  # to be written at the end of the slice
        self._ended = False
        self._fault: str | None = None
        if control is not None:
            control.setblocking(False)  # noqa: FBT003  # the standard library wants it so

    @classmethod
    async def open(
        cls,
        messages: socket.socket,
        control: socket.socket | None,
        *,
        pace: Pace,
        on_message: OnMessage,
        on_lost: OnLost,
    ) -> "Channel":
        """Take over both sockets."""
        loop = asyncio.get_running_loop()
        _, channel = await loop.create_unix_connection(
            lambda: cls(control, pace=pace, on_message=on_message, on_lost=on_lost), sock=messages
        )
        return channel

    def send(self, kind: Kind, call: int, body: bytes = b"") -> None:
        """Send one message; it is buffered where the worker does not read."""
        self.write(encode(kind, call, body))

    def write(self, message: bytes) -> None:
        """Send one message that is framed already; with others, where several are on their way (`Pace.slicing`)."""
        if self._pace.slicing:
            if not self._gathered:
                self._pace.at_end(self._flush)
            self._gathered.append(message)
        elif self._gathered:  # in their order
            self._gathered.append(message)
            self._flush()
        elif self._transport is not None:
            self._transport.write(message)

    def _flush(self) -> None:
        if not self._gathered:  # something else was in a hurry
            return
        data = b"".join(self._gathered)
        self._gathered.clear()
        if self._transport is not None:
            self._transport.write(data)

    def order(self, order: Order, number: int, descriptor: int | None = None) -> bool:
        """Send one order out of band.

        Args:
            order: What to do.
            number: The call or window it is about.
            descriptor: A descriptor to attach; the caller keeps its own.

        Returns:
            False when the worker is gone or lets orders pile up (it is stopped, or hostile).
        """
        if self._control is None:
            return False
        attached = [] if descriptor is None else [descriptor]
        try:
            sockets.send(self._control, CONTROL.pack(order, number), attached)
        except (BlockingIOError, BrokenPipeError, ConnectionResetError):
            return False
        return True

    def close(self) -> None:
        """Close both sockets; the worker ends when it sees that. What it has said and nobody has read is dropped."""
        self._pieces.clear()
        self._unread.clear()
        if self._transport is not None:
            self._transport.abort()

    @property
    def more(self) -> bool:
        """Whether the worker has said more than has been handed out."""
        return bool(self._unread or self._pieces)

    def rest(self, seconds: float) -> None:
        """Look at nothing more for a while once this slice is over: the worker says too much."""
        self._rest_seconds = seconds

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The transport is there."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Hand out whole messages; a stream that cannot be told apart is the end of the worker."""
        if len(data) >= _HEADER_BYTES and not (self._waiting or self._begun):
            length, kind, number = _header(data)
            if len(data) == _HEADER_BYTES + length:  # nearly always: one message, whole
                self._on_message(kind, number, data[_HEADER_BYTES:])
                if self._rest_seconds:
                    self._wait()
                return
        if len(data) <= _PIECE_BYTES or self._decoder.missing >= len(data):  # a large message is best taken whole
            self._pieces.append(data)
        else:
            self._pieces.extend(data[at : at + _PIECE_BYTES] for at in range(0, len(data), _PIECE_BYTES))
        if self._waiting:
            if self._transport is not None:
                self._transport.pause_reading()  # enough for now
        elif self._work(self._pace.begin()):
            self._wait()

    def _wait(self) -> None:
        self._waiting = True
        if self._rest_seconds:
            seconds, self._rest_seconds = self._rest_seconds, 0.0
            self._loop.call_later(seconds, self._pace.wait, self._turn)
        else:
            self._pace.wait(self._turn)

    def _turn(self, until: float) -> bool:
        if self._work(until):
            if not self._rest_seconds:
                return True
            self._wait()
            return False
        self._waiting = False
        if self._ended:
            self._on_lost(self._fault)
        elif self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()
        return False

    def _work(self, until: float) -> bool:
        """Hand out messages, then let others have their turn; return whether there are more, or a rest is wanted."""
        unread, pieces = self._unread, self._pieces
        while unread or pieces:
            if unread:
                self._on_message(*unread.popleft())
            else:
                self._feed(pieces.popleft())
            if (unread or pieces) and now() >= until:
                return True
        return self._rest_seconds > 0

    def _feed(self, data: bytes) -> None:
        try:
            self._unread.extend(self._decoder.feed(data))
        except ValueError as exc:
            self.fail(f"worker broke the protocol: {exc}")
        self._begun = self._decoder.mid_message

    def fail(self, fault: str) -> None:
        """End the channel because of what the worker did."""
        if self._fault is None:
            self._fault = fault
            self.close()

    def connection_lost(self, _exc: Exception | None) -> None:
        """Nothing comes any more."""
        if self._control is not None:
            self._control.close()
            self._control = None
        self._transport = None
        self._ended = True
        if not self._waiting:
            self._on_lost(self._fault)
