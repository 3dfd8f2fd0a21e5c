"""``initialize``, ``rpc.discover`` and the ``daemon.*`` methods."""

import os
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import msgspec
import psutil

from plugind.config import Config
from plugind.host.events.bus import EventBus
from plugind.host.providers import Providers
from plugind.registry import recovery
from plugind.registry.journal import Journal
from plugind.rpc.session import Session, Sessions
from plugind.services import exposition
from plugind.services.catalog import Catalog
from plugind.services.console import Console
from plugind.services.runtime import Runtime
from plugind.supervisor.compiler import Compiler
from plugind_protocol import PROTOCOL_VERSION, __version__, openrpc
from plugind_protocol.errors import InvalidParams
from plugind_protocol.methods import (
    CacheInfo,
    DaemonInfo,
    DaemonMetrics,
    DaemonStatus,
    Empty,
    EngineInfo,
    Initialize,
    InitializeResult,
    PluginMetrics,
    RecoveryInfo,
    SandboxInfo,
    StateInfo,
)


class Identity(msgspec.Struct, frozen=True):
    """What this daemon is, fixed at start."""

    socket: str
    data_dir: str
    engines: list[EngineInfo]
    sandbox: SandboxInfo
    recovered: RecoveryInfo | None = None
    """What had to be done about its state file."""


