"""``plugins.lock`` and ``plugins.restore``: exactly what was there comes back, or nothing changes."""

import json
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from tests.harness.daemon import Daemon
from tests.harness.fixtures import with_shelf
from tests.harness.plugins import altered

from plugind_client import AsyncClient
from plugind_protocol import errors
from plugind_protocol.dependencies import RestoreResult

pytestmark = [pytest.mark.anyio, pytest.mark.process]

Make = Callable[..., Path]


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A daemon with a package folder, ``shelf`` beside its socket, which keeps one earlier version."""
    with with_shelf(tmp_path_factory.mktemp("plugind"), settings="[supervision]\nkept_versions = 1\n") as running:
        yield running


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project's folder."""
    (tmp_path / "project").mkdir()
    return tmp_path / "project"


@pytest.fixture
def make(project: Path, examples: Path) -> Make:
    """Make plugins, by default in the project: ``make("name", "1.0.0", {"other": "^1"}, where=shelf)``."""

    def build(
        name: str, version: str, needs: dict[str, str] | None = None, *, where: Path = project, **more: object
    ) -> Path:
        target = where / f"{name}-{version}"
        altered(examples / "adder", target, name=name, version=version, dependencies=needs or {}, **more)
        return target

    return build


@pytest.fixture
async def client(daemon: Daemon, shelf: Path) -> AsyncIterator[AsyncClient]:
    """A client of the daemon, which is left without plugins afterwards."""
    async with AsyncClient.connect(daemon.socket, name="test") as connected:
        yield connected
        await clear(connected)


async def clear(client: AsyncClient) -> None:
    for info in await client.list_plugins():
        await client.uninstall(info.plugin_id, force=True)


def done(found: RestoreResult) -> list[tuple[str, str, str]]:
    return [(one.plugin_id, one.version, one.change) for one in found.plugins]


async def versions(client: AsyncClient) -> dict[str, str]:
    return {one.plugin_id: one.version for one in await client.list_plugins()}


async def test_what_was_locked_comes_back_on_another_day(client: AsyncClient, make: Make, project: Path) -> None:
    await client.install(str(make("core", "1.0.0", permissions=["storage"])), grant="requested")
    await client.install(str(make("app", "2.0.0", {"core": "^1"})))
    locked = await client.lock(str(project))
    assert locked.path == str(project / "plugins.lock")
    assert (project / "plugins.lock").read_text() == locked.text
    assert [(one.name, one.version, one.source) for one in locked.plugins] == [
        ("app", "2.0.0", "./app-2.0.0"),
        ("core", "1.0.0", "./core-1.0.0"),
    ]
    assert (await client.lock(str(project))).text == locked.text
    assert str(project) not in locked.text
    assert done(await client.restore(str(project))) == [("core", "1.0.0", "none"), ("app", "2.0.0", "none")]
    await clear(client)
    moved = project.rename(project.with_name("moved"))
    dry = await client.restore(str(moved), dry_run=True)
    assert (done(dry), dry.restored) == ([("core", "1.0.0", "install"), ("app", "2.0.0", "install")], False)
    assert await versions(client) == {}
    back = await client.restore(str(moved / "plugins.lock"))
    assert (done(back), back.restored) == (done(dry), True)
    assert back.plugins[0].source == str(moved / "core-1.0.0")
    assert await client.call_plugin("app", "add", args=[2, 3]) == 5
    assert (await client.get_permissions("core")).granted == []  # a lock grants nothing
    packages = [one.package for one in (await client.lock()).plugins]
    assert packages == [one.package for one in locked.plugins]


async def test_versions_go_back_to_what_was_locked(client: AsyncClient, make: Make, project: Path, shelf: Path) -> None:
    for version in ("1.0.0", "2.0.0", "3.0.0"):
        make("core", version, where=shelf)
    await client.install("core@^1")
    await client.install(str(make("other", "1.0.0")))
    lock = json.loads((await client.lock(str(project))).text)
    await client.install("core@^2")
    assert (await client.restore(str(project))).plugins[0].source == "kept"
    await client.install("core@^2")
    await client.install("core@^3")  # 1.0.0 is not kept any more
    lock["plugins"] = [one for one in lock["plugins"] if one["name"] == "core"]
    (project / "plugins.lock").write_text(json.dumps(lock))
    found = await client.restore(str(project))
    assert [(one.version, one.previous, one.source) for one in found.plugins] == [
        ("1.0.0", "3.0.0", str(shelf / "core-1.0.0"))
    ]
    assert found.others == ["other"]
    assert await versions(client) == {"core": "1.0.0", "other": "1.0.0"}


async def test_another_package_is_refused_and_nothing_changes(client: AsyncClient, make: Make, project: Path) -> None:
    good = make("good", "1.0.0")
    bad = make("bad", "1.0.0", {"good": "*"})
    await client.install(str(good))
    await client.install(str(bad))
    locked = await client.lock(str(project))
    await clear(client)
    (bad / "README.md").write_text("not what was locked")
    with pytest.raises(errors.PackageInvalid, match=r"bad 1\.0\.0 is not there as it is locked") as caught:
        await client.restore(str(project))
    expected = next(one.package for one in locked.plugins if one.name == "bad")
    assert f"the lock says {expected}" in caught.value.message
    assert (caught.value.data.plugin_id, caught.value.data.version) == ("bad", "1.0.0")
    assert await versions(client) == {}
    shutil.rmtree(bad)
    with pytest.raises(errors.PackageInvalid, match="bad"):
        await client.restore(str(project), dry_run=True)


async def test_what_fails_at_the_end_takes_back_what_came_before(
    client: AsyncClient, make: Make, project: Path
) -> None:
    await client.install(str(make("core", "1.0.0")))
    await client.install(str(make("app", "1.0.0", {"core": "*"})))
    await client.install(str(make("fresh", "1.0.0")))
    await client.lock(str(project))
    lock = json.loads((project / "plugins.lock").read_text())
    for name in ("app", "fresh"):
        await client.uninstall(name)
    await client.install(str(make("core", "2.0.0")))
    lock["plugins"][-1]["module"] = f"sha256:{'0' * 64}"  # found out only when it is there
    (project / "plugins.lock").write_text(json.dumps(lock))
    with pytest.raises(errors.PackageInvalid, match=r"fresh 1\.0\.0 is not what is locked: its module is sha256:"):
        await client.restore(str(project))
    assert await versions(client) == {"core": "2.0.0"}


async def test_files_that_are_none(client: AsyncClient, project: Path) -> None:
    for path in ("plugins.lock", str(project / "nothing"), str(project)):
        with pytest.raises(errors.InvalidParams) as caught:
            await client.restore(path)
        assert caught.value.data.path == "$.path"
    (project / "plugins.lock").write_text("{}")
    with pytest.raises(errors.PackageInvalid, match="lockVersion None"):
        await client.restore(str(project))
    with pytest.raises(errors.InvalidParams, match="cannot be written"):
        await client.lock(str(project / "no" / "such" / "folder"))
    assert (await client.lock()).path is None
