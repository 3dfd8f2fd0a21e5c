"""What a plugin was granted, by whom, and what it did with it, as clients of a real daemon see it."""

import signal
from collections.abc import Callable
from pathlib import Path

import anyio
import msgspec
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


def wider(plugins: Path, folder: Path, *permissions: str, version: str = "1.1.0") -> str:
    """A version of the probe that asks for these; the one before asks for ``storage``."""
    return altered(plugins / "probe", folder / version, version=version, permissions=list(permissions))


async def test_an_update_that_asks_for_more_waits_until_it_is_granted(
    client: AsyncClient, plugins: Path, tmp_path: Path
) -> None:
    held = client.notifications("plugins.updateHeld")
    await client.install(wider(plugins, tmp_path, "storage", version="1.0.0"), grant="requested")
    await client.activate("probe")
    result = await client.install(wider(plugins, tmp_path, "storage", "events", "system.info"))
    assert result.held_update
    assert (result.version, result.held_update.version) == ("1.0.0", "1.1.0")
    assert result.held_update.permissions == ["events", "system.info"]
    assert ((told := await anext(held)).plugin_id, told.version) == ("probe", "1.1.0")
    info = await client.get_plugin("probe")
    assert (info.version, info.state, info.held_update) == ("1.0.0", "active", result.held_update)
    assert info.permissions.granted == ["storage"]
    with pytest.raises(errors.InvalidParams):
        await client.grant("probe", ["ui.create"])
    await client.grant("probe", ["events"])
    assert (await client.get_plugin("probe")).version == "1.0.0"
    await client.grant("probe", ["system.info"])
    info = await client.get_plugin("probe")
    assert (info.version, info.state, info.held_update) == ("1.1.0", "active", msgspec.UNSET)
    assert info.permissions.granted == ["events", "storage", "system.info"]
    assert (await client.get_permissions("probe")).changes[-1].permissions == ["events", "system.info"]


async def test_a_held_update_is_taken_without_what_it_asks_for_or_dropped(
    client: AsyncClient, plugins: Path, tmp_path: Path
) -> None:
    await client.install(wider(plugins, tmp_path, "storage", version="1.0.0"), grant="requested")
    more = wider(plugins, tmp_path, "storage", "events")
    assert (await client.install(more)).held_update
    assert (await client.reject_update("probe")).held_update is msgspec.UNSET
    for refuse in (client.reject_update, client.accept_update):
        with pytest.raises(errors.InvalidState, match="no update of probe is held"):
            await refuse("probe")
    await client.install(more)
    info = await client.accept_update("probe")
    assert (info.version, info.permissions.granted, info.held_update) == ("1.1.0", ["storage"], msgspec.UNSET)


async def test_an_update_is_taken_at_once_where_its_user_grants_it_or_it_asks_for_no_more(
    client: AsyncClient, plugins: Path, tmp_path: Path
) -> None:
    await client.install(wider(plugins, tmp_path, "storage", version="1.0.0"))
    assert (await client.install(wider(plugins, tmp_path, "storage", version="1.0.1"))).version == "1.0.1"
    more = wider(plugins, tmp_path, "storage", "events")
    assert (await client.install(more, grant=["events"])).version == "1.1.0"
    narrower = wider(plugins, tmp_path, "file.read:assets/**", version="1.2.0")
    assert (await client.install(narrower)).held_update
    assert (await client.install(wider(plugins, tmp_path, "events", version="1.3.0"))).version == "1.3.0"


async def test_a_held_update_outlives_a_kill_and_its_package_is_kept(
    start: Callable[..., Daemon], plugins: Path, tmp_path: Path
) -> None:
    daemon = start()
    async with AsyncClient.connect(daemon.socket) as client:
        await client.install(wider(plugins, tmp_path, "storage", version="1.0.0"))
        waiting = (await client.install(wider(plugins, tmp_path, "storage", "events"))).held_update
    daemon.process.send_signal(signal.SIGKILL)
    daemon.process.wait(10)
    again = start()
    async with AsyncClient.connect(again.socket) as client:
        assert (await client.get_plugin("probe")).held_update == waiting
        info = await client.accept_update("probe", grant="requested")
        assert (info.version, info.permissions.granted) == ("1.1.0", ["events", "storage"])
        assert await client.call_plugin("probe", "echo", args=1) == 1


async def test_an_update_that_is_taken_and_does_not_run_goes_back(
    client: AsyncClient, plugins: Path, tmp_path: Path
) -> None:
    await client.install(wider(plugins, tmp_path, "storage", version="1.0.0"))
    await client.load("probe")
    broken = altered(plugins / "spin-start", tmp_path / "broken", name="probe", version="2.0.0", permissions=["events"])
    assert (await client.install(broken)).held_update
    with pytest.raises(errors.PlugindError):
        await client.accept_update("probe")
    info = await client.get_plugin("probe")
    assert (info.version, info.state) == ("1.0.0", "loaded")
    assert info.held_update, "it can be tried again, or dropped"
