"""The standard library that Debian's Rust gets: where it is put, when it is built, and that nothing half is taken."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest

from pluginctl.__main__ import run
from pluginctl.building import sysroot, toolchain
from pluginctl.building.plan import Plan, Preparation, Step, plan
from pluginctl.building.run import build, prepare
from pluginctl.building.sysroot import Sysroot
from pluginctl.failure import CommandFailed
from pluginctl.project import read

VERSION = """rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)
binary: rustc
commit-hash: ac68faa20c58cbccd01ee7208bf3b6e93a7d7f96
host: x86_64-unknown-linux-gnu
release: 1.96.0
"""
CARGO = """#!{python}
import json, os, pathlib, sys
target = pathlib.Path(os.environ["CARGO_TARGET_DIR"])
target.mkdir(parents=True, exist_ok=True)
with (target / "runs").open("a") as runs:
    runs.write("run\\n")
{extra}
pathlib.Path(target, "libstd.rlib").write_text("made")
names = [str(target / "libstd.rlib"), str(target / "libstd.rmeta")]
print(json.dumps({{"reason": "compiler-artifact", "target": {{"kind": ["lib"]}}, "filenames": names}}))
print(json.dumps({{"reason": "build-finished"}}))
"""
"""What Cargo is to us: it makes files in its target folder, and says which."""

Debian = Callable[..., Path]


def program(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


@pytest.fixture
def debian(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Debian:
    """Make what Debian's packages install, with a Cargo that does something of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "a cache"))
    root = tmp_path / "us r"

    def make(extra: str = "", version: str = VERSION) -> Path:
        program(root / "bin/cargo", CARGO.format(python=sys.executable, extra=extra))
        program(root / "bin/rustc", f'#!/bin/sh\n[ "$1" = -vV ] && cat <<\'EOF\' || echo "$@"\n{version}EOF\n')
        program(root / "bin/wasm-ld-19", "")
        (root / "lib/rustlib/src/rust/library/std").mkdir(parents=True, exist_ok=True)
        (root / "lib/rustlib/x86_64-unknown-linux-gnu").mkdir(parents=True, exist_ok=True)
        monkeypatch.setenv("PATH", f"{root / 'bin'}:/usr/bin:/bin")
        monkeypatch.setattr(toolchain, "_has_target", lambda _: False)
        return root

    return make


def found(root: Path) -> Sysroot:
    own = toolchain.rust(debian=root).sysroot
    assert own is not None
    return own


def prepared(own: Sysroot) -> Any:
    async def run() -> Any:
        return await prepare(Preparation(own), quiet=True)

    return anyio.run(run)


def test_each_compiler_has_a_folder_of_its_own() -> None:
    assert sysroot.key(VERSION) == "1.96.0-ac68faa20-1"
    assert sysroot.key(VERSION.replace("1.96.0", "1.97.0")) != sysroot.key(VERSION)
    assert sysroot.key(VERSION.replace("ac68faa20c", "bc68faa20c")) != sysroot.key(VERSION)
    unknown = VERSION.replace("ac68faa20c58cbccd01ee7208bf3b6e93a7d7f96", "unknown")
    assert sysroot.key(unknown) != sysroot.key(unknown.replace("2026-05-25", "2026-05-26"))
    assert "/" not in sysroot.key("release: ../../x\ncommit-hash: /y\n")


