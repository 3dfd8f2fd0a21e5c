"""Reads a plugin from a folder that nobody has checked: its manifest and exactly the files that it names.

This is what belongs to a plugin, for whoever installs the folder and for whoever makes a package of it.
"""

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from plugind_protocol import manifest as manifests
from plugind_protocol.errors import ManifestInvalid, PackageInvalid
from plugind_protocol.package import links, script
from plugind_protocol.package.caps import CAPS, Caps
from plugind_protocol.turns import by_turns

_ALONGSIDE: Final = ("README.md", "LICENSE", "LICENSE.txt", "CHANGELOG.md")


class Contents(msgspec.Struct, frozen=True):
    """A plugin as read from a folder."""

    manifest: manifests.Manifest
    files: dict[str, Path]
    """Path inside the package → file to copy; regular files only."""
    empty: tuple[str, ...] = ()
    """Folders that the manifest names and that hold nothing, by path."""


def read(folder: Path, *, caps: Caps = CAPS) -> Contents:
    """Read a plugin folder without trusting it.

    Args:
        folder: The folder with ``manifest.json``.
        caps: How much may be in it.

    Returns:
        The manifest, and the files that belong to the package: what the manifest names, what a script imports, and its
        read-me and licence.

    Raises:
        ManifestInvalid: ``manifest.json`` is missing or wrong.
        PackageInvalid: Something that it names is missing, a link, a device, too many or too large.
    """
    if not folder.is_dir():
        raise PackageInvalid(f"{folder} is not a folder", hint="Give the folder that contains manifest.json.")
    file = folder / manifests.MANIFEST_NAME
    if not file.is_file():
        raise ManifestInvalid(
            f"{folder} has no manifest.json", hint="Give the folder that contains manifest.json.", path="$"
        )
    with file.open("rb") as stream:
        manifest = manifests.parse(stream.read(manifests.MAX_MANIFEST_BYTES + 1))
    files: dict[str, Path] = {}
    empty: set[str] = set()
    total = 0
    for name in _named(manifest, folder, caps):
        _check_way(folder, name)
        empty.add(name)
        for inner, size in by_turns(_regular_files(folder / name, name)):
            empty.discard(name)
            path = inner.relative_to(folder).as_posix()
            if path not in files:  # two names of the manifest may lead to it
                files[path] = inner
                total += size
            if len(files) > caps.entries or total > caps.total_bytes:
                raise PackageInvalid(
                    f"{manifest.name} has more than {caps.entries} files or {caps.total_bytes >> 20} MiB", cause="limit"
                )
    module = files.get(_clean(manifest.main))
    if module is None:
        raise PackageInvalid(f"manifest.json: main names {manifest.main!r}, which is a folder")
    if (size := module.stat().st_size) > caps.module_bytes:
        raise PackageInvalid(f"{manifest.main} has {size >> 20} MiB, more than {caps.module_bytes >> 20} MiB")
    return Contents(manifest=manifest, files=files, empty=tuple(sorted(empty)))


def _clean(name: str) -> str:
    return Path(name).as_posix()


def _named(manifest: manifests.Manifest, folder: Path, caps: Caps) -> Iterator[str]:
    yield manifests.MANIFEST_NAME
    yield _clean(manifest.main)
    if script.is_script(manifest.main):
        yield from script.files(folder, manifest.main, caps=caps)
    for paths in manifest.resources.values():
        yield from map(_clean, paths)
    yield from (shot for shot in manifest.metadata.screenshots if (folder / shot).is_file())
    yield from (name for name in _ALONGSIDE if (folder / name).is_file())


def _check_way(folder: Path, name: str) -> None:
    """Make sure that a name leads to what lies in the folder."""
    if (link := links.on_the_way(folder, name)) is not None:
        raise PackageInvalid(f"{name!r} lies beyond {str(link)!r}, which is a link; links and devices are refused")


def _regular_files(path: Path, name: str) -> Iterator[tuple[Path, int]]:
    """The file, or all files below the folder, each with its size; nothing that could lead elsewhere."""
    try:
        found = path.lstat()
    except OSError as exc:
        raise PackageInvalid(f"manifest.json names {name!r}, which cannot be read: {exc.strerror}") from exc
    if stat.S_ISREG(found.st_mode):
        yield path, found.st_size
    elif stat.S_ISDIR(found.st_mode):
        with os.scandir(path) as entries:
            for entry in sorted(entries, key=lambda item: item.name):
                yield from _regular_files(path / entry.name, f"{name}/{entry.name}")
    else:
        raise PackageInvalid(f"{name!r} is neither a file nor a folder; links and devices are refused")
