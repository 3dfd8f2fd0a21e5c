"""The daemon's objects, wired: the one place where services, providers and what they work with are put together."""

from collections.abc import Mapping
from pathlib import Path

import anyio
import anyio.abc
import msgspec

from plugind import derived, table
from plugind.config import Config
from plugind.host.effects import EffectRegistry
from plugind.host.events.bus import Ways
from plugind.host.own import OwnProviders, Surroundings
from plugind.host.providers import Providers
from plugind.kept import Kept
from plugind.pace import Pace
from plugind.registry.available import PackageFolders
from plugind.registry.download import Downloader
from plugind.registry.packages import manifest_of
from plugind.registry.sources import Sources
from plugind.rpc.connection import Connection
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
from plugind.services.idle import IdleWatch
from plugind.services.library import Library
from plugind.services.locking import Locking
from plugind.services.order import Order
from plugind.services.permissions import PermissionsService
from plugind.services.plugins import PluginsService
from plugind.services.ticker import Ticker
from plugind.services.unpacking import Unpacking
from plugind.services.updates import Updates
from plugind.services.usage import UsageWatch, warning
from plugind.supervisor.pool import Pool
from plugind.supervisor.windows import WindowFolder
from plugind_protocol.methods import EffectsChanged, UpdateHeld
from plugind_protocol.permissions import Permission

_EVENTS = Permission("events")
"""What a plugin must have been granted to hear of events."""


class Parts:
    """The daemon's objects, wired."""

    def __init__(
        self,
        config: Config,
        identity: Identity,
        *,
        kept: Kept,
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
            kept.capsules,
            packages=kept.packages,
            console=console,
            engines=pool.engines,
            tasks=tasks,
            homes=derived.homes(environ),
        )
        self.own = self._own_providers(kept.folder, console)
        guests = GuestHost(
            config.providers,
            providers,
            self.own,
            effects=effects,
            ledger=kept.ledger,
            package=lambda one: self.catalog.get(one).package,
        )
        self.idle = IdleWatch(
            lambda: self.catalog.runtimes.values(),  # noqa: PLW0108  # the catalogue comes later
            derived.idling(config),
        )
        environment = Environment(
            pool=pool,
            host_calls=guests.calls,
            forget=guests.forget,
            own=self.own,
            effects=effects,
            tasks=tasks,
            announce=Announcer(kept.journal, sessions),
            held=lambda plugin_id, held: sessions.broadcast(
                "plugins.updateHeld", UpdateHeld(plugin_id=plugin_id, **msgspec.structs.asdict(held))
            ),
            console=console.add,
            console_dropped=console.drop,
            capsules=capsules,
            restarts=derived.restarts(config),
            hook_timeout=config.supervision.hook_timeout_seconds,
            parallel=derived.parallel(config),
            health_timeout=config.supervision.health_timeout_seconds,
            used=self.idle.used,
            drain=config.supervision.drain_calls_seconds,
        )
        sources = Sources(
            kept.folder / "incoming",
            unpack=Unpacking(pool, engine=config.engine).unpack,
            download=Downloader(config.downloads).fetch,
            find=self._find,
        )
        self.catalog = Catalog(config, kept.database, kept.packages, sources=sources, environment=environment)
        library = Library(self.catalog, kept.packages, PackageFolders(map(Path, config.packages.folders), manifest_of))
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
            journal=kept.journal,
            console=console,
            events=self.own.events,
            sessions=sessions,
            providers=providers,
            compiler=pool.compiler,
            shutdown=stop.set,
        )
        self.permissions = PermissionsService(self.catalog, kept.ledger)
        locking = Locking(self.catalog, library, sources=sources, bringing=bringing, permissions=self.permissions)
        plugins = PluginsService(self.catalog, self.permissions, bringing=bringing, order=self.order)
        self.changes = ChangesService(kept.journal, self.catalog)
        self.development = Development(
            config,
            self.catalog,
            database=kept.database,
            pool=pool,
            tasks=tasks,
            console=console.add,
            data=kept.folder / "development",
        )
        frames = FramesService(self.catalog, windows, order=self.order)
        self._dispatcher = table.dispatcher(
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

    async def start(self, *, ledger_seconds: float) -> None:
        """Bring back what was there, and look after it from now on.

        Args:
            ledger_seconds: How often the uses of permissions are written.
        """
        await self.headless.start()
        await self.catalog.restore()
        self.changes.close_gap()
        self._tasks.start_soon(self.development.restore)
        self._tasks.start_soon(self.idle.watch)
        self._tasks.start_soon(self.own.keep)
        self._tasks.start_soon(self.usage.watch, self._config.supervision.usage_interval_seconds)
        self._tasks.start_soon(self.permissions.keep, ledger_seconds)

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
        return OwnProviders(
            data_dir, surroundings, open_stores=self._config.storage_files, network=self._config.network
        )

    def connection(self) -> Connection:
        """Make the protocol of one connection."""
        return Connection(
            self._dispatcher, self._sessions, tasks=self._tasks, limits=self._config.wire, pace=self._pace
        )
