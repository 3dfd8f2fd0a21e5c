"""A worker's channel, seen from the supervisor: the message stream and the control socket."""

import asyncio
import socket
from collections.abc import Callable
from typing import cast

from plugind_protocol.worker import CONTROL, Decoder, Kind, Order, encode

OnMessage = Callable[[int, int, bytes], None]
"""Kind, call number, body."""
OnLost = Callable[[str | None], None]
"""Why: ``None`` when the other end closed, else what it did wrong."""


class Channel(asyncio.Protocol):
    """Both sockets of one worker.

    Args:
        control: Our end of the control socket; ``None`` for a compiling child, which has none.
        on_message: Called for every message.
        on_lost: Called once, when no more will come.
    """

    def __init__(self, control: socket.socket | None, *, on_message: OnMessage, on_lost: OnLost) -> None:
        self._control = control
        self._on_message = on_message
        self._on_lost = on_lost
        self._decoder = Decoder()
        self._transport: asyncio.Transport | None = None
        self._fault: str | None = None
        if control is not None:
            control.setblocking(False)  # noqa: FBT003  # the standard library wants it so

    @classmethod
    async def open(
        cls, messages: socket.socket, control: socket.socket | None, *, on_message: OnMessage, on_lost: OnLost
    ) -> "Channel":
        """Take over both sockets."""
        loop = asyncio.get_running_loop()
        _, channel = await loop.create_unix_connection(
            lambda: cls(control, on_message=on_message, on_lost=on_lost), sock=messages
        )
        return channel

    def send(self, kind: Kind, call: int, body: bytes = b"") -> None:
        """Send one message; it is buffered where the worker does not read."""
        if self._transport is not None:
            self._transport.write(encode(kind, call, body))

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
            socket.send_fds(self._control, [CONTROL.pack(order, number)], attached)
        except (BlockingIOError, BrokenPipeError, ConnectionResetError):
            return False
        return True

    def close(self) -> None:
        """Close both sockets; the worker ends when it sees that."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The transport is there."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Hand out whole messages; a stream that cannot be told apart is the end of the worker."""
        try:
            messages = self._decoder.feed(data)
        except ValueError as exc:
            self.fail(f"worker broke the protocol: {exc}")
            return
        for kind, call, body in messages:
            if self._fault is None:
                self._on_message(kind, call, body)

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
        self._on_lost(self._fault)
