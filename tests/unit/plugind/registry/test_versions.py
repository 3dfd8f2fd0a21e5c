"""Which versions are kept, and which one is gone back to."""

import pytest

from plugind.registry import versions
from plugind.registry.records import Record
from plugind_protocol.manifest import Limits


def record(package: str, version: str = "1.0.0", **fields: object) -> Record:
    values = {"module_hash": "11", "abi": "timeline", "enabled": True, "granted": []} | fields
    return Record(plugin_id="p", version=version, package=package, **values)


def names(records: list[Record]) -> str:
    return "".join(one.package for one in records)


@pytest.mark.parametrize(
    ("kept", "current", "new", "keep", "after"),
    [
        ("", "a", "b", 3, "a"),
        ("abc", "d", "e", 3, "bcd"),
        ("abc", "d", "b", 3, "acd"),  # back to one that is kept
        ("abc", "d", "d", 3, "abc"),  # the same again
        ("abc", "d", "e", 0, ""),
        ("abc", "d", "e", 1, "d"),
    ],
)
def test_the_newest_are_kept_by_what_they_hold(kept: str, current: str, new: str, keep: int, after: str) -> None:
    found = versions.kept_after([record(one) for one in kept], record(current), record(new), keep=keep)
    assert names(found) == after


def test_what_is_in_quarantine_is_not_gone_back_to() -> None:
    kept = [record("a"), record("b"), record("c")]
    assert versions.latest(kept, set()) == kept[2]
    assert versions.latest(kept, {("p", "c"), ("q", "b")}) == kept[1]
    assert versions.latest(kept, {("p", one) for one in "abc"}) is None


def test_of_several_with_one_version_the_latest_is_found() -> None:
    kept = [record("a", "1.0.0"), record("b", "1.0.0"), record("c", "2.0.0")]
    assert versions.find(kept, "1.0.0") == kept[1]
    assert versions.find(kept, "3.0.0") is None


def test_what_the_user_decided_since_goes_with_a_version_that_comes_again() -> None:
    current = record("b", enabled=False, limits=Limits(memory_bytes=1 << 20), number=7)
    again = versions.again(record("a", number=3, source="/x"), current, granted=["storage"], at="now")
    assert (again.package, again.enabled, again.limits, again.number) == ("a", False, current.limits, 8)
    assert (again.granted, again.source, again.installed_at) == (["storage"], "/x", "now")
