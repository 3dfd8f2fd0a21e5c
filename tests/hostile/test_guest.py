"""Guests against a real daemon: how late a runaway is stopped, and what others notice of floods and bombs."""

import os
import signal
import statistics
import time
from pathlib import Path
from typing import Any

import anyio
import pytest
from tests.harness.bystander import Bystander
from tests.harness.daemon import Daemon
from tests.harness.engines import Expect
from tests.harness.plugins import altered
from tests.hostile.report import Report

from plugind_client import AsyncClient
from plugind_protocol import errors
from plugind_protocol.methods import LimitChanges

pytestmark = [pytest.mark.anyio, pytest.mark.process]

DEADLINE_MS = 60


@pytest.mark.parametrize(
    "function",
    [
        pytest.param("spin", marks=pytest.mark.threat("Guest", "infinite loop in a call")),
        pytest.param("spin-memory", marks=pytest.mark.threat("Guest", "infinite loop in bulk memory operations")),
    ],
)
async def test_a_runaway_is_stopped_soon_after_its_deadline(
    client: AsyncClient, daemon: Daemon, plugins: Path, report: Report, *, expect: Expect, function: str
) -> None:
    await client.install(str(plugins / "spin"))
    await client.install(str(plugins / "probe"))
    pid = (await client.load("spin")).pid
    late = []
    with Bystander(daemon.socket) as bystander:
        quiet = bystander.quiet()
        for _ in range(15):
            began = time.perf_counter()
            with pytest.raises(errors.Timeout):
                await client.call_plugin("spin", function, timeout_ms=DEADLINE_MS)
            late.append((time.perf_counter() - began) * 1000 - DEADLINE_MS)
        report.noticed(quiet, bystander.take())
    with pytest.raises(errors.FunctionNotFound):
        await client.call_plugin("spin", "still there?")
    assert ((await client.get_plugin("spin")).pid != pid) == expect("a stopped call takes its worker with it")
    assert statistics.median(late) < 100
    report.cases(len(late))
    report.seen(f"stopped {statistics.median(late):.0f} ms after the deadline, at most {max(late):.0f}")


@pytest.mark.threat("Supervision", "worker stopped")
@pytest.mark.threat("Guest", "worker that no longer listens")
@pytest.mark.parametrize("at_once", [1, 12])
@pytest.mark.long
async def test_stopped_workers_cost_a_second_beyond_the_deadline_at_most(
    client: AsyncClient, plugins: Path, tmp_path: Path, report: Report, *, expect: Expect, at_once: int
) -> None:
    """Twelve of them: nothing but the kill can end their calls. One after another, and all together."""
    late = []

    async def call(name: str) -> None:
        began = time.perf_counter()
        with pytest.raises(errors.Timeout):
            await client.call_plugin(name, "echo", timeout_ms=DEADLINE_MS)
        late.append((time.perf_counter() - began) * 1000 - DEADLINE_MS)

    names = [f"stopped-{number}" for number in range(12)]
    for name in names:
        await client.install(altered(plugins / "probe", tmp_path / name, name=name))
        pid = (await client.load(name)).pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
    for first in range(0, len(names), at_once):
        async with anyio.create_task_group() as tasks:
            for name in names[first : first + at_once]:
                tasks.start_soon(call, name)
    late.sort()
    assert statistics.median(late) < (100 if expect("a stopped call takes its worker with it") else 1000)
    report.cases(len(late))
    words = "together" if at_once > 1 else "one by one"
    report.seen(f"{words}: {late[0]:.0f} to {late[-1]:.0f} ms after the deadline, median {statistics.median(late):.0f}")


MODULES = {
    "memory": '(memory (export "memory") 60000) (func (export "f"))',
    "table": '(table 50000000 funcref) (func (export "f"))',
}


@pytest.mark.threat("Guest", "memory and table bombs")
@pytest.mark.parametrize("what", MODULES)
async def test_a_huge_declared_minimum_is_refused_while_loading(
    client: AsyncClient, plugins: Path, tmp_path: Path, what: str
) -> None:
    folder = altered(plugins / "spin", tmp_path / "p", name="huge", abi="numeric")
    (Path(folder) / "plugin.wat").write_text(f"(module {MODULES[what]})")
    try:
        await client.install(folder)
    except errors.PackageInvalid:
        return  # refused even earlier, by a cap on what a module may declare
    with pytest.raises(errors.MemoryLimit):
        await client.load("huge")


