"""Guests that misbehave, workers that die, calls that end early: who called learns why, all others notice nothing."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import anyio
import anyio.lowlevel
import psutil
import pytest
from tests.harness.daemon import Daemon, alive
from tests.harness.engines import Expect
from tests.harness.waiting import until

from plugind_client import AsyncClient
from plugind_protocol import errors
from plugind_protocol.methods import State

pytestmark = [pytest.mark.anyio, pytest.mark.process]


async def running(client: AsyncClient, plugin_id: str, *, cpu_seconds: float = 0.05) -> int:
    """Wait until a plugin's worker computes; return its pid."""

    async def computing() -> int | None:
        pid = (await client.get_plugin(plugin_id)).pid
        return pid if pid is not None and psutil.Process(pid).cpu_times().user >= cpu_seconds else None

    pid = await until(computing)
    assert pid is not None
    return pid


async def replaced(client: AsyncClient, plugin_id: str, pid: int) -> None:
    """Wait until a plugin has another worker than this one, or none yet."""

    async def gone() -> bool:
        return (await client.get_plugin(plugin_id)).pid != pid

    await until(gone)


@pytest.mark.threat("Guest", "infinite loop in a call")
@pytest.mark.threat("Guest", "infinite loop in bulk memory operations")
@pytest.mark.parametrize("function", ["spin", "spin-memory"])
async def test_a_call_that_never_ends_is_stopped_at_its_deadline(
    client: AsyncClient, plugins: Path, expect: Expect, function: str
) -> None:
    await client.install(str(plugins / "spin"))
    pid = (await client.load("spin")).pid
    with pytest.raises(errors.Timeout, match="100 ms") as caught:
        await client.call_plugin("spin", function, timeout_ms=100)
    assert (caught.value.data.plugin_id, caught.value.data.version, caught.value.data.cause) == (
        "spin",
        "1.0.0",
        "timeout",
    )
    with pytest.raises(errors.FunctionNotFound):
        await client.call_plugin("spin", "still there?")
    assert ((await client.get_plugin("spin")).pid != pid) == expect("a stopped call takes its worker with it")
    assert (await client.daemon_metrics()).plugins[0].crashes == 0


@pytest.mark.threat("Guest", "infinite loop in the start function")
async def test_a_start_function_that_never_ends_is_stopped(
    start: Callable[..., Daemon], plugins: Path, tmp_path: Path
) -> None:
    settings = tmp_path / "plugind.toml"
    settings.write_text("[supervision]\nload_timeout_seconds = 0.3\n")
    daemon = start("--config", str(settings))
    async with AsyncClient.connect(daemon.socket) as client:
        await client.install(str(plugins / "spin-start"))
        with pytest.raises(errors.Timeout, match="not loaded within 300 ms"):
            await client.load("spin-start")
        assert (await client.get_plugin("spin-start")).state == State.ERROR
        zygote = psutil.Process(daemon.process.pid).children()
        assert len(zygote) == 1
        # the spare worker, and nothing that spins
        await until(lambda: [one.status() for one in zygote[0].children()] == ["sleeping"])


@pytest.mark.threat("Guest", "recursion, unreachable, division, out of bounds")
@pytest.mark.parametrize("function", ["unreachable", "divide", "bounds", "recurse", "indirect", "convert"])
async def test_a_trap_names_its_reason_and_the_next_call_works(
    client: AsyncClient, plugins: Path, function: str
) -> None:
    await client.install(str(plugins / "trapper"))
    pid = (await client.load("trapper")).pid
    with pytest.raises(errors.Trap) as caught:
        await client.call_plugin("trapper", function)
    assert caught.value.data.cause == "trap"
    assert caught.value.data.stack
    with pytest.raises(errors.FunctionNotFound):
        await client.call_plugin("trapper", "still there?")
    assert (await client.get_plugin("trapper")).pid == pid


