"""What a plugin edits in one call is kept as a whole, or not at all."""

import os
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from tests.fakes.editor import TimelineEditor
from tests.harness.daemon import Daemon
from tests.harness.waiting import until

from plugind_client import AsyncClient
from plugind_protocol import errors
from plugind_protocol.methods import FrameRef

pytestmark = [pytest.mark.anyio, pytest.mark.process]


@pytest.fixture
async def editor(daemon: Daemon, client: AsyncClient, plugins: Path) -> AsyncIterator[TimelineEditor]:
    """An editor that is connected; the plugin `editing` is installed."""
    await client.install(str(plugins / "editing"), grant="requested")
    scripted = TimelineEditor()
    async with scripted.connected(daemon.socket):
        yield scripted


def kept(editor: TimelineEditor) -> None:
    """Everything that was begun was committed."""
    assert editor.methods.count("begin") == editor.methods.count("commit")
    assert "rollback" not in editor.methods


async def rolled_back(editor: TimelineEditor, *, adds: int = 1) -> dict[str, Any]:
    """Wait for the one transaction to be taken back; return what was asked for that."""
    await until(lambda: "rollback" in editor.methods)
    assert [one for one in editor.methods if one != "getCurrentTime"] == ["begin", *["addClip"] * adds, "rollback"]
    assert list(editor.clips) == ["c1"]
    return editor.asked[-1][1]


async def test_the_edits_of_a_call_are_kept_before_the_caller_has_its_answer(
    client: AsyncClient, editor: TimelineEditor
) -> None:
    released = editor.answers["timeline.commit"] = anyio.Event()
    reached = editor.reached["timeline.commit"] = anyio.Event()
    answered: list[Any] = []

    async def call() -> None:
        answered.append(await client.call_plugin("editing", "aur"))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(call)
        await reached.wait()
        assert await client.get_state("editing")  # the daemon answers others meanwhile
        assert answered == []
        released.set()
    (answer,) = answered
    assert answer["clip"]["start"] == 1
    assert editor.methods == ["begin", "addClip", "updateClip", "commit"]


async def test_every_edit_carries_the_transaction_and_reads_do_not(client: AsyncClient, editor: TimelineEditor) -> None:
    answer = await client.call_plugin("editing", "gaauexgr")
    assert answer["timecode"]
    kept(editor)
    assert editor.methods == [
        "getCurrentTime",
        "begin",
        "addClip",
        "addClip",
        "updateClip",
        "applyToClip",
        "removeClip",
        "getCurrentTime",
        "commit",
    ]
    begin = editor.asked[1][1]
    assert begin == {"pluginId": "editing", "transaction": begin["transaction"], "label": "editing: gaauexgr"}
    for method, params in editor.asked:
        expected = None if method == "timeline.getCurrentTime" else begin["transaction"]
        assert (method, params.get("transaction")) == (method, expected)
        assert params["pluginId"] == "editing"


async def test_each_call_has_its_own(client: AsyncClient, editor: TimelineEditor) -> None:
    for _ in range(3):
        await client.call_plugin("editing", "a")
    assert editor.methods == ["begin", "addClip", "commit"] * 3
    names = [params["transaction"] for method, params in editor.asked if method == "timeline.begin"]
    assert len(set(names)) == 3
    assert len(editor.clips) == 4


async def test_a_call_without_edits_has_none(client: AsyncClient, editor: TimelineEditor) -> None:
    await client.call_plugin("editing", "ggg")
    assert editor.methods == ["getCurrentTime"] * 3


# --- ways of failing ----------------------------------------------------------------------------------------------


async def test_the_plugins_own_error(client: AsyncClient, editor: TimelineEditor) -> None:
    with pytest.raises(errors.PluginError, match="changed my mind"):
        await client.call_plugin("editing", "aaf")
    asked = await rolled_back(editor, adds=2)
    assert "changed my mind" in asked["reason"]


async def test_a_trap(client: AsyncClient, editor: TimelineEditor) -> None:
    with pytest.raises(errors.Trap) as caught:
        await client.call_plugin("editing", "at")
    await rolled_back(editor)
    assert caught.value.data.capsule is not None
    editor.asked.clear()
    await client.call_plugin("editing", "a")
    kept(editor)


async def test_a_timeout(client: AsyncClient, editor: TimelineEditor) -> None:
    with pytest.raises(errors.Timeout):
        await client.call_plugin("editing", "as", timeout_ms=300)
    await rolled_back(editor)


async def test_a_timeout_while_the_editor_is_asked(client: AsyncClient, editor: TimelineEditor) -> None:
    editor.answers["timeline.addClip"] = None
    with pytest.raises(errors.Timeout):
        await client.call_plugin("editing", "aaa", timeout_ms=300)
    await rolled_back(editor)


async def test_a_timeout_while_the_transaction_begins(client: AsyncClient, editor: TimelineEditor) -> None:
    editor.answers["timeline.begin"] = None
    with pytest.raises(errors.Timeout):
        await client.call_plugin("editing", "a", timeout_ms=300)
    await until(lambda: "rollback" in editor.methods)
    assert editor.methods == ["begin", "rollback"]


