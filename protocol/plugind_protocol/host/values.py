"""Types that several namespaces use, with their units and bounds."""

from typing import Annotated

from msgspec import Meta

Seconds = Annotated[float, Meta(ge=0, le=1e9)]
"""A time or a duration, in s."""
Identifier = Annotated[str, Meta(min_length=1, max_length=256)]
Text = Annotated[str, Meta(max_length=10_000)]
"""Words for people."""
Line = Annotated[str, Meta(min_length=1, max_length=500)]
"""A title or a label."""
FilePath = Annotated[str, Meta(min_length=1, max_length=4096)]
Pixels = Annotated[int, Meta(ge=1, le=16_384)]
FrameRate = Annotated[float, Meta(gt=0, le=1000)]
"""Frames per s."""
TrackIndex = Annotated[int, Meta(ge=0, le=9999)]
