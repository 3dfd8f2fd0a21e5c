"""Limits of a plugin: in force from the start, changed while it runs, and announced before they bite."""

import time
from collections.abc import Callable
from pathlib import Path

import anyio
import psutil
import pytest
from tests.harness.daemon import Daemon
from tests.harness.plugins import altered

from plugind_client import AsyncClient
from plugind_protocol import errors
from plugind_protocol.frames import HUGE_PAGE_BYTES
from plugind_protocol.methods import LimitChanges

pytestmark = [pytest.mark.anyio, pytest.mark.process]

MIB = 1 << 20


async def test_a_manifest_asks_for_less_and_the_user_decides(
    client: AsyncClient, plugins: Path, tmp_path: Path
) -> None:
    asked = {"memory_bytes": 32 * MIB, "call_timeout_ms": 99_000}
    await client.install(altered(plugins / "grower", tmp_path / "p", limits=asked))
    limits = await client.get_resource_limits("grower")
    assert (limits.memory_bytes, limits.call_timeout_ms) == (32 * MIB, 30_000)
    assert await client.call_plugin("grower", "grow") <= 32 * 16
    changed = await client.set_resource_limits("grower", LimitChanges(call_timeout_ms=99_000))
    assert (changed.memory_bytes, changed.call_timeout_ms) == (32 * MIB, 99_000)
    assert (await client.get_plugin("grower")).limits == changed


@pytest.mark.threat("Guest", "memory and table bombs")
async def test_memory_is_limited_while_it_runs(client: AsyncClient, plugins: Path) -> None:
    await client.install(str(plugins / "grower"))
    await client.set_resource_limits("grower", LimitChanges(memory_bytes=16 * MIB))
    pid = (await client.load("grower")).pid
    small = await client.call_plugin("grower", "grow")
    assert small <= 16 * 16
    await client.set_resource_limits("grower", LimitChanges(memory_bytes=48 * MIB))
    assert small < await client.call_plugin("grower", "grow") <= 48 * 16
    assert (await client.get_plugin("grower")).pid == pid
    await client.set_resource_limits("grower", LimitChanges(memory_bytes=16 * MIB))
    await client.reload("grower")
    assert await client.call_plugin("grower", "grow") <= 16 * 16


async def test_the_default_deadline_is_a_limit(client: AsyncClient, plugins: Path) -> None:
    await client.install(str(plugins / "spin"))
    await client.load("spin")
    await client.set_resource_limits("spin", LimitChanges(call_timeout_ms=50))
    with pytest.raises(errors.Timeout, match="50 ms"):
        await client.call_plugin("spin", "spin")


async def test_processor_time_ends_a_worker(start: Callable[..., Daemon], plugins: Path, tmp_path: Path) -> None:
    daemon = start("--config", watching_closely(tmp_path))
    async with AsyncClient.connect(daemon.socket) as client:
        warnings = client.notifications("plugins.resourceWarning")
        await client.install(str(plugins / "spin"))
        await client.load("spin")
        await client.set_resource_limits("spin", LimitChanges(cpu_seconds=1))
        with pytest.raises(errors.WorkerCrashed, match="processor time") as caught:
            await client.call_plugin("spin", "spin")
        assert caught.value.data.cause == "limit"
        with anyio.fail_after(40):
            warning = await anext(warnings)
        assert (warning.plugin_id, warning.resource, warning.limit) == ("spin", "cpuSeconds", 1)
        assert warning.used >= 0.8


def watching_closely(tmp_path: Path) -> str:
    """Settings under which use is compared with limits many times a second."""
    (tmp_path / "plugind.toml").write_text("[supervision]\nusage_interval_seconds = 0.05\n")
    return str(tmp_path / "plugind.toml")


async def test_a_warning_comes_once_at_four_fifths_of_the_memory(
    start: Callable[..., Daemon], plugins: Path, tmp_path: Path
) -> None:
    daemon = start("--config", watching_closely(tmp_path))
    async with AsyncClient.connect(daemon.socket) as client:
        warnings = client.notifications("plugins.resourceWarning")
        await client.install(str(plugins / "grower"))
        await client.set_resource_limits("grower", LimitChanges(memory_bytes=64 * MIB))
        await client.call_plugin("grower", "touch")
        with anyio.fail_after(40):
            warning = await anext(warnings)
        assert (warning.plugin_id, warning.resource, warning.limit) == ("grower", "memoryBytes", 64 * MIB)
        assert 0.8 <= warning.used / warning.limit <= 1.2
        for _ in range(20):
            await client.call_plugin("grower", "grow")
        with pytest.raises(TimeoutError), anyio.fail_after(0.3):
            await anext(warnings)


