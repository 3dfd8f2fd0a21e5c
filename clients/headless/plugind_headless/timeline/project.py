"""The project file: read with care, written whole or not at all, and never over what somebody else wrote.

What is in it that we do not know stays in it: OTIO keeps what it reads.
"""

import contextlib
import hashlib
import os
import tempfile
from pathlib import Path
from typing import Final

from opentimelineio.core import deserialize_json_from_string, serialize_json_to_string
from opentimelineio.opentime import RationalTime
from opentimelineio.schema import Timeline, Track, TrackKind

from plugind_headless.errors import ProjectError
from plugind_headless.timeline import ids, lanes
from plugind_protocol import disk, jsontext
from plugind_protocol.errors import InvalidState, ParseError

EXTENSION: Final = ".otio"
MAX_BYTES: Final = 256 * 1024 * 1024
MAX_NESTING: Final = 400
"""OTIO reads by recursion, and falls over at depths that no timeline has."""
DEFAULT_RATE: Final = 30.0
"""Frames per second of a timeline that has nothing in it and does not say."""

MAX_RATE: Final = 1000.0
"""More frames per second are samples of sound, not pictures."""

_FPS: Final = "fps"


class ProjectFile:
    """An OTIO file that was read.

    Args:
        path: Where it lies for real, links followed.
        text: What was in it.
    """

    def __init__(self, path: Path, text: bytes) -> None:
        self.path = path
        self._digest = _digest(text)

    @property
    def folder(self) -> Path:
        """What plugins reach as ``project/…``."""
        return self.path.parent

    def read(self) -> Timeline:
        """Read it anew.

        Raises:
            ProjectError: It cannot be read any more.
        """
        text = _read(self.path)
        timeline = parse(text, self.path)
        self._digest = _digest(text)
        return timeline

    def save(self, timeline: Timeline) -> None:
        """Write it: into a file beside it, flushed to the disk, then put in its place.

        Raises:
            InvalidState: Somebody else has changed or removed it, or it cannot be written.
        """
        text = serialize_json_to_string(timeline).encode() + b"\n"
        try:
            self._check_unchanged()
            _replace(self.path, text)
        except OSError as exc:
            raise InvalidState(
                f"the project {self.path.name} cannot be written: {exc.strerror}", hint="The edits were not kept."
            ) from exc
        self._digest = _digest(text)

    def _check_unchanged(self) -> None:
        try:
            same = _digest(self.path.read_bytes()) == self._digest
        except FileNotFoundError:
            raise InvalidState(
                f"the project {self.path.name} was removed or moved while it was open",
                hint="The edits were not kept. Put it back, or start plugind with the file that counts.",
            ) from None
        if not same:
            raise InvalidState(
                f"another program has changed the project {self.path.name} since it was read",
                hint="The edits were not kept. Read the file again with headless.reload, then try again.",
            )


def open_project(path: Path) -> tuple[ProjectFile, Timeline]:
    """Read a project.

    Args:
        path: An ``.otio`` file.

    Raises:
        ProjectError: It is no such file, cannot be read, or is not a timeline.
    """
    if path.suffix.lower() != EXTENSION:
        raise ProjectError(f"{path} does not end with {EXTENSION}: a project is an OpenTimelineIO file")
    try:
        real = path.resolve(strict=True)
    except OSError as exc:
        raise ProjectError(f"cannot open the project {path}: {exc.strerror}") from exc
    text = _read(real)
    return ProjectFile(real, text), parse(text, real)


def empty() -> Timeline:
    """Return a timeline with a video and an audio track and nothing on them."""
    timeline = Timeline(name="Untitled", metadata={ids.OURS: {_FPS: DEFAULT_RATE}})
    timeline.tracks.append(Track(name="V1", kind=TrackKind.Video))
    timeline.tracks.append(Track(name="A1", kind=TrackKind.Audio))
    return timeline


def parse(text: bytes, path: Path) -> Timeline:
    """Return the timeline of a file's text, every clip of it with an id.

    Raises:
        ProjectError: It is not a timeline, or not one that can be measured.
    """
    try:
        jsontext.check(text, max_nesting=MAX_NESTING)
        timeline = deserialize_json_from_string(text.decode())
    except (ParseError, ValueError, KeyError, TypeError, RuntimeError) as exc:
        raise ProjectError(f"{path} is not an OpenTimelineIO file: {_first_line(exc)}") from exc
    if not isinstance(timeline, Timeline):
        raise ProjectError(f"{path} holds a {type(timeline).__name__}, not a timeline")
    for index, track in ids.tracks(timeline):
        try:
            lanes.layout(track)
        except Exception as exc:  # of OTIO, or of a rate that is no number
            raise ProjectError(f"{path}: track {index} cannot be measured: {_first_line(exc)}") from exc
    ids.ensure(timeline)
    return timeline


def rate_of(timeline: Timeline) -> float:
    """Return the frames per second of a timeline: as it says, else as the first thing on its video tracks has."""
    said: object = ids.ours(timeline).get(_FPS)
    if isinstance(said, int | float) and 0 < said <= MAX_RATE:
        return float(said)
    start: RationalTime | None = timeline.global_start_time
    if start is not None and 1 < start.rate <= MAX_RATE:
        return float(start.rate)
    video_first = sorted((track for _, track in ids.tracks(timeline)), key=lambda one: one.kind != TrackKind.Video)
    rates = (slot.item.duration().rate for track in video_first for slot in lanes.layout(track))
    return next((float(rate) for rate in rates if 1 < rate <= MAX_RATE), DEFAULT_RATE)


def _read(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if not path.is_file():
            raise ProjectError(f"cannot open the project {path}: it is not a file")
        if size > MAX_BYTES:
            raise ProjectError(f"{path} has {size} bytes: projects of more than {MAX_BYTES} are not opened")
        return path.read_bytes()
    except OSError as exc:
        raise ProjectError(f"cannot open the project {path}: {exc.strerror}") from exc


def _replace(path: Path, text: bytes) -> None:
    mode = path.stat().st_mode & 0o777
    descriptor, name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=EXTENSION, dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            disk.set_mode(file.fileno(), mode)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)  # noqa: PTH108  # a plain name, of a file that may be gone
        raise
    disk.sync_folder(path.parent)


def _digest(text: bytes) -> bytes:
    return hashlib.sha256(text).digest()


def _first_line(error: BaseException) -> str:
    text = error.message if isinstance(error, ParseError) else str(error)
    return (text.strip().splitlines() or [type(error).__name__])[0]
