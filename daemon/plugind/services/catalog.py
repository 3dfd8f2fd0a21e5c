"""All installed plugins: what is decided about them, one operation after the other for each, and kept durably.

Two locks for each plugin. *Preparing* is held by what brings another version, from its beginning to its end, since
compiling takes long; *changing* while the plugin's records change and a version shows that it runs. Whoever holds both
took *preparing* first.
"""

import datetime as dt
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial

import anyio
import structlog

from plugind.config import Config
from plugind.policy import grants
from plugind.registry import folder, lifecycle, versions
from plugind.registry.database import Database
from plugind.registry.records import Quarantined, Record
from plugind.registry.sources import Report, Sources
from plugind.registry.store import PackageStore
from plugind.services import held
from plugind.services.environment import Environment, Installed
from plugind.services.held import HeldUpdates
from plugind.services.installer import Installer, Prepared
from plugind.services.locks import Locks
from plugind.services.runtime import Runtime
from plugind_protocol.errors import InvalidParams, InvalidState, ManifestInvalid, PlugindError, PluginNotFound
from plugind_protocol.manifest import Manifest
from plugind_protocol.methods import (
    Install,
    InstallProgress,
    KeptVersion,
    LostPlugin,
    PluginInfo,
    State,
    Versions,
)
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
        self._preparing = Locks()
        self._changing = Locks()
        self._kept: dict[str, list[Record]] = {}
        self._quarantines: dict[tuple[str, str], Quarantined] = {}
        self._arriving: dict[str, State] = {}
        self._lost: dict[str, tuple[Record, str]] = {}
        self.held = HeldUpdates(database)
        """Updates that wait for the user."""
        self._beneath: dict[str, Record] = {}
        """Installed versions of plugins that run from the folders they are developed in."""
        self.on_left: Callable[[str], None] = lambda _: None
        """Told of a plugin that does not run from a folder any more."""
        self.runtimes: dict[str, Runtime] = {}
        """By plugin id; read by the hot paths."""

    # --- the start --------------------------------------------------------------------------------------------

    async def restore(self) -> None:
        """Bring back what was installed before the daemon's start.

        Records of what cannot be read any more are kept: it is `lost` until it is installed again.
        """
        records = await anyio.to_thread.run_sync(self._database.records)
        self._quarantines = {(one.plugin_id, one.package): one for one in self._database.quarantined()}
        for record in self._database.kept():
            self._kept.setdefault(record.plugin_id, []).append(record)
        self.held.load()
        for record in records:
            try:
                installed = await anyio.to_thread.run_sync(self._installer.installed, record)
            except (OSError, ManifestInvalid) as exc:
                _log.error("plugin cannot be restored", plugin=record.plugin_id, reason=str(exc))
                self._lost[record.plugin_id] = (record, str(exc))
            else:
                self.runtimes[record.plugin_id] = self._runtime(installed)
        await self._installer.collect()
        await self._installer.label_missing()
        await self._environment.own.settle(frozenset(record.plugin_id for record in records))
        self._prefer()

    def _runtime(self, installed: Installed) -> Runtime:
        quarantine = self._quarantines.get((installed.record.plugin_id, installed.record.package))
        runtime = Runtime(installed, self._environment, on_quarantine=self._on_quarantine, quarantine=quarantine)
        runtime.crashes.fallback = self._fallback(installed.record) if quarantine is not None else None
        self.held.show(runtime)
        return runtime

    # --- looking ----------------------------------------------------------------------------------------------

    def get(self, plugin_id: str) -> Runtime:
        """Return a plugin's runtime.

        Raises:
            PluginNotFound: It is not installed.
        """
        runtime = self.runtimes.get(plugin_id)
        if runtime is None:
            raise PluginNotFound(f"plugin {plugin_id!r} is not installed", plugin_id=plugin_id)
        return runtime

    def state(self, plugin_id: str) -> State:
        """Return the state of a plugin, installed or not."""
        runtime = self.runtimes.get(plugin_id)
        return runtime.state if runtime is not None else self._arriving.get(plugin_id, State.NOT_INSTALLED)

    def infos(self) -> list[PluginInfo]:
        """Describe all installed plugins, by id."""
        return [runtime.info() for _, runtime in sorted(self.runtimes.items())]

    @property
    def lost(self) -> list[LostPlugin]:
        """Plugins whose package cannot be read any more."""
        return [
            LostPlugin(plugin_id=record.plugin_id, version=record.version, reason=reason)
            for record, reason in self._lost.values()
        ]

    def versions(self, plugin_id: str) -> Versions:
        """Return the versions of a plugin that are there.

        Raises:
            PluginNotFound: It is not installed.
        """
        current = self.get(plugin_id).committed.record
        return Versions(
            plugin_id=plugin_id,
            current=current.version,
            versions=[
                KeptVersion(
                    version=one.version,
                    package=one.package,
                    current=one is current,
                    installed_at=one.installed_at,
                    source=one.source,
                    quarantine=found.reason if (found := self._quarantines.get((plugin_id, one.package))) else None,
                )
                for one in (current, *reversed(self._kept.get(plugin_id, [])))
            ],
        )

    def kept(self) -> list[Record]:
        """All versions that are kept besides the current ones, of each plugin the latest first."""
        return [record for records in self._kept.values() for record in reversed(records)]

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
            async with self._preparing.hold(manifest.name):
                with self._arrival(manifest.name, manifest.version, fetched=self._sources.fetched(found)):
                    return await self._take(contents, chosen, source=origin or params.source, report=report)

    async def _take(
        self, contents: folder.Contents, chosen: frozenset[Permission], *, source: str, report: Report
    ) -> Runtime:
        """Install what was read, or update to it."""
        manifest = contents.manifest
        self._arrive(manifest.name, State.INSTALLING, manifest.version)
        report(InstallProgress(stage="compiling"))
        async with self._installer.prepared(contents) as prepared, self._change(manifest.name):
            report(InstallProgress(stage="installing"))
            self._arrive(manifest.name, State.INSTALLING, manifest.version)  # it may have been uninstalled meanwhile
            return await self._commit(prepared, chosen, source=source)

    @contextmanager
    def _arrival(self, plugin_id: str, version: str, *, fetched: bool) -> Iterator[None]:
        """Tell of a plugin that is not there yet that its package is, and where it does not come, that it does not."""
        if fetched:
            self._arrive(plugin_id, State.DOWNLOADED, version)
        try:
            yield
        except BaseException as exc:
            if plugin_id in self._arriving:
                self._arrive(plugin_id, State.NOT_INSTALLED, version, reason=str(exc) or "cancelled")
            raise

    def _arrive(self, plugin_id: str, to: State, version: str, *, reason: str | None = None) -> None:
        """Let a plugin that is not there yet go to a state; nothing where it is there, or in this state already."""
        before = self._arriving.get(plugin_id, State.NOT_INSTALLED)
        if to is before or (to in lifecycle.ARRIVING and plugin_id in self.runtimes):
            return
        lifecycle.check(before, to, plugin_id=plugin_id)
        if to in lifecycle.ARRIVING - {State.NOT_INSTALLED}:
            self._arriving[plugin_id] = to
        else:
            self._arriving.pop(plugin_id, None)
        self._environment.announce(plugin_id, before, to, version=version, reason=reason)

    @asynccontextmanager
    async def _change(self, plugin_id: str) -> AsyncIterator[None]:
        """Change records of a plugin; whoever asked cannot stop this midway."""
        with anyio.CancelScope(shield=True):
            async with self._changing.hold(plugin_id):
                yield

    async def _commit(self, prepared: Prepared, chosen: frozenset[Permission], *, source: str | None) -> Runtime:
        """Make what was prepared the plugin's current version, durably; what was revoked meanwhile stays so."""
        manifest = prepared.manifest
        known = self.runtimes.get(manifest.name)
        current = known.installed.record if known is not None else None
        record = Record(
            plugin_id=manifest.name,
            version=manifest.version,
            package=prepared.package,
            module_hash=prepared.module_hash,
            abi=prepared.abi,
            enabled=True,
            granted=_words(chosen if known is None else chosen | (known.granted & set(manifest.requested))),
            source=source,
            installed_at=_now(),
        )
        if known is not None and current is not None:
            _check_installed(current)
            record = versions.again(record, current, granted=record.granted, at=_now())
            widens = held.widening(manifest, known.installed, chosen)
            if widens and all(one.package != record.package for one in self._kept.get(manifest.name, [])):
                await self.held.hold(known, record, widens)
                await self._installer.label(record)
                self._environment.held(manifest.name, held.describe(self.held.get(known)))
            else:
                await self._switch(known, record)
            return known
        lost, _ = self._lost.get(manifest.name, (None, ""))
        if lost is not None:
            record = versions.again(record, lost, granted=record.granted, at=_now())
        installed = await anyio.to_thread.run_sync(self._installer.installed, record)
        await anyio.to_thread.run_sync(self._database.put, record)
        self._lost.pop(manifest.name, None)
        self.runtimes[manifest.name] = runtime = self._runtime(installed)
        self._arrive(manifest.name, State.INSTALLED, manifest.version)
        await self._installer.label(record)
        self._prefer()
        return runtime

    async def develop(
        self, contents: folder.Contents, chosen: frozenset[Permission], *, path: str, installer: Installer
    ) -> Runtime:
        """Let a plugin run from the folder it is developed in, in the place of an installed version if there is one.

        Nothing of it is kept.

        Args:
            contents: What was read from the folder.
            chosen: What it is granted.
            path: The folder.
            installer: Has copies of it.

        Raises:
            PlugindError: As `install`; the version before goes on.
        """
        manifest = contents.manifest
        name = manifest.name
        async with self._preparing.hold(name):
            with self._arrival(name, manifest.version, fetched=False):
                self._arrive(name, State.INSTALLING, manifest.version)
                async with installer.prepared(contents) as prepared, self._change(name):
                    self._arrive(name, State.INSTALLING, manifest.version)
                    record = Record(
                        plugin_id=name,
                        version=manifest.version,
                        package=prepared.package,
                        module_hash=prepared.module_hash,
                        abi=prepared.abi,
                        enabled=True,
                        granted=_words(chosen),
                        source=path,
                        installed_at=_now(),
                        development=path,
                    )
                    return await self._develop(await anyio.to_thread.run_sync(installer.installed, record))

    async def _develop(self, installed: Installed) -> Runtime:
        record = installed.record
        runtime = self.runtimes.get(record.plugin_id)
        if runtime is None:
            self.runtimes[record.plugin_id] = runtime = self._runtime(installed)
            self._arrive(record.plugin_id, State.INSTALLED, record.version)
            return runtime
        before = runtime.committed.record
        if before.development is None:
            self._beneath[record.plugin_id] = before
        if before.development is None or before.package != record.package:
            try:
                await runtime.switch(installed, commit=_nothing)
            except PlugindError:
                if before.development is None:
                    del self._beneath[record.plugin_id]
                raise
        return runtime

    def developed(self) -> list[Record]:
        """Return the records of plugins that run from folders."""
        found = (one for runtime in self.runtimes.values() for one in (runtime.installed, runtime.committed))
        return [one.record for one in found if one.record.development is not None]

    async def _leave_folder(self, runtime: Runtime) -> None:
        """Let a plugin not run from its folder any more; the installed version comes back, if there is one."""
        plugin_id = runtime.plugin_id
        path = runtime.committed.record.development
        beneath = self._beneath.pop(plugin_id, None)
        if path is not None:
            await anyio.to_thread.run_sync(self._database.develop, path, None)
        if beneath is None:
            await runtime.remove(_nothing)
            del self.runtimes[plugin_id]
        else:
            installed = await anyio.to_thread.run_sync(self._installer.installed, beneath)
            await runtime.switch(installed, commit=_nothing)
        self.on_left(plugin_id)
        self._prefer()

    async def _switch(self, runtime: Runtime, record: Record) -> None:
        """Make another version of a plugin its current one, durably, and keep the old one."""
        old = runtime.installed.record
        _check_installed(old)
        kept = versions.kept_after(
            self._kept.get(old.plugin_id, []), old, record, keep=self._config.supervision.kept_versions
        )
        installed = await anyio.to_thread.run_sync(self._installer.installed, record)

        async def commit() -> None:
            await anyio.to_thread.run_sync(self._database.store, record, kept)
            self._kept[record.plugin_id] = kept
            if record.package in {waiting.package for waiting in self.held.records()}:
                self.held.taken(runtime)

        quarantine = self._quarantines.get((record.plugin_id, record.package))
        await runtime.switch(installed, commit=commit, quarantine=quarantine)
        await self._installer.label(record)
        if quarantine is not None:
            runtime.crashes.fallback = self._fallback(record)
        self._prefer()
        await self._installer.collect()

    async def accept(self, plugin_id: str, choose: Callable[[Iterable[Permission]], frozenset[Permission]]) -> Runtime:
        """Take the update that is held.

        Args:
            plugin_id: The plugin.
            choose: What the update asks for → what the user grants of it, besides what the plugin has.

        Raises:
            PluginNotFound: It is not installed.
            InvalidState: No update is held.
            PlugindError: Why it did not get to where the current version is; that one is back.
        """
        async with self._preparing.hold(plugin_id), self._change(plugin_id):
            runtime = self.get(plugin_id)
            await self._accept(runtime, choose)
            return runtime

    async def _accept(self, runtime: Runtime, choose: Callable[[Iterable[Permission]], frozenset[Permission]]) -> None:
        waiting = self.held.get(runtime)
        manifest = (await anyio.to_thread.run_sync(self._installer.installed, waiting.record)).manifest
        agreed = grants.choose(waiting.agreed, manifest.requested) | choose(manifest.requested)
        granted = _words(agreed | (runtime.granted & set(manifest.requested)))
        record = versions.again(waiting.record, runtime.installed.record, granted=granted, at=_now())
        await self._switch(runtime, record)

    async def agree(self, plugin_id: str, permissions: list[str]) -> Runtime:
        """Grant what a held update asks for; it is taken once nothing is missing.

        Raises:
            PluginNotFound: It is not installed.
            InvalidState: No update is held.
            InvalidParams: The update does not ask for it.
        """
        async with self._preparing.hold(plugin_id), self._change(plugin_id):
            runtime = self.get(plugin_id)
            waiting = self.held.get(runtime)
            manifest = (await anyio.to_thread.run_sync(self._installer.installed, waiting.record)).manifest
            if await self.held.agree(runtime, grants.choose(permissions, manifest.requested)):
                await self._accept(runtime, lambda _requested: frozenset())
            return runtime

    async def reject(self, plugin_id: str) -> Runtime:
        """Drop the update that is held.

        Raises:
            PluginNotFound: It is not installed.
            InvalidState: No update is held.
        """
        async with self._change(plugin_id):
            runtime = self.get(plugin_id)
            await self.held.drop(runtime)
            await self._installer.collect()
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
        async with self._preparing.hold(plugin_id), self._change(plugin_id):
            runtime = self.get(plugin_id)
            await self._back(runtime, self._choose(runtime, version))
            return runtime

    def _choose(self, runtime: Runtime, version: str | None) -> Record:
        kept = self._kept.get(runtime.plugin_id, [])
        if version is None:
            record = versions.latest(kept, self._quarantines)
        else:
            record = versions.find(kept, version)
            if record is None:
                raise InvalidParams(
                    f"version {version!r} of {runtime.plugin_id} is not kept",
                    hint=f"These are: {', '.join(one.version for one in reversed(kept)) or 'none'}.",
                    plugin_id=runtime.plugin_id,
                    path="$.version",
                )
        if record is None:
            raise InvalidState(
                f"{runtime.plugin_id} has no earlier version that could be used",
                hint=f"See what is kept with: pluginctl versions {runtime.plugin_id}",
                plugin_id=runtime.plugin_id,
            )
        return record

    async def _back(self, runtime: Runtime, record: Record) -> None:
        """Go back to a kept version: with what it was granted then and lost not since, and what was granted since."""
        installed = await anyio.to_thread.run_sync(self._installer.installed, record)
        since = runtime.granted & set(installed.manifest.requested)
        granted = sorted({*record.granted, *map(str, since)})
        await self._switch(runtime, versions.again(record, runtime.installed.record, granted=granted, at=_now()))

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
        async with self._change(plugin_id):
            runtime = self.get(plugin_id)
            record = decide(runtime.installed.record)
            if record.development is not None:  # nothing of it is kept
                runtime.record(record, self._installer.limits(runtime.installed.manifest, record))
                return runtime
            if earlier is None:
                await anyio.to_thread.run_sync(self._database.put, record)
            else:
                kept = [earlier(one) for one in self._kept.get(plugin_id, [])]
                await anyio.to_thread.run_sync(self._database.store, record, kept)
                self._kept[plugin_id] = kept
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
        async with self._change(plugin_id):
            runtime = self.get(plugin_id)
            if runtime.committed.record.development is not None:
                await self._leave_folder(runtime)
                return runtime
            if not keep_data:
                await self._environment.own.doom(plugin_id)
            await runtime.remove(partial(anyio.to_thread.run_sync, self._database.remove, plugin_id))
            if not keep_data:
                await self._environment.own.remove(plugin_id)
            del self.runtimes[plugin_id]
            self._kept.pop(plugin_id, None)
            self.held.taken(runtime)
            self._quarantines = {key: one for key, one in self._quarantines.items() if key[0] != plugin_id}
            self._prefer()
            await self._installer.collect()
        return runtime

    # --- quarantine -------------------------------------------------------------------------------------------

    async def release(self, plugin_id: str, *, fallback: bool) -> Runtime:
        """End the quarantine of a plugin's current version, or leave it there and switch to an earlier one.

        Raises:
            PluginNotFound: It is not installed.
            InvalidState: It is not in quarantine, or there is no earlier version to switch to.
        """
        async with self._change(plugin_id):
            runtime = self.get(plugin_id)
            quarantine = runtime.crashes.quarantine
            if quarantine is None:
                raise InvalidState(f"{plugin_id} is not in quarantine", plugin_id=plugin_id)
            if fallback:
                await self._back(runtime, self._choose(runtime, None))
            else:
                await anyio.to_thread.run_sync(self._database.release, plugin_id, quarantine.package)
                self._quarantines.pop((plugin_id, quarantine.package), None)
                await runtime.release()
            return runtime

    def _on_quarantine(self, runtime: Runtime) -> None:
        quarantine = runtime.crashes.quarantine
        assert quarantine is not None
        self._quarantines[quarantine.plugin_id, quarantine.package] = quarantine
        runtime.crashes.fallback = self._fallback(runtime.installed.record)
        self._environment.tasks.start_soon(self._give_up, runtime, quarantine)

    async def _give_up(self, runtime: Runtime, quarantine: Quarantined) -> None:
        async with self._change(runtime.plugin_id):
            if runtime.crashes.quarantine is not quarantine or self.runtimes.get(runtime.plugin_id) is not runtime:
                return
            if runtime.committed.record.development is not None:
                return
            try:
                await anyio.to_thread.run_sync(self._database.quarantine, quarantine)
            except OSError as exc:
                _log.error("quarantine is not durable", plugin=runtime.plugin_id, reason=str(exc))
            if self._config.supervision.fallback == "switch" and runtime.crashes.fallback is not None:
                try:
                    await self._back(runtime, self._choose(runtime, None))
                except (PlugindError, OSError) as exc:
                    _log.warning("the earlier version was not taken", plugin=runtime.plugin_id, error=str(exc))

    def _fallback(self, current: Record) -> str | None:
        record = versions.latest(self._kept.get(current.plugin_id, []), self._quarantines)
        return record.version if record is not None else None

    # --- all of them ------------------------------------------------------------------------------------------

    async def probe_health(self) -> None:
        """Ask idle workers from time to time whether they still answer; never returns."""
        supervision = self._config.supervision
        while True:
            await anyio.sleep(supervision.health_interval_seconds)
            async with anyio.create_task_group() as tasks:
                for runtime in self.runtimes.values():
                    tasks.start_soon(runtime.probe, supervision.health_timeout_seconds)

    def _referred(self) -> Iterator[Record]:
        """Go through all records that refer to packages."""
        for runtime in self.runtimes.values():
            yield runtime.installed.record
            yield runtime.committed.record
        yield from self._beneath.values()
        for kept in self._kept.values():
            yield from kept
        yield from (record for record, _ in self._lost.values())
        yield from self.held.records()

    def _prefer(self) -> None:
        """Have the modules of current versions kept compiled before all others."""
        current = frozenset(runtime.installed.record.module_hash for runtime in self.runtimes.values())
        self._environment.pool.compiler.prefer(current)


def _check_installed(current: Record) -> None:
    if current.development is not None:
        raise InvalidState(
            f"{current.plugin_id} runs from {current.development}",
            hint=f"Leave the folder first, with: pluginctl uninstall {current.plugin_id}",
            plugin_id=current.plugin_id,
        )


def _words(permissions: frozenset[Permission]) -> list[str]:
    return sorted(map(str, permissions))


def _now() -> str:
    return dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds")


async def _nothing() -> None:
    """Nothing is to be made durable."""
