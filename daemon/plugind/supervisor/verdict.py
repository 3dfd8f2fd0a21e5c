"""Who is to blame for the end of a process that several plugins shared: a pure decision."""

from collections.abc import Mapping

import msgspec


class Verdict(msgspec.Struct, frozen=True):
    """The end of a process, as one of its plugins sees it. The default is that of a process of its own."""

    blamed: bool = True
    """Whether the end counts against this plugin."""
    shared_with: tuple[str, ...] = ()
    """The other plugins that were in the process when it ended."""
    running: tuple[str, ...] = ()
    """Plugins that had a call then."""
    killed_for: str | None = None
    """The plugin because of which we killed the process."""


def decide(busy: Mapping[str, bool], *, killed_for: str | None) -> dict[str, Verdict]:
    """Decide about the end of a shared process.

    Args:
        busy: Every plugin that was in it, and whether it had a call then.
        killed_for: The plugin because of which we killed it; ``None`` when it ended by itself.

    Returns:
        A verdict for each: where we killed it, it counts against that plugin alone, else against those that had a call,
        and when none had, against all.
    """
    running = tuple(plugin for plugin, had in busy.items() if had)
    guilty = (killed_for,) if killed_for is not None else running or tuple(busy)
    return {
        plugin: Verdict(
            blamed=plugin in guilty,
            shared_with=tuple(other for other in busy if other != plugin),
            running=running,
            killed_for=killed_for,
        )
        for plugin in busy
    }
