"""Packages as files on this machine, which nobody has checked."""

import os
import stat
from pathlib import Path
from typing import BinaryIO

from plugind_protocol.errors import ManifestInvalid, PackageInvalid
from plugind_protocol.manifest import MANIFEST_NAME, MAX_MANIFEST_BYTES, Manifest, parse
from plugind_protocol.package import inflate, structure
from plugind_protocol.package.unpack import unpack


def extract(file: Path, into: Path) -> Path:
    """Unpack a package. Blocks: for a thread.

    Args:
        file: The package.
        into: A folder that is not there yet, in one that is the daemon's own; made, and gone again when anything fails.

    Returns:
        ``into``, which is a plugin's folder now.

    Raises:
        PackageInvalid: It cannot be read, or is not what a package may be; the message names the entry and the reason.
        ManifestInvalid: Its manifest is missing or wrong.
        OSError: The disk is full or not writable.
    """
    with open_package(file) as stream:
        unpack(stream, into)
    return into


def manifest_of(file: Path) -> Manifest:
    """Read the manifest of a package, and nothing else of it. Blocks: for a thread.

    Raises:
        PackageInvalid: It cannot be read, or its structure is not that of a package.
        ManifestInvalid: Its manifest is missing or wrong.
    """
    with open_package(file) as stream:
        entry = next((one for one in structure.read(stream) if one.path == MANIFEST_NAME and not one.folder), None)
        if entry is None:
            raise ManifestInvalid(f"{file.name} has no manifest.json", path="$")
        if entry.size > MAX_MANIFEST_BYTES:
            raise ManifestInvalid(f"manifest.json: $ is larger than {MAX_MANIFEST_BYTES} bytes", path="$")
        return parse(b"".join(inflate.contents(stream, entry)))


def open_package(file: Path) -> BinaryIO:
    """Open a package for reading, without waiting for pipes and devices.

    Raises:
        PackageInvalid: It cannot be read, or is no regular file.
    """
    try:
        handle = os.open(file, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except OSError as exc:
        raise PackageInvalid(
            f"{file} is not a folder, and cannot be read as a package: {exc.strerror}",
            hint="Give a folder with manifest.json, or a .tsplugin file.",
        ) from exc
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise PackageInvalid(
            f"{file} is not a regular file", hint="Give a folder with manifest.json, or a .tsplugin file."
        )
    return os.fdopen(handle, "rb")
