"""Resource limits of a plugin: the daemon's defaults, narrowed or widened by its manifest and by the user."""

from plugind_protocol.manifest import Limits


def merge(old: Limits, new: Limits) -> Limits:
    """Return ``old`` with everything that ``new`` sets."""
    return Limits(
        **{
            name: getattr(old, name) if getattr(new, name) is None else getattr(new, name)
            for name in Limits.__struct_fields__
        }
    )


def warns(used: float, limit: float | None, *, warned: bool) -> bool:
    """Decide whether a resource is near its limit.

    Args:
        used: How much is used.
        limit: Most that may be used; ``None`` for no limit.
        warned: Whether it was before; then it stays so until a tenth less is used.

    Returns:
        True from four fifths of the limit on.
    """
    return limit is not None and used >= limit * (0.7 if warned else 0.8)


def effective(defaults: Limits, requested: Limits, user: Limits) -> Limits:
    """Merge limits, later ones first.

    Args:
        defaults: The daemon's.
        requested: The manifest's; counts only where it asks for less than the default.
        user: The user's; always counts.

    Returns:
        The limits in force.
    """
    merged = {}
    for name in Limits.__struct_fields__:
        default, asked, chosen = getattr(defaults, name), getattr(requested, name), getattr(user, name)
        if chosen is not None:
            merged[name] = chosen
        elif default is None or asked is None:
            merged[name] = asked if default is None else default
        else:
            merged[name] = min(default, asked)
    return Limits(**merged)
