"""The catalogue under random operations: no step that the table does not allow, each told once and in order.

The catalogue, the state file, the journal and the packages are real; workers are in memory, and end when they are told
to.
"""

import asyncio
import contextlib
import shutil
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings
from msgspec.structs import replace
from tests.fakes.daemon import FakeDaemon, running
from tests.fakes.pool import plugin

from plugind.config import Config, Supervision
from plugind.policy import grants
from plugind.registry import lifecycle
from plugind_protocol.errors import PlugindError
from plugind_protocol.methods import Install, State, StateChanged

CONFIG = Config(supervision=Supervision(kept_versions=2), changes_kept=10_000)
NAMES = st.sampled_from(["a", "b", "c"])
VERSIONS = st.sampled_from(["1.0.0", "2.0.0", "3.0.0"])
FAILS = st.sampled_from([None, None, None, "lifecycle.load", "lifecycle.activate", "main", "lifecycle.unload"])

Operation = Callable[[FakeDaemon, Path], Awaitable[None]]


def checked(told: list[StateChanged], states: dict[str, State], seq: int) -> int:
    """Follow what was told, and look whether it may be so; return the last number."""
    for change in told:
        seq += 1
        assert change.seq == seq
        assert change.from_ == states.get(change.plugin_id, State.NOT_INSTALLED), change
        lifecycle.check(change.from_, change.to, plugin_id=change.plugin_id)
        states[change.plugin_id] = change.to
    return seq


async def install(daemon: FakeDaemon, folder: Path, name: str, version: str, fails: str | None) -> None:
    source = plugin(folder / f"{name}-{version}-{fails}", version, name=name, fails=fails)
    await daemon.catalog.install(Install(source=source, grant="requested"))


def on(name: str, work: Callable[[FakeDaemon, str], Awaitable[Any]]) -> Operation:
    async def operation(daemon: FakeDaemon, _folder: Path) -> None:
        await work(daemon, name)

    return operation


async def kill(daemon: FakeDaemon, name: str) -> None:
    worker = daemon.catalog.get(name).worker
    if worker is not None:
        worker.end()


async def revoke(daemon: FakeDaemon, name: str) -> None:
    def less(record: Any) -> Any:
        return replace(record, granted=sorted(map(str, grants.revoke(grants.parsed(record.granted), ["storage"]))))

    with daemon.catalog.get(name).withdrawn(["storage"]):
        await daemon.catalog.change(name, less, earlier=less)
    assert "storage" not in map(str, daemon.catalog.get(name).granted)


async def disable(daemon: FakeDaemon, name: str) -> None:
    runtime = await daemon.catalog.change(name, lambda record: replace(record, enabled=False))
    await runtime.unload("disabled")


WORK: dict[str, Callable[[FakeDaemon, str], Awaitable[Any]]] = {
    "load": lambda daemon, name: daemon.catalog.get(name).ensure(State.LOADED),
    "activate": lambda daemon, name: daemon.catalog.get(name).ensure(State.ACTIVE),
    "deactivate": lambda daemon, name: daemon.catalog.get(name).deactivate(),
    "unload": lambda daemon, name: daemon.catalog.get(name).unload(),
    "reload": lambda daemon, name: daemon.catalog.get(name).reload(),
    "uninstall": lambda daemon, name: daemon.catalog.uninstall(name),
    "rollback": lambda daemon, name: daemon.catalog.rollback(name),
    "release": lambda daemon, name: daemon.catalog.quarantine.release(name, fallback=False),
    "fallback": lambda daemon, name: daemon.catalog.quarantine.release(name, fallback=True),
    "enable": lambda daemon, name: daemon.catalog.change(name, lambda record: replace(record, enabled=True)),
    "disable": disable,
    "revoke": revoke,
    "kill": kill,
}

