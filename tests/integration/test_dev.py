"""``pluginctl dev`` on a real daemon: what is saved answers, what fails leaves the version before it serving."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import opentimelineio as otio
import pytest
from tests.harness.daemon import Daemon
from tests.harness.developing import Dev
from tests.harness.plugins import altered, hooked

from plugind_client import Client, NoDaemon
from plugind_protocol.methods import State

pytestmark = pytest.mark.process

BUILD = """
import pathlib, sys
text = pathlib.Path("source.txt").read_text()
if "mistake" in text:
    sys.exit("source.txt:1: a mistake")
pathlib.Path("out").mkdir(exist_ok=True)
pathlib.Path("out/made.wat").write_text(text)
pathlib.Path("out/noise.o").write_text(text)
"""
"""A compiler: takes WebAssembly text, unless there is a mistake in it."""


@pytest.fixture
def client(daemon: Daemon) -> Iterator[Client]:
    with Client.connect(daemon.socket, name="test") as connected:
        yield connected
        for info in connected.list_plugins():
            connected.uninstall(info.plugin_id)


def with_build(folder: Path, version: str = "1.0.0", **dev: Any) -> Path:
    """Write a plugin that is built, by `BUILD`, from a source that is its module's text."""
    hooked(folder, version)
    (folder / "plugin.wat").rename(folder / "source.txt")
    (folder / "build.py").write_text(BUILD)
    change(folder, dev={"build": [sys.executable, "build.py"], "artefact": "out/made.wat", **dev})
    return folder


def change(folder: Path, **fields: Any) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | fields))


def source_of(folder: Path, version: str) -> str:
    hooked(folder / "elsewhere", version)
    return (folder / "elsewhere" / "plugin.wat").read_text()


def test_what_is_saved_answers_at_once(daemon: Daemon, client: Client, tmp_path: Path) -> None:
    source = tmp_path / "p"
    hooked(source)
    times = []
    with Dev(source, "--call", "version", socket=daemon.socket) as dev:
        loaded = dev.until("loaded")
        assert (loaded["pluginId"], loaded["version"], loaded["state"]) == ("hooked", "1.0.0", "active")
        assert loaded["granted"] == ["timeline.read", "timeline.write"]
        assert dev.until("answered")["answer"] == "1.0.0"
        dev.until("watching")
        for version in ("1.0.1", "1.0.2", "1.0.3", "1.0.4", "1.0.5"):
            text = source_of(tmp_path, version)
            (source / "plugin.wat").write_text(text)
            answered = dev.until("answered")
            assert answered["answer"] == version
            assert answered["saved"] == ["plugin.wat"]
            times.append(answered["ms"])
        assert client.call_plugin("hooked", "version") == "1.0.5"
        assert dev.stop() == 0
    assert min(times) < 300, times
    assert client.list_plugins() == [], "the daemon has what it had before"


def test_a_build_that_fails_leaves_the_version_before_it_serving(
    daemon: Daemon, client: Client, tmp_path: Path
) -> None:
    source = with_build(tmp_path / "p", call={"function": "version"})
    with Dev(source, socket=daemon.socket) as dev:
        assert sys.executable in dev.until("building")["commands"][0]
        dev.until("built")
        assert dev.until("answered")["answer"] == "1.0.0"
        dev.until("watching")
        (source / "source.txt").write_text("mistake")
        failed = dev.until("buildFailed")
        assert "source.txt:1: a mistake" in failed["output"]
        assert failed["serving"] == "hooked 1.0.0"
        assert client.call_plugin("hooked", "version") == "1.0.0"
        (source / "source.txt").write_text("(module (func)")
        refused = dev.until("notTaken")
        assert refused["serving"] == "hooked 1.0.0"
        assert client.call_plugin("hooked", "version") == "1.0.0"
        (source / "source.txt").write_text(source_of(tmp_path, "1.1.0"))
        answered = dev.until("answered")
        assert (answered["answer"], answered["saved"]) == ("1.1.0", ["source.txt"])
        assert answered["buildMs"] > 0
        (source / "notes.txt").write_text("nothing of the plugin's")
        dev.until("unchanged", saved=["notes.txt"])
        assert sum(told["event"] == "building" for told in dev.told) == 5, "what a build makes is no change"


