"""``pluginctl pack`` and what ``install`` shows on the way; neither needs a real daemon."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.peer import Link, Peer
from tests.fakes.zips import Part, build
from tests.harness.daemon import ROOT

from pluginctl.__main__ import run
from pluginctl.install import LINE_SECONDS, lines
from plugind_protocol.methods import InstallProgress, Progress
from plugind_protocol.package import digest, folder

INVERT = ROOT / "examples" / "invert"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder, and no daemon."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PLUGIND_SOCKET", str(tmp_path / "no.sock"))
    return tmp_path


def test_a_folder_becomes_a_package_which_is_checked(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["pack", str(INVERT)]) == 0
    out = capsys.readouterr().out
    assert out.startswith("invert 1.0.0 packed as invert-1.0.0.tsplugin (")
    assert [path.name for path in here.iterdir()] == ["invert-1.0.0.tsplugin"]
    assert run(["--json", "pack", "--check", "invert-1.0.0.tsplugin"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["packageHash"] == digest.of_files(folder.read(INVERT).files)
    assert said["packageHash"] in out
    assert said["sha256"] in out
    assert said["reproducible"] is True
    assert said["size"] == (here / "invert-1.0.0.tsplugin").stat().st_size


def test_here_is_the_default_and_output_goes_where_it_is_told(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for item in (INVERT / "manifest.json", INVERT / "plugin.wasm"):
        shutil.copy(item, here)
    manifest = json.loads((here / "manifest.json").read_text())
    (here / "manifest.json").write_text(json.dumps(manifest | {"name": "@studio/invert"}))
    assert run(["pack"]) == 0
    (here / "out").mkdir()
    assert run(["pack", ".", "-o", "out"]) == 0
    assert run(["pack", ".", "-o", "out/mine.tsplugin"]) == 0
    made = [
        here / "studio-invert-1.0.0.tsplugin",
        here / "out/studio-invert-1.0.0.tsplugin",
        here / "out/mine.tsplugin",
    ]
    assert len({path.read_bytes() for path in made}) == 1
    capsys.readouterr()


def test_compressed_is_smaller_and_says_so(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["pack", str(INVERT), "-o", "a.tsplugin"]) == 0
    assert run(["pack", str(INVERT), "-o", "b.tsplugin", "--compress"]) == 0
    assert "without --compress" in capsys.readouterr().out
    assert (here / "b.tsplugin").stat().st_size < (here / "a.tsplugin").stat().st_size * 0.7


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere"], "nowhere is not a folder"),
        ([str(ROOT / "tests" / "plugins" / "spin")], "is WebAssembly text"),
        ([str(ROOT / "tests" / "plugins" / "missing-main")], "cannot be read"),
        ([str(INVERT), "-o", "no/such/folder/x"], "No such file or directory"),
        (["--check", "nothing.tsplugin"], "No such file or directory"),
        (["--check", "bad.tsplugin"], r"'../x' has '..' as a part of its path"),
    ],
)
def test_failures_are_words_and_leave_nothing(
    here: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    (here / "bad.tsplugin").write_bytes(build([Part(name=b"../x", data=b"x")]))
    assert run(["pack", *arguments]) == 1
    error = capsys.readouterr().err
    assert words in error
    assert error.startswith("error: ")
    assert [path.name for path in here.iterdir()] == ["bad.tsplugin"]


def test_an_earlier_package_stays_where_a_new_one_fails(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "p.tsplugin").write_text("earlier")
    assert run(["pack", str(ROOT / "tests" / "plugins" / "spin"), "-o", "p.tsplugin"]) == 1
    assert (here / "p.tsplugin").read_text() == "earlier"
    assert run(["pack", ".", "--check", "p.tsplugin"]) == 2
    capsys.readouterr()


def installing(told: list[InstallProgress]) -> Callable[[Any, Link], Any]:
    def install(params: Any, link: Link) -> Any:
        for value in told:
            link.notify("$/progress", Progress(token="somebody else's", value=value))
            link.notify("$/progress", Progress(token=params["progressToken"], value=value))
        return {"pluginId": "blur", "version": "1.2.3", "state": "installed", "requestedPermissions": []}

    return install


def test_install_asks_for_progress_where_somebody_sees_it(
    daemon: Peer, pluginctl: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    daemon.scripts |= {
        "plugins.install": installing([InstallProgress(stage="downloading", done=1, total=2)]),
        "plugins.getPermissions": {"requested": [], "granted": []},
    }
    assert pluginctl("install", "https://example.com/p", "--sha256", "0" * 64) == 0
    (asked,) = daemon.asked("plugins.install")
    assert asked["sha256"] == "0" * 64
    assert asked["source"] == "https://example.com/p"
    assert asked["progressToken"]
    assert capsys.readouterr() == ("installed blur 1.2.3 (installed)\n", "")


def test_without_a_terminal_a_download_is_a_line_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    now = 0.0
    show = lines(lambda: now)
    for step in range(5):
        now = step * LINE_SECONDS / 2
        show(InstallProgress(stage="downloading", done=step << 20, total=8 << 20))
    now += 2 * LINE_SECONDS
    show(InstallProgress(stage="downloading", done=7 << 20))
    show(InstallProgress(stage="compiling"))
    assert capsys.readouterr().err == ("downloading 2.0M of 8.0M\ndownloading 4.0M of 8.0M\ndownloading 7.0M\n")
