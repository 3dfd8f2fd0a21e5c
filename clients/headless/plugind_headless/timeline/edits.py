"""Edits as values: what is to change, without the timeline it changes. Each is done whole, or refused and nothing done.

They can be done again on another copy of the timeline, which is how transactions that overlap are brought together.
"""

from fractions import Fraction
from typing import Any, Final, Protocol

import msgspec
from opentimelineio.opentime import RationalTime, TimeRange
from opentimelineio.schema import Clip, Effect, ExternalReference, Timeline, Track, TrackKind

from plugind_headless.timeline import ids, lanes, times
from plugind_protocol.errors import InvalidParams

_KINDS: Final = {"video": TrackKind.Video, "audio": TrackKind.Audio}
_SLACK: Final = Fraction(1, 1000)
"""Seconds by which a clip may go on beyond what its container says of its length."""


class Edit(Protocol):
    """A change."""

    def apply(self, timeline: Timeline, rate: float) -> None:
        """Make it.

        Args:
            timeline: What to change; untouched when it is refused.
            rate: Frames per second of the timeline.

        Raises:
            InvalidParams: It does not fit; the message says why.
        """


class Extent(msgspec.Struct, frozen=True):
    """How much there is of a media file."""

    rate: float
    """Frames or samples per second."""
    frames: int
    kind: str = "video"
    """Of the track that it belongs on: ``video`` or ``audio``."""


class AddClip(msgspec.Struct, frozen=True, kw_only=True):
    """Puts a new clip on a track; on a new one, if the index is that after the last."""

    clip_id: str
    name: str
    url: str
    track: int
    start: float
    duration: float | None = None
    source_start: float = 0.0
    extent: Extent | None = None
    """None where nobody could look."""
    metadata: dict[str, Any] = {}

    def apply(self, timeline: Timeline, rate: float) -> None:
        """Make it."""
        media = ExternalReference(target_url=self.url)
        if self.extent is not None:
            media.available_range = TimeRange(
                RationalTime(0, self.extent.rate), RationalTime(self.extent.frames, self.extent.rate)
            )
        clip = Clip(name=self.name, media_reference=media)
        ids.keep(clip, id=self.clip_id, metadata=self.metadata)
        first, last = _span(self.start, self._duration(), rate)
        clip.source_range = _source(clip, self.source_start, last - first, rate)
        if self.track == len(timeline.tracks):
            _check_start(first)
            track = Track(name=f"{self._kind()[0].upper()}{self.track + 1}", kind=_KINDS[self._kind()])
            timeline.tracks.append(track)
        else:
            track = _track(timeline, self.track)
            lanes.check_free(track, *_exact(first, last, rate))
        lanes.put(track, clip, times.seconds(times.at_frame(first, rate)), rate=rate)

    def _duration(self) -> float | Fraction:
        if self.duration is not None:
            return self.duration
        if self.extent is None:
            raise InvalidParams(
                f"how long {self.url!r} is cannot be found out",
                hint="Give the clip a duration.",
                path="$.clip.duration",
            )
        return Fraction(self.extent.frames) / times.exact(self.extent.rate) - Fraction(self.source_start)

    def _kind(self) -> str:
        return self.extent.kind if self.extent is not None else "video"


class RemoveClip(msgspec.Struct, frozen=True):
    """Takes a clip away, and leaves a gap."""

    clip_id: str

    def apply(self, timeline: Timeline, rate: float) -> None:
        """Make it."""
        _, track, clip = find(timeline, self.clip_id)
        lanes.check_unjoined(track, lanes.slot_of(track, clip).at)
        lanes.take(track, clip, rate=rate)


class UpdateClip(msgspec.Struct, frozen=True, kw_only=True):
    """Changes what is given of a clip."""

    clip_id: str
    name: str | None = None
    start: float | None = None
    duration: float | None = None
    source_start: float | None = None
    track: int | None = None
    enabled: bool | None = None
    metadata: dict[str, Any] | None = None
    """Replaces what plugins kept with the clip; what other programs keep is not theirs to see or change."""

    def apply(self, timeline: Timeline, rate: float) -> None:
        """Make it."""
        index, track, clip = find(timeline, self.clip_id)
        if self.metadata is not None:
            ids.check(self.metadata)
        if not (self.start is None and self.duration is None and self.source_start is None and self.track is None):
            self._place(timeline, rate, index=index, track=track, clip=clip)
        if self.metadata is not None:
            ids.keep(clip, metadata=self.metadata)
        if self.name is not None:
            clip.name = self.name
        if self.enabled is not None:
            clip.enabled = self.enabled

    def _place(self, timeline: Timeline, rate: float, *, index: int, track: Track, clip: Clip) -> None:
        slot = lanes.slot_of(track, clip)
        lanes.check_unjoined(track, slot.at)
        start = slot.start if self.start is None else self.start
        length = slot.end - slot.start if self.duration is None else self.duration
        first, last = _span(start, length, rate)
        source_start = source_start_of(clip) if self.source_start is None else self.source_start
        source = _source(clip, source_start, last - first, rate)
        target = track if self.track in {None, index} else _track(timeline, self.track or 0)
        lanes.check_free(target, *_exact(first, last, rate), but=clip)
        lanes.take(track, clip, rate=rate)
        clip.source_range = source
        lanes.put(target, clip, times.seconds(times.at_frame(first, rate)), rate=rate)


