"""Packages that nobody makes by accident: one maker for each thing that a zip can lie about."""

import json
import unicodedata
import zlib
from collections.abc import Callable
from typing import Final, NamedTuple

from tests.fakes.wasm import module
from tests.fakes.zips import Part, build, deflate, extra


class Case(NamedTuple):
    """One package, and what is said about it."""

    attack: str
    """The row it shows."""
    name: str
    make: Callable[[], bytes]
    reason: str
    """A pattern that its error has."""


MODULE: Final = module()
MANIFEST: Final = {"name": "packed", "version": "1.0.0", "main": "plugin.wasm", "resources": {"assets": ["assets/"]}}


def manifest(**changes: object) -> Part:
    return Part(name=b"manifest.json", data=json.dumps(MANIFEST | changes).encode())


def good() -> list[Part]:
    """What `build` makes a good package of."""
    return [
        manifest(),
        Part(name=b"plugin.wasm", data=MODULE),
        Part(name=b"assets/a.txt", data=b"one " * 100, deflated=True),
        Part(name="assets/Straße.txt".encode(), data=b"two"),
    ]


def plus(*parts: Part, **lies: object) -> Callable[[], bytes]:
    """The good package with more in it."""
    return lambda: build([*good(), *parts], **lies)  # type: ignore[arg-type]


def named(*names: str | bytes) -> Callable[[], bytes]:
    raw = [name if isinstance(name, bytes) else name.encode() for name in names]
    return plus(*(Part(name=name, data=b"x") for name in raw))


def asset(**lies: object) -> Callable[[], bytes]:
    return plus(Part(name=b"assets/x", data=b"x" * 100, **lies))  # type: ignore[arg-type]


def _end_of_good() -> int:
    """Where the data of the good package ends."""
    return sum(30 + len(part.name) + len(part.body()) for part in good())


def _same_data() -> bytes:
    """Two entries of the same bytes, as in a bomb that needs no nesting."""
    first = Part(name=b"assets/x", data=b"x" * 100)
    return build([*good(), first, Part(name=b"assets/y", data=first.data, place=_end_of_good())])


def _quoted() -> bytes:
    """An entry that begins inside the data of another, which is a whole entry itself."""
    inner = Part(name=b"assets/inner", data=b"inner")
    outer = Part(name=b"assets/outer", data=build([inner])[: 30 + len(inner.name) + len(inner.data)])
    inner.place = _end_of_good() + 30 + len(outer.name)
    return build([*good(), outer, inner])


def _bomb(claimed: int | None = None) -> Callable[[], bytes]:
    size = 64 << 20
    packed = deflate(b"\0" * size)
    both = {"crc": zlib.crc32(b"\0" * size), "size": size if claimed is None else claimed}
    return plus(Part(name=b"assets/zeros", packed=packed, deflated=True, both=both))


def _many_bytes() -> bytes:
    """Files of which none is suspicious, and more of them than is allowed together."""
    both = {"size": 60 << 20}
    large = [Part(name=b"assets/%d" % n, deflated=True, packed=b"\0" * 400_000, both=both) for n in range(9)]
    return build([*good(), *large])


def _many_entries() -> bytes:
    return build([*good(), *(Part(name=b"assets/%d" % number) for number in range(10_001))])


def _truncated(cut: int) -> Callable[[], bytes]:
    return lambda: build(good())[:-cut]


def _corrupt() -> bytes:
    blob = bytearray(build(good()))
    blob[blob.index(MODULE) + len(MODULE) - 1] ^= 0xFF
    return bytes(blob)


