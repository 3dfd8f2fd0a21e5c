"""Builds the daemon out of its parts and runs it: the one place where objects are constructed and wired."""

import contextlib
import gc
import hashlib
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import anyio
import anyio.abc
import msgspec
import structlog

from plugind import derived, stopping
from plugind.config import Config
from plugind.errors import StartupError
from plugind.host.effects import EffectRegistry
from plugind.host.events.bus import Ways
from plugind.host.own import OwnProviders, Surroundings
from plugind.host.providers import Absence, Providers
from plugind.listen.endpoint import Endpoint, resolve
from plugind.listen.serve import serve
from plugind.pace import Pace
from plugind.registry import recovery
from plugind.registry.available import PackageFolders
from plugind.registry.capsules import CapsuleStore
from plugind.registry.database import Database
from plugind.registry.download import Downloader
from plugind.registry.exclusive import hold
from plugind.registry.journal import Journal
from plugind.registry.ledger import Ledger
from plugind.registry.packages import manifest_of
from plugind.registry.sources import Sources
from plugind.registry.store import PackageStore
from plugind.rpc.connection import Connection
from plugind.rpc.dispatch import Dispatcher
from plugind.rpc.session import Sessions
from plugind.services.bringing import Bringing
from plugind.services.capsules import Capsules
from plugind.services.catalog import Catalog
from plugind.services.changes import Announcer, ChangesService
from plugind.services.console import Console
from plugind.services.daemon import DaemonService, Identity
from plugind.services.dependencies import Dependencies
from plugind.services.development import Development
from plugind.services.effects import EffectsService
from plugind.services.environment import Environment
from plugind.services.events import EventsService, deliver
from plugind.services.frames import FramesService
from plugind.services.guests import GuestHost
from plugind.services.headless import HeadlessService
from plugind.services.idle import IdleWatch, Policy
from plugind.services.library import Library
from plugind.services.locking import Locking
from plugind.services.order import Order
from plugind.services.permissions import PermissionsService
from plugind.services.plugins import PluginsService
from plugind.services.ticker import Ticker
from plugind.services.unpacking import Unpacking
from plugind.services.updates import Updates
from plugind.services.usage import UsageWatch, warning
from plugind.supervisor import restart, scheduling
from plugind.supervisor.artefacts import ArtefactCache
from plugind.supervisor.compiler import Compiler
from plugind.supervisor.engines import Engines
from plugind.supervisor.pool import Pool, Timings
from plugind.supervisor.windows import WindowFolder
from plugind_protocol import PROTOCOL_VERSION
from plugind_protocol.errors import PackageInvalid
from plugind_protocol.methods import EffectsChanged, RecoveryInfo, SandboxInfo, UpdateHeld
from plugind_protocol.permissions import Permission
from plugind_protocol.worker import ZygoteReady

_SHORTEST_HOOK_SECONDS = 0.25
"""What each of a plugin's last hooks gets when all of the time to drain is used up."""
_LEDGER_SECONDS = 5.0
"""How often the uses of permissions are written; a daemon that is killed loses those since."""
_FAREWELL_SECONDS = 1.0
"""How long clients may take to read their last answers."""

_SWITCH_SECONDS = 0.0002
"""How long the loop waits for a thread of the daemon's own that computes, instead of Python's 5 ms."""

_EVENTS = Permission("events")
"""What a plugin must have been granted to hear of events."""

_log = structlog.get_logger(__name__)


def run(config: Config, environ: Mapping[str, str]) -> None:
    """Run the daemon until a signal, ``daemon.shutdown`` or the end of stdin stops it.

    Args:
        config: The settings.
        environ: The process environment.

    Raises:
        StartupError: It cannot start; nothing is left behind.
    """
    derived.check(config)
    try:
        anyio.run(_main, config, environ, backend_options={"use_uvloop": sys.platform != "win32"})
    except BaseExceptionGroup as group:  # not "except*": before CPython 3.11.4 that wraps what is raised in it
        matching, others = group.split(StartupError)
        if matching is None or others is not None:
            raise
        raise _first(matching) from group


