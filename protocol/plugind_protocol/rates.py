"""A token bucket: how fast something may happen on average, and how much of it at once. Pure; time is passed in."""


class TokenBucket:
    """Allows ``rate`` events per second, and ``burst`` at once.

    Args:
        rate: Events per second, more than 0.
        burst: Most events at once, at least 1.
    """

    __slots__ = ("_at", "_tokens", "burst", "rate")

    def __init__(self, rate: float, burst: float) -> None:
        self.rate = rate
        self.burst = burst
        self._tokens = burst
        self._at = 0.0

    def take(self, now: float, count: float = 1) -> bool:
        """Take tokens if they are there.

        Args:
            now: Monotonic seconds.
            count: How many; more than ``burst`` are never there.
        """
        self._fill(now)
        if self._tokens < count:
            return False
        self._tokens -= count
        return True

    def reserve(self, now: float) -> float:
        """Take one token that there is or will be.

        Args:
            now: Monotonic seconds.

        Returns:
            Seconds until the token is there; 0 when it is.
        """
        self._fill(now)
        self._tokens -= 1
        return max(0.0, -self._tokens / self.rate)

    def _fill(self, now: float) -> None:
        self._tokens = min(self.burst, self._tokens + (now - self._at) * self.rate)
        self._at = now
