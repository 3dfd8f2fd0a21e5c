"""What we keep in the metadata of clips, under ``plugind``, where other programs let it be: ids, and plugins' own data.

An id says which clip is meant, from call to call and from run to run. A clip without one gets the same each time the
same file is opened, so that it is stable before anything was saved. A copy made elsewhere has the id of its original:
the later one gets another.
"""

import hashlib
import uuid
from collections.abc import Iterator
from typing import Any, Final

from opentimelineio.schema import Clip, Timeline, Track

from plugind_protocol.errors import InvalidParams

OURS: Final = "plugind"
"""The key of our metadata."""
_ID: Final = "id"
_LENGTH: Final = 12
_LONGEST: Final = 256
"""Characters of an id, as the contract has it."""


def tracks(timeline: Timeline) -> list[tuple[int, Track]]:
    """Return the tracks with their indices among everything that the timeline stacks."""
    return [(index, child) for index, child in enumerate(timeline.tracks) if isinstance(child, Track)]


def clips(timeline: Timeline) -> Iterator[tuple[int, Track, Clip]]:
    """Yield each clip that lies directly on a track, with the track's index."""
    for index, track in tracks(timeline):
        for child in track:
            if isinstance(child, Clip):
                yield index, track, child


def id_of(clip: Clip) -> str:
    """Return the id of a clip; empty where it has none."""
    found = ours(clip).get(_ID)
    return found if isinstance(found, str) and len(found) <= _LONGEST else ""


def ours(item: Any) -> dict[str, Any]:
    """Return a copy of what we keep in an item's metadata."""
    kept = item.metadata.get(OURS)
    return dict(kept) if kept is not None and hasattr(kept, "keys") else {}


def keep(clip: Clip, **values: Any) -> None:
    """Keep values with a clip: ``id``, and ``metadata`` of plugins; other keys stay.

    Raises:
        InvalidParams: OTIO cannot keep one of them.
    """
    check(values)
    clip.metadata[OURS] = {**ours(clip), **values}


def check(values: dict[str, Any]) -> None:
    """Refuse what OTIO cannot keep: whole numbers beyond 64 bits.

    Raises:
        InvalidParams: There is one.
    """
    try:
        Clip(metadata=values)
    except (TypeError, ValueError) as exc:
        raise InvalidParams(f"OTIO cannot keep this: {exc}", path="$.metadata") from exc


def fresh() -> str:
    """Return an id that nobody has."""
    return uuid.uuid4().hex[:_LENGTH]


def ensure(timeline: Timeline) -> None:
    """Give an id to every clip that has none, or one that an earlier clip has."""
    seen: set[str] = set()
    for number, (index, _, clip) in enumerate(clips(timeline)):
        clip_id = id_of(clip)
        if not clip_id or clip_id in seen:
            clip_id = _derived(f"{number}/{index}/{clip.name}", seen)
            keep(clip, id=clip_id)
        seen.add(clip_id)


def _derived(text: str, taken: set[str]) -> str:
    while (found := hashlib.sha256(text.encode(errors="replace")).hexdigest()[:_LENGTH]) in taken:
        text += "'"
    return found
