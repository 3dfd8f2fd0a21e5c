"""Which versions of a plugin are kept, and which one to go back to: pure decisions over records."""

from collections.abc import Container, Sequence

import msgspec

from plugind.registry.records import Record


def kept_after(kept: Sequence[Record], current: Record, new: Record, *, keep: int) -> list[Record]:
    """Decide what is kept once another version is the current one.

    Args:
        kept: What is kept now, newest last.
        current: The version that was current.
        new: The version that is.
        keep: How many are kept; the oldest go.

    Returns:
        What is kept then, newest last.
    """
    others = [one for one in kept if one.package not in (current.package, new.package)]
    if current.package != new.package:
        others.append(current)
    return others[-keep:] if keep else []


def latest(kept: Sequence[Record], quarantined: Container[tuple[str, str]]) -> Record | None:
    """Return the version that was current last and is not in quarantine.

    Args:
        kept: What is kept, newest last.
        quarantined: Plugin and package of what is in quarantine.
    """
    return next((one for one in reversed(kept) if (one.plugin_id, one.package) not in quarantined), None)


def find(kept: Sequence[Record], version: str) -> Record | None:
    """Return a version that is kept; of several that call themselves so, the one that was current last."""
    return next((one for one in reversed(kept) if one.version == version), None)


def again(record: Record, current: Record, *, granted: list[str], at: str) -> Record:
    """Return what a version is recorded as when it becomes current again; what the user decided since goes with it.

    Args:
        record: The version, as it was.
        current: The version that is current.
        granted: What it is granted.
        at: The time of day; ISO 8601, UTC.
    """
    return msgspec.structs.replace(
        record,
        enabled=current.enabled,
        limits=current.limits,
        granted=granted,
        number=current.number + 1,
        installed_at=at,
    )
