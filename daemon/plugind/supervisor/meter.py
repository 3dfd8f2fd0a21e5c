"""Counts what a plugin does: calls, errors, latencies. Outlives the plugin's workers."""

from collections import deque
from typing import Final

_KEPT: Final = 1024


class Meter:
    """Figures of one plugin."""

    def __init__(self) -> None:
        self.calls = 0
        self.errors = 0
        self.host_calls = 0
        self.frames = 0
        self.crashes = 0
        """Workers lost."""
        self.traps = 0
        self._call_seconds: deque[float] = deque(maxlen=_KEPT)
        self._frame_us: deque[int] = deque(maxlen=_KEPT)

    def call(self, seconds: float, *, failed: bool) -> None:
        """Count one answered call and its latency."""
        self.calls += 1
        self.errors += failed
        self._call_seconds.append(seconds)

    def frame(self, guest_us: int) -> None:
        """Count one processed frame and its time in the guest, in µs."""
        self.frames += 1
        self._frame_us.append(guest_us)

    def call_us(self, quantile: float) -> float:
        """Latency of the last calls at a quantile (0 … 1), in µs; 0 without calls."""
        return _quantile(sorted(self._call_seconds), quantile) * 1e6

    def frame_us(self) -> float:
        """Median time in the guest of the last frames, in µs; 0 without frames."""
        return _quantile(sorted(self._frame_us), 0.5)


def _quantile(ordered: list[float] | list[int], quantile: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * quantile))] if ordered else 0.0
