"""The comparison of `rebuild.py`; the build itself is a check of its own, for it needs node."""

import shutil
from pathlib import Path

import pytest
import rebuild


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """A folder as `build` leaves it, from what is checked in."""
    for folder in (*rebuild.ASSEMBLYSCRIPT, rebuild.ADDER, rebuild.TRUNCATED):
        (tmp_path / folder.name).mkdir()
        shutil.copyfile(folder / rebuild.MODULE, tmp_path / folder.name / rebuild.MODULE)
    return tmp_path


def test_nothing_is_stale_when_all_is_the_same(built: Path) -> None:
    assert rebuild.stale(built) == []


def test_a_module_that_differs_is_stale(built: Path) -> None:
    (built / "invert" / rebuild.MODULE).write_bytes(b"other")
    assert rebuild.stale(built) == [rebuild.EXAMPLES / "invert" / rebuild.MODULE]


def test_the_adder_is_what_its_text_says() -> None:
    assert (rebuild.ADDER / rebuild.MODULE).read_bytes() == rebuild.assembled()


def test_main_says_what_is_stale(
    built: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def build(target: Path) -> None:
        shutil.copytree(built, target, dirs_exist_ok=True)

    monkeypatch.setattr(rebuild, "build", build)
    assert rebuild.main([]) == 0
    (built / "invert" / rebuild.MODULE).write_bytes(b"other")
    assert rebuild.main([]) == 1
    out, err = capsys.readouterr()
    assert out == "examples/invert/plugin.wasm: stale\n"
    assert "--write" in err


def test_missing_node_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="npm is needed"):
        rebuild.build(tmp_path)