def _first(group: BaseExceptionGroup[StartupError]) -> StartupError:
    error = group.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error


async def _main(config: Config, environ: Mapping[str, str]) -> None:
    scheduling.answer(0)
    sys.setswitchinterval(_SWITCH_SECONDS)
    endpoint = resolve(config.socket, environ)
    data_dir = derived.data_dir(config, environ)
    stop = anyio.Event()
    with hold(data_dir, owner=f"plugind with pid {os.getpid()}, listening at {endpoint.path},"):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(stopping.on_signals, stop, tasks.cancel_scope)
            with stopping.with_stdin(stop) if config.exit_with_stdin else contextlib.nullcontext():
                await _serve(config, environ, endpoint, data_dir, tasks=tasks, stop=stop)
            tasks.cancel_scope.cancel()


async def _serve(
    config: Config,
    environ: Mapping[str, str],
    endpoint: Endpoint,
    data_dir: Path,
    *,
    tasks: anyio.abc.TaskGroup,
    stop: anyio.Event,
) -> None:
    """Build the daemon, serve until told to stop, and take everything down in the opposite order."""
    providers = Providers(
        lambda changed: sessions.broadcast("host.changed", changed),
        absence=Absence(unavailable=config.providers.unavailable, wait_seconds=config.providers.wait_seconds),
    )
    sessions = Sessions(lambda session: providers.offer(session, session.provides, reserve=session.fallback))
    pace = Pace()
    cache = ArtefactCache(derived.cache_dir(config, data_dir) / "modules", max_bytes=config.cache_bytes)
    store = PackageStore(data_dir)
    database, recovered = recovery.open_database(data_dir / "state.db", store)
    journal = Journal(data_dir / "journal.jsonl", kept=config.changes_kept)
    engines = Engines(wasmer=config.engines.wasmer.interpreter)
    pool = Pool(
        Compiler(cache, derived.compile_limits(config), pace=pace, degrade=config.sandbox == "degrade"),
        engines,
        pace=pace,
        timings=Timings(
            load=config.supervision.load_timeout_seconds,
            kill_grace=config.supervision.kill_grace_seconds,
        ),
        max_queued=config.supervision.queued_calls,
        max_result_bytes=config.wire.message_bytes,
        degrade=config.sandbox == "degrade",
        remembered=config.capsules.calls,
    )
    ledger = Ledger(data_dir / "ledger.db", now=time.time)
    windows = WindowFolder(hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:16])
    closing = contextlib.AsyncExitStack()
    try:
        engine = await _default_engine(pool, engines, config.engine)
        identity = Identity(
            socket=endpoint.path,
            data_dir=os.fspath(data_dir),
            engines=engines.infos,
            sandbox=SandboxInfo(layers=engine.layers, missing=engine.missing, mode=config.sandbox),
            recovered=msgspec.convert(recovered, RecoveryInfo, from_attributes=True) if recovered else None,
        )
        _report_sandbox(identity.sandbox)
        parts = _Parts(
            config,
            identity,
            database=database,
            journal=journal,
            ledger=ledger,
            data_dir=data_dir,
            store=store,
            incoming=data_dir / "incoming",
            capsule_store=CapsuleStore(data_dir / "capsules", config.capsules),
            environ=environ,
            pool=pool,
            windows=windows,
            sessions=sessions,
            providers=providers,
            pace=pace,
            tasks=tasks,
            stop=stop,
        )
        await parts.headless.start()
        await parts.catalog.restore()
        parts.changes.close_gap()
        tasks.start_soon(parts.development.restore)
        tasks.start_soon(parts.idle.watch)
        tasks.start_soon(parts.own.keep)
        tasks.start_soon(parts.usage.watch, config.supervision.usage_interval_seconds)
        tasks.start_soon(parts.permissions.keep, _LEDGER_SECONDS)
        closing.push_async_callback(parts.own.close)
        async with serve(endpoint, parts.connection) as server:
            gc.freeze()  # what is there now stays: to look through it for garbage takes 20 ms
            _announce_ready(endpoint)
            await stop.wait()
            _log.info("stopping")
            server.stop_accepting()
            until = anyio.current_time() + config.drain_seconds
            with anyio.move_on_after(config.drain_seconds):
                await sessions.drained()
            await parts.order.stop(hook_timeout=max(_SHORTEST_HOOK_SECONDS, (until - anyio.current_time()) / 2))
            await sessions.disconnect(seconds=_FAREWELL_SECONDS)
            await parts.headless.stop()
    finally:
        with anyio.CancelScope(shield=True):
            await pool.stop()
            await closing.aclose()
            windows.remove()
            cache.close()
            ledger.close()
            journal.close()
            database.close()


