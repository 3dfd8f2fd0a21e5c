"""Params and results about dependencies: ``plugins.resolve``, ``plugins.lock``, ``plugins.restore``."""

from typing import Literal

import msgspec

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


class LockedPlugin(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One plugin of a lock file; fields are written as in a manifest."""

    name: str
    version: str
    package: str
    """``sha256:`` and the hash of all that belongs to the plugin, the same for its folder and each of its packages."""
    module: str
    """``sha256:`` and the hash of its module."""
    source: str | None = None
    """Where it came from; below the lock file's folder with ``./``, null where that is not known or would tell a
    secret."""
    dependencies: dict[str, str] = {}
    """Name → range, as in its manifest."""


class Lock(Params, frozen=True):
    """Writes down exactly what is installed."""

    path: str | None = None
    """An absolute path: the file to write, or a folder to write ``plugins.lock`` in. Without it nothing is written, and
    no sources are."""


class LockResult(Struct, frozen=True, omit_defaults=False):
    """What was locked."""

    path: str | None
    """The file that was written."""
    text: str
    """What is in it."""
    plugins: list[LockedPlugin]
    left_out: list[str]
    """Plugins that are loaded from the folder they are developed in: there is no version of these to come back to."""


class Restore(Params, frozen=True):
    """Brings back exactly what a lock file says."""

    path: str
    """An absolute path: the file, or a folder with ``plugins.lock``."""
    dry_run: bool = False
    """Find and check everything, and change nothing."""


class RestoredPlugin(Struct, frozen=True, omit_defaults=False):
    """One plugin of a lock file, and what was done about it."""

    plugin_id: str
    version: str
    source: str
    """``installed``, ``kept`` (an earlier version, in the daemon's store), or where it was found."""
    change: Change
    previous: str | None
    """The version that was installed before."""


class RestoreResult(Struct, frozen=True, omit_defaults=False):
    """What was restored."""

    path: str
    restored: bool
    """False for a dry run."""
    plugins: list[RestoredPlugin]
    """What is needed before what needs it."""
    others: list[str]
    """Installed plugins that the lock file does not have; they stay as they are."""
