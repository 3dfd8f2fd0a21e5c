"""How much of what a worker logs is let through, and how long nothing is read from one that logs much. Pure."""

from typing import Final, NamedTuple

from plugind_protocol.manifest import Limits
from plugind_protocol.rates import TokenBucket

MAX_LOG_RATE: Final = 100_000
"""Messages per second where no limit is set."""
RUDE_SECONDS: Final = 0.02
"""How long nothing is read from a worker that logs faster than its own limit lets it, each time it does."""
FLOOD_SECONDS: Final = 0.002
"""How long nothing is read from a worker that logs much, each time it does: then there is more to read at once."""
_MUCH_PER_SECOND: Final = 1000.0
_MUCH_AT_ONCE: Final = 64.0


class Heard(NamedTuple):
    """What is done with one message."""

    kept: bool
    """Whether it is let through."""
    rest_seconds: float
    """How long nothing is to be read from the worker."""


class Logs:
    """The log messages of one worker.

    Args:
        limits: Of its plugin.
    """

    def __init__(self, limits: Limits) -> None:
        self._much = TokenBucket(_MUCH_PER_SECOND, _MUCH_AT_ONCE)
        self.limit(limits)

    def limit(self, limits: Limits) -> None:
        """Change how many it may send; a worker that keeps its own rate is below ours however late we read."""
        rate = limits.log_messages_per_second or MAX_LOG_RATE
        self._rate = TokenBucket(rate, 4 * rate)

    def take(self, at: float) -> Heard:
        """Decide about one message.

        Args:
            at: Monotonic seconds.
        """
        if not self._rate.take(at):
            return Heard(kept=False, rest_seconds=RUDE_SECONDS)
        return Heard(kept=True, rest_seconds=0.0 if self._much.take(at) else FLOOD_SECONDS)
