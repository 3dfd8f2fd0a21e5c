"""What a rendering is given and what it tells: plain values, nothing of video in them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

DEFAULT_RETRIES: Final = 3


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


class FrameDone(msgspec.Struct, frozen=True, kw_only=True):
    """One frame came back from the plugin."""

    index: int
    """Counts from 0."""
    expected: int
    """How many frames the video probably has; 0 if nobody knows."""
    guest_us: int
    """Time inside the guest, in µs."""
    round_trip_us: int
    """From request to answer, in µs, of the attempt that succeeded."""
    crashes: int
    """Workers lost so far."""


class MsPerFrame(msgspec.Struct, frozen=True, kw_only=True):
    """Where the time of one frame went, in ms, as means; the three overlap."""

    plugin: float
    """Inside the guest."""
    relay: float
    """Between client and guest: the round trip without the guest."""
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
    crashes: int
    """Workers lost on the way."""
    recovery_ms: float
    """From learning of a lost worker to having its frame after all, summed up."""
    notes: list[str]
    """What could not be kept as it was."""
