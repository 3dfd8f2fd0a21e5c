"""What a guest prints: its own log messages, and stdout and stderr line by line. Everything is bounded."""

import enum
import time
from typing import Final

from plugind_protocol.rates import TokenBucket
from plugind_protocol.worker import DROPPED, Kind
from plugind_worker.channel import Channel
from plugind_worker.control import Control

MAX_MESSAGE_BYTES: Final = 8 * 1024
"""Longest message kept, in bytes; the rest is cut off, and a mark says so."""
_MARK: Final = b" [cut]"
_SILENT_SECONDS: Final = 0.05
"""For how long nothing is sent once messages are too many: then some go in one go, not each by itself."""
_MAX_LAST_WORDS: Final = 400
"""Bytes kept of the message that an error may repeat."""


class Level(enum.IntEnum):
    """Levels of console messages."""

    TRACE = 0
    DEBUG = 1
    INFO = 2
    WARN = 3
    ERROR = 4


class Console:
    """Sends what the guest prints as LOG messages.

    Args:
        channel: Where messages go.
        control: Knows the number of the call that runs.
        per_second: Messages sent on average, and at once; those beyond it are dropped and counted.
    """

    def __init__(self, channel: Channel, control: Control, *, per_second: int) -> None:
        self._channel = channel
        self._control = control
        self._rate = TokenBucket(per_second, per_second)
        self._dropped = 0
        self._resume = 0.0  # messages are dropped until this time
        self._lines: dict[Level, bytes] = {}
        self._last = b""

    @property
    def last_words(self) -> str:
        """What the guest logged last in this call, if it was an error, on one line: mostly why it traps."""
        text = self._last.decode("utf-8", "replace")
        return "".join(one if one.isprintable() else " " for one in text).strip()

    def log(self, level: int, text: bytes, *, cut: bool = False) -> None:
        """Send one message.

        Args:
            level: 0 trace … 4 error; what lies outside is moved to the nearer end.
            text: At most `MAX_MESSAGE_BYTES` of it are sent; what is not UTF-8 is replaced.
            cut: Whether the caller has cut it already.
        """
        self._last = text[:_MAX_LAST_WORDS] if level >= Level.ERROR else b""
        now = time.monotonic()
        if now < self._resume or not self._rate.take(now):
            if now >= self._resume:
                self._resume = now + _SILENT_SECONDS
            self._dropped += 1
            return
        self._report_dropped()
        kept = text[:MAX_MESSAGE_BYTES].decode("utf-8", "replace").encode()
        mark = _MARK if cut or len(text) > MAX_MESSAGE_BYTES else b""
        clamped = min(max(level, Level.TRACE), Level.ERROR)
        self._channel.send(Kind.LOG, self._control.number, bytes((clamped,)) + kept + mark)

    def write(self, level: Level, data: bytes) -> None:
        """Take bytes of a stream and send the lines that are complete, or too long to wait for their end."""
        *lines, rest = (self._lines.pop(level, b"") + data).split(b"\n")
        for line in lines:
            self.log(level, line)
        while len(rest) >= MAX_MESSAGE_BYTES:
            self.log(level, rest[:MAX_MESSAGE_BYTES])
            rest = rest[MAX_MESSAGE_BYTES:]
        if rest:
            self._lines[level] = rest

    def flush(self) -> None:
        """Send the lines that were begun and not ended, and how many messages were dropped."""
        while self._lines:
            self.log(*self._lines.popitem())
        self._last = b""
        if self._dropped:
            self._report_dropped()

    def limit(self, per_second: int) -> None:
        """Change how many messages are sent per second."""
        self._rate = TokenBucket(per_second, per_second)
        self._resume = 0.0

    def _report_dropped(self) -> None:
        if self._dropped:
            self._channel.send(Kind.DROPPED, self._control.number, DROPPED.pack(self._dropped))
            self._dropped = 0
