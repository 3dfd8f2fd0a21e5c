"""The crashes of one plugin: when it may start again, and when its version is given up."""

import asyncio
import random
from typing import Final

import msgspec

from plugind.registry.records import Quarantined, Record
from plugind.supervisor import restart
from plugind_protocol.errors import Quarantined as QuarantinedError
from plugind_protocol.methods import Quarantine

_REMEMBERED: Final = 64


class Crashes:
    """Counts crashes of a plugin's current version.

    Args:
        policy: How many are too many, and how long to wait after each.
        quarantine: Set when the version was given up before.
        not_before: Monotonic seconds; it does not start earlier.
    """

    def __init__(
        self, policy: restart.Policy, quarantine: Quarantined | None = None, *, not_before: float = 0.0
    ) -> None:
        self.quarantine = quarantine
        """Why the version is not started any more, if it is not."""
        self.fallback: str | None = None
        """An earlier version that could be used instead."""
        self._policy = policy
        self._not_before = not_before
        self._times: list[float] = []

    def count(self, record: Record, cause: str, reason: str, *, capsule: str | None = None) -> bool:
        """Count one crash.

        Args:
            record: The version that crashed.
            cause: ``trap`` or ``crash``.
            reason: What happened, in words.
            capsule: Id of its crash capsule.

        Returns:
            True when it was one too many: the version is in quarantine from now on.
        """
        now = asyncio.get_running_loop().time()
        self._times.append(now)
        del self._times[:-_REMEMBERED]
        if self.quarantine is not None or isinstance(self._decide(now), restart.Restart):
            return False
        self.quarantine = Quarantined(
            plugin_id=record.plugin_id,
            version=record.version,
            package=record.package,
            cause=cause,
            reason=reason,
            capsule=capsule,
        )
        return True

    def delay(self) -> float:
        """Seconds to wait before the next start."""
        now = asyncio.get_running_loop().time()
        decision = self._decide(now)
        first = max(decision.not_before, self._not_before) if isinstance(decision, restart.Restart) else now
        return max(0.0, first - now)

    def released(self) -> "Crashes":
        """Return what counts from now on: nothing, but that it does not start at once."""
        return Crashes(self._policy, not_before=restart.after_release(self._times, policy=self._policy).not_before)

    def check(self) -> None:
        """Make sure that the version may be started.

        Raises:
            Quarantined: It was given up; the hint says how it can be used again.
        """
        if self.quarantine is None:
            return
        plugin_id = self.quarantine.plugin_id
        offer = f", or go back to {self.fallback} with --fallback" if self.fallback else ""
        raise QuarantinedError(
            f"{plugin_id} {self.quarantine.version} crashed too often and is not started: {self.quarantine.reason}",
            hint=f"Release it with: pluginctl release {plugin_id}{offer}",
            plugin_id=plugin_id,
            version=self.quarantine.version,
            cause=self.quarantine.cause,
        )

    def describe(self) -> Quarantine | msgspec.UnsetType:
        """Describe the quarantine to clients, if there is one."""
        if self.quarantine is None:
            return msgspec.UNSET
        return Quarantine(
            cause=self.quarantine.cause,
            until=None,
            version=self.quarantine.version,
            capsule=self.quarantine.capsule,
            reason=self.quarantine.reason,
            fallback=self.fallback,
        )

    def _decide(self, now: float) -> restart.Restart | restart.GiveUp:
        jitter = random.random()  # noqa: S311  # no secret
        return restart.decide(self._times, now, policy=self._policy, jitter=jitter)
