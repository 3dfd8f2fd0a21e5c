"""Where things lie on a track, and how they are put there and taken away. Each change is checked before it is made.

Positions are exact seconds. What is no clip of ours to move, such as nested stacks and transitions, stays as it is:
nothing is put over it, and a clip that is part of a transition is not moved or trimmed.
"""

from fractions import Fraction
from typing import NamedTuple

from opentimelineio.core import Composable, Item
from opentimelineio.schema import Gap, Track, Transition

from plugind_headless.timeline import times
from plugind_protocol.errors import InvalidParams


class Slot(NamedTuple):
    """An item of a track and the time it takes."""

    at: int
    """Its index among the track's children."""
    item: Item
    start: Fraction
    end: Fraction


def layout(track: Track) -> list[Slot]:
    """Return the items of a track in order; transitions take no time of their own.

    Raises:
        Exception: OTIO cannot say how long one of them is.
    """
    slots, at = [], Fraction(0)
    for index, child in enumerate(track):
        if isinstance(child, Item):
            end = at + times.seconds(child.duration())
            slots.append(Slot(index, child, at, end))
            at = end
    return slots


def slot_of(track: Track, item: Item) -> Slot:
    """Return where an item of the track lies."""
    return next(slot for slot in layout(track) if slot.item is item)


def check_free(track: Track, start: Fraction, end: Fraction, *, but: Item | None = None) -> None:
    """Refuse to put something where something is.

    Args:
        track: The track.
        start: Seconds.
        end: Seconds, after the start.
        but: What will be gone by then.

    Raises:
        InvalidParams: It would lie over something, or change what a transition joins.
    """
    if start < 0:
        raise InvalidParams(f"start {float(start):g} s is before the timeline's beginning", path="$.start")
    touched = [slot for slot in layout(track) if _touches(slot, start, end)]
    for slot in touched:
        if slot.item is not but and not _is_space(slot.item):
            raise InvalidParams(
                f"{_words(slot.item)} is there from {float(slot.start):g} to {float(slot.end):g} s "
                f"on track {track.name!r}",
                hint="Move or remove it first, or choose another time or track: clips are not put over others.",
            )
    neighbours = [slot.at for slot in touched] or [len(track) - 1]
    for index in neighbours:
        if index >= 0 and track[index] is not but:
            check_unjoined(track, index)


def check_unjoined(track: Track, index: int) -> None:
    """Refuse to change what a transition joins.

    Raises:
        InvalidParams: The child at the index is a transition, or beside one.
    """
    for near in (index - 1, index, index + 1):
        if 0 <= near < len(track) and isinstance(track[near], Transition):
            raise InvalidParams(
                f"{_words(track[index])} on track {track.name!r} is joined by the transition {track[near].name!r}",
                hint="Transitions are the editor's: remove it there first.",
            )


def put(track: Track, item: Item, start: Fraction, *, rate: float) -> None:
    """Put an item into free space, which `check_free` has found; gaps around it are cut or made to fit.

    Args:
        track: The track.
        item: What has no parent.
        start: Seconds.
        rate: In which gaps are counted.
    """
    end = start + times.seconds(item.duration())
    slots = layout(track)
    touched = [slot for slot in slots if _touches(slot, start, end)]
    if not touched:
        before = slots[-1].end if slots else Fraction(0)
        if start > before:
            track.append(_gap(start - before, rate))
        track.append(item)
        return
    first, last = touched[0], touched[-1]
    pieces: list[Composable] = [item]
    if start > first.start:
        pieces.insert(0, _resized(first.item, start - first.start, rate))
    if last.end > end:
        pieces.append(_resized(last.item, last.end - end, rate))
    for index in range(last.at, first.at - 1, -1):
        del track[index]
    for offset, piece in enumerate(pieces):
        track.insert(first.at + offset, piece)


def take(track: Track, item: Item, *, rate: float) -> None:
    """Take an item away and leave a gap, so that nothing else moves; at the track's end, nothing is left."""
    slot = slot_of(track, item)
    del track[slot.at]
    track.insert(slot.at, _gap(slot.end - slot.start, rate))
    _join_gaps(track, slot.at, rate)
    while len(track) and _is_plain(track[-1]):
        del track[-1]


def _join_gaps(track: Track, index: int, rate: float) -> None:
    first, last = index, index
    while first > 0 and _is_plain(track[first - 1]):
        first -= 1
    while last + 1 < len(track) and _is_plain(track[last + 1]):
        last += 1
    if first == last:
        return
    whole = sum((times.seconds(track[at].duration()) for at in range(first, last + 1)), Fraction(0))
    for at in range(last, first - 1, -1):
        del track[at]
    track.insert(first, _gap(whole, rate))


def _touches(slot: Slot, start: Fraction, end: Fraction) -> bool:
    return (slot.start < end and start < slot.end) or (slot.start == slot.end and start < slot.start < end)


def _is_space(item: Composable) -> bool:
    """Whether clips may be put there: what is marked on a gap would be lost with it."""
    return isinstance(item, Gap) and not item.markers and not item.effects


def _is_plain(item: Composable) -> bool:
    return _is_space(item) and not item.name and not len(item.metadata)


def _gap(span: Fraction, rate: float) -> Gap:
    return Gap(source_range=times.time_range(times.at_frame(0, rate), times.from_seconds(span, rate)))


def _resized(gap: Item, span: Fraction, rate: float) -> Item:
    """Return a copy of a gap, with what others keep in its metadata, of another length."""
    copy: Item = gap.deepcopy()
    copy.source_range = times.time_range(times.at_frame(0, rate), times.from_seconds(span, rate))
    return copy


def _words(item: Composable) -> str:
    return f"{type(item).__name__.lower()} {item.name!r}"
