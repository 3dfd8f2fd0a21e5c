"""Storage, files and events as a guest in a real daemon has them."""

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from tests.harness.daemon import Daemon
from tests.harness.plugins import altered
from tests.harness.waiting import until

from plugind_client import AsyncClient
from plugind_protocol import errors
from plugind_protocol.methods import LimitChanges, State

pytestmark = [pytest.mark.anyio, pytest.mark.process]

SECRET = "tiger-lily-7243"


class Probe:
    """A probe that performs host calls."""

    def __init__(self, client: AsyncClient, name: str = "probe") -> None:
        self.client = client
        self.name = name

    async def __call__(self, method: str, **params: Any) -> Any:
        return await self.client.call_plugin(self.name, "host", args={"method": method, "params": params})

    async def error(self, method: str, **params: Any) -> errors.PlugindError:
        with pytest.raises(errors.PluginError) as caught:
            await self(method, **params)
        assert caught.value.data.error is not None
        return errors.from_object(caught.value.data.error)

    async def events(self) -> list[dict[str, Any]]:
        return await self.client.call_plugin(self.name, "events")

    async def hears(self, count: int) -> list[dict[str, Any]]:

        async def enough() -> list[Any]:
            found = await self.events()
            return found if len(found) >= count else []

        return await until(enough)


@pytest.fixture
async def probe(client: AsyncClient, plugins: Path) -> Probe:
    await client.install(str(plugins / "probe"), grant="requested")
    return Probe(client)


@pytest.fixture
async def other(client: AsyncClient, plugins: Path, tmp_path: Path) -> Probe:
    await client.install(altered(plugins / "probe", tmp_path / "other", name="@acme/other"), grant="requested")
    return Probe(client, "@acme/other")


# --- storage ----------------------------------------------------------------------------------------------------------


async def test_values_are_there_again(probe: Probe, other: Probe) -> None:
    value = {"name": "warm", "gain": [1.5, -2e-7], "text": 'ä"\\\n\u2028'}
    assert await probe("storage.set", key="look", value=value) is None
    assert await probe("storage.get", key="look") == {"value": value, "exists": True}
    assert await other("storage.get", key="look") == {"value": None, "exists": False}
    await probe("storage.set", key="none", value=None)
    assert await probe("storage.keys") == {"keys": ["look", "none"]}
    assert await probe("storage.keys", prefix="lo") == {"keys": ["look"]}
    assert await probe("storage.remove", key="none") == {"removed": True}
    assert await probe("storage.clear") is None
    assert await probe("storage.keys") == {"keys": []}


async def test_an_update_keeps_what_is_stored_and_uninstalling_takes_it(
    client: AsyncClient, probe: Probe, plugins: Path, tmp_path: Path, daemon: Daemon
) -> None:
    await probe("storage.set", key="k", value=1)
    await probe("file.write", path="d/f", data="1", createParents=True)
    await client.install(altered(plugins / "probe", tmp_path / "two", version="2.0.0"), grant="requested")
    assert (await probe("storage.get", key="k"))["value"] == 1
    await client.uninstall("probe", keep_data=True)
    await client.install(str(plugins / "probe"), grant="requested")
    assert (await probe("storage.get", key="k"))["value"] == 1
    assert (await probe("file.read", path="d/f"))["data"] == "1"
    await client.uninstall("probe")
    assert list((daemon.data_dir / "private").iterdir()) == []
    await client.install(str(plugins / "probe"), grant="requested")
    assert (await probe("storage.get", key="k"))["exists"] is False


async def test_what_was_acknowledged_outlives_a_killed_daemon(start: Callable[..., Daemon], plugins: Path) -> None:
    daemon = start()
    async with AsyncClient.connect(daemon.socket) as client:
        await client.install(str(plugins / "probe"), grant="requested")
        probe = Probe(client)
        for number in range(50):
            await probe("storage.set", key=f"k{number}", value=number)
        await probe("file.write", path="f", data="kept")
        daemon.process.send_signal(signal.SIGKILL)
    daemon.process.wait(10)
    daemon.close_pipes()
    async with AsyncClient.connect(start().socket) as client:
        probe = Probe(client)
        assert [(await probe("storage.get", key=f"k{number}"))["value"] for number in range(50)] == list(range(50))
        assert (await probe("file.read", path="f"))["data"] == "kept"


async def test_the_users_limit_counts_and_is_warned_of(client: AsyncClient, probe: Probe) -> None:
    warnings = client.notifications("plugins.resourceWarning", capacity=10)
    await client.set_resource_limits("probe", LimitChanges(storage_bytes=100_000))
    await probe("storage.set", key="k", value="x" * 50_000)
    await probe("file.write", path="f", data="x" * 40_000)
    with anyio.fail_after(40):
        warning = await anext(warnings)
    assert (warning.plugin_id, warning.resource, warning.limit) == ("probe", "storageBytes", 100_000)
    assert isinstance(await probe.error("file.write", path="g", data="x" * 20_000), errors.TooLarge)
    assert isinstance(await probe.error("storage.set", key="l", value="x" * 20_000), errors.TooLarge)
    await client.set_resource_limits("probe", LimitChanges(storage_bytes=200_000))
    await probe("storage.set", key="l", value="x" * 20_000)