async def _default_engine(pool: Pool, engines: Engines, name: str) -> ZygoteReady:
    """Look for the engines, and start the one that plugins use where nobody chooses another.

    Raises:
        StartupError: It is not available, or does not come up.
    """
    if name == "wasmer":
        await engines.find()
        try:
            pool.check(name, who="the configuration")
        except PackageInvalid as exc:
            raise StartupError(exc.message) from exc
        return await pool.engine(name)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(engines.find)
        ready = await pool.engine(name)
    return ready  # noqa: RET504  # to mypy, a task group may swallow what is raised in it


class _Parts:
    """The daemon's objects, wired."""

    def __init__(
        self,
        config: Config,
        identity: Identity,
        *,
        database: Database,
        journal: Journal,
        ledger: Ledger,
        data_dir: Path,
        store: PackageStore,
        incoming: Path,
        capsule_store: CapsuleStore,
        environ: Mapping[str, str],
        pool: Pool,
        windows: WindowFolder,
        sessions: Sessions,
        providers: Providers,
        pace: Pace,
        tasks: anyio.abc.TaskGroup,
        stop: anyio.Event,
    ) -> None:
        self._config = config
        self._sessions = sessions
        effects = EffectRegistry(
            lambda plugin_id, ids: sessions.broadcast(
                "effects.changed", EffectsChanged(plugin_id=plugin_id, effects=ids)
            )
        )
        ticker = Ticker(lambda messages: sessions.broadcast("plugins.console", *messages))
        console = Console(config.console_messages, ticker.add)
        capsules = Capsules(
            config,
            capsule_store,
            packages=store,
            console=console,
            engines=pool.engines,
            tasks=tasks,
            homes=derived.homes(environ),
        )
        self.own = self._own_providers(data_dir, console)
        guests = GuestHost(
            config.providers,
            providers,
            self.own,
            effects=effects,
            ledger=ledger,
            package=lambda one: self.catalog.get(one).package,
        )
        self.idle = IdleWatch(
            lambda: self.catalog.runtimes.values(),  # noqa: PLW0108  # the catalogue comes later
            Policy(
                probe=config.supervision.health_interval_seconds,
                park=config.workers.park_after_seconds,
                end=config.workers.end_after_seconds,
            ),
        )
        environment = Environment(
            pool=pool,
            host_calls=guests.calls,
            forget=guests.forget,
            own=self.own,
            effects=effects,
            tasks=tasks,
            announce=Announcer(journal, sessions),
            held=lambda plugin_id, held: sessions.broadcast(
                "plugins.updateHeld", UpdateHeld(plugin_id=plugin_id, **msgspec.structs.asdict(held))
            ),
            console=console.add,
            console_dropped=console.drop,
            capsules=capsules,
            restarts=restart.Policy(
                max_restarts=config.supervision.max_restarts,
                window_seconds=config.supervision.restart_window_seconds,
                backoff_first_seconds=config.supervision.backoff_first_seconds,
                backoff_max_seconds=config.supervision.backoff_max_seconds,
            ),
            hook_timeout=config.supervision.hook_timeout_seconds,
            parallel=derived.parallel(config),
            health_timeout=config.supervision.health_timeout_seconds,
            used=self.idle.used,
            drain=config.supervision.drain_calls_seconds,
        )
        sources = Sources(
            incoming,
            unpack=Unpacking(pool, engine=config.engine).unpack,
            download=Downloader(config.downloads).fetch,
            find=self._find,
        )
        self.catalog = Catalog(config, database, store, sources=sources, environment=environment)
        library = Library(self.catalog, store, PackageFolders(map(Path, config.packages.folders), manifest_of))
        self._dependencies = Dependencies(library, sources, lambda: derived.host(config, sessions))
        self.headless = HeadlessService(
            derived.headless(config, environ), self.connection, policy=environment.restarts, tasks=tasks
        )
        self.order = Order(self.catalog)
        bringing = Bringing(self.catalog, library, self._dependencies, self.order)
        self.usage = UsageWatch(self.catalog, lambda warning: sessions.broadcast("plugins.resourceWarning", warning))
        daemon = DaemonService(
            config,
            identity,
            catalog=self.catalog,
            journal=journal,
            console=console,
            events=self.own.events,
            sessions=sessions,
            providers=providers,
            compiler=pool.compiler,
            shutdown=stop.set,
        )
        self.permissions = PermissionsService(self.catalog, ledger)
        locking = Locking(self.catalog, library, sources=sources, bringing=bringing, permissions=self.permissions)
        plugins = PluginsService(self.catalog, self.permissions, bringing=bringing, order=self.order)
        self.changes = ChangesService(journal, self.catalog)
        self.development = Development(
            config,
            self.catalog,
            database=database,
            pool=pool,
            tasks=tasks,
            console=console.add,
            data=Path(identity.data_dir) / "development",
        )
        frames = FramesService(self.catalog, windows, order=self.order)
        self._dispatcher = _dispatcher(
            daemon,
            plugins=plugins,
            dependencies=self._dependencies,
            locking=locking,
            updates=Updates(
                self.catalog,
                library,
                dependencies=self._dependencies,
                bringing=bringing,
                permissions=self.permissions,
            ),
            development=self.development,
            permissions=self.permissions,
            changes=self.changes,
            frames=frames,
            effects=EffectsService(self.catalog, effects, frames, order=self.order),
            console=console,
            capsules=capsules,
            events=EventsService(self.catalog, self.own.events),
            headless=self.headless,
        )
        self._pace = pace
        self._tasks = tasks

    async def _find(self, plugin_id: str, wanted: str) -> Path:
        return await self._dependencies.find(plugin_id, wanted)

    def _own_providers(self, data_dir: Path, console: Console) -> OwnProviders:
        """Make what the daemon itself provides; it asks the catalog, which comes later, when it is asked."""
        timeout = self._config.supervision.hook_timeout_seconds
        surroundings = Surroundings(
            package=lambda plugin_id: self.catalog.get(plugin_id).package,
            project=self._sessions.project_folder,
            limit=lambda plugin_id: self.catalog.get(plugin_id).installed.limits.storage_bytes,
            warn=lambda plugin_id, used, limit: self._sessions.broadcast(
                "plugins.resourceWarning", warning(plugin_id, "storageBytes", used, limit)
            ),
            console=console.add,
            events=Ways(
                deliver=lambda plugin_id, params: deliver(self.catalog, plugin_id, params, timeout=timeout),
                allowed=lambda plugin_id: _EVENTS in self.catalog.get(plugin_id).granted,
                tell_clients=lambda event: self._sessions.broadcast("events.emitted", event),
                console=console.add,
            ),
        )
        return OwnProviders(data_dir, surroundings, open_stores=self._config.storage_files)

    def connection(self) -> Connection:
        """Make the protocol of one connection."""
        return Connection(
            self._dispatcher, self._sessions, tasks=self._tasks, limits=self._config.wire, pace=self._pace
        )


