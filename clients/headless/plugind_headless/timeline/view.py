"""The timeline as plugins see it."""

from typing import Any, Final, Literal

from opentimelineio.schema import Clip, Timeline, Track, TrackKind

from plugind_headless.timeline import edits, ids, lanes, times
from plugind_headless.timeline.sources import Sources
from plugind_protocol.host import timeline as wire

_KINDS: Final[dict[str, Literal["video", "audio"]]] = {TrackKind.Video: "video", TrackKind.Audio: "audio"}


class View:
    """Describes timelines in the words of the contract.

    Args:
        sources: Names media for plugins.
        rate: Frames per second of the timeline.
    """

    def __init__(self, sources: Sources, *, rate: float) -> None:
        self._sources = sources
        self._rate = rate

    def state(self, timeline: Timeline, *, current_time: float, selection: list[str]) -> wire.TimelineState:
        """Return all of it; tracks that hold neither video nor audio are left out."""
        tracks = [self._track(index, track) for index, track in ids.tracks(timeline) if track.kind in _KINDS]
        size = ids.ours(timeline)
        ends = [lanes.layout(track)[-1].end for _, track in ids.tracks(timeline) if len(track)]
        return wire.TimelineState(
            name=timeline.name,
            duration=float(max(ends, default=0)),
            fps=float(times.exact(self._rate)),
            current_time=current_time,
            tracks=tracks,
            selection=self.present(timeline, selection),
            width=_pixels(size.get("width")),
            height=_pixels(size.get("height")),
        )

    def current(self, current_time: float) -> wire.CurrentTime:
        """Return the playhead."""
        return wire.CurrentTime(
            seconds=current_time,
            timecode=times.timecode(times.frames(current_time, self._rate), self._rate),
            fps=float(times.exact(self._rate)),
        )

    def present(self, timeline: Timeline, clip_ids: list[str]) -> list[str]:
        """Return those of the clips that there are."""
        there = {ids.id_of(clip) for _, _, clip in ids.clips(timeline)}
        return [clip_id for clip_id in clip_ids if clip_id in there]

    def clip(self, timeline: Timeline, clip_id: str) -> wire.Clip:
        """Return one clip.

        Raises:
            InvalidParams: There is no such clip.
        """
        index, track, clip = edits.find(timeline, clip_id)
        slot = lanes.slot_of(track, clip)
        return self._clip(index, slot, clip)

    def _track(self, index: int, track: Track) -> wire.Track:
        clips = [self._clip(index, slot, slot.item) for slot in lanes.layout(track) if isinstance(slot.item, Clip)]
        return wire.Track(index=index, name=track.name, kind=_KINDS[track.kind], clips=clips)

    def _clip(self, index: int, slot: lanes.Slot, clip: Clip) -> wire.Clip:
        ours = ids.ours(clip)
        url = getattr(clip.media_reference, "target_url", None)
        return wire.Clip(
            id=ids.id_of(clip),
            name=clip.name,
            track=index,
            start=float(slot.start),
            duration=float(slot.end - slot.start),
            source=(self._sources.from_url(url) or None) if url else None,
            source_start=max(0.0, float(edits.source_start_of(clip))),
            enabled=clip.enabled,
            effects=[effect for one in clip.effects if (effect := _effect(ids.ours(one)))],
            metadata=plain(ours.get("metadata", {})),
        )


def plain(value: Any) -> Any:
    """Return OTIO's metadata as plain values."""
    if hasattr(value, "items"):
        return {key: plain(member) for key, member in value.items()}
    if hasattr(value, "__iter__") and not isinstance(value, str):
        return [plain(member) for member in value]
    return value


def _effect(kept: dict[str, Any]) -> dict[str, Any]:
    """An effect as the daemon gave it to us; empty for one that another program made."""
    return {key: plain(value) for key, value in kept.items()} if "effectId" in kept else {}


def _pixels(value: object) -> int | None:
    return value if isinstance(value, int) and 1 <= value <= 16_384 else None
