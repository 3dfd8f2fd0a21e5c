"""What the loop tells, and how it is printed: as words, or one JSON object a line."""

import time
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, Final

import click
import msgspec

from pluginctl.developing.sources import Place
from pluginctl.terminal import one_line, printable
from plugind_protocol.methods import Level

_COLOURS: Final = {"trace": "bright_black", "debug": "bright_black", "warn": "yellow", "error": "red"}
_LONGEST_ANSWER: Final = 400


def _camel(name: str) -> str:
    return name[0].lower() + name[1:]


class Told(msgspec.Struct, frozen=True, kw_only=True, rename="camel", tag_field="event", tag=_camel):
    """Something that happened."""


class Started(Told, frozen=True):
    """No daemon was there, so there is one of our own."""

    socket: str


class Building(Told, frozen=True):
    """A build begins."""

    commands: list[str]


class Built(Told, frozen=True):
    """A build is done."""

    seconds: float
    output: str


class BuildFailed(Told, frozen=True):
    """A build failed, or could not begin."""

    reason: str
    hint: str
    output: str
    """What the compiler said, where it was not let through."""
    serving: str | None
    """The version that goes on."""


class NotTaken(Told, frozen=True):
    """What is there is not taken, and why."""

    reason: str
    hint: str
    serving: str | None
    places: list[Place]


class NotActive(Told, frozen=True):
    """It is loaded and can be called, but does not get active, and why."""

    reason: str
    hint: str
    places: list[Place]


class Loaded(Told, frozen=True):
    """The plugin runs for the first time."""

    plugin_id: str
    version: str
    state: str
    effects: list[str]
    granted: list[str]


class Unchanged(Told, frozen=True):
    """What was saved makes no difference to the plugin."""

    saved: list[str]


class Answered(Told, frozen=True):
    """The new code has answered."""

    version: str
    saved: list[str]
    """What was saved; nothing the first time."""
    ms: float
    """From the last file saved to the answer, in ms; the build left out."""
    build_ms: float
    function: str | None
    """What was called; None where it was the plugin's own hooks."""
    answer: Any
    error: str | None
    """Why the call failed."""


class Said(Told, frozen=True):
    """A line of the plugin's console."""

    level: Level
    message: str
    places: list[Place]


class Watching(Told, frozen=True):
    """Now it is for the author to change something."""

    folder: str


class Ended(Told, frozen=True):
    """The loop is over."""

    reason: str


Show = Callable[[Told], None]


def as_json(told: Told) -> None:
    """Print it as one line of JSON."""
    click.echo(msgspec.json.encode(told))


def as_words(told: Told) -> None:
    """Print it for people."""
    clock = click.style(time.strftime("%H:%M:%S"), dim=True)
    for line in _WORDS[type(told)](told):
        click.echo(f"{clock} {line}")


def _started(told: Started) -> list[str]:
    return [f"no daemon runs at {told.socket}: one of our own does, for as long as this"]


def _building(told: Building) -> list[str]:
    return [click.style(f"building: {printable('; '.join(told.commands))}", dim=True)]


def _built(told: Built) -> list[str]:
    return [click.style(f"built in {told.seconds:.1f} s", dim=True)]


def _build_failed(told: BuildFailed) -> list[str]:
    said = printable(told.output).splitlines()
    return [*said, *_failed(f"the build failed: {told.reason}", told.hint, told.serving)]


def _not_taken(told: NotTaken) -> list[str]:
    reason, *more = _failed(f"not taken: {told.reason}", told.hint, told.serving)
    return [reason, *_excerpts(told.places), *more]


def _not_active(told: NotActive) -> list[str]:
    first = click.style("it is not active: ", fg="yellow") + one_line(told.reason)
    hint = [click.style("hint: ", fg="yellow") + one_line(told.hint)] if told.hint else []
    return [first, *_excerpts(told.places), *hint]


def _failed(reason: str, hint: str, serving: str | None) -> list[str]:
    lines = [click.style(one_line(reason), fg="red", bold=True)]
    lines += [click.style("hint: ", fg="yellow") + one_line(hint)] if hint else []
    goes_on = f"{serving} goes on serving" if serving is not None else "nothing is loaded yet"
    return [*lines, click.style(f"{goes_on}; waiting for a change", dim=True)]


def _loaded(told: Loaded) -> list[str]:
    effects = f", with {', '.join(told.effects)}" if told.effects else ""
    granted = f"; it holds {', '.join(told.granted)}" if told.granted else ""
    return [one_line(f"{told.plugin_id} {told.version} is {told.state}{effects}{granted}")]


def _unchanged(told: Unchanged) -> list[str]:
    return [click.style(f"{one_line(', '.join(told.saved))} saved: the plugin is as it was", dim=True)]


def _answered(told: Answered) -> list[str]:
    build = f", build ({told.build_ms / 1000:.1f} s) not counted" if told.build_ms else ""
    saved = f"{', '.join(told.saved)} saved: " if told.saved else ""
    when = "after it was saved" if told.saved else "after the start"
    lines = [click.style(one_line(f"{saved}{told.version} answers {told.ms:.0f} ms {when}{build}"), fg="green")]
    if told.function is not None:
        answer = msgspec.json.encode(told.answer).decode() if told.error is None else told.error
        shown = one_line(answer)
        cut = f"{shown[:_LONGEST_ANSWER]}…" if len(shown) > _LONGEST_ANSWER else shown
        lines.append(f"{one_line(told.function)} → {click.style(cut, fg=None if told.error is None else 'red')}")
    return lines


def _said(told: Said) -> list[str]:
    first, *more = printable(told.message).splitlines() or [""]
    level = click.style(f"{told.level:5}", fg=_COLOURS.get(told.level))
    return [f"{level} {first}", *(f"      {line}" for line in more), *_excerpts(told.places)]


def _watching(told: Watching) -> list[str]:
    return [click.style(f"watching {told.folder}; Ctrl-C ends", dim=True)]


def _ended(told: Ended) -> list[str]:
    return [click.style(one_line(told.reason), dim=True)]


def _excerpts(places: list[Place]) -> list[str]:
    return [
        f"      {click.style(f'{one.path}:{one.line}', fg='cyan')} | {printable(one.text.strip())}" for one in places
    ]


_WORDS: Final[dict[type[Told], Callable[[Any], list[str]]]] = {
    Started: _started,
    Building: _building,
    Built: _built,
    BuildFailed: _build_failed,
    NotTaken: _not_taken,
    NotActive: _not_active,
    Loaded: _loaded,
    Unchanged: _unchanged,
    Answered: _answered,
    Said: _said,
    Watching: _watching,
    Ended: _ended,
}


def no_editor() -> str:
    """Say how a plugin gets what only an editor has: a daemon of our own provides that by itself, where it can."""
    if find_spec("opentimelineio") is None:
        return "Connect an editor, or install a host that stands in for one: pip install 'plugind[headless]'."
    return "Start the daemon with --host headless, or connect an editor."
