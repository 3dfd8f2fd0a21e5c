"""The state file: what was put is there after reopening, and a file that is not ours is left alone."""

from pathlib import Path

import msgspec
import pytest

from plugind.errors import StartupError
from plugind.registry.database import Database, Quarantined, Record

RECORD = Record(
    plugin_id="@a/p", version="1.0.0", package="00", module_hash="11", abi="timeline", enabled=True, granted=["storage"]
)


def test_records_survive_reopening(tmp_path: Path) -> None:
    database = Database(tmp_path / "state.db")
    database.put(RECORD)
    database.put(msgspec.structs.replace(RECORD, plugin_id="b"))
    database.put(msgspec.structs.replace(RECORD, version="2.0.0"))
    database.remove("b")
    database.close()
    reopened = Database(tmp_path / "state.db")
    assert reopened.records() == [msgspec.structs.replace(RECORD, version="2.0.0")]
    reopened.close()


def test_a_foreign_file_is_refused_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    path.write_bytes(b"not a database at all, but long enough to look at" * 100)
    before = path.read_bytes()
    with pytest.raises(StartupError, match="not a database"):
        Database(path)
    assert path.read_bytes() == before


def version(number: int) -> Record:
    return msgspec.structs.replace(RECORD, version=f"{number}.0.0", package=f"{number:02}")


def test_superseding_keeps_the_newest_earlier_versions(tmp_path: Path) -> None:
    database = Database(tmp_path / "state.db")
    database.put(version(1))
    for number in range(1, 6):
        database.supersede(version(number), version(number + 1), keep=3)
    assert database.records() == [version(6)]
    assert database.earlier() == [version(3), version(4), version(5)]
    database.supersede(version(6), version(4), keep=3)  # back to an earlier one
    assert database.records() == [version(4)]
    assert database.earlier() == [version(3), version(5), version(6)]
    database.supersede(version(4), version(7), keep=0)
    assert database.earlier() == []
    database.close()


def test_a_failed_step_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database = Database(tmp_path / "state.db")
    database.put(version(1))

    def fail(_record: Record) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(database, "put", fail)
    with pytest.raises(OSError, match="disk full"):
        database.supersede(version(1), version(2), keep=3)
    assert (database.records(), database.earlier()) == ([version(1)], [])
    database.close()


def test_quarantines_survive_reopening_until_released_or_removed(tmp_path: Path) -> None:
    database = Database(tmp_path / "state.db")
    database.put(version(1))
    quarantines = [
        Quarantined(plugin_id="@a/p", version="1.0.0", package=package, cause="crash", reason="SIGKILL")
        for package in ("01", "02")
    ]
    for quarantine in (*quarantines, quarantines[0]):
        database.quarantine(quarantine)
    database.close()
    database = Database(tmp_path / "state.db")
    assert sorted(database.quarantined(), key=lambda one: one.package) == quarantines
    database.release("@a/p", "01")
    assert database.quarantined() == quarantines[1:]
    database.remove("@a/p")
    assert (database.records(), database.quarantined()) == ([], [])
    database.close()
