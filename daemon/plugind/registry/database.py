"""What must outlive the daemon: installed plugins, their kept versions, their quarantines. A method, a transaction."""

import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

import msgspec

from plugind.registry.records import Held, Quarantined, Record
from plugind.registry.schema import MIGRATIONS
from plugind.registry.statefile import DamagedError, StateFile

T = TypeVar("T")


class Database:
    """The daemon's state file.

    Methods may be called from any thread. Those that change something return when it is on the disk, and raise
    `OSError` where the disk is full or takes no changes; nothing is changed then.

    Args:
        path: The file; made if missing.
        expected: There must be something in it.

    Raises:
        StartupError: It cannot be opened, or is of a later version; it is left as it is.
        DamagedError: It is damaged, or has lost what is expected; it is left as it is.
    """

    def __init__(self, path: Path, *, expected: bool = False) -> None:
        self._file = StateFile(path, MIGRATIONS, expected=expected)
        try:
            self.records(), self.kept(), self.quarantined(), self.held(), self.developed()
        except BaseException:
            self._file.close()
            raise

    def records(self) -> list[Record]:
        """Return the current version of each installed plugin, by id."""
        return self._read(Record, "SELECT record FROM plugin ORDER BY id")

    def kept(self) -> list[Record]:
        """Return all earlier versions that are kept, of each plugin the newest last."""
        return self._read(Record, "SELECT record FROM kept ORDER BY number")

    def quarantined(self) -> list[Quarantined]:
        """Return all quarantines."""
        return self._read(Quarantined, "SELECT record FROM quarantine ORDER BY id, package")

    def put(self, record: Record) -> None:
        """Add one plugin, or replace what is known of its current version."""
        with self._file.transaction() as connection:
            _put(connection, record)

    def store(self, record: Record, kept: Iterable[Record]) -> None:
        """Make a version the current one, and these its earlier ones, in one step. It is held no more.

        Args:
            record: The current version.
            kept: Its earlier versions, newest last; others are forgotten.
        """
        with self._file.transaction() as connection:
            _put(connection, record)
            connection.execute("DELETE FROM kept WHERE id = ?", (record.plugin_id,))
            connection.executemany(
                "INSERT INTO kept (id, package, record) VALUES (?, ?, ?)",
                [(one.plugin_id, one.package, _text(one)) for one in kept],
            )
            connection.execute("DELETE FROM held WHERE id = ? AND package = ?", (record.plugin_id, record.package))

    def held(self) -> list[Held]:
        """Return all updates that wait for the user."""
        return self._read(Held, "SELECT record FROM held ORDER BY id")

    def hold(self, held: Held) -> None:
        """Let an update wait, instead of one that waited before."""
        record = held.record
        with self._file.transaction() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO held VALUES (?, ?, ?)", (record.plugin_id, record.package, _text(held))
            )

    def drop(self, plugin_id: str) -> None:
        """Forget the update that waits."""
        with self._file.transaction() as connection:
            connection.execute("DELETE FROM held WHERE id = ?", (plugin_id,))

    def remove(self, plugin_id: str) -> None:
        """Remove one plugin, its earlier versions and their quarantines."""
        with self._file.transaction() as connection:
            for table in ("plugin", "kept", "quarantine", "held"):
                connection.execute(f"DELETE FROM {table} WHERE id = ?", (plugin_id,))  # noqa: S608  # our own names

    def quarantine(self, record: Quarantined) -> None:
        """Add or replace one quarantine."""
        with self._file.transaction() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO quarantine VALUES (?, ?, ?)", (record.plugin_id, record.package, _text(record))
            )

    def release(self, plugin_id: str, package: str) -> None:
        """End one quarantine."""
        with self._file.transaction() as connection:
            connection.execute("DELETE FROM quarantine WHERE id = ? AND package = ?", (plugin_id, package))

    def developed(self) -> list[tuple[str, str]]:
        """Return the folders that are to be watched after a start, each with what `develop` was told of it."""
        return [(path, grants) for path, grants in self._file.read("SELECT path, grants FROM development")]

    def develop(self, path: str, grants: str | None) -> None:
        """Remember a folder that is to be watched after a start, or forget it.

        Args:
            path: The folder.
            grants: How, and with which grants, as JSON; None to forget the folder.
        """
        with self._file.transaction() as connection:
            connection.execute("DELETE FROM development WHERE path = ?", (path,))
            if grants is not None:
                connection.execute("INSERT INTO development VALUES (?, ?)", (path, grants))

    def close(self) -> None:
        """Close the file; every acknowledged change is in it."""
        self._file.close()

    def _read(self, kind: type[T], query: str) -> list[T]:
        try:
            return [msgspec.json.decode(text, type=kind) for (text,) in self._file.read(query)]
        except (msgspec.DecodeError, sqlite3.DatabaseError) as exc:
            raise DamagedError(str(exc)) from exc


def _put(connection: sqlite3.Connection, record: Record) -> None:
    connection.execute("INSERT OR REPLACE INTO plugin VALUES (?, ?)", (record.plugin_id, _text(record)))


def _text(record: msgspec.Struct) -> str:
    return msgspec.json.encode(record).decode()
