"""Two clients that do at random what they like: both are told the same, without a gap, and only what may be."""

import contextlib
import random
from collections.abc import Callable
from pathlib import Path

import anyio
import pytest
from tests.harness.daemon import Daemon
from tests.harness.plugins import hooked

from plugind.registry import lifecycle
from plugind_client import AsyncClient
from plugind_protocol import errors
from plugind_protocol.methods import State, StateChanged

pytestmark = [pytest.mark.anyio, pytest.mark.process]

NAMES = ("one", "two", "three")
STEPS = (
    "load",
    "unload",
    "activate",
    "deactivate",
    "reload",
    "enable",
    "disable",
    "uninstall",
    "rollback",
    "get_plugin",
)


async def act(client: AsyncClient, sources: dict[str, list[str]], seed: int, count: int) -> None:
    """Do something so many times; what is refused is refused in words."""
    chance = random.Random(seed)
    for _ in range(count):
        name = chance.choice(NAMES)
        with contextlib.suppress(errors.PlugindError):
            if chance.random() < 0.3:
                await client.install(chance.choice(sources[name]))
            elif chance.random() < 0.3:
                await client.call_plugin(name, "version")
            else:
                await getattr(client, chance.choice(STEPS))(name)


def follow(changes: list[StateChanged]) -> dict[str, State]:
    """Look whether what was told is without a gap and allowed; return where it ends."""
    states: dict[str, State] = {}
    for seq, change in enumerate(changes, changes[0].seq):
        assert change.seq == seq
        assert change.from_ == states.get(change.plugin_id, State.NOT_INSTALLED)
        lifecycle.check(change.from_, change.to, plugin_id=change.plugin_id)
        states[change.plugin_id] = change.to
    return {name: state for name, state in states.items() if state is not State.NOT_INSTALLED}


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.long), pytest.param(3, marks=pytest.mark.long)])
async def test_both_are_told_the_same(start: Callable[..., Daemon], tmp_path: Path, seed: int) -> None:
    sources = {
        name: [
            hooked(tmp_path / f"{name}-{version}", version, name=name, traps=traps)
            for version, traps in (("1.0.0", None), ("2.0.0", None), ("3.0.0", "lifecycle.activate"))
        ]
        for name in NAMES
    }
    daemon = start()
    async with AsyncClient.connect(daemon.socket) as one, AsyncClient.connect(daemon.socket) as two:
        heard = [client.notifications("plugins.stateChanged", capacity=10_000) for client in (one, two)]
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(act, one, sources, seed, 60)
            tasks.start_soon(act, two, sources, -seed, 60)
        known = await one.changes(0)
        assert known.complete
        assert len(known.changes) == known.seq > 20
        told = [[await anext(each) for _ in known.changes] for each in heard]
        assert told[0] == told[1] == known.changes
        assert follow(known.changes) == {info.plugin_id: info.state for info in await two.list_plugins()}
