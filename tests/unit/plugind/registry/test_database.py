"""The state file: what was put is there after reopening, and a file that is not ours is left alone."""

from pathlib import Path

import msgspec
import pytest

from plugind.errors import StartupError
from plugind.registry.database import Database, Record

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
