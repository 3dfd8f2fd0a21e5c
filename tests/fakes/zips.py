"""Zips written by hand, so that each of their fields can lie."""

import struct
import zlib
from dataclasses import dataclass, field
from typing import Any

from plugind_protocol.package import structure
from plugind_protocol.package.structure import CENTRAL, CENTRAL_MARK, END, END_MARK, LOCAL, LOCAL_MARK

FIELDS = ("needs", "flags", "method", "time", "date", "crc", "packed", "size")


def deflate(data: bytes) -> bytes:
    squeezer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return squeezer.compress(data) + squeezer.flush()


def extra(kind: int, data: bytes = b"") -> bytes:
    return struct.pack("<2H", kind, len(data)) + data


@dataclass(kw_only=True)
class Part:
    """One entry. ``both`` lies in header and directory alike, ``local`` and ``central`` in one of them."""

    name: bytes
    data: bytes = b""
    deflated: bool = False
    mode: int = 0o100644
    attributes: int = 0
    packed: bytes | None = None
    both: dict[str, int] = field(default_factory=dict)
    local: dict[str, int] = field(default_factory=dict)
    central: dict[str, int] = field(default_factory=dict)
    local_name: bytes | None = None
    local_extra: bytes = b""
    central_extra: bytes = b""
    comment: bytes = b""
    place: int | None = None
    tail: bytes = b""

    def body(self) -> bytes:
        if self.packed is not None:
            return self.packed
        return deflate(self.data) if self.deflated else self.data

    def told(self, where: dict[str, int]) -> list[int]:
        method = structure.DEFLATED if self.deflated else structure.STORED
        true: dict[str, int] = {
            "needs": 20,
            "flags": structure.UTF8,
            "method": method,
            "time": 0,
            "date": 33,
            "crc": zlib.crc32(self.data),
            "packed": len(self.body()),
            "size": len(self.data),
        }
        return [(true | self.both | where)[name] for name in FIELDS]


def build(
    parts: list[Part],
    *,
    before: bytes = b"",
    between: bytes = b"",
    inside: bytes = b"",
    before_end: bytes = b"",
    after: bytes = b"",
    moved: int = 0,
    order: list[int] | None = None,
    **end: Any,
) -> bytes:
    """Write a zip.

    ``moved`` shifts all places that it tells, ``order`` is that of its directory, ``end`` lies in its end record.
    """
    out, records = bytearray(before), list[bytes]()
    for part in parts:
        at = len(out) + moved if part.place is None else part.place
        local_name = part.name if part.local_name is None else part.local_name
        out += LOCAL.pack(LOCAL_MARK, *part.told(part.local), len(local_name), len(part.local_extra))
        out += local_name + part.local_extra + part.body() + part.tail
        lengths = (len(part.name), len(part.central_extra), len(part.comment))
        attributes = part.mode << 16 | part.attributes
        record = CENTRAL.pack(CENTRAL_MARK, 3 << 8 | 20, *part.told(part.central), *lengths, 0, 0, attributes, at)
        records.append(record + part.name + part.central_extra + part.comment)
    out += between
    directory = b"".join(records[index] for index in order or range(len(records))) + inside
    fields = {"disk": 0, "first": 0, "here": len(parts), "count": len(parts)}
    fields |= {"length": len(directory), "start": len(out) + moved}
    comment = end.pop("comment", b"")
    fields |= {"announced": len(comment)} | end
    return bytes(out + directory + before_end + END.pack(END_MARK, *fields.values()) + comment + after)
