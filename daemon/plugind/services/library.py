"""All versions of plugins that are at hand: what is installed, what is kept of it, and what lies in package folders."""

from pathlib import Path
from typing import Final

import anyio
import structlog

from plugind.registry.available import Found, PackageFolders, offer
from plugind.registry.resolve import Offer
from plugind.registry.store import PackageStore
from plugind.services.catalog import Catalog
from plugind_protocol import manifest as manifests
from plugind_protocol.errors import ManifestInvalid

_log: Final = structlog.get_logger(__name__)

INSTALLED: Final = "installed"
KEPT: Final = "kept"
"""Sources of versions that are in the store."""


class Library:
    """Knows what can be installed by name.

    Args:
        catalog: The installed plugins.
        store: Where their packages are.
        folders: Where else to look.
    """

    def __init__(self, catalog: Catalog, store: PackageStore, folders: PackageFolders) -> None:
        self._catalog = catalog
        self._store = store
        self._folders = folders
        self._looking = anyio.Lock()
        self._kept: dict[str, Offer] = {}
        """By package; what is in the store never changes."""

    async def look(self) -> Found:
        """Return everything that there is; of the same version twice, the first counts."""
        installed = [
            offer(one.installed.manifest, source=INSTALLED, package=one.installed.record.package, installed=True)
            for one in self._catalog.runtimes.values()
        ]
        async with self._looking:
            kept = await anyio.to_thread.run_sync(
                self._read_kept, [one.package for one in self._catalog.shelf.earlier()]
            )
            found = await anyio.to_thread.run_sync(self._folders.look)
        return Found([*installed, *kept, *found.offers], found.unusable)

    def path(self, found: Offer) -> Path:
        """Return the folder or the package of a version."""
        return self._store.path(found.package) if found.package is not None else Path(found.source)

    def origin(self, found: Offer) -> str | None:
        """Return where a version came from; None where that is not known."""
        if found.package is None:
            return found.source
        records = [*(one.installed.record for one in self._catalog.runtimes.values()), *self._catalog.shelf.earlier()]
        return next((record.source for record in records if record.package == found.package), None)

    def _read_kept(self, packages: list[str]) -> list[Offer]:
        kept = {}
        for package in packages:
            known = self._kept.get(package)
            if known is None:
                try:
                    text = (self._store.path(package) / manifests.MANIFEST_NAME).read_bytes()
                    known = offer(manifests.parse(text), source=KEPT, package=package)
                except (OSError, ManifestInvalid) as exc:
                    _log.warning("a kept version cannot be read", package=package, reason=str(exc))
                    continue
            kept[package] = known
        self._kept = kept
        return list(kept.values())