OPERATIONS = st.one_of(
    st.builds(lambda *what: lambda daemon, folder: install(daemon, folder, *what), NAMES, VERSIONS, FAILS),
    st.builds(on, NAMES, st.sampled_from(sorted(WORK)).map(WORK.__getitem__)),
)


async def attempt(operation: Operation, daemon: FakeDaemon, folder: Path) -> None:
    with contextlib.suppress(PlugindError):  # whatever is refused is refused in words; what matters is what is told
        await operation(daemon, folder)


async def idle(daemon: FakeDaemon) -> None:
    """Let what was begun by itself come to its end: recoveries, quarantines."""
    for _ in range(3):
        for runtime in tuple(daemon.catalog.runtimes.values()):
            async with daemon.catalog.turns.change(runtime.plugin_id), runtime._life.lock:
                await asyncio.sleep(0)


def settled(daemon: FakeDaemon, folder: Path, states: dict[str, State]) -> None:
    """Look whether what was told, what is and what is kept are the same."""
    there = {name: runtime.state for name, runtime in daemon.catalog.runtimes.items()}
    assert {name: state for name, state in states.items() if state is not State.NOT_INSTALLED} == there
    for runtime in daemon.catalog.runtimes.values():
        assert (runtime.worker is not None) == (runtime.state in lifecycle.RUNNING)
    assert {worker.plan.plugin_id for worker in daemon.pool.workers} == {
        name for name, state in there.items() if state in lifecycle.RUNNING
    }
    kept = {one.plugin_id: one for one in daemon.database.records()}
    assert kept == {name: runtime.installed.record for name, runtime in daemon.catalog.runtimes.items()}
    packages = {one.package for name in there for one in daemon.catalog.shelf.versions(name).versions}
    packages |= {one.package for one in daemon.catalog.held.records()}
    assert {path.name for path in (folder / "data" / "packages").iterdir()} == packages


RESTART = "restart"
PROGRAMS = st.lists(st.one_of(st.just(RESTART), st.lists(OPERATIONS, min_size=1, max_size=4)), max_size=12)
"""Batches of operations that are begun together, with restarts in between."""


async def live(program: list[Any], folder: Path) -> None:
    states: dict[str, State] = {}
    seq = 0
    waiting = list(program)
    while True:
        async with running(folder / "data", CONFIG) as daemon:
            missed = daemon.journal.since(seq)  # what an earlier one has told last, and what this one adds
            assert missed is not None
            seq = checked(missed, states, seq)
            daemon.told.clear()
            settled(daemon, folder, states)
            while waiting and (batch := waiting.pop(0)) != RESTART:
                async with anyio.create_task_group() as tasks:
                    for operation in batch:
                        tasks.start_soon(attempt, operation, daemon, folder)
                await idle(daemon)
                seq = checked(daemon.told, states, seq)
                daemon.told.clear()
                settled(daemon, folder, states)
            if not waiting:
                return


def lived(program: list[Any]) -> None:
    folder = Path(tempfile.mkdtemp(dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
    try:
        anyio.run(live, program, folder)
    finally:
        shutil.rmtree(folder)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(PROGRAMS)
def test_nothing_is_lost_reordered_or_not_allowed(program: list[Any]) -> None:
    lived(program)


@pytest.mark.long
@pytest.mark.timeout(1800)
@settings(max_examples=1500, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(PROGRAMS)
def test_nothing_is_lost_for_long(program: list[Any]) -> None:
    lived(program)


def test_a_step_that_is_not_allowed_is_seen() -> None:
    """The checker itself: a gap, a wrong beginning, a step that the table does not have."""
    good = StateChanged(plugin_id="p", from_=State.NOT_INSTALLED, to=State.INSTALLING, reason=None, at="", seq=1)
    assert checked([good], {}, 0) == 1
    for bad in (replace(good, seq=2), replace(good, from_=State.ACTIVE), replace(good, to=State.ACTIVE)):
        with pytest.raises((AssertionError, PlugindError)):
            checked([bad], {}, 0)
