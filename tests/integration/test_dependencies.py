"""Dependencies in a running daemon: what installing brings, what excludes each other, and what editors are told."""

import json
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from tests.harness.daemon import Daemon
from tests.harness.plugins import altered

from plugind_client import AsyncClient
from plugind_protocol import errors
from plugind_protocol.dependencies import Resolution
from plugind_protocol.manifest import SDK_NAME

pytestmark = [pytest.mark.anyio, pytest.mark.process]

Make = Callable[..., str]


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A daemon with a package folder, ``shelf`` beside its socket."""
    folder = tmp_path_factory.mktemp("plugind")
    (folder / "shelf").mkdir()
    (folder / "plugind.toml").write_text(f"[packages]\nfolders = [{json.dumps(str(folder / 'shelf'))}]\n")
    running = Daemon(folder, "--config", str(folder / "plugind.toml"))
    yield running
    assert running.stop() == 0, running.log.read_text()
    assert "Traceback" not in running.log.read_text(), running.log.read_text()


@pytest.fixture
def shelf(daemon: Daemon) -> Iterator[Path]:
    """The daemon's package folder."""
    folder = daemon.socket.parent / "shelf"
    yield folder
    for entry in folder.iterdir():
        shutil.rmtree(entry)


@pytest.fixture
def make(tmp_path: Path, shelf: Path, examples: Path) -> Make:
    """Make plugins: ``make("name", "1.0.0", {"other": "^1"}, shelved=True)`` returns the folder."""

    def build(
        name: str, version: str, needs: dict[str, str] | None = None, *, shelved: bool = False, **more: object
    ) -> str:
        target = (shelf if shelved else tmp_path) / f"{name.replace('/', '-')}-{version}"
        return altered(examples / "adder", target, name=name, version=version, dependencies=needs or {}, **more)

    return build


@pytest.fixture
async def client(daemon: Daemon) -> AsyncIterator[AsyncClient]:
    """A client of the daemon, which is left without plugins afterwards."""
    async with AsyncClient.connect(daemon.socket, name="test") as connected:
        yield connected
        for info in await connected.list_plugins():
            await connected.uninstall(info.plugin_id)


def lines(found: Resolution) -> list[tuple[str, str, str]]:
    return [(one.plugin_id, one.version, one.change) for one in found.plugins]


async def test_the_sample_manifest_of_the_specification_resolves(client: AsyncClient, make: Make) -> None:
    found = await client.resolve(make("my-awesome-plugin", "1.0.0", {SDK_NAME: "^1.0.0"}, min_timeline_version="0.9.0"))
    assert lines(found) == [(SDK_NAME, "1.0.0", "none"), ("my-awesome-plugin", "1.0.0", "install")]
    assert [one.reason for one in found.plugins] == ["host", "newest"]
    assert "0.9.0 or newer" in found.notes[0]
    assert await client.list_plugins() == []


async def test_what_would_be_brought_from_package_folders(client: AsyncClient, make: Make, shelf: Path) -> None:
    make("fx-core", "1.4.0", shelved=True)
    make("fx-core", "2.0.1", shelved=True)
    make("@b/mid", "1.0.0", {"fx-core": "^1"}, shelved=True)
    (shelf / "broken").mkdir()
    (shelf / "broken" / "manifest.json").write_text("{")
    found = await client.resolve(make("app", "1.0.0", {"@b/mid": "*", "fx-core": ">=1"}))
    assert lines(found) == [
        ("fx-core", "1.4.0", "install"),
        ("@b/mid", "1.0.0", "install"),
        ("app", "1.0.0", "install"),
    ]
    assert found.plugins[0].source == str(shelf / "fx-core-1.4.0")
    assert [(one.plugin_id, one.range, one.version) for one in found.plugins[2].dependencies] == [
        ("@b/mid", "*", "1.0.0"),
        ("fx-core", ">=1", "1.4.0"),
    ]
    assert [Path(one.path).name for one in found.unusable] == ["broken"]
    assert lines(await client.resolve("fx-core@^2")) == [("fx-core", "2.0.1", "install")]


async def test_a_conflict_is_explained(client: AsyncClient, make: Make) -> None:
    for version in ("1.4.0", "2.0.1"):
        make("fx-core", version, shelved=True)
    make("@b/y", "3.0.0", {"fx-core": "^1"}, shelved=True)
    with pytest.raises(errors.DependencyConflict) as caught:
        await client.resolve(make("@a/x", "1.2.0", {"fx-core": "^2", "@b/y": "*"}))
    assert caught.value.code == -32014
    assert caught.value.message == (
        "@a/x 1.2.0 needs fx-core ^2, but @b/y 3.0.0 (needed by @a/x) needs fx-core ^1; "
        "no version satisfies both (there are 2.0.1 and 1.4.0)"
    )
    conflict = caught.value.data.conflict
    assert conflict is not None
    assert (conflict.kind, conflict.available["fx-core"]) == ("conflict", ["2.0.1", "1.4.0"])
    assert caught.value.data.plugin_id == "@a/x"
    with pytest.raises(errors.DependencyConflict, match=r"nowhere to be found; did you mean fx-core\?") as caught:
        await client.resolve(make("z", "1.0.0", {"fx-cor": "*"}))
    assert caught.value.data.conflict is not None
    assert caught.value.data.conflict.suggestions == {"fx-cor": ["fx-core"]}
    assert "package folder" in caught.value.hint


async def test_sources_that_are_none(client: AsyncClient, make: Make) -> None:
    make("fx-core", "1.4.0", shelved=True)
    with pytest.raises(errors.PluginNotFound, match="did you mean fx-core"):
        await client.resolve("fx-cor")
    with pytest.raises(errors.InvalidParams, match="'latest' is a tag") as caught:
        await client.resolve("fx-core@latest")
    assert caught.value.data.path == "$.source"
    with pytest.raises(errors.DependencyConflict, match=r"you asked for fx-core \^2, but there is only 1\.4\.0"):
        await client.resolve("fx-core@^2")
    with pytest.raises(errors.ManifestInvalid, match="the host itself provides"):
        await client.resolve(make(SDK_NAME, "1.0.0"))
    with pytest.raises(errors.DependencyConflict, match=r"written for plugin API 1\.7, and this host implements 1\.0"):
        await client.resolve(make("new", "1.0.0", api_version="1.7"))


async def test_the_editor_says_what_it_is(client: AsyncClient, daemon: Daemon, make: Make) -> None:
    path = make("new", "1.0.0", min_timeline_version="2.0.0")
    assert (await client.resolve(path)).notes
    for version, words in (("1.9.0", "needs Timeline Studio 2.0.0 or newer, and this is 1.9.0"), ("2.1.0", "")):
        async with AsyncClient.connect(daemon.socket, name="editor", version=version, provides=["timeline"]) as editor:
            if words:
                with pytest.raises(errors.DependencyConflict, match=words):
                    await editor.resolve(path)
            else:
                assert (await editor.resolve(path)).notes == []
    async with AsyncClient.connect(daemon.socket, name="tool", version="1.0.0") as tool:  # provides nothing: no editor
        assert (await tool.resolve(path)).notes
