"""Another version of one plugin, tried before it is taken: the switch, and the way back where it does not run.

Whose turn it is, and whether anybody may ask for it, is decided elsewhere.
"""

from collections.abc import Awaitable, Callable, Coroutine
from typing import Final, TypeAlias

import structlog

from plugind.registry import lifecycle
from plugind.registry.records import Quarantined
from plugind.services.environment import Environment, Installed
from plugind.services.rights import Rights
from plugind.services.staff import Staff
from plugind.services.standing import Standing, Version
from plugind.supervisor.worker import Worker
from plugind_protocol.errors import PlugindError
from plugind_protocol.methods import State

_log: Final = structlog.get_logger(__name__)

Commit: TypeAlias = Callable[[], Awaitable[None]]
"""Makes durable what was decided; raises, and changes nothing, where the disk does not take it."""


class Trial:
    """Tries other versions of one plugin.

    Args:
        standing: Where the plugin stands.
        rights: What it may do, which follows the version.
        staff: Its workers.
        environment: Who is told.
        recover: Brings it back when its worker was lost on the way.
    """

    def __init__(
        self,
        standing: Standing,
        rights: Rights,
        *,
        staff: Staff,
        environment: Environment,
        recover: Callable[[], Coroutine[None, None, None]],
    ) -> None:
        self._standing = standing
        self._rights = rights
        self._staff = staff
        self._environment = environment
        self._recover = recover

    async def switch(
        self, installed: Installed, *, commit: Commit, quarantine: Quarantined | None = None
    ) -> State | None:
        """Take another version, after it has shown that it gets to where the one before it is.

        Nothing else changes the plugin meanwhile; that is for the caller to see to.

        Args:
            installed: What to switch to.
            commit: Makes it the current version.
            quarantine: Its quarantine, if it was given up before; it is not started then.

        Returns:
            Where to bring it now, if it would run had the version before it not failed.

        Raises:
            PlugindError: Why it did not get there; the version before it is back.
            OSError: It could not be made the current version; as above.
        """
        standing = self._standing
        standing.check_there()
        wanted = standing.wanted
        running = standing.state if standing.state in lifecycle.RUNNING else None
        failed = standing.state is State.ERROR
        before, reason = standing.version, standing.reason
        standing.go(State.UPDATING, version=installed.record.version)
        await self._clear(active=running is State.ACTIVE)
        runs = installed.record.enabled and quarantine is None
        standing.before, tried = before, None
        try:
            self._take(standing.fresh(installed, quarantine))
            if running is not None and runs:
                tried = await self._staff.bring(running)
            await commit()
        except PlugindError as exc:
            await self._staff.discard(tried)
            raise _told(exc, await self._go_back(before, running, because=exc.message, reason=reason)) from exc
        except OSError as exc:
            await self._staff.discard(tried)
            await self._go_back(before, running, because=str(exc), reason=reason)
            raise
        finally:
            standing.before = self._staff.carried = None
        if running is not None and runs:
            self._arrive(tried, running)
        elif quarantine is not None:
            standing.go(State.ERROR, quarantine.reason)
        else:
            standing.go(State.INSTALLED)
        return wanted if failed and runs else None

    async def _clear(self, *, active: bool) -> None:
        """End the workers of the version before, once its calls are answered."""
        worker = self._staff.leave()
        if worker is not None:
            await self._staff.finish(worker, drain=self._environment.drain, active=active)
        await self._staff.crew.dismiss()

    async def _go_back(self, before: Version, running: State | None, *, because: str, reason: str | None) -> str:
        """Bring back the version before, as it was; return in words how that went."""
        standing = self._standing
        plugin_id, version = standing.plugin_id, before.installed.record.version
        words = f"{standing.installed.record.version} was not taken: {because}"
        _log.warning("going back to the version before", plugin=plugin_id, version=version, reason=words)
        self._environment.console(plugin_id, 4, words)
        self._take(before)
        if before.crashes.quarantine is not None or (running is None and reason is not None):
            standing.go(State.ERROR, reason or words)
        elif running is None:
            standing.go(State.INSTALLED, words)
        else:
            try:
                worker = await self._staff.bring(running)
            except PlugindError as exc:
                standing.go(State.ERROR, f"{words}; {version} failed too: {exc.message}")
                return f"{plugin_id} {version} failed too when it was brought back: {exc.message}"
            self._arrive(worker, running, words)
        return f"{plugin_id} {version} is back as it was"

    def _take(self, version: Version) -> None:
        self._standing.take(version)
        self._rights.follow(version.installed)

    def _arrive(self, worker: Worker | None, state: State, reason: str | None = None) -> None:
        """Go to a running state, unless the worker was lost on the way."""
        self._staff.own = worker if worker is not None and worker.alive else None
        self._standing.wanted = state
        self._standing.go(state, reason)
        self._environment.used()
        if self._staff.own is None:
            self._standing.go(State.ERROR, "its worker was lost")
            self._environment.tasks.start_soon(self._recover)


def _told(error: PlugindError, outcome: str) -> PlugindError:
    """Return the same error, with what was done about it."""
    told = type(error)(f"{error.message}; {outcome}")
    told.data = error.data
    return told