@pytest.mark.threat("Files", "damaged storage")
async def test_damaged_storage_is_set_aside(start: Callable[..., Daemon], plugins: Path) -> None:
    daemon = start()
    async with AsyncClient.connect(daemon.socket) as client:
        await client.install(str(plugins / "probe"), grant="requested")
        await Probe(client)("storage.set", key="k", value=1)
    assert daemon.stop() == 0
    path = daemon.data_dir / "private" / "probe" / "storage.db"
    path.write_bytes(os.urandom(50_000))
    async with AsyncClient.connect(start().socket) as client:
        probe = Probe(client)
        assert await probe("storage.get", key="k") == {"value": None, "exists": False}
        await probe("storage.set", key="k", value=2)
        assert (await probe("storage.get", key="k"))["value"] == 2
        console = await client.console_get("probe")
        assert [line.level for line in console.messages if "damaged" in line.message] == ["error"]
    assert path.with_name("storage.db.damaged").stat().st_size == 50_000


# --- files ------------------------------------------------------------------------------------------------------------


async def test_a_plugins_tree(daemon: Daemon, probe: Probe, tmp_path: Path) -> None:
    await probe("file.write", path="presets/mine.json", data="{}", createParents=True)
    assert await probe("file.read", path="presets/mine.json") == {"data": "{}", "encoding": "utf8", "size": 2}
    entries = (await probe("file.list", path="", recursive=True))["entries"]
    assert [(entry["path"], entry["kind"]) for entry in entries] == [
        ("presets", "directory"),
        ("presets/mine.json", "file"),
    ]
    assert json.loads((await probe("file.read", path="assets/manifest.json"))["data"])["name"] == "probe"
    assert isinstance(await probe.error("file.write", path="assets/x", data=""), errors.PermissionDenied)
    assert isinstance(await probe.error("file.read", path="nothing"), errors.NotFound)
    assert isinstance(await probe.error("file.read", path="project/x"), errors.HostUnavailable)
    assert await probe("file.remove", path="presets/mine.json") is None
    (tmp_path / "a.txt").write_text("from the project")
    async with AsyncClient.connect(daemon.socket, name="editor", project=tmp_path):
        assert (await probe("file.read", path="project/a.txt"))["data"] == "from the project"
        await probe("file.write", path="project/b.txt", data="back")
    assert (tmp_path / "b.txt").read_text() == "back"
    assert isinstance(await probe.error("file.read", path="project/a.txt"), errors.HostUnavailable)


async def test_scopes_hold_and_revoking_bites(
    client: AsyncClient, plugins: Path, tmp_path: Path, daemon: Daemon
) -> None:
    narrow = ["file.read:presets/**", "file.write:presets/*", "file.read:project/*.txt"]
    await client.install(altered(plugins / "probe", tmp_path / "narrow", permissions=narrow), grant="requested")
    probe = Probe(client)
    await probe("file.write", path="presets/a", data="1", createParents=True)
    for method, path in (
        ("file.write", "presets/b/c"),
        ("file.write", "other"),
        ("file.read", "other"),
        ("file.read", "project/a.secret"),
        ("file.list", "project"),
        ("file.remove", "project/a.txt"),
    ):
        data = {"data": ""} if method == "file.write" else {}
        assert isinstance(await probe.error(method, path=path, **data), errors.PermissionDenied), (method, path)
    assert isinstance(await probe.error("file.list", path=""), errors.PermissionDenied)
    assert isinstance(await probe.error("file.read", path="presets/../other"), errors.PermissionDenied)
    assert (await probe("file.read", path="presets/a"))["data"] == "1"
    assert "name" in (await probe("file.read", path="assets/manifest.json"))["data"]
    await client.revoke("probe", ["file.read"])
    assert isinstance(await probe.error("file.read", path="presets/a"), errors.PermissionDenied)


async def test_what_the_user_picks_can_be_read(daemon: Daemon, probe: Probe, tmp_path: Path) -> None:
    (tmp_path / "warm.cube").write_text("LUT")
    asked: list[Any] = []

    async def ui(method: str, params: Any) -> Any:
        asked.append(params)
        if method == "ui.pickFile":
            return {"files": [str(tmp_path / ("out.txt" if params.get("save") else "warm.cube"))]}
        return {"directory": None}

    async def media(_method: str, params: Any) -> Any:
        asked.append(params)
        return {"path": params["path"], "duration": 1.0, "container": "x", "size": 3, "streams": []}

    handlers = {"ui": ui, "media": media}
    async with AsyncClient.connect(daemon.socket, name="editor", handlers=handlers):
        (path,) = (await probe("ui.pickFile"))["files"]
        assert path.startswith("picked/")
        assert path.endswith("/warm.cube")
        assert (await probe("file.read", path=path))["data"] == "LUT"
        assert isinstance(await probe.error("file.write", path=path, data=""), errors.PermissionDenied)
        assert (await probe("media.getInfo", path=path))["path"] == path
        assert asked[-1] == {"pluginId": "probe", "path": str(tmp_path / "warm.cube")}
        (target,) = (await probe("ui.pickFile", save=True))["files"]
        await probe("file.write", path=target, data="done")
        assert (tmp_path / "out.txt").read_text() == "done"
        assert await probe("ui.pickDirectory") == {"directory": None}


