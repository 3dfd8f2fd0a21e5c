"""An SQLite file (WAL) of the daemon's own: opened, checked, brought to the current tables, changed by transactions."""

import contextlib
import errno
import os
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from plugind.errors import StartupError

BESIDE: Final = ("", "-wal", "-shm")
"""What belongs to one database, by how the names end."""
_DAMAGE: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_REFUSED: Final[Mapping[int, int]] = {
    sqlite3.SQLITE_FULL: errno.ENOSPC,
    sqlite3.SQLITE_READONLY: errno.EROFS,
    sqlite3.SQLITE_IOERR: errno.EIO,
    sqlite3.SQLITE_CORRUPT: errno.EIO,
    sqlite3.SQLITE_NOTADB: errno.EIO,
}
"""What the system refused, by SQLite's primary result code."""


class DamagedError(Exception):
    """The file is there, and is no database that can be read."""


class StateFile:
    """The file.

    Transactions are made one at a time, in whatever thread they are asked for. What changes the file raises `OSError`
    where the disk is full, takes no changes or is broken; nothing is changed then.

    Args:
        path: The file; made if missing.
        migrations: Its tables, as steps from version to version.
        expected: There must be something in it.

    Raises:
        StartupError: It cannot be opened, or is of a later version than ours; it is left as it is.
        DamagedError: It is damaged, or has lost what is expected; it is left as it is.
    """

    def __init__(self, path: Path, migrations: Sequence[str], *, expected: bool = False) -> None:
        self._path = os.fspath(path)
        self._one = threading.Lock()
        with _opening(path):
            self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        try:
            with _opening(path):
                self._open(migrations, expected=expected)
        except BaseException:
            self._connection.close()
            raise

    def _open(self, migrations: Sequence[str], *, expected: bool) -> None:
        connection = self._connection
        (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise DamagedError(str(verdict))
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version == 0 and expected:
            raise DamagedError("it has no tables")
        if not 0 <= version <= len(migrations):
            raise StartupError(f"{self._path} was written by another version of plugind (schema {version})")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        if version < len(migrations):
            steps = "".join(migrations[version:])
            connection.executescript(f"BEGIN IMMEDIATE;{steps}PRAGMA user_version={len(migrations)};COMMIT;")

    def read(self, query: str, *values: str) -> list[tuple[str, ...]]:
        """Return all rows of a query."""
        with self._one:
            return self._connection.execute(query, values).fetchall()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Change the file: all that happens in the block, or nothing.

        Raises:
            OSError: The disk refused.
        """
        with self._one, self._refusals():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    @contextlib.contextmanager
    def _refusals(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as exc:
            reason = _REFUSED.get(getattr(exc, "sqlite_errorcode", 0) & 0xFF)
            if reason is None:
                raise
            raise OSError(reason, os.strerror(reason), self._path) from exc

    def close(self) -> None:
        """Close the file; every acknowledged change is in it."""
        with self._one:
            self._connection.close()


@contextlib.contextmanager
def _opening(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as exc:
        if getattr(exc, "sqlite_errorcode", 0) & 0xFF in _DAMAGE:
            raise DamagedError(str(exc)) from exc
        raise StartupError(f"cannot use {path}: {exc}; free space, make it writable or move it away") from exc
