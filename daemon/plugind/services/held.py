"""Updates that ask for more than their user knows of: each waits in the store until the user agrees, or drops it."""

from collections.abc import Iterator

import anyio
import anyio.to_thread
import msgspec
from msgspec.structs import replace

from plugind.policy import grants
from plugind.registry.database import Database
from plugind.registry.records import Held, Record
from plugind.services.environment import Installed
from plugind.services.runtime import Runtime
from plugind_protocol.errors import InvalidState
from plugind_protocol.manifest import Manifest
from plugind_protocol.methods import HeldUpdate
from plugind_protocol.permissions import Permission, parse


class HeldUpdates:
    """The update of each plugin that waits, if one does. Whoever changes one holds its plugin's lock.

    Args:
        database: Where they are kept.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._held: dict[str, Held] = {}

    def load(self) -> None:
        """Read what waits since before the daemon's start."""
        self._held = {held.record.plugin_id: held for held in self._database.held()}

    def records(self) -> Iterator[Record]:
        """Go through the records of all that waits."""
        for held in self._held.values():
            yield held.record

    def show(self, runtime: Runtime) -> None:
        """Let a plugin's description say what waits for it, or that nothing does any more."""
        held = self._held.get(runtime.plugin_id)
        runtime.held = msgspec.UNSET if held is None else describe(held)

    def get(self, runtime: Runtime) -> Held:
        """Return the update that waits.

        Raises:
            InvalidState: None does.
        """
        held = self._held.get(runtime.plugin_id)
        if held is None:
            raise InvalidState(
                f"no update of {runtime.plugin_id} is held",
                hint="An update is held only when it asks for more permissions than the version before it.",
                plugin_id=runtime.plugin_id,
            )
        return held

    async def hold(self, runtime: Runtime, record: Record, widens: list[Permission]) -> None:
        """Let an update wait, instead of one that waited before; durable when this returns."""
        held = Held(record=record, widens=[str(one) for one in widens], at=record.installed_at or "")
        await self._keep(runtime, held)

    async def agree(self, runtime: Runtime, more: frozenset[Permission]) -> bool:
        """Note what the user agrees to of what an update asks for.

        Returns:
            Whether that is all it asks for.
        """
        held = self.get(runtime)
        agreed = sorted({*held.agreed, *map(str, more)})
        await self._keep(runtime, replace(held, agreed=agreed))
        return not grants.widening(map(parse, held.widens), before=(), agreed=map(parse, agreed))

    async def drop(self, runtime: Runtime) -> None:
        """Forget the update that waits; durable when this returns.

        Raises:
            InvalidState: None does.
        """
        self.get(runtime)
        await anyio.to_thread.run_sync(self._database.drop, runtime.plugin_id)
        self.taken(runtime)

    def taken(self, runtime: Runtime) -> None:
        """It waits no more: it has become the current version, or its plugin is gone."""
        self._held.pop(runtime.plugin_id, None)
        self.show(runtime)

    async def _keep(self, runtime: Runtime, held: Held) -> None:
        await anyio.to_thread.run_sync(self._database.hold, held)
        self._held[runtime.plugin_id] = held
        self.show(runtime)


def describe(held: Held) -> HeldUpdate:
    """Say what waits, to clients."""
    return HeldUpdate(version=held.record.version, permissions=held.widens, held_at=held.at)


def widening(manifest: Manifest, current: Installed, agreed: frozenset[Permission]) -> list[Permission]:
    """Return what an update asks for beyond what its user knows of; see `plugind.policy.grants.widening`."""
    return grants.widening(manifest.requested, before=current.manifest.requested, agreed=agreed)
