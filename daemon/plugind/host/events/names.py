"""Names of events, and patterns for them. Pure.

An event's name is one or more parts with ``.`` between them. A plugin's event has its plugin's id and ``/`` before
that on the outside; one without is the editor's. In a pattern, ``*`` stands for one part, ``**`` for any number of
parts, of the name as well as of the id, whose parts are the scope and the name: ``timeline.*``, ``my-plugin/done``,
``@acme/*/**``. What has no ``/`` matches only what has none.
"""

import re
from typing import Final, NamedTuple

MAX_PARTS: Final = 8
"""Of an event's name."""
_PART: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_ID_PART: Final = re.compile(r"@?[a-z0-9][a-z0-9._-]{0,213}")
_WILD: Final = ("*", "**")


class Pattern(NamedTuple):
    """What a subscription asks for."""

    source: tuple[str, ...] | None
    """Parts of the plugin's id; None for the editor's events."""
    name: tuple[str, ...]

    @property
    def plain(self) -> bool:
        """Whether it stands for one name only."""
        return not any(part in _WILD for part in (*(self.source or ()), *self.name))


def parse(text: str) -> Pattern:
    """Parse a pattern.

    Raises:
        ValueError: It is none.
    """
    source, slash, name = text.rpartition("/")
    parts = tuple(name.split("."))
    if not 0 < len(parts) <= MAX_PARTS or not all(part in _WILD or _PART.fullmatch(part) for part in parts):
        raise ValueError("the parts of an event's name, with . between them, are letters, digits, - and _; or * or **")
    if not slash:
        return Pattern(None, parts)
    ids = tuple(source.split("/"))
    if len(ids) > 3 or not all(part in _WILD or _ID_PART.fullmatch(part) for part in ids):
        raise ValueError("before the / stands a plugin's id, or * or ** for parts of one")
    return Pattern(ids, parts)


def check(name: str) -> None:
    """Check the name that is given to a new event.

    Raises:
        ValueError: It is none; the editor's and a plugin's own are written without ``/``.
    """
    parts = name.split(".")
    if len(parts) > MAX_PARTS or not all(_PART.fullmatch(part) for part in parts):
        raise ValueError(
            f"an event's name has up to {MAX_PARTS} parts of letters, digits, - and _, with . between them"
        )


def matches(pattern: Pattern, source: str | None, name: str) -> bool:
    """Whether an event is among those that a subscription asks for.

    Args:
        pattern: The subscription.
        source: Id of the plugin that emitted it; None for the editor's.
        name: The event's name, without the id.
    """
    if (source is None) != (pattern.source is None):
        return False
    if source is not None and pattern.source is not None and not _covers(pattern.source, source.split("/")):
        return False
    return _covers(pattern.name, name.split("."))


def _covers(pattern: tuple[str, ...], parts: list[str]) -> bool:
    """Match from left to right; where it fails, go back to the last ``**`` and let that take one part more."""
    at = place = 0
    star = taken = -1
    while place < len(parts):
        if at < len(pattern) and pattern[at] == "**":
            star, taken = at, place
            at += 1
        elif at < len(pattern) and pattern[at] in ("*", parts[place]):
            at += 1
            place += 1
        elif star >= 0:
            taken += 1
            at, place = star + 1, taken
        else:
            return False
    return all(part == "**" for part in pattern[at:])
