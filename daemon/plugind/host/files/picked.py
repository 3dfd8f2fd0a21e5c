"""What users picked for plugins, by a token that a plugin cannot guess: kept while the plugin is loaded."""

import secrets
from pathlib import Path
from typing import Final

import msgspec

from plugind.policy import files as rules

_KEPT: Final = 1000
"""Picks per plugin; the oldest goes."""


class Pick(msgspec.Struct, frozen=True):
    """One thing that was picked."""

    folder: Path
    """Picked itself, or where the picked file is; no link."""
    name: str | None
    """Of the file; None for a folder."""
    shown: str | None
    """Its name as the plugin knows it."""
    writable: bool
    """Picked to be written, or a folder."""


class Picks:
    """Remembers picks."""

    def __init__(self) -> None:
        self._picks: dict[str, dict[str, Pick]] = {}

    def file(self, plugin_id: str, path: str, *, save: bool) -> str:
        """Remember a file that was picked.

        Args:
            plugin_id: For whom.
            path: Its real path.
            save: Whether it was picked to be written; it need not exist then.

        Returns:
            Its path in the plugin's tree.
        """
        real = Path(path).resolve()
        shown = real.name if real.name and rules.visible(real.name) else "file"
        token = self._keep(plugin_id, Pick(real.parent, real.name, shown, save))
        return f"{rules.Place.PICKED.value}/{token}/{shown}"

    def folder(self, plugin_id: str, path: str) -> str:
        """Remember a folder that was picked, and return its path in the plugin's tree."""
        token = self._keep(plugin_id, Pick(Path(path).resolve(), None, None, writable=True))
        return f"{rules.Place.PICKED.value}/{token}"

    def get(self, plugin_id: str, token: str) -> Pick | None:
        """Return what a token of a plugin's stands for."""
        return self._picks.get(plugin_id, {}).get(token)

    def forget(self, plugin_id: str) -> None:
        """Drop the picks of a plugin that is not loaded any more."""
        self._picks.pop(plugin_id, None)

    def _keep(self, plugin_id: str, pick: Pick) -> str:
        picks = self._picks.setdefault(plugin_id, {})
        while len(picks) >= _KEPT:
            del picks[next(iter(picks))]
        token = secrets.token_hex(8)
        picks[token] = pick
        return token
