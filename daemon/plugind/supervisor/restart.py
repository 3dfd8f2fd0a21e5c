"""When a crashed plugin may start again: a pure decision over the times of its crashes."""

import msgspec


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """How often and how soon."""

    max_restarts: int = 3
    """Restarts within the window before the version is given up."""
    window_seconds: float = 300.0
    backoff_first_seconds: float = 0.1
    """Before the second restart within the window; the first is at once, each further one waits twice as long."""
    backoff_max_seconds: float = 30.0


class Restart(msgspec.Struct, frozen=True):
    """Start again, not before this time."""

    not_before: float
    """Monotonic seconds."""


class GiveUp(msgspec.Struct, frozen=True):
    """Too many crashes: quarantine this version."""

    crashes: int
    """How many within the window."""


def decide(crashes: list[float], now: float, *, policy: Policy, jitter: float = 0.0) -> Restart | GiveUp:
    """Decide about the next start.

    Args:
        crashes: Monotonic times of all crashes, in seconds, oldest first.
        now: Monotonic time, in seconds.
        policy: The bounds.
        jitter: 0 … 1; adds up to a tenth of the delay, so that plugins that died together do not start together.

    Returns:
        When to start, or that it should not.
    """
    recent = [at for at in crashes if now - at < policy.window_seconds]
    if not recent:
        return Restart(now)
    if len(recent) > policy.max_restarts:
        return GiveUp(len(recent))
    return Restart(recent[-1] + _pause(len(recent), policy) * (1 + jitter / 10))


def after_release(crashes: list[float], *, policy: Policy) -> Restart:
    """Decide when a version may start that was given up, and that the user lets try again.

    Args:
        crashes: As of `decide`.
        policy: The bounds.

    Returns:
        When, as if it had not been given up: whoever releases it by hand does not notice, a program that does so again
        and again cannot make it crash without pause.
    """
    return Restart(crashes[-1] + _pause(min(len(crashes), policy.max_restarts + 1), policy) if crashes else 0.0)


def _pause(crashes: int, policy: Policy) -> float:
    if crashes < 2:
        return 0.0  # once may be chance, and somebody waits
    doubled: float = policy.backoff_first_seconds * 2 ** (crashes - 2)
    return min(doubled, policy.backoff_max_seconds)
