"""Copies of a plugin under other names: many plugins that do the same."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parent.parent
PROBE = "tests/plugins/probe"
"""The guest whose calls are timed: it echoes, and calls the host."""
SCRIPT = "sdk/typescript/examples/echo"
"""A plugin in TypeScript, which echoes."""


@contextmanager
def copies(plugin: str, count: int) -> Iterator[list[Path]]:
    """Copy a plugin so often, named ``NAME-0`` and so on; yield the folders.

    Args:
        plugin: Its folder, relative to the project's.
        count: How many.
    """
    source = ROOT / plugin
    manifest = json.loads((source / "manifest.json").read_text())
    with TemporaryDirectory(prefix="plugind-bench-") as name:
        folders = []
        for number in range(count):
            folder = Path(name) / f"{manifest['name']}-{number}"
            folder.mkdir()
            shutil.copy(source / manifest["main"], folder)
            (folder / "manifest.json").write_text(json.dumps({**manifest, "name": folder.name}))
            folders.append(folder)
        yield folders
