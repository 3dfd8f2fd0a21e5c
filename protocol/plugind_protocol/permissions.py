"""Names and scopes of permissions: what a manifest may ask for and what a grant covers.

A permission is a name, optionally narrowed by a scope after a colon: ``file.read:assets/**``,
``network:*.example.com``. Whether one was granted is the daemon's policy; this module only says what the words mean.
"""

import enum
import fnmatch
import re
from collections.abc import Callable
from itertools import pairwise
from typing import Final, NamedTuple


class ScopeKind(enum.Enum):
    """What the part after the colon means, if a permission may have one."""

    NONE = "none"
    PATH = "path"
    HOST = "host"


NAMES: Final[dict[str, ScopeKind]] = {
    "timeline.read": ScopeKind.NONE,
    "timeline.write": ScopeKind.NONE,
    "effects.create": ScopeKind.NONE,
    "effects.apply": ScopeKind.NONE,
    "ui.create": ScopeKind.NONE,
    "ui.dialog": ScopeKind.NONE,
    "media.read": ScopeKind.PATH,
    "media.write": ScopeKind.PATH,
    "file.read": ScopeKind.PATH,
    "file.write": ScopeKind.PATH,
    "storage": ScopeKind.NONE,
    "events": ScopeKind.NONE,
    "system.info": ScopeKind.NONE,
    "network": ScopeKind.HOST,
    "native": ScopeKind.NONE,
}
"""Every permission there is, and the kind of scope it takes."""
MAX_SCOPE_LENGTH: Final = 1024
"""Longest scope in characters."""

_HOST: Final = re.compile(r"(?=.{1,253}\Z)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*", re.IGNORECASE | re.ASCII)
_WILD: Final = re.compile(r"[*?[]")


class Permission(NamedTuple):
    """One permission as requested or granted."""

    name: str
    scope: str | None = None
    """``None`` covers everything the name covers."""

    def __str__(self) -> str:
        return self.name if self.scope is None else f"{self.name}:{self.scope}"

    def covers(self, other: "Permission") -> bool:
        """Whether holding this permission allows what ``other`` asks for.

        Args:
            other: What is asked for; its scope is a concrete path or host name, or a scope equal to ours.
        """
        return self._reaches(other, _MATCH)

    def includes(self, other: "Permission") -> bool:
        """Whether every use that ``other`` allows is allowed by this permission too.

        For comparing what was granted with what is requested: unlike in `covers`, wildcards of ``other`` are wildcards.
        When in doubt the answer is no.
        """
        return self._reaches(other, _INCLUDE)

    def _reaches(self, other: "Permission", rules: "dict[ScopeKind, Callable[[str, str], bool]]") -> bool:
        if self.name != other.name:
            return False
        if self.scope is None or self.scope == other.scope:
            return True
        return other.scope is not None and rules[NAMES[self.name]](self.scope, other.scope)


def parse(text: str) -> Permission:
    """Parse one permission.

    Args:
        text: A name, or ``name:scope``.

    Returns:
        The permission.

    Raises:
        ValueError: Unknown name, a scope on a name that takes none, or an empty, malformed or escaping scope.
    """
    name, colon, scope = text.partition(":")
    kind = NAMES.get(name)
    if kind is None:
        raise ValueError(f"unknown permission {name[:64]!r}; there are: {', '.join(NAMES)}")
    if not colon:
        return Permission(name)
    if problem := _PROBLEM[kind](scope):
        raise ValueError(f"permission {name!r} {problem}")
    return Permission(name, scope)


def _no_scope(_scope: str) -> str:
    return "takes no scope"


def _path_problem(scope: str) -> str:
    if len(scope) > MAX_SCOPE_LENGTH or not _is_plain_path(scope) or ":" in scope:
        return "needs as scope a relative path with '/' and without '..', such as assets/**"
    return ""


def _host_problem(scope: str) -> str:
    return "" if _HOST.fullmatch(scope.removeprefix("*.")) else "needs as scope a host name or *.host.name"


def _is_plain_path(path: str) -> bool:
    """Whether a path is relative and says nothing twice: no empty parts, no ``.`` and ``..``, nothing unprintable."""
    return not {"", ".", ".."} & set(path.split("/")) and "\\" not in path and "\0" not in path


def _path_matches(pattern: str, path: str) -> bool:
    return _is_plain_path(path) and _parts_match(pattern.split("/"), path.split("/"), _part_matches)


def _path_includes(pattern: str, narrower: str) -> bool:
    return _is_plain_path(narrower) and _parts_match(pattern.split("/"), narrower.split("/"), _part_includes)


def _parts_match(pattern: list[str], parts: list[str], matches: Callable[[str, str], bool]) -> bool:
    """Match with ``**`` for any number of parts: step by step, all ways at once, so that no pattern takes long."""
    pattern = [one for one, after in pairwise([*pattern, ""]) if (one, after) != ("**", "**")]
    reached = _past_stars(pattern, {0})  # how much of the pattern the parts so far can have used up
    for part in parts:
        reached = _past_stars(
            pattern,
            {
                at + (pattern[at] != "**")
                for at in reached
                if at < len(pattern) and (pattern[at] == "**" or matches(pattern[at], part))
            },
        )
    return len(pattern) in reached


def _past_stars(pattern: list[str], reached: set[int]) -> set[int]:
    return reached | {at + 1 for at in reached if at < len(pattern) and pattern[at] == "**"}


def _part_matches(pattern: str, part: str) -> bool:
    return fnmatch.fnmatchcase(part, pattern)


def _part_includes(pattern: str, narrower: str) -> bool:
    if narrower == "**":
        return False  # only our own ``**`` takes that, see `_parts_match`
    return pattern in ("*", narrower) or (not _WILD.search(narrower) and fnmatch.fnmatchcase(narrower, pattern))


def _host_matches(pattern: str, host: str) -> bool:
    host = host.removesuffix(".")
    if not _HOST.fullmatch(host):
        return False
    pattern, host = pattern.lower(), host.lower()
    return host.endswith(pattern[1:]) if pattern.startswith("*.") else host == pattern


def _host_includes(pattern: str, narrower: str) -> bool:
    if not narrower.startswith("*."):
        return _host_matches(pattern, narrower)
    return pattern.startswith("*.") and narrower[1:].lower().endswith(pattern[1:].lower())


_PROBLEM: Final = {ScopeKind.NONE: _no_scope, ScopeKind.PATH: _path_problem, ScopeKind.HOST: _host_problem}
_MATCH: Final[dict[ScopeKind, Callable[[str, str], bool]]] = {
    ScopeKind.NONE: lambda _pattern, _value: False,
    ScopeKind.PATH: _path_matches,
    ScopeKind.HOST: _host_matches,
}
_INCLUDE: Final[dict[ScopeKind, Callable[[str, str], bool]]] = {
    ScopeKind.NONE: lambda _pattern, _value: False,
    ScopeKind.PATH: _path_includes,
    ScopeKind.HOST: _host_includes,
}
