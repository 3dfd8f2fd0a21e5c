"""Each template, from nothing: it is made, builds, passes its tests at once, and answers what is edited."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import wasmtime
from tests.harness.daemon import ROOT, Daemon
from tests.harness.developing import Dev
from tests.integration.test_sdk_rust import SDK, built

from plugind_client import Client

pytestmark = pytest.mark.process

Ctl = Callable[..., "subprocess.CompletedProcess[str]"]


class Edit(NamedTuple):
    """A change of a template's source, and the call that shows it."""

    file: str
    before: str
    after: str


EDITS = {
    "ts-tool": Edit("index.ts", "Hello, ", "Ahoy, "),
    "ts-panel": Edit("index.ts", " clips</h1>", " of them</h1>"),
    "as-effect": Edit("assembly/index.ts", '"warmth", 0.2', '"heat", 0.2'),
    "rust-tool": Edit("src/lib.rs", "Hello, {}!", "Ahoy, {}!"),
    "rust-effect": Edit("src/lib.rs", 'name: "warmth".into()', 'name: "heat".into()'),
    "export": Edit("src/lib.rs", "NON-DROP", "DROP"),
}


ADD = """
#[no_mangle]
pub extern "C" fn longest(count: usize) -> usize {
    let mut words: Vec<String> = (0..count).map(|one| format!("{one:.3}")).collect();
    words.sort();
    words.iter().map(String::len).max().unwrap()
}
"""
"""Uses what the standard library has: its allocator, its formatting, its memory functions."""

LANGUAGE = {"rust-effect": "rust", "rust-tool": "rust", "export": "rust", "as-effect": "assemblyscript"}


@pytest.fixture
def environment(template: str) -> dict[str, str]:
    """Of builds with Rust: one folder for all, so that what they share is built once, and no network."""
    if LANGUAGE.get(template) != "rust":
        return dict(os.environ)
    built(SDK / "probe")  # the toolchain is there
    return {**os.environ, "CARGO_TARGET_DIR": str(SDK / "target"), "CARGO_NET_OFFLINE": "true"}


@pytest.fixture
def pluginctl(tmp_path: Path, daemon: Daemon, environment: dict[str, str]) -> Ctl:
    def command(*arguments: str | Path, folder: Path = tmp_path) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "pluginctl", "--socket", str(daemon.socket), *map(str, arguments)],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=250,
            check=False,
        )

    return command


@pytest.fixture
def client(daemon: Daemon) -> Iterator[Client]:
    with Client.connect(daemon.socket, name="test") as connected:
        yield connected
        for info in connected.list_plugins():
            connected.uninstall(info.plugin_id)


@pytest.mark.timeout(300)  # builds, on a machine that has other things to do
@pytest.mark.parametrize("template", list(EDITS))
def test_from_nothing_to_an_edit(  # noqa: PLR0917  # pytest gives them by name
    template: str, pluginctl: Ctl, client: Client, daemon: Daemon, tmp_path: Path, environment: dict[str, str]
) -> None:
    name = "film-look" if template == "rust-effect" else f"my-{template}"
    # one of them with a copy of the SDK, as its author gets it; the others share one, which is built by now
    shared = ["--sdk", SDK] if template in ("rust-effect", "export") else []
    made = pluginctl("new", name, "--template", template, *shared, "--json")
    assert made.returncode == 0, made.stderr
    said = json.loads(made.stdout)
    assert said["missing"] is None
    assert {"manifest.json", "README.md", "tests/cases.json", ".github/workflows/plugin.yml"} <= {*said["files"]}
    plugin = tmp_path / name
    tested = pluginctl("test", "--json", folder=plugin)
    assert tested.returncode == 0, tested.stdout + tested.stderr
    assert json.loads(tested.stdout)["failed"] == 0
    assert pluginctl("pack", folder=plugin).returncode == 0
    packed = pluginctl("test", f"{name}-0.1.0.tsplugin", folder=plugin)
    assert packed.returncode == 0, packed.stdout
    edit = EDITS[template]
    with Dev(plugin, socket=daemon.socket, environment=environment) as dev:
        first = dev.until("answered", seconds=200)
        assert first["error"] is None or "timeline" in first["error"], first
        dev.until("watching")
        source = plugin / edit.file
        text = source.read_text()
        assert edit.before in text
        source.write_text(text.replace(edit.before, edit.after))
        answered = dev.until("answered", seconds=100)
        assert answered["saved"] == [edit.file]
        show_edit(template, client, name, answered)


