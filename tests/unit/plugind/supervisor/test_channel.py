"""A worker that says much: others are heard meanwhile, and nothing of what it said is lost or out of order."""

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest

from plugind.pace import Pace
from plugind.supervisor.channel import Channel
from plugind_protocol.worker import Kind, encode

pytestmark = pytest.mark.anyio

LINE = encode(Kind.LOG, 0, b"\x02x")
MANY = 5000


class Line:
    """A channel and the worker's end of it."""

    def __init__(self, name: str, heard: list[str]) -> None:
        self.name, self.heard = name, heard
        self.bodies: list[bytes] = []
        self.lost = asyncio.Event()
        self.fault: str | None = None
        self.enough = asyncio.Event()
        self.wanted = 0
        self.ours, self.worker = socket.socketpair()
        self.channel: Channel

    async def open(self, pace: Pace) -> "Line":
        self.channel = await Channel.open(self.ours, None, pace=pace, on_message=self.message, on_lost=self.end)
        return self

    def message(self, _kind: int, _call: int, body: bytes) -> None:
        self.heard.append(self.name)
        self.bodies.append(body)
        if len(self.bodies) == self.wanted:
            self.enough.set()

    def end(self, fault: str | None) -> None:
        self.heard.append(f"end of {self.name}")
        self.fault = fault
        self.lost.set()

    async def hear(self, count: int) -> None:
        self.wanted = count
        self.enough.clear()
        if len(self.bodies) < count:
            await self.enough.wait()


class Lines:
    def __init__(self) -> None:
        self.heard: list[str] = []
        self.pace = Pace(slice_seconds=0)
        self.open: list[Line] = []

    async def line(self, name: str) -> Line:
        self.open.append(await Line(name, self.heard).open(self.pace))
        return self.open[-1]


@pytest.fixture
async def lines() -> AsyncIterator[Lines]:
    made = Lines()
    yield made
    for one in made.open:
        one.worker.close()
        await one.lost.wait()


async def test_others_are_heard_during_a_flood(lines: Lines) -> None:
    flood, other = await lines.line("flood"), await lines.line("other")
    flood.worker.send(LINE * MANY)
    other.worker.send(LINE)
    await flood.hear(MANY)
    assert lines.heard.index("other") < 50
    assert flood.bodies == [b"\x02x"] * MANY


async def test_the_last_words_of_a_worker_are_heard_before_its_end(lines: Lines) -> None:
    flood = await lines.line("flood")
    flood.worker.send(LINE * MANY)
    flood.worker.close()
    await flood.lost.wait()
    assert lines.heard == ["flood"] * MANY + ["end of flood"]
    assert flood.fault is None


async def test_large_messages_come_whole_and_in_order_among_small_ones(lines: Lines) -> None:
    worker = await lines.line("worker")
    bodies = [bytes([number % 256]) * (100_000 if number % 5 == 0 else number) for number in range(1, 40)]
    loop = asyncio.get_running_loop()
    worker.worker.setblocking(False)
    await loop.sock_sendall(worker.worker, b"".join(encode(Kind.RESULT, 1, body) for body in bodies))
    await worker.hear(len(bodies))
    assert worker.bodies == bodies


async def test_what_nobody_has_read_is_dropped_when_we_close(lines: Lines) -> None:
    flood = await lines.line("flood")
    flood.worker.send(LINE * MANY)
    await flood.hear(1)
    flood.channel.close()
    await flood.lost.wait()
    assert len(flood.bodies) < MANY


async def test_a_fault_in_the_middle_ends_it_after_what_came_before(lines: Lines) -> None:
    worker = await lines.line("worker")
    worker.worker.send(LINE * 3 + b"\xff" * 100)
    await worker.lost.wait()
    assert worker.fault is not None
    assert "broke the protocol" in worker.fault


async def test_a_worker_that_is_given_a_rest_says_the_remainder_later(lines: Lines) -> None:
    worker, other = await lines.line("worker"), await lines.line("other")
    worker.worker.send(LINE * 3)
    await worker.hear(1)
    worker.channel.rest(0.05)
    other.worker.send(LINE)
    await worker.hear(3)
    assert sorted(lines.heard[:3]) == ["other", "worker", "worker"]


async def test_what_is_sent_in_a_slice_is_written_together_and_alone_at_once() -> None:
    pace = Pace()
    line = await Line("a", []).open(pace)
    line.worker.setblocking(False)
    line.channel.send(Kind.CALL, 1, b"alone")
    assert line.worker.recv(1000) == encode(Kind.CALL, 1, b"alone")
    with pace:
        for number in (2, 3):
            line.channel.send(Kind.CALL, number, b"x")
        with pytest.raises(BlockingIOError):
            line.worker.recv(1000)
    assert line.worker.recv(1000) == encode(Kind.CALL, 2, b"x") + encode(Kind.CALL, 3, b"x")
    line.channel.send(Kind.CALL, 4)
    assert line.worker.recv(1000) == encode(Kind.CALL, 4)
    with pace:
        line.channel.send(Kind.CALL, 5)
        line.channel.close()
        await line.lost.wait()
    assert line.worker.recv(1000) == b""
    line.worker.close()


async def test_what_waits_for_another_slice_comes_before_what_is_in_a_hurry() -> None:
    pace = Pace()
    line, other = await Line("a", []).open(pace), await Line("b", []).open(pace)
    line.worker.setblocking(False)
    with pace:
        line.channel.send(Kind.CALL, 1)
        other.channel.send(Kind.CALL, 1)
        pace.goes_on = True
    with pytest.raises(BlockingIOError):
        line.worker.recv(1000)
    line.channel.send(Kind.HOST_RESULT, 2)
    assert line.worker.recv(1000) == encode(Kind.CALL, 1) + encode(Kind.HOST_RESULT, 2)
    with pace:
        pass
    with pytest.raises(BlockingIOError):
        line.worker.recv(1000)
    assert other.worker.recv(1000) == encode(Kind.CALL, 1)
    for one in (line, other):
        one.channel.close()
        await one.lost.wait()
        one.worker.close()
