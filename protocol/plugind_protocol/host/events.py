"""``events.*``: what plugins hear of the editor and of one another."""

from typing import Annotated, Final

import msgspec
from msgspec import Meta

from plugind_protocol.table import Example, HostMethod, Params, Struct

NAMESPACE: Final = "events"

EventName = Annotated[str, Meta(min_length=1, max_length=256)]


def _null() -> msgspec.Raw:
    return msgspec.Raw(b"null")


class SubscribeEvent(Params, frozen=True):
    """Subscribes to events."""

    name: EventName
    """A name, or a pattern: ``*`` stands for one part, ``**`` for any number of parts. A plugin's events are
    ``pluginId/name``; names without ``/`` are the editor's."""


class Unsubscribe(Params, frozen=True):
    """Ends a subscription."""

    name: EventName
    """As it was given to ``events.on``."""


class EmitEvent(Params, frozen=True):
    """Tells others something."""

    name: EventName
    """Without the plugin's id: others see ``pluginId/name``."""
    payload: msgspec.Raw = msgspec.field(default_factory=_null)
    """Any JSON value."""


class PublishEvent(Params, frozen=True):
    """Tells plugins something, as the editor."""

    name: EventName
    """Without ``/``, such as ``timeline.selectionChange``."""
    payload: msgspec.Raw = msgspec.field(default_factory=_null)
    """Any JSON value."""
    plugin_id: str | None = None
    """Tell only this plugin, whether it asked for it or not: such as ``ui.menu``, for its own menu item."""


class EventEmitted(Struct, frozen=True, omit_defaults=False):
    """A plugin told others something."""

    plugin_id: str
    name: str
    """Without the plugin's id."""
    payload: msgspec.Raw
    """Any JSON value."""


class Event(Struct, frozen=True):
    """What the guest gets by the reserved method ``event``."""

    name: str
    """As it was published, or ``pluginId/name``."""
    payload: msgspec.Raw
    """Any JSON value."""
    source: str | None = None
    """The plugin that emitted it; absent where it is the editor's."""
    dropped: int = 0
    """Events that were lost before this one, because they came too fast."""


METHODS: Final = (
    HostMethod(
        "events.on",
        SubscribeEvent,
        None,
        "Subscribe to events; they arrive as calls of ``event``.",
        permission="events",
        provider="daemon",
        errors=("TooLarge",),
        example=Example({"name": "timeline.*"}),
    ),
    HostMethod(
        "events.off",
        Unsubscribe,
        None,
        "End a subscription.",
        permission="events",
        provider="daemon",
        example=Example({"name": "timeline.*"}),
    ),
    HostMethod(
        "events.emit",
        EmitEvent,
        None,
        "Tell plugins and clients something.",
        permission="events",
        provider="daemon",
        errors=("TooLarge",),
        example=Example({"name": "done", "payload": {"clips": 12}}),
    ),
)
