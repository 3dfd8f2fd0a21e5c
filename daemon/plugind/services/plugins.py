"""The ``plugins.*`` methods."""

import asyncio
from typing import Final

from msgspec.structs import replace

from plugind.policy import limits
from plugind.rpc.session import Session
from plugind.services.bringing import Bringing
from plugind.services.catalog import Catalog
from plugind.services.order import Order
from plugind.services.permissions import PermissionsService
from plugind.services.progress import ProgressReport
from plugind.services.runtime import Runtime
from plugind.supervisor.call import Call as WorkerCall
from plugind_protocol.errors import InvalidParams
from plugind_protocol.manifest import Limits
from plugind_protocol.methods import (
    Call,
    Empty,
    Install,
    InstalledDependency,
    InstallResult,
    PluginId,
    PluginInfo,
    Release,
    Rollback,
    SetResourceLimits,
    State,
    Uninstall,
    Versions,
)

MAX_TIMEOUT_MS: Final = 3_600_000
"""Longest deadline of a call, in ms."""


class PluginsService:
    """Answers ``plugins.*``.

    Args:
        catalog: The installed plugins.
        permissions: Who keeps the ledger of what they may do.
        bringing: Installs them with what they need.
        order: Brings them up after what they need.
    """

    def __init__(self, catalog: Catalog, permissions: PermissionsService, *, bringing: Bringing, order: Order) -> None:
        self._catalog = catalog
        self._permissions = permissions
        self._bringing = bringing
        self._order = order

    def call(self, session: Session, params: Call) -> "WorkerCall | asyncio.Future[bytes]":
        """Call a function of a plugin; hot: no task where a worker is there.

        Raises:
            InvalidParams: The deadline is out of range.
            PluginNotFound: It is not installed.
        """
        runtime = self._catalog.runtimes.get(params.plugin_id) or self._catalog.get(params.plugin_id)
        timeout = runtime.call_timeout if params.timeout_ms is None else timeout_seconds(params.timeout_ms, runtime)
        worker = runtime.worker
        if worker is not None and worker.alive:
            return worker.call(params.function, params.args, timeout, session.number)
        return asyncio.ensure_future(self._load_and_call(runtime, params, timeout, session.number))

    async def _load_and_call(self, runtime: Runtime, params: Call, timeout: float, lane: int) -> bytes:
        worker = await self._order.up(runtime, State.LOADED)
        return await worker.call(params.function, params.args, timeout=timeout, lane=lane)

    async def install(self, session: Session, params: Install) -> InstallResult:
        """Install a plugin, or another version of an installed one, with what it needs."""
        runtime, brought = await self._bringing.install(params, ProgressReport(session, params.progress_token))
        for one, _ in brought.done:
            await self._permissions.installed(session, one)
        await self._permissions.installed(session, runtime)
        return InstallResult(
            plugin_id=runtime.plugin_id,
            version=runtime.installed.record.version,
            state=runtime.state,
            requested_permissions=runtime.installed.manifest.permissions,
            held_update=runtime.held,
            dependencies=[
                InstalledDependency(
                    plugin_id=one.plugin_id,
                    version=one.installed.record.version,
                    previous=previous.version if previous is not None else None,
                    requested_permissions=one.installed.manifest.permissions,
                )
                for one, previous in brought.done
            ],
        )

    async def uninstall(self, _session: Session, params: Uninstall) -> PluginInfo:
        """Stop and remove a plugin, and what it keeps unless that shall stay."""
        runtime = await self._bringing.uninstall(params)
        if params.plugin_id in self._catalog.runtimes:  # it left the folder it was developed in
            return runtime.info()
        await self._permissions.forget(params.plugin_id)
        return replace(runtime.info(), state=State.NOT_INSTALLED)

    async def load(self, _session: Session, params: PluginId) -> PluginInfo:
        """Start the worker and load the module."""
        runtime = self._catalog.get(params.plugin_id)
        await self._order.up(runtime, State.LOADED)
        return runtime.info()

    async def unload(self, _session: Session, params: PluginId) -> PluginInfo:
        """Stop the worker."""
        runtime = self._catalog.get(params.plugin_id)
        await self._order.unload(runtime)
        return runtime.info()

    async def activate(self, _session: Session, params: PluginId) -> PluginInfo:
        """Run the activation hooks and ``main``."""
        runtime = self._catalog.get(params.plugin_id)
        await self._order.up(runtime, State.ACTIVE)
        return runtime.info()

    async def deactivate(self, _session: Session, params: PluginId) -> PluginInfo:
        """Run the deactivation hook."""
        runtime = self._catalog.get(params.plugin_id)
        await self._order.deactivate(runtime)
        return runtime.info()

    async def enable(self, _session: Session, params: PluginId) -> PluginInfo:
        """Allow the plugin to be loaded."""
        return (await self._catalog.change(params.plugin_id, lambda old: replace(old, enabled=True))).info()

    async def disable(self, _session: Session, params: PluginId) -> PluginInfo:
        """Unload the plugin and do not load it on demand."""
        runtime = await self._catalog.change(params.plugin_id, lambda old: replace(old, enabled=False))
        await self._order.unload(runtime, "disabled")
        return runtime.info()

    async def release(self, _session: Session, params: Release) -> PluginInfo:
        """End a quarantine, or switch to an earlier version."""
        return (await self._catalog.quarantine.release(params.plugin_id, fallback=params.fallback)).info()

    async def set_resource_limits(self, _session: Session, params: SetResourceLimits) -> Limits:
        """Change a plugin's limits, durably and at once."""
        runtime = await self._catalog.change(
            params.plugin_id, lambda old: replace(old, limits=limits.merge(old.limits, params.limits))
        )
        await runtime.apply_limits()
        return runtime.installed.limits

    async def get_resource_limits(self, _session: Session, params: PluginId) -> Limits:
        """The limits in force."""
        return self._catalog.get(params.plugin_id).installed.limits

    async def versions(self, _session: Session, params: PluginId) -> Versions:
        """The versions that are kept."""
        return self._catalog.shelf.versions(params.plugin_id)

    async def rollback(self, session: Session, params: Rollback) -> PluginInfo:
        """Go back to a version that is kept."""
        runtime = await self._catalog.rollback(params.plugin_id, params.version)
        await self._permissions.installed(session, runtime)
        return runtime.info()

    async def list(self, _session: Session, _params: Empty) -> list[PluginInfo]:
        """All installed plugins, by id."""
        return self._catalog.shelf.infos()

    async def get(self, _session: Session, params: PluginId) -> PluginInfo:
        """One installed plugin."""
        return self._catalog.get(params.plugin_id).info()

    async def get_state(self, _session: Session, params: PluginId) -> State:
        """The state of a plugin, installed or not."""
        return self._catalog.arrivals.state(params.plugin_id)


def timeout_seconds(timeout_ms: int | None, runtime: Runtime) -> float:
    """Return the deadline of a call in seconds.

    Raises:
        InvalidParams: It is out of range.
    """
    if timeout_ms is None:
        return runtime.call_timeout
    if not 1 <= timeout_ms <= MAX_TIMEOUT_MS:
        raise InvalidParams(f"a deadline must be 1 to {MAX_TIMEOUT_MS} ms, not {timeout_ms}", path="$.timeoutMs")
    return timeout_ms / 1000
