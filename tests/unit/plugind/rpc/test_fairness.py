"""Clients that ask too much at once: others come between, and all is answered as it would be otherwise.

Nothing here looks at the clock: a slice of no length makes each step a turn of the loop of its own.
"""

import contextlib
import json
import socket
from pathlib import Path

import anyio
import anyio.lowlevel
import msgspec
import pytest
from tests.fakes.wire import RawClient, request, wire
from tests.harness.waiting import until

from plugind.pace import Pace
from plugind.rpc.session import Session
from plugind_protocol.methods import Call

pytestmark = pytest.mark.anyio

MANY = 2000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "socket"


class Answering:
    """Hot, answers at once, and remembers whom."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def __call__(self, session: Session, params: Call) -> msgspec.Raw:
        self.asked.append(session.number)
        return params.args


def line(number: int) -> bytes:
    message = request("plugins.call", {"pluginId": "p", "function": "f", "args": number}, id=number)
    return json.dumps(message).encode() + b"\n"


FLOODS = {
    "requests": b"".join(map(line, range(MANY))),
    "a batch": json.dumps([json.loads(line(number)) for number in range(100)]).encode() + b"\n",
    "blank lines": b"\n" * 200_000 + line(1),
    "lines of blanks": b" \n" * 100_000 + line(1),
    "broken JSON": b"{\n" * MANY + line(1),
    "headers": b"".join(b"Content-Length: %d\r\n\r\n%b" % (len(line(n)), line(n)) for n in range(MANY)),
}


@pytest.mark.threat("Wire", "10 000 pipelined requests")
@pytest.mark.parametrize("flood", FLOODS.values(), ids=FLOODS)
async def test_a_request_of_somebody_else_comes_between(path: Path, flood: bytes) -> None:
    answering = Answering()
    async with (
        wire(path, hot={"plugins.call": answering}, pace=Pace(slice_seconds=0)),
        RawClient(path) as flooding,
        RawClient(path) as other,
        anyio.create_task_group() as tasks,
    ):
        await other.call("plugins.call", {"pluginId": "p", "function": "f"})
        (theirs,) = answering.asked
        tasks.start_soon(flooding.drain)
        flooding.writer.write(flood)
        answer = await other.call("plugins.call", {"pluginId": "p", "function": "f", "args": 5}, id=2)
        assert answer["result"] == 5
        assert answering.asked.count(theirs) == 2
        assert len(answering.asked) - 2 < (60 if flood.count(b"plugins.call") > 1 else 1)
        tasks.cancel_scope.cancel()


class Noting(Pace):
    """Counts how often it is told that somebody has come with little."""

    hurried = 0

    def hurry(self) -> None:
        self.hurried += 1
        super().hurry()


async def test_who_comes_with_little_is_noted_while_others_flood(path: Path) -> None:
    pace = Noting(slice_seconds=0)
    async with (
        wire(path, hot={"plugins.call": Answering()}, pace=pace),
        RawClient(path) as flooding,
        RawClient(path) as other,
    ):
        await other.call("plugins.call", {"pluginId": "p", "function": "f"})
        flooding.writer.write(FLOODS["requests"])
        await flooding.read()
        assert pace.hurried == 0
        await other.call("plugins.call", {"pluginId": "p", "function": "f"}, id=2)
        assert pace.hurried == 1
        for _ in range(MANY - 1):
            await flooding.read()
        assert pace.crowded == 0
        await other.call("plugins.call", {"pluginId": "p", "function": "f"}, id=3)
        assert pace.hurried == 1


async def test_a_flood_is_answered_whole_and_in_order(path: Path) -> None:
    async with wire(path, hot={"plugins.call": Answering()}, pace=Pace(slice_seconds=0)), RawClient(path) as client:
        client.writer.write(FLOODS["requests"])
        assert [(await client.read())["id"] for _ in range(MANY)] == list(range(MANY))


@pytest.mark.threat("Wire", "id in use, batches of all kinds")
async def test_an_id_stays_in_use_for_its_whole_batch(path: Path) -> None:
    """Although the first of both is answered before the second is looked at."""
    async with wire(path, hot={"plugins.call": Answering()}, pace=Pace(slice_seconds=0)), RawClient(path) as client:
        await client.send([request("plugins.call", {"pluginId": "p", "function": "f", "args": 1})] * 2)
        first, second = await client.read()
        assert first["result"] == 1
        assert "in use" in second["error"]["message"]


@pytest.mark.threat("Wire", "clients that come, go and send garbage")
async def test_a_crowd_that_connects_does_not_keep_others_from_being_answered(path: Path) -> None:
    async with wire(path, hot={"plugins.call": Answering()}) as served, RawClient(path) as client:
        await client.call("plugins.call", {"pluginId": "p", "function": "f"})
        with contextlib.ExitStack() as crowd:
            for _ in range(150):
                crowd.enter_context(socket.socket(socket.AF_UNIX)).connect(str(path))
            await client.call("plugins.call", {"pluginId": "p", "function": "f"}, id=2)
            assert len(served.sessions) < 40
            await until(lambda: len(served.sessions) >= 151)


@pytest.mark.threat("Wire", "clients that come, go and send garbage")
async def test_a_crowd_that_leaves_at_once_is_seen_off_one_by_one(path: Path) -> None:
    async with wire(path, pace=Pace(slice_seconds=0)) as served:
        with contextlib.ExitStack() as crowd:
            for _ in range(150):
                crowd.enter_context(socket.socket(socket.AF_UNIX)).connect(str(path))
            await until(lambda: len(served.sessions) >= 150)
        while len(served.sessions) == 150:
            await anyio.lowlevel.checkpoint()  # how many are gone in one turn is the point
        assert len(served.sessions) > 140
        await until(lambda: not len(served.sessions))
