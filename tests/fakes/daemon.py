"""The daemon's registry and catalogue, real and on a real disk, with workers in memory and everybody's ears."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import anyio
import anyio.abc
from tests.fakes.pool import FakePool
from tests.fakes.unpacking import extract

from plugind.config import Config
from plugind.host.effects import EffectRegistry
from plugind.host.events.bus import Ways
from plugind.host.own import OwnProviders, Surroundings
from plugind.registry import recovery
from plugind.registry.journal import Journal
from plugind.registry.sources import Sources
from plugind.registry.store import PackageStore
from plugind.services.catalog import Catalog
from plugind.services.changes import Announcer, ChangesService
from plugind.services.environment import Environment, Parallel
from plugind.supervisor import restart
from plugind.supervisor.crew import Seats
from plugind_protocol.methods import StateChanged


class _Ears:
    """Stands for all clients."""

    def __init__(self, told: list[StateChanged]) -> None:
        self._told = told

    def broadcast(self, _method: str, change: StateChanged) -> None:
        self._told.append(change)


class _NoCapsules:
    def take(self, *_args: object, **_options: object) -> None:
        """Nobody looks at them."""


async def _nothing_is_fetched(url: str, *_args: object) -> None:
    raise AssertionError(url)


class FakeDaemon:
    """What is left of a daemon without sockets and processes. Made by `running`."""

    def __init__(self, folder: Path, tasks: anyio.abc.TaskGroup, config: Config) -> None:
        self.told: list[StateChanged] = []
        self.console: list[str] = []
        self.pool = FakePool()
        self.store = PackageStore(folder)
        self.database, self.recovered = recovery.open_database(folder / "state.db", self.store)
        self.journal = Journal(folder / "journal.jsonl", kept=config.changes_kept)
        self.effects = EffectRegistry(lambda _plugin, _ids: None)
        self.own = OwnProviders(folder, self._surroundings(), open_stores=2, network=config.network)
        environment = Environment(
            pool=cast("Any", self.pool),
            host_calls=cast("Any", None),
            forget=self._forget,
            own=self.own,
            effects=self.effects,
            tasks=tasks,
            announce=Announcer(self.journal, cast("Any", _Ears(self.told))),
            held=lambda _plugin, _update: None,
            console=lambda _plugin, _level, text: self.console.append(text),
            console_dropped=lambda _plugin, _count: None,
            capsules=cast("Any", _NoCapsules()),
            restarts=restart.Policy(backoff_first_seconds=0.0, backoff_max_seconds=0.0),
            hook_timeout=1.0,
            parallel=Parallel(workers=2, idle_seconds=60.0, seats=Seats(8)),
            health_timeout=1.0,
            used=lambda: None,
            drain=1.0,
        )
        sources = Sources(folder / "incoming", unpack=extract, download=_nothing_is_fetched)
        self.catalog = Catalog(config, self.database, self.store, sources=sources, environment=environment)
        self.changes = ChangesService(self.journal, self.catalog)

    def _forget(self, plugin_id: str) -> None:
        self.effects.forget(plugin_id)
        self.own.forget(plugin_id)

    def _surroundings(self) -> Surroundings:
        async def unheard(_plugin: str, _params: bytes) -> None:
            """Nobody is told."""

        say = lambda _plugin, _level, text: self.console.append(text)  # noqa: E731
        return Surroundings(
            package=lambda plugin_id: self.catalog.get(plugin_id).package,
            project=lambda: None,
            limit=lambda plugin_id: self.catalog.get(plugin_id).installed.limits.storage_bytes,
            warn=lambda _plugin, _used, _limit: None,
            console=say,
            events=Ways(deliver=unheard, allowed=lambda _plugin: True, tell_clients=lambda _event: None, console=say),
        )

    async def start(self) -> None:
        await self.catalog.restore()
        self.changes.close_gap()

    def close(self) -> None:
        self.journal.close()
        self.database.close()


@asynccontextmanager
async def running(folder: Path, config: Config | None = None) -> AsyncIterator[FakeDaemon]:
    """Run one in a folder, from its start to its clean end."""
    folder.mkdir(exist_ok=True)
    async with anyio.create_task_group() as tasks:
        daemon = FakeDaemon(folder, tasks, config or Config())
        try:
            await daemon.start()
            yield daemon
            for runtime in tuple(daemon.catalog.runtimes.values()):
                await runtime.unload("shutdown", 1.0)
            await daemon.own.close()
        finally:
            daemon.close()
        tasks.cancel_scope.cancel()
