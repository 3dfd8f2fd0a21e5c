"""Messages of plugins on their way to clients: one at once, a flood a few at a time, in order."""

import asyncio
from collections.abc import Sequence

import pytest

from plugind.services.ticker import AT_ONCE, KEPT, Ticker
from plugind_protocol.methods import ConsoleMessage

pytestmark = pytest.mark.anyio


class Clients:
    """Keeps what is told, piece by piece."""

    def __init__(self) -> None:
        self.pieces: list[list[int]] = []
        self.last = -1
        self.told = asyncio.Event()

    def tell(self, messages: Sequence[ConsoleMessage]) -> None:
        self.pieces.append([message.seq for message in messages])
        if self.last in self.pieces[-1]:
            self.told.set()

    async def until(self, last: int) -> list[int]:
        self.last = last
        await self.told.wait()
        return [seq for piece in self.pieces for seq in piece]


def message(seq: int) -> ConsoleMessage:
    return ConsoleMessage(seq=seq, plugin_id="p", level="info", message="x", at="")


async def test_a_message_is_told_at_once() -> None:
    clients = Clients()
    ticker = Ticker(clients.tell)
    for seq in (1, 2, 3):
        ticker.add(message(seq))
        assert clients.pieces[-1] == [seq]


async def test_a_flood_is_told_a_few_at_a_time_and_whole() -> None:
    clients = Clients()
    ticker = Ticker(clients.tell)
    for seq in range(500):
        ticker.add(message(seq))
    at_once = len(clients.pieces)
    assert at_once < 50
    asyncio.get_running_loop().call_soon(ticker.add, message(500))
    assert await clients.until(500) == list(range(501))
    assert max(map(len, clients.pieces)) == AT_ONCE


async def test_what_nobody_could_read_in_time_is_not_told() -> None:
    clients = Clients()
    ticker = Ticker(clients.tell)
    for seq in range(KEPT + 1000):
        ticker.add(message(seq))
    at_once = sum(map(len, clients.pieces))
    told = await clients.until(KEPT + 999)
    assert told == [*range(at_once), *range(1000, KEPT + 1000)]
