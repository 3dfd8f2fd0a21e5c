"""Installs plugins with what they need, all or nothing, and removes none that others need."""

import os
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Literal

import anyio
import structlog
from msgspec import UNSET
from msgspec.structs import replace

from plugind.registry.available import offer
from plugind.registry.dependents import needing
from plugind.registry.planning import Step
from plugind.registry.records import Record
from plugind.registry.sources import Report, Wanted, classify
from plugind.services.catalog import Catalog
from plugind.services.dependencies import Dependencies, check_name, refused, want
from plugind.services.library import KEPT, Library
from plugind.services.order import Order
from plugind.services.runtime import Runtime
from plugind_protocol.conflicts import Conflict, Requirement
from plugind_protocol.errors import InvalidState, PackageInvalid, PlugindError
from plugind_protocol.manifest import SDK_NAME, Manifest
from plugind_protocol.methods import Install, Uninstall

Before = Callable[[Manifest], None]
"""Told what a source holds, before anything is done; what it raises ends it."""

_log = structlog.get_logger(__name__)


class Brought:
    """What an installation has done so far, and how to take it back.

    Args:
        catalog: The installed plugins.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self.done: list[tuple[Runtime, Record | None]] = []
        """Each with what was there before, if there was something."""

    async def install(
        self, source: Path, *, grant: Literal["requested"] | None = None, origin: str | None, before: Before
    ) -> Runtime:
        """Install from a folder or a package, and note it.

        Args:
            source: The folder or package.
            grant: Whether to grant what it asks for.
            origin: Where it came from; None where that is not known.
            before: Told what the source holds.

        Raises:
            InvalidState: It is an update that asks for more than its user knows of, and waits.
            PlugindError: As `Catalog.install`.
        """
        there: list[Record] = []

        async def noting(manifest: Manifest) -> None:
            if (known := self._catalog.runtimes.get(manifest.name)) is not None:
                there.append(known.committed.record)
            before(manifest)

        params = Install(source=os.fspath(source), grant=grant or [])
        runtime = await self._catalog.install(params, origin=origin, before=noting)
        _check_taken(runtime, there)
        self.done.append((runtime, there[0] if there else None))
        return runtime

    async def roll_back(self, plugin_id: str, version: str) -> Runtime:
        """Go back to a kept version of a plugin, and note it."""
        record = self._catalog.get(plugin_id).committed.record
        runtime = await self._catalog.rollback(plugin_id, version)
        self.done.append((runtime, record))
        return runtime

    async def take_back(self) -> None:
        """Take everything back, the latest first; what cannot be is said in the log."""
        with anyio.CancelScope(shield=True):
            while self.done:
                runtime, previous = self.done.pop()
                try:
                    if previous is None:
                        await self._catalog.uninstall(runtime.plugin_id, keep_data=True)
                    elif previous.package != runtime.committed.record.package:
                        await self._catalog.rollback(runtime.plugin_id, previous.version)
                except (PlugindError, OSError) as exc:
                    _log.error("a dependency stays as it is", plugin=runtime.plugin_id, reason=str(exc))


def _check_taken(runtime: Runtime, there: list[Record]) -> None:
    """Check that an update was taken, and does not wait for its user."""
    held = runtime.held
    if held is not UNSET and there and runtime.committed.record.package == there[0].package:
        raise InvalidState(
            f"{runtime.plugin_id} {held.version} is needed, and asks for more than its user knows of: "
            f"{', '.join(held.permissions)}",
            hint=f"Take it with: pluginctl accept {runtime.plugin_id}, and try again",
            plugin_id=runtime.plugin_id,
            version=held.version,
        )


class Bringing:
    """Installs and uninstalls.

    Args:
        catalog: The installed plugins.
        library: Knows where versions are.
        dependencies: Plans.
        order: Knows who needs whom.
    """

    def __init__(self, catalog: Catalog, library: Library, dependencies: Dependencies, order: Order) -> None:
        self._catalog = catalog
        self._library = library
        self._dependencies = dependencies
        self._order = order
        self.changing = anyio.Lock()
        """Held while it must not change who needs whom."""

    async def install(
        self, params: Install, report: Report = lambda _: None, *, check: Before = lambda _: None
    ) -> tuple[Runtime, Brought]:
        """Install a plugin, or another version of an installed one, after what it needs.

        Args:
            params: The source, and what to grant.
            report: Told how far it is.
            check: Told what the source holds, before anything is done; what it raises ends it.

        Returns:
            The plugin, and what came with it.

        Raises:
            DependencyConflict: What it needs excludes something, or is not there; nothing has changed.
            PlugindError: As `Catalog.install`, also of something that it needs; nothing has changed.
        """
        origin = None
        if isinstance(wanted := classify(params.source), Wanted):
            planned, _ = await self._dependencies.plan(want(wanted), update=[wanted.plugin_id])
            origin = self._library.origin(planned.target)
            params = replace(params, source=str(self._library.path(planned.target)))
        brought = Brought(self._catalog)
        async with AsyncExitStack() as held:

            async def before(manifest: Manifest) -> None:
                check(manifest)
                if self._concerns_others(manifest):
                    await held.enter_async_context(self.changing)
                await self._bring(manifest, params, brought)

            try:
                return await self._catalog.install(params, report, origin=origin, before=before), brought
            except BaseException:
                await brought.take_back()
                raise

    async def uninstall(self, params: Uninstall) -> Runtime:
        """Stop a plugin and remove it.

        Raises:
            PluginNotFound: It is not installed.
            DependencyConflict: Others need it, and it is not forced.
        """
        async with self.changing:
            runtime = self._catalog.get(params.plugin_id)
            users = needing(params.plugin_id, self._order.present())
            if users and not params.force:
                raise refused(self._needed(runtime, users), params.plugin_id)
            await self._order.unload_users(runtime, "uninstalled")
            return await self._catalog.uninstall(params.plugin_id, keep_data=params.keep_data)

    async def _bring(self, manifest: Manifest, params: Install, brought: Brought) -> None:
        """Install what a plugin needs, as planned."""
        check_name(manifest)
        planned, _ = await self._dependencies.plan(offer(manifest, source=params.source))
        for step in planned.changes:
            if step.node.offer.name != manifest.name:
                await self._take(step, params, brought)

    async def _take(self, step: Step, params: Install, brought: Brought) -> None:
        found = step.node.offer
        if found.source == KEPT:
            await brought.roll_back(found.name, found.version)
            return
        path = self._library.path(found)

        def check(manifest: Manifest) -> None:
            if (manifest.name, manifest.version) != (found.name, found.version):
                raise PackageInvalid(
                    f"{path} was {found.name} {found.version}, and has become {manifest.name} {manifest.version}",
                    hint="Try again, with what is there now.",
                )

        await brought.install(path, grant=params.grant_dependencies, origin=str(path), before=check)

    def _concerns_others(self, manifest: Manifest) -> bool:
        return bool(manifest.dependencies.keys() - {SDK_NAME}) or any(
            manifest.name in one.dependencies for one in self._order.present().values()
        )

    def _needed(self, runtime: Runtime, users: list[str]) -> Conflict:
        present = self._order.present()
        shown = [f"{name} {present[name].version}" for name in users]
        listed = shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"
        name, version = runtime.plugin_id, runtime.installed.record.version
        return Conflict(
            kind="needed",
            explanation=f"{name} {version} is needed by {listed}",
            requirements=[
                Requirement(
                    name=name, range=present[user].dependencies[name], by=user, by_versions=[present[user].version]
                )
                for user in users
            ],
            available={name: [version]},
        )
