"""How many capsules are kept, and that none is ever half there."""

import datetime as dt
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.fakes.capsules import AT, capsule

from plugind.config import CapsuleSettings
from plugind.registry.capsules import CapsuleStore, Kept, excess, new_id
from plugind_protocol.capsule import CapsuleUnreadableError, decode, encode

MANY = CapsuleSettings(per_plugin=100, plugin_bytes=10**9, total=100, total_bytes=10**9)


def kept(*sizes: int, plugin: str = "p", start: int = 0) -> list[Kept]:
    """Capsules of one plugin, oldest first."""
    return [Kept(f"{start + number:04}-{plugin}", plugin, size) for number, size in enumerate(sizes)]


def gone(capsules: list[Kept], bounds: CapsuleSettings) -> list[str]:
    return sorted(one.capsule_id for one in excess(capsules, bounds))


def test_the_oldest_of_a_plugin_go() -> None:
    bounds = CapsuleSettings(per_plugin=2, plugin_bytes=100, total=100, total_bytes=10**9)
    assert gone(kept(1, 1), bounds) == []
    assert gone(kept(1, 1, 1, 1), bounds) == ["0000-p", "0001-p"]
    assert gone(kept(1, 60, 60), bounds) == ["0001-p"]  # a small old one may stay where a large one may not
    assert gone([*kept(1, 1), *kept(1, 1, plugin="q", start=10)], bounds) == []


def test_the_oldest_of_all_go() -> None:
    capsules = [*kept(5, 5), *kept(5, 5, plugin="q", start=10)]
    assert gone(capsules, CapsuleSettings(per_plugin=9, plugin_bytes=999, total=3, total_bytes=999)) == ["0000-p"]
    assert gone(capsules, CapsuleSettings(per_plugin=9, plugin_bytes=999, total=9, total_bytes=11)) == [
        "0000-p",
        "0001-p",
    ]


def test_the_newest_stays_whatever_its_size() -> None:
    assert gone(kept(1, 10**6), CapsuleSettings(per_plugin=1, plugin_bytes=1, total=1, total_bytes=1)) == ["0000-p"]


def test_ids_sort_by_time_and_name_their_plugin() -> None:
    first, later = new_id("@scope/a.b_c", AT), new_id("@scope/a.b_c", AT + dt.timedelta(microseconds=1))
    assert first < later
    assert first.startswith("20260102T030405678000-scope-a-b-c-")
    assert new_id("a" * 214, AT) != new_id("a" * 214, AT)
    assert first.split("-")[-2] == later.split("-")[-2] != new_id("@scope/a-b-c", AT).split("-")[-2]


@pytest.fixture
def store(tmp_path: Path) -> CapsuleStore:
    return CapsuleStore(tmp_path / "capsules", MANY)


def test_what_is_written_is_read(store: CapsuleStore, tmp_path: Path) -> None:
    one = capsule(new_id("p", AT))
    store.add(one.id, encode(one), frame=[b"ab", b"cd"])
    content = store.read(one.id)
    assert content is not None
    assert decode(content) == one
    assert store.frame(one.id).read_bytes() == b"abcd"
    assert [head.id for head in store.heads()] == [one.id]
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "capsules").iterdir()} == {0o600}
    assert stat.S_IMODE((tmp_path / "capsules").stat().st_mode) == 0o700
    assert store.read("other") is None


def test_a_damaged_file_is_left_out(store: CapsuleStore) -> None:
    one = capsule(new_id("p", AT))
    store.add(one.id, encode(one))
    store.path("0-broken-00-0").write_bytes(b'{"id": "\xff')
    assert [head.id for head in store.heads()] == [one.id]


def test_frames_go_with_their_capsules(tmp_path: Path) -> None:
    store = CapsuleStore(tmp_path / "capsules", CapsuleSettings(per_plugin=1))
    names = [new_id("p", AT + dt.timedelta(seconds=n)) for n in range(3)]
    for name in names:
        store.add(name, encode(capsule(name)), frame=[b"x"])
    assert sorted(path.name for path in (tmp_path / "capsules").iterdir()) == [
        f"{names[2]}.capsule.json",
        f"{names[2]}.frame",
    ]


def test_a_clock_that_was_set_back_does_not_cost_the_newest(tmp_path: Path) -> None:
    store = CapsuleStore(tmp_path / "capsules", CapsuleSettings(per_plugin=1))
    for at in (AT, AT.replace(year=2016)):
        name = new_id("p", at)
        store.add(name, encode(capsule(name)))
    assert name in {head.id for head in store.heads()}


def test_what_was_there_before_and_what_others_remove_counts(tmp_path: Path) -> None:
    bounds = CapsuleSettings(per_plugin=2)
    names = [new_id("p", AT + dt.timedelta(seconds=n)) for n in range(6)]
    for name in names[:2]:
        CapsuleStore(tmp_path / "capsules", bounds).add(name, encode(capsule(name)))
    store = CapsuleStore(tmp_path / "capsules", bounds)
    store.add(names[2], encode(capsule(names[2])))
    assert [head.id for head in store.heads()] == [names[2], names[1]]
    for name in names[1:3]:
        store.path(name).unlink()  # by hand
    for name in names[3:5]:
        store.add(name, encode(capsule(name)))
    assert [head.id for head in store.heads()] == [names[4], names[3]]
    store.add(names[5], encode(capsule(names[5])))
    assert [head.id for head in store.heads()] == [names[5], names[4]]


def test_nothing_is_left_of_what_could_not_be_written(store: CapsuleStore, tmp_path: Path) -> None:
    def parts() -> Iterator[bytes]:
        yield b"half"
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        store.add("one", b"{}", frame=parts())
    store.path("two").mkdir()
    with pytest.raises(OSError):  # noqa: PT011 - the system's own words
        store.add("two", b"{}", frame=[b"frame"])
    store.path("two").rmdir()
    assert list((tmp_path / "capsules").iterdir()) == []


def test_leftovers_are_removed_at_the_start(store: CapsuleStore, tmp_path: Path) -> None:
    (tmp_path / "capsules" / ".0123.tmp").write_bytes(b"half")
    CapsuleStore(tmp_path / "capsules", MANY)
    assert os.listdir(tmp_path / "capsules") == []


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "no capsule"),
        (b"[]", "no capsule"),
        (b'{"schema": 2}', "schema 2"),
        (b'{"schema": 1}', "required field"),
        (b'\xff{"schema": 1}', "no capsule"),
    ],
)
def test_what_is_no_capsule(data: bytes, why: str) -> None:
    with pytest.raises(CapsuleUnreadableError, match=why):
        decode(data)


def test_unknown_fields_are_ignored() -> None:
    one = capsule("x")
    assert decode(encode(one).replace(b'"abi":', b'"later": {"a": [1]}, "abi":')) == one
