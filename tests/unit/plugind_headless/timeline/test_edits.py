from typing import Any

import pytest
from opentimelineio.core import serialize_json_to_string
from opentimelineio.opentime import RationalTime, TimeRange
from opentimelineio.schema import (
    Clip,
    Effect,
    ExternalReference,
    Marker,
    MissingReference,
    Stack,
    Timeline,
    TrackKind,
    Transition,
)
from tests.unit.plugind_headless.timeline.timelines import RATE, clip, gap, laid, span, timeline

from plugind_headless.timeline import edits, ids
from plugind_headless.timeline.edits import AddClip, ApplyEffect, Extent, RemoveClip, UpdateClip
from plugind_headless.timeline.view import plain
from plugind_protocol.errors import InvalidParams


def seconds(frames: float) -> float:
    return frames / RATE


def add(name: str, start: float, frames: float | None, *, track: int = 0, **more: Any) -> AddClip:
    duration = None if frames is None else seconds(frames)
    return AddClip(
        clip_id=name, name=name, url=f"{name}.mp4", track=track, start=seconds(start), duration=duration, **more
    )


def refused(made: Timeline, edit: edits.Edit, words: str) -> InvalidParams:
    """A refused edit leaves everything as it was."""
    before = serialize_json_to_string(made)
    with pytest.raises(InvalidParams, match=words) as caught:
        edit.apply(made, RATE)
    assert serialize_json_to_string(made) == before
    return caught.value


# --- adding


def test_a_clip_at_the_beginning_and_one_after_it() -> None:
    made = timeline([])
    add("a", 0, 30).apply(made, RATE)
    add("b", 30, 15).apply(made, RATE)
    assert laid(made.tracks[0]) == [("a", 0, 30), ("b", 30, 45)]


def test_a_clip_further_on_is_preceded_by_a_gap() -> None:
    made = timeline([clip("a", 30)])
    add("b", 60, 15).apply(made, RATE)
    assert laid(made.tracks[0]) == [("a", 0, 30), ("-", 30, 60), ("b", 60, 75)]


@pytest.mark.parametrize(
    ("start", "frames", "expected"),
    [
        (10, 20, [("a", 0, 10), ("new", 10, 30), ("b", 30, 40)]),
        (10, 5, [("a", 0, 10), ("new", 10, 15), ("-", 15, 30), ("b", 30, 40)]),
        (25, 5, [("a", 0, 10), ("-", 10, 25), ("new", 25, 30), ("b", 30, 40)]),
        (15, 5, [("a", 0, 10), ("-", 10, 15), ("new", 15, 20), ("-", 20, 30), ("b", 30, 40)]),
    ],
)
def test_a_clip_in_a_gap_leaves_the_rest_of_it(start: float, frames: float, expected: list[Any]) -> None:
    made = timeline([clip("a", 10), gap(20), clip("b", 10)])
    add("new", start, frames).apply(made, RATE)
    assert laid(made.tracks[0]) == expected


def test_a_clip_over_several_gaps_and_beyond_the_end() -> None:
    made = timeline([clip("a", 10), gap(5), gap(5, name="named", metadata={"x": 1})])
    add("new", 12, 100).apply(made, RATE)
    assert laid(made.tracks[0]) == [("a", 0, 10), ("-", 10, 12), ("new", 12, 112)]


def test_what_others_keep_with_a_gap_stays_with_what_is_left_of_it() -> None:
    made = timeline([gap(30, metadata={"x": 1}), clip("a", 10)])
    add("new", 10, 10).apply(made, RATE)
    assert laid(made.tracks[0]) == [("-", 0, 10), ("new", 10, 20), ("-", 20, 30), ("a", 30, 40)]
    assert [made.tracks[0][index].metadata["x"] for index in (0, 2)] == [1, 1]


