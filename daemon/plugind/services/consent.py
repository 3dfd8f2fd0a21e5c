"""What the user says to updates that are held because they ask for more permissions: agreed to, taken, dropped."""

from collections.abc import Callable, Iterable

import anyio
import anyio.to_thread

from plugind.policy import grants
from plugind.registry import versions
from plugind.services.held import HeldUpdates
from plugind.services.installer import Installer
from plugind.services.runtime import Runtime
from plugind.services.shelf import Shelf
from plugind.services.switching import Switching, now
from plugind.services.turns import Turns
from plugind_protocol.permissions import Permission


class Consent:
    """The user's word on held updates.

    Args:
        shelf: What is there.
        held: The updates that are held.
        turns: Whose turn it is.
        switching: Switches to an update.
        installer: Has the packages.
    """

    def __init__(
        self, shelf: Shelf, held: HeldUpdates, *, turns: Turns, switching: Switching, installer: Installer
    ) -> None:
        self._shelf = shelf
        self._held = held
        self._turns = turns
        self._switching = switching
        self._installer = installer

    async def accept(self, plugin_id: str, choose: Callable[[Iterable[Permission]], frozenset[Permission]]) -> Runtime:
        """Take the update that is held.

        Args:
            plugin_id: The plugin.
            choose: What the update asks for → what the user grants of it, besides what the plugin has.

        Raises:
            PluginNotFound: It is not installed.
            InvalidState: No update is held.
            PlugindError: Why it did not get to where the current version is; that one is back.
        """
        async with self._turns.prepare(plugin_id), self._turns.change(plugin_id):
            runtime = self._shelf.get(plugin_id)
            await self._accept(runtime, choose)
            return runtime

    async def _accept(self, runtime: Runtime, choose: Callable[[Iterable[Permission]], frozenset[Permission]]) -> None:
        waiting = self._held.get(runtime)
        manifest = (await anyio.to_thread.run_sync(self._installer.installed, waiting.record)).manifest
        agreed = grants.choose(waiting.agreed, manifest.requested) | choose(manifest.requested)
        granted = sorted(map(str, agreed | (runtime.granted & set(manifest.requested))))
        record = versions.again(waiting.record, runtime.installed.record, granted=granted, at=now())
        await self._switching.switch(runtime, record)

    async def agree(self, plugin_id: str, permissions: list[str]) -> Runtime:
        """Grant what a held update asks for; it is taken once nothing is missing.

        Raises:
            PluginNotFound: It is not installed.
            InvalidState: No update is held.
            InvalidParams: The update does not ask for it.
        """
        async with self._turns.prepare(plugin_id), self._turns.change(plugin_id):
            runtime = self._shelf.get(plugin_id)
            waiting = self._held.get(runtime)
            manifest = (await anyio.to_thread.run_sync(self._installer.installed, waiting.record)).manifest
            if await self._held.agree(runtime, grants.choose(permissions, manifest.requested)):
                await self._accept(runtime, lambda _requested: frozenset())
            return runtime

    async def reject(self, plugin_id: str) -> Runtime:
        """Drop the update that is held.

        Raises:
            PluginNotFound: It is not installed.
            InvalidState: No update is held.
        """
        async with self._turns.change(plugin_id):
            runtime = self._shelf.get(plugin_id)
            await self._held.drop(runtime)
            await self._installer.collect()
            return runtime
