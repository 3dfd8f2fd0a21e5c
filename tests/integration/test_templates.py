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


LANGUAGE = {"rust-effect": "rust", "rust-tool": "rust", "export": "rust", "as-effect": "assemblyscript"}


@pytest.fixture
def environment(template: str) -> dict[str, str]:
    """Of builds with Rust: one folder for all, so that what they share is built once, and no network.

    Without the flags of a template's own, since Debian's standard library would be built anew for them, for minutes.
    """
    if LANGUAGE.get(template) != "rust":
        return dict(os.environ)
    built(SDK / "probe")  # the toolchain is there
    return {**os.environ, "CARGO_TARGET_DIR": str(SDK / "target"), "CARGO_NET_OFFLINE": "true", "RUSTFLAGS": ""}


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
