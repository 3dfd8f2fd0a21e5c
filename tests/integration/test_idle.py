"""Workers that have nothing to do: parked, ended, and brought back without anybody noticing."""

import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import anyio
import psutil
import pytest
from tests.harness.daemon import Daemon
from tests.harness.plugins import hooked
from tests.harness.waiting import until

from plugind_client import AsyncClient, FrameBuffers
from plugind_protocol import errors
from plugind_protocol.methods import FrameRef, LimitChanges, PluginInfo, State

pytestmark = [pytest.mark.anyio, pytest.mark.process]

PARKING = "[workers]\npark_after_seconds = 0.1\n"
ENDING = "[workers]\npark_after_seconds = 0.05\nend_after_seconds = 0.2\n"
MIB = 1 << 20


async def comes_to(client: AsyncClient, plugin: str, holds: Callable[[PluginInfo], object]) -> PluginInfo:
    """Wait until something holds of a plugin."""

    async def look() -> PluginInfo | None:
        info = await client.get_plugin(plugin)
        return info if holds(info) else None

    info = await until(look)
    assert info is not None
    return info


async def asleep(pid: int) -> None:
    """Wait until a worker that has said that it rests has gone to sleep."""
    await until(lambda: psutil.Process(pid).status() == psutil.STATUS_SLEEPING)


async def ended(client: AsyncClient, plugin: str) -> PluginInfo:
    info = await comes_to(client, plugin, lambda info: info.rest == "ended")
    assert info.pid is None
    return info


@pytest.fixture
async def parking(start: Callable[..., Daemon], tmp_path: Path) -> AsyncIterator[AsyncClient]:
    async with _connected(start, tmp_path, PARKING) as client:
        yield client


@pytest.fixture
async def ending(start: Callable[..., Daemon], tmp_path: Path) -> AsyncIterator[AsyncClient]:
    async with _connected(start, tmp_path, ENDING) as client:
        yield client


def _connected(start: Callable[..., Daemon], folder: Path, settings: str) -> AsyncClient:
    (folder / "plugind.toml").write_text(settings)
    return AsyncClient.connect(start("--config", str(folder / "plugind.toml")).socket)


async def test_a_parked_worker_has_given_memory_back_and_answers_as_before(parking: AsyncClient, plugins: Path) -> None:
    await parking.install(str(plugins / "probe"))
    pid = (await parking.load("probe")).pid
    assert pid is not None
    text = "x" * 200_000
    for _ in range(50):  # what is freed in pieces like these is kept for the next ones
        assert await parking.call_plugin("probe", "echo", args=text) == text
    info = await comes_to(parking, "probe", lambda info: info.rest == "parked")
    assert (info.state, info.pid) == (State.LOADED, pid)
    await asleep(pid)
    assert await parking.call_plugin("probe", "count") == 1
    assert (await parking.get_plugin("probe")).rest is None
    await comes_to(parking, "probe", lambda info: info.rest == "parked")  # again, after it was used
    assert await parking.call_plugin("probe", "count") == 2


async def test_a_worker_that_rests_is_not_woken(parking: AsyncClient, plugins: Path) -> None:
    await parking.install(str(plugins / "probe"))
    pid = (await parking.load("probe")).pid
    assert pid is not None
    await comes_to(parking, "probe", lambda info: info.rest == "parked")
    await asleep(pid)
    before = psutil.Process(pid).num_ctx_switches()
    await anyio.sleep(1.0)  # ten times what it was parked after: that nothing happens has no end to wait for
    assert psutil.Process(pid).num_ctx_switches() == before


@pytest.mark.threat("Supervision", "worker stopped")
async def test_a_worker_that_cannot_be_parked_is_replaced(parking: AsyncClient, plugins: Path, start: object) -> None:
    del start
    await parking.install(str(plugins / "probe"))
    pid = (await parking.load("probe")).pid
    assert pid is not None
    psutil.Process(pid).send_signal(signal.SIGSTOP)
    info = await comes_to(parking, "probe", lambda info: info.pid not in (pid, None))
    assert info.state == State.LOADED


async def test_an_ended_worker_comes_back_for_a_call_and_nobody_is_told(ending: AsyncClient, plugins: Path) -> None:
    await ending.install(str(plugins / "probe"))
    pid = (await ending.activate("probe")).pid
    info = await ended(ending, "probe")
    assert info.state == State.ACTIVE
    seq = (await ending.changes()).seq
    metrics = (await ending.daemon_metrics()).plugins[0]
    assert (metrics.rest, metrics.pid, metrics.memory_bytes) == ("ended", None, 0)
    assert await ending.call_plugin("probe", "hooks") == ["lifecycle.load", "lifecycle.activate", "main"]
    info = await ending.get_plugin("probe")
    assert info.pid not in (None, pid)
    assert (info.state, info.rest) == (State.ACTIVE, None)
    assert (await ending.changes()).seq == seq


