"""Sans-I/O framing of the client socket: bytes in, whole message texts out, both framings, everything bounded.

The first byte of a connection chooses: ``C`` starts ``Content-Length`` headers as in LSP, anything else means one JSON
text per line. Nothing is allocated ahead of the bytes that have arrived.
"""

import enum
import re
from typing import Final

MAX_MESSAGE_BYTES: Final = 16 * 1024 * 1024
"""Default largest message, in bytes."""
MAX_HEADER_BYTES: Final = 4096
"""Largest header block, in bytes, terminator included."""

MAX_SKIPPED_BYTES: Final = 1 << 30
"""Largest message over the limit that is skipped, in bytes; beyond it the stream is taken to be damaged."""

LF, CR = b"\n\r"
"""Line breaks, as numbers. To find ``b"\\n"`` in bytes, CPython first raises, and catches, that it is no number: in
1 KB that takes 270 ns on 3.11 and 800 on 3.12, where ``LF`` takes 35."""

_HEADER_END: Final = b"\r\n\r\n"
_HEADER_NAME: Final = re.compile(rb"[A-Za-z][A-Za-z0-9-]*")
_LENGTH: Final = re.compile(rb"[0-9]{1,19}")
_LINE_BREAKS: Final = bytes.maketrans(b"\r\n", b"  ")
_LONE_LF: Final = re.compile(rb"(?<!\r)\n")
_BLANKS: Final = b" \t\r"


class Framing(enum.Enum):
    """How messages are told apart on a connection."""

    HEADERS = "headers"
    """``Content-Length: N`` headers, as in LSP."""
    LINES = "lines"
    """One JSON text per line."""


_LINES: Final = Framing.LINES  # members of an enum are slow to look up


class Oversized:
    """Stands in the message list for a message over the limit, which was skipped; the connection goes on."""

    __slots__ = ("size",)

    def __init__(self, size: int) -> None:
        self.size = size


class FramingError(ValueError):
    """The byte stream cannot be told apart any more; the connection must close after this is reported."""


def encode(body: bytes, framing: Framing) -> bytes:
    """Frame one message.

    Args:
        body: A JSON text. Line breaks in it, which plugins may have put there, are blanks to JSON and sent as such:
            nobody can end a line but us.
        framing: The framing of the connection.

    Returns:
        The bytes to send.
    """
    if framing is _LINES:
        return (body.translate(_LINE_BREAKS) if LF in body or CR in body else body) + b"\n"
    return b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


