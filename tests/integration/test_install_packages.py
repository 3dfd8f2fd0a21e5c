"""Packages against a real daemon: installed, called, refused, fetched, watched and cancelled."""

import hashlib
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from tests.fakes.https import Handler, Server, serve
from tests.fakes.zips import Part, build
from tests.harness.daemon import Daemon
from tests.harness.plugins import altered
from tests.harness.waiting import until

from plugind_client import AsyncClient
from plugind_protocol import methods as m
from plugind_protocol.errors import HostUnavailable, InvalidParams, PackageInvalid, PluginError
from plugind_protocol.package import digest, folder, write

pytestmark = [pytest.mark.anyio, pytest.mark.process]


def packed(source: Path, file: Path) -> Path:
    """Pack a plugin's folder."""
    with file.open("wb") as stream:
        write.write(folder.read(source), stream)
    return file


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serve(tmp_path_factory.mktemp("https")) as running:
        yield running


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory, server: Server) -> Iterator[Daemon]:
    """A daemon that trusts the test's server."""
    where = tmp_path_factory.mktemp("plugind")
    (where / "plugind.toml").write_text(f'[downloads]\nca_file = "{server.ca_file}"\n')
    running = Daemon(where, "--config", str(where / "plugind.toml"))
    yield running
    assert list((running.data_dir / "incoming").iterdir()) == []
    assert running.stop() == 0, running.log.read_text()
    assert "Traceback" not in running.log.read_text(), running.log.read_text()


async def installed(client: AsyncClient, source: str, **params: Any) -> m.InstallResult:
    result: m.InstallResult = await client.call("plugins.install", {"source": source, **params})
    return result


async def test_folder_and_package_of_a_plugin_are_the_same_in_the_store(
    client: AsyncClient, daemon: Daemon, examples: Path, tmp_path: Path
) -> None:
    await installed(client, str(examples / "invert"))
    stored = {path.name for path in (daemon.data_dir / "packages").iterdir()}
    package = packed(examples / "invert", tmp_path / "invert.tsplugin")
    for source in (str(package), package.as_uri()):
        assert (await installed(client, source)).plugin_id == "invert"
        assert {path.name for path in (daemon.data_dir / "packages").iterdir()} == stored


async def test_resources_are_in_the_package_and_in_the_store(
    client: AsyncClient, daemon: Daemon, plugins: Path, tmp_path: Path
) -> None:
    source = Path(altered(plugins / "probe", tmp_path / "p", resources={"luts": ["luts/"], "locales": ["de.json"]}))
    (source / "luts").mkdir()
    (source / "luts" / "warm.cube").write_bytes(b"warm")
    (source / "de.json").write_text("{}")
    (source / "unnamed").write_text("stays where it is")
    package = packed(source, tmp_path / "probe.tsplugin")
    await installed(client, str(package))
    stored = daemon.data_dir / "packages" / digest.of_files(folder.read(source).files)
    found = {path.relative_to(stored).as_posix() for path in stored.rglob("*") if path.is_file()}
    assert found == {"manifest.json", "plugin.wasm", "luts/warm.cube", "de.json"}
    assert (stored / "luts" / "warm.cube").read_bytes() == b"warm"


async def test_a_package_comes_over_https_and_is_watched(
    client: AsyncClient, server: Server, plugins: Path, tmp_path: Path
) -> None:
    body = packed(plugins / "probe", tmp_path / "probe.tsplugin").read_bytes()
    server.routes["/probe.tsplugin"] = lambda handler: handler.give(body)
    progress = client.notifications("$/progress")
    pin = hashlib.sha256(body).hexdigest()
    await installed(client, server.url("/probe.tsplugin"), sha256=pin, progressToken="one")
    told = []
    with anyio.fail_after(40):
        while not told or told[-1].value.stage != "installing":
            told.append(await anext(progress))
    assert {one.token for one in told} == {"one"}
    stages = [one.value.stage for one in told]
    assert list(dict.fromkeys(stages)) == ["downloading", "extracting", "compiling", "installing"]
    assert m.InstallProgress(stage="downloading", done=len(body), total=len(body)) in [one.value for one in told]
    assert await client.call_plugin("probe", "echo", args=[1]) == [1]


async def test_without_a_token_nothing_is_told(client: AsyncClient, examples: Path) -> None:
    progress = client.notifications("$/progress")
    await installed(client, str(examples / "invert"))
    await client.daemon_status()
    with pytest.raises(TimeoutError), anyio.fail_after(0):
        await anext(progress)


