"""A window's shared file, as the daemon would make it."""

import mmap
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from plugind_protocol.frames import PixelFormat, layout
from plugind_protocol.worker import Window
from plugind_worker.frames import OpenWindow


class Shared:
    """A window's file, mapped here too.

    Args:
        number: Of the window.
        size: What differs from 64 by 36 pixels, RGBA8, two slots.
    """

    def __init__(self, number: int, **size: Any) -> None:
        wanted = {"width": 64, "height": 36, "pixel_format": PixelFormat.RGBA8, "slots": 2, **size}
        self.layout = layout(**wanted)
        self.file = tempfile.TemporaryFile(dir="/dev/shm")  # noqa: SIM115  # closed by `close`
        self.file.truncate(self.layout.window_bytes)
        self.view = mmap.mmap(self.file.fileno(), self.layout.window_bytes)
        self.window = Window(
            window=number,
            width=self.layout.width,
            height=self.layout.height,
            stride=self.layout.stride,
            format=self.layout.format,
            slot_bytes=self.layout.slot_bytes,
            slots=self.layout.slots,
        )
        self.opened = OpenWindow(self.window, self.file.fileno())

    def slot(self, number: int, length: int) -> bytes:
        """Return the first bytes of a slot."""
        start = self.layout.offsets[number]
        return self.view[start : start + length]

    def fill(self, number: int, data: bytes) -> None:
        """Put bytes at the start of a slot."""
        start = self.layout.offsets[number]
        self.view[start : start + len(data)] = data

    def close(self) -> None:
        """Let go of the file."""
        self.view.close()
        self.file.close()


MakeShared = Callable[..., Shared]


@pytest.fixture
def shared() -> Iterator[MakeShared]:
    """Make windows' files, which are closed when the test ends; the arguments are those of `Shared`, number 1 first."""
    made: list[Shared] = []

    def make(number: int = 1, **size: Any) -> Shared:
        made.append(Shared(number, **size))
        return made[-1]

    yield make
    for each in made:
        each.close()
