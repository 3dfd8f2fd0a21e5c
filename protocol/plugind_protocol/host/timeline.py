"""``timeline.*``: what plugins read and change of the project, and how their changes are bracketed."""

from typing import Annotated, Any, Final, Literal

from msgspec import Meta

from plugind_protocol.host.values import FilePath, FrameRate, Identifier, Line, Pixels, Seconds, Text, TrackIndex
from plugind_protocol.table import Empty, Example, HostMethod, Method, Open, Params, Struct

NAMESPACE: Final = "timeline"


class Clip(Open, frozen=True):
    """A clip on a track."""

    id: Identifier
    """The editor's own id."""
    name: Text
    """For people."""
    track: TrackIndex
    """0-based index among all tracks."""
    start: Seconds
    """Where it begins on the timeline, in s."""
    duration: Seconds
    """In s."""
    source: FilePath | None = None
    """Path or URL of its media; absent for titles and the like."""
    source_start: Seconds | None = None
    """Where in the media it begins, in s; absent: at 0."""
    enabled: bool = True
    """Whether it is played."""
    effects: list[Any] = []
    """Effects on it, in order; each as the editor describes it."""
    metadata: dict[str, Any] = {}
    """Whatever was kept with it."""


class Track(Open, frozen=True):
    """One track with its clips."""

    index: TrackIndex
    """0-based index among all tracks."""
    name: Text
    """For people."""
    kind: Literal["video", "audio"]
    """What its clips give."""
    clips: list[Clip]
    """In order of time."""


class TimelineState(Open, frozen=True):
    """The whole timeline."""

    name: Text
    """Of the project."""
    duration: Seconds
    """In s."""
    fps: FrameRate
    """Frames per s."""
    current_time: Seconds
    """The playhead, in s."""
    tracks: list[Track]
    """All tracks, in the order of their index."""
    selection: list[Identifier]
    """Ids of the selected clips."""
    width: Pixels | None = None
    """Of the picture, in pixels."""
    height: Pixels | None = None
    """Of the picture, in pixels."""


class CurrentTime(Open, frozen=True):
    """The playhead."""

    seconds: Seconds
    """In s from the beginning."""
    timecode: Text
    """The same for display, such as ``00:00:01:12``."""
    fps: FrameRate
    """Frames per s."""


class SelectedClips(Open, frozen=True):
    """The selection."""

    clips: list[Clip]
    """In order of time; empty where nothing is selected."""


class NewClip(Params, frozen=True):
    """A clip to be added."""

    source: FilePath
    """Path or URL of its media."""
    start: Seconds
    """Where it is to begin on the timeline, in s."""
    name: Line | None = None
    """Default: the name of the media."""
    duration: Annotated[float, Meta(gt=0, le=1e9)] | None = None
    """In s; default: all of the media from ``sourceStart``."""
    source_start: Seconds | None = None
    """Where in the media it is to begin, in s; default 0."""
    metadata: dict[str, Any] | None = None
    """Kept with the clip."""


class AddClip(Params, frozen=True):
    """Adds a clip."""

    clip: NewClip
    """What to add."""
    track: TrackIndex
    """0-based index among all tracks."""


class ClipAdded(Open, frozen=True):
    """The clip was added."""

    clip_id: Identifier
    """Of the new clip."""


class ClipId(Params, frozen=True):
    """Names a clip."""

    clip_id: Identifier
    """Id of the clip."""


class ClipChanges(Params, frozen=True):
    """What is to change of a clip; what is absent, or null, stays."""

    name: Line | None = None
    """For people."""
    start: Seconds | None = None
    """In s."""
    duration: Annotated[float, Meta(gt=0, le=1e9)] | None = None
    """In s."""
    source_start: Seconds | None = None
    """In s."""
    track: TrackIndex | None = None
    """0-based index among all tracks."""
    enabled: bool | None = None
    """Whether it is played."""
    metadata: dict[str, Any] | None = None
    """Replaces what was kept with the clip."""


class UpdateClip(Params, frozen=True):
    """Changes a clip."""

    clip_id: Identifier
    """The clip to change."""
    changes: ClipChanges
    """What is to be different."""


class ClipUpdated(Open, frozen=True):
    """The clip as it is now."""

    clip: Clip
    """With all of its fields."""


class BeginTransaction(Struct, frozen=True):
    """Begins a transaction: the edits of one call of one plugin, undone as one step if the call fails."""

    plugin_id: str
    """Whose edits they are."""
    transaction: str
    """Its id; the edits that belong to it carry it as ``transaction``."""
    label: str
    """For the undo history: the plugin and the function that was called."""


class CommitTransaction(Struct, frozen=True):
    """Ends a transaction well: the edits stay, as one step of the undo history."""

    plugin_id: str
    """Whose edits they are."""
    transaction: str
    """The id that began it."""


class RollbackTransaction(Struct, frozen=True):
    """Ends a transaction that failed: its edits are taken back."""

    plugin_id: str
    """Whose edits they were."""
    transaction: str
    """The id that began it."""
    reason: str
    """What went wrong, in words."""


_CLIP: Final = {
    "id": "c1",
    "name": "beach",
    "track": 0,
    "start": 0.0,
    "duration": 4.0,
    "source": "media/beach.mp4",
    "sourceStart": 1.5,
}

METHODS: Final = (
    HostMethod(
        "timeline.getState",
        Empty,
        TimelineState,
        "The whole timeline.",
        permission="timeline.read",
        example=Example(
            {},
            {
                "name": "Holidays",
                "duration": 4.0,
                "fps": 25.0,
                "width": 1920,
                "height": 1080,
                "currentTime": 1.48,
                "tracks": [{"index": 0, "name": "V1", "kind": "video", "clips": [_CLIP]}],
                "selection": ["c1"],
            },
        ),
    ),
    HostMethod(
        "timeline.getCurrentTime",
        Empty,
        CurrentTime,
        "The playhead.",
        permission="timeline.read",
        example=Example({}, {"seconds": 1.48, "timecode": "00:00:01:12", "fps": 25.0}),
    ),
    HostMethod(
        "timeline.getSelectedClips",
        Empty,
        SelectedClips,
        "The selected clips.",
        permission="timeline.read",
        example=Example({}, {"clips": [_CLIP]}),
    ),
    HostMethod(
        "timeline.addClip",
        AddClip,
        ClipAdded,
        "Add a clip to a track.",
        permission="timeline.write",
        edits=True,
        example=Example({"clip": {"source": "media/beach.mp4", "start": 4.0}, "track": 0}, {"clipId": "c2"}),
    ),
    HostMethod(
        "timeline.removeClip",
        ClipId,
        None,
        "Remove a clip.",
        permission="timeline.write",
        edits=True,
        example=Example({"clipId": "c2"}),
    ),
    HostMethod(
        "timeline.updateClip",
        UpdateClip,
        ClipUpdated,
        "Change a clip.",
        permission="timeline.write",
        edits=True,
        example=Example({"clipId": "c1", "changes": {"start": 2.0}}, {"clip": {**_CLIP, "start": 2.0}}),
    ),
)

PROVIDER_METHODS: Final = (
    Method("timeline.begin", BeginTransaction, None, "Begin a transaction, before its first edit."),
    Method("timeline.commit", CommitTransaction, None, "End a transaction well; answer once its edits are kept."),
    Method("timeline.rollback", RollbackTransaction, None, "End a transaction that failed; take its edits back."),
)
"""What the daemon asks of its own accord, of the client that provides the timeline."""