async def test_what_is_wrong_is_said_and_nothing_is_kept(
    client: AsyncClient, daemon: Daemon, server: Server, examples: Path, tmp_path: Path
) -> None:
    package = packed(examples / "invert", tmp_path / "invert.tsplugin")
    (tmp_path / "bad.tsplugin").write_bytes(package.read_bytes()[:-1])
    (tmp_path / "climbs.tsplugin").write_bytes(build([Part(name=b"../x", data=b"x")]))
    server.routes["/missing"] = lambda handler: handler.give(b"", status=404)
    for source, params, error, words in (
        (str(tmp_path / "bad.tsplugin"), {}, PackageInvalid, "truncated"),
        (str(tmp_path / "climbs.tsplugin"), {}, PackageInvalid, r"package entry '\.\./x' has '\.\.'"),
        (str(tmp_path / "none.tsplugin"), {}, PackageInvalid, "No such file"),
        (str(package), {"sha256": "0" * 64}, PackageInvalid, "not the package that was asked for"),
        (str(package), {"sha256": "0"}, InvalidParams, "sha256"),
        (server.url("/missing"), {}, HostUnavailable, "answered 404"),
        ("http://localhost/p", {}, InvalidParams, "not over http"),
    ):
        with pytest.raises(error, match=words):
            await installed(client, source, **params)
    assert await client.list_plugins() == []
    assert not (daemon.data_dir / "x").exists()


@asynccontextmanager
async def held(server: Server) -> AsyncIterator[tuple[str, anyio.Event]]:
    """A URL that gives a little and then nothing; the event says that somebody waits for it."""
    asked = anyio.Event()
    token = anyio.lowlevel.current_token()

    def route(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "5000000")
        handler.end_headers()
        handler.wfile.write(b"x" * 2_000_000)
        anyio.from_thread.run_sync(asked.set, token=token)
        handler.server.release.wait(30)

    server.release.clear()
    server.routes["/held"] = route
    yield server.url("/held"), asked
    server.release.set()


async def test_cancelling_a_download_leaves_nothing_and_keeps_nobody_waiting(
    client: AsyncClient, daemon: Daemon, server: Server, examples: Path
) -> None:
    outcome: list[BaseException] = []

    async def install(url: str, scope: anyio.CancelScope) -> None:
        with scope:
            try:
                await installed(client, url)
            except BaseException as exc:
                outcome.append(exc)
                raise

    async with held(server) as (url, asked), anyio.create_task_group() as tasks:
        scope = anyio.CancelScope()
        tasks.start_soon(install, url, scope)
        with anyio.fail_after(40):
            await asked.wait()
            assert (await installed(client, str(examples / "invert"))).plugin_id == "invert"
            assert len(list((daemon.data_dir / "incoming").iterdir())) == 1
            scope.cancel()
            await until(lambda: not list((daemon.data_dir / "incoming").iterdir()))
    assert [type(one) for one in outcome] == [anyio.get_cancelled_exc_class()]


async def adds(client: AsyncClient) -> None:
    assert await client.call_plugin("adder", "add", args=[2, 3]) == 5


async def wants_an_editor(client: AsyncClient) -> None:
    with pytest.raises((HostUnavailable, PluginError), match="timeline"):  # it may hand on what it got as its own
        await client.call_plugin("append-clips", "append", args={"source": "a.mp4"})


def offers(name: str) -> Callable[[AsyncClient], Awaitable[None]]:
    async def offered(client: AsyncClient) -> None:
        assert [one.plugin_id for one in await client.effects_list(name)] == [name]

    return offered


USES: dict[str, Callable[[AsyncClient], Awaitable[None]]] = {
    "adder": adds,
    "append-clips": wants_an_editor,
    "color-grade": offers("color-grade"),
    "gaussian-blur": offers("gaussian-blur"),
    "invert": offers("invert"),
}


@pytest.mark.parametrize("name", USES)
async def test_each_example_is_packed_installed_and_used(
    client: AsyncClient, daemon: Daemon, examples: Path, tmp_path: Path, name: str
) -> None:
    package = tmp_path / f"{name}.tsplugin"
    done = await anyio.run_process(
        [sys.executable, "-m", "pluginctl", "--json", "pack", examples / name, "-o", package]
    )
    said = json.loads(done.stdout)
    await installed(client, str(package), sha256=said["sha256"], grant="requested")
    assert (daemon.data_dir / "packages" / said["packageHash"]).is_dir()
    await USES[name](client)


def test_every_example_is_packed(examples: Path) -> None:
    assert sorted(USES) == sorted(path.parent.name for path in examples.glob("*/manifest.json"))
