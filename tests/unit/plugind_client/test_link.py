import logging
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import msgspec
import pytest
from tests.fakes.peer import LATER, SESSION, Link, Peer, peer

from plugind_client import AsyncClient, Client, Disconnected, LinkChanged, NoDaemon, Reconnect
from plugind_protocol.errors import InvalidRequest

pytestmark = pytest.mark.anyio

AT_ONCE = Reconnect(first_seconds=0.001, max_seconds=0.01, give_up_seconds=5)


def test_pauses_double_up_to_the_longest() -> None:
    policy = Reconnect(first_seconds=0.1, max_seconds=1)
    assert [policy.pause(tries) for tries in range(5)] == pytest.approx([0.1, 0.2, 0.4, 0.8, 1])
    assert policy.pause(10**9) == 1


async def test_a_lost_connection_comes_back_with_all_that_belongs_to_the_session(
    daemon: Peer, caplog: pytest.LogCaptureFixture
) -> None:
    async def timeline(_method: str, params: Any) -> Any:
        return params["pluginId"]

    daemon.scripts["daemon.ping"] = "pong"
    async with AsyncClient.connect(daemon.path, name="t", handlers={"timeline": timeline}, reconnect=AT_ONCE) as client:
        changes, console = client.link_changes(), client.notifications("effects.changed")
        daemon.scripts["initialize"] = msgspec.structs.replace(SESSION, protocol_version="1.1")
        with caplog.at_level(logging.WARNING):
            daemon.next_link().close()
            lost, back = await anext(changes), await anext(changes)
        assert (lost.state, back) == ("lost", LinkChanged("connected"))
        assert "closed the connection" in lost.reason
        assert "connecting again" in caplog.text
        assert client.session.protocol_version == "1.1"
        assert await client.call("daemon.ping") == "pong"
        link = daemon.next_link()
        link.notify("effects.changed", {"pluginId": "p", "effects": ["a"]})
        assert (await anext(console)).effects == ["a"]
        await anyio.to_thread.run_sync(_ask, link)
        assert bytes((await anyio.to_thread.run_sync(daemon.next_message)).result) == b'"p"'  # type: ignore[arg-type]
    first, second = daemon.asked("initialize")
    assert first == second
    assert first["provides"] == ["timeline"]


def _ask(link: Link) -> None:
    link.sock.sendall(b'{"jsonrpc":"2.0","id":1,"method":"timeline.getState","params":{"pluginId":"p"}}\n')


async def test_what_was_in_flight_fails_and_what_is_asked_meanwhile_waits(daemon: Peer) -> None:
    daemon.scripts["plugins.call"] = lambda _params, link: link.close() or LATER
    daemon.scripts["daemon.ping"] = "pong"
    async with AsyncClient.connect(daemon.path, reconnect=AT_ONCE) as client:
        with pytest.raises(Disconnected, match="closed the connection"):
            await client.call_plugin("p", "f")
        assert await client.call("daemon.ping") == "pong"
    assert len(daemon.asked("plugins.call")) == 1, "a call is never repeated"


async def test_a_daemon_that_stays_away_is_given_up(tmp_path: Path) -> None:
    policy = Reconnect(first_seconds=0.001, max_seconds=0.001, give_up_seconds=0.02)
    with peer(tmp_path / "d.sock") as daemon:
        async with AsyncClient.connect(daemon.path, reconnect=policy) as client:
            changes, notes = client.link_changes(), client.notifications("plugins.console")
            daemon.path.unlink()
            daemon.next_link().close()
            assert [change.state async for change in _until_ended(changes)] == ["lost", "ended"]
            with pytest.raises(NoDaemon, match="no such socket"):
                await client.list_plugins()
            with pytest.raises(NoDaemon):
                await anext(notes)


async def _until_ended(changes: Any) -> Any:
    async for change in changes:
        yield change
        if change.state == "ended":
            return


async def test_a_daemon_that_refuses_the_client_is_given_up_at_once(daemon: Peer) -> None:
    def refuse(_params: Any, _link: Link) -> Any:
        raise InvalidRequest("this daemon speaks 2.0")

    async with AsyncClient.connect(daemon.path, reconnect=AT_ONCE) as client:
        changes = client.link_changes()
        daemon.scripts["initialize"] = refuse
        daemon.next_link().close()
        states = [change async for change in _until_ended(changes)]
        assert "speaks 2.0" in states[-1].reason
        with pytest.raises(Disconnected, match=r"speaks 2\.0"):
            await client.list_plugins()


async def test_a_request_while_there_is_no_connection_can_be_cancelled(daemon: Peer) -> None:
    daemon.scripts["initialize"] = SESSION
    slow = Reconnect(first_seconds=30)
    async with AsyncClient.connect(daemon.path, reconnect=slow) as client:
        changes = client.link_changes()
        daemon.next_link().close()
        assert (await anext(changes)).state == "lost"
        with anyio.move_on_after(0.02) as scope:
            await client.list_plugins()
        assert scope.cancelled_caught


async def test_a_connection_that_is_there_already_is_used(daemon: Peer) -> None:
    daemon.scripts["daemon.ping"] = 1
    stream = await anyio.connect_unix(daemon.path)
    async with AsyncClient.connect(stream=stream, reconnect=AT_ONCE) as client:
        assert await client.call("daemon.ping") == 1
        daemon.next_link().close()
        with pytest.raises(Disconnected):
            await anext(client.notifications("plugins.console"))


def test_the_blocking_client_reconnects_too(daemon: Peer) -> None:
    daemon.scripts["daemon.ping"] = "pong"
    with Client.connect(daemon.path, reconnect=AT_ONCE) as client:
        changes = client.link_changes()
        daemon.next_link().close()
        assert changes.next(timeout=10).state == "lost"
        assert changes.next(timeout=10).state == "connected"
        assert client.call("daemon.ping") == "pong"
        assert client.session.daemon.name == "scripted"


async def test_leaving_while_something_comes_is_no_fault_of_the_loop(daemon: Peer) -> None:
    """The runner of asynchronous tests fails where a callback of the loop does."""
    for _ in range(200):
        async with AsyncClient.connect(daemon.path):
            link = daemon.next_link()
            await anyio.wait_all_tasks_blocked()
            link.notify("effects.changed", {"pluginId": "p", "effects": []})
