"""``plugins.lock`` and ``plugins.restore``: write down exactly what is installed, and bring exactly that back."""

import errno
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Final

import anyio
import msgspec
import structlog

from plugind.registry import durable, folder, lockfile
from plugind.registry.records import Record
from plugind.registry.resolve import Offer
from plugind.registry.resolving.order import components
from plugind.registry.sources import Sources
from plugind.rpc.session import Session
from plugind.services.bringing import Bringing, Brought
from plugind.services.catalog import Catalog
from plugind.services.library import INSTALLED, KEPT, Library
from plugind.services.permissions import PermissionsService
from plugind_protocol.dependencies import Lock, LockedPlugin, LockResult, Restore, RestoredPlugin, RestoreResult
from plugind_protocol.errors import InvalidParams, PackageInvalid, PlugindError
from plugind_protocol.manifest import Manifest
from plugind_protocol.package import digest

_log: Final = structlog.get_logger(__name__)


class _Found(msgspec.Struct, frozen=True, kw_only=True):
    """Where what is locked is."""

    locked: LockedPlugin
    source: str
    """``installed``, ``kept``, or where it was found."""
    folder: Path | None = None
    """What to install from."""
    previous: str | None = None
    """The version that is installed."""


class Locking:
    """Answers ``plugins.lock`` and ``plugins.restore``.

    Args:
        catalog: The installed plugins.
        library: What else is at hand.
        sources: Opens recorded sources.
        bringing: Knows when who needs whom may change.
        permissions: Keeps the ledger.
    """

    def __init__(
        self,
        catalog: Catalog,
        library: Library,
        *,
        sources: Sources,
        bringing: Bringing,
        permissions: PermissionsService,
    ) -> None:
        self._catalog = catalog
        self._library = library
        self._sources = sources
        self._bringing = bringing
        self._permissions = permissions

    async def lock(self, _session: Session, params: Lock) -> LockResult:
        """Write down what is installed."""
        path = _lock_path(params.path) if params.path is not None else None
        locked, left_out = [], []
        for name, runtime in sorted(self._catalog.runtimes.items()):
            record = runtime.committed.record
            if record.development is not None:
                left_out.append(name)
                continue
            locked.append(
                LockedPlugin(
                    name=name,
                    version=record.version,
                    package=f"sha256:{record.package}",
                    module=f"sha256:{record.module_hash}",
                    source=lockfile.relative(record.source, path.parent) if path is not None else None,
                    dependencies=runtime.committed.manifest.dependencies,
                )
            )
        text = lockfile.encode(locked)
        if path is not None:
            try:
                await anyio.to_thread.run_sync(durable.replace, path, text)
            except OSError as exc:
                raise _unusable(path, "written", exc) from exc
        return LockResult(
            path=os.fspath(path) if path is not None else None,
            text=text.decode(),
            plugins=locked,
            left_out=left_out,
        )

    async def restore(self, session: Session, params: Restore) -> RestoreResult:
        """Bring back exactly what is locked, or change nothing."""
        path = _lock_path(params.path)
        locked = await anyio.to_thread.run_sync(_read, path)
        async with AsyncExitStack() as held:
            if not params.dry_run:
                await held.enter_async_context(self._bringing.changing)
            found = await self._find_all(locked, path.parent, held)
            if not params.dry_run:
                await self._take_all(session, found)
        names = {one.name for one in locked}
        return RestoreResult(
            path=os.fspath(path),
            restored=not params.dry_run,
            plugins=[
                RestoredPlugin(
                    plugin_id=one.locked.name,
                    version=one.locked.version,
                    source=one.source,
                    change="none" if one.source == INSTALLED else "update" if one.previous is not None else "install",
                    previous=one.previous,
                )
                for one in found
            ],
            others=sorted(name for name in self._catalog.runtimes if name not in names),
        )

    # --- finding ----------------------------------------------------------------------------------------------

    async def _find_all(self, locked: list[LockedPlugin], where: Path, held: AsyncExitStack) -> list[_Found]:
        """Find all that is locked, what is needed first; it stays there as long as ``held``."""
        by_name = {one.name: one for one in locked}
        names = [name for group in components(lockfile.order(locked)) for name in group]
        offers = (await self._library.look()).offers
        return [await self._find(by_name[name], offers, where, held) for name in names]

    async def _find(self, locked: LockedPlugin, offers: list[Offer], where: Path, held: AsyncExitStack) -> _Found:
        runtime = self._catalog.runtimes.get(locked.name)
        previous = runtime.committed.record.version if runtime is not None else None
        for one in offers:
            if one.name == locked.name and one.package == lockfile.plain(locked.package):
                source = INSTALLED if one.installed else KEPT
                return _Found(locked=locked, source=source, folder=self._library.path(one), previous=previous)
        unfit: list[str] = []
        for source in _places(locked, offers, where):
            try:
                opened = await held.enter_async_context(self._opened(source))
                contents = await anyio.to_thread.run_sync(folder.read, opened)
                package = await anyio.to_thread.run_sync(digest.of_files, contents.files)
            except (PlugindError, OSError) as exc:
                unfit.append(f"{source}: {exc}")
                continue
            problem = lockfile.problems(locked, package=package)
            if problem is None:
                return _Found(locked=locked, source=source, folder=opened, previous=previous)
            unfit.append(f"{source}: {problem}")
        why = f": {'; '.join(unfit)}" if unfit else ", and was not found in the store or in any package folder"
        raise PackageInvalid(
            f"{locked.name} {locked.version} is not there as it is locked{why}",
            hint="Put the package that was locked into a package folder ([packages] folders), or lock anew.",
            plugin_id=locked.name,
            version=locked.version,
        )

    @asynccontextmanager
    async def _opened(self, source: str) -> AsyncIterator[Path]:
        async with self._sources.open(source) as opened:
            yield opened

    # --- taking -----------------------------------------------------------------------------------------------

    async def _take_all(self, session: Session, found: list[_Found]) -> None:
        brought = Brought(self._catalog)
        try:
            for one in found:
                if one.source == INSTALLED or one.folder is None:
                    continue
                origin = self._origin(one) if one.source == KEPT else one.source
                runtime = await brought.install(one.folder, origin=origin, before=partial(_check_name, one.locked))
                _check_same(one.locked, runtime.committed.record)
        except BaseException:
            await brought.take_back()
            raise
        for runtime, _ in brought.done:
            await self._permissions.installed(session, runtime)

    def _origin(self, one: _Found) -> str | None:
        package = lockfile.plain(one.locked.package)
        return next((record.source for record in self._catalog.shelf.earlier() if record.package == package), None)