ATTACKS: Final[dict[str, list[tuple[str, Callable[[], bytes], str]]]] = {
    "names that lead elsewhere": [
        ("climbs", named("../x"), "'..' as a part"),
        ("climbs inside", named("assets/../../x"), "'..' as a part"),
        ("absolute", named("/etc/x"), "is absolute"),
        ("drive", named("C:/x"), "a colon"),
        ("drive without slash", named("C:x"), "a colon"),
        ("stream", named("assets/x:hidden"), "a colon"),
        ("backslash", named("..\\x"), "a backslash"),
        ("UNC", named("\\\\host\\share\\x"), "a backslash"),
        ("only dots", named("assets/./x"), "'.' as a part"),
        ("empty part", named("assets//x"), "an empty part"),
        ("empty", named(""), "an empty part"),
        ("only a slash", named("/"), "is absolute|an empty part"),
        ("many dots", named("assets/..."), "ends with a dot"),
    ],
    "names that are another file elsewhere": [
        ("device", named("assets/NUL"), "a device on Windows"),
        ("device with suffix", named("assets/com1.txt"), "a device on Windows"),
        ("device with a superscript", named("assets/COM¹"), "a device on Windows"),
        ("device as folder", named("con/x"), "a device on Windows"),
        ("trailing dot", named("assets/x."), "ends with a dot"),
        ("trailing space", named("assets/x "), "ends with a dot or a space"),
        ("NUL", named("assets/x\0.png"), "U[+]0000"),
        ("line feed", named("assets/x\n"), "U[+]000A"),
        ("escape", named("assets/\x1b[2J"), "U[+]001B"),
        ("turned writing", named("assets/gnp.\u202eexe"), "U[+]202E"),
        ("no width", named("assets/a\u200bb"), "U[+]200B"),
        ("line separator", named("assets/a\u2028b"), "U[+]2028"),
        ("asterisk", named("assets/*"), "an asterisk"),
        ("decomposed", named(unicodedata.normalize("NFD", "assets/é")), "composed form"),
        ("too long a part", named("assets/" + "x" * 256), "a part longer than 255"),
        ("too long", named("assets/" + "x/" * 10 + "y" * 250 + "/" + "z" * 250), "longer than 512 bytes"),
        ("too deep", named("assets/" + "x/" * 40 + "y"), "deeper than 32"),
        ("not UTF-8", named(b"assets/\xff"), "not UTF-8"),
        ("half a surrogate", named(b"assets/\xed\xa0\x80"), "not UTF-8"),
        ("not said to be UTF-8", plus(Part(name="assets/ü".encode(), both={"flags": 0})), "not UTF-8, or not said"),
        ("text of a module", named("assets/x.WAT"), "WebAssembly text"),
    ],
    "two names for one file": [
        ("twice", named("assets/x", "assets/x"), "is there twice"),
        ("case", named("assets/x", "assets/X"), "upper and lower case"),
        ("case of the manifest", named("Manifest.json"), "upper and lower case"),
        ("case of a folder", named("Assets/x"), "upper and lower case"),
        ("sharp s", named("assets/STRASSE.txt"), "upper and lower case"),
        ("composed and decomposed", named("assets/é", unicodedata.normalize("NFD", "assets/é")), "composed form"),
        ("file and folder", named("assets/x", "assets/x/y"), "both a file and a folder"),
        ("folder and file", named("assets/x/y", "assets/x"), "both a file and a folder"),
        ("file and folder in case", named("assets/x", "assets/X/y"), "upper and lower case"),
        ("folder entry", plus(Part(name=b"assets/x", data=b"x"), Part(name=b"assets/x/", mode=0)), "both a file and"),
    ],
    "entries that overlap or hide": [
        ("the same data", _same_data, "does not begin where"),
        ("inside another", _quoted, "does not begin where"),
        ("another order", plus(order=[0, 2, 1, 3]), "does not begin where"),
        ("put before", lambda: build(good(), before=b"#!/bin/sh\n"), "does not begin where"),
        ("put before, and not told", lambda: build(good(), before=b"#!/bin/sh\n", moved=-10), "put before|not begin"),
        (
            "between",
            plus(Part(name=b"assets/x", data=b"x", tail=b"hidden"), Part(name=b"assets/y")),
            "does not begin where",
        ),
        ("before the directory", plus(between=b"hidden"), "between its last file and its directory"),
        ("inside the directory", plus(inside=b"hidden"), "more than its"),
        ("after the directory", plus(before_end=b"hidden"), "end record begins"),
        ("after the end", plus(after=b"hidden"), "data after its end"),
        ("a second zip after the end", lambda: build(good()) + build(good()), "end record begins|put before"),
        ("comment", plus(comment=b"hello"), "has a comment"),
        ("comment with an end in it", lambda: build(good(), comment=build(good())[-22:]), "put before|end record"),
        ("comment of an entry", asset(comment=b"hello"), "has a comment"),
        (
            "data after what is inflated",
            asset(deflated=True, packed=deflate(b"x" * 100) + b"more"),
            "data after its end",
        ),
        (
            "in the directory",
            plus(Part(name=b"assets/x", both={"packed": 10_000, "size": 10_000})),
            "into the directory",
        ),
    ],
    "a directory that lies": [
        ("another name", asset(local_name=b"assets/y"), "another name in its header"),
        ("a longer name", asset(local_name=b"assets/xy"), "another name in its header|does not begin"),
        ("another size", asset(local={"size": 99}), "not in its header"),
        ("another packed size", asset(local={"packed": 99}), "not in its header"),
        ("another checksum", asset(local={"crc": 1}), "not in its header"),
        ("another method", asset(local={"method": 8}), "not in its header"),
        ("other flags", asset(local={"flags": 0}), "not in its header"),
        ("another time", asset(local={"time": 1}), "not in its header"),
        ("no header", plus(Part(name=b"assets/x", place=10**6)), "does not begin where|into the directory"),
        ("size of a stored file", asset(both={"size": 99}), "which cannot be"),
        ("wrong checksum", asset(both={"crc": 1}), "checksum"),
        ("less than claimed", asset(deflated=True, both={"size": 101}), "holds 100 bytes, not the 101"),
        ("more than claimed", asset(deflated=True, both={"size": 99}), "more than the 99 bytes"),
        ("a folder with data", plus(Part(name=b"assets/f/", data=b"x", mode=0)), "which cannot be"),
        ("fewer entries", plus(here=3, count=3), "longer than|more than its 3"),
        ("more entries", plus(here=5, count=5), "damaged, or has fewer"),
        ("two counts", plus(here=3), "several parts"),
        ("another disk", plus(disk=1), "several parts"),
        ("zip64 counts", plus(here=0xFFFF, count=0xFFFF), "zip64"),
        ("zip64 place", plus(start=0xFFFFFFFF), "zip64"),
        ("zip64 locator", plus(before_end=b"PK\6\7" + b"\0" * 16), "zip64"),
        ("zip64 size", asset(both={"size": 0xFFFFFFFF}), "zip64"),
        ("zip64 field", asset(central_extra=extra(1, b"\0" * 8)), "zip64"),
        ("another name in a field", asset(central_extra=extra(0x7075, b"\1\0\0\0\0evil")), "another name"),
        ("unknown field in the header", asset(local_extra=extra(0xBEEF)), "0xbeef"),
        ("damaged field", asset(central_extra=b"\1\2\3"), "damaged extra field"),
        ("field longer than it is", asset(central_extra=b"\x55\x54\xff\0\0"), "damaged extra field"),
    ],
    "what is not plain files": [
        ("encrypted", asset(both={"flags": 0x0801}), "is encrypted"),
        ("strongly encrypted", asset(both={"flags": 0x0840}), "is encrypted"),
        ("hidden header", asset(both={"flags": 0x2800}), "encrypted header"),
        ("streamed", asset(both={"flags": 0x0808}), "sizes after its data"),
        ("patch", asset(both={"flags": 0x0820}), "a patch"),
        ("unknown flag", asset(both={"flags": 0x8800}), "not known"),
        *(
            (f"method {number}", asset(both={"method": number}), "is packed by")
            for number in (1, 9, 12, 14, 93, 99, 777)
        ),
        ("link", asset(mode=0o120777), "is a link"),
        ("device", asset(mode=0o060600), "is a device"),
        ("pipe", asset(mode=0o010600), "is a device"),
        ("set-user-id", asset(mode=0o104755), "set-user-id"),
        ("set-group-id", asset(mode=0o102755), "set-user-id"),
        ("sticky", asset(mode=0o101755), "set-user-id"),
        ("folder that is a file", plus(Part(name=b"assets/f/", mode=0o100644)), "not what its name says"),
        ("file that is a folder", asset(mode=0o040755), "not what its name says"),
        ("folder attribute", asset(attributes=0x10), "a folder by its attributes"),
        ("volume", asset(attributes=0x08), "a volume"),
        ("reparse point", asset(attributes=0x400), "a volume, a link"),
        ("what nobody named", named("payload.bin"), "does not belong"),
    ],
    "bombs": [
        ("ratio", _bomb(), "more than 200 times"),
        ("ratio, denied", _bomb(1000), "more than the 1000 bytes"),
        ("ratio, half denied", _bomb(12 << 20), "more than the"),
        ("together too large", _many_bytes, "over the limit of"),
        ("too many", _many_entries, "10005 entries, over the limit"),
        ("announced entries", plus(here=0xFFFE, count=0xFFFE), "entries, over the limit"),
    ],
    "damaged packages": [
        ("empty", lambda: b"", "is empty"),
        ("text", lambda: b"not a zip at all, but long enough to hold an end record", "does not begin as a zip"),
        ("only an end", lambda: build([]), "manifest.json"),
        ("cut at the end", _truncated(1), "truncated|comment"),
        ("cut in the end", _truncated(21), "truncated"),
        ("cut in the directory", _truncated(60), "truncated"),
        ("a byte changed", _corrupt, "checksum"),
        ("not inflatable", asset(deflated=True, packed=b"\xff" * 20), "cannot be inflated"),
        ("cut while inflating", asset(deflated=True, packed=deflate(b"x" * 100)[:-2]), "ends too early"),
        ("comment that is not there", plus(announced=9), "truncated"),
        ("without a manifest", lambda: build(good()[1:]), "no manifest.json"),
        ("with another manifest", lambda: build([manifest(version="x"), *good()[1:]]), "semantic version"),
        ("without its module", lambda: build([good()[0], *good()[2:]]), "names 'plugin.wasm'"),
        (
            "in a folder of its own",
            lambda: build([Part(name=b"p/" + p.name, data=p.data) for p in good()]),
            "no manifest",
        ),
    ],
}
"""Row of the list of attacks → the packages that show it."""

CASES: Final = [Case(attack, *case) for attack, cases in ATTACKS.items() for case in cases]
