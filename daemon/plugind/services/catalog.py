"""All installed plugins: installs and removes them, and keeps registry and runtimes in step."""

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path

import anyio
import msgspec
import structlog

from plugind.config import Config
from plugind.policy import grants, isolation, limits
from plugind.registry import folder
from plugind.registry.database import Database, Quarantined, Record
from plugind.registry.sources import Report, Sources
from plugind.registry.store import PackageStore
from plugind.services.runtime import Environment, Installed, Runtime
from plugind_protocol import manifest as manifests
from plugind_protocol.errors import (
    InvalidState,
    ManifestInvalid,
    PlugindError,
    PluginNotFound,
    UnsupportedAbi,
)
from plugind_protocol.manifest import Limits, Manifest
from plugind_protocol.methods import Install, InstallProgress, State
from plugind_protocol.permissions import Permission

_log = structlog.get_logger(__name__)


class _Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """A version in the store, compiled, that is not installed yet."""

    manifest: Manifest
    package: str
    module_hash: str
    abi: str


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
        self._store = store
        self._environment = environment
        self._preparing = anyio.Lock()
        """Held by an install from its beginning to its end; compiling takes long."""
        self._installing = anyio.Lock()
        """Held while records and packages change."""
        self._preparing_package: str | None = None
        self._earlier: dict[str, list[Record]] = {}
        self._quarantines: dict[tuple[str, str], Quarantined] = {}
        self.runtimes: dict[str, Runtime] = {}
        """By plugin id; read by the hot paths."""

    async def restore(self) -> list[tuple[str, str]]:
        """Bring back what was installed before the daemon's start.

        Returns:
            Plugin id and reason for each whose package cannot be read any more; their records are kept.
        """
        records = await anyio.to_thread.run_sync(self._database.records)
        self._quarantines = {(one.plugin_id, one.package): one for one in self._database.quarantined()}
        for record in self._database.earlier():
            self._earlier.setdefault(record.plugin_id, []).append(record)
        lost = []
        for record in records:
            try:
                installed = await anyio.to_thread.run_sync(self._installed, record)
            except (OSError, ManifestInvalid) as exc:
                lost.append((record.plugin_id, str(exc)))
            else:
                self.runtimes[record.plugin_id] = self._runtime(installed)
        await self._collect(records)
        return lost

    def _runtime(self, installed: Installed) -> Runtime:
        quarantine = self._quarantines.get((installed.record.plugin_id, installed.record.package))
        runtime = Runtime(installed, self._environment, on_quarantine=self._on_quarantine, quarantine=quarantine)
        runtime.crashes.fallback = self._fallback(installed.record) if quarantine is not None else None
        return runtime

    def get(self, plugin_id: str) -> Runtime:
        """Return a plugin's runtime.

        Raises:
            PluginNotFound: It is not installed.
        """
        runtime = self.runtimes.get(plugin_id)
        if runtime is None:
            raise PluginNotFound(f"plugin {plugin_id!r} is not installed", plugin_id=plugin_id)
        return runtime

    async def install(self, params: Install, report: Report = lambda _: None) -> Runtime:
        """Install from a source, or update an installed plugin to what the source holds.

        Args:
            params: The source, and what to grant.
            report: Told how far it is.

        Raises:
            ManifestInvalid: The manifest is missing or wrong.
            PackageInvalid: A file is missing or not acceptable, or the package or the module is damaged.
            UnsupportedAbi: The module asks for what the host does not offer.
            InvalidParams: A grant is not among what the manifest requests, or the source is of no known form.
            PlugindError: Why the source cannot be had, as of `Sources.open`.
        """
        # What is fetched and unpacked waits for nobody, and nobody waits for it.
        async with self._sources.open(params.source, sha256=params.sha256, report=report) as found:
            return await self._install(found, params, report)

    async def _install(self, found: Path, params: Install, report: Report) -> Runtime:
        async with self._preparing:
            contents = await anyio.to_thread.run_sync(folder.read, found)
            name, requested = contents.manifest.name, contents.manifest.requested
            chosen = grants.choose(params.grant, requested)
            new = name not in self.runtimes
            if new:
                self._environment.announce(name, State.NOT_INSTALLED, State.INSTALLING, None)
            try:
                report(InstallProgress(stage="compiling"))
                prepared = await self._prepare(contents)
                report(InstallProgress(stage="installing"))
                with anyio.CancelScope(shield=True):
                    async with self._installing:
                        if not new and name not in self.runtimes:  # it was uninstalled meanwhile
                            new = True
                            self._environment.announce(name, State.NOT_INSTALLED, State.INSTALLING, None)
                        runtime = await self._commit(prepared, chosen)
            except BaseException as exc:
                if new and name not in self.runtimes:
                    self._environment.announce(name, State.INSTALLING, State.NOT_INSTALLED, str(exc) or "cancelled")
                raise
            finally:
                with anyio.CancelScope(shield=True):
                    async with self._installing:
                        self._preparing_package = None
                        await self._collect()
            return runtime

    async def release(self, plugin_id: str, *, fallback: bool) -> Runtime:
        """End the quarantine of a plugin's current version, or leave it there and switch to an earlier one.

        Raises:
            PluginNotFound: It is not installed.
            InvalidState: It is not in quarantine, or there is no earlier version to switch to.
        """
        async with self._installing:
            runtime = self.get(plugin_id)
            quarantine = runtime.crashes.quarantine
            if quarantine is None:
                raise InvalidState(f"{plugin_id} is not in quarantine", plugin_id=plugin_id)
            if fallback:
                await self._fall_back(runtime)
            else:
                await anyio.to_thread.run_sync(self._database.release, plugin_id, quarantine.package)
                del self._quarantines[plugin_id, quarantine.package]
                await runtime.release()
            return runtime

    def _on_quarantine(self, runtime: Runtime) -> None:
        quarantine = runtime.crashes.quarantine
        assert quarantine is not None
        self._quarantines[quarantine.plugin_id, quarantine.package] = quarantine
        runtime.crashes.fallback = self._fallback(runtime.installed.record)
        self._environment.tasks.start_soon(self._give_up, runtime, quarantine)

    async def _give_up(self, runtime: Runtime, quarantine: Quarantined) -> None:
        async with self._installing:
            if runtime.crashes.quarantine is not quarantine:
                return
            await anyio.to_thread.run_sync(self._database.quarantine, quarantine)
            if self._config.supervision.fallback == "switch" and runtime.crashes.fallback is not None:
                try:
                    await self._fall_back(runtime)
                except PlugindError as exc:
                    _log.warning("the earlier version does not run either", plugin=runtime.plugin_id, error=exc.message)

    async def _fall_back(self, runtime: Runtime) -> None:
        record = self._fallback_record(runtime.installed.record)
        if record is None:
            raise InvalidState(
                f"{runtime.plugin_id} has no earlier version that could be used",
                hint=f"Release it with: pluginctl release {runtime.plugin_id}",
                plugin_id=runtime.plugin_id,
            )
        current = runtime.installed.record
        record = msgspec.structs.replace(record, enabled=current.enabled)
        await self._switch(runtime, await anyio.to_thread.run_sync(self._installed, record))

    async def _switch(self, runtime: Runtime, installed: Installed) -> None:
        """Make another version of a plugin its current one, durably, and keep the old one."""
        old, new = runtime.installed.record, installed.record
        keep = self._config.supervision.kept_versions
        if old.package == new.package:
            await anyio.to_thread.run_sync(self._database.put, new)
        else:
            await anyio.to_thread.run_sync(lambda: self._database.supersede(old, new, keep=keep))
            kept = [
                one for one in self._earlier.get(new.plugin_id, ()) if one.version not in (old.version, new.version)
            ]
            self._earlier[new.plugin_id] = [*kept, old][-keep:] if keep and old.version != new.version else kept
        await runtime.replace(installed, quarantine=self._quarantines.get((new.plugin_id, new.package)))
        await self._collect()

    def _fallback(self, current: Record) -> str | None:
        record = self._fallback_record(current)
        return record.version if record is not None else None

    def _fallback_record(self, current: Record) -> Record | None:
        for record in reversed(self._earlier.get(current.plugin_id, [])):
            if (record.plugin_id, record.package) not in self._quarantines:
                return record
        return None

    async def probe_health(self) -> None:
        """Ask idle workers from time to time whether they still answer; never returns."""
        supervision = self._config.supervision
        while True:
            await anyio.sleep(supervision.health_interval_seconds)
            async with anyio.create_task_group() as tasks:
                for runtime in self.runtimes.values():
                    tasks.start_soon(runtime.probe, supervision.health_timeout_seconds)

    async def uninstall(self, plugin_id: str) -> Runtime:
        """Stop a plugin and remove it.

        Raises:
            PluginNotFound: It is not installed.
        """
        with anyio.CancelScope(shield=True):
            async with self._installing:
                runtime = self.get(plugin_id)
                await runtime.unload("uninstall")
                runtime.drop_windows()
                await anyio.to_thread.run_sync(self._database.remove, plugin_id)
                del self.runtimes[plugin_id]
                self._earlier.pop(plugin_id, None)
                self._quarantines = {key: one for key, one in self._quarantines.items() if key[0] != plugin_id}
                self._environment.announce(plugin_id, runtime.state, State.NOT_INSTALLED, None)
                await self._collect()
        return runtime

    async def change(self, plugin_id: str, decide: Callable[[Record], Record]) -> Runtime:
        """Change a plugin's record, durably.

        Args:
            plugin_id: The plugin.
            decide: Record as it is → as it shall be; nothing changes in between.

        Raises:
            PluginNotFound: It is not installed.
        """
        async with self._installing:
            runtime = self.get(plugin_id)
            record = decide(runtime.installed.record)
            await anyio.to_thread.run_sync(self._database.put, record)
            runtime.record(record, self._limits(runtime.installed.manifest, record))
            return runtime

    async def stop(self, *, hook_timeout: float) -> None:
        """Unload everything.

        Args:
            hook_timeout: Seconds that each of a plugin's last hooks may take.
        """
        async with anyio.create_task_group() as tasks:
            for runtime in self.runtimes.values():
                tasks.start_soon(runtime.unload, "shutdown", hook_timeout)

    async def _prepare(self, contents: folder.Contents) -> _Prepared:
        """Copy a package in and compile its module. Whoever asked may change their mind: nothing refers to it yet."""
        manifest = contents.manifest
        if manifest.main.endswith((".js", ".ts")) or manifest.abi in ("javascript", "extism"):
            raise UnsupportedAbi(
                f"{manifest.name}: {manifest.abi or 'javascript'} plugins are not supported by this version of plugind",
                hint="Build the plugin to WebAssembly with the Timeline or the numeric ABI.",
            )
        engine = self._engine(manifest)
        self._environment.pool.check(engine, who=manifest.name)
        async with self._installing:
            self._preparing_package = package = await anyio.to_thread.run_sync(self._store.add, contents)
        module = self._store.path(package) / manifest.main
        module_hash = await anyio.to_thread.run_sync(_hash, module)
        compiled = await self._environment.pool.compile(
            module, module_hash, text=manifest.main.endswith(".wat"), engine=engine
        )
        if manifest.abi not in (None, compiled.abi):
            raise UnsupportedAbi(f"{manifest.name}: the manifest says abi {manifest.abi}, the module is {compiled.abi}")
        return _Prepared(manifest=manifest, package=package, module_hash=module_hash, abi=compiled.abi)

    async def _commit(self, prepared: _Prepared, chosen: frozenset[Permission]) -> Runtime:
        """Make what was prepared the plugin's current version, durably; what was revoked meanwhile stays so."""
        manifest = prepared.manifest
        known = self.runtimes.get(manifest.name)
        granted = chosen if known is None else chosen | (known.granted & set(manifest.requested))
        record = Record(
            plugin_id=manifest.name,
            version=manifest.version,
            package=prepared.package,
            module_hash=prepared.module_hash,
            abi=prepared.abi,
            enabled=known is None or known.installed.record.enabled,
            granted=sorted(map(str, granted)),
            limits=Limits() if known is None else known.installed.record.limits,
        )
        installed = await anyio.to_thread.run_sync(self._installed, record)
        if known is not None:
            await self._switch(known, installed)
            return known
        await anyio.to_thread.run_sync(self._database.put, record)
        self.runtimes[manifest.name] = runtime = self._runtime(installed)
        self._environment.announce(manifest.name, State.INSTALLING, State.INSTALLED, None)
        return runtime

    def _installed(self, record: Record) -> Installed:
        package = self._store.path(record.package)
        manifest = manifests.parse((package / manifests.MANIFEST_NAME).read_bytes())
        return Installed(
            record=record,
            manifest=manifest,
            module=package / manifest.main,
            limits=self._limits(manifest, record),
            engine=self._engine(manifest),
            publisher=isolation.sharing(
                manifest.name, default=self._config.isolation, chosen=self._config.isolation_of
            ),
        )

    def _limits(self, manifest: Manifest, record: Record) -> Limits:
        return limits.effective(self._config.limits, manifest.limits, record.limits)

    def _engine(self, manifest: Manifest) -> str:
        return self._config.engines.plugins.get(manifest.name) or manifest.engine or self._config.engine

    async def _collect(self, records: Iterable[Record] = ()) -> None:
        """Remove packages that nobody refers to; ``records`` are referred to besides what is installed."""
        current = [runtime.installed.record for runtime in self.runtimes.values()]
        earlier = [record for records in self._earlier.values() for record in records]
        packages = {record.package for record in (*current, *earlier, *records)}
        if self._preparing_package is not None:
            packages.add(self._preparing_package)
        self._environment.pool.compiler.prefer(frozenset(record.module_hash for record in current))
        await anyio.to_thread.run_sync(self._store.keep_only, packages)


def _hash(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
