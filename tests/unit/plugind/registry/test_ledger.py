from collections.abc import Iterator
from pathlib import Path

import pytest

from plugind.errors import StartupError
from plugind.registry.ledger import MAX_CHANGES, MAX_DETAILS, Ledger, Use


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(tmp_path: Path, clock: Clock) -> Iterator[Ledger]:
    opened = Ledger(tmp_path / "ledger.db", now=clock)
    yield opened
    opened.close()


def test_uses_and_denials_are_counted_with_their_times(ledger: Ledger, clock: Clock) -> None:
    ledger.note("p", "file.read", "file.read", allowed=True, detail="assets/a")
    clock.now = 107.5
    ledger.note("p", "file.read", "file.read", allowed=False, detail="b")
    ledger.note("p", "file.read", "file.stat", allowed=True)
    ledger.note("other", "storage", "storage.get", allowed=True)
    read, stat = ledger.uses("p")
    assert read == Use(
        permission="file.read",
        method="file.read",
        allowed=1,
        denied=1,
        first=100,
        last=107.5,
        details=["assets/a", "b"],
    )
    assert (stat.method, stat.allowed, stat.details) == ("file.stat", 1, [])


def test_the_last_details_are_named_once_each(ledger: Ledger) -> None:
    for number in range(MAX_DETAILS + 3):
        ledger.note("p", "network", "net.fetch", allowed=True, detail=f"h{number}")
    ledger.note("p", "network", "net.fetch", allowed=True, detail="h5")
    (use,) = ledger.uses("p")
    assert use.details == [*(f"h{number}" for number in range(3, MAX_DETAILS + 3) if number != 5), "h5"]
    assert use.allowed == MAX_DETAILS + 4


def test_all_of_it_outlives_the_daemon(ledger: Ledger, tmp_path: Path, clock: Clock) -> None:
    ledger.note("p", "storage", "storage.get", allowed=True)
    ledger.change("p", "granted", ["storage"], by="pluginctl")
    ledger.close()
    again = Ledger(tmp_path / "ledger.db", now=clock)
    assert again.uses("p")[0].allowed == 1
    assert [(one.action, one.permissions, one.by, one.at) for one in again.changes("p")] == [
        ("granted", ["storage"], "pluginctl", 100.0)
    ]
    again.close()


def test_a_change_is_durable_at_once_and_a_use_when_it_was_written(
    ledger: Ledger, tmp_path: Path, clock: Clock
) -> None:
    ledger.change("p", "granted", ["storage"], by="x")
    ledger.note("p", "storage", "storage.get", allowed=True)
    other = Ledger(tmp_path / "ledger.db", now=clock)  # what a daemon would find after kill -9
    assert (len(other.changes("p")), other.uses("p")) == (1, [])
    other.close()
    ledger.write(ledger.pending())
    assert ledger.pending() == []
    other = Ledger(tmp_path / "ledger.db", now=clock)
    assert len(other.uses("p")) == 1
    other.close()


def test_what_could_not_be_written_is_pending_again(ledger: Ledger) -> None:
    ledger.note("p", "storage", "storage.get", allowed=True)
    rows = ledger.pending()
    ledger.again(rows)
    ledger.note("p", "storage", "storage.get", allowed=True)
    ((*_, text),) = ledger.pending()
    assert '"allowed":2' in text


def test_old_changes_go(ledger: Ledger) -> None:
    for number in range(MAX_CHANGES + 2):
        ledger.change("p", "granted" if number % 2 else "revoked", [str(number)], by="x")
    ledger.change("q", "granted", ["storage"], by="x")
    changes = ledger.changes("p")
    assert (len(changes), changes[0].permissions, changes[-1].permissions) == (
        MAX_CHANGES,
        ["2"],
        [str(MAX_CHANGES + 1)],
    )


def test_a_plugin_that_is_gone_is_forgotten(ledger: Ledger) -> None:
    for plugin in ("p", "q"):
        ledger.note(plugin, "storage", "storage.get", allowed=True)
        ledger.change(plugin, "granted", ["storage"], by="x")
    ledger.write(ledger.pending())
    ledger.note("p", "storage", "storage.get", allowed=True)
    ledger.forget("p")
    assert (ledger.uses("p"), ledger.changes("p"), ledger.pending()) == ([], [], [])
    assert (len(ledger.uses("q")), len(ledger.changes("q"))) == (1, 1)


def test_a_damaged_file_is_set_aside(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "ledger.db"
    path.write_bytes(b"this is no database, and long enough to be seen as none" * 100)
    ledger = Ledger(path, now=clock)
    ledger.change("p", "granted", ["storage"], by="x")
    ledger.close()
    (aside,) = tmp_path.glob("ledger.db.damaged-*")
    assert aside.read_bytes().startswith(b"this is no database")


def test_a_file_that_cannot_be_opened_is_an_error(tmp_path: Path, clock: Clock) -> None:
    with pytest.raises(StartupError):
        Ledger(tmp_path / "missing" / "ledger.db", now=clock)
