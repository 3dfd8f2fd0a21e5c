"""One zygote and pool per engine for the whole suite; plugins start in workers of their own.

An engine that can compile quickly, as for plugins in development, is tested both ways.
"""

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.conformance.differences import expected
from tests.conformance.running import Host, Running, Start
from tests.harness.engines import Expect, found, require
from tests.hostile.rows import ENGINES
from tests.unit.plugind_worker.windows import shared

from plugind.pace import Pace
from plugind.policy.plan import LaunchPlan
from plugind.supervisor.artefacts import ArtefactCache
from plugind.supervisor.compiler import CompileLimits, Compiler
from plugind.supervisor.pool import Pool, Timings
from plugind_protocol.manifest import Limits
from plugind_worker.engine.wasmtime import config

__all__ = ["shared"]

QUICK = "wasmtime-quick"


@pytest.fixture(scope="session")
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return "asyncio", {"use_uvloop": True}


@pytest.fixture(scope="session", params=[*ENGINES, QUICK])
def way(request: pytest.FixtureRequest) -> str:
    """The engine under test, and how it compiles."""
    name: str = request.param
    require(name.removesuffix("-quick"))
    if name == QUICK and config.settings(quick=True) is None:
        pytest.skip("there is no quick compiler for this machine")
    return name


@pytest.fixture(scope="session")
def engine(way: str) -> str:
    return way.removesuffix("-quick")


@pytest.fixture(scope="session")
def expect(engine: str) -> Expect:
    return lambda what: expected(engine, what)


@pytest.fixture(scope="session")
def wasmer_python() -> str:
    """The interpreter of the wasmer engine."""
    return require("wasmer")


@pytest.fixture(scope="session")
async def pool(engine: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Pool]:
    cache = ArtefactCache(tmp_path_factory.mktemp(engine), max_bytes=1 << 30)
    limits = CompileLimits(seconds=20, cpu_seconds=20, memory_bytes=1 << 30, artefact_bytes=1 << 28)
    pace = Pace()
    pool = Pool(
        Compiler(cache, limits, pace=pace),
        found(),
        pace=pace,
        timings=Timings(load=10, kill_grace=5),
        max_queued=100,
        max_result_bytes=1 << 20,
    )
    yield pool
    await pool.stop()
    cache.close()


@pytest.fixture
async def start(way: str, engine: str, pool: Pool, tmp_path: Path) -> AsyncIterator[Start]:
    started: list[Running] = []

    async def run(module: str | bytes, host: Host | None = None, **limits: int) -> Running:
        text = isinstance(module, str)
        data = module.encode() if isinstance(module, str) else module
        digest = hashlib.sha256(data).hexdigest()
        source = tmp_path / digest
        source.write_bytes(data)
        plan = LaunchPlan(
            plugin_id="guest",
            version="1.2.3",
            module=str(source),
            module_hash=digest,
            text=text,
            quick=way == QUICK,
            engine=engine,
            abi="",
            limits=Limits(**{"memory_bytes": 64 << 20, **limits}),
        )
        running = Running(host)
        running.worker = await pool.launch(plan, owner=running, meter=running.meter)
        started.append(running)
        return running

    yield run
    for running in started:
        await running.worker.stop()