@pytest.mark.threat("Guest", "state after a trap")
async def test_after_a_trap_the_instance_is_fresh_and_its_hooks_have_run(client: AsyncClient, plugins: Path) -> None:
    await client.install(str(plugins / "probe"))
    await client.activate("probe")
    assert [await client.call_plugin("probe", "count") for _ in range(3)] == [1, 2, 3]
    with pytest.raises(errors.Trap):
        await client.call_plugin("probe", "panic")
    assert await client.call_plugin("probe", "count") == 1
    assert await client.call_plugin("probe", "hooks") == ["lifecycle.load", "lifecycle.activate", "main"]


@pytest.mark.threat("Guest", "memory and table bombs")
async def test_memory_ends_at_the_limit(client: AsyncClient, plugins: Path) -> None:
    await client.install(str(plugins / "grower"))
    limit = (await client.get_plugin("grower")).limits.memory_bytes
    assert limit is not None
    pages = await client.call_plugin("grower", "touch", timeout_ms=60_000)
    assert 0 < pages <= limit // 65536
    metrics = (await client.daemon_metrics()).plugins[0]
    assert metrics.memory_bytes < 1.5 * limit


@pytest.mark.threat("Supervision", "worker killed by a signal")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT])
async def test_a_worker_killed_during_a_call(
    client: AsyncClient, plugins: Path, expect: Expect, number: signal.Signals
) -> None:
    if number is signal.SIGSEGV and expect("a SIGSEGV from outside during a call") == "Trap":
        await trapped_by_a_signal(client, plugins)
        return
    await client.install(str(plugins / "spin"))
    await client.install(str(plugins / "probe"))
    await client.load("probe")
    changes = client.notifications("plugins.stateChanged")
    failures: list[errors.PlugindError] = []

    async def call() -> None:
        with pytest.raises(errors.WorkerCrashed) as caught:
            await client.call_plugin("spin", "spin")
        failures.append(caught.value)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(call)
        tasks.start_soon(call)
        pid = await running(client, "spin")
        os.kill(pid, number)
        assert await client.call_plugin("probe", "echo", args="others notice nothing") == "others notice nothing"
    assert [failure.data.cause for failure in failures] == ["crash", "crash"]
    assert number.name in failures[0].message
    assert "spin 1.0.0" in failures[0].message
    assert not alive(pid)
    with anyio.fail_after(40):
        async for change in changes:
            if change.to == State.ERROR:
                assert number.name in change.reason
                break
    with pytest.raises(errors.Timeout):  # a new worker takes the next call
        await client.call_plugin("spin", "spin", timeout_ms=50)
    info = await client.load("spin")
    assert info.state == State.LOADED
    assert info.pid not in (None, pid)


async def trapped_by_a_signal(client: AsyncClient, plugins: Path) -> None:
    """The engine takes the signal for one that its guest has raised."""
    await client.install(str(plugins / "spin"))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(call_that_fails, client, errors.Trap)
        pid = await running(client, "spin")
        os.kill(pid, signal.SIGSEGV)
    with pytest.raises(errors.FunctionNotFound):
        await client.call_plugin("spin", "still there?")
    assert (await client.get_plugin("spin")).pid == pid


async def call_that_fails(client: AsyncClient, kind: type[errors.PlugindError]) -> None:
    with pytest.raises(kind):
        await client.call_plugin("spin", "spin")


@pytest.mark.threat("Guest", "worker that no longer listens")
@pytest.mark.threat("Supervision", "worker stopped")
async def test_a_stopped_worker_is_killed_at_the_deadline(client: AsyncClient, plugins: Path, expect: Expect) -> None:
    await client.install(str(plugins / "probe"))
    pid = (await client.load("probe")).pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    began = time.monotonic()
    at_once = expect("a stopped call takes its worker with it")
    with pytest.raises(errors.Timeout, match="stops no guest" if at_once else "killed"):
        await client.call_plugin("probe", "echo", timeout_ms=50)
    assert time.monotonic() - began < 25  # the deadline of a call that names none is 30
    await until(lambda: not alive(pid))
    assert await client.call_plugin("probe", "echo", args=1) == 1


