"""Changes to a binary module that make up for the limiter which wasmer lacks. Pure; takes valid modules only.

- The memory becomes an import, so that the host makes it and holds it from before the guest's first instruction.
- The start function becomes an export, so that it runs like any other call: with exports there to be used.
- Every table gets a maximum.
"""

from collections.abc import Iterator
from typing import Final

import msgspec

from plugind_worker.engine.base import EngineError

MEMORY: Final = ("plugind", "memory")
"""Module and name by which the memory is imported."""
START: Final = "plugind start"
"""Name by which the start function is exported."""
MAX_TABLES: Final = 16

_HEADER: Final = b"\0asm\1\0\0\0"
_CUSTOM, _TYPE, _IMPORT, _TABLE, _MEMORY, _EXPORT, _START = 0, 1, 2, 4, 5, 7, 8
_ORDER: Final = {_TYPE: 1, _IMPORT: 2, 3: 3, _TABLE: 4, _MEMORY: 5, 6: 6, _EXPORT: 7, _START: 8}
"""Place of the sections up to the start function; all others come after it."""
_AFTER: Final = 9
_KIND_FUNCTION: Final = b"\0"
_KIND_MEMORY: Final = b"\2"
_HAS_MAXIMUM: Final = 1


class Changes(msgspec.Struct, frozen=True):
    """What was changed."""

    memory: bool = False
    """The last import is the module's own memory."""
    start: bool = False
    """The last export is the module's own start function."""
    tables: list[int] = []
    """How many elements each table has at first."""


def rewrite(wasm: bytes, *, table_elements: int) -> tuple[bytes, Changes]:
    """Rewrite a module.

    Args:
        wasm: A valid binary module.
        table_elements: Cap of each table; one that is larger from the start keeps its size.

    Returns:
        A module that means the same, and what was changed.

    Raises:
        EngineError: It has too many tables, or its bytes cannot be told apart.
    """
    try:
        sections = list(_sections(wasm))
        bodies = {identity: body for identity, body in sections if identity != _CUSTOM}
        changes = Changes(
            memory=_vector(bodies, _MEMORY)[0] > 0,
            start=_START in bodies,
            tables=[minimum for _, minimum, _ in _tables(bodies)],
        )
        if len(changes.tables) > MAX_TABLES:
            raise EngineError(f"it has {len(changes.tables)} tables, over {MAX_TABLES}")
        changed = _changed(bodies, changes, table_elements)
    except (IndexError, ValueError) as error:
        raise EngineError(f"its sections cannot be read: {error}") from error
    return _HEADER + b"".join(_placed(sections, changed)), changes


def _changed(bodies: dict[int, bytes], changes: Changes, cap: int) -> dict[int, bytes | None]:
    """Return the new bodies of sections; ``None`` for one to leave out."""
    changed: dict[int, bytes | None] = {}
    if changes.memory:
        _, limits = _vector(bodies, _MEMORY)
        entry = b"".join(map(_name, MEMORY)) + _KIND_MEMORY + limits
        changed |= {_MEMORY: None, _IMPORT: _appended(bodies, _IMPORT, entry)}
    if changes.start:
        entry = _name(START) + _KIND_FUNCTION + bodies[_START]
        changed |= {_START: None, _EXPORT: _appended(bodies, _EXPORT, entry)}
    if changes.tables:
        entries = [
            bytes((kind, _HAS_MAXIMUM)) + _encode(least) + _encode(max(least, min(most, cap)))
            for kind, least, most in ((k, low, cap if high is None else high) for k, low, high in _tables(bodies))
        ]
        changed[_TABLE] = _encode(len(entries)) + b"".join(entries)
    return changed


def _placed(sections: list[tuple[int, bytes]], changed: dict[int, bytes | None]) -> Iterator[bytes]:
    """Return all sections in their order, new ones at their place."""
    have = {identity for identity, _ in sections}
    new = sorted((identity for identity in changed if identity not in have), key=_place)
    for identity, body in sections:
        while new and identity != _CUSTOM and _place(new[0]) < _place(identity):
            yield _section(new[0], changed[new.pop(0)])
        yield _section(identity, changed.get(identity, body))
    for identity in new:
        yield _section(identity, changed[identity])


def _place(identity: int) -> int:
    return _ORDER.get(identity, _AFTER)


def _section(identity: int, body: bytes | None) -> bytes:
    return b"" if body is None else bytes((identity,)) + _encode(len(body)) + body


def _sections(wasm: bytes) -> Iterator[tuple[int, bytes]]:
    at = len(_HEADER)
    while at < len(wasm):
        identity = wasm[at]
        length, start = _decode(wasm, at + 1)
        at = start + length
        if at > len(wasm):
            raise ValueError("a section reaches past the end")
        yield identity, wasm[start:at]


def _vector(bodies: dict[int, bytes], identity: int) -> tuple[int, bytes]:
    """Return how many entries a section has, and the bytes of all of them."""
    body = bodies.get(identity, b"\0")
    count, start = _decode(body, 0)
    return count, body[start:]


def _appended(bodies: dict[int, bytes], identity: int, entry: bytes) -> bytes:
    count, entries = _vector(bodies, identity)
    return _encode(count + 1) + entries + entry


def _tables(bodies: dict[int, bytes]) -> Iterator[tuple[int, int, int | None]]:
    """Go through the tables: kind of element, and least and most elements."""
    count, entries = _vector(bodies, _TABLE)
    at = 0
    for _ in range(count):
        kind, flags = entries[at], entries[at + 1]
        least, at = _decode(entries, at + 2)
        most = None
        if flags & _HAS_MAXIMUM:
            most, at = _decode(entries, at)
        yield kind, least, most


def _name(text: str) -> bytes:
    return _encode(len(text)) + text.encode()


def _decode(data: bytes, at: int) -> tuple[int, int]:
    """Read an unsigned LEB128 number; return it and where it ends."""
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def _encode(value: int) -> bytes:
    """Write an unsigned LEB128 number."""
    encoded = bytearray()
    while value >= 0x80:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
