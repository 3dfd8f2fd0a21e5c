"""``pluginctl build`` and ``pluginctl toolchain``, with commands and programs that are small."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.unit.pluginctl.test_sysroot import Debian, debian, program

from pluginctl.__main__ import run
from pluginctl.building import toolchain

__all__ = ["debian"]

Said = pytest.CaptureFixture[str]
Project = Callable[..., Path]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    def make(name: str, **fields: object) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        manifest = {"name": name, "version": "1.0.0", "main": "plugin.wat", **fields}
        (folder / "manifest.json").write_text(json.dumps(manifest))
        (folder / "source.wat").write_text("(module)")
        return folder

    return make


COPY = {"build": ["cp", "source.wat", "made.wat"], "artefact": "made.wat"}


def test_what_is_built_is_where_the_manifest_says(project: Project, capfd: Said) -> None:
    folders = [project("one", dev=COPY), project("two", dev=COPY)]
    assert run(["build", *map(str, folders), "--json"]) == 0
    said = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert [one["plugin"] for one in said] == ["one", "two"]
    assert [one["main"] for one in said] == [str(folder / "plugin.wat") for folder in folders]
    assert said[0]["size"] == len("(module)")
    assert said[0]["seconds"] > 0
    assert said[0]["commands"] == ["cp source.wat made.wat"]
    assert (folders[1] / "plugin.wat").read_text() == "(module)"


def test_it_is_as_new_as_its_build(project: Project, capfd: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = project("one", dev=COPY)
    monkeypatch.chdir(folder)
    assert run(["build"]) == 0
    os.utime(folder / "plugin.wat", (1, 1))
    assert run(["build"]) == 0
    assert (folder / "plugin.wat").stat().st_mtime > 1, "for who compares it with its sources"
    assert "built one 1.0.0 in 0." in capfd.readouterr().out


def test_what_does_not_build(project: Project, capfd: Said) -> None:
    bad = project("bad", dev={"build": ["sh", "-c", "echo 'source.wat:1: a mistake'; exit 1"]})
    good = project("good", dev=COPY)
    assert run(["build", str(bad), str(good), "--json"]) == 1
    error = json.loads(capfd.readouterr().err)
    assert "The build failed, sh -c" in error["message"]
    assert "source.wat:1: a mistake" in error["message"]
    assert not (good / "plugin.wat").exists(), "it ends with the first that does not build"
    (bad / "manifest.json").write_text(json.dumps({"name": "bad", "version": "1.0.0", "main": "none.wat"}))
    assert run(["build", str(bad)]) == 1
    assert "none.wat: No such file" in capfd.readouterr().err


def test_what_needs_no_build(project: Project, capfd: Said) -> None:
    folder = project("text", main="source.wat")
    os.utime(folder / "source.wat", (1, 1))
    assert run(["build", str(folder)]) == 0
    assert "text 1.0.0 has nothing to build: it is" in capfd.readouterr().out
    assert (folder / "source.wat").stat().st_mtime == 1, "its author has written it"


def test_a_toolchain_that_is_missing(
    project: Project, capfd: Said, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = project("rusty", main="plugin.wasm")
    (folder / "Cargo.toml").write_text("")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert run(["build", str(folder)]) == 1
    said = capfd.readouterr().err
    assert "Rust for WebAssembly is missing" in said
    assert "rustup target add" in said
    assert "pluginctl toolchain --prepare rust" in said


def test_the_table_of_toolchains(debian: Debian, capfd: Said, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = debian()
    monkeypatch.setattr(toolchain, "DEBIAN", root)
    monkeypatch.setenv("PATH", str(root / "bin"))
    program(root / "bin/rustc", (root / "bin/rustc").read_text().replace("cat", "/bin/cat"))
    assert run(["toolchain", "--json"]) == 0, "nothing was asked for by its name"
    rust, node = json.loads(capfd.readouterr().out)
    assert (rust["name"], rust["state"]) == ("rust", "unprepared")
    assert rust["where"] == [str(root / "bin/cargo"), str(root / "bin/rustc")]
    assert rust["hint"] == "pluginctl toolchain --prepare rust"
    assert (node["name"], node["state"], node["version"]) == ("node", "missing", None)
    assert "apt-get install nodejs npm" in node["hint"]
    assert run(["toolchain", "node"]) == 1
    table = capfd.readouterr().out
    assert "Node.js" in table
    assert "missing" in table
    assert "hint: Install Node.js 20" in table
    assert run(["toolchain", "rust"]) == 0
    program(root / "bin/node", "#!/bin/sh\necho v20.1.2\n")
    program(root / "bin/npm", "")
    assert run(["toolchain", "node", "--json"]) == 0
    assert json.loads(capfd.readouterr().out.splitlines()[-1])[0]["version"] == "20.1.2"
    assert run(["toolchain", "cobol"]) == 2


def test_what_is_prepared_is_ready(debian: Debian, capfd: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    root = debian()
    monkeypatch.setattr(toolchain, "DEBIAN", root)
    assert run(["toolchain", "--prepare", "rust"]) == 0
    said = capfd.readouterr()
    assert "building the standard library for WebAssembly, once for all plugins" in said.err
    assert "ready" in said.out
    assert "rust-sysroot" in said.out
    assert run(["toolchain", "--prepare"]) == 0
    assert "building" not in capfd.readouterr().err, "it is there"


def test_what_cannot_be_prepared(debian: Debian, capfd: Said, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toolchain, "DEBIAN", debian("sys.exit('no sources')"))
    assert run(["toolchain", "--prepare", "rust", "--json"]) == 1
    assert "Could not build the standard library" in (said := capfd.readouterr().err)
    assert "no sources" in said
    monkeypatch.setenv("PATH", str(tmp_path))
    assert run(["toolchain", "--prepare", "rust"]) == 1
    assert "Rust for WebAssembly is missing" in capfd.readouterr().err
    assert run(["toolchain", "--prepare"]) == 0, "nothing was asked for by its name"
    assert "missing" in capfd.readouterr().out
