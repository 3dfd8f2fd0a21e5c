"""One plugin's storage file: SQLite, one connection, for one thread at a time. Knows no quota and no plugin."""

import contextlib
import errno
import os
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

_SCHEMA_VERSION: Final = 1
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS entry (
    key TEXT PRIMARY KEY,
    value BLOB NOT NULL  -- JSON as the plugin gave it, UTF-8
) STRICT;
"""
_PAGES: Final = 1 << 22
"""Most pages of the file: 16 GiB, whatever the quota says."""
_JOURNAL_BYTES: Final = 1 << 20
"""Size the journal is cut back to when its content has gone into the file."""
_DAMAGED: Final = frozenset((sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB))
_REFUSED: Final[Mapping[int, int]] = {
    sqlite3.SQLITE_FULL: errno.ENOSPC,
    sqlite3.SQLITE_READONLY: errno.EROFS,
    sqlite3.SQLITE_IOERR: errno.EIO,
    sqlite3.SQLITE_CANTOPEN: errno.EMFILE,
    sqlite3.SQLITE_PERM: errno.EACCES,
    sqlite3.SQLITE_NOMEM: errno.ENOMEM,
}
"""What the system refused, by SQLite's primary result code."""
_SELECT: Final = (
    "SELECT CASE WHEN length(value) <= ? THEN value END, length(value) FROM entry WHERE key = ?"  # reads no more
)
OVERHEAD_BYTES: Final = 32
"""What an entry counts beside its key and its value."""


class DamagedError(Exception):
    """The file is not what was written; it is left as it is."""


class NewerError(Exception):
    """The file was written by a version of the daemon that knows more; it is left as it is."""


class Found(NamedTuple):
    """One entry."""

    value: bytes | None
    """JSON, or ``None`` where it is longer than was asked for."""
    size: int
    """Bytes of the value."""


class Store:
    """An open storage file. What changes it is one transaction each, and is there when the method returns.

    A process that is killed, the daemon included, takes nothing back. A power cut may take back what was not yet
    followed by `sync`; the file is whole either way.

    Every method raises `DamagedError` where the file is damaged, and `OSError` where the system refuses; nothing is
    changed then.

    Args:
        path: The file; made if missing, in a folder that exists.

    Raises:
        NewerError: It was written by a later version.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        made = not path.exists()
        try:
            self._connection = sqlite3.connect(
                path, isolation_level=None, check_same_thread=False, cached_statements=16
            )
        except sqlite3.Error as exc:
            raise _meaning(exc) from exc
        try:
            self._prepare()
        except BaseException:
            self._connection.close()
            raise
        if made:
            path.chmod(0o600)
        self.used = int(self._one(f"SELECT total(length(key) * 4 + length(value) + {OVERHEAD_BYTES}) FROM entry") or 0)  # noqa: S608  # our own number
        """Bytes that the entries count: see `cost`."""
        self.unsynced = False
        """Whether something was changed since `sync`."""

    def _prepare(self) -> None:
        # One connection, so no shared memory file and no lock is needed at each step.
        self._run("PRAGMA locking_mode=EXCLUSIVE")
        self._run("PRAGMA auto_vacuum=INCREMENTAL")
        self._run("PRAGMA journal_mode=WAL")
        self._run("PRAGMA synchronous=NORMAL")
        self._run(f"PRAGMA journal_size_limit={_JOURNAL_BYTES}")
        self._run(f"PRAGMA max_page_count={_PAGES}")
        version = self._one("PRAGMA user_version")
        if version not in (0, _SCHEMA_VERSION):
            raise NewerError(f"schema {version}")
        if version == 0:
            self._run("BEGIN IMMEDIATE")
            self._run(_SCHEMA)
            self._run(f"PRAGMA user_version={_SCHEMA_VERSION}")
            self._run("COMMIT")

    def get(self, key: str, *, most: int) -> Found | None:
        """Return an entry, its value only if it has at most so many bytes."""
        found = self._row(_SELECT, (most, key))
        return None if found is None else Found(*found)

    def size(self, key: str) -> int | None:
        """Bytes of a value, if the key is there."""
        found = self.get(key, most=-1)
        return None if found is None else found.size

    def put(self, key: str, value: bytes) -> None:
        """Add or replace an entry."""
        before = self.size(key)
        self._change("INSERT OR REPLACE INTO entry VALUES (?, ?)", (key, value))
        self.used += cost(key, len(value)) - (0 if before is None else cost(key, before))

    def remove(self, key: str) -> bool:
        """Remove an entry; False when there was none."""
        before = self.size(key)
        if before is None:
            return False
        self._change("DELETE FROM entry WHERE key = ?", (key,))
        self.used -= cost(key, before)
        return True

    def keys(self, prefix: str, *, after: str, most: int) -> list[str]:
        """Return keys in order of their characters' code points, at most so many.

        Args:
            prefix: With which they begin.
            after: After which they come.
            most: How many at most.
        """
        rows = self._rows(
            "SELECT key FROM entry WHERE key >= ? AND key > ? ORDER BY key LIMIT ?", (prefix, after, most)
        )
        return [key for (key,) in rows if key.startswith(prefix)]

    def clear(self) -> None:
        """Remove all entries, and give the room back."""
        self._change("DELETE FROM entry")
        self.used = 0
        try:
            self._connection.executescript("PRAGMA incremental_vacuum;")  # `execute` would stop after one page
        except sqlite3.Error as exc:
            raise _meaning(exc) from exc

    def sync(self) -> None:
        """Bring everything to the disk, so that a power cut takes nothing back."""
        self._run("PRAGMA wal_checkpoint(TRUNCATE)")
        self.unsynced = False

    def close(self) -> None:
        """Close the file; what is in it stays."""
        with contextlib.suppress(sqlite3.Error):  # what it could not finish, the next opening does
            self._connection.close()

    def _change(self, statement: str, values: Sequence[object] = ()) -> None:
        self.unsynced = True
        self._run(statement, values)

    def _run(self, statement: str, values: Sequence[object] = ()) -> None:
        self._rows(statement, values)

    def _one(self, statement: str) -> Any:
        row = self._row(statement)
        return None if row is None else row[0]

    def _row(self, statement: str, values: Sequence[object] = ()) -> tuple[Any, ...] | None:
        rows = self._rows(statement, values)
        return rows[0] if rows else None

    def _rows(self, statement: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        try:
            return self._connection.execute(statement, values).fetchall()
        except sqlite3.Error as exc:
            if self._connection.in_transaction:
                self._connection.rollback()
            raise _meaning(exc) from exc


def cost(key: str, value_bytes: int) -> int:
    """What an entry counts: four bytes for each character of its key, its value, and what every entry takes."""
    return len(key) * 4 + value_bytes + OVERHEAD_BYTES


def set_aside(path: Path) -> None:
    """Move a damaged file out of the way, in place of the one that was set aside before."""
    for suffix in ("", "-wal", "-journal", "-shm"):
        file = path.with_name(path.name + suffix)
        aside = path.with_name(f"{path.name}.damaged{suffix}")
        aside.unlink(missing_ok=True)
        if file.exists():
            file.rename(aside)


def _meaning(exc: sqlite3.Error) -> Exception:
    code = getattr(exc, "sqlite_errorcode", 0) & 0xFF
    if code in _DAMAGED:
        return DamagedError(str(exc))
    number = _REFUSED.get(code)
    return exc if number is None else OSError(number, os.strerror(number))