class Decoder:
    """Turns the bytes of one connection into messages.

    Args:
        max_message: Largest message in bytes. A larger line or body is skipped as it arrives and reported once as
            `Oversized`.
        framing: The framing, if it is known already; ``None`` to choose by the first byte.
    """

    __slots__ = ("_buffer", "_max", "_need", "_scanned", "_skip", "framing")

    def __init__(self, *, max_message: int = MAX_MESSAGE_BYTES, framing: Framing | None = None) -> None:
        self.framing = framing
        self._max = max_message
        self._buffer = bytearray()
        self._need: int | None = None  # HEADERS: body length, once the header was read
        self._skip = 0  # bytes still to drop: HEADERS counts them, LINES holds what was dropped so far
        self._scanned = 0  # LINES and headers: up to where no terminator was found

    @property
    def mid_message(self) -> bool:
        """Whether a message has begun and not ended (for idle timers)."""
        return bool(self._buffer) or self._need is not None or self._skip > 0

    @property
    def mid_header(self) -> bool:
        """Whether a header block has begun and not ended."""
        return self.framing is Framing.HEADERS and self._need is None and bool(self._buffer)

    def forget(self) -> None:
        """Give back what has come of a message that nobody waits for any more."""
        self._buffer.clear()

    def whole_line(self, data: bytes) -> bytes | None:
        """Take bytes that are one line and nothing else, where no other line has begun.

        Args:
            data: Bytes as they arrived.

        Returns:
            The line, without what ends it; None where it is not so, and nothing was taken.
        """
        if self.framing is not _LINES or self._buffer or self._skip or len(data) > self._max:
            return None
        end = len(data) - 1
        return data[:end] if 0 <= end == data.find(b"\n") else None

    def feed(self, data: bytes) -> list[bytes | Oversized]:
        """Take bytes as they arrived and return the messages that are complete now.

        Args:
            data: Any number of bytes.

        Returns:
            Whole messages in order; `Oversized` for each one over the limit. Blank lines are dropped.

        Raises:
            FramingError: The headers are malformed, the framing changed midway, or a message is too large even to
                skip. Messages before the fault in the same bytes are lost with the connection.
        """
        if self.framing is None and data:
            self.framing = Framing.HEADERS if data[:1] == b"C" else Framing.LINES
        return self._lines(data) if self.framing is Framing.LINES else self._headers(data)

    def _lines(self, data: bytes) -> list[bytes | Oversized]:
        buffer = self._buffer
        if not buffer and not self._skip and data.find(b"\n") == len(data) - 1 and len(data) <= self._max:
            line = data.strip(b" \t\r\n")  # the usual case: exactly one whole line, no copy through the buffer
            _check_not_header(line)
            return [line] if line else []
        out: list[bytes | Oversized] = []
        first, *lines = data.split(b"\n")
        rest = lines.pop() if lines else first
        if len(data) > len(rest):
            self._end_of_line(first, out)
            for line in filter(None, lines):  # thousands of blank ones cost next to nothing
                self._end_of_line(line, out)
        if self._skip or len(buffer) + len(rest) > self._max:
            self._skip += len(buffer) + len(rest)
            buffer.clear()
            _check_skippable(self._skip)
        else:
            buffer += rest
        return out

    def _end_of_line(self, tail: bytes, out: list[bytes | Oversized]) -> None:
        size = self._skip + len(self._buffer) + len(tail)
        if size > self._max:
            out.append(Oversized(size))
        else:
            line = bytes(self._buffer + tail).strip(_BLANKS) if self._buffer else tail.strip(_BLANKS)
            _check_not_header(line)
            if line:
                out.append(line)
        self._skip = 0
        self._buffer.clear()

    def _headers(self, data: bytes) -> list[bytes | Oversized]:
        buffer = self._buffer
        out: list[bytes | Oversized] = []
        if self._skip:
            dropped = min(self._skip, len(data))
            self._skip -= dropped
            data = data[dropped:]
        buffer += data
        while self._need is not None or self._read_header(out):
            if self._need is None:
                continue
            if len(buffer) < self._need:
                break
            with memoryview(buffer) as view:
                out.append(bytes(view[: self._need]))
            del buffer[: self._need]
            self._need = None
        return out

    def _read_header(self, out: list[bytes | Oversized]) -> bool:
        """Consume one header block; False when more bytes are needed."""
        buffer = self._buffer
        end = buffer.find(_HEADER_END, max(0, self._scanned - 3), MAX_HEADER_BYTES)
        if end < 0:
            self._check_header_so_far()
            return False
        length = _content_length(bytes(buffer[:end]))
        del buffer[: end + 4]
        self._scanned = 0
        if length <= self._max:
            self._need = length
            return True
        _check_skippable(length)
        out.append(Oversized(length))
        dropped = min(length, len(buffer))
        del buffer[:dropped]
        self._skip = length - dropped
        return bool(buffer)

    def _check_header_so_far(self) -> None:
        """Find out early that no header will come of this."""
        buffer = self._buffer
        if len(buffer) >= MAX_HEADER_BYTES:
            raise FramingError(f"header block over {MAX_HEADER_BYTES} bytes")
        if buffer and not buffer[:1].isalpha():
            raise FramingError("framing switched midway: this connection sends Content-Length headers")
        if _LONE_LF.search(buffer, self._scanned):
            raise FramingError("header lines must end with CR LF")
        self._scanned = len(buffer)


def _check_skippable(size: int) -> None:
    if size > MAX_SKIPPED_BYTES:
        raise FramingError(f"a message of {size} bytes is not even skipped")


def _check_not_header(line: bytes) -> None:
    if line[:1] == b"C":  # no JSON text starts so
        raise FramingError("framing switched midway: this connection sends one JSON text per line")


def _content_length(block: bytes) -> int:
    """Return the value of the one ``Content-Length`` header in a block.

    Raises:
        FramingError: None, more than one, or not a plain decimal number.
    """
    found: int | None = None
    for line in block.split(b"\r\n"):
        name, colon, value = line.partition(b":")
        if not colon or not _HEADER_NAME.fullmatch(name) or b"\n" in value or b"\r" in value:
            raise FramingError("malformed header line")
        if name.lower() != b"content-length":
            continue
        if found is not None:
            raise FramingError("Content-Length given twice")
        if not _LENGTH.fullmatch(value.strip(b" \t")):
            raise FramingError("Content-Length is not a plain decimal number")
        found = int(value)
    if found is None:
        raise FramingError("Content-Length is missing")
    return found
