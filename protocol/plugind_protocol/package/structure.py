"""Reads the structure of a package: the directory at its end and the header before each file, one against the other.

A package is a zip in which every byte is accounted for: one file after the other from the first byte on, then the
directory, then its end record, and nothing before, between or after. So nothing overlaps, nothing is hidden, and every
reader sees the same files. What common tools write without being asked is accepted; what only serves to confuse is not.
"""

import contextlib
import stat
import struct
from collections.abc import Iterator
from typing import BinaryIO, Final

import msgspec

from plugind_protocol.errors import PackageInvalid
from plugind_protocol.package import names
from plugind_protocol.package.caps import CAPS, Caps

STORED: Final = 0
DEFLATED: Final = 8

END: Final = struct.Struct("<4s4H2LH")
"""signature, this disk, disk of the directory, entries on this disk, entries, directory's size, its place, comment."""
CENTRAL: Final = struct.Struct("<4s6H3L5H2L")
"""signature, made by, needs, flags, method, time, date, CRC, packed, size, name, extra, comment, disk, internal,
attributes, place of its header."""
LOCAL: Final = struct.Struct("<4s5H3L2H")
"""signature, needs, flags, method, time, date, CRC, packed, size, name, extra."""
END_MARK: Final = b"PK\5\6"
CENTRAL_MARK: Final = b"PK\1\2"
LOCAL_MARK: Final = b"PK\3\4"
UTF8: Final = 0x0800
"""Flag: the name is UTF-8."""

_ZIP64_MARK: Final = b"PK\6\7"
_LEVEL: Final = 0x0006
"""Flags: how hard the packer tried."""
_FLAGS: Final = {
    0x0001: "is encrypted",
    0x0008: "has its sizes after its data (it was written as a stream)",
    0x0020: "is a patch",
    0x0040: "is encrypted",
    0x2000: "has an encrypted header",
}
"""Flags that are refused, in words; so are all others that are not in ``UTF8 | _LEVEL``."""
_METHODS: Final = {
    1: "shrunk",
    6: "imploded",
    9: "Deflate64",
    12: "bzip2",
    14: "LZMA",
    93: "Zstandard",
    95: "XZ",
    99: "AES",
}
_HARMLESS: Final = frozenset({0x000A, 0x5455, 0x5855, 0x7855, 0x7875})
"""Extra fields that common tools add unasked: times and user ids. They are skipped."""
_EXTRAS: Final = {0x0001: "zip64", 0x7075: "another name", 0x9901: "AES"}
_PLAIN_ATTRIBUTES: Final = 0x01 | 0x02 | 0x04 | 0x10 | 0x20 | 0x80
"""Read-only, hidden, system, folder, archive, normal: no volume label, no reparse point."""
_FOLDER_ATTRIBUTE: Final = 0x10
_SEARCH_BYTES: Final = 65_535 + END.size
_SHOWN: Final = 80


class Entry(msgspec.Struct, frozen=True):
    """One file or folder of a package."""

    path: str
    """With ``/`` between its names, none at its end."""
    folder: bool
    deflated: bool
    at: int
    """Where its data begins in the package."""
    packed: int
    """Bytes of its data there."""
    size: int
    """Bytes it claims to become."""
    crc: int


class _Claim(msgspec.Struct, frozen=True):
    """What an entry of the directory says."""

    raw: bytes
    """The name as it stands there."""
    told: tuple[int, ...]
    """What its header has to say as well: needs, flags, method, time, date, CRC, packed, size."""
    entry: Entry
    """With ``at`` at its header still."""


def read(stream: BinaryIO, *, caps: Caps = CAPS) -> list[Entry]:
    """Read and check a package's structure; its files' data is not looked at.

    Args:
        stream: The package; read by position.
        caps: How much may be in it.

    Returns:
        Its entries, in the order of their data.

    Raises:
        PackageInvalid: Whatever is wrong, with the entry where there is one.
    """
    size = stream.seek(0, 2)
    if size > caps.package_bytes:
        raise PackageInvalid(f"the package has {size} bytes, over the limit of {caps.package_bytes}", cause="limit")
    count, start, length = _end(stream, size, caps)
    directory = _at(stream, start, length)
    seen = names.Names()
    entries: list[Entry] = []
    at = position = 0
    for _ in range(count):
        claim, at = _central(directory, at, caps)
        with naming(claim.raw):
            seen.add(claim.entry.path, folder=claim.entry.folder)
        if claim.entry.at != position:
            raise bad(claim.raw, "does not begin where the one before it ends: entries overlap, or something is hidden")
        entry = _local(stream, claim, until=start)
        position = entry.at + entry.packed
        entries.append(entry)
    if at != length:
        raise PackageInvalid(f"the package's directory has {length - at} bytes more than its {count} entries need")
    if position != start:
        raise PackageInvalid(f"the package has {start - position} bytes between its last file and its directory")
    _check_claims(entries, caps)
    return entries


