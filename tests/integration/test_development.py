"""A plugin that is being developed: what changes in its folder is taken, once it is whole."""

import contextlib
import json
import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from tests.harness.daemon import Daemon
from tests.harness.plugins import altered, hooked
from tests.harness.waiting import until

from plugind_client import AsyncClient
from plugind_protocol import errors
from plugind_protocol.methods import State
from plugind_worker.engine.wasmtime import config

pytestmark = [pytest.mark.anyio, pytest.mark.process]

TIME = {"seconds": 1.5, "timecode": "00:00:01:12", "fps": 25.0}


async def until_version(client: AsyncClient, version: str) -> None:
    async def is_there() -> bool:
        try:
            return bool(await client.call_plugin("hooked", "version") == version)
        except errors.PlugindError:  # a version before it may not work
            return False

    await until(is_there, seconds=30)


async def until_said(client: AsyncClient, words: str) -> None:
    """Wait until the console has said something."""
    await until(lambda: said(client, words), seconds=30)


async def said(client: AsyncClient, words: str) -> bool:
    return any(words in one.message for one in (await client.console_get("hooked")).messages)


async def test_what_changes_is_taken_in_the_same_state(client: AsyncClient, daemon: Daemon, tmp_path: Path) -> None:
    source = tmp_path / "dev"
    info = await client.load_development(hooked(source))
    assert (info.state, info.development, info.version) == (State.LOADED, str(source), "1.0.0")
    assert info.permissions.granted == ["timeline.read", "timeline.write"]
    await client.activate("hooked")
    hooked(source, "1.1.0", permissions=["timeline.read", "storage"])
    await until_version(client, "1.1.0")
    info = await client.get_plugin("hooked")
    assert (info.state, info.permissions.granted) == (State.ACTIVE, ["storage", "timeline.read"])
    assert list((daemon.data_dir / "packages").iterdir()) == []
    await until_said(client, "1.1.0 is loaded from")
    with pytest.raises(errors.InvalidState, match="runs from"):
        await client.install(hooked(tmp_path / "other", "3.0.0"))
    assert (await client.uninstall("hooked")).state == State.NOT_INSTALLED
    assert await client.list_plugins() == []


async def test_what_is_broken_leaves_the_old_version_serving(client: AsyncClient, tmp_path: Path) -> None:
    source = tmp_path / "dev"
    await client.load_development(hooked(source))
    manifest = (source / "manifest.json").read_text()
    (source / "manifest.json").write_text("{")
    await until_said(client, "manifest.json: $ is not valid JSON")
    assert await client.call_plugin("hooked", "version") == "1.0.0"
    (source / "manifest.json").write_text(manifest.replace('"hooked"', '"renamed"'))
    await until_said(client, "it is renamed now")
    hooked(source, "2.0.0", traps="lifecycle.load")
    await until_said(client, "hooked 1.0.0 is back as it was")
    assert await client.call_plugin("hooked", "version") == "1.0.0"
    (source / "plugin.wat").unlink()
    await until_said(client, "plugin.wat")
    assert (await client.get_plugin("hooked")).state == State.LOADED
    hooked(source, "2.1.0")
    await until_version(client, "2.1.0")


async def test_a_module_that_is_half_written_is_waited_for(client: AsyncClient, tmp_path: Path) -> None:
    source = tmp_path / "dev"
    await client.load_development(hooked(source))
    text = Path(hooked(tmp_path / "next", "2.0.0"), "plugin.wat").read_text()
    half = len(text) // 2
    with (source / "plugin.wat").open("w") as module:
        module.write(text[:half])
        module.flush()
        await anyio.sleep(0.3)  # longer than the watcher waits, shorter than it takes to complain
        assert await client.call_plugin("hooked", "version") == "1.0.0"
        module.write(text[half:])
    await until_version(client, "2.0.0")
    said = [one.message for one in (await client.console_get("hooked")).messages]
    assert not any(f"{source} is not taken" in words for words in said), said


async def test_noise_does_not_reload(client: AsyncClient, tmp_path: Path) -> None:
    source = tmp_path / "dev"
    pid = (await client.load_development(hooked(source))).pid
    for name in ("target", "node_modules"):
        (source / name).mkdir()
        (source / name / "x.o").write_text("noise")
    (source / "plugin.wat~").write_text("noise")
    os.utime(source / "plugin.wat")  # touched, and the same
    (source / "manifest.json").write_text(json.dumps(json.loads((source / "manifest.json").read_text())))
    await until_said(client, f"is loaded from {source}")  # it was looked at
    assert (await client.get_plugin("hooked")).pid == pid


