from typing import Any

from pluginctl.timeline import described, picture
from plugind_protocol.headless import HeadlessState
from plugind_protocol.host.timeline import Clip, TimelineState, Track


def clip(name: str, start: float, duration: float, **more: Any) -> Clip:
    return Clip(id=name, name=name, track=0, start=start, duration=duration, **more)


def state(*tracks: Track, **more: Any) -> TimelineState:
    ends = [one.start + one.duration for track in tracks for one in track.clips]
    fields = {"name": "film", "duration": max(ends, default=0.0), "fps": 25.0, "current_time": 0.0, "selection": []}
    return TimelineState(tracks=list(tracks), **{**fields, **more})


def test_the_topmost_picture_first_and_sound_below() -> None:
    lines = picture(
        state(
            Track(index=0, name="V1", kind="video", clips=[clip("beach", 0, 10), clip("sea", 10, 10)]),
            Track(index=1, name="A1", kind="audio", clips=[clip("waves", 5, 15)]),
            Track(index=2, name="V2", kind="video", clips=[clip("title", 10, 5, enabled=False)]),
            current_time=10.0,
            selection=["sea"],
        ),
        45,
    )
    assert lines == [
        "V2                      [title...]",
        "V1  [beach-------------][sea===============]",
        "A1            [waves-----------------------]",
        "                        ▲",
    ]


def test_short_clips_and_an_empty_timeline() -> None:
    many = [clip(f"c{number}", number * 0.01, 0.01) for number in range(5)]
    lines = picture(state(Track(index=0, name="V1", kind="video", clips=[*many, clip("long", 99.95, 0.05)])), 40)
    assert lines[0].startswith("V1  |")
    assert lines[0].endswith("|")
    assert all(len(line) <= 40 for line in lines)
    assert picture(state(), 10) == ["  ▲"]


def test_names_of_others_cannot_move_the_cursor() -> None:
    hostile = state(Track(index=0, name="\x1b[2J", kind="video", clips=[clip("\x1b[31m", 0, 1)]), name="\x1b]0;x\x07")
    shown = HeadlessState(
        project=None,
        timeline=hostile,
        transactions=0,
        notifications=[],
        questions=[],
        panels=[],
        menu=[],
        unconfined=[],
    )
    text = "\n".join(described(shown, 80))
    assert "in memory" in text
    assert "\x1b[2J" not in text
    assert "\x1b[31m" not in text
    assert "\x07" not in text
