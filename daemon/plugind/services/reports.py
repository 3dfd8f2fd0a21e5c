"""What the workers of one plugin report: host calls are answered, logs kept, failures written down and counted.

What follows from a worker that is lost, or from a version that is given up, is not decided here.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Final, Protocol

import structlog

from plugind.services.capsules import Subject
from plugind.services.environment import Environment
from plugind.services.rights import Rights
from plugind.services.standing import Standing
from plugind.supervisor.meter import Meter
from plugind.supervisor.windows import WindowFile
from plugind.supervisor.worker import Worker
from plugind_protocol.errors import MemoryLimit, PlugindError, Timeout, Trap, WorkerCrashed
from plugind_protocol.worker import Window

_log: Final = structlog.get_logger(__name__)


class Heed(Protocol):
    """Draws the consequences."""

    def given_up(self, worker: Worker) -> None:
        """The version is in quarantine, because of this worker, which runs."""

    def lost(self, worker: Worker, reason: str, *, given_up: bool) -> None:
        """A worker is gone that nobody had asked to go; perhaps it was one too many."""


class Reports:
    """Who the workers of one plugin report to.

    Args:
        standing: Where the plugin stands.
        rights: As whom it asks its host.
        environment: Who answers it, and where things are written down.
        meter: Where its failures are counted.
        windows: The frames that are shared with it, by number.
        on_quarantine: Called when its version is given up.
        heed: Draws the consequences.
    """

    def __init__(
        self,
        standing: Standing,
        rights: Rights,
        *,
        environment: Environment,
        meter: Meter,
        windows: Mapping[int, tuple[Window, WindowFile]],
        on_quarantine: Callable[[], None],
        heed: Heed,
    ) -> None:
        self._standing = standing
        self._rights = rights
        self._environment = environment
        self._meter = meter
        self._windows = windows
        self._on_quarantine = on_quarantine
        self._heed = heed

    def host_call(self, worker: Worker, number: int, method: bytes, params: bytes) -> "asyncio.Task[None] | None":
        """Answer a host call of the guest."""
        return self._environment.host_calls.ask(self._rights.caller, worker, number, method=method, params=params)

    def logged(self, level: int, text: str) -> None:
        """Keep what the guest logged."""
        self._environment.console(self._standing.plugin_id, level, text)

    def dropped(self, count: int) -> None:
        """Note that the guest logged more than it may."""
        self._environment.console_dropped(self._standing.plugin_id, count)

    def trapped(self, worker: Worker, error: Trap | MemoryLimit) -> None:
        """Write a capsule and count a trap; too many end in quarantine."""
        error.data.capsule = self.capsule(worker, error)
        if isinstance(error, MemoryLimit):
            return
        self._meter.traps += 1
        if self._count("trap", error.message, error.data.capsule):
            self._heed.given_up(worker)

    def overdue(self, _worker: Worker, error: Timeout) -> None:
        """Name the capsule that is written when the worker is gone."""
        error.data.capsule = self._environment.capsules.promise(self._standing.plugin_id)

    def ended(self, worker: Worker, error: WorkerCrashed, *, expected: bool) -> None:
        """Write a capsule for a worker that is gone, and count a crash; too many end in quarantine."""
        promised = error.data.capsule
        if promised is not None or (worker.blamed and not expected):
            error.data.capsule = self.capsule(worker, error, promised=promised)
        if expected:
            return
        self._meter.crashes += worker.blamed
        reason = error.message
        _log.warning("worker lost", plugin=self._standing.plugin_id, pid=worker.pid, reason=reason)
        given_up = worker.blamed and self._count("crash", reason, error.data.capsule)
        self._heed.lost(worker, reason, given_up=given_up)

    def capsule(self, worker: Worker | None, error: PlugindError, *, promised: str | None = None) -> str | None:
        """Write a failure down.

        Args:
            worker: Where it happened; None if there is none yet.
            error: What happened.
            promised: The id that its capsule was said to have.

        Returns:
            The id of its capsule, if one is written.
        """
        standing = self._standing
        subject = Subject(
            record=standing.installed.record,
            limits=standing.installed.limits,
            engine=standing.installed.engine,
            state=standing.state,
            effects=[effect.effect_id for effect in self._environment.effects.list(standing.plugin_id)],
            windows=self._windows,
        )
        return self._environment.capsules.take(subject, worker, error, promised=promised)

    def _count(self, cause: str, reason: str, capsule: str | None) -> bool:
        """Count one failure; return whether the version was given up for it."""
        record = self._standing.installed.record
        if self._standing.before is not None:  # a version that is being tried is not taken, and nothing more
            return False
        if not self._standing.crashes.count(record, cause, reason, capsule=capsule):
            return False
        _log.error("plugin quarantined", plugin=record.plugin_id, version=record.version, cause=cause, reason=reason)
        self._on_quarantine()
        return True
