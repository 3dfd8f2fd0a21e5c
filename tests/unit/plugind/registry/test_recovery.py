"""A state file that is damaged or gone is set aside and rebuilt; nothing is emptied without a word."""

import json
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from plugind.errors import StartupError
from plugind.registry import folder, recovery
from plugind.registry.records import Quarantined, Record, label
from plugind.registry.schema import MIGRATIONS
from plugind.registry.statefile import StateFile
from plugind.registry.store import PackageStore


def package(store: PackageStore, source: Path, version: str, name: str = "p") -> str:
    source.mkdir()
    (source / "manifest.json").write_text(json.dumps({"name": name, "version": version, "main": "p.wasm"}))
    (source / "p.wasm").write_bytes(b"\0asm\1\0\0\0")
    return store.add(folder.read(source))


def record(digest: str, version: str, number: int, **fields: object) -> Record:
    values = {"plugin_id": "p", "enabled": True, "granted": ["storage"], "source": "/from/here"} | fields
    return Record(version=version, package=digest, module_hash="11", abi="timeline", number=number, **values)


@pytest.fixture
def store(tmp_path: Path) -> PackageStore:
    return PackageStore(tmp_path)


@pytest.fixture
def records(tmp_path: Path, store: PackageStore) -> list[Record]:
    """Two versions of one plugin, the older one current since it was gone back to, and a plugin beside it."""
    found = [
        record(package(store, tmp_path / "b", "2.0.0"), "2.0.0", 2),
        record(package(store, tmp_path / "a", "1.0.0"), "1.0.0", 3),
        record(package(store, tmp_path / "c", "1.0.0", name="q"), "1.0.0", 1, plugin_id="q", enabled=False),
    ]
    for one in found:
        store.label(label(one))
    database, recovered = recovery.open_database(tmp_path / "fresh.db", PackageStore(tmp_path / "elsewhere"))
    assert recovered is None
    database.store(found[1], [found[0]])
    database.put(found[2])
    database.quarantine(
        Quarantined(plugin_id="p", version="2.0.0", package=found[0].package, cause="trap", reason="it traps")
    )
    database.close()
    (tmp_path / "fresh.db").rename(tmp_path / "state.db")
    return found


def anew(one: Record) -> Record:
    """What is known of a version by its label: it has no grants, and nobody has disabled it."""
    return msgspec.structs.replace(one, granted=[], enabled=True)


DAMAGE: dict[str, Callable[[Path], object]] = {
    "no database": lambda path: path.write_bytes(b"what is this?" * 1000),
    "cut short": lambda path: path.write_bytes(path.read_bytes()[:5000]),
    "gone": lambda path: path.unlink(),
    "empty": lambda path: path.write_bytes(b""),
    "without tables": lambda path: path.unlink() or StateFile(path, []).close(),
}


@pytest.mark.parametrize("how", DAMAGE)
def test_a_state_file_that_cannot_be_used_is_rebuilt(
    tmp_path: Path, store: PackageStore, records: list[Record], how: str
) -> None:
    path = tmp_path / "state.db"
    DAMAGE[how](path)
    before = path.read_bytes() if path.exists() else None
    database, recovered = recovery.open_database(path, store)
    assert recovered is not None
    assert (recovered.plugins, bool(recovered.reason)) == (["p", "q"], True)
    assert database.records() == [anew(records[1]), anew(records[2])]
    assert database.kept() == [anew(records[0])]
    assert database.quarantined() == []
    database.close()
    if before is None:
        assert recovered.set_aside is None
    else:
        assert recovered.set_aside is not None
        assert Path(recovered.set_aside).read_bytes() == before
        assert recovery.set_aside_before(path) == [recovered.set_aside]
    again, recovered = recovery.open_database(path, store)
    assert recovered is None
    assert again.records() == [anew(records[1]), anew(records[2])]
    again.close()


def test_a_healthy_one_is_left_alone(tmp_path: Path, store: PackageStore, records: list[Record]) -> None:
    database, recovered = recovery.open_database(tmp_path / "state.db", store)
    assert recovered is None
    assert database.records() == [records[1], records[2]]
    database.close()
    assert recovery.set_aside_before(tmp_path / "state.db") == []


def test_two_damaged_files_in_one_second_are_both_kept(
    tmp_path: Path, store: PackageStore, records: list[Record]
) -> None:
    path = tmp_path / "state.db"
    for content in (b"one" * 1000, b"two" * 1000, b"three" * 1000):
        path.write_bytes(content)
        recovery.open_database(path, store)[0].close()
    assert len(recovery.set_aside_before(path)) == 3


def test_one_of_a_later_version_is_not_damage(tmp_path: Path, store: PackageStore, records: list[Record]) -> None:
    path = tmp_path / "later.db"
    StateFile(path, [*MIGRATIONS, "CREATE TABLE more (x TEXT) STRICT;"]).close()
    with pytest.raises(StartupError, match="another version"):
        recovery.open_database(path, store)
    assert path.exists()


def test_a_label_that_cannot_be_read_costs_its_package_only(
    tmp_path: Path, store: PackageStore, records: list[Record]
) -> None:
    (tmp_path / "labels" / f"{records[2].package}.json").write_bytes(b"{")
    (tmp_path / "state.db").unlink()
    database, recovered = recovery.open_database(tmp_path / "state.db", store)
    assert recovered is not None
    assert recovered.plugins == ["p"]
    database.close()