async def test_a_runaway_that_has_to_be_killed(client: AsyncClient, editor: TimelineEditor) -> None:
    pid = (await client.load("editing")).pid
    assert pid is not None
    reached = editor.reached["timeline.addClip"] = anyio.Event()

    async def stop() -> None:
        await reached.wait()
        os.kill(pid, signal.SIGSTOP)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(stop)
        with pytest.raises(errors.Timeout):
            await client.call_plugin("editing", "as", timeout_ms=300)
    await rolled_back(editor)


async def test_a_worker_that_dies(client: AsyncClient, editor: TimelineEditor) -> None:
    pid = (await client.load("editing")).pid
    assert pid is not None
    editor.answers["timeline.getCurrentTime"] = None
    reached = editor.reached["timeline.getCurrentTime"] = anyio.Event()

    async def kill() -> None:
        await reached.wait()
        os.kill(pid, signal.SIGKILL)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(kill)
        await failing(client, "aag", errors.WorkerCrashed)
    await rolled_back(editor, adds=2)


async def test_unloading_in_the_middle(start: Callable[..., Daemon], tmp_path: Path, plugins: Path) -> None:
    daemon = start("--config", str(settings(tmp_path, "[supervision]\nhook_timeout_seconds = 0.2")))
    editor = TimelineEditor()
    editor.answers["timeline.getCurrentTime"] = None
    reached = editor.reached["timeline.getCurrentTime"] = anyio.Event()
    async with AsyncClient.connect(daemon.socket) as client, editor.connected(daemon.socket):
        await client.install(str(plugins / "editing"), grant="requested")

        async def unload() -> None:
            await reached.wait()
            await client.unload("editing")

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(unload)
            await failing(client, "ag", errors.WorkerCrashed)
        await rolled_back(editor)


def settings(folder: Path, text: str) -> Path:
    path = folder / "plugind.toml"
    path.write_text(text)
    return path


async def failing(client: AsyncClient, script: str, kind: type[errors.PlugindError]) -> errors.PlugindError:
    with pytest.raises(kind) as caught:
        await client.call_plugin("editing", script)
    return caught.value


async def test_a_cancelled_call(client: AsyncClient, editor: TimelineEditor) -> None:
    editor.answers["timeline.getCurrentTime"] = None
    reached = editor.reached["timeline.getCurrentTime"] = anyio.Event()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(client.call_plugin, "editing", "ag")
        await reached.wait()
        tasks.cancel_scope.cancel()
    asked = await rolled_back(editor)
    assert asked["reason"]


async def test_a_caller_that_leaves(client: AsyncClient, daemon: Daemon, editor: TimelineEditor) -> None:
    editor.answers["timeline.getCurrentTime"] = None
    reached = editor.reached["timeline.getCurrentTime"] = anyio.Event()
    async with anyio.create_task_group() as tasks, AsyncClient.connect(daemon.socket, name="caller") as caller:
        tasks.start_soon(swallow, caller)
        await reached.wait()
    await rolled_back(editor)


async def swallow(caller: AsyncClient) -> None:
    with pytest.raises(ConnectionError):
        await caller.call_plugin("editing", "ag")


# --- commits ------------------------------------------------------------------------------------------------------


async def test_a_commit_that_fails_is_the_answer(client: AsyncClient, editor: TimelineEditor) -> None:
    editor.answers["timeline.commit"] = errors.InvalidState("the disk is full", hint="make room")
    error = await failing(client, "a", errors.InvalidState)
    assert "the disk is full" in error.message
    assert "editing 1.0.0" in error.message
    assert "editor 1.0" in error.message
    assert error.hint == "make room"
    assert editor.methods == ["begin", "addClip", "commit", "rollback"]
    assert list(editor.clips) == ["c1"]


async def test_a_commit_that_is_not_answered(start: Callable[..., Daemon], tmp_path: Path, plugins: Path) -> None:
    daemon = start("--config", str(settings(tmp_path, "[providers]\ncommit_seconds = 0.3")))
    editor = TimelineEditor()
    editor.answers["timeline.commit"] = None
    async with AsyncClient.connect(daemon.socket) as client, editor.connected(daemon.socket):
        await client.install(str(plugins / "editing"), grant="requested")
        error = await failing(client, "a", errors.HostUnavailable)
        assert "0.3 s" in error.message
        assert editor.methods == ["begin", "addClip", "commit", "rollback"]
        assert list(editor.clips) == ["c1"]


async def test_a_begin_that_is_refused_is_the_guests_error(client: AsyncClient, editor: TimelineEditor) -> None:
    editor.answers["timeline.begin"] = errors.InvalidState("locked")
    error = await failing(client, "ar", errors.PluginError)
    assert error.data.error is not None
    assert (error.data.error.code, error.data.error.message) == (errors.InvalidState.code, "locked")
    assert editor.methods == ["begin"]


