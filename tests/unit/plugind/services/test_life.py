"""A plugin is brought to what is wanted of it, by whoever needs it first, and back there when its worker was lost."""

from pathlib import Path
from typing import Any, cast

import anyio
import pytest
from tests.fakes.daemon import FakeDaemon, running
from tests.fakes.pool import plugin
from tests.harness.waiting import until

from plugind.services.idle import Step
from plugind.services.runtime import Runtime
from plugind_protocol.errors import PluginNotFound, Trap
from plugind_protocol.methods import Install, State

pytestmark = pytest.mark.anyio


async def there(daemon: FakeDaemon, folder: Path, *, fails: str | None = None) -> Runtime:
    await daemon.catalog.install(Install(source=plugin(folder / "p", fails=fails), grant="requested"))
    daemon.told.clear()
    return daemon.catalog.get("p")


async def test_who_asks_together_gets_the_same_worker(tmp_path: Path) -> None:
    async with running(tmp_path / "data") as daemon:
        runtime, got = await there(daemon, tmp_path), set()

        async def ask(wanted: State) -> None:
            got.add(await runtime.ensure(wanted))

        async with anyio.create_task_group() as tasks:
            for wanted in (State.LOADED, State.ACTIVE, State.LOADED):
                tasks.start_soon(ask, wanted)
        assert len(got) == 1
        assert runtime.state is State.ACTIVE


async def test_who_asked_may_leave(tmp_path: Path) -> None:
    async with running(tmp_path / "data") as daemon:
        runtime = await there(daemon, tmp_path)
        with anyio.CancelScope() as scope:
            scope.cancel()
            await runtime.ensure(State.LOADED)
        assert runtime.state is State.LOADED


async def test_a_lost_worker_is_replaced_and_active_as_before(tmp_path: Path) -> None:
    async with running(tmp_path / "data") as daemon:
        runtime = await there(daemon, tmp_path)
        cast("Any", await runtime.ensure(State.ACTIVE)).end()
        assert (runtime.state, runtime.worker) == (State.ERROR, None)
        await until(lambda: runtime.state is State.ACTIVE)


async def test_a_hook_that_fails_is_an_error_and_leaves_no_worker(tmp_path: Path) -> None:
    async with running(tmp_path / "data") as daemon:
        runtime = await there(daemon, tmp_path, fails="lifecycle.activate")
        with pytest.raises(Trap):
            await runtime.ensure(State.ACTIVE)
        assert (runtime.state, runtime.worker, daemon.pool.workers) == (State.ERROR, None, set())
        await runtime.unload()


async def test_one_that_was_ended_while_idle_comes_back_unseen(tmp_path: Path) -> None:
    async with running(tmp_path / "data") as daemon:
        runtime = await there(daemon, tmp_path)
        worker = await runtime.ensure(State.ACTIVE)
        told = len(daemon.told)
        assert await runtime.rest(worker, Step.END)
        assert (runtime.worker, runtime.rested, runtime.hears) == (None, "ended", True)
        again = await runtime.ensure(State.LOADED)
        assert again is not worker
        assert (cast("Any", again).hooks[-1], runtime.rested) == ("main", None)
        assert len(daemon.told) == told


async def test_what_was_removed_is_not_there_for_who_waited(tmp_path: Path) -> None:
    async with running(tmp_path / "data") as daemon:
        runtime = await there(daemon, tmp_path)
        await daemon.catalog.uninstall("p")
        with pytest.raises(PluginNotFound):
            await runtime.ensure(State.LOADED)