class ApplyEffect(msgspec.Struct, frozen=True, kw_only=True):
    """Puts an effect on a clip, after those that are there."""

    clip_id: str
    effect_id: str
    """Of the instance."""
    effect: str
    """Which of the plugin's effects."""
    plugin_id: str
    params: dict[str, Any] = {}

    def apply(self, timeline: Timeline, rate: float) -> None:  # noqa: ARG002  # no time in it
        """Make it."""
        _, _, clip = find(timeline, self.clip_id)
        kept = {"id": self.effect_id, "pluginId": self.plugin_id, "effectId": self.effect, "params": self.params}
        ids.check(kept)
        effect = Effect(name=self.effect, effect_name=f"{self.plugin_id}/{self.effect}", metadata={ids.OURS: kept})
        clip.effects.append(effect)


def find(timeline: Timeline, clip_id: str) -> tuple[int, Track, Clip]:
    """Return a clip with its track and that one's index.

    Raises:
        InvalidParams: There is no such clip.
    """
    for index, track, clip in ids.clips(timeline):
        if ids.id_of(clip) == clip_id:
            return index, track, clip
    raise InvalidParams(f"there is no clip {clip_id!r}", hint="timeline.getState has those that there are.")


def source_start_of(clip: Clip) -> Fraction:
    """Return where in its media a clip begins, in seconds from the media's beginning."""
    if clip.source_range is None:
        return Fraction(0)
    return times.seconds(clip.source_range.start_time) - _origin(clip)


def _origin(clip: Clip) -> Fraction:
    """The time at which the media itself begins: cameras write the time of day."""
    available = clip.media_reference.available_range if clip.media_reference is not None else None
    return Fraction(0) if available is None else times.seconds(available.start_time)


def _source(clip: Clip, start: float | Fraction, frames: int, rate: float) -> TimeRange:
    """The part of its media that a clip shows; its start counts in the media's own frames, where those are known."""
    if start < 0:
        raise InvalidParams(f"sourceStart {float(start):g} s is before the media's beginning", path="$.sourceStart")
    available = clip.media_reference.available_range if clip.media_reference is not None else None
    own = rate if available is None else available.start_time.rate
    first = times.at_frame(times.frames(_origin(clip) + Fraction(start), own), own)
    length = times.at_frame(frames, rate)
    if available is not None:
        beyond = times.seconds(first) + times.seconds(length) - _origin(clip) - times.seconds(available.duration)
        if beyond > max(_SLACK, 1 / times.exact(rate) / 2):
            raise InvalidParams(
                f"the media ends after {float(times.seconds(available.duration)):g} s, "
                f"{float(beyond):g} s before the clip does",
                hint="Give a smaller duration or sourceStart.",
                path="$.duration",
            )
    return TimeRange(first, length)


def _span(start: float | Fraction, duration: float | Fraction, rate: float) -> tuple[int, int]:
    """The first frame and that after the last: both ends are rounded, so that what touches in seconds touches."""
    if duration <= 0:
        raise InvalidParams(f"duration {float(duration):g} s is not above 0", path="$.duration")
    first, last = times.frames(start, rate), times.frames(Fraction(start) + Fraction(duration), rate)
    return first, max(last, first + 1)


def _exact(first: int, last: int, rate: float) -> tuple[Fraction, Fraction]:
    return times.seconds(times.at_frame(first, rate)), times.seconds(times.at_frame(last, rate))


def _check_start(first: int) -> None:
    if first < 0:
        raise InvalidParams("start is before the timeline's beginning", path="$.start")


def _track(timeline: Timeline, index: int) -> Track:
    stack = timeline.tracks
    if not 0 <= index < len(stack) or not isinstance(stack[index], Track):
        raise InvalidParams(f"there is no track {index}: the timeline has {len(stack)}", path="$.track")
    return stack[index]
