"""Finds the source lines that a message speaks of: a place such as ``src/lib.rs:79:5``, and what stands there."""

import re
from pathlib import Path
from typing import Final

import msgspec

_PLACE: Final = re.compile(
    r"(?P<path>[\w@~./-]+\.(?:rs|tsx?|jsx?|mjs|c|cc|cpp|h|go|zig|py|wat)):(?P<line>\d{1,6})(?::(?P<column>\d{1,5}))?"
)
_MOST: Final = 3
"""Places that are shown of one message."""
_MOST_BYTES: Final = 1 << 20
_LONGEST: Final = 160


class Place(msgspec.Struct, frozen=True, omit_defaults=True):
    """A line of the plugin's sources."""

    path: str
    """Relative to the plugin's folder."""
    line: int
    """From 1."""
    text: str
    column: int = 0
    """From 1; 0 where it is not known."""


def places(message: str, folder: Path) -> list[Place]:
    """Find what a message speaks of.

    Args:
        message: As a plugin, or the daemon, has said it.
        folder: The plugin's; nothing outside of it is read.
    """
    found: list[Place] = []
    for match in _PLACE.finditer(message):
        place = _place(folder, match["path"], int(match["line"]), int(match["column"] or 0))
        if place is not None and place not in found:
            found.append(place)
    return found[:_MOST]


def _place(folder: Path, path: str, line: int, column: int) -> Place | None:
    root = folder.resolve()
    try:
        file = (root / path).resolve()
        if not file.is_relative_to(root) or not file.is_file() or file.stat().st_size > _MOST_BYTES:
            return None
        lines = file.read_text("utf-8", errors="replace").splitlines()
    except (OSError, ValueError):
        return None
    if not 1 <= line <= len(lines):
        return None
    return Place(file.relative_to(root).as_posix(), line, lines[line - 1].rstrip()[:_LONGEST], column)