def test_a_first_build_that_fails_is_waited_for(daemon: Daemon, client: Client, tmp_path: Path) -> None:
    source = with_build(tmp_path / "p")
    good = (source / "source.txt").read_text()
    (source / "source.txt").write_text("mistake")
    with Dev(source, "--call", "version", socket=daemon.socket) as dev:
        assert dev.until("buildFailed")["serving"] is None
        dev.until("watching")
        (source / "source.txt").write_text(good)
        assert dev.until("answered")["answer"] == "1.0.0"
        assert dev.told[-2]["event"] == "loaded"


def test_a_manifest_that_breaks_is_told_and_the_plugin_goes_on(daemon: Daemon, client: Client, tmp_path: Path) -> None:
    source = with_build(tmp_path / "p")
    whole = (source / "manifest.json").read_text()
    with Dev(source, "--call", "version", socket=daemon.socket) as dev:
        dev.until("watching")
        for broken, words in (
            (whole[: len(whole) // 2], "manifest.json: $ is not valid JSON"),
            (whole.replace('"1.0.0"', '"one"'), "$.version 'one' is not a semantic version"),
            (whole.replace('"build":', '"biuld":'), "$.dev object contains unknown field `biuld`"),
            (whole.replace(json.dumps(sys.executable), '"no-such-compiler"'), "no-such-compiler is missing"),
        ):
            assert broken != whole
            (source / "manifest.json").write_text(broken)
            while words not in (told := dev.until("notTaken"))["reason"]:
                pass  # of the file as it was before, which was written in two steps
            assert told["serving"] == "hooked 1.0.0"
            assert told["hint"]
            assert client.call_plugin("hooked", "version") == "1.0.0"
        (source / "manifest.json").write_text(whole.replace('"1.0.0"', '"1.0.1"'))
        assert dev.until("answered")["version"] == "1.0.1"


def test_a_module_that_is_replaced_halfway_through_is_waited_for(
    daemon: Daemon, client: Client, tmp_path: Path
) -> None:
    source = tmp_path / "p"
    hooked(source)
    text = source_of(tmp_path, "2.0.0")
    with Dev(source, "--call", "version", socket=daemon.socket) as dev:
        dev.until("watching")
        (source / "plugin.wat").write_text(text[: len(text) // 2])
        told = dev.until("notTaken")  # after a second in which nothing came
        assert told["serving"] == "hooked 1.0.0"
        assert client.call_plugin("hooked", "version") == "1.0.0"
        (source / "plugin.wat").write_text(text)
        assert dev.until("answered")["answer"] == "2.0.0"
        with (source / "plugin.wat").open("w") as module:
            for part in (text[:900].replace("2.0.0", "2.0.1"), text[900:]):
                module.write(part)
                module.flush()
        assert dev.until("answered", answer="2.0.1")["saved"] == ["plugin.wat"]
        assert sum(told["event"] == "notTaken" for told in dev.told) == 1, "a part of a write is no mistake"


def test_state_goes_across_reloads(daemon: Daemon, client: Client, plugins: Path, tmp_path: Path) -> None:
    source = tmp_path / "p"
    altered(plugins / "keeper", source)
    with Dev(source, "--call", "count", socket=daemon.socket) as dev:
        assert dev.until("answered")["answer"] == 1
        dev.until("watching")
        for number in (2, 3):
            with (source / "plugin.wat").open("a") as module:
                module.write(f";; change {number}\n(;;)\n")
            change(source, version=f"1.0.{number}")
            assert dev.until("answered", version=f"1.0.{number}")["answer"] >= number


def test_the_console_comes_with_the_lines_it_speaks_of(
    daemon: Daemon, client: Client, plugins: Path, tmp_path: Path
) -> None:
    source = tmp_path / "p"
    shutil.copytree(plugins / "wasi-hello", source)
    with Dev(source, "--call", "hello", socket=daemon.socket) as dev:
        said = [dev.until("said") for _ in range(2)]
        assert {(line["level"], line["message"]) for line in said} == {("info", "hello from wasi"), ("error", "oops")}


def test_the_names_of_functions_that_failed_are_told(
    daemon: Daemon, client: Client, plugins: Path, tmp_path: Path
) -> None:
    source = tmp_path / "p"
    shutil.copytree(plugins / "trapper", source)
    with Dev(source, "--call", "divide", socket=daemon.socket) as dev:
        assert "divided by zero in" in dev.until("answered")["error"]
        assert dev.stop() == 0


def test_what_was_installed_comes_back(daemon: Daemon, client: Client, tmp_path: Path) -> None:
    client.install(hooked(tmp_path / "installed", "0.9.0"))
    source = tmp_path / "p"
    hooked(source)
    with Dev(source, "--keep", socket=daemon.socket) as dev:
        dev.until("watching")
        assert dev.stop() == 0
    assert client.get_plugin("hooked").development == str(source)
    with Dev(source, socket=daemon.socket) as dev:
        dev.until("watching")
    assert client.get_plugin("hooked").version == "0.9.0"


def test_without_a_daemon_there_is_one_of_its_own(tmp_path: Path) -> None:
    socket = tmp_path / "run" / "own.sock"
    hooked(tmp_path / "p")
    project = tmp_path / "film.otio"
    otio.adapters.write_to_file(otio.schema.Timeline("film"), str(project))
    with Dev(tmp_path / "p", "--call", "version", "--project", str(project), socket=socket) as dev:
        assert dev.until("started")["socket"] == str(socket)
        assert dev.until("answered")["answer"] == "1.0.0"
        dev.until("watching")
        with Client.connect(socket) as client:
            assert client.get_state("hooked") is State.ACTIVE
            assert client.headless_state().project == str(project)
        assert dev.stop() == 0
    with pytest.raises(NoDaemon), Client.connect(socket):
        pass


def test_what_is_wrong_with_a_manifest_is_said_once(daemon: Daemon, client: Client, tmp_path: Path) -> None:
    source = with_build(tmp_path / "p")
    whole = (source / "manifest.json").read_text()
    with Dev(source, "--call", "version", socket=daemon.socket) as dev:
        dev.until("watching")
        (source / "manifest.json").write_text("{")
        dev.until("notTaken")
        (source / "manifest.json").write_text("{")  # the second step of an editor that writes in two
        (source / "source.txt").write_text(source_of(tmp_path, "1.1.0"))
        dev.until("notTaken")  # of what is saved beside it, on the other hand, something is heard
        (source / "manifest.json").write_text(whole)
        assert dev.until("answered")["answer"] == "1.1.0"
        assert sum(told["event"] == "notTaken" for told in dev.told) == 2


def test_what_cannot_begin_says_why(daemon: Daemon, tmp_path: Path) -> None:
    with Dev(tmp_path, socket=daemon.socket) as dev:
        assert "has no manifest.json" in dev.errors()
        assert dev.process.returncode == 1
    hooked(tmp_path / "p")
    project = tmp_path / "film.otio"
    project.touch()
    with Dev(tmp_path / "p", "--project", str(project), socket=daemon.socket) as dev:
        words = json.loads(dev.errors())
        assert words["message"] == f"a daemon runs already, with a timeline of its own: it does not open {project}"
        assert words["data"]["hint"].endswith(f"plugind --host headless --project {project}")
    rust = tmp_path / "rust"
    hooked(rust)
    change(rust, main="plugin.wasm")
    (rust / "Cargo.toml").write_text("[package]\n")
    with Dev(rust, socket=daemon.socket, environment={"PATH": str(tmp_path)}) as dev:
        words = json.loads(dev.errors())
        assert words["message"] == "Rust for WebAssembly is missing: cargo is not on the path"
        assert "rustup target add wasm32-unknown-unknown" in words["data"]["hint"]
        assert dev.process.returncode == 1


def test_words_for_people(daemon: Daemon, client: Client, tmp_path: Path) -> None:
    source = with_build(tmp_path / "p", call={"function": "version"})
    command = [sys.executable, "-m", "pluginctl", "--socket", str(daemon.socket), "dev", str(source)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as dev:
        assert dev.stdout is not None
        assert dev.stderr is not None
        lines = [dev.stdout.readline().partition(" ")[2].rstrip() for _ in range(6)]
        (source / "source.txt").write_text("mistake")
        lines += [dev.stdout.readline().partition(" ")[2].rstrip() for _ in range(3)]
        assert dev.stderr.readline() == "source.txt:1: a mistake\n", "the compiler's own words"
        dev.terminate()
        assert dev.wait(20) == 0
    assert lines[0].startswith("building: ")
    assert lines[2] == "hooked 1.0.0 is active; it holds timeline.read, timeline.write"
    assert "1.0.0 answers" in lines[3]
    assert lines[4] == 'version → "1.0.0"'
    assert lines[5] == f"watching {source}; Ctrl-C ends"
    assert lines[7].startswith("the build failed: ")
    assert lines[8] == "hooked 1.0.0 goes on serving; waiting for a change"