class DaemonService:
    """Answers for the daemon itself.

    Args:
        config: The settings.
        identity: What this daemon is.
        catalog: The installed plugins.
        journal: Their state changes.
        console: Their console.
        events: What they hear of.
        sessions: The connected clients.
        providers: Which of them answers plugins.
        compiler: Knows the cache of compiled modules.
        shutdown: Starts a graceful stop.
    """

    def __init__(
        self,
        config: Config,
        identity: Identity,
        *,
        catalog: Catalog,
        journal: Journal,
        console: Console,
        events: EventBus,
        sessions: Sessions,
        providers: Providers,
        compiler: Compiler,
        shutdown: Callable[[], None],
    ) -> None:
        self._config = config
        self._identity = identity
        self._catalog = catalog
        self._journal = journal
        self._console = console
        self._events = events
        self._sessions = sessions
        self._providers = providers
        self._compiler = compiler
        self._shutdown = shutdown
        self._began = time.monotonic()
        self._processes: dict[int, psutil.Process] = {}

    async def initialize(self, session: Session, params: Initialize) -> InitializeResult:
        """Open a session.

        Raises:
            InvalidParams: The client wants another major protocol version, or its project's path is not absolute.
        """
        if params.protocol_version.split(".")[0] != PROTOCOL_VERSION.split(".", maxsplit=1)[0]:
            raise InvalidParams(
                f"protocol version {params.protocol_version} is not supported",
                hint=f"This daemon speaks {PROTOCOL_VERSION}.",
                path="$.protocolVersion",
            )
        if params.project is not None and not Path(params.project.path).is_absolute():
            raise InvalidParams(
                f"the project's folder must be an absolute path, not {params.project.path!r}", path="$.project.path"
            )
        session.introduce(params.client, params.provides, project=params.project)
        return InitializeResult(
            protocol_version=PROTOCOL_VERSION,
            daemon=DaemonInfo(name="plugind", version=__version__),
            sandbox=self._identity.sandbox,
            engines=self._identity.engines,
        )

    async def discover(self, _session: Session, _params: Empty) -> dict[str, Any]:
        """Describe every method."""
        return openrpc.document()

    async def status(self, _session: Session, _params: Empty) -> DaemonStatus:
        """Health of the daemon."""
        return DaemonStatus(
            daemon=DaemonInfo(name="plugind", version=__version__),
            protocol_version=PROTOCOL_VERSION,
            pid=os.getpid(),
            uptime_seconds=round(time.monotonic() - self._began, 3),
            socket=self._identity.socket,
            data_dir=self._identity.data_dir,
            host=self._config.host,
            clients=len(self._sessions),
            plugins=dict(Counter(runtime.state for runtime in self._catalog.runtimes.values())),
            sandbox=self._identity.sandbox,
            engines=self._identity.engines,
            cache=await self._cache(),
            providers=self._providers.describe(),
            state=self._state(),
        )

    def _state(self) -> StateInfo:
        return StateInfo(
            epoch=self._journal.epoch,
            seq=self._journal.seq,
            journal_fault=self._journal.fault,
            recovered=self._identity.recovered,
            set_aside=recovery.set_aside_before(Path(self._identity.data_dir) / "state.db"),
            lost=self._catalog.shelf.lost_plugins(),
        )

    async def metrics(self, _session: Session, _params: Empty) -> DaemonMetrics:
        """Figures of the daemon and each plugin."""
        runtimes = [runtime for _, runtime in sorted(self._catalog.runtimes.items())]
        pids = {os.getpid(), *(worker.pid for runtime in runtimes for worker in runtime.workers)}
        usage = await anyio.to_thread.run_sync(self._usage, pids)
        plugins = [self._plugin(runtime, usage) for runtime in runtimes]
        own = usage.get(os.getpid(), _Usage())
        cache = await self._cache()
        return DaemonMetrics(
            plugins=plugins,
            memory_bytes=own.memory_bytes,
            cpu_seconds=own.cpu_seconds,
            cache=cache,
            prometheus=exposition.text(
                plugins,
                cache,
                clients=len(self._sessions),
                memory_bytes=own.memory_bytes,
                cpu_seconds=own.cpu_seconds,
            ),
        )

    async def stop(self, _session: Session, _params: Empty) -> None:
        """Stop gracefully; the answer is sent first."""
        self._shutdown()

    async def _cache(self) -> CacheInfo:
        compiler = self._compiler
        fill = await compiler.fill()
        return CacheInfo(
            bytes=fill.bytes,
            max_bytes=compiler.artefacts.max_bytes,
            artefacts=fill.artefacts,
            hits=compiler.hits,
            misses=compiler.misses,
            evicted=compiler.artefacts.evicted,
            refused=compiler.artefacts.refused,
        )

    def _plugin(self, runtime: Runtime, usage: "dict[int, _Usage]") -> PluginMetrics:
        pid = runtime.worker.pid if runtime.worker is not None else None
        used = [usage[worker.pid] for worker in runtime.workers if worker.pid in usage]
        meter = runtime.meter
        events = self._events.counts(runtime.plugin_id)
        return PluginMetrics(
            plugin_id=runtime.plugin_id,
            state=runtime.state,
            pid=pid,
            cpu_percent=sum(each.cpu_percent for each in used),
            cpu_seconds=sum(each.cpu_seconds for each in used),
            memory_bytes=sum(each.memory_bytes for each in used),
            workers=len(runtime.workers),
            rest=runtime.rested,
            calls=meter.calls,
            errors=meter.errors,
            host_calls=meter.host_calls,
            frames=meter.frames,
            crashes=meter.crashes,
            traps=meter.traps,
            p50_us=meter.call_us(0.5),
            p99_us=meter.call_us(0.99),
            frame_us=meter.frame_us(),
            console_dropped=self._console.dropped(runtime.plugin_id),
            events=events.delivered,
            events_dropped=events.dropped,
        )

    def _usage(self, pids: set[int]) -> "dict[int, _Usage]":
        self._processes = {
            pid: process for pid in pids if (process := self._processes.get(pid) or _process(pid)) is not None
        }
        usage = {}
        for pid, process in self._processes.items():
            try:
                times = process.cpu_times()
                memory = process.memory_full_info()
                usage[pid] = _Usage(process.cpu_percent(), times.user + times.system, memory.uss)
            except psutil.Error:
                continue  # it ended meanwhile
        return usage


class _Usage(msgspec.Struct, frozen=True):
    cpu_percent: float = 0.0
    cpu_seconds: float = 0.0
    memory_bytes: int = 0


def _process(pid: int) -> psutil.Process | None:
    try:
        return psutil.Process(pid)
    except psutil.Error:
        return None
