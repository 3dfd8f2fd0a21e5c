"""Follows plugins' states without a gap: across slow readers, lost connections and restarts of the daemon."""

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import anyio
import msgspec
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from plugind_client.async_client import AsyncClient
from plugind_client.errors import Disconnected
from plugind_protocol import methods as m


class Snapshot(msgspec.Struct, frozen=True):
    """All installed plugins as they are: at first, and where what happened in between is not known any more."""

    plugins: list[m.PluginInfo]


States = MemoryObjectReceiveStream[Snapshot | m.StateChanged]
"""Yields one `Snapshot`, then each change after it, in order and without a gap; or another `Snapshot`."""


@asynccontextmanager
async def follow_states(client: AsyncClient) -> AsyncIterator[States]:
    """Follow the states of all plugins for as long as the block lasts.

    Args:
        client: A client; with ``reconnect`` it follows across restarts of the daemon too.

    Yields:
        What happens, as an async iterator; it ends when the connection is lost for good.
    """
    sending, receiving = anyio.create_memory_object_stream[Snapshot | m.StateChanged](math.inf)
    follower = _Follower(client, sending)
    async with anyio.create_task_group() as tasks, receiving, sending:
        tasks.start_soon(follower.changes)
        tasks.start_soon(follower.connections)
        yield receiving
        tasks.cancel_scope.cancel()


class _Follower:
    """What is known, and who is told of what comes."""

    def __init__(self, client: AsyncClient, told: MemoryObjectSendStream[Snapshot | m.StateChanged]) -> None:
        self._client = client
        self._told = told
        self._changes: Final = client.notifications("plugins.stateChanged")
        self._links: Final = client.link_changes()
        self._epoch: str | None = None
        self._seq = 0
        self._known = False  # whether what is told now goes on from there
        self._catching_up = anyio.Lock()

    async def changes(self) -> None:
        """Pass on what is told, and ask for what was missed before it."""
        try:
            await self._catch_up()
            async for change in self._changes:
                if self._known and change.seq == self._seq + 1:
                    self._tell(change)
                elif self._known and change.seq > self._seq:
                    await self._catch_up()
        except Disconnected:
            self._told.close()

    async def connections(self) -> None:
        """Ask for what was missed whenever the connection is back."""
        try:
            async for link in self._links:
                self._known = False
                if link.state == "connected":
                    await self._catch_up()
        except Disconnected:
            return  # `changes` sees it too

    async def _catch_up(self) -> None:
        async with self._catching_up:
            try:
                since = None if self._epoch is None else self._seq
                found = await self._client.changes(since, epoch=self._epoch)
            except Disconnected:
                return  # asked again when the connection is back; where it is not, the readers learn of it
            self._known = True
            if found.complete:
                for change in found.changes:
                    self._tell(change)
            else:
                self._told.send_nowait(Snapshot(found.plugins or []))
                self._epoch, self._seq = found.epoch, found.seq

    def _tell(self, change: m.StateChanged) -> None:
        self._seq = change.seq
        self._told.send_nowait(change)
