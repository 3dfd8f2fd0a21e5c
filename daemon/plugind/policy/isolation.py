"""Who may share a process: the plugins of one publisher, where the user wants it so. Pure."""

from collections.abc import Mapping

from plugind.config import Isolation


def publisher(plugin_id: str) -> str | None:
    """Return the publisher of a plugin: the scope of its name; ``None`` where it has no scope.

    The manifest's ``author`` says nothing here: it is free text.
    """
    scope, found, _ = plugin_id.partition("/")
    return scope if found and scope.startswith("@") else None


def sharing(plugin_id: str, *, default: Isolation, chosen: Mapping[str, Isolation]) -> str | None:
    """Decide with whom a plugin shares its process.

    Args:
        plugin_id: The plugin.
        default: Where the user has chosen nothing for it.
        chosen: By plugin id or publisher; the plugin's own counts first.

    Returns:
        The publisher with whose plugins it shares, or ``None`` for a process of its own.
    """
    scope = publisher(plugin_id)
    if scope is None:
        return None
    wanted = chosen.get(plugin_id) or chosen.get(scope) or default
    return scope if wanted == "publisher" else None
