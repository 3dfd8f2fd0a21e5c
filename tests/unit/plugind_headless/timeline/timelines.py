"""Small timelines for tests, made with OTIO itself."""

from typing import Any

from opentimelineio.opentime import RationalTime, TimeRange
from opentimelineio.schema import Clip, ExternalReference, Gap, Timeline, Track, TrackKind

from plugind_headless.timeline import ids, lanes

RATE = 30.0


def span(start: float, frames: float, rate: float = RATE) -> TimeRange:
    return TimeRange(RationalTime(start, rate), RationalTime(frames, rate))


def clip(name: str, frames: float, *, start: float = 0, rate: float = RATE, **more: Any) -> Clip:
    media = ExternalReference(target_url=f"{name}.mp4", available_range=span(0, 1000, rate))
    made = Clip(name=name, media_reference=media, source_range=span(start, frames, rate), **more)
    ids.keep(made, id=name)
    return made


def gap(frames: float, **more: Any) -> Gap:
    return Gap(source_range=span(0, frames), **more)


def timeline(*tracks: list[Any]) -> Timeline:
    made = Timeline(name="test", metadata={"plugind": {"fps": RATE}})
    for number, children in enumerate(tracks, 1):
        made.tracks.append(Track(name=f"V{number}", kind=TrackKind.Video, children=children))
    return made


def laid(track: Track) -> list[tuple[str, float, float]]:
    """What lies where, in frames; gaps are ``-``."""
    return [
        ("-" if isinstance(slot.item, Gap) else slot.item.name, float(slot.start * 30), float(slot.end * 30))
        for slot in lanes.layout(track)
    ]
