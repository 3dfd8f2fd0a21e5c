"""The life of one plugin: brings it to the state that is wanted, and back there when its worker was lost.

One change at a time: whoever changes where the plugin stands holds the lock.
"""

import asyncio
import contextlib
from collections.abc import Callable

import anyio

from plugind.services.environment import Environment
from plugind.services.idle import Step
from plugind.services.reports import Reports
from plugind.services.rights import Rights
from plugind.services.staff import ACTIVATION, Staff
from plugind.services.standing import Standing
from plugind.services.trial import Commit
from plugind.supervisor.meter import Meter
from plugind.supervisor.windows import WindowFile
from plugind.supervisor.worker import Worker
from plugind_protocol.errors import PlugindError
from plugind_protocol.methods import State
from plugind_protocol.worker import Window


class Life:
    """The life of one plugin.

    Args:
        standing: Where it stands.
        rights: What it may do.
        environment: What it works with.
        meter: Where its calls and failures are counted.
        windows: The frames that are shared with it, by number.
        on_quarantine: Called when its version is given up.
    """

    def __init__(
        self,
        standing: Standing,
        rights: Rights,
        *,
        environment: Environment,
        meter: Meter,
        windows: dict[int, tuple[Window, WindowFile]],
        on_quarantine: Callable[[], None],
    ) -> None:
        reports = Reports(
            standing,
            rights,
            environment=environment,
            meter=meter,
            windows=windows,
            on_quarantine=on_quarantine,
            heed=self,
        )
        self.lock = anyio.Lock()
        self.staff = Staff(standing, reports, environment=environment, meter=meter, windows=windows)
        """Its workers."""
        self._standing = standing
        self._environment = environment

    @property
    def loaded(self) -> bool:
        """Whether it has a worker, or one that was ended while idle and comes back."""
        return self.staff.own is not None or self._standing.ended

    # --- what is asked for ------------------------------------------------------------------------------------

    async def ensure(self, wanted: State) -> Worker:
        """Bring the plugin to ``loaded`` or ``active``, starting a worker if there is none.

        Args:
            wanted: ``loaded`` or ``active``; a plugin that is active stays so.

        Returns:
            A worker that takes calls.

        Raises:
            PluginNotFound: It was removed.
            InvalidState: The plugin is disabled.
            Quarantined: This version crashed too often.
            PlugindError: Why it cannot be brought there; its state is ``error`` then.
        """
        with anyio.CancelScope(shield=True):  # who asked may leave; the plugin is still brought to a whole state
            async with self.lock:
                self._standing.check_usable()
                if wanted is State.ACTIVE:
                    self._standing.wanted = State.ACTIVE
                worker = await self._restore()
        return worker

    async def deactivate(self) -> None:
        """Run ``lifecycle.deactivate`` and go from ``active`` to ``loaded``; nothing in any other state."""
        async with self.lock:
            self._standing.wanted = State.LOADED
            if self._standing.state is State.ACTIVE and self.loaded:
                await self._hooks(await self._restore(), ("lifecycle.deactivate",), State.LOADED)

    async def unload(self, reason: str | None = None, hook_timeout: float | None = None) -> None:
        """End the worker; the state is ``installed`` afterwards.

        A failing ``lifecycle.deactivate`` or ``lifecycle.unload`` is logged to the plugin's console and does not
        keep it loaded.

        Args:
            reason: Why, for the announcement.
            hook_timeout: Seconds that each hook may take; default as for all hooks.
        """
        with anyio.CancelScope(shield=True):
            async with self.lock:
                await self._unload(reason, hook_timeout)

    async def reload(self) -> None:
        """Replace the worker by a fresh one in the same state, once its calls are answered."""
        with anyio.CancelScope(shield=True):
            async with self.lock:
                wanted = State.ACTIVE if self._standing.state is State.ACTIVE else State.LOADED
                worker = self.staff.leave()
                if worker is not None:
                    await self.staff.finish(worker, active=wanted is State.ACTIVE, drain=self._environment.drain)
                await self._unload("reload")
            try:
                await self.ensure(wanted)
            finally:
                self.staff.carried = None

    async def remove(self, commit: Commit) -> None:
        """Stop the plugin for good.

        Args:
            commit: Removes what is kept of it; nothing has happened where this fails.

        Raises:
            PluginNotFound: It was removed before.
        """
        with anyio.CancelScope(shield=True):
            async with self.lock:
                self._standing.check_there()
                await commit()
                self._standing.removed = True
                await self._unload("uninstall")
                self.staff.drop_windows()
                self._standing.go(State.NOT_INSTALLED)

    async def release(self) -> None:
        """End the quarantine of this version; it may crash as often as a new one."""
        async with self.lock:
            if self._standing.crashes.quarantine is not None:
                self._standing.crashes = self._standing.crashes.released()
                self._standing.go(State.INSTALLED, "released")

    # --- up and down ------------------------------------------------------------------------------------------

    async def _restore(self) -> Worker:
        """Bring the plugin to the state that is wanted."""
        own = self.staff.own
        if own is not None and not own.alive:
            await asyncio.shield(own.gone)
        worker = self.staff.own or await (self._come_back() if self._standing.ended else self._load())
        if self._standing.wanted is State.ACTIVE and self._standing.state is State.LOADED:
            await self._hooks(worker, ACTIVATION, State.ACTIVE)
        return worker

    async def _load(self) -> Worker:
        await anyio.sleep(self._standing.crashes.delay())
        self._standing.crashes.check()
        self._standing.go(State.LOADING)
        try:
            worker = await self.staff.start()
        except PlugindError as exc:
            await self._failed(None, exc)
            raise
        self.staff.own = worker
        self._standing.go(State.LOADED)
        self._environment.used()
        return worker

    async def _come_back(self) -> Worker:
        """Start the worker that was ended while it was idle, and bring it to where it was; nobody is told."""
        await anyio.sleep(self._standing.crashes.delay())
        self._standing.crashes.check()
        try:
            worker = await self.staff.bring(self._standing.state)
        except PlugindError as exc:
            await self._failed(None, exc)
            raise
        self._standing.ended = False
        self.staff.own = worker
        self._environment.used()
        return worker

    async def _hooks(self, worker: Worker, names: tuple[str, ...], to: State) -> None:
        try:
            for name in names:
                await worker.hook(name, timeout=self._environment.hook_timeout)
        except PlugindError as exc:
            await self._failed(worker, exc)
            raise
        self._standing.go(to)

    async def _failed(self, worker: Worker | None, error: PlugindError) -> None:
        self.staff.own = None
        await self.staff.discard(worker)
        if self._standing.state is not State.ERROR:
            self._standing.go(State.ERROR, error.message)

    async def _unload(self, reason: str | None, hook_timeout: float | None = None) -> None:
        standing = self._standing
        standing.wanted = State.LOADED
        worker = self.staff.leave()
        if worker is not None:
            await self.staff.finish(worker, active=standing.state is State.ACTIVE, hook_timeout=hook_timeout)
        await self.staff.discard(None)  # what a worker that was lost has left
        if standing.state is not State.INSTALLED and standing.crashes.quarantine is None:
            standing.go(State.INSTALLED, reason)

    # --- what happens to its workers --------------------------------------------------------------------------

    def lost(self, worker: Worker, reason: str, *, given_up: bool) -> None:
        """Start another worker in place of one that is gone, after a pause that grows with the number of crashes."""
        if self.staff.own is worker:
            self.staff.own = None
            self._standing.go(State.ERROR, reason)
            if given_up:
                self._environment.forget(self._standing.plugin_id)
                self._environment.tasks.start_soon(self.staff.crew.dismiss)
            else:
                self._environment.tasks.start_soon(self.recover)
        elif given_up:
            self._environment.tasks.start_soon(self._leave)

    def given_up(self, worker: Worker) -> None:
        """End the workers of a version that is in quarantine because of this one."""
        if worker in self.staff.workers:
            self._environment.tasks.start_soon(self._leave)

    async def recover(self) -> None:
        """Bring a plugin back that lost its worker, unless somebody else was faster or does not want it any more."""
        async with self.lock:
            standing = self._standing
            if standing.state is State.ERROR and self.staff.own is None and standing.installed.record.enabled:
                with contextlib.suppress(PlugindError):  # the state says why
                    await self._restore()

    async def _leave(self) -> None:
        """End the workers of a version that was quarantined because of its traps, or of what its helpers did."""
        async with self.lock:
            quarantine = self._standing.crashes.quarantine
            if self.staff.own is not None and quarantine is not None:
                await self.staff.discard(self.staff.leave())
                self._standing.go(State.ERROR, quarantine.reason)

    async def rest(self, worker: Worker, step: Step) -> bool:
        """Do one step to an idle worker; see `plugind.services.idle`.

        Args:
            worker: The worker that is idle.
            step: What to do. One that does not answer is killed and replaced.

        Returns:
            Whether it was given nothing else to do meanwhile.
        """
        if step is Step.END:
            return await self._end(worker)
        try:
            timeout = self._environment.health_timeout
            asked = worker.park(timeout=timeout) if step is Step.PARK else worker.ping(timeout=timeout)
            given = worker.given
            await asked
        except PlugindError:  # the worker's end is reported by itself
            return False
        if worker.given != given:
            worker.parked = False
            return False
        return True

    async def _end(self, worker: Worker) -> bool:
        """End an idle worker, once the plugin was told, unless it objects or is given something to do."""
        with anyio.CancelScope(shield=True):
            async with self.lock:
                if self.staff.own is not worker or not all(one.idle for one in self.staff.workers):
                    return False
                try:
                    told = worker.hook("lifecycle.sleep", timeout=self._environment.hook_timeout)
                    given = worker.given
                    await told
                except PlugindError as exc:
                    words = f"its worker stays: lifecycle.sleep: {exc.message}"
                    self._environment.console(self._standing.plugin_id, 3, words)
                    return worker.idle
                if worker.given != given or self.staff.own is not worker:
                    return False
                self.staff.own, self._standing.ended = None, True
                await worker.stop()
                await self.staff.crew.dismiss()
        return True
