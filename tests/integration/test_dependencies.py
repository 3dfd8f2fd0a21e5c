"""Dependencies in a running daemon: what installing brings, what excludes each other, and what editors are told."""

import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from tests.harness.daemon import Daemon
from tests.harness.fixtures import with_shelf
from tests.harness.plugins import altered
from tests.harness.waiting import until

from plugind_client import AsyncClient
from plugind_protocol import errors
from plugind_protocol.dependencies import Resolution
from plugind_protocol.manifest import SDK_NAME
from plugind_protocol.methods import PluginInfo, State

pytestmark = [pytest.mark.anyio, pytest.mark.process]

Make = Callable[..., str]


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A daemon with a package folder, ``shelf`` beside its socket."""
    with with_shelf(tmp_path_factory.mktemp("plugind")) as running:
        yield running


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
            await connected.uninstall(info.plugin_id, force=True)


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


# --- installing


def installed(found: list[PluginInfo]) -> dict[str, str]:
    return {one.plugin_id: one.version for one in found}


async def test_what_is_needed_is_installed_first_and_granted_nothing(client: AsyncClient, make: Make) -> None:
    make("core", "1.0.0", shelved=True, permissions=["storage"])
    make("mid", "1.0.0", {"core": "^1"}, shelved=True)
    changes = client.notifications("plugins.stateChanged")
    result = await client.install(make("app", "1.0.0", {"mid": "*"}, permissions=["events"]), grant="requested")
    assert [(one.plugin_id, one.version, one.previous) for one in result.dependencies] == [
        ("core", "1.0.0", None),
        ("mid", "1.0.0", None),
    ]
    assert result.dependencies[0].requested_permissions == ["storage"]
    order = [(change.plugin_id, change.to) for change in [await anext(changes) for _ in range(6)]]
    assert [name for name, to in order if to is State.INSTALLED] == ["core", "mid", "app"]
    assert (await client.get_permissions("core")).granted == []
    assert (await client.get_permissions("app")).granted == ["events"]
    assert (await client.get_plugin("core")).source is not None
    assert lines(await client.resolve("app")) == [
        ("core", "1.0.0", "none"),
        ("mid", "1.0.0", "none"),
        ("app", "1.0.0", "none"),
    ]


async def test_dependencies_are_granted_what_they_ask_for_where_that_is_said(client: AsyncClient, make: Make) -> None:
    make("core", "1.0.0", shelved=True, permissions=["storage"])
    await client.install(make("app", "1.0.0", {"core": "*"}, permissions=["events"]), grant_dependencies="requested")
    assert (await client.get_permissions("core")).granted == ["storage"]
    assert (await client.get_permissions("app")).granted == []


async def test_all_or_nothing(client: AsyncClient, make: Make) -> None:
    make("core", "1.0.0", shelved=True)
    make("core", "2.0.0", shelved=True)
    await client.install("core@^1")
    make("extra", "1.0.0", shelved=True)
    broken = Path(make("mid", "1.0.0", {"core": "^2", "extra": "*"}, shelved=True))
    (broken / "plugin.wasm").write_bytes(b"\0asm\1\0\0\0nonsense")
    with pytest.raises(errors.PackageInvalid):
        await client.install(make("app", "1.0.0", {"mid": "*"}))
    assert installed(await client.list_plugins()) == {"core": "1.0.0"}
    target = Path(make("bad", "1.0.0", {"core": "^2", "extra": "*"}))
    (target / "plugin.wasm").write_bytes(b"\0asm\1\0\0\0nonsense")
    with pytest.raises(errors.PackageInvalid):
        await client.install(str(target))
    assert installed(await client.list_plugins()) == {"core": "1.0.0"}
    assert await client.call_plugin("core", "add", args=[2, 3]) == 5


async def test_a_conflict_installs_nothing(client: AsyncClient, make: Make) -> None:
    make("core", "1.0.0", shelved=True)
    make("core", "2.0.0", shelved=True)
    await client.install(make("user", "1.0.0", {"core": "^1"}))
    with pytest.raises(errors.DependencyConflict, match=r"user 1\.0\.0 needs core \^1"):
        await client.install(make("app", "1.0.0", {"core": "^2"}))
    with pytest.raises(errors.DependencyConflict, match=r"user 1\.0\.0 needs core \^1"):
        await client.install("core@^2")
    assert installed(await client.list_plugins()) == {"core": "1.0.0", "user": "1.0.0"}


async def test_an_id_finds_the_newest_and_a_kept_version(client: AsyncClient, make: Make, shelf: Path) -> None:
    for version in ("1.0.0", "1.2.0", "2.0.0-rc.1"):
        make("core", version, shelved=True)
    assert (await client.install("core")).version == "1.2.0"
    assert (await client.get_plugin("core")).source == str(shelf / "core-1.2.0")
    assert (await client.install("core@=2.0.0-rc.1")).version == "2.0.0-rc.1"
    shutil.rmtree(shelf / "core-1.2.0")
    assert (await client.install("core@^1.1")).version == "1.2.0"  # from what is kept
    assert (await client.get_plugin("core")).source == str(shelf / "core-1.2.0")
    assert (await client.install("core")).version == "1.2.0"  # as it is


async def test_a_dependency_is_updated_where_all_can_do_with_it(client: AsyncClient, make: Make) -> None:
    make("core", "1.0.0", shelved=True)
    await client.install(make("user", "1.0.0", {"core": "*"}))
    make("core", "2.0.0", shelved=True)
    result = await client.install(make("app", "1.0.0", {"core": "^2"}))
    assert [(one.version, one.previous) for one in result.dependencies] == [("2.0.0", "1.0.0")]


async def test_a_dependency_that_would_ask_for_more_waits_for_its_user(client: AsyncClient, make: Make) -> None:
    make("core", "1.0.0", shelved=True)
    await client.install("core")
    make("core", "2.0.0", shelved=True, permissions=["storage"])
    app = make("app", "1.0.0", {"core": "^2"})
    with pytest.raises(errors.InvalidState, match=r"core 2\.0\.0 is needed, and asks for more .*: storage") as caught:
        await client.install(app)
    assert "pluginctl accept core" in caught.value.hint
    assert installed(await client.list_plugins()) == {"core": "1.0.0"}
    await client.accept_update("core")
    await client.install(app)
    assert installed(await client.list_plugins()) == {"app": "1.0.0", "core": "2.0.0"}


async def test_what_others_need_stays(client: AsyncClient, make: Make) -> None:
    make("core", "1.0.0", shelved=True)
    await client.install(make("a", "1.0.0", {"core": "*"}))
    await client.install(make("b", "2.0.0", {"core": "^1"}))
    with pytest.raises(errors.DependencyConflict, match=r"core 1\.0\.0 is needed by a 1\.0\.0 and b 2\.0\.0") as caught:
        await client.uninstall("core")
    assert caught.value.data.conflict is not None
    assert caught.value.data.conflict.kind == "needed"
    await client.activate("a")
    assert (await client.uninstall("core", force=True)).state == State.NOT_INSTALLED
    assert await client.get_state("a") == State.INSTALLED
    with pytest.raises(errors.DependencyConflict, match=r"a 1\.0\.0 needs core \*, which is not installed") as caught:
        await client.load("a")
    assert caught.value.hint == "See what would help with: pluginctl resolve a"
    assert lines(await client.resolve("a"))[0] == ("core", "1.0.0", "install")
    await client.install("a")
    await client.load("a")
    await client.uninstall("a")
    await client.uninstall("b")
    await client.uninstall("core")


# --- running


async def running(client: AsyncClient) -> dict[str, State]:
    return {one.plugin_id: one.state for one in await client.list_plugins()}


@pytest.fixture
async def chain(client: AsyncClient, make: Make) -> AsyncClient:
    """A client of a daemon with ``app``, which needs ``mid``, which needs ``core``; and ``other``."""
    make("core", "1.0.0", shelved=True)
    make("mid", "1.0.0", {"core": "^1", SDK_NAME: "^1"}, shelved=True)
    await client.install(make("app", "1.0.0", {"mid": "*"}))
    await client.install(make("other", "1.0.0"))
    return client


async def test_what_is_needed_comes_up_first_and_goes_down_last(chain: AsyncClient) -> None:
    changes = chain.notifications("plugins.stateChanged")

    async def seen(state: State, count: int) -> list[str]:
        names: list[str] = []
        while len(names) < count:
            change = await anext(changes)
            if change.to is state:
                names.append(change.plugin_id)
        return names

    assert await chain.call_plugin("app", "add", args=[2, 3]) == 5
    assert await seen(State.LOADED, 3) == ["core", "mid", "app"]
    await chain.activate("app")
    assert await seen(State.ACTIVE, 3) == ["core", "mid", "app"]
    await chain.deactivate("core")
    assert await seen(State.LOADED, 3) == ["app", "mid", "core"]
    await chain.unload("mid")
    assert await seen(State.INSTALLED, 2) == ["app", "mid"]
    assert await running(chain) == {
        "app": State.INSTALLED,
        "core": State.LOADED,
        "mid": State.INSTALLED,
        "other": State.INSTALLED,
    }


async def test_what_cannot_be_used_is_said(chain: AsyncClient) -> None:
    await chain.activate("app")
    await chain.disable("core")
    assert set((await running(chain)).values()) == {State.INSTALLED}
    with pytest.raises(errors.InvalidState, match=r"app needs core 1\.0\.0, which is disabled") as caught:
        await chain.activate("app")
    assert caught.value.hint == "Use: pluginctl enable core"
    await chain.load("other")
    await chain.enable("core")
    await chain.activate("app")


async def test_cycles_come_up(client: AsyncClient, make: Make) -> None:
    make("b", "1.0.0", {"a": "*"}, shelved=True)
    result = await client.install(make("a", "1.0.0", {"b": "*"}))
    assert [one.plugin_id for one in result.dependencies] == ["b"]
    await client.activate("a")
    assert await running(client) == {"a": State.ACTIVE, "b": State.ACTIVE}
    assert (await client.resolve("a")).cycles == [["a", "b"]]
    await client.unload("b")
    assert await running(client) == {"a": State.INSTALLED, "b": State.INSTALLED}


async def test_the_daemon_goes_down_in_order(start: Callable[..., Daemon], tmp_path: Path, plugins: Path) -> None:
    """Each plugin says when it is unloaded; the log has the order."""
    daemon = start()
    core = altered(plugins / "probe", tmp_path / "core", name="core", dependencies={})
    app = altered(plugins / "probe", tmp_path / "app", name="app", dependencies={"core": "*"})
    async with AsyncClient.connect(daemon.socket, name="test") as client:
        await client.install(core)
        await client.install(app)
        await client.activate("app")
    assert daemon.stop() == 0
    log = daemon.log.read_text()
    stopped = [line for line in log.splitlines() if "state=installed" in line and "shutdown" in line]
    assert ["app" in line.split("plugin=")[1][:5] for line in stopped] == [True, False]


async def test_a_dependency_in_quarantine_is_said_and_outlives_the_daemon(
    start: Callable[..., Daemon], tmp_path: Path, plugins: Path, examples: Path
) -> None:
    (tmp_path / "plugind.toml").write_text("[supervision]\nmax_restarts = 0\n")
    daemon = start("--config", str(tmp_path / "plugind.toml"))
    core = altered(plugins / "trapper", tmp_path / "core", name="core")
    app = altered(examples / "adder", tmp_path / "app", name="app", dependencies={"core": "^1"})
    async with AsyncClient.connect(daemon.socket, name="test") as client:
        await client.install(core)
        await client.install(app)
        with pytest.raises(errors.Trap):
            await client.call_plugin("core", "unreachable")

        async def failed() -> bool:
            return (await client.get_plugin("core")).state is State.ERROR

        await until(failed)
        with pytest.raises(errors.InvalidState, match=r"app needs core 1\.0\.0, which is in quarantine") as caught:
            await client.call_plugin("app", "add", args=[1, 2])
        assert caught.value.hint == "Use: pluginctl release core"
    daemon.stop()
    daemon = start("--config", str(tmp_path / "plugind.toml"))
    async with AsyncClient.connect(daemon.socket, name="test") as client:
        with pytest.raises(errors.InvalidState, match="in quarantine"):
            await client.activate("app")
        await client.release("core")
        assert await client.call_plugin("app", "add", args=[1, 2]) == 3
        with pytest.raises(errors.DependencyConflict, match="is needed by app"):
            await client.uninstall("core")
        await client.install(altered(plugins / "trapper", tmp_path / "new", name="core", version="1.5.0"))
        assert await client.call_plugin("app", "add", args=[1, 2]) == 3