async def test_an_editor_without_transactions(client: AsyncClient, daemon: Daemon, editor: TimelineEditor) -> None:
    editor.transactions = False
    await client.call_plugin("editing", "aa")
    await failing(client, "af", errors.PluginError)
    assert editor.methods == ["begin", "addClip", "addClip", "addClip"]  # asked once only
    assert all("transaction" not in params for method, params in editor.asked if method == "timeline.addClip")
    assert daemon.log.read_text().count("has no transactions") == 1


# --- editors that leave -------------------------------------------------------------------------------------------


async def test_an_editor_that_leaves_takes_the_edits_with_it(
    client: AsyncClient, daemon: Daemon, editor: TimelineEditor
) -> None:
    newer = TimelineEditor()
    newer.answers["timeline.getCurrentTime"] = None
    reached = newer.reached["timeline.getCurrentTime"] = anyio.Event()
    failures: list[errors.PlugindError] = []

    async def call() -> None:
        failures.append(await failing(client, "agar", errors.HostUnavailable))

    async with anyio.create_task_group() as tasks, newer.connected(daemon.socket, name="newer"):
        tasks.start_soon(call)
        await reached.wait()
    (error,) = failures
    assert "newer 1.0 left" in error.message
    assert newer.methods == ["begin", "addClip", "getCurrentTime"]
    assert editor.methods == []  # what is left of the call does not go to the other one
    await client.call_plugin("editing", "a")
    assert editor.methods == ["begin", "addClip", "commit"]


async def test_a_call_stays_with_the_editor_it_has_begun_with(
    client: AsyncClient, daemon: Daemon, editor: TimelineEditor
) -> None:
    released = editor.answers["timeline.addClip"] = anyio.Event()
    reached = editor.reached["timeline.addClip"] = anyio.Event()
    newer = TimelineEditor()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(client.call_plugin, "editing", "agx")
        await reached.wait()
        async with newer.connected(daemon.socket, name="newer"):
            released.set()
            await until(lambda: "commit" in editor.methods)
    assert editor.methods == ["begin", "addClip", "getCurrentTime", "removeClip", "commit"]
    assert newer.methods == []


# --- not only calls -----------------------------------------------------------------------------------------------


def with_hook(plugins: Path, folder: Path, script: str) -> str:
    text = (plugins / "editing/plugin.wat").read_text()
    assert '"r       "' in text
    folder.mkdir()
    (folder / "plugin.wat").write_text(text.replace('"r       "', f'"{script:8}"'))
    (folder / "manifest.json").write_bytes((plugins / "editing/manifest.json").read_bytes())
    return str(folder)


async def test_hooks(client: AsyncClient, editor: TimelineEditor, plugins: Path, tmp_path: Path) -> None:
    await client.install(with_hook(plugins, tmp_path / "good", "ar"), grant="requested")
    await client.activate("editing")
    assert editor.methods == ["begin", "addClip", "commit"] * 2  # lifecycle.activate, and main
    assert [params["label"] for method, params in editor.asked if method == "timeline.begin"] == [
        "editing: lifecycle.activate",
        "editing: main",
    ]


async def test_a_hook_that_fails(client: AsyncClient, editor: TimelineEditor, plugins: Path, tmp_path: Path) -> None:
    await client.install(with_hook(plugins, tmp_path / "bad", "aaf"), grant="requested")
    with pytest.raises(errors.PlugindError):
        await client.activate("editing")
    await rolled_back(editor, adds=2)


async def test_effects(client: AsyncClient, editor: TimelineEditor) -> None:
    await client.activate("editing")
    window = await client.frames_open("editing", width=16, height=16)
    editor.asked.clear()
    frame = FrameRef(window_id=window.window_id)
    await client.effects_process("editing", "edit", frame=frame)
    assert editor.methods == ["begin", "addClip", "commit"]
    editor.asked.clear()
    before = list(editor.clips)
    with pytest.raises(errors.PluginError, match="refused the frame"):
        await client.effects_process("editing", "edit", frame=frame, params={"level": 1})
    assert editor.methods == ["begin", "addClip", "rollback"]
    assert list(editor.clips) == before


async def test_events(client: AsyncClient, editor: TimelineEditor) -> None:
    await client.load("editing")
    await client.events_publish("ui.menu", {"id": "add"}, plugin_id="editing")
    await until(lambda: "commit" in editor.methods)
    assert editor.methods == ["begin", "addClip", "commit"]
    assert editor.asked[0][1]["label"] == "editing: event"


async def test_the_next_transaction_of_a_plugin_waits_for_the_one_before(
    client: AsyncClient, editor: TimelineEditor
) -> None:
    released = editor.answers["timeline.commit"] = anyio.Event()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(client.call_plugin, "editing", "a")
        tasks.start_soon(client.call_plugin, "editing", "a")
        await until(lambda: "commit" in editor.methods)
        await client.get_state("editing")
        assert editor.methods == ["begin", "addClip", "commit"]
        released.set()
    assert editor.methods == ["begin", "addClip", "commit"] * 2
