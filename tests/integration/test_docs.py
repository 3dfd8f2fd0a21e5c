"""What the documents show is what happens: their examples run against a real daemon, and their tables miss nothing.

``console`` blocks are typed and their output compared, with ``…`` for anything; ``python`` blocks must succeed;
``toml`` blocks must be a configuration; a block after ``<!-- file: NAME -->`` is written to that file. Blocks of a page
share a folder.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from tests.harness import documents
from tests.harness.daemon import ROOT, Daemon

from pluginctl.app import COMMANDS
from plugind.config import Config, load
from plugind_client import Client
from plugind_protocol.errors import BY_CODE
from plugind_protocol.host import HOST_METHODS, PROVIDER_METHODS
from plugind_protocol.methods import METHODS, NOTIFICATIONS
from plugind_worker.imports import ALLOWED
from plugind_worker.lockdown import LAYERS

pytestmark = pytest.mark.process

_RUN = ("console", "python", "toml")


PAGES = [
    page
    for page in sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
    if any(block.kind in _RUN for block in documents.blocks(page))
]


@pytest.fixture
def folder(daemon: Daemon, tmp_path: Path) -> Iterator[Path]:
    """Where a page's examples run; no plugin of theirs stays installed."""
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    yield tmp_path
    with Client.connect(daemon.socket, name="test_docs") as client:
        for plugin in client.list_plugins():
            client.uninstall(plugin.plugin_id, force=True)


@pytest.mark.timeout(300)  # as many commands as the page has, each a process, on a machine that has other things to do
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_examples_run(page: Path, daemon: Daemon, folder: Path) -> None:
    for block in documents.blocks(page):
        where = f"{page.name}:{block.line}"
        if block.file is not None:
            documents.write(block, folder)
        elif block.kind == "python":
            done = documents.run([sys.executable, "-"], block.text, folder, daemon)
            assert done.returncode == 0, f"{where}\n{done.stdout}{done.stderr}"
        elif block.kind == "console":
            for command, output in documents.commands(block.text):
                done = documents.run(["bash", "-c", command], "", folder, daemon)
                assert done.returncode == 0, f"{where}: {command}\n{done.stdout}{done.stderr}"
                assert documents.shows(output, done.stdout), f"{where}: {command}\n{done.stdout}{done.stderr}"
        elif block.kind == "toml":
            path = folder / "plugind.toml"
            path.write_text(block.text)
            load({"config": path}, {})


@pytest.mark.parametrize(
    ("page", "names"),
    [
        ("protocol.md", [*METHODS, *NOTIFICATIONS, *PROVIDER_METHODS]),
        ("host-api.md", [*HOST_METHODS, *PROVIDER_METHODS]),
        ("plugin-abi.md", [*HOST_METHODS, *(name for module, name in ALLOWED if module != "timeline")]),
        ("cli.md", list(COMMANDS)),
        ("troubleshooting.md", [kind.__name__ for kind in BY_CODE.values()]),
        ("troubleshooting.md", [str(code) for code in BY_CODE]),
        ("../SECURITY.md", [layer.name for layer in LAYERS]),
        ("configuration.md", [*msgspec.structs.asdict(Config())]),
    ],
)
def test_tables_miss_nothing(page: str, names: list[str]) -> None:
    words = set(re.findall(r"[\w.$/-]+", (ROOT / "docs" / page).read_text()))
    assert [name for name in names if name not in words] == []


@pytest.mark.parametrize("section", ["limits", "supervision", "providers", "wire", "capsules", "downloads", "packages"])
def test_every_setting_is_described_with_its_default(section: str) -> None:
    page = (ROOT / "docs" / "configuration.md").read_text()
    part = page.partition(f"## `[{section}]`")[2].partition("\n## ")[0]
    rows = {name: default.strip() for name, default in re.findall(r"^\| `(\w+)` \|(.*?)\|", part, re.MULTILINE)}
    settings = getattr(Config(), section)
    defaults = {field.encode_name: getattr(settings, field.name) for field in msgspec.structs.fields(settings)}
    assert rows == {
        name: "" if value is None else f"`{msgspec.json.encode(value).decode()}`" for name, value in defaults.items()
    }


def test_no_dead_links() -> None:
    dead = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
        for target in re.findall(r"\]\(([^)#]+)", page.read_text())
        if "://" not in target and not (page.parent / target).exists()
    ]
    assert dead == []
