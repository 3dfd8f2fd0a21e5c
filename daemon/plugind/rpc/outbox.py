"""What goes out on one connection: framed, bounded, and given up where the client does not read.

Writes of one loop iteration are sent together by uvloop itself; nothing is gathered here.
"""

import asyncio
from typing import Final

from plugind.rpc.timer import QuietTimer
from plugind_protocol import framing
from plugind_protocol.framing import CR, LF, Framing

HIGH_WATER: Final = 1024 * 1024
"""Unread bytes above which the client's requests are not read any more."""
LOW_WATER: Final = 256 * 1024
"""Unread bytes below which they are read again."""
_LINES: Final = Framing.LINES  # members of an enum are slow to look up


class Outbox:
    """The sending side of one connection.

    Args:
        transport: Where to; its write limits are set here.
        max_bytes: A client with more than this unread is disconnected, in bytes.
        stall_seconds: So is one that has not read a byte for this long while over `HIGH_WATER` or being closed.
    """

    def __init__(self, transport: asyncio.Transport, *, max_bytes: int, stall_seconds: float) -> None:
        self.framing: Framing | None = None
        """Chosen by the client's first byte; until then there is nothing it could be told."""
        self.full = False
        """Whether the client should read before it asks for more."""
        self._transport = transport
        self._max = max_bytes
        self._stall = QuietTimer(stall_seconds, self._check_progress)
        self._sent = 0
        self._gathered: list[bytes] = []
        self._loop = asyncio.get_running_loop()
        self._read_at_check = 0
        transport.set_write_buffer_limits(high=HIGH_WATER, low=LOW_WATER)

    def send(self, body: bytes) -> None:
        """Send one JSON text; it is dropped on a closing connection, and on one whose framing is not known yet.

        Args:
            body: The text; `framing.encode` sees to line breaks in it.
        """
        if self.framing is _LINES and not (self._gathered or LF in body or CR in body):
            self._write(body + b"\n")  # nearly always
        elif self.framing is not None:
            self.send_framed(framing.encode(body, self.framing))

    def send_soon(self, body: bytes) -> None:
        """Send one JSON text, together with what follows it in this turn of the loop."""
        if self.framing is not None:
            if not self._gathered:
                self._loop.call_soon(self._flush)
            self._gathered.append(framing.encode(body, self.framing))

    def _flush(self) -> None:
        if self._gathered:
            data = b"".join(self._gathered)
            self._gathered.clear()
            self._write(data)

    def send_framed(self, data: bytes) -> None:
        """Send bytes that carry their framing already."""
        if self._gathered:
            self._gathered.append(data)
            data = b"".join(self._gathered)
            self._gathered.clear()
        self._write(data)

    def _write(self, data: bytes) -> None:
        transport = self._transport
        if transport.is_closing():
            return
        if transport.get_write_buffer_size() > self._max:
            self.abort()
            return
        self._sent += len(data)
        transport.write(data)

    def pause(self) -> None:
        """The transport is over `HIGH_WATER`."""
        self.full = True
        self._watch()

    def resume(self) -> None:
        """The transport is under `LOW_WATER`."""
        self.full = False
        self._stall.stop()

    def close(self) -> None:
        """Close once what was sent is read, or the client stalls."""
        if self._transport.is_closing():
            return
        self._flush()
        self._transport.close()
        if self._transport.get_write_buffer_size():
            self._watch()

    def abort(self) -> None:
        """Close at once; what is unread is lost."""
        self._transport.abort()

    def lost(self) -> None:
        """The connection is gone."""
        self._stall.release()

    def _watch(self) -> None:
        self._read_at_check = self._read()
        self._stall.start()

    def _read(self) -> int:
        return self._sent - self._transport.get_write_buffer_size()

    def _check_progress(self) -> None:
        if self._read() == self._read_at_check:
            self.abort()
        else:
            self._watch()