async def test_an_active_plugin_is_active_again_after_a_crash(client: AsyncClient, plugins: Path) -> None:
    await client.install(str(plugins / "probe"))
    info = await client.activate("probe")
    assert info.pid is not None
    os.kill(info.pid, signal.SIGKILL)
    await replaced(client, "probe", info.pid)
    assert await client.call_plugin("probe", "hooks") == ["lifecycle.load", "lifecycle.activate", "main"]

    async def active() -> bool:
        return await client.get_state("probe") == State.ACTIVE

    await until(active)


@pytest.mark.threat("Supervision", "zygote killed")
async def test_a_zygote_that_is_killed_is_replaced(client: AsyncClient, daemon: Daemon, plugins: Path) -> None:
    await client.install(str(plugins / "probe"))
    info = await client.load("probe")
    assert info.pid is not None
    (zygote,) = psutil.Process(daemon.process.pid).children()
    zygote.kill()
    await replaced(client, "probe", info.pid)
    assert await client.call_plugin("probe", "echo", args=1) == 1
    assert not alive(info.pid)


async def test_cancelling_a_call_stops_the_guest(client: AsyncClient, plugins: Path) -> None:
    await client.install(str(plugins / "spin"))
    await client.load("spin")
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(client.call_plugin, "spin", "spin")
        pid = await running(client, "spin")
        tasks.cancel_scope.cancel()
    with pytest.raises(errors.FunctionNotFound):
        await client.call_plugin("spin", "something else")
    assert (await client.get_plugin("spin")).pid == pid


async def test_a_client_that_leaves_takes_its_calls_with_it(client: AsyncClient, daemon: Daemon, plugins: Path) -> None:
    await client.install(str(plugins / "spin"))
    async with AsyncClient.connect(daemon.socket) as leaving, anyio.create_task_group() as tasks:
        tasks.start_soon(leaving.call_plugin, "spin", "spin")
        await running(client, "spin")
        tasks.cancel_scope.cancel()
    with pytest.raises(errors.FunctionNotFound):
        await client.call_plugin("spin", "something else", timeout_ms=5000)


async def test_a_queued_call_times_out_without_harm_to_the_running_one(client: AsyncClient, plugins: Path) -> None:
    await client.install(str(plugins / "spin"))
    await client.load("spin")

    async def running_call() -> None:
        with pytest.raises(errors.Timeout, match="600 ms"):
            await client.call_plugin("spin", "spin", timeout_ms=600)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(running_call)
        await running(client, "spin")
        with pytest.raises(errors.Timeout, match="waiting"):
            await client.call_plugin("spin", "other", timeout_ms=50)
    with pytest.raises(errors.FunctionNotFound):
        await client.call_plugin("spin", "other", timeout_ms=5000)


LIES = [
    "wild-pointer",
    "long-result",
    "huge-result",
    "null-pointer",
    "not-utf8",
    "not-json",
    "two-texts",
    "nan-result",
    "deep-result",
    "wild-error",
    "error-not-json",
    "error-not-object",
    "host-wild-method",
    "host-wild-params",
    "host-negative-length",
    "host-long-method",
]


@pytest.mark.threat("Guest", "lying pointers, lengths and texts")
@pytest.mark.parametrize("lie", LIES)
async def test_a_lying_guest_gets_a_typed_error_and_the_next_call_works(
    client: AsyncClient, plugins: Path, lie: str
) -> None:
    await client.install(str(plugins / "liar"))
    pid = (await client.load("liar")).pid
    with pytest.raises((errors.Trap, errors.PluginError, errors.TooLarge)) as caught:
        await client.call_plugin("liar", lie)
    assert "liar 1.0.0" in caught.value.message
    with pytest.raises(errors.FunctionNotFound):
        await client.call_plugin("liar", "truth")
    assert (await client.get_plugin("liar")).pid == pid
