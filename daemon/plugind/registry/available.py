"""Package folders: places on this machine that plugins can be installed from by name.

In a folder, and in its sub-folders named as scopes (``@acme``), each package and each folder with a manifest is a
version that there is. Manifests are read when somebody asks, and again when they change. What cannot be read is said,
and keeps nothing else away.
"""

import os
import stat
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from plugind.registry.resolve import Offer
from plugind_protocol import manifest as manifests
from plugind_protocol.dependencies import UnusablePackage
from plugind_protocol.errors import PlugindError
from plugind_protocol.manifest import Manifest
from plugind_protocol.package import SUFFIX

MAX_ENTRIES: Final = 10_000
"""Entries of a folder that are looked at."""

_Stamp = tuple[int, int, int]
"""Time of change in ns, size and number of a file: it is the same file if these are."""


class Found(msgspec.Struct, frozen=True):
    """What there is in package folders."""

    offers: list[Offer]
    """Their sources are paths."""
    unusable: list[UnusablePackage]


class PackageFolders:
    """Looks into package folders.

    Args:
        folders: Where to look; what comes first counts where two have the same version.
        read_package: Returns the manifest of a package.
    """

    def __init__(self, folders: Iterable[Path], read_package: Callable[[Path], Manifest]) -> None:
        self._folders = [folder.expanduser().absolute() for folder in folders]
        self._read_package = read_package
        self._known: dict[Path, tuple[_Stamp, Offer | UnusablePackage]] = {}

    def look(self) -> Found:
        """Read what is new or has changed. Blocks: for a thread, one at a time."""
        known: dict[Path, tuple[_Stamp, Offer | UnusablePackage]] = {}
        unusable: list[UnusablePackage] = []
        for folder in self._folders:
            try:
                for path, file in _candidates(folder):
                    known[path] = self._read(path, file)
            except OSError as exc:
                unusable.append(UnusablePackage(path=str(folder), reason=f"cannot be read: {exc.strerror}"))
        self._known = known
        results = [result for _, result in known.values()]
        unusable += [result for result in results if isinstance(result, UnusablePackage)]
        return Found([result for result in results if isinstance(result, Offer)], unusable)

    def _read(self, path: Path, file: Path) -> tuple[_Stamp, Offer | UnusablePackage]:
        """Read one, unless it is known as it is."""
        stamp = (0, 0, 0)
        try:
            state = file.stat()
            stamp = (state.st_mtime_ns, state.st_size, state.st_ino)
            known = self._known.get(path)
            if known is not None and known[0] == stamp:
                return known
            if not stat.S_ISREG(state.st_mode):
                return stamp, UnusablePackage(path=str(path), reason=f"{file.name} is not a file")
            manifest = self._read_package(file) if path == file else _manifest(file)
        except PlugindError as exc:
            return stamp, UnusablePackage(path=str(path), reason=exc.message)
        except OSError as exc:
            return stamp, UnusablePackage(path=str(path), reason=f"cannot be read: {exc.strerror}")
        return stamp, offer(manifest, source=str(path))


def offer(manifest: Manifest, *, source: str, package: str | None = None, installed: bool = False) -> Offer:
    """Say what a manifest offers.

    Args:
        manifest: The manifest.
        source: Where it is.
        package: Hash of the package, where it is in the store.
        installed: Whether it is a plugin's current version.
    """
    return Offer(
        name=manifest.name,
        version=manifest.version,
        dependencies=manifest.dependencies,
        api_version=manifest.api_version,
        min_timeline_version=manifest.min_timeline_version,
        source=source,
        package=package,
        installed=installed,
    )


def _candidates(folder: Path) -> Iterator[tuple[Path, Path]]:
    """Yield each package and each plugin folder, with the file that says what it is."""
    for entry in _entries(folder):
        path = folder / entry.name
        if entry.name.endswith(SUFFIX) and not entry.is_dir():
            yield path, path
        elif entry.is_dir():
            file = path / manifests.MANIFEST_NAME
            if entry.name.startswith("@") and not file.exists():
                yield from _candidates(path) if not folder.name.startswith("@") else ()
            elif file.exists():
                yield path, file


def _entries(folder: Path) -> "list[os.DirEntry[str]]":
    with os.scandir(folder) as entries:
        found = [entry for entry, _ in zip(entries, range(MAX_ENTRIES), strict=False)]
    return sorted(found, key=lambda entry: entry.name)


def _manifest(file: Path) -> Manifest:
    with file.open("rb") as stream:
        return manifests.parse(stream.read(manifests.MAX_MANIFEST_BYTES + 1))
