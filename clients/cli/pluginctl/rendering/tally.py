"""The figures of one rendering: where its time went, what was lost, and which frames the plugin did not make."""

import time

from pluginctl.rendering.job import DegradedFrame, MsPerFrame
from plugind_protocol.methods import ProcessResult


class Tally:
    """Adds up. All times are in seconds."""

    def __init__(self) -> None:
        self.frames = 0
        """That came back from the plugin, one way or another."""
        self.degraded: list[DegradedFrame] = []
        self.crashes = 0
        """Workers lost."""
        self.recovery = 0.0
        """From learning of a lost worker to having its frame after all, summed up."""
        self.codec = 0.0
        """Decoding, converting and encoding."""
        self._guest = 0.0
        self._busy = 0.0
        self._under_way = 0
        self._since = 0.0
        self._lost_at = 0.0

    def sent(self) -> float:
        """Note that a frame is on its way to the plugin; return when that was."""
        now = time.perf_counter()
        if not self._under_way:
            self._since = now
        self._under_way += 1
        return now

    def back(self) -> None:
        """Note that a frame is not on its way any more."""
        self._under_way -= 1
        if not self._under_way:
            self._busy += time.perf_counter() - self._since

    def lost(self, sent_at: float) -> float | None:
        """Note that a frame's worker was lost; return when that was learnt, None where another frame had told of it."""
        if sent_at <= self._lost_at:
            return None
        self.crashes += 1
        self._lost_at = time.perf_counter()
        return self._lost_at

    def done(self, result: ProcessResult) -> None:
        """Count the next frame in order."""
        self._guest += result.guest_us / 1e6
        if result.degraded:
            degraded = result.degraded
            self.degraded.append(
                DegradedFrame(
                    frame=self.frames,
                    fallback=degraded.fallback,
                    kind=degraded.kind,
                    cause=degraded.cause,
                    message=degraded.message,
                )
            )
        self.frames += 1

    def per_frame(self) -> MsPerFrame:
        """Return where the time of a frame went."""
        count = max(self.frames, 1)
        relay = max(0.0, self._busy - self._guest)
        plugin, relay, codec = (round(1000 * total / count, 3) for total in (self._guest, relay, self.codec))
        return MsPerFrame(plugin=plugin, relay=relay, codec=codec)