async def test_calls_in_flight_end_on_the_instance_they_began_on(daemon: Daemon, tmp_path: Path) -> None:
    asked, may_answer = anyio.Event(), anyio.Event()

    async def timeline(_method: str, _params: Any) -> Any:
        asked.set()
        await may_answer.wait()
        return TIME

    source = tmp_path / "dev"
    async with AsyncClient.connect(daemon.socket, handlers={"timeline": timeline}) as client:
        await client.load_development(hooked(source))
        answers: list[Any] = []

        async def ask() -> None:
            answers.append(await client.call_plugin("hooked", "ask"))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask)
            await asked.wait()
            changes = client.notifications("plugins.stateChanged")
            hooked(source, "2.0.0")
            while (await anext(changes)).to is not State.UPDATING:
                pass
            may_answer.set()
        assert answers == [TIME]
        await until_version(client, "2.0.0")
        await client.uninstall("hooked")


async def test_what_has_changed_is_taken_when_asked(client: AsyncClient, tmp_path: Path) -> None:
    source = tmp_path / "dev"
    await client.console_clear("hooked")
    pid = (await client.load_development(hooked(source))).pid
    hooked(source, "1.1.0")
    info = await client.reload("hooked")
    assert (info.version, info.state) == ("1.1.0", State.LOADED)
    assert await client.call_plugin("hooked", "version") == "1.1.0"
    again = await client.reload("hooked")  # nothing has changed: a fresh worker
    assert again.pid not in (None, pid, info.pid)
    hooked(source, "2.0.0", traps="lifecycle.load")
    with pytest.raises(errors.Trap, match=r"1\.1\.0 is back as it was"):
        await client.reload("hooked")
    (source / "manifest.json").write_text("{")
    with pytest.raises(errors.ManifestInvalid, match="not valid JSON"):
        await client.reload("hooked")
    assert await client.call_plugin("hooked", "version") == "1.1.0"
    said = [one.message for one in (await client.console_get("hooked")).messages]
    assert not any("is not taken" in words for words in said), "who asked was told"


async def test_state_is_carried_over(client: AsyncClient, plugins: Path, tmp_path: Path) -> None:
    source = tmp_path / "dev"
    altered(plugins / "keeper", source)
    await client.load_development(str(source))
    assert [await client.call_plugin("keeper", "count") for _ in range(2)] == [1, 2]
    manifest = source / "manifest.json"
    manifest.write_text(manifest.read_text().replace("1.0.0", "1.1.0"))
    assert (await client.reload("keeper")).version == "1.1.0"
    assert await client.call_plugin("keeper", "count") == 3
    await client.reload("keeper")  # nothing has changed
    assert await client.call_plugin("keeper", "count") == 4
    (source / "plugin.wat").write_text("(module (func (export")
    with pytest.raises(errors.PlugindError):
        await client.reload("keeper")
    assert await client.call_plugin("keeper", "count") == 5, "the same instance"
    shutil.copy(plugins / "trapper" / "plugin.wat", source)
    assert (await client.reload("keeper")).state is State.LOADED, "it has no hooks for it"


async def test_state_goes_with_updates_and_rollbacks(client: AsyncClient, plugins: Path, tmp_path: Path) -> None:
    await client.install(altered(plugins / "keeper", tmp_path / "1"))
    assert await client.call_plugin("keeper", "count") == 1
    await client.install(altered(plugins / "keeper", tmp_path / "2", version="2.0.0"))
    assert await client.call_plugin("keeper", "count") == 2
    await client.rollback("keeper")
    assert await client.call_plugin("keeper", "count") == 3
    await client.unload("keeper")
    assert await client.call_plugin("keeper", "count") == 1, "who unloads it wants it to forget"


async def test_state_that_is_not_to_be_had_keeps_nothing_from_running(client: AsyncClient, plugins: Path) -> None:
    await client.install(str(plugins / "keeper"))
    for _ in range(8):
        await client.call_plugin("keeper", "count")
    assert await client.call_plugin("keeper", "count") == 9
    assert (await client.reload("keeper")).state is State.LOADED
    assert await client.call_plugin("keeper", "count") == 1
    (line,) = (await client.console_get("keeper")).messages
    assert line.level == "error"
    assert "lifecycle.saveState failed, so that its state is lost: keeper 1.0.0: not to be had" in line.message


