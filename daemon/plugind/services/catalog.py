"""All installed plugins: installs and removes them, and keeps registry and runtimes in step."""

import hashlib
from pathlib import Path

import anyio
import msgspec

from plugind.config import Config
from plugind.policy import grants, limits
from plugind.registry import folder
from plugind.registry.database import Database, Record
from plugind.registry.store import PackageStore
from plugind.services.runtime import Environment, Installed, Runtime
from plugind_protocol import manifest as manifests
from plugind_protocol.errors import ManifestInvalid, PackageInvalid, PluginNotFound, UnsupportedAbi
from plugind_protocol.manifest import Limits, Manifest
from plugind_protocol.methods import Install, State


class Catalog:
    """The installed plugins.

    Args:
        config: The daemon's settings.
        database: What is installed.
        store: Where the packages are.
        environment: What runtimes work with.
    """

    def __init__(self, config: Config, database: Database, store: PackageStore, environment: Environment) -> None:
        self._config = config
        self._database = database
        self._store = store
        self._environment = environment
        self._installing = anyio.Lock()
        self.runtimes: dict[str, Runtime] = {}
        """By plugin id; read by the hot paths."""

    async def restore(self) -> list[tuple[str, str]]:
        """Bring back what was installed before the daemon's start.

        Returns:
            Plugin id and reason for each whose package cannot be read any more; their records are kept.
        """
        records = await anyio.to_thread.run_sync(self._database.records)
        lost = []
        for record in records:
            try:
                installed = await anyio.to_thread.run_sync(self._installed, record)
            except (OSError, ManifestInvalid) as exc:
                lost.append((record.plugin_id, str(exc)))
            else:
                self.runtimes[record.plugin_id] = Runtime(installed, self._environment)
        await anyio.to_thread.run_sync(self._store.keep_only, {record.package for record in records})
        return lost

    def get(self, plugin_id: str) -> Runtime:
        """Return a plugin's runtime.

        Raises:
            PluginNotFound: It is not installed.
        """
        runtime = self.runtimes.get(plugin_id)
        if runtime is None:
            raise PluginNotFound(f"plugin {plugin_id!r} is not installed", plugin_id=plugin_id)
        return runtime

    async def install(self, params: Install) -> Runtime:
        """Install from a folder, or update an installed plugin to what the folder holds.

        Raises:
            ManifestInvalid: The manifest is missing or wrong.
            PackageInvalid: A file is missing or not acceptable, or the module is damaged.
            UnsupportedAbi: The module asks for what the host does not offer.
            InvalidParams: A grant is not among what the manifest requests.
        """
        with anyio.CancelScope(shield=True):
            async with self._installing:
                contents = await anyio.to_thread.run_sync(folder.read, Path(params.source))
                manifest = contents.manifest
                known = self.runtimes.get(manifest.name)
                granted = grants.choose(params.grant, manifest.requested)
                if known is not None:
                    granted |= known.granted & set(manifest.requested)
                announce = self._environment.announce
                if known is None:
                    announce(manifest.name, State.NOT_INSTALLED, State.INSTALLING, None)
                try:
                    installed = await self._prepare(contents, sorted(map(str, granted)), known)
                    await anyio.to_thread.run_sync(self._database.put, installed.record)
                except BaseException as exc:
                    if known is None:
                        announce(manifest.name, State.INSTALLING, State.NOT_INSTALLED, str(exc))
                    await self._collect()
                    raise
                if known is None:
                    self.runtimes[manifest.name] = runtime = Runtime(installed, self._environment)
                    announce(manifest.name, State.INSTALLING, State.INSTALLED, None)
                else:
                    runtime = known
                    await runtime.replace(installed)
                    await self._collect()
        return runtime

    async def uninstall(self, plugin_id: str) -> Runtime:
        """Stop a plugin and remove it.

        Raises:
            PluginNotFound: It is not installed.
        """
        with anyio.CancelScope(shield=True):
            async with self._installing:
                runtime = self.get(plugin_id)
                await runtime.unload("uninstall")
                await anyio.to_thread.run_sync(self._database.remove, plugin_id)
                del self.runtimes[plugin_id]
                self._environment.announce(plugin_id, State.INSTALLED, State.NOT_INSTALLED, None)
                await self._collect()
        return runtime

    async def change(self, plugin_id: str, **fields: object) -> Runtime:
        """Change fields of a plugin's record, durably.

        Raises:
            PluginNotFound: It is not installed.
        """
        async with self._installing:
            runtime = self.get(plugin_id)
            record = msgspec.structs.replace(runtime.installed.record, **fields)
            await anyio.to_thread.run_sync(self._database.put, record)
            runtime.record(record)
            return runtime

    async def stop(self) -> None:
        """Unload everything."""
        async with anyio.create_task_group() as tasks:
            for runtime in self.runtimes.values():
                tasks.start_soon(runtime.unload, "shutdown")

    async def _prepare(self, contents: folder.Contents, granted: list[str], known: Runtime | None) -> Installed:
        manifest = contents.manifest
        if manifest.main.endswith((".js", ".ts")) or manifest.abi in ("javascript", "extism"):
            raise UnsupportedAbi(
                f"{manifest.name}: {manifest.abi or 'javascript'} plugins are not supported by this version of plugind",
                hint="Build the plugin to WebAssembly with the Timeline or the numeric ABI.",
            )
        package = await anyio.to_thread.run_sync(self._store.add, contents)
        module = self._store.path(package) / manifest.main
        module_hash = await anyio.to_thread.run_sync(_hash, module)
        compiled = await self._environment.pool.compile(
            module, module_hash, text=manifest.main.endswith(".wat"), engine=self._engine(manifest)
        )
        if manifest.abi not in (None, compiled.abi):
            raise UnsupportedAbi(f"{manifest.name}: the manifest says abi {manifest.abi}, the module is {compiled.abi}")
        record = Record(
            plugin_id=manifest.name,
            version=manifest.version,
            package=package,
            module_hash=module_hash,
            abi=compiled.abi,
            enabled=known is None or known.installed.record.enabled,
            granted=granted,
        )
        return await anyio.to_thread.run_sync(self._installed, record)

    def _installed(self, record: Record) -> Installed:
        package = self._store.path(record.package)
        manifest = manifests.parse((package / manifests.MANIFEST_NAME).read_bytes())
        return Installed(
            record=record,
            manifest=manifest,
            module=package / manifest.main,
            limits=limits.effective(self._config.limits, manifest.limits, Limits()),
            engine=self._engine(manifest),
        )

    def _engine(self, manifest: Manifest) -> str:
        engine = manifest.engine or self._config.engine
        if engine != self._config.engine:
            raise PackageInvalid(f"{manifest.name} wants engine {engine}, which is not available")
        return engine

    async def _collect(self) -> None:
        packages = {runtime.installed.record.package for runtime in self.runtimes.values()}
        await anyio.to_thread.run_sync(self._store.keep_only, packages)


def _hash(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
