"""How much a module may hold: the counts its sections announce, read before any of it is compiled. Pure.

Compiling costs far more than the bytes of a module suggest: a hundred thousand empty functions in 400 KB take a second
and half a gigabyte, a million in 4 MB eighteen seconds and five. Large honest modules stay below a third of these.
"""

from typing import Final

from plugind_protocol.errors import PackageInvalid

CAPS: Final[dict[int, tuple[str, int]]] = {
    1: ("types", 10_000),
    2: ("imports", 1_000),
    3: ("functions", 100_000),
    4: ("tables", 100),
    6: ("globals", 100_000),
    7: ("exports", 10_000),
    9: ("element segments", 100_000),
    11: ("data segments", 100_000),
}
"""Section number → what it holds, and how many a module may have."""

_HEADER_BYTES: Final = 8
_MAX_LEB_BYTES: Final = 5


def check(wasm: bytes) -> None:
    """Make sure that a binary module is not made to exhaust its compiler.

    Args:
        wasm: The module. One that is malformed passes: the engine says what is wrong with it.

    Raises:
        PackageInvalid: It holds too much of something; the message names it.
    """
    position = _HEADER_BYTES
    while position < len(wasm):
        section = wasm[position]
        size, start = _number(wasm, position + 1)
        count, _ = _number(wasm, start)
        what, cap = CAPS.get(section, ("", count))
        if count > cap:
            raise PackageInvalid(f"the module has {count} {what}, over the limit of {cap}", cause="limit")
        position = start + size


def _number(wasm: bytes, position: int) -> tuple[int, int]:
    """Read an unsigned LEB128 number; return it and where it ends."""
    value = 0
    for index, byte in enumerate(wasm[position : position + _MAX_LEB_BYTES]):
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return value, position + index + 1
    return 0, len(wasm)
