"""Writes packages so that the same plugin becomes the same bytes, whoever packs it, where and when.

Names in order, one time for all, one mode for all, and stored: what a compressor makes of a file changes from one
version of it to the next. Compressed on request, which is smaller, and the same only where the compressor is.
"""

import zlib
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import BinaryIO, Final

import msgspec

from plugind_protocol.errors import PackageInvalid
from plugind_protocol.manifest import MANIFEST_NAME
from plugind_protocol.package import names
from plugind_protocol.package.caps import CAPS, Caps
from plugind_protocol.package.folder import Contents
from plugind_protocol.package.structure import (
    CENTRAL,
    CENTRAL_MARK,
    DEFLATED,
    END,
    END_MARK,
    LOCAL,
    LOCAL_MARK,
    STORED,
    UTF8,
    naming,
)

LEVEL: Final = 9
"""Of the compressor, where one is asked for."""

_RAW: Final = -15
_WASM: Final = b"\0asm\1\0\0\0"
_NEEDS: Final = 20
"""Version of the format: folders and deflated data."""
_MADE_BY: Final = 3 << 8 | _NEEDS
"""By a Unix, so that the modes below count."""
_TIME: Final = 0
_DATE: Final = 1 << 5 | 1
"""The first day of 1980, where the format's time begins."""
_FILE_MODE: Final = 0o100644 << 16
_FOLDER_MODE: Final = 0o040755 << 16 | 0x10


class _Written(msgspec.Struct, frozen=True):
    """What the directory says of an entry."""

    name: bytes
    told: tuple[int, ...]
    """Needs, flags, method, time, date, CRC, packed, size."""
    attributes: int
    at: int


def write(contents: Contents, stream: BinaryIO, *, compress: bool = False, caps: Caps = CAPS) -> None:
    """Write a plugin as a package.

    Args:
        contents: The plugin, as `folder.read` found it.
        stream: Where to; written from its beginning to its end, without seeking.
        compress: Deflate what becomes smaller by it.
        caps: How much may be in it.

    Raises:
        PackageInvalid: Something in the folder may not be in a package; the message says what and why.
        OSError: A file cannot be read, or the package not written.
    """
    _check(contents, caps)
    written: list[_Written] = []
    position = 0
    for path in (MANIFEST_NAME, *sorted(contents.files.keys() - {MANIFEST_NAME})):
        data = contents.files[path].read_bytes()
        entry, packed = _file(path, data, position, compress=compress, caps=caps)
        position += _put(stream, entry, packed)
        written.append(entry)
    for path in contents.empty:
        entry = _Written(f"{path}/".encode(), (_NEEDS, UTF8, STORED, _TIME, _DATE, 0, 0, 0), _FOLDER_MODE, position)
        position += _put(stream, entry, b"")
        written.append(entry)
    _put_directory(stream, written, position)


def _check(contents: Contents, caps: Caps) -> None:
    """Refuse what no reader would take, so that nobody ships it."""
    if contents.manifest.main.endswith(".wat"):
        raise PackageInvalid(
            f"{contents.manifest.main} is WebAssembly text, which may be in a plugin's folder, never in a package",
            hint="Assemble it (wasm-tools parse, or wat2wasm), and name the .wasm file as main in manifest.json.",
        )
    if contents.manifest.main.endswith(".wasm"):
        with contents.files[PurePosixPath(contents.manifest.main).as_posix()].open("rb") as stream:
            if stream.read(len(_WASM)) != _WASM:
                raise PackageInvalid(f"{contents.manifest.main} is not a WebAssembly module", hint="Build it again.")
    if (count := len(contents.files) + len(contents.empty)) > caps.entries:
        raise PackageInvalid(
            f"{contents.manifest.name} has {count} files and folders, over the limit of {caps.entries}"
        )
    seen = names.Names()
    for path in (*contents.files, *contents.empty):
        with naming(path):
            names.check(path, caps=caps)
            seen.add(path, folder=path in contents.empty)


def _file(path: str, data: bytes, position: int, *, compress: bool, caps: Caps) -> tuple[_Written, bytes]:
    method, packed = STORED, data
    if compress:
        squeezer = zlib.compressobj(LEVEL, zlib.DEFLATED, _RAW)
        squeezed = squeezer.compress(data) + squeezer.flush()
        bomb = len(data) > caps.free_bytes and len(data) > caps.ratio * len(squeezed)
        if len(squeezed) < len(data) and not bomb:
            method, packed = DEFLATED, squeezed
    told = (_NEEDS, UTF8, method, _TIME, _DATE, zlib.crc32(data), len(packed), len(data))
    return _Written(path.encode(), told, _FILE_MODE, position), packed


def _put(stream: BinaryIO, entry: _Written, packed: bytes) -> int:
    """Write a header and the data behind it; says how long that is."""
    head = LOCAL.pack(LOCAL_MARK, *entry.told, len(entry.name), 0) + entry.name
    stream.write(head)
    stream.write(packed)
    return len(head) + len(packed)


def _put_directory(stream: BinaryIO, entries: Iterable[_Written], position: int) -> None:
    records = [
        CENTRAL.pack(CENTRAL_MARK, _MADE_BY, *one.told, len(one.name), 0, 0, 0, 0, one.attributes, one.at) + one.name
        for one in entries
    ]
    directory = b"".join(records)
    stream.write(directory)
    stream.write(END.pack(END_MARK, 0, 0, len(records), len(records), len(directory), position, 0))
