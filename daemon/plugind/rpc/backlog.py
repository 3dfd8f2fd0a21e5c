"""What a client has sent and nobody has looked at yet: bytes, and messages that are whole. Both wait for a slice."""

from collections import deque
from typing import Final, NamedTuple

import msgspec

from plugind.rpc.batch import Batch
from plugind_protocol.framing import Decoder, Oversized

_PIECE_BYTES: Final = 8 * 1024  # cut into messages at once: thousands of them, at worst


class Member(NamedTuple):
    """One member of a batch that was not looked at yet, or, without a text, its end."""

    batch: Batch
    text: msgspec.Raw | None


Unread = bytes | Oversized | Member


class Backlog:
    """The bytes of one connection, on their way to messages.

    Args:
        max_message: Largest message, in bytes.
    """

    def __init__(self, max_message: int) -> None:
        self.decoder: Final = Decoder(max_message=max_message)
        self.pieces: Final[deque[bytes]] = deque()
        """Bytes that were not cut into messages yet."""
        self.unread: Final[deque[Unread]] = deque()
        """Whole messages that were not looked at yet."""

    @property
    def more(self) -> bool:
        """Whether there is anything."""
        return bool(self.unread or self.pieces)

    def add(self, data: bytes) -> None:
        """Take bytes as they arrived."""
        if len(data) <= _PIECE_BYTES or data.find(b"\n", 0, -1) < 0:  # a large message is best taken whole
            self.pieces.append(data)
        else:
            self.pieces.extend(data[at : at + _PIECE_BYTES] for at in range(0, len(data), _PIECE_BYTES))

    def cut(self) -> bool:
        """Cut the next bytes into messages; return whether there was one.

        Raises:
            FramingError: The byte stream cannot be told apart any more.
        """
        messages = self.decoder.feed(self.pieces.popleft())
        self.unread.extend(messages)
        return bool(messages)

    def put_back(self, batch: Batch, members: list[msgspec.Raw]) -> None:
        """Let the members of a batch be looked at next, and then its end."""
        self.unread.extendleft(Member(batch, member) for member in (None, *reversed(members)))

    def clear(self) -> None:
        """Forget everything."""
        self.pieces.clear()
        self.unread.clear()
        self.decoder.forget()
