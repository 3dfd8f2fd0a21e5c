"""What a rendering is given and what it tells: plain values, nothing of video in them."""

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

DEFAULT_RETRIES: Final = 3

Fallback = Literal["bypass", "lastGood", "fail"]


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One rendering."""

    plugin: str
    effect: str
    source: Path
    """The video to read."""
    target: Path
    """The video to write; its suffix names the container."""
    params: Mapping[str, Any] = msgspec.field(default_factory=dict[str, Any])
    """Values of the effect's parameters, by name."""
    retries: int = DEFAULT_RETRIES
    """How often one frame is tried again after the plugin's worker was lost, at least 0."""
    fallback: Fallback = "fail"
    """What a frame gets that the plugin does not make: its input, the last good frame, or the rendering fails."""
    deadline: int | None = None
    """How long the plugin may take for a frame, in ms; None for the daemon's default."""
    fps_deadline: bool = False
    """Whether it may take as long as a frame is shown."""
    codec: str | None = None
    """Name of a video encoder; None for what the container usually has."""
    crf: int | None = None
    """Quality for encoders that have it, 0 (best) … 63; None for a good one."""
    preset: str | None = None
    """Speed of encoders that have presets."""
    picture: Path | None = None
    """A PNG to write: the middle frame before and after."""
    force: bool = False
    """Whether existing files are replaced."""

    def deadline_ms(self, rate: Fraction) -> int | None:
        """Return how long the plugin may take for a frame, in ms; None for the daemon's default.

        Args:
            rate: Frames of the video in a second.
        """
        return max(1, int(1000 / rate)) if self.fps_deadline else self.deadline


class FrameDone(msgspec.Struct, frozen=True, kw_only=True):
    """One frame came back from the plugin."""

    index: int
    """Counts from 0."""
    expected: int
    """How many frames the video probably has; 0 if nobody knows."""
    guest_us: int
    """Time inside the guest, in µs."""
    round_trip_us: int
    """From request to answer, in µs, of the last attempt."""
    degraded: int
    """Frames so far that the plugin did not make."""
    crashes: int
    """Workers lost so far."""


class DegradedFrame(msgspec.Struct, frozen=True, kw_only=True):
    """One frame that the plugin did not make."""

    frame: int
    """Counts from 0."""
    fallback: str
    """What it got: ``bypass``, its input as it is, or ``lastGood``."""
    kind: str
    """Kind of the error that was the reason, such as ``Timeout``."""
    cause: str | None
    """Its cause, where it has one."""
    message: str
    """Its message."""


class MsPerFrame(msgspec.Struct, frozen=True, kw_only=True):
    """Where the time of one frame went, in ms, as means; the three overlap."""

    plugin: float
    """Inside the guest."""
    relay: float
    """Time in which frames were under way to or from the plugin, and it worked on none."""
    codec: float
    """Decoding, converting and encoding."""


class Summary(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What came of a rendering."""

    output: str
    picture: str | None
    frames: int
    duration: float
    """Of the video, in seconds."""
    width: int
    height: int
    seconds: float
    """That the rendering took."""
    ms_per_frame: MsPerFrame
    degraded: list[DegradedFrame]
    """Frames that the plugin did not make, in their order."""
    crashes: int
    """Workers lost on the way."""
    recovery_ms: float
    """From learning of a lost worker to having its frame after all, summed up."""
    notes: list[str]
    """What could not be kept as it was."""
