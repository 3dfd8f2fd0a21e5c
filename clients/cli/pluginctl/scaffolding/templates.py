"""The templates that there are: one folder each, ours and those of the folders that the user names.

A folder with a ``template.json`` is a template; dropping one in is all there is to adding it.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

import msgspec

from pluginctl.failure import CommandFailed

DESCRIPTION: Final = "template.json"
OURS: Final = Path(__file__).parent.parent / "templates"


class _Described(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What ``template.json`` says."""

    description: str
    """One line for people."""
    language: str
    """Of the code in it, for people."""
    sdk: str | None = None
    """SDK that the plugin is built with, a copy of which it gets."""


class Template(msgspec.Struct, frozen=True, rename="camel"):
    """One template."""

    name: str
    description: str
    language: str
    sdk: str | None
    folder: str
    """Where it lies."""


def find(others: Iterable[Path] = ()) -> dict[str, Template]:
    """Return all templates, by name.

    Args:
        others: Folders with further ones; of one name, the last counts.

    Raises:
        CommandFailed: A folder is not there, or what describes a template is wrong.
    """
    found: dict[str, Template] = {}
    for folder in (OURS, *others):
        if not folder.is_dir():
            raise CommandFailed(f"{folder} is not a folder", hint="Give a folder that has a folder for each template.")
        for one in sorted(folder.iterdir()):
            if (one / DESCRIPTION).is_file():
                found[one.name] = _read(one)
    return found


def _read(folder: Path) -> Template:
    file = folder / DESCRIPTION
    try:
        described = msgspec.json.decode(file.read_bytes(), type=_Described)
    except (OSError, msgspec.DecodeError) as exc:
        raise CommandFailed(f"{file} does not describe a template: {exc}") from exc
    return Template(
        name=folder.name,
        description=described.description,
        language=described.language,
        sdk=described.sdk,
        folder=str(folder),
    )
