"""``headless.*``: what people and tests see and steer of a host without an editor, in place of hands and eyes."""

from typing import Any, Literal

import msgspec

from plugind_protocol.host.timeline import TimelineState
from plugind_protocol.host.values import Identifier, Seconds
from plugind_protocol.table import Params, Struct


class Notification(Struct, frozen=True, omit_defaults=False):
    """What a plugin told the user."""

    plugin_id: str
    message: str
    kind: str


class OpenPanel(Struct, frozen=True, omit_defaults=False):
    """A panel that a plugin has open."""

    plugin_id: str
    panel_id: str
    id: str
    """The plugin's own name for it."""
    title: str
    html: str | None
    url: str | None
    dock: str


class MenuItem(Struct, frozen=True, omit_defaults=False):
    """A menu item that a plugin has added."""

    plugin_id: str
    id: str
    label: str
    menu: str | None
    shortcut: str | None


class Question(Struct, frozen=True):
    """What a plugin asked the user, and what it was answered."""

    plugin_id: str
    method: Literal["ui.showDialog", "ui.pickFile", "ui.pickDirectory"]
    title: str
    kind: str | None = None
    message: str = ""
    answer: dict[str, Any] = msgspec.field(default_factory=dict)
    """The result that the plugin got."""


class HeadlessState(Struct, frozen=True, omit_defaults=False):
    """Everything that a host without an editor has."""

    project: str | None
    """Path of the file; null where the timeline is in memory only."""
    timeline: TimelineState
    """As committed."""
    transactions: int
    """Begun and not ended."""
    notifications: list[Notification]
    """The latest, oldest first."""
    questions: list[Question]
    """The latest, oldest first."""
    panels: list[OpenPanel]
    menu: list[MenuItem]
    unconfined: list[str]
    """Layers of the host's and its decoder's confinement that do not hold, each with the reason."""


class HeadlessSet(Params, frozen=True):
    """Moves the playhead, or selects clips; what is absent stays."""

    current_time: Seconds | None = None
    """In s."""
    selection: list[Identifier] | None = None
    """Ids of clips; plugins hear of it by ``timeline.selectionChange``."""


class ChooseMenu(Params, frozen=True):
    """Chooses a menu item; its plugin hears of it by ``ui.menu``."""

    id: Identifier
    plugin_id: str | None = None
    """Whose item it is; needed where two plugins have one of this id."""