def _dispatcher(
    daemon: DaemonService,
    *,
    plugins: PluginsService,
    dependencies: Dependencies,
    locking: Locking,
    updates: Updates,
    development: Development,
    permissions: PermissionsService,
    changes: ChangesService,
    frames: FramesService,
    effects: EffectsService,
    console: Console,
    capsules: Capsules,
    events: EventsService,
    headless: HeadlessService,
) -> Dispatcher:
    return Dispatcher(
        control={
            "initialize": daemon.initialize,
            "rpc.discover": daemon.discover,
            "daemon.status": daemon.status,
            "daemon.metrics": daemon.metrics,
            "daemon.shutdown": daemon.stop,
            "plugins.install": plugins.install,
            "plugins.uninstall": plugins.uninstall,
            "plugins.load": plugins.load,
            "plugins.unload": plugins.unload,
            "plugins.activate": plugins.activate,
            "plugins.deactivate": plugins.deactivate,
            "plugins.enable": plugins.enable,
            "plugins.disable": plugins.disable,
            "plugins.reload": plugins.reload,
            "plugins.release": plugins.release,
            "plugins.setResourceLimits": plugins.set_resource_limits,
            "plugins.getResourceLimits": plugins.get_resource_limits,
            "plugins.list": plugins.list,
            "plugins.get": plugins.get,
            "plugins.getState": plugins.get_state,
            "plugins.grant": permissions.grant,
            "plugins.revoke": permissions.revoke,
            "plugins.getPermissions": permissions.get_permissions,
            "plugins.applyPreset": permissions.apply_preset,
            "plugins.acceptUpdate": permissions.accept_update,
            "plugins.rejectUpdate": permissions.reject_update,
            "plugins.listPresets": permissions.list_presets,
            "plugins.update": updates.update,
            "plugins.loadDevelopment": development.load,
            "plugins.versions": plugins.versions,
            "plugins.rollback": plugins.rollback,
            "plugins.changes": changes.changes,
            "plugins.resolve": dependencies.resolve,
            "plugins.lock": locking.lock,
            "plugins.restore": locking.restore,
            "effects.list": effects.list,
            "frames.open": frames.open,
            "frames.close": frames.close,
            "console.get": console.get,
            "console.clear": console.clear,
            "capsules.list": capsules.list,
            "capsules.get": capsules.get,
            "events.publish": events.publish,
            "headless.state": headless.state,
            "headless.set": headless.set,
            "headless.chooseMenu": headless.choose_menu,
            "headless.reload": headless.reload,
        },
        hot={"plugins.call": plugins.call, "effects.process": effects.process},
    )


def _report_sandbox(sandbox: SandboxInfo) -> None:
    """Say at start what confines workers, and what it means where something essential does not."""
    missing = {layer.layer: layer.reason for layer in sandbox.missing}
    _log.info("sandbox", mode=sandbox.mode, layers=sandbox.layers, missing=missing)
    if any(layer.essential for layer in sandbox.missing):
        _log.error(
            "the sandbox is incomplete: "
            + (
                "plugins run all the same, as --sandbox degrade says"
                if sandbox.mode == "degrade"
                else "no plugin will run; --sandbox degrade accepts the risk"
            ),
            missing=sorted(layer.layer for layer in sandbox.missing if layer.essential),
        )


def _announce_ready(endpoint: Endpoint) -> None:
    ready = {"event": "ready", "socket": endpoint.path, "pid": os.getpid(), "protocolVersion": PROTOCOL_VERSION}
    sys.stdout.write(msgspec.json.encode(ready).decode() + "\n")
    sys.stdout.flush()
    _log.info("ready", socket=endpoint.path)
