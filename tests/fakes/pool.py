"""Workers in memory: they start, run hooks, answer and end as real ones do, and fail where their module says so.

The module of a plugin for them is JSON: ``{"fails": "lifecycle.load"}`` lets that hook trap, ``{"refused": true}`` does
not compile.
"""

import asyncio
import itertools
import json
from pathlib import Path
from typing import Any

from plugind.policy.plan import LaunchPlan
from plugind_protocol.errors import PackageInvalid, Trap, WorkerCrashed
from plugind_protocol.worker import Compiled


def plugin(target: Path, version: str = "1.0.0", *, name: str = "p", fails: str | None = None, **changes: Any) -> str:
    """Write a plugin for these workers; return its folder."""
    target.mkdir(parents=True, exist_ok=True)
    manifest = {"name": name, "version": version, "main": "p.wasm", "permissions": ["timeline.read", "storage"]}
    (target / "p.wasm").write_text(json.dumps({"fails": fails, "version": version}))
    (target / "manifest.json").write_text(json.dumps(manifest | changes))
    return str(target)


class FakeWorker:
    """A worker of nobody's process."""

    def __init__(self, pool: "FakePool", plan: LaunchPlan, owner: Any) -> None:
        self.plan = plan
        self.pid = next(pool.pids)
        self.alive = True
        self.blamed = True
        self.neighbours: list[str] = []
        self.hooks: list[str] = []
        self.calls: set[asyncio.Future[None]] = set()
        self.idle = True
        self.unanswered = 0
        self.given = 0
        self.parked = False
        self.gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._pool = pool
        self._owner = owner
        self._fails = json.loads(Path(plan.module).read_text()).get("fails")

    async def hook(self, name: str, *, timeout: float, params: bytes = b"null") -> bytes:
        await asyncio.sleep(0)
        self.check_alive()
        self.hooks.append(name)
        if name == self._fails:
            raise Trap(f"{self.plan.plugin_id} {self.plan.version}: {name} trapped", plugin_id=self.plan.plugin_id)
        return b"null"

    def check_alive(self) -> None:
        if not self.alive:
            raise WorkerCrashed(f"{self.plan.plugin_id}: its worker is gone", cause="crash")

    async def call(self, function: str, args: object = None, *, timeout: float = 1.0) -> str:
        self.check_alive()
        await asyncio.sleep(0)
        return self.plan.version

    def has_window(self, _number: int) -> bool:
        return False

    async def open_window(self, *_args: object, **_options: object) -> None:
        self.check_alive()

    async def drained(self) -> None:
        if self.calls:
            await asyncio.wait(self.calls)

    async def limit(self, *_args: object, **_options: object) -> None:
        self.check_alive()

    async def ping(self, *, timeout: float) -> None:
        self.check_alive()

    async def stop(self) -> None:
        await asyncio.sleep(0)
        self.end(expected=True)

    def end(self, *, expected: bool = False) -> None:
        """End it, as if it were killed."""
        if not self.alive:
            return
        self.alive = False
        self._pool.workers.discard(self)
        error = WorkerCrashed(f"{self.plan.plugin_id} {self.plan.version}: its worker was killed by SIGKILL")
        self._owner.ended(self, error, expected=expected)
        self.gone.set_result(None)


class _FakeCompiler:
    def prefer(self, module_hashes: frozenset[str]) -> None:
        """Nothing is compiled, so nothing is kept."""


class FakePool:
    """Starts workers in memory."""

    def __init__(self) -> None:
        self.compiler = _FakeCompiler()
        self.pids = itertools.count(1)
        self.workers: set[FakeWorker] = set()

    def check(self, engine: str, *, who: str) -> None:
        """Every engine is there."""

    async def compile(
        self, source: Path, module_hash: str, *, text: bool, engine: str, quick: bool = False
    ) -> Compiled:
        await asyncio.sleep(0)
        if json.loads(source.read_text()).get("refused"):
            raise PackageInvalid(f"{source.name} cannot be compiled")
        return Compiled(abi="timeline", functions=[])

    async def launch(self, plan: LaunchPlan, *, owner: Any, meter: object) -> FakeWorker:
        await asyncio.sleep(0)
        worker = FakeWorker(self, plan, owner)
        self.workers.add(worker)
        return worker
