"""A plugin's folder as its author has it: the manifest, and how its ``dev`` section says that it is built and tried."""

from pathlib import Path
from typing import Any, Final

import msgspec

from plugind_protocol import manifest as manifests
from plugind_protocol.errors import ManifestInvalid
from plugind_protocol.manifest import Manifest

SECTION: Final = "dev"


class Call(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A call of one of the plugin's functions."""

    function: str
    args: Any = None


class Dev(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The ``dev`` section of a manifest. The daemon does not look at it."""

    build: str | list[str] | None = None
    """Command that builds ``main``: words, or one text that is split as a shell does; else by what is in the folder."""
    artefact: str | None = None
    """What it makes, by relative path, where that is not ``main`` itself; it is copied there."""
    ignore: list[str] = []
    """Further names that are not watched, as in a ``.gitignore``."""
    call: Call | None = None
    """What is called after each change, to see what the new code answers."""


class Project(msgspec.Struct, frozen=True):
    """A plugin's folder."""

    folder: Path
    """Absolute."""
    manifest: Manifest
    dev: Dev

    @property
    def main(self) -> Path:
        """The module, script or text that the plugin runs from."""
        return self.folder / self.manifest.main


def read(folder: Path) -> Project:
    """Read a plugin's folder; what its manifest names need not be there yet.

    Args:
        folder: The folder.

    Raises:
        ManifestInvalid: ``manifest.json`` is missing or wrong, with the JSON path.
    """
    folder = folder.absolute()
    try:
        with (folder / manifests.MANIFEST_NAME).open("rb") as stream:
            manifest = manifests.parse(stream.read(manifests.MAX_MANIFEST_BYTES + 1))
    except OSError as exc:
        raise ManifestInvalid(
            f"{folder} has no manifest.json that can be read: {exc.strerror}",
            hint="Give a plugin's folder; pluginctl new NAME makes one.",
            path="$",
        ) from exc
    return Project(folder, manifest, _dev(manifest.extra.get(SECTION, {})))


def _dev(section: Any) -> Dev:
    try:
        dev = msgspec.convert(section, Dev)
    except msgspec.ValidationError as exc:
        reason, _, inner = str(exc).partition(" - at ")
        path = f"$.{SECTION}{inner.strip('`').removeprefix('$')}"
        raise ManifestInvalid(
            f"manifest.json: {path} {reason[0].lower()}{reason[1:]}", hint="Correct manifest.json.", path=path
        ) from exc
    if dev.artefact is not None:
        manifests.check_relative(dev.artefact, f"$.{SECTION}.artefact")
    return dev
