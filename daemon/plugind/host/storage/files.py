"""The storage files of all plugins: opened when first used, the least used closed again, damaged ones set aside."""

from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import Final, TypeVar

from plugind.host.allowance import Allowance
from plugind.host.private import PrivateFolders
from plugind.host.storage.store import DamagedError, NewerError, Store, cost, set_aside
from plugind.host.threads import HostThreads
from plugind_protocol.errors import InvalidState

PART: Final = "storage"
T = TypeVar("T")


class StorageFiles:
    """Keeps at most so many files open.

    What works on a file runs by way of `HostThreads`, and so never twice at once for one plugin.

    Args:
        folders: Where the files are.
        threads: Where work on them runs.
        allowance: What plugins may keep.
        damaged: Called with a plugin's id when its file was set aside, from any thread.
        most_open: Files open at once; more for a moment, while all of them are in use.
    """

    def __init__(
        self,
        folders: PrivateFolders,
        threads: HostThreads,
        allowance: Allowance,
        *,
        damaged: Callable[[str], None],
        most_open: int = 32,
    ) -> None:
        self._folders = folders
        self._threads = threads
        self._allowance = allowance
        self._damaged = damaged
        self._most_open = most_open
        self._open: OrderedDict[str, Store] = OrderedDict()
        allowance.measure(PART, self._measure)

    def ready(self, plugin_id: str) -> Store | None:
        """Return a plugin's file if it is open and nobody works on it, for the event loop's own thread."""
        store = self._open.get(plugin_id)
        return None if store is None or self._threads.busy(plugin_id) else store

    async def use(self, plugin_id: str, work: Callable[[Store], T]) -> T:
        """Work on a plugin's file in a thread.

        Raises:
            InvalidState: The file was written by a later version of the daemon.
            OSError: The system refuses.
        """
        result = await self._threads.run(plugin_id, lambda: self._work(plugin_id, work))
        await self._bound()
        return result

    async def look(self, plugin_id: str, work: Callable[[Store], T], *, otherwise: T) -> T:
        """The same for what only reads: where there is no file yet, none is made.

        Raises:
            InvalidState: The file was written by a later version of the daemon.
            OSError: The system refuses.
        """

        def read() -> T:
            there = plugin_id in self._open or self._folders.storage(plugin_id).exists()
            return self._work(plugin_id, work) if there else otherwise

        result = await self._threads.run(plugin_id, read)
        await self._bound()
        return result

    def put(self, plugin_id: str, store: Store, key: str, value: bytes) -> None:
        """Put an entry, if the plugin may keep so much.

        Raises:
            TooLarge: It may not.
        """
        before = store.size(key)
        more = cost(key, len(value)) - (0 if before is None else cost(key, before))
        self._allowance.take(plugin_id, PART, max(0, more))
        try:
            store.put(key, value)
        except BaseException:
            self._allowance.take(plugin_id, PART, -max(0, more))
            raise
        self._allowance.take(plugin_id, PART, min(0, more))

    def remove(self, plugin_id: str, store: Store, key: str) -> bool:
        """Remove an entry; False when there was none."""
        before = store.used
        removed = store.remove(key)
        self._allowance.take(plugin_id, PART, store.used - before)
        return removed

    def clear(self, plugin_id: str, store: Store) -> None:
        """Remove all entries."""
        before = store.used
        store.clear()
        self._allowance.take(plugin_id, PART, -before)

    async def sync(self) -> None:
        """Bring everything that was changed since the last time to the disk."""
        for plugin_id, store in list(self._open.items()):
            if store.unsynced:
                await self._threads.run(plugin_id, partial(self._sync, plugin_id))

    async def close(self, plugin_id: str) -> None:
        """Close a plugin's file if it is open."""
        if plugin_id in self._open:
            await self._threads.run(plugin_id, lambda: self._close(plugin_id))

    def close_all(self) -> None:
        """Close everything; for the end of the daemon, when nothing works on a file any more."""
        while self._open:
            self._open.popitem()[1].close()

    async def _bound(self) -> None:
        """Close what was used longest ago, where too many are open."""
        for plugin_id in list(self._open)[: max(0, len(self._open) - self._most_open)]:
            if not self._threads.busy(plugin_id):
                await self._threads.run(plugin_id, partial(self._close, plugin_id))

    def _work(self, plugin_id: str, work: Callable[[Store], T]) -> T:
        try:
            return work(self._opened(plugin_id))
        except DamagedError:
            self._close(plugin_id)
            set_aside(self._folders.storage(plugin_id))
            self._allowance.forget(plugin_id)
            self._damaged(plugin_id)
        return work(self._opened(plugin_id))

    def _opened(self, plugin_id: str) -> Store:
        store = self._open.get(plugin_id)
        if store is None:
            self._folders.prepare(plugin_id)
            try:
                store = self._open[plugin_id] = Store(self._folders.storage(plugin_id))
            except NewerError as exc:
                raise InvalidState(
                    f"the storage of {plugin_id} was written by a later version of plugind ({exc})",
                    hint="Use that version, or uninstall the plugin, which removes its storage.",
                    plugin_id=plugin_id,
                ) from exc
        self._open.move_to_end(plugin_id)
        return store

    def _measure(self, plugin_id: str) -> int:
        if plugin_id not in self._open and not self._folders.storage(plugin_id).exists():
            return 0
        return self._work(plugin_id, lambda store: store.used)

    def _sync(self, plugin_id: str) -> None:
        store = self._open.get(plugin_id)
        if store is not None:
            store.sync()

    def _close(self, plugin_id: str) -> None:
        store = self._open.pop(plugin_id, None)
        if store is not None:
            store.close()
