"""What must outlive the daemon: installed plugins, in SQLite (WAL). Every method is one transaction."""

import contextlib
import errno
import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from plugind.errors import StartupError
from plugind_protocol.manifest import Limits

_SCHEMA_VERSION: Final = 1
_REFUSED: Final[Mapping[int, int]] = {
    sqlite3.SQLITE_FULL: errno.ENOSPC,
    sqlite3.SQLITE_READONLY: errno.EROFS,
    sqlite3.SQLITE_IOERR: errno.EIO,
}
"""What the system refused, by SQLite's primary result code."""
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS plugin (
    id TEXT PRIMARY KEY,
    record TEXT NOT NULL  -- JSON of `Record`
) STRICT;
CREATE TABLE IF NOT EXISTS earlier (  -- versions that were current once, newest last
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL,
    version TEXT NOT NULL,
    record TEXT NOT NULL,  -- JSON of `Record`
    UNIQUE (id, version)
) STRICT;
CREATE TABLE IF NOT EXISTS quarantine (
    id TEXT NOT NULL,
    package TEXT NOT NULL,
    record TEXT NOT NULL,  -- JSON of `Quarantined`
    PRIMARY KEY (id, package)
) STRICT;
"""


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One installed plugin."""

    plugin_id: str
    version: str
    package: str
    """Hash of the package in the store."""
    module_hash: str
    """SHA-256 of the module, hex."""
    abi: str
    enabled: bool
    granted: list[str]
    limits: Limits = Limits()
    """What the user has set."""


class Quarantined(msgspec.Struct, frozen=True, kw_only=True):
    """A package that crashed too often."""

    plugin_id: str
    version: str
    package: str
    cause: str
    reason: str
    capsule: str | None = None
    """Id of its last crash capsule."""


class Database:
    """The daemon's state file.

    What changes it raises `OSError` where the disk is full or takes no changes; nothing is changed then.

    Args:
        path: The file; made if missing.

    Raises:
        StartupError: It cannot be opened or is not ours; it is left as it is.
    """

    def __init__(self, path: Path) -> None:
        self._path = os.fspath(path)
        try:
            self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        except sqlite3.Error as exc:
            raise _unusable(path, exc) from exc
        try:
            self._prepare(path)
        except BaseException:
            self._connection.close()
            raise

    def _prepare(self, path: Path) -> None:
        try:
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=FULL")
            version = self._connection.execute("PRAGMA user_version").fetchone()[0]
            if version not in (0, _SCHEMA_VERSION):
                raise StartupError(f"{path} was written by another version of plugind (schema {version})")
            self._connection.executescript(_SCHEMA)
            self._connection.execute(f"PRAGMA user_version={_SCHEMA_VERSION}")
        except sqlite3.Error as exc:
            raise _unusable(path, exc) from exc

    def records(self) -> list[Record]:
        """Return all installed plugins, by id."""
        rows = self._connection.execute("SELECT record FROM plugin ORDER BY id")
        return [msgspec.json.decode(text, type=Record) for (text,) in rows]

    def put(self, record: Record) -> None:
        """Add or replace one plugin."""
        self._write("INSERT OR REPLACE INTO plugin VALUES (?, ?)", (record.plugin_id, _text(record)))

    def supersede(self, old: Record, new: Record, *, keep: int) -> None:
        """Make another version the current one and keep the old one, in one step.

        Args:
            old: The version that was current.
            new: The version to be current; it is not an earlier one any more.
            keep: How many earlier versions stay, the oldest go.
        """
        plugin_id = new.plugin_id
        with self._transaction():
            self.put(new)
            self._write(
                "INSERT OR REPLACE INTO earlier (id, version, record) VALUES (?, ?, ?)",
                (plugin_id, old.version, _text(old)),
            )
            self._write("DELETE FROM earlier WHERE id = ? AND version = ?", (plugin_id, new.version))
            self._write(
                "DELETE FROM earlier WHERE id = ?1 AND number NOT IN "
                "(SELECT number FROM earlier WHERE id = ?1 ORDER BY number DESC LIMIT ?2)",
                (plugin_id, keep),
            )

    def earlier(self) -> list[Record]:
        """Return all earlier versions, of each plugin the newest last."""
        rows = self._connection.execute("SELECT record FROM earlier ORDER BY number")
        return [msgspec.json.decode(text, type=Record) for (text,) in rows]

    def remove(self, plugin_id: str) -> None:
        """Remove one plugin, its earlier versions and their quarantines."""
        with self._transaction():
            for table in ("plugin", "earlier", "quarantine"):
                self._write(f"DELETE FROM {table} WHERE id = ?", (plugin_id,))  # noqa: S608  # our own names

    def quarantined(self) -> list[Quarantined]:
        """Return all quarantines."""
        rows = self._connection.execute("SELECT record FROM quarantine")
        return [msgspec.json.decode(text, type=Quarantined) for (text,) in rows]

    def quarantine(self, record: Quarantined) -> None:
        """Add or replace one quarantine."""
        self._write(
            "INSERT OR REPLACE INTO quarantine VALUES (?, ?, ?)", (record.plugin_id, record.package, _text(record))
        )

    def release(self, plugin_id: str, package: str) -> None:
        """End one quarantine."""
        self._write("DELETE FROM quarantine WHERE id = ? AND package = ?", (plugin_id, package))

    def close(self) -> None:
        """Close the file; every acknowledged change is in it."""
        self._connection.close()

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._write("BEGIN IMMEDIATE")
        try:
            yield
            self._write("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    def _write(self, statement: str, values: Sequence[object] = ()) -> None:
        try:
            self._connection.execute(statement, values)
        except sqlite3.OperationalError as exc:
            reason = _REFUSED.get(exc.sqlite_errorcode & 0xFF)
            if reason is None:
                raise
            raise OSError(reason, os.strerror(reason), self._path) from exc


def _text(record: msgspec.Struct) -> str:
    return msgspec.json.encode(record).decode()


def _unusable(path: Path, exc: sqlite3.Error) -> StartupError:
    return StartupError(f"cannot use {path}: {exc}; free space, make it writable or move it away")
