"""The editor as provider: what plugins ask reaches it, and who answers when several are there, or none."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from tests.fakes.editor import TIME, TimelineEditor
from tests.harness.daemon import Daemon
from tests.harness.waiting import until

from plugind_client import AsyncClient
from plugind_protocol import errors
from plugind_protocol.host import HOST_METHODS
from plugind_protocol.table import HostMethod

pytestmark = [pytest.mark.anyio, pytest.mark.process]

Host = Callable[..., Any]
ROWS = [row for row in HOST_METHODS.values() if row.provider == "editor"]
PICKS = ("ui.pickFile", "ui.pickDirectory")
"""What is picked is given to the plugin by another name."""


def picked(folder: Path) -> dict[str, Any]:
    """What the user picks: real paths."""
    file = folder / "warm.cube"
    file.touch()
    return {"ui.pickFile": {"files": [str(file)]}, "ui.pickDirectory": {"directory": str(folder)}}


@pytest.fixture
async def host(client: AsyncClient, plugins: Path) -> Host:
    """Let the probe make a host call."""
    await client.install(str(plugins / "probe"), grant="requested")

    async def ask(method: str, params: Any = None, **options: Any) -> Any:
        return await client.call_plugin("probe", "host", args={"method": method, "params": params}, **options)

    return ask


@pytest.fixture
async def editor(daemon: Daemon) -> AsyncIterator[TimelineEditor]:
    """An editor that provides everything."""
    scripted = TimelineEditor(transactions=False)
    async with scripted.connected(daemon.socket):
        yield scripted


async def refused(asking: Any) -> errors.ErrorObject:
    """Return the host's error, which the guest passed on."""
    with pytest.raises(errors.PluginError) as caught:
        await asking
    assert caught.value.data.error is not None
    return caught.value.data.error


def asked_for(row: HostMethod) -> dict[str, Any]:
    """Params of an example, for an effect that is there and a path that needs no folder."""
    if row.name == "effects.applyToClip":
        return {"effect": {"effectId": "grade", "params": {"gamma": 1.2}}, "clipId": "c1"}
    if row.name.startswith("media."):
        return {**row.example.params, "path": "/media/beach.mp4"}
    return row.example.params


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
async def test_every_method_from_guest_to_editor_and_back(
    host: Host, editor: TimelineEditor, tmp_path: Path, row: HostMethod
) -> None:
    await host("effects.register", {"id": "grade", "parameters": [{"name": "gamma"}]})
    editor.answers["ui.createPanel"] = {"panelId": "p1"}
    if row.name == "ui.closePanel":
        await host("ui.createPanel", HOST_METHODS["ui.createPanel"].example.params)
    if row.result is None:
        editor.nulls.add(row.name)
    else:
        editor.answers[row.name] = picked(tmp_path).get(row.name, row.example.result)
    answer = await host(row.name, asked_for(row))
    method, params = editor.asked[-1]
    assert method == row.name
    assert params["pluginId"] == "probe"
    assert set(answer or ()) == set(row.example.result or ())
    if row.name not in (*PICKS, "media.getInfo"):
        assert answer == row.example.result
    if row.name.startswith("media."):
        assert params == {**asked_for(row), "pluginId": "probe"}
    elif row.name == "effects.applyToClip":
        effect = params["effect"]
        assert (effect["pluginId"], effect["effectId"], effect["params"]) == ("probe", "grade", {"gamma": 1.2})
        assert effect["id"]
    else:
        assert {key: params[key] for key in row.example.params} == row.example.params


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
async def test_no_wrong_answer_reaches_the_guest(host: Host, editor: TimelineEditor, row: HostMethod) -> None:
    await host("effects.register", {"id": "grade", "parameters": [{"name": "gamma"}]})
    editor.answers["ui.createPanel"] = {"panelId": "p1"}
    if row.name == "ui.closePanel":
        await host("ui.createPanel", HOST_METHODS["ui.createPanel"].example.params)
    editor.answers[row.name] = 17
    error = await refused(host(row.name, asked_for(row)))
    assert error.code == errors.HostUnavailable.code
    assert "editor 1.0" in error.message
    assert row.name in error.message
    assert error.data["path"] == "$"


async def test_everybody_is_told_who_answers(client: AsyncClient, daemon: Daemon) -> None:
    seen: list[tuple[str, str | None, str]] = []

    async def next_changes(count: int) -> list[tuple[str, str | None, str]]:
        with anyio.fail_after(40):
            while len(seen) < count:
                changed = await anext(changes)
                seen.append((changed.namespace, changed.provider and changed.provider.name, changed.reason))
        found, seen[:] = seen[:], []
        return found

    first, second = TimelineEditor(), TimelineEditor()
    changes = client.notifications("host.changed")
    async with first.connected(daemon.socket, name="first", provides=("timeline", "ui")):
        assert await next_changes(2) == [
            ("timeline", "first", "first 1.0 connected"),
            ("ui", "first", "first 1.0 connected"),
        ]
        async with second.connected(daemon.socket, name="second", provides=("timeline",)):
            assert await next_changes(1) == [("timeline", "second", "second 1.0 connected")]
            providers = (await client.daemon_status()).providers
            assert {name: info and info.name for name, info in providers.items()} == {
                "timeline": "second",
                "effects": None,
                "ui": "first",
                "media": None,
            }
        assert await next_changes(1) == [("timeline", "first", "second 1.0 does not provide it any more")]
    assert [change[:2] for change in await next_changes(2)] == [("timeline", None), ("ui", None)]
    assert not any((await client.daemon_status()).providers.values())


