"""Which permissions a plugin has: requested by its manifest, granted by the user, needed by a host call."""

from collections.abc import Iterable
from typing import Literal

from plugind_protocol import presets
from plugind_protocol.errors import InvalidParams, PermissionDenied
from plugind_protocol.permissions import Permission, parse
from plugind_protocol.presets import PresetName


def choose(
    grant: list[str] | PresetName | Literal["requested"], requested: Iterable[Permission]
) -> frozenset[Permission]:
    """Turn what the user grants at install into permissions.

    Args:
        grant: Permissions in words, ``requested`` for all that the manifest asks for, or a preset's name for its part
            of that.
        requested: What the manifest asks for.

    Returns:
        The granted permissions.

    Raises:
        InvalidParams: An unknown permission, or one that the manifest does not request.
    """
    wanted = list(requested)
    if not isinstance(grant, list):
        return frozenset(wanted) if grant == "requested" else presets.select(grant, wanted)
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


def parsed(words: Iterable[str]) -> frozenset[Permission]:
    """Return permissions that were recorded in words."""
    return frozenset(map(parse, words))


def covered(needed: Permission, granted: frozenset[Permission]) -> bool:
    """Whether a grant covers what a host call needs."""
    return needed in granted or any(have.covers(needed) for have in granted)


def denied(needed: Permission, *, plugin_id: str, version: str, method: str) -> PermissionDenied:
    """Return the error for a host call that no grant covers; its hint says how to grant it."""
    return PermissionDenied(
        f"{plugin_id} {version} called {method} without permission {needed}",
        hint=f"Grant it with: pluginctl grant {plugin_id} {needed.name}",
        plugin_id=plugin_id,
        version=version,
    )


def check(needed: Permission, granted: frozenset[Permission], *, plugin_id: str, version: str, method: str) -> None:
    """Check one host call.

    Raises:
        PermissionDenied: No grant covers it; the hint says how to grant it.
    """
    if not covered(needed, granted):
        raise denied(needed, plugin_id=plugin_id, version=version, method=method)


def widening(
    requested: Iterable[Permission], *, before: Iterable[Permission], agreed: Iterable[Permission]
) -> list[Permission]:
    """Return what an update asks for beyond what its user knows of.

    Args:
        requested: What the new version asks for.
        before: What the current version asks for.
        agreed: What the user grants with the update.

    Returns:
        What nobody has agreed to, in the manifest's order; empty when the update asks for no more.
    """
    known = [*before, *agreed]
    return [one for one in requested if not any(have.includes(one) for have in known)]


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
