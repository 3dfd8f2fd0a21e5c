"""Names and scopes of permissions: what a manifest may ask for and what a grant covers.

A permission is a name, optionally narrowed by a scope after a colon: ``file.read:assets/**``,
``network:*.example.com``. Whether one was granted is the daemon's policy; this module only says what the words mean.
"""

import enum
import fnmatch
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
        if self.name != other.name:
            return False
        if self.scope is None or self.scope == other.scope:
            return True
        return other.scope is not None and _MATCH[NAMES[self.name]](self.scope, other.scope)


def parse(text: str) -> Permission:
    """Parse one permission.

    Args:
        text: A name, or ``name:scope``.

    Returns:
        The permission.

    Raises:
        ValueError: Unknown name, a scope on a name that takes none, or an empty or escaping scope.
    """
    name, colon, scope = text.partition(":")
    kind = NAMES.get(name)
    if kind is None:
        raise ValueError(f"unknown permission {name!r}; there are: {', '.join(NAMES)}")
    if not colon:
        return Permission(name)
    if kind is ScopeKind.NONE:
        raise ValueError(f"permission {name!r} takes no scope")
    if not scope or "\0" in scope or "\\" in scope:
        raise ValueError(f"permission {name!r} has an empty or malformed scope")
    if kind is ScopeKind.PATH and (scope.startswith("/") or ".." in scope.split("/")):
        raise ValueError(f"the scope of {text!r} must be a relative path without '..'")
    return Permission(name, scope)


def _path_matches(pattern: str, path: str) -> bool:
    parts = path.split("/")
    if path.startswith("/") or ".." in parts or "\0" in path or "\\" in path:
        return False
    return _segments_match(pattern.split("/"), parts)


def _segments_match(pattern: list[str], parts: list[str]) -> bool:
    if not pattern:
        return not parts
    if pattern[0] == "**":
        return any(_segments_match(pattern[1:], parts[i:]) for i in range(len(parts) + 1))
    return bool(parts) and fnmatch.fnmatchcase(parts[0], pattern[0]) and _segments_match(pattern[1:], parts[1:])


def _host_matches(pattern: str, host: str) -> bool:
    pattern, host = pattern.lower(), host.lower().rstrip(".")
    if pattern.startswith("*."):
        return host.endswith(pattern[1:]) and len(host) > len(pattern) - 1
    return host == pattern


_MATCH: Final = {
    ScopeKind.NONE: lambda _pattern, _value: False,
    ScopeKind.PATH: _path_matches,
    ScopeKind.HOST: _host_matches,
}
