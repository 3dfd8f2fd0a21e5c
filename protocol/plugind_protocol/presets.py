"""Presets: four levels of trust in words that people know, each a set of permission names. Pure data and rules.

A preset never gives a plugin what it does not ask for: it is the part of what the manifest requests, scopes included,
whose names the preset has.
"""

from collections.abc import Iterable
from typing import Final, Literal, NamedTuple

from plugind_protocol.permissions import NAMES, Permission

PresetName = Literal["minimal", "standard", "extended", "full"]


class Preset(NamedTuple):
    """One level of trust."""

    summary: str
    """What a plugin can do with it, for people."""
    names: frozenset[str]
    """Permissions it covers, whatever their scope."""


_MINIMAL: Final = frozenset({"timeline.read", "effects.create", "storage", "events", "system.info"})
_STANDARD: Final = _MINIMAL | {"timeline.write", "effects.apply", "ui.create", "ui.dialog", "media.read"}
_EXTENDED: Final = _STANDARD | {"media.write", "file.read", "file.write"}

PRESETS: Final[dict[PresetName, Preset]] = {
    "minimal": Preset("Look at the timeline and offer effects; change nothing, show nothing.", _MINIMAL),
    "standard": Preset("Edit the timeline, show panels and dialogs, read media.", _STANDARD),
    "extended": Preset("Read and write files of the project and media as well.", _EXTENDED),
    "full": Preset("All that it asks for, the network and native code included.", frozenset(NAMES)),
}
"""By name, each with all of the one before."""


def select(name: PresetName, requested: Iterable[Permission]) -> frozenset[Permission]:
    """Return the part of what is requested that a preset covers."""
    return frozenset(one for one in requested if one.name in PRESETS[name].names)


def describe(granted: Iterable[Permission], requested: Iterable[Permission]) -> PresetName | None:
    """Return the first preset that would have granted exactly this, if there is one."""
    granted, requested = frozenset(granted), tuple(requested)
    return next((name for name in PRESETS if select(name, requested) == granted), None)
