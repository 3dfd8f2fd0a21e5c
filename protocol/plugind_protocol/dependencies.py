"""Params and results about dependencies: ``plugins.resolve``, ``plugins.lock``, ``plugins.restore``."""

from typing import Literal

from plugind_protocol.table import Params, Struct

Change = Literal["none", "install", "update"]


class UnusablePackage(Struct, frozen=True):
    """Something in a package folder that cannot be used."""

    path: str
    reason: str


class Resolve(Params, frozen=True):
    """Asks what a plugin would bring with it."""

    source: str
    """As of ``plugins.install``; the id of an installed plugin is that plugin."""
    update: list[str] = []
    """Plugins of which the newest version is preferred to the installed one."""


class Dependency(Struct, frozen=True):
    """One plugin needs another."""

    plugin_id: str
    range: str
    version: str
    """The version that was chosen."""


class ResolvedPlugin(Struct, frozen=True, omit_defaults=False):
    """One plugin of a graph."""

    plugin_id: str
    version: str
    source: str
    """``host``, ``installed``, ``kept`` (an earlier version, in the daemon's store), or a path."""
    reason: Literal["host", "installed", "newest", "compatible"]
    """Why this version: it is the host's, it is installed, it is the newest, or the newest that fits."""
    change: Change
    """What installing does about it."""
    installed_version: str | None
    """What is installed now."""
    dependencies: list[Dependency]


class Resolution(Struct, frozen=True, omit_defaults=False):
    """A graph of dependencies."""

    plugin_id: str
    """What was asked for."""
    version: str
    plugins: list[ResolvedPlugin]
    """What is needed before what needs it: the order of installation and of activation."""
    cycles: list[list[str]]
    """Plugins that need each other; they come together, by id."""
    notes: list[str]
    """What was not checked, and why."""
    unusable: list[UnusablePackage]
    """What lies in package folders and cannot be used."""


class InstalledDependency(Struct, frozen=True, omit_defaults=False):
    """A plugin that came because another one needs it."""

    plugin_id: str
    version: str
    previous: str | None
    """The version that was installed before."""
    requested_permissions: list[str]
