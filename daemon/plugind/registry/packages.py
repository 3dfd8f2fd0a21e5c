"""Packages as files on this machine, which nobody has checked."""

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Final

from plugind_protocol import disk
from plugind_protocol.errors import ManifestInvalid, PackageInvalid
from plugind_protocol.manifest import MANIFEST_NAME, MAX_MANIFEST_BYTES, Manifest, parse
from plugind_protocol.package import inflate, names, structure, unpack
from plugind_protocol.package.caps import CAPS
from plugind_protocol.package.structure import Entry
from plugind_protocol.turns import by_turns
from plugind_protocol.worker import UnpackedEntry

_CHUNK: Final = 1024 * 1024


def lay_out(entries: Sequence[UnpackedEntry], output: int, into: Path) -> Path:
    """Make a plugin's folder of what a child has unpacked. Blocks: for a thread.

    The child read what is hostile, so that its word counts no more than the package's: names and sizes are checked.

    Args:
        entries: What it says that there is.
        output: Descriptor of the file with the contents, one after the other.
        into: A folder that is not there yet, in one that is the daemon's own; made, and gone again when anything fails.

    Returns:
        ``into``, which is a plugin's folder now.

    Raises:
        PackageInvalid: It is not what a package may hold.
        ManifestInvalid: Its manifest is missing or wrong.
        OSError: The disk is full or not writable.
    """
    if len(entries) > CAPS.entries:
        raise PackageInvalid(f"the package has {len(entries)} entries, over the limit of {CAPS.entries}", cause="limit")
    seen = names.Names()
    places: list[Entry] = []
    at = 0
    for one in by_turns(entries):
        with structure.naming(one.path):
            names.check(one.path)
            seen.add(one.path, folder=one.folder)
        if one.size < 0:
            raise PackageInvalid("the package cannot be unpacked: what unpacks it failed", cause="crash")
        places.append(Entry(one.path, folder=one.folder, deflated=False, at=at, packed=one.size, size=one.size, crc=0))
        at += one.size
    if at != os.fstat(output).st_size:
        raise PackageInvalid("the package cannot be unpacked: what unpacks it failed", cause="crash")
    unpack.lay_out(places, lambda entry: _pieces(output, entry), into)
    return into


def _pieces(output: int, entry: Entry) -> Iterator[bytes]:
    position, end = entry.at, entry.at + entry.size
    while position < end:
        piece = disk.read_at(output, min(_CHUNK, end - position), position)
        if not piece:
            raise PackageInvalid("the package cannot be unpacked: what unpacks it failed", cause="crash")
        position += len(piece)
        yield piece


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
        handle = os.open(file, os.O_RDONLY | disk.NO_WAIT)
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
