"""Real daemons and their cache of compiled modules: bombs, files damaged under them, two daemons in one cache."""

import asyncio
import contextlib
import json
from collections.abc import Callable
from pathlib import Path

import anyio
import psutil
import pytest
from tests.harness.children import at_work
from tests.harness.daemon import Daemon
from tests.harness.waiting import until
from tests.hostile.modules import functions, loops

from plugind_client import AsyncClient
from plugind_protocol.errors import PackageInvalid, PlugindError
from plugind_protocol.methods import CacheInfo, State

pytestmark = [pytest.mark.anyio, pytest.mark.process]


def plugin(folder: Path, name: str, module: bytes) -> str:
    """Write a plugin folder."""
    folder.mkdir()
    manifest = {"name": name, "version": "1.0.0", "main": "plugin.wasm"}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (folder / "plugin.wasm").write_bytes(module)
    return str(folder)


def numbers(value: int) -> bytes:
    """A module of text with a function ``f`` that returns a number."""
    return f'(module (func (export "f") (result i32) (i32.const {value})))'.encode()


def number_plugin(folder: Path, value: int) -> str:
    folder.mkdir()
    manifest = {"name": f"number-{value}", "version": "1.0.0", "main": "plugin.wat"}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (folder / "plugin.wat").write_bytes(numbers(value))
    return str(folder)


def config(folder: Path, text: str) -> str:
    path = folder / "plugind.toml"
    path.write_text(text)
    return str(path)


async def cache(client: AsyncClient) -> CacheInfo:
    return (await client.daemon_status()).cache


def artefacts(folder: Path) -> list[Path]:
    return [path for path in folder.glob("**/modules/*/artefact") if len(path.parent.name) == 64]


def compiling(daemon: Daemon) -> list[psutil.Process]:
    """Children that compile."""
    return at_work(process for process in daemon.descendants() if process not in daemon.children)


async def until_compiling(daemon: Daemon) -> psutil.Process:
    return (await until(lambda: compiling(daemon)))[0]


@pytest.mark.threat("Guest", "compile bomb")
async def test_a_bomb_is_refused_and_nothing_is_written(
    client: AsyncClient, daemon: Daemon, tmp_path: Path, plugins: Path
) -> None:
    await client.install(str(plugins / "probe"))
    packages = daemon.data_dir / "packages"
    before = sorted(packages.iterdir()), artefacts(daemon.data_dir)
    for name, module in (("bomb", functions(100_000)), ("broken", b"\0asm\1\0\0\0\1\5\0")):
        with pytest.raises(PackageInvalid):
            await client.install(plugin(tmp_path / name, name, module))
        assert await client.get_state(name) == State.NOT_INSTALLED
    assert (sorted(packages.iterdir()), artefacts(daemon.data_dir)) == before
    assert await client.call_plugin("probe", "echo", args=1) == 1


@pytest.mark.threat("Guest", "compile bomb")
async def test_while_a_bomb_compiles_everything_else_goes_on_until_it_is_cancelled(
    client: AsyncClient, daemon: Daemon, tmp_path: Path, plugins: Path
) -> None:
    await client.install(str(plugins / "probe"), grant=["timeline.read"])
    bomb = plugin(tmp_path / "bomb", "bomb", loops(300, 1000))
    async with AsyncClient.connect(daemon.socket, name="rude") as rude, anyio.create_task_group() as tasks:
        tasks.start_soon(rude.install, bomb)
        child = await until_compiling(daemon)
        assert await client.call_plugin("probe", "echo", args=1) == 1
        assert (await client.revoke("probe", ["timeline.read"])).granted == []
        await client.unload("probe")
        assert (await client.load("probe")).state == State.LOADED
        await client.uninstall("probe")
        assert child.is_running()
        tasks.cancel_scope.cancel()
    _, alive = psutil.wait_procs([child], timeout=10)
    assert alive == []
    assert await client.list_plugins() == []
    await client.install(str(plugins / "probe"))  # the lock that installs share is free again
    assert list((daemon.data_dir / "cache" / "modules" / "staging").glob("*/*")) == []


async def test_a_damaged_artefact_is_compiled_again_while_the_daemon_runs(
    start: Callable[..., Daemon], tmp_path: Path
) -> None:
    daemon = start()
    async with AsyncClient.connect(daemon.socket) as client:
        await client.install(number_plugin(tmp_path / "one", 1))
        assert await client.call_plugin("number-1", "f", args=[]) == 1
        for turn, damage in enumerate((b"", b"\x7fELF evil", None), start=1):
            await client.unload("number-1")
            (artefact,) = artefacts(daemon.data_dir)
            whole = artefact.read_bytes()
            artefact.chmod(0o600)
            artefact.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]) if damage is None else damage)
            assert await client.call_plugin("number-1", "f", args=[]) == 1
            found = await cache(client)
            assert (found.refused, found.misses) == (turn, turn + 1)
            assert artefacts(daemon.data_dir)[0].read_bytes() == whole
        assert "plugind_cache_refused_total 3" in (await client.daemon_metrics()).prometheus
    assert daemon.log.read_text().count("compiled module refused") == 3