@pytest.mark.threat("Guest", "memory and table bombs")
@pytest.mark.parametrize("function", ["grow", "touch", "table"])
@pytest.mark.long
async def test_others_are_served_while_a_bomb_goes_off(
    client: AsyncClient, daemon: Daemon, plugins: Path, report: Report, function: str
) -> None:
    await client.install(str(plugins / "grower"))
    await client.install(str(plugins / "probe"))
    await client.set_resource_limits("grower", LimitChanges(memory_bytes=64 << 20))
    with Bystander(daemon.socket) as bystander:
        quiet = bystander.quiet()
        for _ in range(5):
            await client.reload("grower")
            got = await client.call_plugin("grower", function, timeout_ms=20_000)
            assert 0 < got <= (100_000 if function == "table" else 1024)
        report.noticed(quiet, bystander.take())
    report.cases(5)


@pytest.mark.threat("Guest", "host-call flood")
@pytest.mark.long
async def test_a_host_call_flood_is_held_to_its_rate(
    client: AsyncClient, daemon: Daemon, plugins: Path, tmp_path: Path, report: Report
) -> None:
    """Sixteen callers at once make one plugin ask its host without end."""
    flooding = altered(plugins / "probe", tmp_path / "p", name="flooding")
    await client.install(flooding, grant="requested")
    await client.install(str(plugins / "probe"))
    await client.load("flooding")
    rate = 500
    await client.set_resource_limits("flooding", LimitChanges(host_calls_per_second=rate))
    ask: dict[str, Any] = {"method": "system.getInfo", "params": {}}
    count = 0

    async def flood() -> None:
        nonlocal count
        while True:
            await client.call_plugin("flooding", "host", args=ask, timeout_ms=20_000)
            count += 1

    with Bystander(daemon.socket) as bystander:
        quiet = bystander.quiet()
        began = time.monotonic()
        with anyio.move_on_after(2.5):
            async with anyio.create_task_group() as tasks:
                for _ in range(16):
                    tasks.start_soon(flood)
        seconds = time.monotonic() - began
        report.noticed(quiet, bystander.take())
    assert rate < count <= rate * (seconds + 1) + 16
    report.cases(count)
    report.seen(f"{count / seconds:.0f} host calls per second at a limit of {rate} and a burst of as many")


@pytest.mark.threat("Guest", "log flood")
@pytest.mark.long
async def test_a_log_flood_of_a_guest(client: AsyncClient, daemon: Daemon, plugins: Path, report: Report) -> None:
    await client.install(str(plugins / "wasi-hello"))
    await client.install(str(plugins / "probe"))
    await client.load("wasi-hello")
    with Bystander(daemon.socket) as bystander:
        quiet = bystander.quiet()
        for _ in range(3):
            await client.call_plugin("wasi-hello", "flood", timeout_ms=30_000)
        report.noticed(quiet, bystander.take())
    console = await client.console_get("wasi-hello")
    assert len(console.messages) <= 2000
    assert console.dropped >= 300_000 - 2000
    report.seen(f"{console.dropped} of 300 000 messages dropped and counted")


@pytest.mark.threat("Guest", "recursion, unreachable, division, out of bounds")
@pytest.mark.long
async def test_others_are_served_while_a_guest_traps(
    client: AsyncClient, daemon: Daemon, plugins: Path, report: Report
) -> None:
    await client.install(str(plugins / "trapper"))
    await client.install(str(plugins / "probe"))
    functions = ["unreachable", "divide", "bounds", "recurse", "indirect", "convert"]
    kinds: set[str] = set()
    with Bystander(daemon.socket) as bystander:
        quiet = bystander.quiet()
        for turn in range(60):
            try:
                await client.call_plugin("trapper", functions[turn % len(functions)])
            except errors.PlugindError as error:
                kinds.add(type(error).__name__)
        report.noticed(quiet, bystander.take())
    assert {"Trap", "Quarantined"} <= kinds <= {"Trap", "Quarantined", "WorkerCrashed"}  # the last when it is given up
    report.cases(60)
