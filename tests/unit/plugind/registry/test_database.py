"""The state file: what was put is there after reopening, and what cannot be used is left as it is."""

import contextlib
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest

from plugind.errors import StartupError
from plugind.registry.database import Database
from plugind.registry.records import Quarantined, Record
from plugind.registry.schema import MIGRATIONS
from plugind.registry.statefile import DamagedError, StateFile

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


def test_what_is_no_database_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    path.write_bytes(b"not a database at all, but long enough to look at" * 100)
    before = path.read_bytes()
    with pytest.raises(DamagedError, match="not a database"):
        Database(path)
    assert path.read_bytes() == before


def test_a_database_of_a_later_version_is_refused(tmp_path: Path) -> None:
    later = StateFile(tmp_path / "state.db", [*MIGRATIONS, "CREATE TABLE more (x TEXT) STRICT;"])
    later.close()
    with pytest.raises(StartupError, match="another version of plugind"):
        Database(tmp_path / "state.db")


def test_rows_that_say_nothing_are_damage(tmp_path: Path) -> None:
    database = Database(tmp_path / "state.db")
    database.put(RECORD)
    database.close()
    with contextlib.closing(sqlite3.connect(tmp_path / "state.db")) as connection, connection:
        connection.execute("UPDATE plugin SET record = '[]'")
    with pytest.raises(DamagedError):
        Database(tmp_path / "state.db")


def test_a_damaged_page_is_found_at_the_start(tmp_path: Path) -> None:
    database = Database(tmp_path / "state.db")
    database.store(RECORD, [version(number) for number in range(200)])
    database.close()
    with (tmp_path / "state.db").open("r+b") as file:
        file.seek(3 * 4096)
        file.write(b"\xff" * 4096)
    with pytest.raises(DamagedError):
        Database(tmp_path / "state.db")


def test_what_the_first_version_wrote_is_taken_over(tmp_path: Path) -> None:
    first = StateFile(tmp_path / "state.db", MIGRATIONS[:1])
    with first.transaction() as connection:
        connection.execute("INSERT INTO plugin VALUES ('@a/p', ?)", (msgspec.json.encode(version(3)).decode(),))
        for number in (2, 1):
            text = msgspec.json.encode(version(number)).decode()
            connection.execute(
                "INSERT INTO earlier (id, version, record) VALUES ('@a/p', ?, ?)", (version(number).version, text)
            )
    first.close()
    database = Database(tmp_path / "state.db")
    assert (database.records(), database.kept()) == ([version(3)], [version(2), version(1)])
    database.close()


def version(number: int) -> Record:
    return msgspec.structs.replace(RECORD, version=f"{number}.0.0", package=f"{number:02}")


def test_a_version_and_those_before_it_are_stored_as_one(tmp_path: Path) -> None:
    database = Database(tmp_path / "state.db")
    database.put(version(1))
    database.store(version(3), [version(1), version(2)])
    database.store(msgspec.structs.replace(version(1), plugin_id="b"), [])
    database.close()
    database = Database(tmp_path / "state.db")
    assert [one.version for one in database.records()] == ["3.0.0", "1.0.0"]
    assert database.kept() == [version(1), version(2)]
    database.store(version(2), [version(1), version(3)])
    assert database.kept() == [version(1), version(3)]
    database.close()


def test_a_failed_step_changes_nothing(tmp_path: Path) -> None:
    database = Database(tmp_path / "state.db")
    database.put(version(1))
    with pytest.raises(sqlite3.IntegrityError):
        database.store(version(2), [version(1), version(1)])
    assert (database.records(), database.kept()) == ([version(1)], [])
    database.put(version(2))  # and goes on
    database.close()


def test_threads_take_turns(tmp_path: Path) -> None:
    database = Database(tmp_path / "state.db")

    def work(name: str) -> None:
        for number in range(20):
            record = msgspec.structs.replace(version(number), plugin_id=name)
            database.store(record, [msgspec.structs.replace(version(number + 1), plugin_id=name)])

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(work, "abcd"))
    assert [(one.plugin_id, one.version) for one in database.records()] == [(name, "19.0.0") for name in "abcd"]
    database.close()


def test_folders_that_are_watched_again(tmp_path: Path) -> None:
    database = Database(tmp_path / "state.db")
    database.develop("/a", '"requested"')
    database.develop("/b", "[]")
    database.develop("/a", "[]")
    database.develop("/b", None)
    database.close()
    database = Database(tmp_path / "state.db")
    assert database.developed() == [("/a", "[]")]
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
