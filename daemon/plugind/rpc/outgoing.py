"""Requests of the daemon to one client, and who waits for their answers."""

import asyncio
import itertools
from collections.abc import Callable
from typing import Any

import msgspec

from plugind_protocol import envelope
from plugind_protocol.envelope import Message
from plugind_protocol.errors import HostUnavailable, from_object


class Outgoing:
    """The table of one connection. Its ids are the daemon's own; they may equal those of the client's requests.

    Args:
        send: Sends one JSON text.
    """

    def __init__(self, send: Callable[[bytes], None]) -> None:
        self._send = send
        self._ids = itertools.count(1)
        self._waiting: dict[envelope.RequestId, asyncio.Future[msgspec.Raw | None]] = {}
        self._open = True

    async def request(self, method: str, params: Any) -> msgspec.Raw:
        """Ask the client; cancelling the wait tells the client so.

        Args:
            method: What to ask.
            params: Anything msgspec can encode, `msgspec.Raw` included.

        Returns:
            The client's result, undecoded.

        Raises:
            HostUnavailable: The client left, before or while it was asked.
            PlugindError: The client answered with an error.
        """
        if not self._open:
            raise _gone(method)
        number = next(self._ids)
        text = envelope.encode_request(number, method, params)
        answer: asyncio.Future[msgspec.Raw | None] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        try:
            self._send(text)
            result = await answer
        except asyncio.CancelledError:
            if self._open:
                self._send(envelope.encode_notification("$/cancelRequest", {"id": number}))
            raise
        finally:
            del self._waiting[number]
        if result is None:
            raise _gone(method)
        return result

    def settle(self, message: Message) -> None:
        """Take a response of the client; one that nobody waits for is dropped.

        Args:
            message: An envelope with a result or an error.
        """
        number = message.id
        if not isinstance(number, int) or (answer := self._waiting.get(number)) is None or answer.done():
            return
        if isinstance(message.result, msgspec.Raw):
            answer.set_result(message.result)
        elif not isinstance(message.error, msgspec.UnsetType):
            answer.set_exception(from_object(message.error))

    def fail_all(self) -> None:
        """The client left, or can answer no more: whoever waits gets `HostUnavailable`, now and from now on."""
        self._open = False
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_result(None)


def _gone(method: str) -> HostUnavailable:
    return HostUnavailable(f"The client that was asked for {method} is gone")
