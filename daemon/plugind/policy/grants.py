"""Which permissions a plugin has: requested by its manifest, granted by the user, needed by a host call."""

from collections.abc import Iterable

from plugind_protocol.errors import InvalidParams, PermissionDenied
from plugind_protocol.permissions import Permission, parse


def choose(grant: list[str] | str, requested: Iterable[Permission]) -> frozenset[Permission]:
    """Turn what the user grants at install into permissions.

    Args:
        grant: Permissions in words, or ``requested`` for all that the manifest asks for.
        requested: What the manifest asks for.

    Returns:
        The granted permissions.

    Raises:
        InvalidParams: An unknown permission, or one that the manifest does not request.
    """
    wanted = list(requested)
    if grant == "requested":
        return frozenset(wanted)
    granted = set()
    for text in grant:
        try:
            permission = parse(text)
        except ValueError as exc:
            raise InvalidParams(str(exc), path="$.grant") from exc
        if not any(have.includes(permission) for have in wanted):
            raise InvalidParams(
                f"permission {text!r} cannot be granted: the manifest does not request it",
                hint=f"It requests: {', '.join(map(str, wanted)) or 'nothing'}.",
                path="$.grant",
            )
        granted.add(permission)
    return frozenset(granted)


def check(needed: Permission, granted: Iterable[Permission], *, plugin_id: str, version: str, method: str) -> None:
    """Check one host call.

    Raises:
        PermissionDenied: No grant covers it; the hint says how to grant it.
    """
    if not any(have.covers(needed) for have in granted):
        raise PermissionDenied(
            f"{plugin_id} {version} called {method} without permission {needed}",
            hint=f"Grant it with: pluginctl grant {plugin_id} {needed.name}",
            plugin_id=plugin_id,
            version=version,
        )


def revoke(granted: frozenset[Permission], names: list[str]) -> frozenset[Permission]:
    """Take permissions away: a name without scope takes all of that name.

    Raises:
        InvalidParams: An unknown permission.
    """
    try:
        taken = [parse(name) for name in names]
    except ValueError as exc:
        raise InvalidParams(str(exc), path="$.permissions") from exc
    return frozenset(have for have in granted if not any(take.covers(have) for take in taken))