def show_edit(template: str, client: Client, name: str, answered: dict[str, Any]) -> None:
    """Check that it is the new code that answers."""
    if template in ("rust-tool", "ts-tool"):
        assert answered["answer"] == {"text": "Ahoy, world!", "number": 2}, "its state is carried over"
    elif template == "ts-panel":
        assert answered["answer"] == "<h1>0 of them</h1><ul></ul>"
    elif template.endswith("effect"):
        (effect,) = client.effects_list(name)
        assert [parameter.name for parameter in effect.parameters] == ["heat"]
    else:
        assert answered["function"] == "edl"
        assert "timeline" in answered["error"], "nobody here has a timeline"


@pytest.mark.timeout(300)  # builds, on a machine that has other things to do
def test_one_standard_library_serves_all_flags(tmp_path: Path) -> None:
    """A plugin with flags of its own, the same without, and with `lto`: nothing but the plugin is built."""
    built(SDK / "probe")  # the toolchain is there
    folder = tmp_path / "a plugin"
    (folder / "src").mkdir(parents=True)
    (folder / ".cargo").mkdir()
    (folder / "manifest.json").write_text(json.dumps({"name": "p", "version": "1.0.0", "main": "plugin.wasm"}))
    (folder / "src" / "lib.rs").write_text(ADD)
    cargo = '[package]\nname = "p"\nversion = "1.0.0"\nedition = "2021"\n[lib]\ncrate-type = ["cdylib"]\n[workspace]\n'
    environment = {name: value for name, value in os.environ.items() if name != "CARGO_TARGET_DIR"}
    simd = '[target.wasm32-unknown-unknown]\nrustflags = ["-C", "target-feature=+simd128"]\n'
    for flags, profile in (("", ""), (simd, ""), (simd, "[profile.release]\nlto = true\n")):
        (folder / ".cargo" / "config.toml").write_text(flags)
        (folder / "Cargo.toml").write_text(cargo + profile)
        done = subprocess.run(
            [sys.executable, "-m", "pluginctl", "build", folder],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert re.findall(r"Compiling (\w+)", done.stderr) == ["p"]
        assert "standard library" not in done.stderr
        module = wasmtime.Module(wasmtime.Engine(), (folder / "plugin.wasm").read_bytes())
        assert module.imports == []
    assert (folder / "target" / "wasm32-unknown-unknown" / "release" / "p.wasm").is_file()


@pytest.mark.timeout(300)
def test_unstable_features_are_not_to_be_had(tmp_path: Path) -> None:
    built(SDK / "probe")  # the toolchain is there
    (tmp_path / "src").mkdir()
    (tmp_path / "manifest.json").write_text(json.dumps({"name": "p", "version": "1.0.0", "main": "plugin.wasm"}))
    (tmp_path / "Cargo.toml").write_text(
        '[package]\nname = "p"\nversion = "1.0.0"\nedition = "2021"\n[lib]\ncrate-type = ["cdylib"]\n'
    )
    (tmp_path / "src" / "lib.rs").write_text("#![feature(never_type)]\n")
    done = subprocess.run(
        [sys.executable, "-m", "pluginctl", "build", tmp_path, "--json"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "E0554" in done.stderr


def test_the_page_that_one_begins_with_says_what_is_run_here() -> None:
    page = (ROOT / "docs" / "first-plugin.md").read_text()
    typed = [
        line
        for block in re.findall(r"^```sh\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
        for line in block.splitlines()
    ]
    made = ["pluginctl new film-look --template rust-effect", "cd film-look", "pluginctl dev"]
    assert typed == [*made, "pluginctl test", "pluginctl pack"], "what test_from_nothing_to_an_edit runs"
    templates = re.findall(r"^\| `([a-z-]+)` \|", page, re.MULTILINE)
    assert sorted(templates) == sorted(EDITS)


def test_the_ci_file_does_what_the_readme_says() -> None:
    for template in EDITS:
        folder = ROOT / "clients" / "cli" / "pluginctl" / "templates" / template
        steps = re.findall(r"run: (pluginctl .*)", (folder / "dot-github" / "workflows" / "plugin.yml").read_text())
        assert steps == ["pluginctl test", "pluginctl pack"], "what the test above has run"
        readme = (folder / "README.md").read_text()
        assert all(step in readme for step in steps)
