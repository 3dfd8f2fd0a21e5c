"""Binary modules written byte by byte: bombs, lies, and whatever no assembler would write."""

from collections.abc import Sequence

HEADER = b"\0asm\1\0\0\0"
VOID = b"\x60\0\0"
"""The type of a function without params and results."""
END = b"\x0b"
ONE_PAGE = b"\1\0\1"
"""The content of a memory section."""
I32 = b"\x7f"


def number(value: int) -> bytes:
    """Encode an unsigned number."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*out, value))


def signed(value: int) -> bytes:
    """Encode a signed number."""
    out = bytearray()
    while not -64 <= value < 64:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*out, value & 0x7F))


def vector(items: Sequence[bytes]) -> bytes:
    return number(len(items)) + b"".join(items)


def section(kind: int, content: bytes) -> bytes:
    return bytes((kind,)) + number(len(content)) + content


def module(*bodies: bytes, **contents: bytes) -> bytes:
    """Write a module with functions of no params and results.

    Args:
        bodies: Locals and code of each function, with its END.
        contents: Further sections by name; ``types`` replaces the usual one.
    """
    functions = {"functions": number(len(bodies)) + bytes(len(bodies))} if bodies else {}
    code = {"code": vector([number(len(body)) + body for body in bodies])} if bodies else {}
    found = {"types": vector([VOID])} | functions | code | contents
    return HEADER + b"".join(section(kind, found[name]) for name, kind in SECTIONS.items() if name in found)


SECTIONS = {
    "types": 1,
    "imports": 2,
    "functions": 3,
    "tables": 4,
    "memories": 5,
    "tags": 13,
    "globals": 6,
    "exports": 7,
    "start": 8,
    "elements": 9,
    "data_count": 12,
    "code": 10,
    "data": 11,
}
"""Numbers by name, in the order in which sections stand."""


def starts(wasm: bytes) -> list[int]:
    """Where each section of a well-formed module starts, and the module's end."""
    found, position = [], len(HEADER)
    while position < len(wasm):
        found.append(position)
        size, shift, position = 0, 0, position + 1
        while True:
            byte = wasm[position]
            size |= (byte & 0x7F) << shift
            shift, position = shift + 7, position + 1
            if byte < 0x80:
                break
        position += size
    return [*found, len(wasm)]