async def test_without_room_for_artefacts_everything_still_runs(start: Callable[..., Daemon], tmp_path: Path) -> None:
    daemon = start("--config", config(tmp_path, "cache_bytes = 1\n"))
    async with AsyncClient.connect(daemon.socket) as client:
        for value in range(3):
            await client.install(number_plugin(tmp_path / str(value), value))
        for _ in range(2):
            for value in range(3):
                assert await client.call_plugin(f"number-{value}", "f", args=[]) == value
                await client.unload(f"number-{value}")
        found = await cache(client)
    assert (found.bytes, found.artefacts, found.hits, found.misses, found.evicted) == (0, 0, 0, 9, 9)


async def test_current_versions_are_kept_when_there_is_room_for_them(
    start: Callable[..., Daemon], tmp_path: Path
) -> None:
    daemon = start("--config", config(tmp_path, "cache_bytes = 40000\n"))  # two artefacts of 13 KiB and their seals
    async with AsyncClient.connect(daemon.socket) as client:
        await client.install(number_plugin(tmp_path / "kept", 0))
        for value in range(1, 6):
            await client.install(number_plugin(tmp_path / str(value), value))
            await client.uninstall(f"number-{value}")
        before = await cache(client)
        assert await client.call_plugin("number-0", "f", args=[]) == 0
        after = await cache(client)
    assert before.bytes <= before.max_bytes == 40000
    assert before.evicted > 0
    assert (after.hits, after.misses) == (before.hits + 1, before.misses)


async def hammer(daemon: Daemon, folder: Path, *, turns: int, first: int) -> list[str]:
    """Install, call and uninstall one plugin after the other; return what went wrong."""
    wrong: list[str] = []
    async with AsyncClient.connect(daemon.socket) as client:
        for turn in range(turns):
            value = (first + turn) % 5
            try:
                await client.install(str(folder / str(value)))
                answer = await client.call_plugin(f"number-{value}", "f", args=[])
                if answer != value:
                    wrong.append(f"{value} answered {answer}")
                await client.uninstall(f"number-{value}")
            except PlugindError as error:
                wrong.append(error.message)
    return wrong


async def test_daemons_that_share_a_cache_never_load_what_is_not_whole(tmp_path: Path) -> None:
    """Two daemons write, read and evict the same names, while somebody damages files."""
    plugins, shared = tmp_path / "plugins", tmp_path / "shared"
    plugins.mkdir()
    for value in range(5):
        number_plugin(plugins / str(value), value)
    settings = config(tmp_path, f'cache_dir = "{shared}"\ncache_bytes = 40000\n')
    folders = [tmp_path / name for name in ("a", "b")]
    for folder in folders:
        folder.mkdir()
    daemons = [Daemon(folder, "--config", settings) for folder in folders]
    wrong: list[str] = []

    async def run(daemon: Daemon, first: int, turns: int) -> None:
        wrong.extend(await hammer(daemon, plugins, turns=turns, first=first))
        running.discard(daemon)

    def replace(most: int) -> None:
        for artefact in artefacts(shared)[:most]:
            evil = tmp_path / "evil"
            evil.write_bytes(b"\x7fELF")
            evil.replace(artefact)

    async def damage() -> None:
        while running:
            with contextlib.suppress(OSError):  # evicted meanwhile
                replace(1)
            await asyncio.sleep(0.01)  # between one damage and the next, the daemons get on

    running = set(daemons)
    try:
        async with anyio.create_task_group() as tasks:
            for first, daemon in enumerate(daemons):
                tasks.start_soon(run, daemon, first, 20)
            tasks.start_soon(damage)
        await run(daemons[0], 3, 2)
        replace(5)  # those that were just made are among them
        await run(daemons[1], 3, 2)
        found = []
        for daemon in daemons:
            async with AsyncClient.connect(daemon.socket) as client:
                found.append(await cache(client))
    finally:
        statuses = [daemon.stop() for daemon in daemons]
    assert wrong == []
    assert statuses == [0, 0]
    assert sum(one.refused for one in found) > 0
    assert all(one.bytes <= one.max_bytes for one in found)
    assert list((shared / "modules" / "staging").iterdir()) == []
    assert all("Traceback" not in daemon.log.read_text() for daemon in daemons)
