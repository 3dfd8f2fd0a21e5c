"""``plugins.update``: finds the newest version of a plugin, where it came from or in package folders, and takes it."""

from pathlib import Path
from typing import Final

import anyio
import msgspec
import structlog

from plugind.registry import sources
from plugind.registry.packages import manifest_of
from plugind.rpc.session import Session
from plugind.services.bringing import Bringing
from plugind.services.catalog import Catalog
from plugind.services.dependencies import Dependencies
from plugind.services.library import Library
from plugind.services.permissions import PermissionsService
from plugind.services.runtime import Runtime
from plugind_protocol import manifest as manifests
from plugind_protocol import ranges
from plugind_protocol.errors import InvalidParams, PlugindError
from plugind_protocol.manifest import Manifest
from plugind_protocol.methods import Install, Update, UpdateResult

_log: Final = structlog.get_logger(__name__)


class _NotNewer(Exception):  # noqa: N818  # no error: an answer on its way
    """What was fetched is no newer than what is there."""


class Updates:
    """Answers ``plugins.update``.

    Args:
        catalog: The installed plugins.
        library: What is at hand.
        dependencies: Says whether a version fits.
        bringing: Installs it, with what it needs.
        permissions: Who keeps the ledger.
    """

    def __init__(
        self,
        catalog: Catalog,
        library: Library,
        *,
        dependencies: Dependencies,
        bringing: Bringing,
        permissions: PermissionsService,
    ) -> None:
        self._catalog = catalog
        self._library = library
        self._dependencies = dependencies
        self._bringing = bringing
        self._permissions = permissions

    async def update(self, session: Session, params: Update) -> UpdateResult:
        """Update a plugin to a given source, or to the newest version that is found.

        Raises:
            PluginNotFound: It is not installed.
            InvalidParams: The source holds another plugin.
            DependencyConflict: There is a newer version, and none that fits.
            PlugindError: As of ``plugins.install``.
        """
        runtime = self._catalog.get(params.plugin_id)
        before = runtime.committed.record
        if params.source is not None:
            looked = params.source
            await self._take(session, params, params.source)
        else:
            looked = ", ".join([before.source or "where it came from is not known", "package folders"])
            await self._newest(session, runtime, params)
        runtime = self._catalog.get(params.plugin_id)
        await self._permissions.installed(session, runtime)
        after = runtime.committed.record
        updated = after.package != before.package
        return UpdateResult(
            **msgspec.structs.asdict(runtime.info()),
            updated=updated,
            previous=before.version,
            message=f"{before.version} → {after.version}" if updated else _why_not(runtime, looked),
        )

    async def _newest(self, session: Session, runtime: Runtime, params: Update) -> None:
        """Take the newest version, if it is newer than the current one."""
        record = runtime.committed.record
        current = record.version
        found = await self._offered(runtime.plugin_id, current)
        origin = record.source
        if origin is not None:
            kind = sources.classify(origin)
            if isinstance(kind, sources.Local) and (version := await anyio.to_thread.run_sync(_peek, kind.path)):
                found = max(found, (version, origin), key=lambda one: _key(one[0]))
            elif isinstance(kind, sources.Remote):
                try:
                    return await self._take(session, params, origin, newer_than=found[0])
                except _NotNewer:
                    pass
        if _key(found[0]) > _key(current):
            await self._take(session, params, found[1])
        return None

    async def _offered(self, plugin_id: str, current: str) -> tuple[str, str]:
        """Return version and source of the newest in the package folders that fits; the current one if none is."""
        library = await self._library.look()
        newer = [
            one
            for one in library.offers
            if one.name == plugin_id and one.package is None and _key(one.version) > _key(current)
        ]
        refused: PlugindError | None = None
        for one in sorted(newer, key=lambda offer: _key(offer.version), reverse=True):
            try:
                await self._dependencies.plan(one)
            except PlugindError as exc:
                refused = refused or exc
            else:
                return one.version, one.source
        if refused is not None:
            raise refused
        return current, ""

    async def _take(self, session: Session, params: Update, source: str, *, newer_than: str | None = None) -> None:
        def check(manifest: Manifest) -> None:
            if manifest.name != params.plugin_id:
                raise InvalidParams(
                    f"{source} is {manifest.name}, not {params.plugin_id}",
                    hint="Install it, or give a source of this plugin.",
                    path="$.source",
                )
            if newer_than is not None and _key(manifest.version) <= _key(newer_than):
                raise _NotNewer

        _, brought = await self._bringing.install(Install(source=source, grant=params.grant), check=check)
        for one, _ in brought.done:
            await self._permissions.installed(session, one)


def _why_not(runtime: Runtime, looked: str) -> str:
    version = runtime.committed.record.version
    if runtime.held is not msgspec.UNSET:
        return f"{runtime.held.version} asks for more than {version} and waits for the user"
    return f"{version} is the newest there is; looked at: {looked}"


def _key(version: str) -> ranges.Key:
    return ranges.key(ranges.parse_version(version))


def _peek(path: Path) -> str | None:
    """Return the version that a folder or a package holds; None where it cannot be read any more."""
    try:
        if not path.is_dir():
            return manifest_of(path).version
        with (path / manifests.MANIFEST_NAME).open("rb") as stream:
            return manifests.parse(stream.read(manifests.MAX_MANIFEST_BYTES + 1)).version
    except (OSError, PlugindError) as exc:
        _log.info("where a plugin came from cannot be read", source=str(path), reason=str(exc))
        return None
