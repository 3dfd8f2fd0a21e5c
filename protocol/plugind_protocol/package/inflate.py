"""The bytes of one file of a package: inflated in pieces, counted as they come, and held to what was claimed."""

import zlib
from collections.abc import Iterator
from typing import BinaryIO, Final

from plugind_protocol.package.structure import Entry, bad

_CHUNK: Final = 256 * 1024
_RAW: Final = -15
"""zlib's window of 32 KiB, without zlib's own header."""


def contents(stream: BinaryIO, entry: Entry) -> Iterator[bytes]:
    """Yield a file's bytes: never more than its entry claims, which `structure.read` has bounded.

    Args:
        stream: The package.
        entry: The file.

    Raises:
        PackageInvalid: Its data is damaged, shorter or longer than claimed, or has another checksum.
    """
    crc = produced = 0
    for piece in _inflated(stream, entry) if entry.deflated else _stored(stream, entry):
        produced += len(piece)
        if produced > entry.size:
            raise bad(entry.path, f"holds more than the {entry.size} bytes it claims", cause="limit")
        crc = zlib.crc32(piece, crc)
        yield piece
    if produced != entry.size:
        raise bad(entry.path, f"holds {produced} bytes, not the {entry.size} it claims")
    if crc != entry.crc:
        raise bad(entry.path, "is damaged: its checksum is another one")


def _stored(stream: BinaryIO, entry: Entry) -> Iterator[bytes]:
    stream.seek(entry.at)
    left = entry.packed
    while left:
        piece = _read(stream, entry, left)
        left -= len(piece)
        yield piece


def _inflated(stream: BinaryIO, entry: Entry) -> Iterator[bytes]:
    stream.seek(entry.at)
    left = entry.packed
    inflater = zlib.decompressobj(_RAW)
    feed = b""
    while not inflater.eof:
        if not feed and left:
            feed = _read(stream, entry, left)
            left -= len(feed)
        try:
            piece = inflater.decompress(feed, _CHUNK)
        except zlib.error as exc:
            raise bad(entry.path, "is damaged: its data cannot be inflated") from exc
        feed = inflater.unconsumed_tail
        if piece:
            yield piece
        elif not feed and not left and not inflater.eof:
            raise bad(entry.path, "is truncated: its data ends too early")
    if inflater.unused_data or left:
        raise bad(entry.path, "has data after its end")


def _read(stream: BinaryIO, entry: Entry, left: int) -> bytes:
    piece = stream.read(min(left, _CHUNK))
    if not piece:
        raise bad(entry.path, "became shorter while it was read")
    return piece
