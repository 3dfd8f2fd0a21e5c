"""Reads what a binary module says of itself: section headers, counts and sizes, and no instruction. Pure.

It is strict about all that it reads and knows nothing of what it skips: what passes here may still be invalid, and the
engine says so. It reads no further once a count is over its cap, so that its own cost is bounded, too.
"""

from collections.abc import Callable
from typing import Final

from plugind_worker import caps
from plugind_worker.caps import CAPS, Extent

_MAGIC: Final = b"\0asm"
_CORE: Final = b"\1\0\0\0"
_COMPONENT: Final = b"\x0d\0\1\0"
_ORDER: Final = (1, 2, 3, 4, 5, 13, 6, 7, 8, 9, 12, 10, 11)
"""Section numbers in the order in which they may stand; custom sections (0) stand anywhere."""

_VALUES: Final = bytes((0x7F, 0x7E, 0x7D, 0x7C, 0x7B, 0x70, 0x6F))
"""i32 i64 f32 f64 v128 funcref externref."""
_FORMS: Final = {
    0x4E: "recursive types (gc)",
    0x4F: "final subtypes (gc)",
    0x50: "subtypes (gc)",
    0x5D: "continuations (stack switching)",
    0x5E: "arrays (gc)",
    0x5F: "structs (gc)",
}
_LIMIT_FLAGS: Final = {0x02: "shared memories (threads)", 0x04: "64-bit memories (memory64)", 0x08: "custom page sizes"}
_TAG: Final = 4


class MalformedError(ValueError):
    """The bytes are no module of the kind that is taken here; the text says why and at which offset."""


class _Reader:
    """A cursor over a piece of a module that fails with an offset.

    Args:
        data: The whole module.
        position: Where the piece begins.
        end: Where it ends.
    """

    __slots__ = ("data", "end", "position")

    def __init__(self, data: bytes, position: int, end: int) -> None:
        self.data = data
        self.position = position
        self.end = end

    def fail(self, reason: str, *, at: int | None = None) -> MalformedError:
        return MalformedError(f"{reason} (at offset {self.position if at is None else at})")

    def byte(self) -> int:
        if self.position >= self.end:
            raise self.fail("unexpected end")
        self.position += 1
        return self.data[self.position - 1]

    def u32(self) -> int:
        """Read an unsigned LEB128 number of at most 32 bits."""
        start, value = self.position, 0
        for shift in (0, 7, 14, 21, 28):
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                if value > 0xFFFF_FFFF:
                    break
                return value
        raise self.fail("number of more than 32 bits", at=start)

    def count(self) -> int:
        """Read the length of a vector; each of its items takes a byte at least."""
        start, value = self.position, self.u32()
        if value > self.end - self.position:
            raise self.fail(f"unexpected end: {value} items are announced", at=start)
        return value

    def take(self, length: int) -> bytes:
        if length > self.end - self.position:
            raise self.fail(f"unexpected end: {length} bytes are announced")
        self.position += length
        return self.data[self.position - length : self.position]

    def part(self) -> "_Reader":
        """Read a length, and return a reader of what follows."""
        length = self.u32()
        if length > self.end - self.position:
            raise self.fail(f"unexpected end: {length} bytes are announced")
        self.position += length
        return _Reader(self.data, self.position - length, self.position)

    def values(self, count: int) -> None:
        """Skip types of values."""
        start = self.position
        if unknown := self.take(count).translate(None, _VALUES):
            raise self.fail(f"type 0x{unknown[0]:02x} of values is unknown or switched off", at=start)


class _Tally:
    """What has been counted so far; every addition is held against its cap."""

    def __init__(self, limits: Extent) -> None:
        self.limits = limits
        self.bodies = 0
        """Functions that have code."""
        self._found: dict[str, int] = {}

    def add(self, what: str, count: int) -> int:
        self._found[what] = caps.check(what, self._found.get(what, 0) + count, caps=self.limits)
        return count

    def largest(self, what: str, count: int) -> int:
        self._found[what] = max(self._found.get(what, 0), caps.check(what, count, caps=self.limits))
        return count

    def of(self, what: str) -> int:
        return self._found.get(what, 0)

    def extent(self) -> Extent:
        return Extent(**self._found)


def measure(wasm: bytes, *, limits: Extent = CAPS) -> Extent:
    """Count what a binary module holds.

    Args:
        wasm: The module.
        limits: What it may hold.

    Returns:
        What it says that it holds; one that lies about it does not validate.

    Raises:
        MalformedError: It is no core module, its sections are not in order or not whole, or it declares something of a
            proposal that is switched off.
        PackageInvalid: Something is over its cap.
    """
    tally = _Tally(limits)
    tally.add("module_bytes", len(wasm))
    if wasm[:4] != _MAGIC:
        raise MalformedError("it does not start with the magic number of WebAssembly")
    if wasm[4:8] != _CORE:
        what = (
            "a component, not a module" if wasm[4:8] == _COMPONENT else f"of unknown version {wasm[4:8].hex() or '-'}"
        )
        raise MalformedError(f"it is {what}")
    reader, stage = _Reader(wasm, 8, len(wasm)), -1
    while reader.position < reader.end:
        start = reader.position
        number = reader.byte()
        section = reader.part()
        if number == 0:
            section.take(section.u32())  # its name
            continue
        if number not in _ORDER:
            raise reader.fail(f"unknown section {number}", at=start)
        if (place := _ORDER.index(number)) <= stage:
            raise reader.fail(f"section {number} out of order", at=start)
        stage = place
        _SECTIONS[number](section, tally)
    if tally.bodies != tally.of("functions"):
        raise reader.fail(f"{tally.of('functions')} functions are declared, {tally.bodies} have code")
    return tally.extent()


