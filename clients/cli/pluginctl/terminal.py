"""Text of others on our terminal: nothing a plugin says may move the cursor, recolour or retitle it."""

import re
from typing import Final

_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""C0 and C1 controls but tab and line feed, and the characters that turn the direction of writing."""


def printable(text: str) -> str:
    """Return the text with control characters escaped; line feeds and tabs stay."""
    return _CONTROL.sub(lambda found: found.group().encode("unicode_escape").decode(), text)


def one_line(text: str) -> str:
    """Return the text as one printable line, for a cell of a table."""
    return printable(" ".join(text.split()))


def size(count: float) -> str:
    """Say a number of bytes in binary units, as ``4.3M``."""
    for unit in ("B", "K", "M"):
        if count < 1024:
            return f"{count:.0f}{unit}" if unit == "B" else f"{count:.1f}{unit}"
        count /= 1024
    return f"{count:.1f}G"


def duration(seconds: float) -> str:
    """Say a time span shortly, as ``2h 3m``, ``3m 20s`` or ``4.2s``."""
    if seconds < 60:
        return f"{seconds:.1f}s"
    minutes, rest = divmod(int(seconds), 60)
    if minutes < 60:
        return f"{minutes}m {rest}s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h {minutes}m"


def micros(value: float) -> str:
    """Say a time in µs in the unit that reads best; nothing for 0."""
    if value <= 0:
        return "-"
    return f"{value:.0f}µs" if value < 1000 else f"{value / 1000:.1f}ms"
