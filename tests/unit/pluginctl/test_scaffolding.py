"""``pluginctl new``: names, templates, and what is written; no toolchain and no daemon."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pluginctl.__main__ import run
from pluginctl.failure import CommandFailed
from pluginctl.scaffolding import sdks
from pluginctl.scaffolding.making import make
from pluginctl.scaffolding.naming import names
from pluginctl.scaffolding.templates import OURS, find
from pluginctl.testing import cases
from plugind_protocol import manifest as manifests
from plugind_protocol.package import folder as folders

New = Callable[..., tuple[int, Any, str]]


@pytest.fixture
def new(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> New:
    monkeypatch.chdir(tmp_path)

    def make(*arguments: str | Path) -> tuple[int, Any, str]:
        capsys.readouterr()
        status = run(["new", "--json", *map(str, arguments)])
        said, errors = capsys.readouterr()
        return status, json.loads(said) if said else None, errors

    return make


@pytest.mark.parametrize(
    ("name", "folder", "title", "crate"),
    [
        ("film-look", "film-look", "Film Look", "film-look"),
        ("@studio/film.look_2", "film.look_2", "Film Look 2", "film-look-2"),
        ("9lives", "9lives", "9lives", "plugin-9lives"),
    ],
)
def test_names(name: str, folder: str, title: str, crate: str) -> None:
    found = names(name)
    assert (found.folder, found.title, found.crate) == (folder, title, crate)


@pytest.mark.parametrize("name", ["", "Film", "a b", "@x", "../x", "node_modules", "a" * 215])
def test_names_that_are_none(name: str) -> None:
    with pytest.raises(CommandFailed, match=r"cannot be a plugin's name: it (must match|'node_modules' is reserved)"):
        names(name)


@pytest.mark.parametrize("template", sorted(find()))
def test_each_template_is_whole(template: str, new: New, tmp_path: Path) -> None:
    status, said, errors = new("@studio/film-look", "-t", template)
    assert status == 0, errors
    plugin = tmp_path / "film-look"
    assert said["folder"] == "film-look"
    manifest = manifests.parse((plugin / "manifest.json").read_bytes())
    assert manifest.name == "@studio/film-look"
    assert manifest.resources["tests"] == ["tests"], "they travel in the package"
    assert {"README.md", ".gitignore", ".github/workflows/plugin.yml"} <= {*said["files"]}
    for name in said["files"]:
        if not name.endswith(".png"):
            text = (plugin / name).read_text()
            assert not [word for word in ("name", "title", "effect", "crate", "sdk") if f"{{{{{word}}}}}" in text], name
    (file,) = cases.read(plugin)
    assert file.cases.cases
    assert not list(tmp_path.glob(".new-*"))
    (plugin / manifest.main).touch()  # built by its first build, or a script that is there
    packed = folders.read(plugin).files
    assert "tests/cases.json" in packed
    assert not [name for name in packed if name.startswith(("vendor", ".", "src"))]


def test_the_copy_of_the_sdk_is_whole(new: New, tmp_path: Path) -> None:
    assert new("p", "-t", "rust-effect")[0] == 0
    vendored = tmp_path / "p" / "vendor" / "timeline-studio-sdk"
    ours = sdks.source("rust")
    for crate in ("timeline-studio-sdk", "timeline-studio-sdk-macros"):
        for file in (ours / crate).rglob("*.rs"):
            if "tests" not in file.relative_to(ours).parts:
                assert (vendored / file.relative_to(ours)).read_bytes() == file.read_bytes()
    assert 'members = ["timeline-studio-sdk", "timeline-studio-sdk-macros"]' in (vendored / "Cargo.toml").read_text()
    assert (vendored / "LICENSE").is_file()
    lock = (tmp_path / "p" / "Cargo.lock").read_text()
    assert 'name = "serde"' in lock
    assert "rust-probe" not in lock


def test_an_sdk_elsewhere(new: New, tmp_path: Path) -> None:
    assert new("p", "-t", "rust-tool", "--sdk", sdks.source("rust"))[0] == 0
    assert not (tmp_path / "p" / "vendor").exists()
    assert f'path = "{sdks.source("rust").as_posix()}/timeline-studio-sdk"' in (tmp_path / "p/Cargo.toml").read_text()
    assert "is not a folder" in new("q", "-t", "rust-tool", "--sdk", tmp_path / "none")[2]
    assert not (tmp_path / "q").exists()


def test_what_is_refused(new: New, tmp_path: Path) -> None:
    status, _, errors = new("p", "-t", "cobol")
    assert status == 1
    assert json.loads(errors)["data"]["hint"] == f"There are: {', '.join(find())}"
    full = tmp_path / "full"
    full.mkdir()
    for name in "abcdef":
        (full / name).touch()
    status, _, errors = new("full", "-t", "rust-tool")
    assert (status, "full is not empty: it has a, b, c, d and 2 more" in errors) == (1, True)
    assert sorted(one.name for one in full.iterdir()) == [*"abcdef"]
    assert "a is a file" in new("p", "-t", "rust-tool", "--folder", full / "a")[2]
    (tmp_path / "empty").mkdir()
    assert new("empty", "-t", "rust-tool")[0] == 0
    assert new()[0] == 2
    status, _, errors = new("p")
    assert (status, "Which template?" in errors) == (2, True)


def test_it_asks_for_the_template(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    script = (
        "import sys, io; sys.argv = ['pluginctl', 'new', 'p'];"
        "sys.stdin = type('T', (io.StringIO,), {'isatty': lambda self: True})('cobol\\nrust-tool\\n');"
        "import click; asked = lambda prompt='': (print(prompt), sys.stdin.readline().strip())[1];"
        "click.termui.visible_prompt_func = asked;"
        "from pluginctl.__main__ import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    assert all(name in done.stdout for name in find())
    assert "'cobol' is not one of" in done.stdout + done.stderr
    assert (tmp_path / "p" / "src" / "lib.rs").is_file()


def test_a_template_is_a_folder(new: New, tmp_path: Path) -> None:
    mine = tmp_path / "templates" / "mine"
    (mine / "dot-hidden").mkdir(parents=True)
    (mine / "template.json").write_text('{"description": "mine", "language": "any"}')
    (mine / "manifest.json").write_text('{"name": "{{name}}", "version": "1.0.0", "main": "a.wat"}')
    (mine / "dot-hidden" / "x").write_text("${{ kept }} {{title}}")
    (mine / "a.bin").write_bytes(b"\0{{name}}")
    status, said, errors = new("my-own", "--template-dir", tmp_path / "templates", "-t", "mine")
    assert status == 0, errors
    assert said["files"] == [".hidden/x", "a.bin", "manifest.json"]
    assert (tmp_path / "my-own" / ".hidden" / "x").read_text() == "${{ kept }} My Own"
    assert (tmp_path / "my-own" / "a.bin").read_bytes() == b"\0{{name}}"
    _, listed, _ = new("--list", "--template-dir", tmp_path / "templates")
    assert [one["name"] for one in listed] == [*find(), "mine"]
    (mine / "template.json").write_text('{"description": 1}')
    assert "does not describe a template" in new("p", "--template-dir", tmp_path / "templates", "-t", "mine")[2]
    assert "is not a folder" in new("p", "--template-dir", tmp_path / "none", "-t", "mine")[2]


def test_a_template_brings_nothing_of_the_users_along(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("secret")
    template = tmp_path / "templates" / "sly"
    template.mkdir(parents=True)
    (template / "template.json").write_text('{"description": "Sly", "language": "none"}')
    (template / "notes").symlink_to(tmp_path / "key")
    found = find([tmp_path / "templates"])["sly"]
    with pytest.raises(CommandFailed, match="notes is a link"):
        make(found, names("p"), tmp_path / "p")
    assert not (tmp_path / "p").exists()


def test_each_folder_of_ours_is_a_template() -> None:
    assert [one.name for one in sorted(OURS.iterdir()) if one.is_dir()] == sorted(find())