def test_it_is_built_before_the_first_plugin_and_never_again(
    debian: Debian, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = debian()
    monkeypatch.setattr(toolchain, "DEBIAN", root)
    (tmp_path / "p").mkdir()
    (tmp_path / "p/manifest.json").write_text(json.dumps({"name": "p", "version": "1.0.0", "main": "plugin.wasm"}))
    (tmp_path / "p/Cargo.toml").write_text("")
    own = found(root)
    first = plan(read(tmp_path / "p"))
    assert first is not None
    preparation, step = first.steps
    assert isinstance(preparation, Preparation)
    assert "once for all plugins" in preparation.shown
    assert isinstance(step, Step)
    assert step.environment == {
        "RUSTC": str(tmp_path / "a cache/plugind/rust-sysroot/1.96.0-ac68faa20-1/bin/rustc"),
        "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER": "wasm-ld-19",
    }
    assert "-Zbuild-std" not in " ".join(step.argv)
    assert prepared(own) is None
    again = plan(read(tmp_path / "p"))
    assert again is not None
    assert again.steps == again.commands == first.commands == (step,)


def test_what_is_made_is_a_sysroot_of_that_compiler(debian: Debian) -> None:
    root = debian()
    own = found(root)
    assert prepared(own) is None
    libraries = own.folder / "lib/rustlib/wasm32-unknown-unknown/lib"
    assert [one.name for one in libraries.iterdir()] == ["libstd.rlib"]
    assert (
        own.folder / "lib/rustlib/x86_64-unknown-linux-gnu"
    ).resolve() == root / "lib/rustlib/x86_64-unknown-linux-gnu"
    said = subprocess.run([own.wrapper, "--print", "a b"], capture_output=True, text=True, check=True).stdout
    assert said == f"--sysroot {own.folder} --print a b\n"
    assert [one.name for one in own.folder.parent.iterdir()] == [own.folder.name], "nothing of the build is left"


def test_what_the_author_has_set_for_builds_does_not_reach_it(debian: Debian) -> None:
    own = found(debian())
    argv, environment = sysroot.command(own)
    assert "--offline" in argv
    assert environment["CARGO_ENCODED_RUSTFLAGS"].split("\x1f")[0] == "-Zforce-unstable-if-unmarked"
    assert environment["CARGO_TARGET_DIR"].startswith(str(own.workshop))
    assert environment["RUSTC_WRAPPER"] == ""


def test_a_failure_has_the_compilers_words_and_leaves_nothing_that_is_taken(debian: Debian, tmp_path: Path) -> None:
    root = debian("sys.exit('error: the sources are of another compiler')")
    own = found(root)
    failed = prepared(own)
    assert not failed.ok
    assert "the sources are of another compiler" in failed.output
    assert "apt-get install --reinstall" in failed.hint
    assert "standard library" in failed.failed
    assert not own.there
    debian()
    assert prepared(own) is None
    assert own.there


def test_a_build_of_a_plugin_ends_with_that_failure(debian: Debian, tmp_path: Path) -> None:
    own = found(debian("sys.exit(3)"))
    (tmp_path / "manifest.json").write_text(json.dumps({"name": "p", "version": "1.0.0", "main": "plugin.wasm"}))
    project = read(tmp_path)
    made = Plan((Preparation(own), Step(("false",), "not reached")))

    async def run() -> Any:
        return await build(project, made, quiet=True)

    built = anyio.run(run)
    assert "standard library" in built.failed
    assert built.hint


def test_one_that_was_killed_in_the_middle_is_not_taken(debian: Debian) -> None:
    root = debian("""
print("compiling", file=sys.stderr, flush=True)
pathlib.Path(target, "begun").touch()
__import__("signal").pause()
""")
    own = found(root)
    script = (
        "import anyio, sys; from pathlib import Path; from pluginctl.building import toolchain;"
        "from pluginctl.building.plan import Preparation; from pluginctl.building.run import prepare;"
        "toolchain._has_target = lambda _: False;"
        f"own = toolchain.rust(debian=Path({str(root)!r})).sysroot;"
        "anyio.run(lambda: prepare(Preparation(own), quiet=False))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stderr=subprocess.PIPE, text=True, process_group=0
    ) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == "compiling\n"
        subprocess.run(["kill", "-KILL", "--", f"-{process.pid}"], check=True)
    assert not own.there
    assert own.workshop.is_dir(), "what it has made is found again"
    debian()
    assert prepared(own) is None
    assert [one.name for one in own.folder.parent.iterdir()] == [own.folder.name]


def test_one_that_was_killed_while_it_was_put_there_is_not_taken(debian: Debian) -> None:
    own = found(debian())
    half = own.folder.with_name(f".{own.folder.name}.0a0b.part")
    (half / "lib/rustlib/wasm32-unknown-unknown/lib").mkdir(parents=True)
    assert not own.there
    assert prepared(own) is None
    assert not half.exists()


def test_who_comes_second_takes_what_is_there(debian: Debian, tmp_path: Path) -> None:
    own = found(debian())
    made = tmp_path / "libstd.rlib"
    made.write_text("first")
    sysroot.take(own, [made])
    made.write_text("second")
    sysroot.take(own, [made])
    there = own.folder / "lib/rustlib/wasm32-unknown-unknown/lib/libstd.rlib"
    assert there.read_text() == "first"
    sysroot.take(own, [tmp_path / "cleaned up by the first"])
    assert [one.name for one in own.folder.parent.iterdir()] == [own.folder.name]
    missing = msgspec.structs.replace(own, folder=own.folder.with_name("other"))
    with pytest.raises(CommandFailed, match="No such file"):
        sysroot.take(missing, [tmp_path / "cleaned up by nobody"])


def test_who_fails_since_another_was_faster_takes_what_is_there(debian: Debian) -> None:
    own = found(debian())
    debian(f"pathlib.Path({str(own.folder)!r}).mkdir(); sys.exit('its folder is gone')")
    assert prepared(own) is None


def test_two_at_once(debian: Debian) -> None:
    own = found(debian())
    results: list[Any] = []

    async def one() -> None:
        results.append(await prepare(Preparation(own), quiet=True))

    async def both() -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(one)
            tasks.start_soon(one)

    anyio.run(both)
    assert results == [None, None]
    assert [one.name for one in own.folder.parent.iterdir()] == [own.folder.name]


def test_those_of_earlier_compilers_go(debian: Debian) -> None:
    old = found(debian())
    assert prepared(old) is None
    (old.folder.parent / ".1.95.0-abc-1.build").mkdir()
    new = found(debian(version=VERSION.replace("1.96.0", "1.97.0")))
    assert new.folder != old.folder
    assert not new.there
    assert prepared(new) is None
    left = sorted(one.name for one in new.folder.parent.iterdir())
    assert left == [".1.95.0-abc-1.build", new.folder.name], "not what another may be building just now"


def test_a_compiler_that_does_not_say_which_it_is(debian: Debian) -> None:
    root = debian(version="hello\n")
    with pytest.raises(CommandFailed, match="does not say which compiler it is"):
        toolchain.rust(debian=root)
    with pytest.raises(CommandFailed, match="cannot be started"):
        sysroot.find("cargo", str(root / "none"), root)


def test_who_makes_a_plugin_is_told_what_its_first_build_waits_for(
    debian: Debian, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(toolchain, "DEBIAN", root := debian())
    for name, told in (("first", True), ("second", False)):
        assert run(["new", name, "--template", "export", "--folder", str(tmp_path / name)]) == 0
        assert ("pluginctl toolchain --prepare rust" in capsys.readouterr().out) is told
        prepared(found(root))
