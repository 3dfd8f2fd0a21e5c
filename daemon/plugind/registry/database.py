"""What must outlive the daemon: installed plugins, in SQLite (WAL). Every method is one transaction."""

import sqlite3
from pathlib import Path
from typing import Final

import msgspec

from plugind.errors import StartupError

_SCHEMA_VERSION: Final = 1
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS plugin (
    id TEXT PRIMARY KEY,
    record TEXT NOT NULL  -- JSON of `Record`
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


class Database:
    """The daemon's state file.

    Args:
        path: The file; made if missing.

    Raises:
        StartupError: It cannot be opened or is not ours; it is left as it is.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=FULL")
            version = self._connection.execute("PRAGMA user_version").fetchone()[0]
            if version not in (0, _SCHEMA_VERSION):
                raise StartupError(f"{path} was written by another version of plugind (schema {version})")
            self._connection.executescript(_SCHEMA)
            self._connection.execute(f"PRAGMA user_version={_SCHEMA_VERSION}")
        except sqlite3.Error as exc:
            raise StartupError(f"cannot use {path}: {exc}; free space, make it writable or move it away") from exc

    def records(self) -> list[Record]:
        """Return all installed plugins, by id."""
        rows = self._connection.execute("SELECT record FROM plugin ORDER BY id")
        return [msgspec.json.decode(text, type=Record) for (text,) in rows]

    def put(self, record: Record) -> None:
        """Add or replace one plugin."""
        text = msgspec.json.encode(record).decode()
        self._connection.execute("INSERT OR REPLACE INTO plugin VALUES (?, ?)", (record.plugin_id, text))

    def remove(self, plugin_id: str) -> None:
        """Remove one plugin."""
        self._connection.execute("DELETE FROM plugin WHERE id = ?", (plugin_id,))

    def close(self) -> None:
        """Close the file; every acknowledged change is in it."""
        self._connection.close()
