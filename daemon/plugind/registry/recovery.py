"""Opens the state file; one that is damaged or gone is set aside, and rebuilt from what lies beside the packages."""

import datetime as dt
import itertools
import os
from pathlib import Path
from typing import Final

import msgspec
import structlog

from plugind.errors import StartupError
from plugind.registry.database import Database
from plugind.registry.records import Record, from_label
from plugind.registry.statefile import BESIDE, DamagedError
from plugind.registry.store import PackageStore
from plugind_protocol import disk

_DAMAGED: Final = ".damaged-"

_log = structlog.get_logger(__name__)


class Recovered(msgspec.Struct, frozen=True, kw_only=True):
    """What was done about a state file that could not be used."""

    reason: str
    set_aside: str | None
    """Where the file is now; None where there was none."""
    plugins: list[str]
    """Plugins that were found again, by their packages; their grants and limits are to be given anew."""


def open_database(path: Path, store: PackageStore) -> tuple[Database, Recovered | None]:
    """Open the state file, or rebuild it.

    It is never emptied without a word: a file that is damaged is renamed and kept; one that is missing while there are
    packages is built from their labels. Whatever stops this midway, the next start takes it up again.

    Args:
        path: The file.
        store: The packages.

    Returns:
        The database, and what was done, if anything was.

    Raises:
        StartupError: It cannot be opened, or not be set aside, for a reason other than damage.
    """
    labels = store.labels()
    try:
        if labels and not path.exists():
            raise DamagedError("it is not there")  # noqa: TRY301  # found out by looking, dealt with as all damage
        return Database(path, expected=bool(labels)), None
    except DamagedError as exc:
        reason = str(exc)
    aside = _set_aside(path)
    try:
        plugins = _rebuild(path, [from_label(found) for found in labels])
    except OSError as exc:
        raise StartupError(f"cannot rebuild {path}: {exc.strerror}; free space or make it writable") from exc
    recovered = Recovered(reason=reason, set_aside=os.fspath(aside) if aside else None, plugins=plugins)
    _log.error(
        "the state file could not be used and was rebuilt from the packages; grants and limits are to be given anew",
        reason=reason,
        set_aside=recovered.set_aside,
        plugins=plugins,
    )
    return Database(path), recovered


def set_aside_before(path: Path) -> list[str]:
    """Return the state files that were set aside, now or at earlier starts, and are still there."""
    return sorted(
        os.fspath(one) for one in path.parent.glob(f"{path.name}{_DAMAGED}*") if not one.name.endswith(BESIDE[1:])
    )


def _set_aside(path: Path) -> Path | None:
    """Rename the file and what belongs to it; the file itself goes first, so that nothing opens it without the rest."""
    if not any(path.with_name(path.name + end).exists() for end in BESIDE):
        return None
    stamp = dt.datetime.now(dt.UTC).strftime("%Y%m%dT%H%M%S")
    names = (f"{path.name}{_DAMAGED}{stamp}{count or ''}" for count in itertools.count())
    aside = next(one for one in map(path.with_name, names) if not any(path.parent.glob(f"{one.name}*")))
    try:
        for end in BESIDE:
            part = path.with_name(path.name + end)
            if part.exists():
                part.rename(aside.with_name(aside.name + end))
        disk.sync_folder(path.parent)
    except OSError as exc:
        raise StartupError(f"{path} is damaged and cannot be set aside: {exc.strerror}") from exc
    return aside


def _rebuild(path: Path, records: list[Record]) -> list[str]:
    """Make a database of records and put it in place, whole."""
    fresh = path.with_name(f"{path.name}.new")
    for end in BESIDE:  # of a rebuilding that was cut short
        fresh.with_name(fresh.name + end).unlink(missing_ok=True)
    plugins: dict[str, list[Record]] = {}
    for record in sorted(records, key=lambda one: (one.plugin_id, one.number)):
        plugins.setdefault(record.plugin_id, []).append(record)
    database = Database(fresh)
    try:
        for versions in plugins.values():
            database.store(versions[-1], versions[:-1])
    finally:
        database.close()  # which also writes what is in the WAL into the file
    fresh.rename(path)
    disk.sync_folder(path.parent)
    return list(plugins)
