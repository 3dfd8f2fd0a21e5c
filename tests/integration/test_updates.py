"""Newer versions: found where a plugin came from or in package folders, and taken if they fit."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.harness.daemon import Daemon
from tests.harness.plugins import hooked

from plugind_client import AsyncClient
from plugind_protocol import errors
from plugind_protocol.methods import State

pytestmark = [pytest.mark.anyio, pytest.mark.process]


async def test_the_folder_it_came_from(client: AsyncClient, tmp_path: Path) -> None:
    source = hooked(tmp_path / "p")
    await client.install(source, grant=["timeline.read"])
    await client.activate("hooked")
    same = await client.update("hooked")
    assert (same.updated, same.version) == (False, "1.0.0")
    assert "1.0.0 is the newest there is" in same.message
    assert source in same.message
    hooked(tmp_path / "p", "1.1.0")
    newer = await client.update("hooked")
    assert (newer.updated, newer.previous, newer.version, newer.state) == (True, "1.0.0", "1.1.0", State.ACTIVE)
    assert newer.permissions.granted == ["timeline.read"]
    hooked(tmp_path / "p", "1.0.5")
    assert not (await client.update("hooked")).updated  # older is not newer
    older = await client.update("hooked", source)  # but what is asked for is taken
    assert (older.updated, older.version) == (True, "1.0.5")


async def test_the_newest_of_the_package_folders(start: Callable[..., Daemon], tmp_path: Path) -> None:
    folder = tmp_path / "packages"
    (tmp_path / "c.toml").write_text(f"[packages]\nfolders = [{str(folder)!r}]\n")
    for version in ("1.1.0", "1.3.0", "1.2.0"):
        hooked(folder / version, version)
    hooked(folder / "more", "9.0.0", dependencies={"nobody": "^1.0.0"})
    daemon = start("--config", str(tmp_path / "c.toml"))
    async with AsyncClient.connect(daemon.socket) as client:
        source = tmp_path / "p"
        await client.install(hooked(source))
        for one in source.iterdir():
            one.unlink()  # where it came from is gone
        newer = await client.update("hooked")
        assert (newer.updated, newer.version, newer.source) == (True, "1.3.0", str(folder / "1.3.0"))
        with pytest.raises(errors.DependencyConflict, match="nobody"):
            await client.update("hooked")


async def test_what_is_no_update(client: AsyncClient, tmp_path: Path) -> None:
    with pytest.raises(errors.PluginNotFound):
        await client.update("hooked")
    await client.install(hooked(tmp_path / "1"))
    with pytest.raises(errors.InvalidParams, match="is other, not hooked"):
        await client.update("hooked", hooked(tmp_path / "other", name="other"))
    assert [one.plugin_id for one in await client.list_plugins()] == ["hooked"]
    await client.load("hooked")
    with pytest.raises(errors.Trap, match="is back as it was"):
        await client.update("hooked", hooked(tmp_path / "2", "2.0.0", traps="lifecycle.load"))
    waits = await client.update("hooked", hooked(tmp_path / "3", "3.0.0", permissions=["ui.dialog"]))
    assert (waits.updated, waits.version) == (False, "1.0.0")
    assert "3.0.0 asks for more" in waits.message


@pytest.fixture
def package(examples: Path, tmp_path: Path) -> Path:
    target = tmp_path / "adder.tsplugin"
    command = [sys.executable, "-m", "pluginctl", "pack", str(examples / "adder"), "--output", str(target)]
    subprocess.run(command, check=True, capture_output=True)
    return target


async def test_a_package_is_downloaded_before_it_is_installed(client: AsyncClient, package: Path) -> None:
    since = (await client.changes()).seq
    await client.install(str(package))
    steps = [(change.from_, change.to) for change in (await client.changes(since)).changes]
    assert steps == [
        (State.NOT_INSTALLED, State.DOWNLOADED),
        (State.DOWNLOADED, State.INSTALLING),
        (State.INSTALLING, State.INSTALLED),
    ]
    same = await client.update("adder")
    assert not same.updated


def test_the_commands(daemon: Daemon, tmp_path: Path) -> None:
    def pluginctl(*arguments: str) -> str:
        command = [sys.executable, "-m", "pluginctl", "--socket", str(daemon.socket), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    source = hooked(tmp_path / "p")
    pluginctl("install", source)
    assert "left as it is: hooked 1.0.0 is the newest there is" in pluginctl("update", "hooked")
    hooked(tmp_path / "p", "1.1.0")
    assert pluginctl("update", "hooked") == "updated hooked 1.0.0 → 1.1.0 (installed)\n"
    listed = pluginctl("versions", "hooked").splitlines()
    assert [line.split()[0] for line in listed if line[:1].isdigit()] == ["1.1.0", "1.0.0"]
    assert '"current":"1.1.0"' in pluginctl("versions", "hooked", "--json")
    assert pluginctl("rollback", "hooked") == "went back to hooked 1.0.0 (installed)\n"
    assert pluginctl("rollback", "hooked", "1.1.0") == "went back to hooked 1.1.0 (installed)\n"
    pluginctl("uninstall", "hooked")
