"""Where pluginctl keeps compiled modules, and when it does without."""

from pathlib import Path

import pytest

from pluginctl import cache


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path


def test_the_folder_is_the_users_own(home: Path) -> None:
    assert cache.compiled() == home / "plugind" / "compiled"
    assert (home / "plugind" / "compiled").stat().st_mode & 0o777 == 0o700
    assert cache.compiled() == home / "plugind" / "compiled"  # and stays


def test_without_the_variable_it_is_below_the_home(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(home))
    assert cache.folder("x") == home / ".cache" / "plugind" / "x"


def test_what_is_open_to_others_is_not_used(home: Path) -> None:
    (home / "plugind" / "compiled").mkdir(parents=True, mode=0o700)
    (home / "plugind" / "compiled").chmod(0o770)
    assert cache.compiled() is None


def test_where_there_can_be_none_there_is_none(home: Path) -> None:
    (home / "plugind").write_text("a file")
    assert cache.compiled() is None