async def test_descriptors_are_limited(client: AsyncClient, plugins: Path) -> None:
    await client.install(str(plugins / "probe"))
    pid = (await client.load("probe")).pid
    assert pid is not None
    assert psutil.Process(pid).rlimit(psutil.RLIMIT_NOFILE)[0] == 256
    await client.set_resource_limits("probe", LimitChanges(file_descriptors=8))
    assert psutil.Process(pid).rlimit(psutil.RLIMIT_NOFILE)[0] == 8


@pytest.mark.threat("Guest", "host-call flood")
async def test_host_calls_beyond_their_rate_wait(client: AsyncClient, plugins: Path) -> None:
    await client.install(str(plugins / "probe"), grant="requested")
    await client.load("probe")
    await client.set_resource_limits("probe", LimitChanges(host_calls_per_second=20))
    ask = {"method": "system.getInfo", "params": {}}
    began = time.monotonic()
    for _ in range(30):
        await client.call_plugin("probe", "host", args=ask)
    assert time.monotonic() - began >= 0.45  # twenty at once, the other ten at twenty a second


@pytest.mark.threat("Guest", "log flood")
async def test_a_log_flood_is_cut_and_counted_and_others_are_served(client: AsyncClient, plugins: Path) -> None:
    await client.install(str(plugins / "wasi-hello"))
    await client.install(str(plugins / "probe"))
    await client.load("probe")
    await client.load("wasi-hello")
    await client.set_resource_limits("wasi-hello", LimitChanges(log_messages_per_second=100))
    await client.call_plugin("wasi-hello", "flood")
    console = await client.console_get("wasi-hello")
    assert len(console.messages) + console.dropped >= 100_000
    assert 100 <= len(console.messages) <= 2000
    assert await client.call_plugin("probe", "echo", args=1) == 1
    metrics = {one.plugin_id: one for one in (await client.daemon_metrics()).plugins}
    assert metrics["wasi-hello"].console_dropped == console.dropped


@pytest.mark.threat("Guest", "lying pointers, lengths and texts")
async def test_results_are_limited(client: AsyncClient, plugins: Path) -> None:
    await client.install(str(plugins / "probe"))
    await client.set_resource_limits("probe", LimitChanges(message_bytes=2000))
    assert await client.call_plugin("probe", "echo", args="x" * 1000) == "x" * 1000
    with pytest.raises(errors.TooLarge, match="2000"):
        await client.call_plugin("probe", "echo", args="x" * 3000)


@pytest.mark.parametrize(
    "limits", [{"memoryBytes": 1}, {"memoryBytes": 1 << 40}, {"callTimeoutMs": 0}, {"cpuSeconds": -1}, {"nonsense": 1}]
)
async def test_limits_out_of_range_are_refused_with_their_path(
    client: AsyncClient, plugins: Path, limits: dict[str, int]
) -> None:
    await client.install(str(plugins / "probe"))
    with pytest.raises(errors.InvalidParams) as caught:
        await client.call("plugins.setResourceLimits", {"pluginId": "probe", "limits": limits})
    assert caught.value.data.path is not None
    assert caught.value.data.path.startswith("$.limits")


async def test_limits_survive_a_restart_and_an_update(
    start: Callable[..., Daemon], plugins: Path, tmp_path: Path
) -> None:
    daemon = start()
    async with AsyncClient.connect(daemon.socket) as client:
        await client.install(str(plugins / "probe"))
        await client.set_resource_limits("probe", LimitChanges(memory_bytes=20 * MIB))
        await client.install(altered(plugins / "probe", tmp_path / "two", version="2.0.0"))
    assert daemon.stop() == 0
    async with AsyncClient.connect(start().socket) as client:
        assert (await client.get_resource_limits("probe")).memory_bytes == 20 * MIB


async def test_the_limit_of_the_system_moves_with_the_limit_of_memory_and_with_windows(
    client: AsyncClient, plugins: Path, examples: Path
) -> None:
    await client.install(str(examples / "invert"), grant="requested")
    pid = (await client.load("invert")).pid
    assert pid is not None

    def limit() -> int:
        return psutil.Process(pid).rlimit(psutil.RLIMIT_DATA)[0]

    first = limit()
    await client.set_resource_limits("invert", LimitChanges(memory_bytes=512 * MIB))
    assert limit() == first + 256 * MIB
    await client.set_resource_limits("invert", LimitChanges(memory_bytes=128 * MIB))
    assert limit() == first - 128 * MIB
    before = limit()
    window = await client.frames_open("invert", width=1920, height=1080, slots=2)
    grown = limit() - before
    assert 2 * 1920 * 1080 * 4 <= grown <= 2 * 1920 * 1080 * 4 + HUGE_PAGE_BYTES + MIB
    await client.frames_close(window.window_id)
    await client.frames_open("invert", width=1280, height=720, slots=2)  # in what the first one has left
    assert limit() - before == grown
