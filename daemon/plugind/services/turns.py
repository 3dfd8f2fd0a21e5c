"""Whose turn it is with a plugin: two locks for each.

*Preparing* is held by what brings another version, from its beginning to its end, since compiling takes long;
*changing* while the plugin's records change and a version shows that it runs. Whoever holds both took *preparing*
first.
"""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import anyio

from plugind.services.locks import Locks


class Turns:
    """The locks of all plugins."""

    def __init__(self) -> None:
        self._preparing = Locks()
        self._changing = Locks()

    def prepare(self, plugin_id: str) -> AbstractAsyncContextManager[None]:
        """Bring another version of a plugin."""
        return self._preparing.hold(plugin_id)

    @asynccontextmanager
    async def change(self, plugin_id: str) -> AsyncIterator[None]:
        """Change records of a plugin; whoever asked cannot stop this midway."""
        with anyio.CancelScope(shield=True):
            async with self._changing.hold(plugin_id):
                yield
