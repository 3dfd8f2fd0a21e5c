"""The journal: numbered without gaps, over restarts and whatever happens to its file, and bounded."""

import errno
import os
from pathlib import Path

import pytest

from plugind.registry.journal import Journal
from plugind_protocol.methods import State, StateChanged


def walk(journal: Journal, count: int, plugin_id: str = "p") -> list[StateChanged]:
    """Load and unload a plugin again and again."""
    states = (State.INSTALLED, State.LOADING, State.LOADED)
    return [journal.append(plugin_id, states[n % 3], states[(n + 1) % 3], version="1.0.0") for n in range(count)]


def test_numbers_and_changes_go_on_over_restarts(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j", kept=100)
    told = walk(journal, 5)
    assert [change.seq for change in told] == [1, 2, 3, 4, 5]
    again = Journal(tmp_path / "j", kept=100)  # the first one did not even close it
    assert (again.epoch, again.seq, again.since(0)) == (journal.epoch, 5, told)
    assert again.states() == {"p": told[-1].to}
    assert again.append("q", State.NOT_INSTALLED, State.INSTALLING).seq == 6
    for one in (journal, again):
        one.close()


def test_what_is_kept_is_bounded_and_says_so(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j", kept=10)
    told = walk(journal, 1000)
    assert journal.since(1000) == []
    assert journal.since(990) == told[-10:]
    for unknown in (989, 0, -1, 1001):
        assert journal.since(unknown) is None
    assert len((tmp_path / "j").read_bytes().splitlines()) <= 2 * 10 + 1
    journal.close()
    again = Journal(tmp_path / "j", kept=10)
    assert (again.seq, again.since(990), again.since(989)) == (1000, told[-10:], None)
    again.close()


def test_plugins_that_are_long_gone_are_forgotten(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j", kept=10)
    for number in range(100):
        journal.append(f"p{number}", State.NOT_INSTALLED, State.INSTALLING)
        journal.append(f"p{number}", State.INSTALLING, State.NOT_INSTALLED)
    walk(journal, 9)
    assert set(journal.states()) == {"p", "p99"}
    journal.close()


@pytest.mark.parametrize("tail", [b'{"pluginId":"p","fr', b"\xff\xfe\n", b"[]\n", b"\0" * 100])
def test_a_torn_end_is_dropped_and_written_over(tmp_path: Path, tail: bytes) -> None:
    journal = Journal(tmp_path / "j", kept=100)
    told = walk(journal, 3)
    journal.close()
    with (tmp_path / "j").open("ab") as file:
        file.write(tail)
    again = Journal(tmp_path / "j", kept=100)
    assert again.since(0) == told
    told += walk(again, 1)
    again.close()
    third = Journal(tmp_path / "j", kept=100)
    assert third.since(0) == told
    third.close()


@pytest.mark.parametrize("end", [-1, -30])
def test_a_last_line_that_was_cut_is_dropped(tmp_path: Path, end: int) -> None:
    journal = Journal(tmp_path / "j", kept=100)
    told = walk(journal, 3)
    journal.close()
    (tmp_path / "j").write_bytes((tmp_path / "j").read_bytes()[:end])
    again = Journal(tmp_path / "j", kept=100)
    assert again.since(0) == told[:-1]
    again.close()


@pytest.mark.parametrize("content", [b"", b"garbage\n", b'{"format":2,"epoch":"x","after":0}\n', b"\xff" * 1000])
def test_a_journal_that_is_lost_begins_another_epoch(tmp_path: Path, content: bytes) -> None:
    journal = Journal(tmp_path / "j", kept=100)
    walk(journal, 3)
    journal.close()
    (tmp_path / "j").write_bytes(content)
    again = Journal(tmp_path / "j", kept=100)
    assert again.epoch != journal.epoch
    assert (again.seq, again.since(3)) == (0, None)
    again.close()


def test_a_full_disk_keeps_nobody_from_being_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal(tmp_path / "j", kept=100)
    walk(journal, 3)

    def full(_handle: int, _data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    told = walk(journal, 3)
    assert [change.seq for change in told] == [4, 5, 6]
    assert journal.fault == "No space left on device"
    lost = Journal(tmp_path / "j", kept=100)  # its numbers would be given out twice: another epoch
    assert lost.epoch != journal.epoch
    monkeypatch.undo()
    walk(journal, 1)  # there is room again: all of it is written
    assert journal.fault is None
    again = Journal(tmp_path / "j", kept=100)
    assert (again.epoch, again.since(0)) == (journal.epoch, journal.since(0))
    for one in (journal, lost, again):
        one.close()


def test_a_short_write_is_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal(tmp_path / "j", kept=100)
    write = os.write
    monkeypatch.setattr(os, "write", lambda handle, data: write(handle, data[:10]))
    walk(journal, 1)
    assert journal.fault == "the disk is full"
    monkeypatch.undo()
    walk(journal, 1)
    again = Journal(tmp_path / "j", kept=100)
    assert again.since(0) == journal.since(0)
    for one in (journal, again):
        one.close()
