"""Why dependencies cannot be satisfied, for programs: what a DependencyConflict carries in ``data.conflict``."""

from typing import Literal

import msgspec

Kind = Literal["missing", "version", "host", "conflict", "limit", "needed"]
"""``missing``: nobody has heard of a plugin; ``version``: there is none in the range; ``host``: this host is too old;
``conflict``: requirements exclude each other; ``limit``: the search was given up; ``needed``: others need it."""


class Requirement(msgspec.Struct, rename="camel", frozen=True, kw_only=True):
    """One requirement that takes part in a conflict."""

    name: str
    """The plugin that is required."""
    range: str
    by: str | None = None
    """Who requires it; null is whoever asked."""
    by_versions: list[str] = []
    """Which of its versions do."""


class Unsuitable(msgspec.Struct, rename="camel", frozen=True, kw_only=True):
    """A version that this host is too old for."""

    name: str
    version: str
    lacking: Literal["apiVersion", "timelineVersion"]
    wanted: str
    present: str


class Conflict(msgspec.Struct, rename="camel", frozen=True, kw_only=True):
    """The smallest set of requirements that cannot be satisfied together; without any of them, the rest could be."""

    kind: Kind
    explanation: str
    """One sentence; also the error's message."""
    requirements: list[Requirement] = []
    available: dict[str, list[str]] = {}
    """Versions that there are of each plugin required here, newest first."""
    unsuitable: list[Unsuitable] = []
    suggestions: dict[str, list[str]] = {}
    """Names that are nearly those of missing plugins."""
