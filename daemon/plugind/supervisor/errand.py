"""A child that does one thing, answers and ends: waits for it, for so long, and leaves nothing of it."""

import asyncio
import socket
from typing import Final, TypeVar

import anyio
import msgspec

from plugind.pace import Pace
from plugind.supervisor import ends
from plugind.supervisor.answers import printable
from plugind.supervisor.channel import Channel
from plugind.supervisor.zygote import Child
from plugind_protocol.errors import ErrorObject, from_object
from plugind_protocol.worker import LAST_WORDS_BYTES, Kind

T = TypeVar("T")

OUT_OF_MEMORY: Final = (b"memory allocation of", b"Cannot allocate memory", b"MemoryError")
"""What engines and interpreters say before they end for want of memory."""


async def answer(messages: socket.socket, child: Child, *, pace: Pace, seconds: float) -> tuple[int, bytes] | None:
    """Wait for a child's answer, and until it is gone, whatever happens.

    Args:
        messages: Our end of its channel; closed afterwards.
        child: The child; it is gone afterwards.
        pace: Where its channel waits with what is too much for one turn of the loop.
        seconds: How long it may take, by our clock.

    Returns:
        Kind and body of its first message; None where it ended without one.

    Raises:
        TimeoutError: It took too long.
    """
    answered: asyncio.Future[tuple[int, bytes] | None] = asyncio.get_running_loop().create_future()

    def take(kind: int, _call: int, body: bytes) -> None:
        if not answered.done():
            answered.set_result((kind, body))

    def lost(_fault: str | None) -> None:
        if not answered.done():
            answered.set_result(None)

    channel = await Channel.open(messages, None, pace=pace, on_message=take, on_lost=lost)
    try:
        with anyio.fail_after(seconds):
            received = await answered
            await asyncio.shield(child.exited)
    finally:
        channel.close()
        child.signal(ends.KILL)
        with anyio.CancelScope(shield=True):
            await asyncio.wait([child.exited])
    return received


def understood(kind: int, body: bytes, result: type[T]) -> T | None:
    """Return what a child has done; None where its answer is none, as with any message that it has no reason to send.

    Args:
        kind: Of the message.
        body: Of the message.
        result: What a child that is done sends.

    Raises:
        PlugindError: Why it was not done, as the child says.
    """
    try:
        if kind == Kind.READY:
            return msgspec.json.decode(body, type=result)
        if kind == Kind.FAILED:
            raise from_object(msgspec.json.decode(body, type=ErrorObject))
    except msgspec.DecodeError:
        pass
    return None


def last_words(words: bytes) -> str:
    """Return what a child has said last as one printable line."""
    return printable(words[:LAST_WORDS_BYTES].replace(b"\n", b"; "))
