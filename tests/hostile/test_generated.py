"""Modules that nobody wrote: valid ones, made at random, installed and called in every export."""

import collections
import json
import math
import os
import random
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import anyio
import anyio.to_thread
import pytest
from tests.harness.bystander import Bystander
from tests.harness.daemon import ROOT, Daemon
from tests.harness.engines import Expect
from tests.hostile.report import Report

from plugind_client import AsyncClient
from plugind_protocol import errors
from plugind_worker import engine
from plugind_worker.engine.base import EngineError

pytestmark = [pytest.mark.anyio, pytest.mark.process]

GENERATOR: Final = ROOT / "tests" / "hostile" / "smith"
BUILD: Final = ROOT / "build" / "out" / "smith"
SEED: Final = 1
CALL_MS: Final = 50

ALLOWED: Final = (
    *(errors.PackageInvalid, errors.UnsupportedAbi, errors.MemoryLimit, errors.Timeout, errors.Trap),
    *(errors.InvalidParams, errors.FunctionNotFound, errors.TooLarge),
)
"""What may come of a generated module. A lost worker or an internal error may not."""

UNBOUNDED: Final = "[supervision]\nmax_restarts = 1000000\nload_timeout_seconds = 1.0\n"
"""Traps count towards quarantine, and these trap all the time."""

NUMBERS: Final[dict[str, Sequence[Any]]] = {
    "i32": (0, 1, -1, 2**31 - 1, -(2**31), 0xFFFF, 65536),
    "i64": (0, 1, -1, 2**53, str(2**63 - 1), str(-(2**63))),
    "f32": (0, -0.0, 1.5, 3.4e38, -1e-45),
    "f64": (0, -0.0, 1.5, 1.7e308, 5e-324, math.pi),
}


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory, engine: str) -> list[Path]:
    """Modules generated for an engine."""
    built = BUILD / "release" / "smith"
    sources = [path.stat().st_mtime for path in GENERATOR.rglob("*") if path.is_file()]
    if not built.exists() or built.stat().st_mtime < max(sources):
        if shutil.which("cargo") is None:
            pytest.skip("needs cargo, to build the generator")
        command = ["cargo", "build", "--release", "--locked", "--quiet"]
        subprocess.run([*command, "--target-dir", str(BUILD)], cwd=GENERATOR, check=True, timeout=600)
        built.touch()
    folder = tmp_path_factory.mktemp("generated")
    count = os.environ.get("HOSTILE_MODULES", "300")
    subprocess.run([built, count, str(SEED), folder, engine], check=True, timeout=60)
    return sorted(folder.iterdir())


def exports(module: Path) -> dict[str, list[str]]:
    """The functions that a module, which was installed, exports, and the types of their parameters.

    None for what only wasmer accepts (externref): wasmtime's binding aborts when it is asked for such types.
    """
    try:
        found = engine.load("wasmtime").compile(module.read_bytes()).exports
    except EngineError:
        return {}
    functions = {one.name: one.signature for one in found if one.signature is not None}
    return {name: [parameter.value for parameter in signature.params] for name, signature in functions.items()}


class Attempts:
    """Tries modules one after the other and counts what comes of it."""

    def __init__(self, client: AsyncClient, folder: Path, *, overflows: str) -> None:
        self.outcomes: collections.Counter[str] = collections.Counter()
        self._client = client
        self._overflows = overflows
        self._folder = folder
        self._chance = random.Random(SEED)

    async def one(self, module: Path) -> None:
        """Install, load, call every export, uninstall."""
        self._folder.mkdir(exist_ok=True)
        shutil.copyfile(module, self._folder / "m.wasm")
        manifest = {"name": "generated", "version": "1.0.0", "main": "m.wasm"}
        (self._folder / "manifest.json").write_text(json.dumps(manifest))
        if not await self._outcome("install", self._client.install(str(self._folder))):
            return
        if await self._outcome("load", self._client.load("generated")):
            for name, parameters in (await anyio.to_thread.run_sync(exports, module)).items():
                args = [self._chance.choice(NUMBERS.get(kind, (None,))) for kind in parameters]
                await self._outcome("call", self._client.call_plugin("generated", name, args=args, timeout_ms=CALL_MS))
        await self._client.uninstall("generated")

    async def _outcome(self, what: str, attempt: Any) -> bool:
        try:
            await attempt
        except ALLOWED as error:
            self.outcomes[f"{what}: {type(error).__name__}"] += 1
            return False
        except errors.WorkerCrashed as error:
            if self._overflows not in error.message:
                raise
            self.outcomes[f"{what}: worker lost"] += 1
            return False
        self.outcomes[f"{what}: fine"] += 1
        return True


@pytest.mark.long
@pytest.mark.timeout(1200)
@pytest.mark.threat("Guest", "generated modules")
async def test_generated_modules(
    start: Callable[..., Daemon],
    settings: Callable[[str], str],
    report: Report,
    tmp_path: Path,
    *,
    modules: list[Path],
    expect: Expect,
) -> None:
    daemon = start("--config", settings(UNBOUNDED))
    async with AsyncClient.connect(daemon.socket) as client:
        await client.install(str(ROOT / "tests" / "plugins" / "probe"))
        overflows = expect("stack that ends in the engine's own code")
        attempts = Attempts(client, tmp_path / "generated", overflows=overflows)
        with Bystander(daemon.socket) as bystander:
            quiet = bystander.quiet()
            for module in modules:
                await attempts.one(module)
            report.noticed(quiet, bystander.take())
        pids = {plugin.plugin_id: plugin.pid for plugin in await client.list_plugins()}
    assert list(pids) == ["probe"]
    called = sum(count for what, count in attempts.outcomes.items() if what.startswith("call"))
    assert called >= len(modules)
    assert "Traceback" not in daemon.log.read_text()
    report.cases(len(modules))
    report.seen(", ".join(f"{what} {count}" for what, count in sorted(attempts.outcomes.items())))
