"""What a wheel has besides the packages' own folders: `pluginctl new` finds in it what it finds in a checkout."""

import shutil
import tomllib
from pathlib import Path

import pytest

from pluginctl.scaffolding import sdks

ROOT = Path(__file__).parents[3]


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The folder of pluginctl's SDKs as an installed wheel has it."""
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]
    for source, target in build["targets"]["wheel"]["force-include"].items():
        place = tmp_path / target
        place.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, place, ignore=shutil.ignore_patterns("target", "node_modules"))
        else:
            shutil.copyfile(ROOT / source, place)
    return tmp_path / "pluginctl" / "sdks"


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", sdks.SDKS)
def test_an_installed_program_gives_a_plugin_the_same_sdk(
    name: str, installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("of-checkout", "of-wheel"):
        (tmp_path / folder).mkdir()
    sdks.provide(name, tmp_path / "of-checkout", given=None)
    monkeypatch.setattr(sdks, "_INSTALLED", installed)
    monkeypatch.setattr(sdks, "_ROOT", tmp_path / "nowhere")
    sdks.provide(name, tmp_path / "of-wheel", given=None)
    found = contents(tmp_path / "of-wheel")
    assert found == contents(tmp_path / "of-checkout")
    assert any(path.endswith("/LICENSE") for path in found)
