"""What is there of all plugins, in memory, and looking it up: what runs, is kept, is lost, is in quarantine.

Whoever changes it holds the plugin's turn (`plugind.services.turns`), and has made it durable before.
"""

from collections.abc import Iterator

from plugind.registry import versions
from plugind.registry.records import Quarantined, Record
from plugind.services.runtime import Runtime
from plugind_protocol.errors import InvalidParams, InvalidState, PluginNotFound
from plugind_protocol.methods import KeptVersion, LostPlugin, PluginInfo, Versions


class Shelf:
    """All that is there."""

    def __init__(self) -> None:
        self.runtimes: dict[str, Runtime] = {}
        """What is installed, by plugin id; read by the hot paths."""
        self.kept: dict[str, list[Record]] = {}
        """Versions that are kept besides the current ones, of each plugin the earliest first."""
        self.quarantines: dict[tuple[str, str], Quarantined] = {}
        """By plugin id and package."""
        self.lost: dict[str, tuple[Record, str]] = {}
        """What is installed and cannot be read any more, and why."""
        self.beneath: dict[str, Record] = {}
        """Installed versions of plugins that run from the folders they are developed in."""

    def get(self, plugin_id: str) -> Runtime:
        """Return a plugin's runtime.

        Raises:
            PluginNotFound: It is not installed.
        """
        runtime = self.runtimes.get(plugin_id)
        if runtime is None:
            raise PluginNotFound(f"plugin {plugin_id!r} is not installed", plugin_id=plugin_id)
        return runtime

    def infos(self) -> list[PluginInfo]:
        """Describe all installed plugins, by id."""
        return [runtime.info() for _, runtime in sorted(self.runtimes.items())]

    def lost_plugins(self) -> list[LostPlugin]:
        """Describe the plugins whose package cannot be read any more."""
        return [
            LostPlugin(plugin_id=record.plugin_id, version=record.version, reason=reason)
            for record, reason in self.lost.values()
        ]

    def versions(self, plugin_id: str) -> Versions:
        """Return the versions of a plugin that are there.

        Raises:
            PluginNotFound: It is not installed.
        """
        current = self.get(plugin_id).committed.record
        return Versions(
            plugin_id=plugin_id,
            current=current.version,
            versions=[
                KeptVersion(
                    version=one.version,
                    package=one.package,
                    current=one is current,
                    installed_at=one.installed_at,
                    source=one.source,
                    quarantine=found.reason if (found := self.quarantines.get((plugin_id, one.package))) else None,
                )
                for one in (current, *reversed(self.kept.get(plugin_id, [])))
            ],
        )

    def earlier(self) -> list[Record]:
        """All versions that are kept besides the current ones, of each plugin the latest first."""
        return [record for records in self.kept.values() for record in reversed(records)]

    def choose(self, runtime: Runtime, version: str | None) -> Record:
        """Return a version to go back to.

        Args:
            runtime: The plugin.
            version: Which; None for the one that was current last and is not in quarantine.

        Raises:
            InvalidState: No version is kept that could be used.
            InvalidParams: This version is not kept.
        """
        kept = self.kept.get(runtime.plugin_id, [])
        if version is None:
            record = versions.latest(kept, self.quarantines)
        else:
            record = versions.find(kept, version)
            if record is None:
                raise InvalidParams(
                    f"version {version!r} of {runtime.plugin_id} is not kept",
                    hint=f"These are: {', '.join(one.version for one in reversed(kept)) or 'none'}.",
                    plugin_id=runtime.plugin_id,
                    path="$.version",
                )
        if record is None:
            raise InvalidState(
                f"{runtime.plugin_id} has no earlier version that could be used",
                hint=f"See what is kept with: pluginctl versions {runtime.plugin_id}",
                plugin_id=runtime.plugin_id,
            )
        return record

    def fallback(self, current: Record) -> str | None:
        """Return the version that a plugin could go back to, if there is one."""
        record = versions.latest(self.kept.get(current.plugin_id, []), self.quarantines)
        return record.version if record is not None else None

    def referred(self) -> Iterator[Record]:
        """Go through all records that refer to packages."""
        for runtime in self.runtimes.values():
            yield runtime.installed.record
            yield runtime.committed.record
        yield from self.beneath.values()
        for kept in self.kept.values():
            yield from kept
        yield from (record for record, _ in self.lost.values())
