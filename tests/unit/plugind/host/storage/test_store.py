"""One storage file: what was put is there after reopening, counts what it costs, and damage is told from absence."""

import errno
import sqlite3
from pathlib import Path

import pytest

from plugind.host.storage.store import DamagedError, Found, NewerError, Store, cost, set_aside


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "storage.db"


def test_what_was_put_is_there_after_reopening_byte_for_byte(path: Path) -> None:
    store = Store(path)
    texts = {"a": b'{"b" : [1.0,  2e3]}', "ä/ö ü": '"\u00e9\U0001f600"'.encode(), "x" * 256: b"1"}
    for key, text in texts.items():
        store.put(key, b"0")
        store.put(key, text)
    used = store.used
    store.close()
    again = Store(path)
    assert {key: again.get(key, most=100) for key in texts} == {
        key: Found(text, len(text)) for key, text in texts.items()
    }
    assert again.used == used == sum(cost(key, len(text)) for key, text in texts.items())
    assert path.stat().st_mode & 0o777 == 0o600
    again.close()


def test_a_long_value_is_only_read_when_it_is_wanted(path: Path) -> None:
    store = Store(path)
    store.put("k", b"1" * 1000)
    assert store.get("k", most=999) == Found(None, 1000)
    assert store.get("k", most=1000) == Found(b"1" * 1000, 1000)
    assert store.get("other", most=1000) is None
    store.close()


def test_removing_and_clearing_give_room_back(path: Path) -> None:
    store = Store(path)
    for number in range(200):
        store.put(f"k{number}", b"1" * 10_000)
    assert store.remove("k7")
    assert not store.remove("k7")
    assert store.used == sum(cost(f"k{number}", 10_000) for number in range(200) if number != 7)
    store.sync()
    full = path.stat().st_size
    store.clear()
    store.sync()
    assert store.used == 0
    assert store.keys("", after="", most=10) == []
    assert path.stat().st_size < full / 10
    store.close()


def test_keys_come_in_order_in_parts_and_by_prefix(path: Path) -> None:
    store = Store(path)
    for key in ("b/2", "a", "b/1", "b", "c", "b/\U0001f600", "b/3"):
        store.put(key, b"null")
    assert store.keys("", after="", most=3) == ["a", "b", "b/1"]
    assert store.keys("", after="b/1", most=2) == ["b/2", "b/3"]
    assert store.keys("b/", after="", most=10) == ["b/1", "b/2", "b/3", "b/\U0001f600"]
    assert store.keys("b/", after="b/2", most=10) == ["b/3", "b/\U0001f600"]
    assert store.keys("%", after="", most=10) == []
    store.close()


@pytest.mark.parametrize("content", [b"not a database at all" * 500, b"SQLite format 3\0" + b"\xff" * 8000])
def test_a_file_that_is_no_database_is_damaged(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(DamagedError):
        Store(path)
    assert path.read_bytes() == content


def test_damage_inside_is_found_when_it_is_read(path: Path) -> None:
    store = Store(path)
    for number in range(100):
        store.put(f"k{number}", b"1" * 1000)
    store.close()
    data = bytearray(path.read_bytes())
    for page in range(2, len(data) // 4096):
        data[page * 4096 : page * 4096 + 100] = b"\xa5" * 100
    path.write_bytes(data)
    with pytest.raises(DamagedError):
        Store(path)


def test_what_is_set_aside_replaces_what_was_before(path: Path) -> None:
    for content in (b"first", b"second"):
        path.write_bytes(content)
        set_aside(path)
        assert not path.exists()
    assert path.with_name("storage.db.damaged").read_bytes() == b"second"


def test_a_later_schema_is_left_alone(path: Path) -> None:
    Store(path).close()
    later = sqlite3.connect(path)
    later.execute("PRAGMA user_version=2")
    later.close()
    for _ in range(2):
        with pytest.raises(NewerError, match="schema 2"):
            Store(path)


def test_a_full_disk_changes_nothing(path: Path) -> None:
    store = Store(path)
    store.put("k", b"1")
    store._connection.execute("PRAGMA max_page_count=8")
    with pytest.raises(OSError, match="No space") as caught:
        store.put("k", b"2" * 100_000)
    assert caught.value.errno == errno.ENOSPC
    assert store.get("k", most=10) == Found(b"1", 1)
    assert store.used == cost("k", 1)
    store.put("k", b"3")
    assert store.get("k", most=10) == Found(b"3", 1)
    store.close()
