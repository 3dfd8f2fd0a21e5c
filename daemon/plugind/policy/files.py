"""Which files a plugin may see: the tree of its own, what its paths mean, and which permission each needs. Pure.

``assets/…`` is its package, ``project/…`` the project's folder, ``picked/TOKEN/…`` what the user picked, and everything
else its private folder. A path is checked before anything is looked up on a disk, and is never repaired: what does not
say plainly what it means is refused.
"""

import enum
from collections.abc import Callable
from typing import Final

import msgspec

from plugind_protocol.errors import InvalidParams
from plugind_protocol.permissions import Permission

MAX_PATH: Final = 4096
"""Longest path, in characters."""
MAX_PART_BYTES: Final = 255
"""Longest name in a path, as UTF-8: what file systems hold."""
MAX_PARTS: Final = 64
"""Deepest path."""
TEMPORARY: Final = ".plugind-"
"""With which the names of unfinished writes begin; no plugin sees or names them."""

_WINDOWS_FORBIDDEN: Final = frozenset('<>:"|?*') | {chr(code) for code in range(32)}
_WINDOWS_DEVICES: Final = frozenset(
    (
        "con",
        "prn",
        "aux",
        "nul",
        "conin$",
        "conout$",
        *(f"{port}{n}" for port in ("com", "lpt") for n in "0123456789¹²³"),
    )
)


class Place(enum.Enum):
    """The parts of a plugin's tree, by the name they begin with."""

    ASSETS = "assets"
    """Its own package, read-only; needs no permission."""
    PROJECT = "project"
    """The folder of the open project."""
    PICKED = "picked"
    """What the user picked for it: that was the permission."""
    PRIVATE = ""
    """Its private folder."""


class Need(enum.Enum):
    """What is to be done with a file."""

    READ = "file.read"
    WRITE = "file.write"
    MEDIA = "media.read"


class Located(msgspec.Struct, frozen=True):
    """What a path means."""

    place: Place
    parts: tuple[str, ...]
    """Names below the place."""
    virtual: str
    """The path as the plugin knows it."""


_PLACES: Final = {place.value: place for place in Place if place.value}


def locate(path: str, *, plugin_id: str, windows: bool = False) -> Located:
    """Say what a path means.

    Args:
        path: As the plugin gave it; empty for its private folder itself.
        plugin_id: Whose tree.
        windows: Refuse also what Windows takes for something else: devices, streams, names that it shortens.

    Returns:
        The place and the names below it.

    Raises:
        InvalidParams: It is not a plain relative path.
    """
    if not path:
        return Located(Place.PRIVATE, (), "")
    parts = tuple(path.split("/"))
    if problem := _problem(path, parts, windows=windows):
        raise InvalidParams(
            f"{shown(path)} is no path for {plugin_id}: {problem}",
            hint="Paths are relative, with / between names: assets/…, project/…, picked/…, or your own files.",
            plugin_id=plugin_id,
            path="$.path",
        )
    place = _PLACES.get(parts[0], Place.PRIVATE)
    return Located(place, parts if place is Place.PRIVATE else parts[1:], path)


def needed(path: str, need: Need, *, windows: bool = False) -> Permission | None:
    """Return the permission that it takes to do something with a file.

    Args:
        path: As the plugin gave it.
        need: What is to be done.
        windows: As for `locate`.

    Returns:
        The permission for this path; None for a plugin's own package, and for what the user picked. For what is no path
        it is one that no scope covers: who may not ask is not told how.
    """
    try:
        located = locate(path, plugin_id="", windows=windows)
    except InvalidParams:
        return Permission(need.value)
    return None if free(located) else Permission(need.value, located.virtual or None)


def free(located: Located) -> bool:
    """Whether reading something takes no permission: a plugin's own package, and what the user picked for it."""
    return located.place in (Place.ASSETS, Place.PICKED)


def allowed(virtual: str, need: Need, granted: frozenset[Permission]) -> bool:
    """Whether the permissions that a plugin has let it do something with a path that is not its package's."""
    wanted = Permission(need.value, virtual)
    return any(have.covers(wanted) for have in granted)


def visible(name: str, *, windows: bool = False) -> bool:
    """Whether a plugin could name an entry of a folder; what it could not is not listed."""
    return not _problem_of(name, windows=windows)


def shown(path: str) -> str:
    """A path for a message: cut, and nothing unprintable in it."""
    cut = path if len(path) <= 100 else f"{path[:100]}…"
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in cut)


def _problem(path: str, parts: tuple[str, ...], *, windows: bool) -> str:
    if len(path) > MAX_PATH or len(parts) > MAX_PARTS:
        return f"it has more than {MAX_PATH} characters or {MAX_PARTS} names"
    if path.startswith("/"):
        return "it is absolute"
    return next((problem for part in parts if (problem := _problem_of(part, windows=windows))), "")


def _problem_of(part: str, *, windows: bool) -> str:
    return next((problem for problem, has in _PROBLEMS if has(part)), "") or (
        "Windows has another meaning for a name in it" if windows and _windows_means_else(part) else ""
    )


def _windows_means_else(part: str) -> bool:
    stem = part.partition(".")[0].rstrip().lower()
    return bool(_WINDOWS_FORBIDDEN & set(part)) or part[-1] in ". " or stem in _WINDOWS_DEVICES


def _not_unicode(part: str) -> bool:
    return any("\ud800" <= letter <= "\udfff" for letter in part)


_PROBLEMS: Final[tuple[tuple[str, Callable[[str], bool]], ...]] = (
    ("it has an empty name, . or .. in it", lambda part: part in ("", ".", "..")),
    ("it has a NUL or a backslash in it", lambda part: not {"\0", "\\", "/"}.isdisjoint(part)),
    (f"names that begin with {TEMPORARY} are the daemon's", lambda part: part.startswith(TEMPORARY)),
    ("it is not Unicode text", _not_unicode),
    (f"a name in it has more than {MAX_PART_BYTES} bytes", lambda part: len(part.encode()) > MAX_PART_BYTES),
)
"""What no name in a path may be, each with the words for it; the first that holds is told."""