def bad(name: str | bytes, problem: str, *, cause: str | None = None) -> PackageInvalid:
    """Say what is wrong with an entry."""
    text = name if isinstance(name, str) else name.decode(errors="backslashreplace")
    shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
    return PackageInvalid(f"package entry {shown!r} {problem}", cause=cause)


@contextlib.contextmanager
def naming(name: str | bytes) -> Iterator[None]:
    """Name the entry where a check inside the block fails.

    Raises:
        PackageInvalid: In place of ValueError.
    """
    try:
        yield
    except ValueError as exc:
        raise bad(name, str(exc)) from exc


def _at(stream: BinaryIO, position: int, length: int) -> bytes:
    stream.seek(position)
    data = stream.read(length)
    if len(data) != length:
        raise PackageInvalid("the package became shorter while it was read")
    return data


def _end(stream: BinaryIO, size: int, caps: Caps) -> tuple[int, int, int]:
    """Read the end record: how many entries, where the directory begins, how long it is."""
    record = _at(stream, max(0, size - END.size), min(size, END.size))
    if len(record) < END.size or record[:4] != END_MARK:
        raise _no_end(stream, size)
    _, disk, first_disk, here, count, length, start, comment = END.unpack(record)
    if comment:
        raise PackageInvalid("the package's end record announces a comment that is not there: it is truncated")
    if 0xFFFF in (here, count, disk) or 0xFFFFFFFF in (start, length):
        raise PackageInvalid("the package is a zip64, which nothing of this size needs")
    if (disk, first_disk, here) != (0, 0, count):
        raise PackageInvalid("the package is a part of a zip in several parts")
    if count > caps.entries:
        raise PackageInvalid(f"the package has {count} entries, over the limit of {caps.entries}", cause="limit")
    if start + length != size - END.size:
        if size >= 2 * END.size - 2 and _at(stream, size - END.size - 20, 4) == _ZIP64_MARK:
            raise PackageInvalid("the package is a zip64, which nothing of this size needs")
        raise PackageInvalid(
            "the package's directory does not end where its end record begins: something is put before the first file, "
            "or hidden"
        )
    if length > caps.directory_bytes:
        raise PackageInvalid(
            f"the package's directory has {length} bytes, over the limit of {caps.directory_bytes}", cause="limit"
        )
    return count, start, length


def _no_end(stream: BinaryIO, size: int) -> PackageInvalid:
    """Say what a file is that does not end as a package does."""
    if size == 0:
        return PackageInvalid("the package is empty")
    if _at(stream, 0, min(4, size)) not in (LOCAL_MARK, END_MARK):
        return PackageInvalid("the file is not a package: it does not begin as a zip")
    tail = _at(stream, max(0, size - _SEARCH_BYTES), min(size, _SEARCH_BYTES))
    found = tail.rfind(END_MARK)
    if found < 0 or len(tail) - found < END.size:
        return PackageInvalid("the package is truncated: its directory is missing")
    comment = END.unpack_from(tail, found)[-1]
    if found + END.size + comment == len(tail):
        return PackageInvalid("the package has a comment, which packages must not have")
    return PackageInvalid("the package has data after its end")


def _central(directory: bytes, at: int, caps: Caps) -> tuple[_Claim, int]:
    """Read one entry of the directory; says where the next one begins."""
    if len(directory) - at < CENTRAL.size or directory[at : at + 4] != CENTRAL_MARK:
        raise PackageInvalid("the package's directory is damaged, or has fewer entries than it says")
    _, _, *told, name_length, extra_length, comment, disk, _, attributes, place = CENTRAL.unpack_from(directory, at)
    name_at = at + CENTRAL.size
    extra_at = name_at + name_length
    end = extra_at + extra_length + comment
    if end > len(directory):
        raise PackageInvalid("the package's directory is damaged: an entry is longer than the directory")
    raw = directory[name_at:extra_at]
    _, flags, method, _, _, crc, packed, size = told
    if comment or disk:
        raise bad(raw, "has a comment" if comment else "lies in another part")
    if 0xFFFFFFFF in (packed, size, place):
        raise bad(raw, "claims sizes that need zip64, which is refused")
    _check_flags(raw, flags, method)
    _check_extra(raw, directory[extra_at : extra_at + extra_length])
    path, folder = _path(raw, flags, caps)
    _check_attributes(raw, attributes, folder=folder)
    if (folder and (size or packed)) or (method == STORED and size != packed):
        raise bad(raw, f"claims {size} bytes of {packed}, which cannot be")
    entry = Entry(path, folder=folder, deflated=method == DEFLATED, at=place, packed=packed, size=size, crc=crc)
    return _Claim(raw, tuple(told), entry), end


