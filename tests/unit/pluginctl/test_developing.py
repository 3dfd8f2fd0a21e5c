"""The pure parts of ``pluginctl dev``: what is ignored, which files count, and which source lines are meant."""

import json
import os
from pathlib import Path

import pytest

from pluginctl.building.plan import plan
from pluginctl.building.run import Built, place
from pluginctl.building.toolchain import rust
from pluginctl.developing import showing
from pluginctl.developing.ignoring import NOISE, Ignored
from pluginctl.developing.sources import places
from pluginctl.developing.watching import authored, counting, saved_at
from pluginctl.failure import CommandFailed
from pluginctl.project import read
from plugind_protocol.errors import ManifestInvalid


@pytest.mark.parametrize(
    ("line", "ignored", "kept"),
    [
        ("target/", ["target/a.o", "x/target/a.o"], ["target", "targets/a", "a.target"]),
        ("/out/", ["out/a", "out/b/c"], ["x/out/a", "out"]),
        ("*.o", ["a.o", "x/y/a.o"], ["a.oo", "o"]),
        ("docs/*.md", ["docs/a.md"], ["docs/x/a.md", "x/docs/a.md"]),
        ("docs/**/*.md", ["docs/a.md", "docs/x/y/a.md"], ["a.md"]),
        ("tmp/**", ["tmp/a", "tmp/a/b"], ["a/tmp"]),
        ("a?c", ["abc", "x/abc"], ["ac", "a/c", "abbc"]),
        ("[ab].txt", ["a.txt"], ["c.txt"]),
        ("[!ab].txt", ["c.txt"], ["a.txt"]),
        ("\\#odd", ["#odd"], ["odd"]),
        ("# a comment", [], ["# a comment", "a"]),
        ("", [], ["a"]),
        ("a.b", ["a.b"], ["axb"]),
    ],
)
def test_what_is_ignored(line: str, ignored: list[str], kept: list[str]) -> None:
    rules = Ignored([line])
    assert [path for path in ignored if not rules(path)] == []
    assert [path for path in kept if rules(path)] == []


def test_later_lines_go_before_earlier_ones() -> None:
    rules = Ignored(["*.log", "!kept.log", "below/", "!below/kept.log"])
    assert rules("a.log")
    assert not rules("kept.log")
    assert rules("below/kept.log"), "what lies below an ignored folder is ignored"


def test_noise() -> None:
    noise = Ignored(NOISE)
    for path in ("src/.lib.rs.swp", "src/lib.rs~", "4913", "target/debug/x", ".git/index", ".plugin.wasm.ab.part"):
        assert noise(path), path
    for path in ("src/lib.rs", "Cargo.toml", "assets/a.png", ".cargo/config.toml"):
        assert not noise(path), path
    assert not noise("build")
    assert noise("build", folder=True), "nor is the folder itself, when it comes or goes"


def project(folder: Path, **fields: object) -> Path:
    folder.mkdir(exist_ok=True)
    manifest = {"name": "p", "version": "1.0.0", "main": "plugin.wasm"}
    (folder / "manifest.json").write_text(json.dumps(manifest | fields))
    return folder


def test_which_files_count(tmp_path: Path) -> None:
    folder = project(tmp_path, dev={"ignore": ["notes/"], "artefact": "out/x/made.wasm"})
    (folder / ".gitignore").write_text("*.wasm\n/generated/\n")
    built = counting(read(folder), built=True)
    assert [path for path in ("plugin.wasm", "out/x/noise.o", "notes/a", "generated/a") if built(path)] == []
    assert built("manifest.json")
    assert built("src/lib.rs")
    assert not built("out/x", gone=True)
    assert counting(read(folder), built=False)("plugin.wasm"), "where nothing is built, main is what is watched"


def test_a_lock_file_that_the_build_has_written_is_no_change(tmp_path: Path) -> None:
    lock, source, gone = tmp_path / "Cargo.lock", tmp_path / "lib.rs", tmp_path / "package-lock.json"
    for file in (lock, source):
        file.write_text("")
        os.utime(file, (100.0, 100.0))
    assert authored([lock, source, gone], (99.0, 101.0)) == [source, gone]
    assert authored([lock], (100.015, 101.0)) == [], "the file system's clock is coarse"
    assert authored([lock], (101.0, 102.0)) == [lock], "its author's, who wants newer packages"
    assert authored([lock], (98.0, 99.0)) == [lock]