@pytest.mark.parametrize(("start", "frames"), [(0, 1), (5, 30), (9.4, 1), (0, 100), (39, 5)])
def test_over_another_clip_it_is_refused(start: float, frames: float) -> None:
    made = timeline([clip("a", 10), gap(20), clip("b", 10)])
    error = refused(made, add("new", start, frames), r"clip '[ab]' is there from")
    assert "not put over" in error.hint


def test_cut_points_are_rounded_so_that_what_touches_in_seconds_touches() -> None:
    made = timeline([])
    at = 0.0
    for number in range(20):
        AddClip(clip_id=str(number), name=str(number), url="x", track=0, start=at, duration=0.11).apply(made, RATE)
        at += 0.11
    assert all(name != "-" for name, _, _ in laid(made.tracks[0]))
    assert laid(made.tracks[0])[-1][2] == round(20 * 0.11 * RATE)


def test_a_clip_is_at_least_a_frame_long() -> None:
    made = timeline([])
    add("a", 0, 0.01).apply(made, RATE)
    assert laid(made.tracks[0]) == [("a", 0, 1)]


def test_the_length_of_the_media_is_the_default_and_the_bound() -> None:
    made = timeline([])
    extent = Extent(rate=25.0, frames=50)
    add("a", 0, None, extent=extent).apply(made, RATE)
    add("b", 60, None, extent=extent, source_start=1.0).apply(made, RATE)
    assert laid(made.tracks[0]) == [("a", 0, 60), ("b", 60, 90)]
    assert made.tracks[0][1].source_range == TimeRange(RationalTime(25, 25), RationalTime(30, 30))
    assert made.tracks[0][1].media_reference.available_range == TimeRange(RationalTime(0, 25), RationalTime(50, 25))
    refused(made, add("c", 300, 61, extent=extent), "media ends after 2 s")
    refused(made, add("c", 300, 31, extent=extent, source_start=1.0), "media ends")
    refused(made, add("c", 300, None), "cannot be found out")


def test_a_track_after_the_last_is_made_and_of_the_kind_of_the_media() -> None:
    made = timeline([])
    add("a", 0, 10, track=1).apply(made, RATE)
    add("b", 5, None, track=2, extent=Extent(48000.0, 48000, "audio")).apply(made, RATE)
    assert [(track.name, track.kind) for track in made.tracks] == [
        ("V1", TrackKind.Video),
        ("V2", TrackKind.Video),
        ("A3", TrackKind.Audio),
    ]
    assert laid(made.tracks[2]) == [("-", 0, 5), ("b", 5, 35)]
    refused(made, add("c", 0, 10, track=4), "there is no track 4")


def test_data_of_plugins_stays_with_the_clip() -> None:
    made = timeline([])
    add("a", 0, 10, metadata={"grade": {"lift": 0.5}}).apply(made, RATE)
    assert ids.ours(made.tracks[0][0])["metadata"]["grade"]["lift"] == 0.5
    refused(made, add("b", 20, 10, metadata={"n": 2**70}), "cannot keep")


# --- removing


def test_a_removed_clip_leaves_a_gap_joined_with_those_beside_it() -> None:
    made = timeline([clip("a", 10), gap(5), clip("b", 10), gap(5), clip("c", 10)])
    RemoveClip("b").apply(made, RATE)
    assert laid(made.tracks[0]) == [("a", 0, 10), ("-", 10, 30), ("c", 30, 40)]


def test_at_the_end_of_a_track_nothing_is_left() -> None:
    made = timeline([clip("a", 10), gap(5), clip("b", 10)])
    RemoveClip("b").apply(made, RATE)
    assert laid(made.tracks[0]) == [("a", 0, 10)]
    RemoveClip("a").apply(made, RATE)
    assert len(made.tracks[0]) == 0


def test_gaps_that_others_use_are_not_joined() -> None:
    made = timeline([gap(5, name="slate"), clip("a", 10), gap(5, metadata={"x": 1}), clip("b", 10)])
    RemoveClip("a").apply(made, RATE)
    assert laid(made.tracks[0]) == [("-", 0, 5), ("-", 5, 15), ("-", 15, 20), ("b", 20, 30)]


