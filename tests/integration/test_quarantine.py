"""A version that crashes too often is given up: for how long, who says so, and how it comes back."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.harness.daemon import Daemon
from tests.harness.plugins import altered
from tests.harness.waiting import until

from plugind_client import AsyncClient
from plugind_protocol import errors
from plugind_protocol.methods import PluginInfo, State

pytestmark = [pytest.mark.anyio, pytest.mark.process]

FAST = "[supervision]\nbackoff_first_seconds = 0.001\nbackoff_max_seconds = 0.002\n"


def settings(tmp_path: Path, text: str = FAST) -> str:
    file = tmp_path / "plugind.toml"
    file.write_text(text)
    return str(file)


async def comes_to(client: AsyncClient, plugin_id: str, holds: Callable[[PluginInfo], object]) -> PluginInfo:
    """Wait until something holds of a plugin."""

    async def look() -> PluginInfo | None:
        info = await client.get_plugin(plugin_id)
        return info if holds(info) else None

    info = await until(look)
    assert info is not None
    return info


async def kill(client: AsyncClient, plugin_id: str) -> int:
    """Kill the worker as soon as there is one, and wait until that was noticed."""
    pid = (await comes_to(client, plugin_id, lambda info: info.pid)).pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    await comes_to(client, plugin_id, lambda info: info.pid != pid)
    return pid


def quarantined(info: PluginInfo) -> bool:
    return info.state == State.ERROR and bool(info.quarantine)


@pytest.mark.threat("Supervision", "worker killed by a signal")
async def test_a_lost_worker_is_replaced_without_being_asked(client: AsyncClient, plugins: Path) -> None:
    await client.install(str(plugins / "probe"))
    first = (await client.activate("probe")).pid
    await kill(client, "probe")
    info = await comes_to(client, "probe", lambda info: info.state == State.ACTIVE)
    assert info.pid not in (None, first)


@pytest.mark.threat("Supervision", "crash loop")
async def test_a_crash_loop_ends_in_quarantine_that_outlives_the_daemon(
    start: Callable[..., Daemon], plugins: Path, tmp_path: Path
) -> None:
    daemon = start("--config", settings(tmp_path))
    async with AsyncClient.connect(daemon.socket) as client:
        await client.install(str(plugins / "probe"))
        await client.load("probe")
        for _ in range(4):
            await kill(client, "probe")
        info = await comes_to(client, "probe", quarantined)
        assert info.quarantine
        assert (info.quarantine.cause, info.quarantine.version, info.quarantine.until) == ("crash", "1.0.0", None)
        assert "SIGKILL" in info.quarantine.reason
        for call in (client.load("probe"), client.call_plugin("probe", "echo"), client.effects_list("probe")):
            with pytest.raises(errors.Quarantined, match=r"probe 1\.0\.0 crashed too often") as caught:
                await call
            assert "pluginctl release probe" in caught.value.hint
            assert caught.value.data.cause == "crash"
    assert daemon.stop() == 0
    daemon = start("--config", settings(tmp_path))
    async with AsyncClient.connect(daemon.socket) as client:
        again = await client.get_plugin("probe")
        assert (again.state, again.quarantine, again.reason) == (State.ERROR, info.quarantine, info.quarantine.reason)
        with pytest.raises(errors.Quarantined):
            await client.call_plugin("probe", "echo")
        assert (await client.release("probe")).state == State.INSTALLED
        assert await client.call_plugin("probe", "echo", args=1) == 1
        with pytest.raises(errors.InvalidState, match="not in quarantine"):
            await client.release("probe")
    assert daemon.stop() == 0
    async with AsyncClient.connect(start().socket) as client:
        assert await client.call_plugin("probe", "echo", args=1) == 1


async def test_traps_count(client: AsyncClient, plugins: Path) -> None:
    await client.install(str(plugins / "probe"))
    for _ in range(4):
        with pytest.raises(errors.Trap):
            await client.call_plugin("probe", "panic")
    info = await comes_to(client, "probe", quarantined)
    assert info.quarantine
    assert info.quarantine.cause == "trap"
    assert info.pid is None
    (figures,) = (await client.daemon_metrics()).plugins
    assert (figures.traps, figures.crashes) == (4, 0)


async def test_what_is_the_plugins_own_business_does_not_count(client: AsyncClient, plugins: Path) -> None:
    await client.install(str(plugins / "probe"))
    for _ in range(6):
        with pytest.raises(errors.PluginError):
            await client.call_plugin("probe", "fail", args={"code": 1, "message": "no"})
        with pytest.raises(errors.PluginError):  # permission denied
            await client.call_plugin("probe", "host", args={"method": "timeline.getState", "params": {}})
        with pytest.raises(errors.FunctionNotFound):
            await client.call_plugin("probe", "nothing")
        with pytest.raises(errors.Timeout):
            await client.call_plugin("probe", "spin", timeout_ms=20)
    assert await client.call_plugin("probe", "echo", args=1) == 1


async def test_a_plugin_that_dies_while_loading_is_given_up_too(
    start: Callable[..., Daemon], plugins: Path, tmp_path: Path
) -> None:
    daemon = start("--config", settings(tmp_path, FAST + "load_timeout_seconds = 0.1\n"))
    async with AsyncClient.connect(daemon.socket) as client:
        await client.install(str(plugins / "spin-start"))
        for _ in range(4):
            with pytest.raises(errors.Timeout):
                await client.load("spin-start")
        with pytest.raises(errors.Quarantined):
            await client.load("spin-start")


async def test_a_new_version_starts_clean_and_the_old_one_is_offered(
    start: Callable[..., Daemon], plugins: Path, tmp_path: Path
) -> None:
    daemon = start("--config", settings(tmp_path))
    async with AsyncClient.connect(daemon.socket) as client:
        await client.install(str(plugins / "probe"))
        await client.install(altered(plugins / "probe", tmp_path / "two", version="2.0.0"))
        await client.activate("probe")
        for _ in range(4):
            await kill(client, "probe")
        info = await comes_to(client, "probe", quarantined)
        assert info.quarantine
        assert (info.quarantine.version, info.quarantine.fallback) == ("2.0.0", "1.0.0")
        with pytest.raises(errors.Quarantined) as caught:
            await client.load("probe")
        assert "1.0.0" in caught.value.hint
        back = await client.release("probe", fallback=True)
        assert (back.version, back.state, back.quarantine or None) == ("1.0.0", State.ACTIVE, None)
        assert await client.call_plugin("probe", "echo", args=1) == 1
        # the bad version is still in quarantine when it comes again; another one is not
        await client.install(str(tmp_path / "two"))
        with pytest.raises(errors.Quarantined):
            await client.load("probe")
        await client.install(altered(plugins / "probe", tmp_path / "three", version="3.0.0"))
        assert await client.call_plugin("probe", "echo", args=3) == 3


async def test_the_policy_may_switch_by_itself(start: Callable[..., Daemon], plugins: Path, tmp_path: Path) -> None:
    daemon = start("--config", settings(tmp_path, FAST + 'fallback = "switch"\n'))
    async with AsyncClient.connect(daemon.socket) as client:
        await client.install(str(plugins / "probe"))
        await client.install(altered(plugins / "probe", tmp_path / "two", version="2.0.0"))
        await client.load("probe")
        for _ in range(4):
            await kill(client, "probe")
        info = await comes_to(client, "probe", lambda info: info.version == "1.0.0" and info.state == State.LOADED)
        assert not info.quarantine
    assert daemon.stop() == 0
    async with AsyncClient.connect(start().socket) as client:
        assert (await client.get_plugin("probe")).version == "1.0.0"


@pytest.mark.threat("Supervision", "worker stopped")
async def test_an_idle_worker_that_does_not_answer_is_replaced(
    start: Callable[..., Daemon], plugins: Path, tmp_path: Path
) -> None:
    probing = FAST + "health_interval_seconds = 0.05\nhealth_timeout_seconds = 0.05\nkill_grace_seconds = 0.1\n"
    daemon = start("--config", settings(tmp_path, probing))
    async with AsyncClient.connect(daemon.socket) as client:
        await client.install(str(plugins / "probe"))
        await client.install(str(plugins / "spin"))
        pid = (await client.load("probe")).pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        info = await comes_to(client, "probe", lambda info: info.state == State.LOADED and info.pid != pid)
        assert info.pid is not None
        with pytest.raises(errors.Timeout):  # a worker that computes is not idle, and is left alone
            await client.call_plugin("spin", "spin", timeout_ms=400)
        assert (await client.daemon_metrics()).plugins[1].crashes == 0
