"""Reads a plugin from a folder that nobody has checked: its manifest and exactly the files that it names."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from plugind_protocol import manifest as manifests
from plugind_protocol.errors import ManifestInvalid, PackageInvalid

MAX_FILES: Final = 10_000
MAX_TOTAL_BYTES: Final = 512 * 1024 * 1024
MAX_MODULE_BYTES: Final = 64 * 1024 * 1024

_ALONGSIDE: Final = ("README.md", "LICENSE", "LICENSE.txt", "CHANGELOG.md")


class Contents(msgspec.Struct, frozen=True):
    """A plugin as read from a folder."""

    manifest: manifests.Manifest
    files: dict[str, Path]
    """Path inside the package → file to copy; regular files only."""


def read(folder: Path) -> Contents:
    """Read a plugin folder without trusting it.

    Args:
        folder: The folder with ``manifest.json``.

    Returns:
        The manifest, and the files that belong to the package: what the manifest names, and its read-me and licence.

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
    total = 0
    for name in _named(manifest, folder):
        path = folder / name
        for inner in _regular_files(path, name):
            files[inner.relative_to(folder).as_posix()] = inner
            total += inner.stat().st_size
            if len(files) > MAX_FILES or total > MAX_TOTAL_BYTES:
                raise PackageInvalid(f"{manifest.name} has more than {MAX_FILES} files or {MAX_TOTAL_BYTES >> 20} MiB")
    module = files.get(_clean(manifest.main))
    if module is None:
        raise PackageInvalid(f"manifest.json: main names {manifest.main!r}, which is a folder")
    if (size := module.stat().st_size) > MAX_MODULE_BYTES:
        raise PackageInvalid(f"{manifest.main} has {size >> 20} MiB, more than {MAX_MODULE_BYTES >> 20} MiB")
    return Contents(manifest=manifest, files=files)


def _clean(name: str) -> str:
    return Path(name).as_posix()


def _named(manifest: manifests.Manifest, folder: Path) -> Iterator[str]:
    yield manifests.MANIFEST_NAME
    yield _clean(manifest.main)
    for paths in manifest.resources.values():
        yield from map(_clean, paths)
    yield from (shot for shot in manifest.metadata.screenshots if (folder / shot).is_file())
    yield from (name for name in _ALONGSIDE if (folder / name).is_file())


def _regular_files(path: Path, name: str) -> Iterator[Path]:
    """The file, or all files below the folder; nothing that could lead elsewhere."""
    try:
        mode = path.lstat().st_mode
    except OSError as exc:
        raise PackageInvalid(f"manifest.json names {name!r}, which cannot be read: {exc.strerror}") from exc
    if stat.S_ISREG(mode):
        yield path
    elif stat.S_ISDIR(mode):
        with os.scandir(path) as entries:
            for entry in sorted(entries, key=lambda item: item.name):
                yield from _regular_files(path / entry.name, f"{name}/{entry.name}")
    else:
        raise PackageInvalid(f"{name!r} is neither a file nor a folder; links and devices are refused")