def _types(section: _Reader, tally: _Tally) -> None:
    for _ in range(tally.add("types", section.count())):
        start = section.position
        if (form := section.byte()) != 0x60:
            known = _FORMS.get(form)
            what = f"{known} are switched off" if known else f"unknown type 0x{form:02x}"
            raise section.fail(what, at=start)
        for _ in ("params", "results"):
            section.values(tally.add("type_values", section.count()))
    _end(section)


def _imports(section: _Reader, tally: _Tally) -> None:
    for _ in range(tally.add("imports", section.count())):
        for _ in ("module", "name"):
            section.take(tally.add("name_bytes", section.count()))
        start = section.position
        describe = _DESCRIPTIONS.get(section.byte())
        if describe is None:
            raise section.fail("import of an unknown kind", at=start)
        describe(section, tally)
    _end(section)


def _functions(section: _Reader, tally: _Tally) -> None:
    tally.add("functions", section.count())


def _tables(section: _Reader, tally: _Tally) -> None:
    for _ in range(tally.add("tables", section.count())):
        if section.data[section.position : section.position + 1] == b"\x40":
            raise section.fail("tables with an initial value (function references) are switched off")
        _table(section, tally)
    _end(section)


def _memories(section: _Reader, tally: _Tally) -> None:
    start = section.position
    if (count := section.count()) > 1:
        raise section.fail(f"{count} memories (multi-memory) are switched off", at=start)
    for _ in range(count):
        _memory(section, tally)
    _end(section)


def _tags(section: _Reader, _tally: _Tally) -> None:
    raise section.fail("tags (exceptions) are switched off")


def _exports(section: _Reader, tally: _Tally) -> None:
    for _ in range(tally.add("exports", section.count())):
        section.take(tally.add("name_bytes", section.count()))
        if section.byte() > _TAG:
            raise section.fail("export of an unknown kind", at=section.position - 1)
        section.u32()
    _end(section)


def _code(section: _Reader, tally: _Tally) -> None:
    tally.bodies = caps.check("functions", section.count(), caps=tally.limits)
    for _ in range(tally.bodies):
        body = section.part()
        tally.add("code_bytes", tally.largest("function_bytes", body.end - body.position))
        declared = 0
        for _ in range(caps.check("locals", body.count(), caps=tally.limits)):
            declared = tally.largest("locals", declared + body.u32())
            body.values(1)
        tally.add("all_locals", declared)
    _end(section)


def _counter(what: str) -> "_Section":
    def section_of(section: _Reader, tally: _Tally) -> None:
        tally.add(what, section.count())

    return section_of


def _number(section: _Reader, _tally: _Tally) -> None:
    section.u32()
    _end(section)


def _end(section: _Reader) -> None:
    if section.position != section.end:
        raise section.fail(f"{section.end - section.position} bytes too many in a section")


def _function(section: _Reader, _tally: _Tally) -> None:
    section.u32()


def _table(section: _Reader, tally: _Tally) -> None:
    section.values(1)
    tally.largest("table_elements", _minimum(section))


def _memory(section: _Reader, tally: _Tally) -> None:
    tally.largest("memory_pages", _minimum(section))


def _global(section: _Reader, _tally: _Tally) -> None:
    section.values(1)
    section.byte()


def _minimum(section: _Reader) -> int:
    """Read the limits of a table or memory; return the lower one."""
    start = section.position
    flags = section.byte()
    for flag, what in _LIMIT_FLAGS.items():
        if flags & flag:
            raise section.fail(f"{what} are switched off", at=start)
    if flags > 1:
        raise section.fail(f"unknown kind of limits 0x{flags:02x}", at=start)
    minimum = section.u32()
    if flags:
        section.u32()
    return minimum


_Section = Callable[[_Reader, _Tally], None]
_DESCRIPTIONS: Final[dict[int, _Section]] = {0: _function, 1: _table, 2: _memory, 3: _global}
_SECTIONS: Final[dict[int, _Section]] = {
    1: _types,
    2: _imports,
    3: _functions,
    4: _tables,
    5: _memories,
    6: _counter("globals"),
    7: _exports,
    8: _number,
    9: _counter("element_segments"),
    10: _code,
    11: _counter("data_segments"),
    12: _number,
    13: _tags,
}
