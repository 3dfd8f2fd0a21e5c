"""What services see of clients."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs
from tests.fakes.wire import RawClient, notification, wire
from tests.harness.waiting import until

from plugind.rpc.session import Session
from plugind_protocol.framing import Framing
from plugind_protocol.methods import ClientInfo, Initialize, Project

pytestmark = pytest.mark.anyio


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "d.sock"


async def initialize(session: Session, params: Initialize) -> int:
    session.introduce(params.client, params.provides, project=params.project)
    return session.number


def hello(name: str, *provides: str) -> dict[str, Any]:
    return {"client": {"name": name}, "provides": list(provides)}


async def test_clients_are_kept_in_order_with_numbers_of_their_own(path: Path) -> None:
    async with wire(path, control={"initialize": initialize}) as served:
        async with RawClient(path) as one, RawClient(path) as two:
            numbers = [(await client.call("initialize", hello("c")))["result"] for client in (one, two)]
            assert numbers == [session.number for session in served.sessions] == sorted(set(numbers))
            assert len(served.sessions) == 2
        async with RawClient(path) as three:
            assert (await three.call("initialize", hello("c")))["result"] > max(numbers)
            await until(lambda: len(served.sessions) <= 1)


async def test_introduction(path: Path) -> None:
    async with wire(path, control={"initialize": initialize}) as served, RawClient(path) as client:
        assert (await client.call("no.such"))["error"]["code"] == -32601  # before initialize
        (session,) = served.sessions
        assert (session.client, session.provides) == (None, frozenset())
        await client.call("initialize", {**hello("editor", "ui", "timeline"), "project": {"path": "/films/one"}})
        assert (session.client, session.provides) == (ClientInfo(name="editor"), {"ui", "timeline"})
        assert session.project == Project(path="/films/one")


async def test_what_a_client_provides_is_told_when_it_changes(path: Path) -> None:
    seen: list[tuple[int, frozenset[str]]] = []

    def offered(session: Session) -> None:
        seen.append((session.number, session.provides))

    async with wire(path, control={"initialize": initialize}, on_offer=offered) as served:
        async with RawClient(path) as client, RawClient(path) as other:
            number = (await client.call("initialize", hello("c", "ui")))["result"]
            await client.call("initialize", hello("c", "ui"))  # no change
            await client.call("initialize", hello("c", "timeline"))
            await other.call("initialize", hello("other"))
            assert seen == [(number, {"ui"}), (number, {"timeline"})]
        await until(lambda: not len(served.sessions))
    assert seen[2:] == [(number, frozenset())]


async def test_broadcast_speaks_to_each_client_in_its_framing(path: Path) -> None:
    async with wire(path, control={"initialize": initialize}) as served:
        served.sessions.broadcast("plugins.console", {"nobody": "hears"})
        async with (
            RawClient(path) as lines,
            RawClient(path, framing=Framing.HEADERS) as headers,
            RawClient(path) as silent,
        ):
            for client in (lines, headers):
                await client.call("initialize", hello("c"))
            await until(lambda: len(served.sessions) >= 3)
            served.sessions.broadcast("plugins.console", {"message": "é\n"})
            for client in (lines, headers):
                assert await client.read() == notification("plugins.console", {"message": "é\n"})
            served.sessions.broadcast("plugins.console", {"message": "one"}, {"message": "two"})
            for client in (lines, headers):
                for text in ("one", "two"):
                    assert await client.read() == notification("plugins.console", {"message": text})
            # who has said nothing could not be told in its framing
            assert "result" in await silent.call("initialize", hello("late"))


async def test_notify_one(path: Path) -> None:
    async with wire(path, control={"initialize": initialize}) as served, RawClient(path) as client:
        await client.call("initialize", hello("c"))
        (session,) = served.sessions
        session.notify("$/progress", {"token": 1, "value": {"done": 0.5}})
        assert await client.read() == notification("$/progress", {"token": 1, "value": {"done": 0.5}})


async def test_cleaning_up_after_a_client(path: Path) -> None:
    """Latest first; what was forgotten does not run; a fault in one does not keep the others from running."""
    calls: list[str] = []

    def fail() -> None:
        raise RuntimeError("clean-up failed")

    async with wire(path, control={"initialize": initialize}) as served:
        async with RawClient(path) as client:
            await client.call("initialize", hello("c"))
            (session,) = served.sessions
            session.on_close(lambda: calls.append("first"))
            session.on_close(fail)
            forget = session.on_close(lambda: calls.append("forgotten"))
            session.on_close(lambda: calls.append("last"))
            forget()
            forget()
            assert calls == []
        with capture_logs() as log:
            await until(lambda: not len(served.sessions))
        assert calls == ["last", "first"]
        assert [one["event"] for one in log] == ["clean-up after a client failed"]
        session.on_close(lambda: calls.append("too late"))()
        assert calls[-1] == "too late"
        session.notify("plugins.console", {"nobody": "hears"})
        session.close()
        session.abort()


async def test_disconnect_delivers_what_was_sent(path: Path) -> None:
    async with wire(path, control={"initialize": initialize}) as served, RawClient(path) as client:
        await client.call("initialize", hello("c"))
        for _ in range(100):
            served.sessions.broadcast("plugins.console", {"message": "x" * 10_000})
        reading = asyncio.gather(*[client.read() for _ in range(1)])
        await served.sessions.disconnect(seconds=5)
        await reading
        for _ in range(99):
            assert len((await client.read())["params"]["message"]) == 10_000
        assert await client.closed()
        assert len(served.sessions) == 0


async def test_draining_waits_for_every_client(path: Path) -> None:
    release = asyncio.Event()
    entered = asyncio.Event()

    async def slow(session: Session, params: Any) -> str:
        entered.set()
        await release.wait()
        return "done"

    async with wire(path, control={"plugins.list": slow}) as served, RawClient(path) as client, RawClient(path):
        await served.sessions.drained()
        answer = asyncio.create_task(client.call("plugins.list"))
        await entered.wait()
        drained = asyncio.create_task(served.sessions.drained())
        await asyncio.sleep(0)
        assert not drained.done()
        release.set()
        await drained
        assert (await answer)["result"] == "done"
