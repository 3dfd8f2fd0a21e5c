"""How `make wasmer` finds an interpreter."""

import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[3] / "packaging" / "wasmer.py"


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script, on a machine without any Python 3.10."""
    spec = importlib.util.spec_from_file_location("make_wasmer", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (tmp_path / "bin").mkdir()
    for name in ("WASMER_PYTHON", "PYENV_ROOT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(sys, "base_prefix", str(tmp_path / "versions" / "3.11.7"))
    return module


def python(path: Path, *, version: str = "3, 10") -> str:
    """Write something that answers like a Python."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '[\"CPython\", {version}]'\n")
    path.chmod(0o755)
    return str(path)


def test_nothing_is_found_where_nothing_is(script: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    assert script.find() is None
    assert script.main() == 1
    assert "no CPython 3.10 on this machine" in capsys.readouterr().err


def test_the_path_then_the_versions_of_pyenv(script: ModuleType, tmp_path: Path) -> None:
    beside = python(tmp_path / "versions" / "3.10.9" / "bin" / "python")
    assert script.find() == beside
    old = python(tmp_path / ".pyenv" / "versions" / "3.10.4" / "bin" / "python")
    python(tmp_path / ".pyenv" / "versions" / "3.11.7" / "bin" / "python", version="3, 11")
    assert script.find() == old
    python(tmp_path / "bin" / "python3.10")
    assert script.find() == "python3.10"


def test_a_shim_that_does_not_work_is_passed_over(script: ModuleType, tmp_path: Path) -> None:
    shim = Path(python(tmp_path / "bin" / "python3.10"))
    shim.write_text("#!/bin/sh\nexit 127\n")
    real = python(tmp_path / "elsewhere" / "python")
    uv = tmp_path / "bin" / "uv"
    uv.write_text(f"#!/bin/sh\necho {real}\n")
    uv.chmod(0o755)
    assert script.find() == real


def test_the_users_choice_counts_and_is_checked(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    python(tmp_path / "bin" / "python3.10")
    chosen = python(tmp_path / "chosen")
    monkeypatch.setenv("WASMER_PYTHON", chosen)
    assert script.find() == chosen
    monkeypatch.setenv("WASMER_PYTHON", sys.executable)
    assert script.main() == 1
    assert f"WASMER_PYTHON names {sys.executable}, which is no CPython 3.10" in capsys.readouterr().err
    assert os.environ["PATH"]