async def test_an_ended_worker_comes_back_for_an_event(ending: AsyncClient, plugins: Path) -> None:
    await ending.install(str(plugins / "probe"), grant=["events"])
    await ending.load("probe")
    await ending.call_plugin("probe", "host", args={"method": "events.on", "params": {"name": "timeline.*"}})
    await ended(ending, "probe")
    await ending.events_publish("timeline.changed", {"at": 1})
    assert (await comes_to(ending, "probe", lambda info: info.pid is not None)).rest is None
    heard = await until(lambda: ending.call_plugin("probe", "events"))
    assert [event["name"] for event in heard] == ["timeline.changed"]
    await ended(ending, "probe")
    await ending.events_publish(
        "menu.chosen", {"id": 1}, plugin_id="probe"
    )  # meant for it alone, as a chosen menu item
    await comes_to(ending, "probe", lambda info: info.pid is not None)


async def test_effects_stay_and_a_frame_brings_the_worker_back(ending: AsyncClient, examples: Path) -> None:
    await ending.install(str(examples / "invert"), grant="requested")
    window = await ending.frames_open("invert", width=64, height=64, slots=2)
    await ending.activate("invert")
    offered = await ending.effects_list("invert")
    with FrameBuffers(window) as buffers:
        for value in (10, 20):
            await ended(ending, "invert")
            assert await ending.effects_list("invert") == offered
            assert (await ending.get_plugin("invert")).rest == "ended"  # looking did not need it
            buffers.array(0)[...] = value
            frame = FrameRef(window_id=window.window_id, input=0, output=1)
            await ending.effects_process("invert", "invert", frame=frame)
            assert (buffers.array(1)[..., :3] == 255 - value).all()
    await ended(ending, "invert")
    await ending.frames_close(window.window_id)


async def test_what_it_is_told_while_it_has_no_worker(ending: AsyncClient, plugins: Path) -> None:
    await ending.install(str(plugins / "probe"))
    await ending.activate("probe")
    await ended(ending, "probe")
    assert (await ending.deactivate("probe")).state == State.LOADED  # which runs its hook, so it was brought back
    await ended(ending, "probe")
    assert (await ending.unload("probe")).state == State.INSTALLED
    assert (await ending.get_plugin("probe")).rest is None
    await ending.load("probe")
    await ended(ending, "probe")
    assert (await ending.reload("probe")).pid is not None
    await ended(ending, "probe")
    await ending.disable("probe")
    with pytest.raises(errors.InvalidState, match="disabled"):
        await ending.call_plugin("probe", "count")


async def test_one_that_does_not_come_back_is_in_error_and_the_next_call_tries_again(
    ending: AsyncClient, plugins: Path
) -> None:
    await ending.install(str(plugins / "probe"))
    await ending.load("probe")
    await ended(ending, "probe")
    await ending.set_resource_limits("probe", LimitChanges(memory_bytes=65536))
    with pytest.raises(errors.MemoryLimit):
        await ending.call_plugin("probe", "count")
    info = await ending.get_plugin("probe")
    assert (info.state, info.rest, info.pid) == (State.ERROR, None, None)
    await ending.set_resource_limits("probe", LimitChanges(memory_bytes=64 * MIB))
    assert await ending.call_plugin("probe", "count") == 1


async def test_one_that_objects_to_sleep_stays(ending: AsyncClient, tmp_path: Path) -> None:
    await ending.install(hooked(tmp_path / "hooked", traps="lifecycle.sleep"))
    pid = (await ending.load("hooked")).pid

    async def objected() -> bool:
        return any("its worker stays" in one.message for one in (await ending.console_get("hooked")).messages)

    await until(objected)
    assert (await ending.get_plugin("hooked")).pid == pid
    assert await ending.call_plugin("hooked", "version") == "1.0.0"


async def test_calls_that_come_while_it_is_being_ended_are_answered(ending: AsyncClient, plugins: Path) -> None:
    await ending.install(str(plugins / "probe"))
    pids = set()
    for pause in (0.17, 0.18, 0.19, 0.2, 0.21, 0.22) * 3:  # around the moment at which it is ended
        assert await ending.call_plugin("probe", "echo", args=pause) == pause
        pids.add((await ending.get_plugin("probe")).pid)
        await anyio.sleep(pause)  # the moment is what is tried
    assert len(pids) > 1
    assert (await ending.daemon_metrics()).plugins[0].crashes == 0
