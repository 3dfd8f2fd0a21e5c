"""All installed plugins: what is decided about them, one operation after the other for each, and kept durably."""

from collections.abc import Awaitable, Callable, Iterator
from functools import partial

import anyio
import anyio.to_thread
import structlog

from plugind.config import Config
from plugind.policy import grants
from plugind.registry import folder, versions
from plugind.registry.database import Database
from plugind.registry.records import Record
from plugind.registry.sources import Report, Sources
from plugind.registry.store import PackageStore
from plugind.services import held
from plugind.services.arrivals import Arrivals
from plugind.services.consent import Consent
from plugind.services.environment import Environment
from plugind.services.folders import Folders
from plugind.services.held import HeldUpdates
from plugind.services.installer import Installer, Prepared
from plugind.services.quarantine import Quarantine
from plugind.services.runtime import Runtime
from plugind.services.shelf import Shelf
from plugind.services.switching import Switching, check_installed, now
from plugind.services.turns import Turns
from plugind_protocol.errors import ManifestInvalid
from plugind_protocol.manifest import Manifest
from plugind_protocol.methods import Install, InstallProgress, State
from plugind_protocol.permissions import Permission

_log = structlog.get_logger(__name__)


class Catalog:
    """The installed plugins.

    Args:
        config: The daemon's settings.
        database: What is installed.
        store: Where the packages are.
        sources: What can be installed from.
        environment: What runtimes work with.
    """

    def __init__(
        self, config: Config, database: Database, store: PackageStore, *, sources: Sources, environment: Environment
    ) -> None:
        self._config = config
        self._sources = sources
        self._database = database
        self._environment = environment
        self._installer = Installer(config, store, environment.pool, referred=self._referred)
        self.turns = Turns()
        """Whose turn it is with each plugin."""
        self.shelf = Shelf()
        """What is there."""
        self.runtimes = self.shelf.runtimes
        """By plugin id; read by the hot paths."""
        self.held = HeldUpdates(database)
        """Updates that wait for the user."""
        self.arrivals = Arrivals(self.shelf, environment.announce)
        """What is on its way."""
        self._switching = Switching(
            config, database, self.shelf, held=self.held, installer=self._installer, environment=environment
        )
        self.quarantine = Quarantine(
            config, database, self.shelf, turns=self.turns, switching=self._switching, environment=environment
        )
        """Versions that crash too often."""
        self._switching.on_quarantine = self.quarantine.note
        self.folders = Folders(
            database,
            self.shelf,
            turns=self.turns,
            arrivals=self.arrivals,
            switching=self._switching,
            installer=self._installer,
        )
        """What runs from the folders it is developed in."""
        self.consent = Consent(
            self.shelf, self.held, turns=self.turns, switching=self._switching, installer=self._installer
        )
        """What the user says to updates that are held."""

    def get(self, plugin_id: str) -> Runtime:
        """Return a plugin's runtime.

        Raises:
            PluginNotFound: It is not installed.
        """
        return self.shelf.get(plugin_id)

    async def restore(self) -> None:
        """Bring back what was installed before the daemon's start.

        Records of what cannot be read any more are kept: it is `lost` until it is installed again.
        """
        records = await anyio.to_thread.run_sync(self._database.records)
        self.shelf.quarantines.update({(one.plugin_id, one.package): one for one in self._database.quarantined()})
        for record in self._database.kept():
            self.shelf.kept.setdefault(record.plugin_id, []).append(record)
        self.held.load()
        for record in records:
            try:
                installed = await anyio.to_thread.run_sync(self._installer.installed, record)
            except (OSError, ManifestInvalid) as exc:
                _log.error("plugin cannot be restored", plugin=record.plugin_id, reason=str(exc))
                self.shelf.lost[record.plugin_id] = (record, str(exc))
            else:
                self._switching.start(installed)
        await self._installer.collect()
        await self._installer.label_missing()
        await self._environment.own.settle(frozenset(record.plugin_id for record in records))
        self._switching.prefer()

    # --- versions that come -----------------------------------------------------------------------------------

    async def install(
        self,
        params: Install,
        report: Report = lambda _: None,
        *,
        origin: str | None = None,
        before: Callable[[Manifest], Awaitable[None]] | None = None,
    ) -> Runtime:
        """Install from a source, or update an installed plugin to what the source holds.

        Args:
            params: The source, and what to grant.
            report: Told how far it is.
            origin: Where it came from, where that is not the source.
            before: Awaited once it is known what the source holds, before anything is done; what it raises ends it.

        Raises:
            ManifestInvalid: The manifest is missing or wrong.
            PackageInvalid: A file is missing or not acceptable, or the package or the module is damaged.
            UnsupportedAbi: The module asks for what the host does not offer.
            InvalidParams: A grant is not among what the manifest requests, or the source is of no known form.
            PlugindError: Why the source cannot be had, as of `Sources.open`; or why the new version did not get to
                where the old one was, which is back then.
        """
        # What is fetched and unpacked waits for nobody, and nobody waits for it.
        async with self._sources.open(params.source, sha256=params.sha256, report=report) as found:
            contents = await anyio.to_thread.run_sync(folder.read, found)
            chosen = grants.choose(params.grant, contents.manifest.requested)
            manifest = contents.manifest
            if before is not None:
                await before(manifest)
            async with self.turns.prepare(manifest.name):
                with self.arrivals.expect(manifest.name, manifest.version, fetched=self._sources.fetched(found)):
                    return await self._take(contents, chosen, source=origin or params.source, report=report)

    async def _take(
        self, contents: folder.Contents, chosen: frozenset[Permission], *, source: str, report: Report
    ) -> Runtime:
        """Install what was read, or update to it."""
        manifest = contents.manifest
        self.arrivals.go(manifest.name, State.INSTALLING, manifest.version)
        report(InstallProgress(stage="compiling"))
        async with self._installer.prepared(contents) as prepared, self.turns.change(manifest.name):
            report(InstallProgress(stage="installing"))
            # Again, since it may have been uninstalled meanwhile.
            self.arrivals.go(manifest.name, State.INSTALLING, manifest.version)
            return await self._commit(prepared, chosen, source=source)

    async def _commit(self, prepared: Prepared, chosen: frozenset[Permission], *, source: str | None) -> Runtime:
        """Make what was prepared the plugin's current version, durably; what was revoked meanwhile stays so."""
        manifest = prepared.manifest
        known = self.runtimes.get(manifest.name)
        record = Record(
            plugin_id=manifest.name,
            version=manifest.version,
            package=prepared.package,
            module_hash=prepared.module_hash,
            abi=prepared.abi,
            enabled=True,
            granted=_words(chosen if known is None else chosen | (known.granted & set(manifest.requested))),
            source=source,
            installed_at=now(),
        )
        if known is None:
            return await self._add(record)
        current = known.installed.record
        check_installed(current)
        record = versions.again(record, current, granted=record.granted, at=now())
        widens = held.widening(manifest, known.installed, chosen)
        if widens and all(one.package != record.package for one in self.shelf.kept.get(manifest.name, [])):
            await self.held.hold(known, record, widens)
            await self._installer.label(record)
            self._environment.held(manifest.name, held.describe(self.held.get(known)))
        else:
            await self._switching.switch(known, record)
        return known

    async def _add(self, record: Record) -> Runtime:
        """Install a plugin that is not there, or has been lost: that knows what was decided about it."""
        lost, _ = self.shelf.lost.get(record.plugin_id, (None, ""))
        if lost is not None:
            record = versions.again(record, lost, granted=record.granted, at=now())
        installed = await anyio.to_thread.run_sync(self._installer.installed, record)
        await anyio.to_thread.run_sync(self._database.put, record)
        self.shelf.lost.pop(record.plugin_id, None)
        runtime = self._switching.start(installed)
        self.arrivals.go(record.plugin_id, State.INSTALLED, record.version)
        await self._installer.label(record)
        self._switching.prefer()
        return runtime

    async def rollback(self, plugin_id: str, version: str | None = None) -> Runtime:
        """Go back to a version that is kept.

        Args:
            plugin_id: The plugin.
            version: Which; default: the one that was current last and is not in quarantine.

        Raises:
            PluginNotFound: It is not installed.
            InvalidState: No version is kept that could be used.
            InvalidParams: This version is not kept.
            PlugindError: Why it did not get to where the current one is; that one is back.
        """
        async with self.turns.prepare(plugin_id), self.turns.change(plugin_id):
            runtime = self.get(plugin_id)
            await self._switching.back(runtime, self.shelf.choose(runtime, version))
            return runtime

    # --- decisions --------------------------------------------------------------------------------------------

    async def change(
        self,
        plugin_id: str,
        decide: Callable[[Record], Record],
        *,
        earlier: Callable[[Record], Record] | None = None,
    ) -> Runtime:
        """Change what is decided about a plugin, durably.

        Args:
            plugin_id: The plugin.
            decide: Record as it is → as it shall be; nothing changes in between.
            earlier: The same for each version that is kept; default: those stay as they are.

        Raises:
            PluginNotFound: It is not installed.
        """
        async with self.turns.change(plugin_id):
            runtime = self.get(plugin_id)
            record = decide(runtime.installed.record)
            if record.development is not None:  # nothing of it is kept
                runtime.record(record, self._installer.limits(runtime.installed.manifest, record))
                return runtime
            if earlier is None:
                await anyio.to_thread.run_sync(self._database.put, record)
            else:
                kept = [earlier(one) for one in self.shelf.kept.get(plugin_id, [])]
                await anyio.to_thread.run_sync(self._database.store, record, kept)
                self.shelf.kept[plugin_id] = kept
            runtime.record(record, self._installer.limits(runtime.installed.manifest, record))
            return runtime

    async def uninstall(self, plugin_id: str, *, keep_data: bool = False) -> Runtime:
        """Stop a plugin and remove it, with all versions that are kept; one in development leaves its folder, no more.

        Args:
            plugin_id: Which.
            keep_data: Keep its storage and its private folder, for when it is installed again.

        Raises:
            PluginNotFound: It is not installed.
        """
        async with self.turns.change(plugin_id):
            runtime = self.get(plugin_id)
            if runtime.committed.record.development is not None:
                await self.folders.leave(runtime)
                return runtime
            if not keep_data:
                await self._environment.own.doom(plugin_id)
            await runtime.remove(partial(anyio.to_thread.run_sync, self._database.remove, plugin_id))
            if not keep_data:
                await self._environment.own.remove(plugin_id)
            del self.runtimes[plugin_id]
            self.shelf.kept.pop(plugin_id, None)
            self.held.taken(runtime)
            for key in [key for key in self.shelf.quarantines if key[0] == plugin_id]:
                del self.shelf.quarantines[key]
            self._switching.prefer()
            await self._installer.collect()
        return runtime

    def _referred(self) -> Iterator[Record]:
        """Go through all records that refer to packages."""
        yield from self.shelf.referred()
        yield from self.held.records()


def _words(permissions: frozenset[Permission]) -> list[str]:
    return sorted(map(str, permissions))