async def test_a_call_that_comes_to_its_deadline_is_cancelled_at_the_editor(
    client: AsyncClient, daemon: Daemon, host: Host
) -> None:
    cancelled = anyio.Event()

    async def timeline(_method: str, _params: Any) -> Any:
        try:
            await anyio.sleep_forever()
        finally:
            cancelled.set()

    async with AsyncClient.connect(daemon.socket, name="slow", handlers={"timeline": timeline}):
        with pytest.raises(errors.Timeout):
            await host("timeline.getCurrentTime", timeout_ms=200)
        with anyio.fail_after(40):
            await cancelled.wait()


async def test_waiting_for_an_editor_to_come(start: Callable[..., Daemon], tmp_path: Path, plugins: Path) -> None:
    settings = tmp_path / "plugind.toml"
    settings.write_text('[providers]\nunavailable = "wait"\nwait_seconds = 30\n')
    daemon = start("--config", str(settings))
    answers: list[Any] = []
    args = {"method": "timeline.getCurrentTime"}
    async with AsyncClient.connect(daemon.socket) as client:
        await client.install(str(plugins / "probe"), grant="requested")

        async def call() -> None:
            answers.append(await client.call_plugin("probe", "host", args=args))

        with pytest.raises(errors.Timeout):  # the call's own deadline counts besides
            await client.call_plugin("probe", "host", args=args, timeout_ms=100)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(call)

            async def asked() -> bool:
                return (await client.daemon_metrics()).plugins[0].host_calls > 1

            await until(asked)
            async with TimelineEditor().connected(daemon.socket):
                await until(lambda: answers)
    assert answers == [TIME]


# --- panels and menu items ----------------------------------------------------------------------------------------

ITEM = {"id": "grade", "label": "Grade"}
PANEL = {"id": "scopes", "title": "Scopes", "html": "<p>"}


def window(name: str) -> TimelineEditor:
    shown = TimelineEditor()
    shown.answers["ui.createPanel"] = {"panelId": f"{name}-1"}
    shown.nulls |= {"ui.addMenuItem", "ui.removeMenuItem", "ui.closePanel"}
    return shown


async def asked_of(one: TimelineEditor, count: int) -> list[tuple[str, str]]:
    """Wait until an editor was asked so often; return for what."""
    await until(lambda: len(one.asked) >= count)
    return [(method, params.get("id") or params["panelId"]) for method, params in one.asked]


async def test_what_plugins_show_is_shown_by_a_later_editor_and_goes_with_them(
    client: AsyncClient, daemon: Daemon, host: Host
) -> None:
    first, second = window("first"), window("second")
    async with first.connected(daemon.socket, name="first", provides=("ui",)):
        assert await host("ui.createPanel", PANEL) == {"panelId": "first-1"}
        await host("ui.addMenuItem", ITEM)
        async with second.connected(daemon.socket, name="second", provides=("ui",)):
            shown = [("ui.createPanel", "scopes"), ("ui.addMenuItem", "grade")]
            assert await asked_of(second, 2) == shown
            assert all(params["pluginId"] == "probe" for _, params in second.asked)
            await client.unload("probe")
            gone = [("ui.removeMenuItem", "grade")]
            assert (await asked_of(first, 4))[2:] == [("ui.closePanel", "first-1"), *gone]
            assert (await asked_of(second, 4))[2:] == [("ui.closePanel", "second-1"), *gone]
    third = window("third")
    async with third.connected(daemon.socket, name="third", provides=("ui",)):
        await client.get_state("probe")
    assert third.asked == []


async def test_what_a_plugin_shows_stays_over_a_crash_and_goes_when_it_is_given_up(
    client: AsyncClient, daemon: Daemon, host: Host
) -> None:
    shown = window("w")
    async with shown.connected(daemon.socket, provides=("ui",)):
        await host("ui.addMenuItem", ITEM)
        for _ in range(3):
            with pytest.raises(errors.Trap):
                await client.call_plugin("probe", "panic")
        assert await asked_of(shown, 1) == [("ui.addMenuItem", "grade")]
        with pytest.raises(errors.Trap):
            await client.call_plugin("probe", "panic")  # once too often
        assert await asked_of(shown, 2) == [("ui.addMenuItem", "grade"), ("ui.removeMenuItem", "grade")]
    assert (await client.get_plugin("probe")).quarantine
