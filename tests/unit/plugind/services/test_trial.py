"""Another version is taken once it has shown that it runs; else the one before is back, with its crashes."""

from pathlib import Path
from typing import Any, cast

import pytest
from msgspec.structs import replace
from tests.fakes.daemon import FakeDaemon, running
from tests.fakes.pool import plugin

from plugind.services.environment import Installed
from plugind.services.runtime import Runtime
from plugind_protocol.errors import Trap
from plugind_protocol.methods import Install, State

pytestmark = pytest.mark.anyio


async def active(daemon: FakeDaemon, folder: Path) -> tuple[Runtime, Any]:
    await daemon.catalog.install(Install(source=plugin(folder / "1"), grant="requested"))
    runtime = daemon.catalog.get("p")
    worker = await runtime.ensure(State.ACTIVE)
    daemon.told.clear()
    return runtime, worker


def other(runtime: Runtime, folder: Path, *, fails: str | None = None) -> Installed:
    """Version 2 of a plugin, where it lies."""
    module = Path(plugin(folder / "2", "2.0.0", fails=fails)) / "p.wasm"
    record = replace(runtime.installed.record, version="2.0.0", package="2", granted=["storage"])
    return replace(runtime.installed, record=record, module=module)


async def nothing() -> None:
    """Nothing is to be made durable."""


async def disk_full() -> None:
    raise OSError("no space left on device")


async def test_it_runs_and_is_taken(tmp_path: Path) -> None:
    async with running(tmp_path / "data") as daemon:
        runtime, worker = await active(daemon, tmp_path)
        seen: list[Any] = []

        async def commit() -> None:
            seen.append((runtime.installed.record.version, runtime.committed.record.version, runtime.worker))

        before = runtime.installed
        await runtime.switch(other(runtime, tmp_path), commit=commit)
        assert seen == [("2.0.0", "1.0.0", None)]  # it can be called when it is durable, and not before
        assert (runtime.committed.record.version, runtime.state) == ("2.0.0", State.ACTIVE)
        assert sorted(map(str, runtime.granted)) == ["storage"]
        assert not worker.alive
        await runtime.switch(before, commit=nothing)


@pytest.mark.parametrize("fails", ["lifecycle.load", "lifecycle.activate", "main"])
async def test_one_that_does_not_get_there_is_not_taken(tmp_path: Path, fails: str) -> None:
    async with running(tmp_path / "data") as daemon:
        runtime, _ = await active(daemon, tmp_path)
        crashes = runtime.crashes
        with pytest.raises(Trap, match=r"p 1\.0\.0 is back as it was"):
            await runtime.switch(other(runtime, tmp_path, fails=fails), commit=disk_full)
        assert (runtime.installed.record.version, runtime.state) == ("1.0.0", State.ACTIVE)
        assert runtime.crashes is crashes
        assert sorted(map(str, runtime.granted)) == ["storage", "timeline.read"]
        assert [one.to for one in daemon.told] == [State.UPDATING, State.ACTIVE]
        assert {worker.plan.version for worker in daemon.pool.workers} == {"1.0.0"}


async def test_one_that_cannot_be_made_durable_is_not_taken(tmp_path: Path) -> None:
    async with running(tmp_path / "data") as daemon:
        runtime, _ = await active(daemon, tmp_path)
        with pytest.raises(OSError, match="no space left"):
            await runtime.switch(other(runtime, tmp_path), commit=disk_full)
        assert (runtime.installed.record.version, runtime.state) == ("1.0.0", State.ACTIVE)
        assert {worker.plan.version for worker in daemon.pool.workers} == {"1.0.0"}


async def test_one_that_is_lost_on_the_way_is_brought_back(tmp_path: Path) -> None:
    async with running(tmp_path / "data") as daemon:
        runtime, _ = await active(daemon, tmp_path)
        before = runtime.installed

        async def commit() -> None:
            (tried,) = daemon.pool.workers
            tried.end()

        await runtime.switch(other(runtime, tmp_path), commit=commit)
        assert runtime.state is State.ERROR
        worker = cast("Any", await runtime.ensure(State.LOADED))
        assert (worker.plan.version, worker.hooks[-1]) == ("2.0.0", "main")  # it was active
        await runtime.switch(before, commit=nothing)
