"""Resource limits of a plugin: the daemon's defaults, narrowed or widened by its manifest and by the user."""

from plugind_protocol.manifest import Limits


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
