"""The methods that say what a plugin may do: grants, presets, and the ledger of their use."""

import datetime as dt
from collections.abc import Callable
from functools import partial

import anyio
import anyio.to_thread
import msgspec
import structlog
from msgspec.structs import replace

from plugind.policy import grants
from plugind.registry.ledger import Action, Ledger
from plugind.registry.records import Record
from plugind.rpc.session import Session
from plugind.services.catalog import Catalog
from plugind.services.runtime import Runtime
from plugind_protocol.errors import InvalidParams
from plugind_protocol.methods import (
    AcceptUpdate,
    ApplyPreset,
    Empty,
    Grant,
    PermissionChange,
    PermissionLedger,
    Permissions,
    PermissionUse,
    PluginId,
    PluginInfo,
    PresetInfo,
)
from plugind_protocol.permissions import Permission
from plugind_protocol.presets import PRESETS, select

_log = structlog.get_logger(__name__)

Decide = Callable[[frozenset[Permission]], frozenset[Permission]]
"""What is granted → what shall be."""


class PermissionsService:
    """Answers the ``plugins.*`` methods about permissions.

    Args:
        catalog: The installed plugins.
        ledger: What their permissions were used for.
    """

    def __init__(self, catalog: Catalog, ledger: Ledger) -> None:
        self._catalog = catalog
        self._ledger = ledger

    async def grant(self, session: Session, params: Grant) -> Permissions:
        """Grant permissions that the manifest requests, or an update that is held for them."""
        runtime = self._catalog.get(params.plugin_id)
        try:
            more = grants.choose(params.permissions, runtime.installed.manifest.requested)
        except InvalidParams:
            if runtime.held is msgspec.UNSET:
                raise
            await self.installed(session, await self._catalog.consent.agree(params.plugin_id, params.permissions))
            return runtime.permissions()
        return await self._set(session, params.plugin_id, lambda granted: granted | more)

    async def accept_update(self, session: Session, params: AcceptUpdate) -> PluginInfo:
        """Take an update that is held, with or without what it asks for."""
        runtime = await self._catalog.consent.accept(params.plugin_id, partial(grants.choose, params.grant))
        await self.installed(session, runtime)
        return runtime.info()

    async def reject_update(self, _session: Session, params: PluginId) -> PluginInfo:
        """Drop an update that is held."""
        return (await self._catalog.consent.reject(params.plugin_id)).info()

    async def revoke(self, session: Session, params: Grant) -> Permissions:
        """Revoke permissions; the next host call that needs one is denied."""
        less = partial(grants.revoke, names=params.permissions)
        with self._catalog.get(params.plugin_id).withdrawn(params.permissions):  # at once, whatever is under way
            return await self._set(session, params.plugin_id, less, earlier=less)

    async def apply_preset(self, session: Session, params: ApplyPreset) -> Permissions:
        """Grant exactly what a preset covers of what the manifest requests."""
        exactly = select(params.preset, self._catalog.get(params.plugin_id).installed.manifest.requested)
        return await self._set(
            session, params.plugin_id, lambda _granted: exactly, earlier=partial(select, params.preset)
        )

    async def installed(self, session: Session, runtime: Runtime) -> None:
        """Write down what an install or an update has changed."""
        before: set[str] = set()
        for one in await anyio.to_thread.run_sync(self._ledger.changes, runtime.plugin_id):
            before = before | set(one.permissions) if one.action == "granted" else before - set(one.permissions)
        await self._note(session, runtime.plugin_id, before=before, granted=set(map(str, runtime.granted)))

    async def forget(self, plugin_id: str) -> None:
        """Drop what is known of a plugin that was uninstalled."""
        await anyio.to_thread.run_sync(self._ledger.forget, plugin_id)

    async def keep(self, interval: float) -> None:
        """Write what was used from time to time; never returns.

        Args:
            interval: Seconds.
        """
        while True:
            await anyio.sleep(interval)
            if rows := self._ledger.pending():
                try:
                    await anyio.to_thread.run_sync(self._ledger.write, rows)
                except OSError as exc:
                    self._ledger.again(rows)
                    _log.warning("uses of permissions cannot be written yet", error=str(exc))

    async def get_permissions(self, _session: Session, params: PluginId) -> PermissionLedger:
        """What a plugin requested and was granted, and what it did with it."""
        held = self._catalog.get(params.plugin_id).permissions()
        changes = await anyio.to_thread.run_sync(self._ledger.changes, params.plugin_id)
        return PermissionLedger(
            requested=held.requested,
            granted=held.granted,
            preset=held.preset,
            used=[
                PermissionUse(
                    permission=use.permission,
                    method=use.method,
                    allowed=use.allowed,
                    denied=use.denied,
                    first=_iso(use.first),
                    last=_iso(use.last),
                    details=list(use.details),
                )
                for use in self._ledger.uses(params.plugin_id)
            ],
            changes=[
                PermissionChange(at=_iso(one.at), action=one.action, permissions=one.permissions, by=one.by)
                for one in changes
            ],
        )

    async def list_presets(self, _session: Session, _params: Empty) -> list[PresetInfo]:
        """The presets, the narrowest first."""
        return [
            PresetInfo(name=name, summary=preset.summary, permissions=sorted(preset.names))
            for name, preset in PRESETS.items()
        ]

    async def _set(
        self,
        session: Session,
        plugin_id: str,
        decide: Decide,
        *,
        earlier: Decide | None = None,
    ) -> Permissions:
        """Change what a plugin is granted; nothing comes in between, and the ledger has it before the answer.

        What is taken away, versions that are kept lose as well: going back to one does not bring it back.
        """
        before: list[str] = []

        def change(record: Record) -> Record:
            before[:] = record.granted
            return _granting(record, decide)

        runtime = await self._catalog.change(
            plugin_id, change, earlier=None if earlier is None else partial(_granting, decide=earlier)
        )
        held = runtime.permissions()
        await self._note(session, plugin_id, before=set(before), granted=set(held.granted))
        return held

    async def _note(self, session: Session, plugin_id: str, *, before: set[str], granted: set[str]) -> None:
        by = session.client.name if session.client is not None else "a client without a name"
        changes: tuple[tuple[Action, set[str]], ...] = (("granted", granted - before), ("revoked", before - granted))
        for action, names in changes:
            if names:
                await anyio.to_thread.run_sync(partial(self._ledger.change, plugin_id, action, sorted(names), by=by))


def _granting(record: Record, decide: Decide) -> Record:
    return replace(record, granted=sorted(map(str, decide(grants.parsed(record.granted)))))


def _iso(seconds: float) -> str:
    return dt.datetime.fromtimestamp(seconds, dt.UTC).isoformat(timespec="milliseconds")
