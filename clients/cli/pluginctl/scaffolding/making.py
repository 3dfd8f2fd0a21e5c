"""Writes a new plugin: a template's files with its names in them, all or none."""

import re
import shutil
import tempfile
from pathlib import Path
from typing import Final

import msgspec

from pluginctl.failure import CommandFailed
from pluginctl.scaffolding import sdks
from pluginctl.scaffolding.naming import Names
from pluginctl.scaffolding.templates import DESCRIPTION, Template

_DOT: Final = "dot-"
"""Begins the name of what begins with a dot in a plugin: a template's own would count where the template lies."""
_MOST_LISTED: Final = 4


def make(template: Template, names: Names, target: Path, *, sdk: Path | None = None) -> list[str]:
    """Write a plugin.

    Args:
        template: What it is made of.
        names: What is put for the names in double braces.
        target: Its folder: not there yet, or empty.
        sdk: Where the SDK is, to be used from there; None for a copy.

    Returns:
        The files, by relative path; those of the SDK's copy left out.

    Raises:
        CommandFailed: The folder is not empty, or cannot be written, or the template has a link.
    """
    check_empty(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".new-", dir=target.parent) as name:
            staged = Path(name)
            values = msgspec.structs.asdict(names)
            values["sdk"] = sdks.provide(template.sdk, staged, given=sdk) if template.sdk is not None else ""
            written = sorted(_fill(Path(template.folder), staged, values))
            target.mkdir(exist_ok=True)
            for one in staged.iterdir():
                one.rename(target / one.name)
    except OSError as exc:
        raise CommandFailed(f"{exc.filename or target}: {exc.strerror}") from exc
    return written


def check_empty(target: Path) -> None:
    """Make sure that nothing is there that could be lost.

    Raises:
        CommandFailed: Something is.
    """
    if target.is_dir():
        there = sorted(one.name for one in target.iterdir())
        if there:
            more = f" and {len(there) - _MOST_LISTED} more" if len(there) > _MOST_LISTED else ""
            listed = ", ".join(there[:_MOST_LISTED]) + more
            raise CommandFailed(
                f"{target} is not empty: it has {listed}", hint="Choose another name, or another folder with --folder."
            )
    elif target.exists():
        raise CommandFailed(f"{target} is a file", hint="Choose another name, or another folder with --folder.")


def _fill(template: Path, target: Path, values: dict[str, str]) -> list[str]:
    placeholder = re.compile(r"\{\{(" + "|".join(values) + r")\}\}")
    written = []
    for source in sorted(template.rglob("*")):
        relative = source.relative_to(template)
        if source.is_symlink():
            raise CommandFailed(
                f"{source} is a link", hint="A template is plain files: a link could bring others of yours along."
            )
        if not source.is_file() or relative.as_posix() == DESCRIPTION:
            continue
        place = Path(*(_dotted(part) for part in relative.parts))
        content = source.read_bytes()
        (target / place).parent.mkdir(parents=True, exist_ok=True)
        if b"\0" not in content:
            text = placeholder.sub(lambda found: values[found[1]], content.decode("utf-8"))
            content = text.encode()
        (target / place).write_bytes(content)
        shutil.copymode(source, target / place)
        written.append(place.as_posix())
    return written


def _dotted(name: str) -> str:
    return f".{name.removeprefix(_DOT)}" if name.startswith(_DOT) else name