def test_an_unknown_clip() -> None:
    assert "timeline.getState" in refused(timeline([]), RemoveClip("nobody"), "no clip 'nobody'").hint


# --- updating


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"start": seconds(30)}, [("-", 0, 30), ("a", 30, 40), ("b", 40, 50)]),
        ({"start": seconds(5)}, [("-", 0, 5), ("a", 5, 15), ("-", 15, 40), ("b", 40, 50)]),
        ({"duration": seconds(40)}, [("a", 0, 40), ("b", 40, 50)]),
        ({"duration": seconds(4)}, [("a", 0, 4), ("-", 4, 40), ("b", 40, 50)]),
        ({"start": seconds(2), "duration": seconds(4)}, [("-", 0, 2), ("a", 2, 6), ("-", 6, 40), ("b", 40, 50)]),
        ({"start": seconds(50)}, [("-", 0, 40), ("b", 40, 50), ("a", 50, 60)]),
        ({"name": "c", "enabled": False}, [("c", 0, 10), ("-", 10, 40), ("b", 40, 50)]),
    ],
)
def test_moving_and_trimming(change: dict[str, Any], expected: list[Any]) -> None:
    made = timeline([clip("a", 10), gap(30), clip("b", 10)])
    UpdateClip(clip_id="a", **change).apply(made, RATE)
    assert laid(made.tracks[0]) == expected
    assert edits.find(made, "a")[2].enabled is change.get("enabled", True)


def test_a_clip_may_move_over_where_it_was() -> None:
    made = timeline([clip("a", 10), gap(10), clip("b", 10)])
    UpdateClip(clip_id="b", start=seconds(12)).apply(made, RATE)
    assert laid(made.tracks[0]) == [("a", 0, 10), ("-", 10, 12), ("b", 12, 22)]


def test_another_track_and_another_part_of_the_media() -> None:
    made = timeline([clip("a", 10)], [clip("b", 10)])
    UpdateClip(clip_id="a", track=1, start=seconds(10), source_start=seconds(7)).apply(made, RATE)
    assert (laid(made.tracks[0]), laid(made.tracks[1])) == ([], [("b", 0, 10), ("a", 10, 20)])
    assert edits.find(made, "a")[2].source_range == span(7, 10)
    assert edits.source_start_of(edits.find(made, "a")[2]) * 30 == 7


def test_media_that_begin_at_a_time_of_day() -> None:
    camera = ExternalReference(target_url="c.mov", available_range=span(108_000, 300))
    made = timeline(
        [Clip(name="c", media_reference=camera, source_range=span(108_030, 60), metadata={"plugind": {"id": "c"}})]
    )
    found = edits.find(made, "c")[2]
    assert edits.source_start_of(found) == 1
    UpdateClip(clip_id="c", source_start=2.0).apply(made, RATE)
    assert found.source_range == span(108_060, 60)
    refused(made, UpdateClip(clip_id="c", source_start=9.0), "media ends after 10 s")


def test_metadata_of_plugins_is_replaced_and_that_of_others_stays() -> None:
    made = timeline([clip("a", 10)])
    found = made.tracks[0][0]
    found.metadata["cmx_3600"] = {"reel": "A001"}
    UpdateClip(clip_id="a", metadata={"x": 1}).apply(made, RATE)
    UpdateClip(clip_id="a", metadata={"y": [2]}).apply(made, RATE)
    assert plain(ids.ours(found)["metadata"]) == {"y": [2]}
    assert found.metadata["cmx_3600"]["reel"] == "A001"
    refused(made, UpdateClip(clip_id="a", metadata={"n": 2**70}, start=seconds(50)), "cannot keep")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"start": seconds(35)}, "clip 'b' is there"),
        ({"duration": seconds(41)}, "clip 'b' is there"),
        ({"track": 7}, "no track 7"),
        ({"duration": 2000.0, "start": 100.0}, "media ends"),
        ({"duration": 0.0}, "not above 0"),
        ({"source_start": -1.0}, "before the media's beginning"),
        ({"start": -1.0}, "before the timeline's beginning"),
    ],
)
def test_a_refused_change_changes_nothing(change: dict[str, Any], words: str) -> None:
    made = timeline([clip("a", 10), gap(30), clip("b", 10)])
    refused(made, UpdateClip(clip_id="a", **change), words)


