"""Unpacks a package into a folder of our own, or leaves nothing there."""

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from plugind_protocol import disk
from plugind_protocol.errors import PackageInvalid
from plugind_protocol.package import folder, inflate, structure
from plugind_protocol.package.caps import CAPS, Caps
from plugind_protocol.package.structure import Entry, bad
from plugind_protocol.turns import by_turns, remove_tree


def unpack(stream: BinaryIO, into: Path, *, caps: Caps = CAPS) -> folder.Contents:
    """Unpack a package that nobody has checked.

    Args:
        stream: The package; read by position.
        into: A folder that is not there yet, in one that belongs to us alone; made, 0700, its files 0600. When
            anything fails it is gone again.
        caps: How much may be in it.

    Returns:
        The plugin that it holds.

    Raises:
        PackageInvalid: Whatever is wrong, with the entry where there is one.
        ManifestInvalid: Its manifest is missing or wrong.
        OSError: The disk is full or not writable.
    """
    entries = structure.read(stream, caps=caps)
    return lay_out(entries, lambda entry: inflate.contents(stream, entry), into, caps=caps)


def lay_out(
    entries: Iterable[Entry], contents: Callable[[Entry], Iterator[bytes]], into: Path, *, caps: Caps = CAPS
) -> folder.Contents:
    """Write the files of a package, and read them as a plugin's folder; otherwise as `unpack`.

    Args:
        entries: Checked files and folders.
        contents: Yields the bytes of one.
        into: As of `unpack`.
        caps: How much may be in it.
    """
    into.mkdir(mode=0o700)
    try:
        paths = []
        made = {into}
        for entry in by_turns(entries):
            target = into / entry.path
            home = target if entry.folder else target.parent
            if home not in made:
                home.mkdir(mode=0o700, parents=True, exist_ok=True)
                made.add(home)
            if not entry.folder:
                paths.append(entry.path)
                _write(target, contents(entry))
        plugin = folder.read(into, caps=caps)
        _check_belonging(plugin, paths)
    except BaseException:
        remove_tree(into)
        raise
    return plugin


def _write(path: Path, pieces: Iterator[bytes]) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | disk.BINARY, 0o600)
    with os.fdopen(descriptor, "wb", buffering=0) as file:
        for piece in pieces:
            view = memoryview(piece)
            while view:
                view = view[file.write(view) :]


def _check_belonging(plugin: folder.Contents, paths: list[str]) -> None:
    """Refuse what nobody would ever read: a package is what `pluginctl pack` makes of its folder, no more."""
    if extra := next((path for path in paths if path not in plugin.files), None):
        raise PackageInvalid(
            str(bad(extra, "does not belong to the plugin: manifest.json does not name it")),
            hint="Make the package with pluginctl pack, which takes what belongs to the plugin.",
        )
