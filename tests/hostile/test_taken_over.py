"""A worker whose engine was escaped from: a real process at a real daemon, which says whatever it likes."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest
from tests.harness.bystander import Bystander
from tests.harness.daemon import Daemon
from tests.harness.engines import require
from tests.harness.plugins import altered
from tests.hostile import impostor
from tests.hostile.report import Report
from tests.hostile.stand_in import ENDS, LIES, PLUGIN

from plugind_client import AsyncClient
from plugind_protocol import errors
from plugind_protocol.methods import State

pytestmark = [pytest.mark.anyio, pytest.mark.process, pytest.mark.threat("Guest", "worker that breaks its protocol")]

UNBOUNDED = "[supervision]\nmax_restarts = 1000000\nbackoff_first_seconds = 0.001\nbackoff_max_seconds = 0.002\n"


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory, engine: str) -> Iterator[Daemon]:
    folder = tmp_path_factory.mktemp("taken-over")
    program = impostor.program(folder, interpreter=require(engine))
    config = folder / "plugind.toml"
    config.write_text(f'{UNBOUNDED}[engines.wasmer]\ninterpreter = "{program[-1]}"\n')
    running = Daemon(folder, "--config", str(config), "--engine", engine, program=program)
    yield running
    assert running.stop() == 0, running.log.read_text()
    assert "Traceback" not in running.log.read_text(), running.log.read_text()


@pytest.fixture
async def taken_over(client: AsyncClient, plugins: Path, tmp_path: Path) -> int:
    """Install the plugin that will be taken over, and one that will not; return the pid of the first."""
    await client.install(str(plugins / "probe"))
    await client.install(altered(plugins / "probe", tmp_path / "p", name=PLUGIN), grant="requested")
    pid = (await client.load(PLUGIN)).pid
    assert pid is not None
    return pid


async def ended(pid: int) -> None:
    """Wait until a process, which need not be a child, has ended."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        with anyio.fail_after(5):
            await anyio.wait_readable(descriptor)
    finally:
        os.close(descriptor)


@pytest.mark.parametrize("lie", LIES)
async def test_a_lie_costs_the_worker_its_life(client: AsyncClient, taken_over: int, lie: str) -> None:
    with pytest.raises(errors.WorkerCrashed, match="broke the protocol") as caught:
        await client.call_plugin(PLUGIN, lie, timeout_ms=5000)
    assert (caught.value.data.plugin_id, caught.value.data.cause) == (PLUGIN, "protocol")
    await ended(taken_over)
    assert await client.call_plugin("probe", "echo", args=lie) == lie
    assert await client.call_plugin(PLUGIN, "honest") is None
    metrics = {one.plugin_id: one for one in (await client.daemon_metrics()).plugins}
    assert (metrics[PLUGIN].crashes, metrics["probe"].crashes) == (1, 0)


@pytest.mark.parametrize("way", ENDS)
async def test_a_worker_may_go_in_any_way(client: AsyncClient, taken_over: int, way: str) -> None:
    with pytest.raises(errors.WorkerCrashed) as caught:
        await client.call_plugin(PLUGIN, way, timeout_ms=5000)
    assert caught.value.data.cause == "crash"
    await ended(taken_over)
    assert await client.call_plugin(PLUGIN, "honest") is None


@pytest.mark.threat("Guest", "worker that no longer listens")
async def test_a_worker_that_neither_reads_nor_answers_is_killed(
    client: AsyncClient, taken_over: int, report: Report
) -> None:
    """Its timer is dead, so that only the kill can end the call; what queues up behind it is bounded and answered."""
    outcomes: list[str] = []

    async def call() -> None:
        try:
            await client.call_plugin(PLUGIN, "never-reads", args="x" * 100_000, timeout_ms=300)
        except errors.PlugindError as error:
            outcomes.append(type(error).__name__)

    began = time.monotonic()
    async with anyio.create_task_group() as tasks:
        for _ in range(100):
            tasks.start_soon(call)
    over = time.monotonic() - began - 0.3
    assert len(outcomes) == 100
    assert set(outcomes) <= {"Timeout", "WorkerCrashed"}
    assert over < 3  # the grace is 1 s; the rest is the machine's
    await ended(taken_over)
    report.seen(f"killed {over * 1000:.0f} ms after the deadline")


@pytest.mark.threat("Guest", "log flood")
@pytest.mark.long
async def test_a_log_flood_of_a_worker_without_manners(
    client: AsyncClient, daemon: Daemon, taken_over: int, report: Report
) -> None:
    """The worker's own rate limit is gone; the daemon's holds, and a slow reader of the console is not cut off."""
    with Bystander(daemon.socket) as bystander:
        quiet = bystander.quiet()
        await client.call_plugin(PLUGIN, "log-flood")
        report.noticed(quiet, bystander.take())
    console = await client.console_get(PLUGIN)
    metrics = {one.plugin_id: one for one in (await client.daemon_metrics()).plugins}
    assert metrics[PLUGIN].console_dropped > 0
    assert len(console.messages) <= 2000
    assert (await client.get_plugin(PLUGIN)).state == State.LOADED
