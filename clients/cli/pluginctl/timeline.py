"""``pluginctl timeline``: the timeline of a daemon without an editor, as a picture made of characters."""

import shutil
from typing import Final

import click

from pluginctl.context import Invocation, pass_invocation
from pluginctl.terminal import one_line
from plugind_protocol.headless import HeadlessState
from plugind_protocol.host.timeline import Clip, TimelineState, Track

_LEAST_WIDTH: Final = 20
_NAME: Final = 12
"""Longest name of a track that is shown."""


@click.command()
@pass_invocation
def timeline(invocation: Invocation, /) -> None:
    """Show the timeline of the headless host, as it is saved."""
    with invocation.connect() as client:
        state = client.headless_state()
        invocation.show(state, "\n".join(described(state, shutil.get_terminal_size().columns)))


def described(state: HeadlessState, columns: int) -> list[str]:
    """Return the lines of the picture.

    Args:
        state: What the host has.
        columns: Of the terminal.
    """
    shown = state.timeline
    where = one_line(state.project) if state.project is not None else "in memory"
    return [
        f"{click.style(one_line(shown.name) or 'timeline', bold=True)}  {where}",
        f"{shown.duration:g} s at {shown.fps:g} frames per second, playhead at {shown.current_time:g} s",
        *picture(shown, columns),
    ]


def picture(shown: TimelineState, columns: int) -> list[str]:
    """Return a line for each track, the topmost video first, and one for the playhead.

    Args:
        shown: The timeline.
        columns: How wide a line may be.
    """
    margin = min(_NAME, max((len(one_line(track.name)) for track in shown.tracks), default=0)) + 2
    width = max(_LEAST_WIDTH, columns - margin - 1)
    end = max(shown.duration, shown.current_time) or 1.0
    video = [track for track in shown.tracks if track.kind == "video"]
    audio = [track for track in shown.tracks if track.kind == "audio"]
    lines = [
        f"{one_line(track.name)[:_NAME]:{margin}}{_lane(track, end, width, shown.selection)}"
        for track in (*reversed(video), *audio)
    ]
    return [*lines, f"{'':{margin}}{'':{_column(shown.current_time, end, width - 1)}}▲"]


def _lane(track: Track, end: float, width: int, selection: list[str]) -> str:
    """Draw the clips of a track; each has a column at least, where it begins."""
    cells = [" "] * width
    for clip in track.clips:
        first = min(_column(clip.start, end, width), width - 1)
        last = max(first + 1, _column(clip.start + clip.duration, end, width))
        cells[first:last] = _bar(clip, last - first, selected=clip.id in selection)
    return "".join(cells).rstrip()


def _bar(clip: Clip, width: int, *, selected: bool) -> list[str]:
    left, fill, right = "[=]" if selected else "[-]" if clip.enabled else "[.]"
    if width == 1:
        return ["|"]
    name = one_line(clip.name)[: width - 2]
    return [left, *name, *fill * (width - 2 - len(name)), right]


def _column(seconds: float, end: float, width: int) -> int:
    return round(seconds / end * width)


COMMANDS: Final = {"timeline": timeline}
