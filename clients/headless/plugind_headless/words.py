"""Text of plugins on a terminal or in a log: nothing they say may move the cursor, recolour or retitle it."""

import re
from typing import Final

_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""C0 and C1 controls but tab and line feed, and the characters that turn the direction of writing."""


def printable(text: str) -> str:
    """Return the text with control characters escaped; line feeds and tabs stay."""
    return _CONTROL.sub(lambda found: found.group().encode("unicode_escape").decode(), text)


def one_line(text: str) -> str:
    """Return the text as one printable line."""
    return printable(" ".join(text.split()))
