"""States are followed without a gap: over a restart of the daemon, over its death, and by a reader that is behind."""

import signal
from collections.abc import Callable
from pathlib import Path

import anyio
import pytest
from tests.harness.daemon import Daemon

from plugind_client import AsyncClient, Reconnect, Snapshot, follow_states
from plugind_client.states import States
from plugind_protocol.methods import StateChanged

pytestmark = [pytest.mark.anyio, pytest.mark.process]

SOON = Reconnect(first_seconds=0.02, max_seconds=0.1, give_up_seconds=30)


async def until(states: States, to: str) -> list[StateChanged]:
    """Read until a plugin comes to a state; everything is a change, in order and without a gap."""
    seen: list[StateChanged] = []
    with anyio.fail_after(30):
        while not seen or seen[-1].to != to:
            one = await states.receive()
            assert isinstance(one, StateChanged)
            seen.append(one)
    assert [one.seq for one in seen] == list(range(seen[0].seq, seen[0].seq + len(seen)))
    return seen


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
async def test_across_a_restart(start: Callable[..., Daemon], examples: Path, number: signal.Signals) -> None:
    daemon = start()
    async with AsyncClient.connect(daemon.socket, reconnect=SOON) as client, follow_states(client) as states:
        assert await states.receive() == Snapshot([])
        await client.install(str(examples / "adder"))
        await client.load("adder")
        before = await until(states, "loaded")
        daemon.process.send_signal(number)
        daemon.process.wait(20)
        daemon.close_pipes()
        again = start()
        async with AsyncClient.connect(again.socket) as other:
            await other.load("adder")
        missed = await until(states, "loaded")
        assert missed[0].seq == before[-1].seq + 1
        assert [change.to for change in missed] == ["installed", "loading", "loaded"]


async def test_a_reader_that_is_behind_misses_nothing(start: Callable[..., Daemon], examples: Path) -> None:
    daemon = start()
    async with AsyncClient.connect(daemon.socket) as client, follow_states(client) as states:
        assert isinstance(await states.receive(), Snapshot)
        await client.install(str(examples / "adder"))
        for _ in range(5):
            await client.reload("adder")
        await client.uninstall("adder")
        seen = await until(states, "not_installed")
        assert [change.to for change in seen].count("loading") == 5
