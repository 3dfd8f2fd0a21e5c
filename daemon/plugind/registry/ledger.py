"""The ledger of permissions: what each grant was used for, what was denied, and who granted or revoked what, when.

Uses are counted in memory, where it costs a host call next to nothing, and written from time to time: a daemon that is
killed loses the uses of the last seconds, never a grant or a revocation, which are written before they are answered.
The file is not needed for anything else; a damaged one is set aside.
"""

import contextlib
import datetime as dt
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal

import msgspec
import structlog

from plugind.registry.statefile import BESIDE, DamagedError, StateFile

MAX_DETAILS: Final = 20
"""Of what a permission was used for, the last so many are named."""
MAX_CHANGES: Final = 200
"""Grants and revocations kept of each plugin; the oldest go."""

Row = tuple[str, str, str, str]
"""Plugin, permission, method, and the JSON of a `Use`."""
Action = Literal["granted", "revoked"]

MIGRATIONS: Final = (
    """
CREATE TABLE IF NOT EXISTS use (
    plugin TEXT NOT NULL,
    permission TEXT NOT NULL,
    method TEXT NOT NULL,
    record TEXT NOT NULL,  -- JSON of `Use`
    PRIMARY KEY (plugin, permission, method)
) STRICT;
CREATE TABLE IF NOT EXISTS change (
    number INTEGER PRIMARY KEY,
    plugin TEXT NOT NULL,
    record TEXT NOT NULL  -- JSON of `Change`
) STRICT;
CREATE INDEX IF NOT EXISTS change_of ON change (plugin, number);
""",
)
"""Its tables; as in `plugind.registry.schema`."""

_log = structlog.get_logger(__name__)


class Use(msgspec.Struct, kw_only=True):
    """What one permission was used for by one host method. Times are seconds since 1970, UTC."""

    permission: str
    method: str
    allowed: int = 0
    denied: int = 0
    first: float = 0.0
    last: float = 0.0
    details: list[str] = []
    """Files, hosts and the like, the most recent last."""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One grant or revocation."""

    at: float
    """Seconds since 1970, UTC."""
    action: Action
    permissions: list[str]
    by: str
    """Name of the client that asked for it, as it said it is."""


class Ledger:
    """The ledger of all plugins.

    Args:
        path: Its file; made if missing.
        now: The time, in seconds since 1970.
    """

    def __init__(self, path: Path, *, now: Callable[[], float]) -> None:
        self._now = now
        self._uses: dict[tuple[str, str, str], Use] = {}
        self._changed: set[tuple[str, str, str]] = set()
        self._file = _open(path)
        for plugin, permission, method, text in self._file.read("SELECT * FROM use"):
            self._uses[plugin, permission, method] = msgspec.json.decode(text, type=Use)

    def note(self, plugin_id: str, permission: str, method: str, *, allowed: bool, detail: str | None = None) -> None:
        """Count one use, or one denial. Takes no time: nothing is written yet.

        Args:
            plugin_id: Whose.
            permission: Name of the permission, without a scope.
            method: The host method that needed it.
            allowed: Whether it was granted.
            detail: What it was used for, if that can be said in a word: a path, a host.
        """
        key = (plugin_id, permission, method)
        use = self._uses.get(key)
        now = self._now()
        if use is None:
            use = self._uses[key] = Use(permission=permission, method=method, first=now)
        use.last = now
        if allowed:
            use.allowed += 1
        else:
            use.denied += 1
        if detail is not None and (not use.details or use.details[-1] != detail):
            with contextlib.suppress(ValueError):
                use.details.remove(detail)
            use.details.append(detail)
            del use.details[:-MAX_DETAILS]
        self._changed.add(key)

    def change(self, plugin_id: str, action: Action, permissions: list[str], *, by: str) -> None:
        """Write down a grant or a revocation; it is durable when this returns."""
        record = Change(at=self._now(), action=action, permissions=permissions, by=by)
        with self._file.transaction() as connection:
            connection.execute("INSERT INTO change (plugin, record) VALUES (?, ?)", (plugin_id, _text(record)))
            connection.execute(
                "DELETE FROM change WHERE plugin = ? AND number NOT IN "
                "(SELECT number FROM change WHERE plugin = ? ORDER BY number DESC LIMIT ?)",
                (plugin_id, plugin_id, MAX_CHANGES),
            )

    def uses(self, plugin_id: str) -> list[Use]:
        """Return what a plugin's permissions were used for, by permission and method."""
        return [
            use for (plugin, *_), use in sorted(self._uses.items(), key=lambda item: item[0]) if plugin == plugin_id
        ]

    def changes(self, plugin_id: str) -> list[Change]:
        """Return the grants and revocations of a plugin, oldest first."""
        rows = self._file.read("SELECT record FROM change WHERE plugin = ? ORDER BY number", plugin_id)
        return [msgspec.json.decode(text, type=Change) for (text,) in rows]

    def forget(self, plugin_id: str) -> None:
        """Drop all that is known of a plugin that was uninstalled."""
        for key in [key for key in self._uses if key[0] == plugin_id]:
            del self._uses[key]
            self._changed.discard(key)
        with self._file.transaction() as connection:
            for table in ("use", "change"):
                connection.execute(f"DELETE FROM {table} WHERE plugin = ?", (plugin_id,))  # noqa: S608  # our own names

    def pending(self) -> list[Row]:
        """Take the uses that were counted since the last time, to be written by `write`."""
        changed, self._changed = self._changed, set()
        return [(*key, _text(use)) for key in changed if (use := self._uses.get(key)) is not None]

    def write(self, rows: list[Row]) -> None:
        """Write uses; may run in a thread."""
        if not rows:
            return
        with self._file.transaction() as connection:
            connection.executemany("INSERT OR REPLACE INTO use VALUES (?, ?, ?, ?)", rows)

    def again(self, rows: list[Row]) -> None:
        """Take back uses that could not be written: they are pending again, with what they count by then."""
        self._changed.update((plugin, permission, method) for plugin, permission, method, _ in rows)

    def close(self) -> None:
        """Write what is left, and close the file."""
        try:
            self.write(self.pending())
        except OSError as exc:
            _log.warning("the last uses of permissions are lost", error=str(exc))
        self._file.close()


def _open(path: Path) -> StateFile:
    """Open the file; one that is damaged is renamed, so that somebody may look at it, and begun anew."""
    try:
        return StateFile(path, MIGRATIONS)
    except DamagedError as exc:
        aside = path.with_name(f"{path.name}.damaged-{dt.datetime.now(dt.UTC):%Y%m%dT%H%M%S}")
        for suffix in BESIDE:
            with contextlib.suppress(FileNotFoundError):
                path.with_name(path.name + suffix).replace(aside.with_name(aside.name + suffix))
        _log.error("the ledger of permissions was damaged and is begun anew", kept=os.fspath(aside), error=str(exc))
        return StateFile(path, MIGRATIONS)


def _text(record: msgspec.Struct) -> str:
    return msgspec.json.encode(record).decode()
