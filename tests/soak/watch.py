"""Watches the daemon from outside while it is under load, and tells growth from noise."""

import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import anyio
import psutil

MIB = 1 << 20


class Sample(NamedTuple):
    """What the daemon had at one moment."""

    minutes: float
    memory_mib: float
    """Private memory of the daemon's own process."""
    descriptors: int
    processes: int
    """Zygotes, their helpers and workers."""
    frame_files: int
    kills: int


class Slope(NamedTuple):
    """A straight line through samples, by least squares."""

    per_minute: float
    error: float
    """Standard error of the slope."""

    def __str__(self) -> str:
        return f"{self.per_minute:+.3f} ± {self.error:.3f} per minute"


class Watch:
    """Samples one daemon.

    Args:
        pid: Of the daemon.
        windows: The folder of its frame files.
    """

    def __init__(self, pid: int, windows: Path) -> None:
        self._process = psutil.Process(pid)
        self._windows = windows
        self._began = time.monotonic()
        self.samples: list[Sample] = []

    def sample(self, kills: int = 0) -> Sample:
        """Look once."""
        memory = self._process.memory_info()
        return Sample(
            minutes=(time.monotonic() - self._began) / 60,
            memory_mib=(memory.rss - memory.shared) / MIB,
            descriptors=self._process.num_fds(),
            processes=len(self._process.children(recursive=True)),
            frame_files=sum(1 for _ in self._windows.iterdir()),
            kills=kills,
        )

    async def run(self, kills: Callable[[], int]) -> None:
        """Look every second until cancelled."""
        while True:
            self.samples.append(self.sample(kills()))
            await anyio.sleep(1)


def slope(points: Sequence[tuple[float, float]]) -> Slope:
    """Fit a line.

    Args:
        points: At least three, as (minutes, value).

    Returns:
        Its slope and the standard error of that.
    """
    count = len(points)
    mean_x = sum(x for x, _ in points) / count
    mean_y = sum(y for _, y in points) / count
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    rise = sum((x - mean_x) * (y - mean_y) for x, y in points) / spread
    rest = sum((y - mean_y - rise * (x - mean_x)) ** 2 for x, y in points)
    return Slope(rise, math.sqrt(rest / (count - 2) / spread))