def _check_name(locked: LockedPlugin, manifest: Manifest) -> None:
    if (manifest.name, manifest.version) != (locked.name, locked.version):
        raise _other(locked, f"it calls itself {manifest.name} {manifest.version}")


def _check_same(locked: LockedPlugin, record: Record) -> None:
    if problem := lockfile.problems(locked, package=record.package, module=record.module_hash):
        raise _other(locked, problem)


def _other(locked: LockedPlugin, problem: str) -> PackageInvalid:
    return PackageInvalid(
        f"{locked.name} {locked.version} is not what is locked: {problem}",
        plugin_id=locked.name,
        version=locked.version,
    )


def _places(locked: LockedPlugin, offers: list[Offer], where: Path) -> list[str]:
    """Where to look for what is not in the store, without repetition."""
    places = [one.source for one in offers if one.package is None and (one.name, one.version) == _which(locked)]
    if locked.source is not None:
        places.append(lockfile.absolute(locked.source, where))
    return list(dict.fromkeys(places))


def _which(locked: LockedPlugin) -> tuple[str, str]:
    return locked.name, locked.version


def _lock_path(text: str) -> Path:
    path = Path(text)
    if not path.is_absolute() or "\0" in text:
        raise InvalidParams(
            "Invalid params: the path of a lock file must be absolute",
            hint="The daemon runs in a folder of its own.",
            path="$.path",
        )
    return path / lockfile.FILE_NAME if path.is_dir() else path


def _read(path: Path) -> list[LockedPlugin]:
    if path.exists() and not path.is_file():
        raise _unusable(path, "read", OSError(errno.EINVAL, "it is no file"))
    try:
        with path.open("rb") as stream:
            text = stream.read(lockfile.MAX_BYTES + 1)
    except OSError as exc:
        raise _unusable(path, "read", exc) from exc
    return lockfile.decode(text, where=os.fspath(path))


def _unusable(path: Path, done: str, exc: OSError) -> InvalidParams:
    return InvalidParams(
        f"{path} cannot be {done}: {exc.strerror}", hint="Give the path of a lock file, or a folder.", path="$.path"
    )