# --- what is not ours


def joined() -> Timeline:
    offset = RationalTime(3, RATE)
    return timeline(
        [clip("a", 10), Transition(name="mix", in_offset=offset, out_offset=offset), clip("b", 10), gap(20)]
    )


@pytest.mark.parametrize(
    "edit",
    [
        RemoveClip("a"),
        RemoveClip("b"),
        UpdateClip(clip_id="a", start=1.0),
        UpdateClip(clip_id="b", duration=seconds(5)),
    ],
)
def test_what_a_transition_joins_is_not_moved(edit: edits.Edit) -> None:
    assert "remove it there first" in refused(joined(), edit, "joined by the transition 'mix'").hint


def test_beside_a_transition_the_rest_can_be_edited() -> None:
    made = joined()
    UpdateClip(clip_id="a", name="renamed").apply(made, RATE)
    add("c", 25, 5).apply(made, RATE)
    assert laid(made.tracks[0]) == [("renamed", 0, 10), ("b", 10, 20), ("-", 20, 25), ("c", 25, 30), ("-", 30, 40)]
    assert isinstance(made.tracks[0][1], Transition)


def test_nothing_is_put_after_a_transition_that_ends_a_track() -> None:
    offset = RationalTime(3, RATE)
    made = timeline([clip("a", 10), Transition(name="out", in_offset=offset, out_offset=offset)])
    refused(made, add("b", 10, 5), "joined by the transition")


def test_nested_stacks_and_marked_gaps_are_not_covered() -> None:
    nested = Stack(name="title", source_range=span(0, 30))
    made = timeline([nested, gap(30, markers=[Marker(name="here")]), gap(30, effects=[Effect(name="glow")])])
    refused(made, add("a", 10, 10), "stack 'title' is there")
    refused(made, add("a", 40, 10), "gap '' is there")
    refused(made, add("a", 70, 10), "gap '' is there")


def test_other_frame_rates_on_one_track_stay_exact() -> None:
    made = timeline([clip("film", 25, rate=24), clip("tv", 10)])
    RemoveClip("film").apply(made, RATE)
    (space, tv) = made.tracks[0]
    assert space.duration() == RationalTime(31.25, 30)
    assert laid(made.tracks[0])[1] == ("tv", 31.25, 41.25)
    assert tv.name == "tv"


# --- effects


def test_an_effect_goes_after_those_that_are_there() -> None:
    made = timeline([clip("a", 10, effects=[Effect(name="warp", effect_name="LinearTimeWarp")])])
    ApplyEffect(clip_id="a", effect_id="e1", effect="grade", plugin_id="look", params={"g": 1.5}).apply(made, RATE)
    warp, grade = made.tracks[0][0].effects
    assert (warp.effect_name, grade.effect_name, grade.name) == ("LinearTimeWarp", "look/grade", "grade")
    assert ids.ours(grade)["params"]["g"] == 1.5
    refused(made, ApplyEffect(clip_id="x", effect_id="e", effect="g", plugin_id="p"), "no clip")
    refused(
        made, ApplyEffect(clip_id="a", effect_id="e", effect="g", plugin_id="p", params={"n": 2**70}), "cannot keep"
    )


def test_a_title_without_media() -> None:
    title = Clip(name="t", media_reference=MissingReference(), source_range=span(0, 30))
    ids.keep(title, id="t")
    made = timeline([title])
    UpdateClip(clip_id="t", start=1.0).apply(made, RATE)
    assert laid(made.tracks[0]) == [("-", 0, 30), ("t", 30, 60)]