async def test_an_installed_version_comes_back(client: AsyncClient, tmp_path: Path) -> None:
    await client.install(hooked(tmp_path / "1"), grant=["timeline.read"])
    await client.load_development(hooked(tmp_path / "dev", "2.0.0-dev"))
    assert await client.call_plugin("hooked", "version") == "2.0.0-dev"
    await client.install(hooked(tmp_path / "q", name="q"))  # what is beneath is not collected
    back = await client.uninstall("hooked")
    assert (back.version, back.development, back.permissions.granted) == ("1.0.0", None, ["timeline.read"])
    assert await client.call_plugin("hooked", "version") == "1.0.0"


async def test_it_is_restored_only_if_asked(start: Callable[..., Daemon], tmp_path: Path) -> None:
    daemon = start()
    async with AsyncClient.connect(daemon.socket) as client:
        await client.load_development(hooked(tmp_path / "dev"), remember=True)
        await client.load_development(hooked(tmp_path / "other", name="other"))
        await client.install(hooked(tmp_path / "1", "0.9.0", name="third"))
    assert daemon.stop() == 0
    hooked(tmp_path / "dev", "1.2.0")
    daemon = start()
    async with AsyncClient.connect(daemon.socket) as client:

        async def there() -> bool:
            return {one.plugin_id for one in await client.list_plugins()} == {"hooked", "third"}

        await until(there)
        assert await client.call_plugin("hooked", "version") == "1.2.0"
        await client.uninstall("hooked")
    assert daemon.stop() == 0
    async with AsyncClient.connect(start().socket) as client:
        assert [one.plugin_id for one in await client.list_plugins()] == ["third"]


async def test_its_module_is_compiled_quickly_unless_it_is_to_be_as_installed(
    start: Callable[..., Daemon], tmp_path: Path
) -> None:
    source = hooked(tmp_path / "dev")
    daemon = start()
    async with AsyncClient.connect(daemon.socket) as client:

        async def compiled() -> int:
            """How often something was compiled, and that it runs."""
            assert await client.call_plugin("hooked", "version") == "1.0.0"
            return (await client.daemon_status()).cache.misses

        await client.load_development(source)
        assert await compiled() == 1
        await client.load_development(source)
        assert await compiled() == 1
        both = 2 if config.settings(quick=True) is not None else 1
        await client.load_development(source, optimize=True, remember=True)
        assert await compiled() == both, "it runs from another artefact now"
        await client.uninstall("hooked")
        await client.install(source)
        assert await compiled() == both, "and that is the one of installed plugins"
        await client.uninstall("hooked")
        await client.load_development(source, optimize=True, remember=True)
    assert daemon.stop() == 0
    hooked(tmp_path / "dev", "1.0.1")
    async with AsyncClient.connect(start().socket) as client:
        await until_version(client, "1.0.1")
        await client.install(hooked(tmp_path / "other", "1.0.1", name="other"))
        assert (await client.daemon_status()).cache.misses == 1, "it is remembered how it was loaded"


async def test_what_is_remembered_by_earlier_daemons(start: Callable[..., Daemon], tmp_path: Path) -> None:
    daemon = start()
    assert daemon.stop() == 0
    with contextlib.closing(sqlite3.connect(daemon.data_dir / "state.db")) as state, state:
        rows = [(hooked(tmp_path / "1", name="one"), '"minimal"'), (hooked(tmp_path / "2"), '["timeline.write"]')]
        state.executemany("INSERT INTO development VALUES (?, ?)", rows)
    async with AsyncClient.connect(start().socket) as client:
        await until_version(client, "1.0.0")
        granted = {one.plugin_id: one.permissions.granted for one in await client.list_plugins()}
        assert granted == {"one": ["timeline.read"], "hooked": ["timeline.write"]}


async def test_what_cannot_be_watched(client: AsyncClient, tmp_path: Path) -> None:
    with pytest.raises(errors.InvalidParams, match="absolute"):
        await client.load_development("here")
    with pytest.raises(errors.ManifestInvalid):
        await client.load_development(str(tmp_path))
    info = await client.load_development(hooked(tmp_path / "dev", traps="lifecycle.load"))
    assert info.state == State.ERROR
    hooked(tmp_path / "dev", "1.0.1")  # mended
    await until_version(client, "1.0.1")
