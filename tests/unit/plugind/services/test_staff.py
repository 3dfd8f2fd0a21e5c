"""The workers of one plugin, in memory: none is left when it is not loaded any more, and an end is told to each."""

from pathlib import Path
from typing import Any, cast

import pytest
from tests.fakes.daemon import FakeDaemon, running
from tests.fakes.pool import FakeWorker, plugin
from tests.harness.waiting import until

from plugind.services.runtime import Runtime
from plugind_protocol.methods import Install, State

pytestmark = pytest.mark.anyio


async def reinforced(daemon: FakeDaemon, folder: Path) -> tuple[Runtime, FakeWorker]:
    """Load a plugin and let a frame find its worker busy; return it, with one helper."""
    await daemon.catalog.install(Install(source=plugin(folder / "p"), grant="requested"))
    runtime = daemon.catalog.get("p")
    worker = cast("Any", await runtime.ensure(State.LOADED))
    worker.unanswered = 1
    assert runtime.crew.pick(worker, "e") is worker
    await until(lambda: runtime.crew.workers)
    assert len(daemon.pool.workers) == 2
    return runtime, worker


async def test_helpers_go_when_the_plugin_is_unloaded(tmp_path: Path) -> None:
    async with running(tmp_path / "data") as daemon:
        runtime, _ = await reinforced(daemon, tmp_path)
        await runtime.unload()
        assert daemon.pool.workers == set()


async def test_helpers_go_when_the_worker_was_lost_just_before(tmp_path: Path) -> None:
    async with running(tmp_path / "data") as daemon:
        runtime, worker = await reinforced(daemon, tmp_path)
        worker.end()  # what brings it back has not begun
        await runtime.unload()
        assert daemon.pool.workers == set()
        assert runtime.state is State.INSTALLED


async def test_a_helper_runs_no_other_hook_than_load(tmp_path: Path) -> None:
    async with running(tmp_path / "data") as daemon:
        runtime, worker = await reinforced(daemon, tmp_path)
        await runtime.ensure(State.ACTIVE)
        (helper,) = cast("list[Any]", runtime.crew.workers)
        assert helper.hooks == ["lifecycle.load"]
        assert worker.hooks == ["lifecycle.load", "lifecycle.activate", "main"]


@pytest.mark.parametrize(
    ("state", "told"),
    [(State.LOADED, ["lifecycle.unload"]), (State.ACTIVE, ["lifecycle.deactivate", "lifecycle.unload"])],
)
async def test_a_worker_is_told_of_its_end_as_far_as_it_came(tmp_path: Path, state: State, told: list[str]) -> None:
    async with running(tmp_path / "data") as daemon:
        await daemon.catalog.install(Install(source=plugin(tmp_path / "p"), grant="requested"))
        runtime = daemon.catalog.get("p")
        worker = cast("Any", await runtime.ensure(state))
        before = len(worker.hooks)
        await runtime.unload()
        assert worker.hooks[before:] == told
        assert runtime.worker is None


async def test_a_hook_that_fails_at_the_end_does_not_keep_it(tmp_path: Path) -> None:
    async with running(tmp_path / "data") as daemon:
        await daemon.catalog.install(Install(source=plugin(tmp_path / "p", fails="lifecycle.unload")))
        runtime = daemon.catalog.get("p")
        await runtime.ensure(State.LOADED)
        await runtime.unload()
        assert daemon.pool.workers == set()
        assert daemon.console == ["lifecycle.unload failed: p 1.0.0: lifecycle.unload trapped"]
