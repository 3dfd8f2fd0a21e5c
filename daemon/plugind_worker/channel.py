"""The worker's end of the *messages* socket: blocking, one send per message, one receive per small message."""

import collections
import socket
from typing import Final

from plugind_protocol.worker import HEADER, MAX_BODY_BYTES, Kind

Message = tuple[int, int, bytes]
"""``kind, call number, body``."""

_CHUNK: Final = 64 * 1024
_HEADER_BYTES: Final = HEADER.size
_pack = HEADER.pack
_unpack = HEADER.unpack_from


class ChannelClosedError(Exception):
    """The supervisor has closed its end."""


class Channel:
    """Messages to and from the supervisor. Only the thread that runs the guest uses it.

    Args:
        sock: A connected stream socket, blocking.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._receive, self._send = sock.recv, sock.sendall
        self._rest = b""  # bytes received after the last whole message
        self._kept: collections.deque[Message] = collections.deque()
        self.large = False
        """Whether messages came that do not fit into one read: what took them in may be left behind."""

    def receive(self) -> Message:
        """Return the next message: a kept one if there is one, else wait for the socket.

        Raises:
            ChannelClosedError: The other end is closed.
            ValueError: A body larger than the protocol allows is announced.
        """
        return self._kept.popleft() if self._kept else self.receive_new()

    def receive_new(self) -> Message:
        """Wait for the next message on the socket, past the kept ones."""
        data = self._rest or self._read()
        while len(data) < _HEADER_BYTES:
            data += self._read()
        length, kind, call = _unpack(data)
        end = _HEADER_BYTES + length
        if len(data) == end:  # nearly always: one message, whole
            self._rest = b""
            return kind, call, data[_HEADER_BYTES:]
        if len(data) > end:
            self._rest = data[end:]
            return kind, call, data[_HEADER_BYTES:end]
        if length > MAX_BODY_BYTES:
            raise ValueError(f"message of {length} bytes, over {MAX_BODY_BYTES}")
        self._rest = b""
        return kind, call, self._read_body(data[_HEADER_BYTES:], length)

    def keep(self, message: Message) -> None:
        """Put a message aside until `receive`; kept messages come in the order they were kept."""
        self._kept.append(message)

    def send(self, kind: Kind, call: int, body: bytes = b"") -> None:
        """Send one message.

        Raises:
            ChannelClosedError: The other end is closed.
        """
        try:
            self._send(_pack(len(body), kind, call) + body)
        except (BrokenPipeError, ConnectionResetError) as error:
            raise ChannelClosedError from error

    def close(self) -> None:
        """Close this end."""
        self._sock.close()

    def _read(self) -> bytes:
        try:
            data = self._receive(_CHUNK)
        except ConnectionResetError as error:
            raise ChannelClosedError from error
        if not data:
            raise ChannelClosedError
        return data

    def _read_body(self, head: bytes, length: int) -> bytes:
        self.large = True
        body = bytearray(length)
        body[: len(head)] = head
        view, filled = memoryview(body), len(head)
        while filled < length:
            try:
                received = self._sock.recv_into(view[filled:])
            except ConnectionResetError as error:
                raise ChannelClosedError from error
            if not received:
                raise ChannelClosedError
            filled += received
        return bytes(body)
