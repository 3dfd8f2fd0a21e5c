"""Brings packages in, to a compiled module in the store, and removes those that nobody refers to."""

import hashlib
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import msgspec
import structlog

from plugind.config import Config
from plugind.policy import isolation, limits
from plugind.registry import folder, records
from plugind.registry.records import Record
from plugind.registry.store import PackageStore, Staged
from plugind.services.environment import Installed
from plugind.supervisor import scripts
from plugind.supervisor.pool import Pool
from plugind_protocol import manifest as manifests
from plugind_protocol.errors import UnsupportedAbi
from plugind_protocol.manifest import Limits, Manifest
from plugind_protocol.package import script

_log = structlog.get_logger(__name__)


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """A version in the store, compiled, that is not installed yet."""

    manifest: Manifest
    package: str
    module_hash: str
    abi: str


class Installer:
    """Prepares versions.

    Args:
        config: The daemon's settings.
        store: Where the packages are.
        pool: Who compiles.
        referred: Tells which records refer to packages.
    """

    def __init__(
        self, config: Config, store: PackageStore, pool: Pool, *, referred: Callable[[], Iterable[Record]]
    ) -> None:
        self._config = config
        self._store = store
        self._pool = pool
        self._referred = referred
        self._changing = anyio.Lock()
        """Held while packages come and go; not while they are copied, compiled or removed."""
        self._pinned: Counter[str] = Counter()

    @asynccontextmanager
    async def prepared(self, contents: folder.Contents, *, quick: bool = False) -> AsyncIterator[Prepared]:
        """Copy a package in and compile its module; it stays at least as long as the block lasts.

        Whoever asked may change their mind: nothing refers to it yet.

        Args:
            contents: What `folder.read` returned.
            quick: Compile in a fraction of the time, to slower code, where the engine can.

        Raises:
            PackageInvalid: A file is not acceptable, or the module is damaged.
            UnsupportedAbi: The module asks for what the host does not offer.
            OSError: The disk is full or takes no changes.
        """
        manifest = contents.manifest
        engine = self.engine(manifest)
        _check_kind(manifest)
        self._pool.check(engine, who=manifest.name)
        staged = await anyio.to_thread.run_sync(self._store.stage, contents)
        self._pinned[staged.digest] += 1
        try:
            await self._place(staged)
            yield await self._compiled(manifest, staged.digest, engine, quick=quick)
        finally:
            self._pinned -= Counter([staged.digest])
            with anyio.CancelScope(shield=True):
                await self.collect()

    async def _place(self, staged: Staged) -> None:
        with anyio.CancelScope(shield=True):
            try:
                async with self._changing:
                    await anyio.to_thread.run_sync(self._store.place, staged)
            finally:
                await anyio.to_thread.run_sync(self._store.discard, staged)

    async def _compiled(self, manifest: Manifest, package: str, engine: str, *, quick: bool) -> Prepared:
        if script.is_script(manifest.main):
            return await self._script(manifest, package, engine)
        module = self._store.path(package) / manifest.main
        module_hash = await anyio.to_thread.run_sync(_hash, module)
        text = manifest.main.endswith(".wat")
        compiled = await self._pool.compile(module, module_hash, text=text, engine=engine, quick=quick)
        if manifest.abi not in (None, compiled.abi):
            raise UnsupportedAbi(f"{manifest.name}: the manifest says abi {manifest.abi}, the module is {compiled.abi}")
        return Prepared(manifest=manifest, package=package, module_hash=module_hash, abi=compiled.abi)

    async def _script(self, manifest: Manifest, package: str, engine: str) -> Prepared:
        """Find a script's modules; what is compiled is what runs it, once for all scripts."""
        plan = await anyio.to_thread.run_sync(scripts.plan, self._store.path(package), manifest.main)
        await self._pool.compile(scripts.RUNTIME, scripts.runtime_hash(), text=False, engine=engine)
        return Prepared(manifest=manifest, package=package, module_hash=plan.hash, abi=scripts.ABI)

    def installed(self, record: Record) -> Installed:
        """Read what a record is about from its package. Blocks.

        Raises:
            OSError: The package is not there, or cannot be read.
            ManifestInvalid: Its manifest is damaged.
        """
        package = self._store.path(record.package)
        manifest = manifests.parse((package / manifests.MANIFEST_NAME).read_bytes())
        if record.abi == scripts.ABI:
            scripts.runtime_hash()  # here, where nobody waits for it
        return Installed(
            record=record,
            manifest=manifest,
            module=package / manifest.main,
            limits=self.limits(manifest, record),
            engine=self.engine(manifest),
            config={**manifest.config, **self._config.plugin_config.get(manifest.name, {})},
            publisher=isolation.sharing(
                manifest.name, default=self._config.isolation, chosen=self._config.isolation_of
            ),
        )

    def limits(self, manifest: Manifest, record: Record) -> Limits:
        """Return the limits in force."""
        return limits.effective(self._config.limits, manifest.limits, record.limits)

    def engine(self, manifest: Manifest) -> str:
        """Return the engine that a plugin runs on: the user's choice, its own, the default."""
        return self._config.engines.plugins.get(manifest.name) or manifest.engine or self._config.engine

    async def label(self, record: Record) -> None:
        """Write beside a package what it is; without it the package would not be found again, no more."""
        try:
            await anyio.to_thread.run_sync(self._store.label, records.label(record))
        except OSError as exc:
            _log.warning("a package has no label", plugin=record.plugin_id, version=record.version, reason=str(exc))

    async def label_missing(self) -> None:
        """Write the labels of packages that have none or another."""
        there = {found.package: found for found in await anyio.to_thread.run_sync(self._store.labels)}
        for record in self._referred():
            if there.get(record.package) != records.label(record):
                await self.label(record)

    async def collect(self) -> None:
        """Remove packages that nobody refers to."""
        async with self._changing:
            referred = list(self._referred())
            packages = frozenset({*(record.package for record in referred), *self._pinned})
            await anyio.to_thread.run_sync(self._store.keep_only, packages)


def _check_kind(manifest: Manifest) -> None:
    is_script = script.is_script(manifest.main)
    if manifest.abi is not None and is_script != (manifest.abi == scripts.ABI):
        kind = "a script" if is_script else "no script"
        raise UnsupportedAbi(
            f"{manifest.name}: the manifest says abi {manifest.abi}, and its main module {manifest.main} is {kind}",
            hint="Leave abi out: it is told by the main module.",
        )


def _hash(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
