"""What a plugin's tests say: the files ``tests/*.json``, and what may stand in them. Pure but for reading them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from pluginctl.failure import CommandFailed
from plugind_protocol import manifest as manifests
from plugind_protocol.errors import ManifestInvalid
from plugind_protocol.package import links

FOLDER: Final = "tests"
_ACTIONS: Final = ("call", "effect", "event", "activate", "reload")


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """Base: a misspelt name is an error, not a default."""


class Failure(_Part, frozen=True, kw_only=True):
    """An error: what a case expects, or what the host answers. As an expectation, what is left out is not looked at."""

    kind: str | None = None
    """Such as ``PluginError``."""
    code: int | None = None
    """The plugin's own, where it is one of its own."""
    message: str | None = None
    """As an expectation, a part of it."""


class HostAnswer(_Part, frozen=True, kw_only=True):
    """What the host answers to a method."""

    method: str
    params: Any = UNSET
    """With what it is to be asked; whatever it is where this is left out."""
    answer: Any = None
    error: Failure | None = None


class Case(_Part, frozen=True, kw_only=True):
    """One thing that is done with the plugin, and what comes of it. Exactly one of the first five is there."""

    call: str | None = None
    """Call this function."""
    effect: str | None = None
    """Have this effect process a frame."""
    event: str | None = None
    """Publish this event, as the editor does."""
    activate: Literal[True] | None = None
    """Activate it."""
    reload: Literal[True] | None = None
    """Replace its instance by a fresh one, over which it may keep state."""

    name: str | None = None
    """For people."""
    args: Any = None
    """Of the call."""
    payload: Any = None
    """Of the event."""
    expect: Any = UNSET
    """What the call answers; whatever it is where this is left out."""
    tolerance: Annotated[float, Meta(ge=0)] = 0.0
    """How far numbers of the answer may be off; of an effect, a channel of a pixel, of 255."""
    error: Failure | None = None
    """The call, or the effect, fails so."""
    host: list[HostAnswer] = []
    """What the plugin asks the host meanwhile, in this order, and what it is answered; all of it must be asked."""
    console: list[str] = []
    """Parts of what it writes to the console meanwhile."""
    timeout_ms: Annotated[int, Meta(ge=1, le=3_600_000)] | None = None
    """Deadline of the call or the frame."""

    input: str | None = None
    """The frame: a PNG, by path relative to the file."""
    output: str | None = None
    """What is to come of it: likewise."""
    params: dict[str, Any] = {}
    """The effect's parameters."""
    format: Literal["RGBA8", "RGBA32F"] = "RGBA8"
    """How the plugin gets the frame."""
    pts_us: int = 0
    """The frame's time."""

    @property
    def title(self) -> str:
        """What it is called: by its name, else by what it does."""
        if self.name is not None:
            return self.name
        action = next(one for one in _ACTIONS if getattr(self, one) is not None)
        value = getattr(self, action)
        return action if value is True else f"{action} {value}"


class Cases(_Part, frozen=True, kw_only=True):
    """One file. Its cases share an instance of the plugin; each file begins with a fresh one, and empty storage."""

    schema: str | UnsetType = msgspec.field(name="$schema", default=UNSET)
    """For editors."""
    grant: list[str] | Literal["requested"] = "requested"
    """What the plugin is granted."""
    host: list[HostAnswer] = []
    """What the host answers whenever it is asked, where a case does not say otherwise."""
    cases: Annotated[list[Case], Meta(min_length=1)]


class File(msgspec.Struct, frozen=True):
    """One file with what is in it."""

    path: Path
    shown: str
    """Relative to the plugin's folder."""
    cases: Cases


def read(folder: Path) -> list[File]:
    """Read a plugin's tests, in the order of their names.

    Args:
        folder: The plugin's.

    Raises:
        CommandFailed: There are none, or one is wrong; the message says where.
    """
    tests = folder / FOLDER
    files = sorted(tests.glob("*.json")) if tests.is_dir() else []
    if not files:
        raise CommandFailed(
            f"{folder} has no tests", hint=f"Write cases into {FOLDER}/cases.json; docs/plugin-tests.md says how."
        )
    return [File(path, path.relative_to(folder).as_posix(), _parse(path, folder)) for path in files]


def _parse(path: Path, folder: Path) -> Cases:
    shown = path.relative_to(folder).as_posix()
    _check_own(folder, shown, shown)
    try:
        cases = msgspec.json.decode(path.read_bytes(), type=Cases)
    except (OSError, msgspec.DecodeError) as exc:
        raise CommandFailed(f"{shown}: {exc}", hint="docs/plugin-tests.md says what may stand there.") from exc
    for index, case in enumerate(cases.cases):
        if problem := next(_problems(case), None):
            raise CommandFailed(f"{shown}: $.cases[{index}] {problem}", hint="docs/plugin-tests.md has examples.")
        for picture in (case.input, case.output):
            if picture is not None:
                _check_own(folder, f"{FOLDER}/{picture}", f"{shown}: $.cases[{index}]")
    return cases


def _check_own(folder: Path, name: str, where: str) -> None:
    """Make sure that a test reads and writes files of the plugin's folder: a link leads to somebody else's."""
    if (folder / name).is_symlink() or links.on_the_way(folder, name) is not None:
        raise CommandFailed(
            f"{where}: {name} is a link, or lies beyond one",
            hint="Tests use files that lie in the plugin's own folder.",
        )


def _problems(case: Case) -> Iterator[str]:
    named = [action for action in _ACTIONS if getattr(case, action) is not None]
    if len(named) != 1:
        there = f"names {' and '.join(named)}" if named else "names nothing to do"
        yield f"{there}; it takes one of: {', '.join(_ACTIONS)}"
    if case.effect is not None and case.input is None:
        yield "needs an input, a PNG"
    if case.effect is not None and case.output is None and case.error is None:
        yield "needs an output, a PNG (pluginctl test --update makes it), or an error"
    if case.error is not None and case.expect is not UNSET:
        yield "expects an answer and an error; take one of them"
    for name in ("input", "output"):
        try:
            manifests.check_relative(getattr(case, name) or name, name)
        except ManifestInvalid as exc:
            yield exc.message.removeprefix("manifest.json: ")


def update(file: File, answers: dict[int, Any]) -> None:
    """Write other answers into a file as what is expected; all else in it stays.

    Args:
        file: The file.
        answers: Number of a case → its answer.

    Raises:
        OSError: It cannot be written.
    """
    fields = json.loads(file.path.read_text("utf-8"))
    for index, answer in answers.items():
        fields["cases"][index]["expect"] = answer
    file.path.write_text(json.dumps(fields, indent=2, ensure_ascii=False) + "\n", "utf-8")
