"""The ``storage.*`` host methods: values by key, each plugin's own, there again after an update and a restart."""

import contextlib
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from typing import Final, TypeVar

import anyio
import msgspec
import structlog

from plugind.host import faults
from plugind.host.caller import Caller
from plugind.host.storage.files import StorageFiles
from plugind.host.storage.store import DamagedError, Found, Store
from plugind_protocol.errors import InternalError, InvalidParams, TooLarge
from plugind_protocol.host import storage as api
from plugind_protocol.table import Empty

MAX_KEY: Final = 256
"""Longest key, in characters."""
MAX_VALUE_BYTES: Final = 8 * 1024 * 1024
"""Longest value, as JSON."""
MAX_KEYS: Final = 10_000
"""Most keys in one answer."""
_AT_ONCE_BYTES: Final = 64 * 1024
"""Values up to this size are read in the event loop: that takes less time than to ask a thread, see ADR 24."""
_SYNC_SECONDS: Final = 1.0
"""How long after a change everything is brought to the disk."""

T = TypeVar("T")

_log: Final = structlog.get_logger(__name__)
_ABSENT: Final = api.StoredValue(value=msgspec.Raw(b"null"), exists=False)


class Storage:
    """Answers ``storage.*``.

    Args:
        files: The plugins' storage files.
    """

    def __init__(self, files: StorageFiles) -> None:
        self._files = files
        self._changed = anyio.Event()

    def get(self, caller: Caller, params: api.GetValue) -> api.StoredValue | Awaitable[api.StoredValue]:
        """Return a value; small ones of a file that is open at once.

        Raises:
            InvalidParams: The key is not acceptable.
            InvalidState: The file was written by a later version of the daemon.
            InternalError: The system refuses.
        """
        key = _key(params.key, caller.plugin_id)
        store = self._files.ready(caller.plugin_id)
        if store is not None:
            try:
                found = store.get(key, most=_AT_ONCE_BYTES)
            except (DamagedError, OSError, sqlite3.Error):
                found = Found(None, 0)  # the thread finds it too, and deals with it
            if found is None or found.value is not None:
                return _value(found)
        return self._look(
            "storage.get",
            caller.plugin_id,
            lambda store: _value(store.get(key, most=MAX_VALUE_BYTES)),
            otherwise=_ABSENT,
        )

    async def set(self, caller: Caller, params: api.SetValue) -> None:
        """Keep a value, in place of the one that was there.

        Raises:
            InvalidParams: The key is not acceptable.
            TooLarge: The value is, or it does not fit what the plugin may keep.
            InvalidState: The file was written by a later version of the daemon.
            InternalError: The system refuses.
        """
        key, value = _key(params.key, caller.plugin_id), bytes(params.value)
        if len(value) > MAX_VALUE_BYTES:
            raise TooLarge(
                f"storage.set of {caller.plugin_id}: a value has at most {MAX_VALUE_BYTES} bytes, not {len(value)}",
                plugin_id=caller.plugin_id,
                cause="limit",
            )
        await self._use(
            "storage.set", caller.plugin_id, lambda store: self._files.put(caller.plugin_id, store, key, value)
        )

    async def remove(self, caller: Caller, params: api.RemoveValue) -> api.Removed:
        """Remove a value.

        Raises:
            InvalidParams: The key is not acceptable.
            InvalidState: The file was written by a later version of the daemon.
            InternalError: The system refuses.
        """
        key = _key(params.key, caller.plugin_id)
        return await self._use(
            "storage.remove",
            caller.plugin_id,
            lambda store: api.Removed(removed=self._files.remove(caller.plugin_id, store, key)),
        )

    def keys(self, caller: Caller, params: api.ListKeys) -> Awaitable[api.Keys]:
        """Return the keys, or those with a prefix, in order; at most `MAX_KEYS` of them.

        Raises:
            InvalidParams: The prefix is not acceptable.
            InvalidState: The file was written by a later version of the daemon.
            InternalError: The system refuses.
        """
        prefix, after = (_key(text, caller.plugin_id) if text else "" for text in (params.prefix, params.after))

        def read(store: Store) -> api.Keys:
            keys = store.keys(prefix, after=after, most=MAX_KEYS + 1)
            return api.Keys(keys=keys[:MAX_KEYS], truncated=len(keys) > MAX_KEYS)

        return self._look("storage.keys", caller.plugin_id, read, otherwise=api.Keys(keys=[]))

    async def clear(self, caller: Caller, _params: Empty) -> None:
        """Remove all values.

        Raises:
            InvalidState: The file was written by a later version of the daemon.
            InternalError: The system refuses.
        """
        await self._use("storage.clear", caller.plugin_id, lambda store: self._files.clear(caller.plugin_id, store))

    async def keep_synced(self) -> None:
        """Bring changes to the disk soon after they were made; never returns."""
        while True:
            await self._changed.wait()
            self._changed = anyio.Event()
            await anyio.sleep(_SYNC_SECONDS)
            try:
                await self._files.sync()
            except (OSError, sqlite3.Error, DamagedError) as exc:
                _log.error("storage cannot be brought to the disk", reason=str(exc))  # its stack says nothing

    async def _use(self, method: str, plugin_id: str, work: Callable[[Store], T]) -> T:
        with _refusals(method, plugin_id):
            result = await self._files.use(plugin_id, work)
        self._changed.set()
        return result

    async def _look(self, method: str, plugin_id: str, work: Callable[[Store], T], *, otherwise: T) -> T:
        with _refusals(method, plugin_id):
            return await self._files.look(plugin_id, work, otherwise=otherwise)


@contextlib.contextmanager
def _refusals(method: str, plugin_id: str) -> Iterator[None]:
    """Turn what goes wrong below into errors of the contract; none of them holds a value."""
    try:
        yield
    except OSError as exc:
        raise faults.refused(exc, method, plugin_id) from exc
    except (sqlite3.Error, DamagedError) as exc:
        _log.error("storage failed", plugin=plugin_id, method=method, reason=str(exc))  # its stack says nothing
        raise InternalError(f"{method} of {plugin_id} failed: {exc}", plugin_id=plugin_id) from exc


def _value(found: Found | None) -> api.StoredValue:
    if found is None or found.value is None:
        return _ABSENT
    return api.StoredValue(value=msgspec.Raw(found.value), exists=True)


def _key(key: str, plugin_id: str) -> str:
    if not 0 < len(key) <= MAX_KEY or "\0" in key:
        raise InvalidParams(
            f"a storage key of {plugin_id} must have 1 to {MAX_KEY} characters, and no NUL", plugin_id=plugin_id
        )
    return key
