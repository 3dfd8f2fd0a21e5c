"""Long work that lets other threads have the interpreter."""

import time
from pathlib import Path

import pytest

from plugind_protocol import turns
from plugind_protocol.turns import by_turns, remove_tree


@pytest.fixture
def rests(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    taken: list[float] = []
    monkeypatch.setattr(turns.time, "sleep", taken.append)
    return taken


def test_what_is_quick_is_not_kept_up(rests: list[float]) -> None:
    assert list(by_turns(range(3))) == [0, 1, 2]
    assert rests == []


def test_what_takes_long_rests_again_and_again(rests: list[float]) -> None:
    for _ in by_turns(range(4)):
        until = time.perf_counter() + 0.002
        while time.perf_counter() < until:
            pass
    assert len(rests) == 4


def test_a_folder_is_removed_and_nothing_that_links_in_it_lead_to(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("")
    folder = tmp_path / "folder"
    (folder / "a" / "b").mkdir(parents=True)
    (folder / "a" / "file").write_text("")
    (folder / "a" / "to-folder").symlink_to(outside)
    (folder / "to-file").symlink_to(outside / "kept")
    remove_tree(folder)
    assert not folder.exists()
    assert (outside / "kept").exists()
    remove_tree(folder)  # nothing to do
