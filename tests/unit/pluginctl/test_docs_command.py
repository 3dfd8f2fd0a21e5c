"""``pluginctl docs``: served on this machine, from where it was built or came with the program."""

import json
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from pluginctl import docs
from pluginctl.__main__ import run


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "site"
    folder.mkdir()
    for name in ("index", "dev-loop"):
        (folder / f"{name}.html").write_text(name)
    monkeypatch.setattr(docs, "_PLACES", (tmp_path / "none", folder))
    return folder


def test_where_it_is(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["docs", "--path"]) == 0
    assert capsys.readouterr().out.strip() == str(site / "index.html")
    for page in ("dev-loop", "dev-loop.md", "dev-loop.html"):
        assert run(["docs", page, "--path"]) == 0
        assert capsys.readouterr().out.strip() == str(site / "dev-loop.html")
    for page in ("nothing", "../../etc/passwd"):
        assert run(["docs", page, "--path"]) == 1
        assert "There are: dev-loop, index" in capsys.readouterr().err


def test_it_is_not_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(docs, "_PLACES", (tmp_path,))
    assert run(["docs"]) == 1
    assert "make docs" in capsys.readouterr().err


def test_it_is_served_to_this_machine(site: Path) -> None:
    script = f"from pathlib import Path; from pluginctl import docs; docs._PLACES = (Path({str(site)!r}),); "
    script += "from pluginctl.__main__ import run; import sys; sys.exit(run(['docs', '--no-browser', '--json']))"
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as serving:
        assert serving.stdout is not None
        said = json.loads(serving.stdout.readline())
        assert said["url"].startswith("http://127.0.0.1:")
        with urllib.request.urlopen(said["url"]) as answer:
            assert answer.read() == b"index"
        serving.send_signal(signal.SIGINT)
        assert serving.wait(20) == 0