def test_when_it_was_saved(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_text("")
    stamp = file.stat().st_mtime
    assert saved_at([file, tmp_path / "gone"], now=stamp + 5) == stamp
    assert saved_at([tmp_path / "gone"], now=7.0) == 7.0
    assert saved_at([file], now=stamp - 5) == stamp - 5, "a clock of somebody else's is not believed"


def test_the_lines_that_a_message_speaks_of(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "lib.rs").write_text("one\n  two\nthree\n")
    (tmp_path / "secret.rs").write_text("hidden\n")
    (found,) = places("panicked at src/lib.rs:2:5: no", tmp_path)
    assert (found.path, found.line, found.column, found.text) == ("src/lib.rs", 2, 5, "  two")
    inner = tmp_path / "src"
    assert places("at ../secret.rs:1:1", inner) == [], "nothing outside is read"
    assert places("src/lib.rs:9:1 src/none.rs:1 12:30:59 a:b", tmp_path) == []
    assert len(places(" ".join(f"src/lib.rs:{n}" for n in (1, 1, 2, 3)), tmp_path)) == 3


@pytest.mark.parametrize(
    ("dev", "words"),
    [
        ({"build": 1}, r"\$\.dev\.build expected"),
        ({"biuld": "x"}, r"\$\.dev object contains unknown field `biuld`"),
        ("x", r"\$\.dev expected `object`"),
        ({"artefact": "../x.wasm"}, r"\$\.dev\.artefact .* must be a relative path"),
    ],
)
def test_a_wrong_dev_section(tmp_path: Path, dev: object, words: str) -> None:
    with pytest.raises(ManifestInvalid, match=words):
        read(project(tmp_path, dev=dev))


def test_how_it_is_built(tmp_path: Path) -> None:
    assert plan(read(project(tmp_path))) is None
    own = plan(read(project(tmp_path, dev={"build": "true 'a b'", "artefact": "x.wasm"})))
    assert own is not None
    assert own.steps[0].argv == ("true", "a b")
    assert own.artefact == tmp_path / "x.wasm"
    for build, words in (("'", "cannot be split"), ([], "names no command")):
        with pytest.raises(ManifestInvalid, match=words):
            plan(read(project(tmp_path, dev={"build": build})))
    with pytest.raises(CommandFailed, match="no-such-compiler is missing"):
        plan(read(project(tmp_path, dev={"build": "no-such-compiler --fast"})))


def test_packages_are_brought_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("node", "npm"):
        (tmp_path / "bin").mkdir(exist_ok=True)
        (tmp_path / "bin" / name).write_text("#!/bin/sh\n")
        (tmp_path / "bin" / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    folder = project(tmp_path / "p")
    (folder / "package.json").write_text(json.dumps({"scripts": {"build": "tsc"}, "devDependencies": {"a": "1"}}))
    assert [step.shown for step in _steps(folder)] == ["npm install --no-audit --no-fund", "npm run build"]
    (folder / "package-lock.json").write_text("{}")
    assert _steps(folder)[0].shown == "npm ci --no-audit --no-fund"
    (folder / "node_modules").mkdir()
    assert [step.shown for step in _steps(folder)] == ["npm run build"]
    (folder / "package.json").write_text("{}")
    assert plan(read(folder)) is None, "there is nothing to build"
    (folder / "asconfig.json").write_text("{}")
    assert "asc --config asconfig.json" in _steps(folder)[-1].shown
    monkeypatch.setenv("PATH", str(folder))
    with pytest.raises(CommandFailed, match=r"Node\.js is missing"):
        plan(read(folder))


def _steps(folder: Path) -> tuple:
    found = plan(read(folder))
    assert found is not None
    return found.steps


def test_a_toolchain_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match="cargo is not on the path") as caught:
        rust(str(tmp_path))
    assert "rustup target add wasm32-unknown-unknown" in caught.value.hint
    for name, text in (("cargo", ""), ("rustc", f"echo {tmp_path}")):
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    with pytest.raises(CommandFailed, match="it has no target wasm32-unknown-unknown"):
        rust(str(tmp_path), debian=tmp_path / "none")
    (tmp_path / "lib/rustlib/wasm32-unknown-unknown/lib").mkdir(parents=True)
    assert rust(str(tmp_path)).cargo == str(tmp_path / "cargo")


def test_what_is_built_is_put_in_place_whole(tmp_path: Path) -> None:
    folder = project(tmp_path / "p")
    made = tmp_path / "made.wasm"
    built = Built(ok=True, seconds=0.0, artefact=made)
    with pytest.raises(CommandFailed, match="No such file"):
        place(read(folder), built)
    made.write_bytes(b"1")
    place(read(folder), built)
    before = (folder / "plugin.wasm").stat()
    place(read(folder), built)
    assert (folder / "plugin.wasm").stat() == before, "the very same is left alone"
    made.write_bytes(b"2")
    place(read(folder), built)
    assert (folder / "plugin.wasm").read_bytes() == b"2"
    assert sorted(one.name for one in folder.iterdir()) == ["manifest.json", "plugin.wasm"]
    (folder / "plugin.wasm").unlink()
    with pytest.raises(CommandFailed, match=r"made no plugin\.wasm"):
        place(read(folder), Built(ok=True, seconds=0.0))


def test_where_nobody_can_stand_in_for_an_editor_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(showing, "find_spec", lambda _: None)
    assert "pip install 'plugind[headless]'" in showing.no_editor()
    monkeypatch.setattr(showing, "find_spec", lambda name: name)
    assert "--host headless" in showing.no_editor()
