"""Brings plugins up after what they need, and takes them down before it."""

import contextlib
from collections.abc import Iterable
from typing import Final

import anyio

from plugind.registry import dependents, lifecycle
from plugind.registry.dependents import Present
from plugind.registry.resolve import Host
from plugind.registry.resolving.order import components
from plugind.services.catalog import Catalog
from plugind.services.runtime import Runtime
from plugind.supervisor.worker import Worker
from plugind_protocol.conflicts import Conflict, Requirement
from plugind_protocol.errors import DependencyConflict, InvalidState, PlugindError
from plugind_protocol.methods import State

_HOOKS: Final = 2
"""Hooks that a plugin has on its way down."""


class Order:
    """Knows who needs whom.

    Args:
        catalog: The installed plugins.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def present(self) -> dict[str, Present]:
        """Return what is installed, as its dependencies matter."""
        return {
            name: Present(runtime.installed.record.version, runtime.installed.manifest.dependencies)
            for name, runtime in self._catalog.runtimes.items()
        }

    async def up(self, runtime: Runtime, wanted: State) -> Worker:
        """Bring a plugin to ``loaded`` or ``active``, after all that it needs.

        Args:
            runtime: The plugin.
            wanted: ``loaded`` or ``active``.

        Returns:
            A worker that takes calls.

        Raises:
            DependencyConflict: Something that it needs is not installed, or not in a version that will do.
            InvalidState: It, or something that it needs, is disabled; or what it needs is in quarantine.
            PlugindError: As `Runtime.ensure`, of it or of what it needs.
        """
        if runtime.installed.manifest.dependencies:
            present = self.present()
            names = dependents.before(runtime.plugin_id, present)
            for name in (runtime.plugin_id, *names):
                _check_met(name, present)
            needed = [self._catalog.get(name) for name in names]
            for one in needed:
                _check_usable(runtime, one)
            for one in needed:
                await one.ensure(wanted)
        return await runtime.ensure(wanted)

    async def deactivate(self, runtime: Runtime) -> None:
        """Deactivate a plugin, after those that need it."""
        for user in self._users(runtime.plugin_id):
            with contextlib.suppress(PlugindError):  # its state says why
                await user.deactivate()
        await runtime.deactivate()

    async def unload(self, runtime: Runtime, reason: str | None = None) -> None:
        """Unload a plugin, after those that need it.

        Args:
            runtime: The plugin.
            reason: Why, for the announcement.
        """
        await self.unload_users(runtime, reason or "unloaded")
        await runtime.unload(reason)

    async def unload_users(self, runtime: Runtime, why: str) -> None:
        """Unload those that need a plugin and run.

        Args:
            runtime: The plugin.
            why: What happens to it.
        """
        for user in self._users(runtime.plugin_id):
            if user.state in lifecycle.RUNNING:
                await user.unload(f"{runtime.plugin_id}, which it needs, is {why}")

    async def stop(self, *, hook_timeout: float) -> None:
        """Unload everything, each plugin after those that need it.

        Args:
            hook_timeout: Seconds that each of a plugin's last hooks may take. A plugin waits no longer for those that
                need it than their hooks may take.
        """
        present = self.present()
        groups = components({name: [one for one in it.dependencies if one in present] for name, it in present.items()})
        place = {name: index for index, group in enumerate(groups) for name in group}
        down = {name: anyio.Event() for name in present}

        async def take_down(runtime: Runtime, users: Iterable[str]) -> None:
            try:
                with anyio.move_on_after(_HOOKS * hook_timeout):
                    for user in users:
                        await down[user].wait()
                await runtime.unload("shutdown", hook_timeout)
            finally:
                down[runtime.plugin_id].set()

        async with anyio.create_task_group() as tasks:
            for name, runtime in list(self._catalog.runtimes.items()):
                users = [user for user, it in present.items() if name in it.dependencies and place[user] > place[name]]
                tasks.start_soon(take_down, runtime, users)

    def _users(self, plugin_id: str) -> list[Runtime]:
        present = self.present()
        if plugin_id not in present:
            return []
        names = dependents.after(plugin_id, present)
        return [self._catalog.runtimes[name] for name in names if name in self._catalog.runtimes]


def _check_met(plugin_id: str, present: dict[str, Present]) -> None:
    for lacking in dependents.unmet(plugin_id, present, Host()):
        there = f"but {lacking.version} is" if lacking.version is not None else "which is not"
        words = f"{plugin_id} {present[plugin_id].version} needs {lacking.name} {lacking.range}, {there} installed"
        raise DependencyConflict(
            words,
            hint=f"See what would help with: pluginctl resolve {plugin_id}",
            plugin_id=plugin_id,
            version=present[plugin_id].version,
            conflict=Conflict(
                kind="missing" if lacking.version is None else "version",
                explanation=words,
                requirements=[
                    Requirement(
                        name=lacking.name,
                        range=lacking.range,
                        by=plugin_id,
                        by_versions=[present[plugin_id].version],
                    )
                ],
                available={lacking.name: [lacking.version] if lacking.version is not None else []},
            ),
        )


def _check_usable(runtime: Runtime, needed: Runtime) -> None:
    record, quarantine = needed.installed.record, needed.crashes.quarantine
    if not record.enabled:
        problem, command = "is disabled", "enable"
    elif quarantine is not None:
        problem, command = f"is in quarantine: {quarantine.reason}", "release"
    else:
        return
    raise InvalidState(
        f"{runtime.plugin_id} needs {record.plugin_id} {record.version}, which {problem}",
        hint=f"Use: pluginctl {command} {record.plugin_id}",
        plugin_id=runtime.plugin_id,
        version=runtime.installed.record.version,
    )
