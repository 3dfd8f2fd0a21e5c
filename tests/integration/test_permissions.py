"""What a plugin was granted, by whom, and what it did with it, as clients of a real daemon see it."""

import signal
from collections.abc import Callable
from pathlib import Path

import anyio
import pytest
from tests.harness.daemon import Daemon
from tests.harness.plugins import altered

from plugind_client import AsyncClient
from plugind_protocol import errors
from plugind_protocol.presets import PRESETS

pytestmark = [pytest.mark.anyio, pytest.mark.process]


async def test_presets_grant_their_part_of_the_request(client: AsyncClient, plugins: Path) -> None:
    installed = await client.install(str(plugins / "probe"), grant="standard")
    requested = set(installed.requested_permissions)
    for preset in await client.list_presets():
        held = await client.apply_preset("probe", preset.name)
        assert set(held.granted) == set(preset.permissions) & requested
    assert [preset.name for preset in await client.list_presets()] == list(PRESETS)
    assert (await client.apply_preset("probe", "standard")).preset == "standard"
    assert (await client.revoke("probe", ["storage"])).preset is None
    with pytest.raises(errors.PluginNotFound):
        await client.apply_preset("nobody", "full")
    with pytest.raises(errors.InvalidParams):
        await client.apply_preset("probe", "everything")  # type: ignore[arg-type]


async def test_the_ledger_says_who_granted_and_revoked_what(daemon: Daemon, client: AsyncClient, plugins: Path) -> None:
    await client.install(str(plugins / "probe"), grant=["storage", "events"])
    async with AsyncClient.connect(daemon.socket, name="somebody else") as other:
        await other.revoke("probe", ["storage"])
        await other.revoke("probe", ["storage"])  # changes nothing, and so is no entry
    await client.apply_preset("probe", "minimal")
    changes = (await client.get_permissions("probe")).changes
    assert [(one.action, one.permissions, one.by) for one in changes] == [
        ("granted", ["events", "storage"], "test"),
        ("revoked", ["storage"], "somebody else"),
        ("granted", ["effects.create", "storage", "system.info", "timeline.read"], "test"),
    ]
    await client.uninstall("probe")
    await client.install(str(plugins / "probe"))
    assert (await client.get_permissions("probe")).changes == []


async def test_an_update_that_asks_for_less_revokes_the_rest(
    client: AsyncClient, plugins: Path, tmp_path: Path
) -> None:
    await client.install(str(plugins / "probe"), grant=["storage", "events"])
    less = altered(plugins / "probe", tmp_path / "less", version="1.1.0", permissions=["storage"])
    await client.install(less)
    found = await client.get_permissions("probe")
    assert found.granted == ["storage"]
    assert (found.changes[-1].action, found.changes[-1].permissions) == ("revoked", ["events"])


async def test_grants_at_once_are_all_kept(client: AsyncClient, plugins: Path) -> None:
    await client.install(str(plugins / "probe"))
    requested = (await client.get_permissions("probe")).requested
    async with anyio.create_task_group() as tasks:
        for name in requested:
            tasks.start_soon(client.grant, "probe", [name])
    assert (await client.get_permissions("probe")).granted == sorted(requested)


async def test_grants_and_their_history_outlive_a_kill(start: Callable[..., Daemon], plugins: Path) -> None:
    daemon = start()
    async with AsyncClient.connect(daemon.socket, name="test") as client:
        await client.install(str(plugins / "probe"), grant="minimal")
        await client.revoke("probe", ["storage"])
        before = await client.get_permissions("probe")
    daemon.process.send_signal(signal.SIGKILL)
    daemon.process.wait(10)
    again = start()
    async with AsyncClient.connect(again.socket, name="test") as client:
        assert await client.get_permissions("probe") == before
