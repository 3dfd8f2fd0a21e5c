"""A lock for each name: what concerns one plugin queues, what concerns different ones does not."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio


class Locks:
    """Locks by name; one that nobody holds or waits for takes no room."""

    def __init__(self) -> None:
        self._locks: dict[str, tuple[anyio.Lock, int]] = {}

    @asynccontextmanager
    async def hold(self, name: str) -> AsyncIterator[None]:
        """Hold the lock of a name; first come, first served."""
        lock, users = self._locks.get(name, (anyio.Lock(), 0))
        self._locks[name] = (lock, users + 1)
        try:
            async with lock:
                yield
        finally:
            users = self._locks[name][1] - 1
            if users:
                self._locks[name] = (lock, users)
            else:
                del self._locks[name]