def _check_flags(raw: bytes, flags: int, method: int) -> None:
    for flag, words in _FLAGS.items():
        if flags & flag:
            raise bad(raw, words)
    if rest := flags & ~(UTF8 | _LEVEL):
        raise bad(raw, f"has the flags {rest:#06x}, which are not known")
    if method not in (STORED, DEFLATED):
        raise bad(
            raw, f"is packed by {_METHODS.get(method, f'method {method}')}; only stored and deflated are accepted"
        )


def _check_extra(raw: bytes, extra: bytes) -> None:
    at = 0
    while at < len(extra):
        if len(extra) - at < 4:
            raise bad(raw, "has a damaged extra field")
        kind, length = struct.unpack_from("<2H", extra, at)
        at += 4 + length
        if at > len(extra):
            raise bad(raw, "has a damaged extra field")
        if kind not in _HARMLESS:
            raise bad(raw, f"has an extra field that is not accepted ({_EXTRAS.get(kind, f'{kind:#06x}')})")


def _path(raw: bytes, flags: int, caps: Caps) -> tuple[str, bool]:
    try:
        name = raw.decode("utf-8" if flags & UTF8 else "ascii")
    except UnicodeDecodeError as exc:
        raise bad(raw, "has a name that is not UTF-8, or not said to be") from exc
    folder = name.endswith("/")
    path = name[:-1] if folder else name
    with naming(name):
        names.check(path, caps=caps)
    return path, folder


def _check_attributes(raw: bytes, attributes: int, *, folder: bool) -> None:
    mode = attributes >> 16
    if mode & (stat.S_ISUID | stat.S_ISGID | stat.S_ISVTX):
        raise bad(raw, "has set-user-id, set-group-id or sticky bits")
    kind = stat.S_IFMT(mode)
    if kind and kind != (stat.S_IFDIR if folder else stat.S_IFREG):
        link = "is a link" if stat.S_ISLNK(mode) else "is a device, a pipe, a socket, or not what its name says"
        raise bad(raw, link)
    if attributes & 0xFFFF & ~_PLAIN_ATTRIBUTES:
        raise bad(raw, f"has the attributes {attributes & 0xFFFF:#06x}: a volume, a link, or not known")
    if attributes & _FOLDER_ATTRIBUTE and not folder:
        raise bad(raw, "is a folder by its attributes and a file by its name")


def _local(stream: BinaryIO, claim: _Claim, *, until: int) -> Entry:
    """Read the header before an entry's data, which has to say what the directory says."""
    entry = claim.entry
    head = entry.at + LOCAL.size + len(claim.raw)
    if head > until:
        raise bad(claim.raw, "reaches into the directory")
    data = _at(stream, entry.at, LOCAL.size + len(claim.raw))
    mark, *told, name_length, extra_length = LOCAL.unpack_from(data)
    if mark != LOCAL_MARK:
        raise bad(claim.raw, "has no header where the directory says")
    if name_length != len(claim.raw) or data[LOCAL.size :] != claim.raw:
        raise bad(claim.raw, "has another name in its header than in the directory")
    if tuple(told) != claim.told:
        raise bad(claim.raw, "is not in its header what it is in the directory")
    at = head + extra_length
    if at + entry.packed > until:
        raise bad(claim.raw, "reaches into the directory")
    _check_extra(claim.raw, _at(stream, head, extra_length))
    return msgspec.structs.replace(entry, at=at)


def _check_claims(entries: list[Entry], caps: Caps) -> None:
    """Refuse early what says itself that it is too large; that others tell the truth is seen while inflating."""
    for entry in entries:
        if entry.size > caps.free_bytes and entry.size > caps.ratio * entry.packed:
            raise bad(entry.path, f"becomes more than {caps.ratio} times as large", cause="limit")
    if (total := sum(entry.size for entry in entries)) > caps.total_bytes:
        raise PackageInvalid(f"the package holds {total} bytes, over the limit of {caps.total_bytes}", cause="limit")