# --- events -----------------------------------------------------------------------------------------------------------


async def test_plugins_and_clients_hear_of_each_other(client: AsyncClient, probe: Probe, other: Probe) -> None:
    emitted = client.notifications("events.emitted", capacity=10)
    await probe("events.on", name="timeline.*")
    await probe("events.on", name="@acme/*/done")
    await client.events_publish("timeline.selectionChange", {"clips": ["c1"]})
    await client.events_publish("other.thing")
    await other("events.emit", name="done", payload=[1])
    assert await probe.hears(2) == [
        {"name": "timeline.selectionChange", "payload": {"clips": ["c1"]}},
        {"name": "@acme/other/done", "payload": [1], "source": "@acme/other"},
    ]
    assert await other.events() == []
    with anyio.fail_after(40):
        seen = await anext(emitted)
    assert (seen.plugin_id, seen.name, json.loads(bytes(seen.payload))) == ("@acme/other", "done", [1])
    assert isinstance(await probe.error("events.emit", name="@acme/other/done"), errors.InvalidParams)


async def test_a_menu_item_reaches_its_plugin_only(client: AsyncClient, probe: Probe, other: Probe) -> None:
    await client.load("probe")
    await other("events.on", name="**")
    await client.events_publish("ui.menu", {"id": "grade"}, plugin_id="probe")
    assert await probe.hears(1) == [{"name": "ui.menu", "payload": {"id": "grade"}}]
    assert await other.events() == []
    await client.unload("probe")
    with pytest.raises(errors.InvalidState):
        await client.events_publish("ui.menu", plugin_id="probe")
    with pytest.raises(errors.PluginNotFound):
        await client.events_publish("ui.menu", plugin_id="nobody")


async def test_a_lost_worker_takes_no_subscription_along_and_an_unloaded_plugin_does(
    client: AsyncClient, probe: Probe
) -> None:
    await probe("events.on", name="**")
    pid = (await client.get_plugin("probe")).pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)

    async def back() -> bool:
        return await client.get_state("probe") == State.LOADED and (await client.get_plugin("probe")).pid != pid

    await until(back)
    await probe("events.on", name="**")  # as its hooks would
    await client.events_publish("one")
    assert [event["name"] for event in await probe.hears(1)] == ["one"]
    await client.unload("probe")
    await client.events_publish("two")
    assert await client.get_state("probe") == State.INSTALLED
    assert await probe.events() == []


async def test_who_does_not_implement_event_is_warned_once(client: AsyncClient, plugins: Path, tmp_path: Path) -> None:
    deaf = tmp_path / "deaf"
    deaf.mkdir()
    (deaf / "manifest.json").write_text(
        json.dumps({"name": "deaf", "version": "1.0.0", "main": "plugin.wat", "permissions": ["events"]})
    )
    (deaf / "plugin.wat").write_text(_DEAF)
    await client.install(str(deaf), grant="requested")
    assert await client.call_plugin("deaf", "on") is None
    for _ in range(3):
        await client.events_publish("x")

    async def three_errors() -> bool:
        return (await client.daemon_metrics()).plugins[0].errors >= 3

    await until(three_errors)
    lines = (await client.console_get("deaf")).messages
    assert [line.message for line in lines] == ["it asked for events, and does not implement event"]


_DEAF = r"""(module
  (import "timeline" "host_call" (func $host (param i32 i32 i32 i32) (result i64)))
  (memory (export "memory") 1)
  (data (i32.const 0) "events.on{\22name\22:\22**\22}{\22code\22:-32601,\22message\22:\22no\22}")
  (global $top (mut i32) (i32.const 4096))
  (func (export "plugin_alloc") (param i32 i32) (result i32)
    (global.set $top (i32.add (global.get $top) (local.get 0)))
    (i32.sub (global.get $top) (local.get 0)))
  (func (export "plugin_free") (param i32 i32 i32))
  (func (export "plugin_call") (param $name i32) (param $len i32) (param i32 i32) (result i64)
    (if (result i64) (i32.eq (local.get $len) (i32.const 2))
      (then (call $host (i32.const 0) (i32.const 9) (i32.const 9) (i32.const 13)))
      (else (i64.or (i64.const 0x1600000000) (i64.or (i64.const 0x80000000) (i64.const 30)))))))
"""
