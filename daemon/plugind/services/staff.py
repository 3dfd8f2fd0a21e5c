"""The workers of one plugin: how one is started, brought to a state, given windows of frames, and comes to its end.

States are not changed here, and what a worker reports goes elsewhere.
"""

import asyncio
from typing import Final

import anyio

from plugind.services import carrying
from plugind.services.environment import Environment
from plugind.services.helping import HelperOwner
from plugind.services.reports import Reports
from plugind.services.standing import Standing
from plugind.supervisor.call import Call
from plugind.supervisor.crew import Crew, Helper
from plugind.supervisor.meter import Meter
from plugind.supervisor.windows import WindowFile
from plugind.supervisor.worker import Worker
from plugind_protocol.errors import MemoryLimit, PlugindError, Trap
from plugind_protocol.methods import State
from plugind_protocol.worker import Window

ACTIVATION: Final = ("lifecycle.activate", "main")
"""What is run to get from ``loaded`` to ``active``."""


class Staff:
    """The workers of one plugin.

    Args:
        standing: Which version they run.
        reports: Who they report to.
        environment: Where they are started.
        meter: Where their calls are counted.
        windows: The frames that are shared with them, by number.
    """

    def __init__(
        self,
        standing: Standing,
        reports: Reports,
        *,
        environment: Environment,
        meter: Meter,
        windows: dict[int, tuple[Window, WindowFile]],
    ) -> None:
        self.own: Worker | None = None
        """The plugin's own. Set exactly while the plugin can be called."""
        self.crew = Crew(
            self._start_helper,
            allowed=self._helpers_allowed,
            seats=environment.parallel.seats,
            idle_seconds=environment.parallel.idle_seconds,
            warn=lambda words: environment.console(standing.plugin_id, 3, words),
        )
        """Further workers, for frames of stateless effects."""
        self.carried: bytes | None = None
        """State on its way from one worker of its own to the next; see `plugind.services.carrying`."""
        self._standing = standing
        self._reports = reports
        self._environment = environment
        self._meter = meter
        self._windows = windows

    @property
    def workers(self) -> list[Worker]:
        """All workers that take something, the plugin's own first."""
        own = [self.own] if self.own is not None and self.own.alive else []
        return [*own, *self.crew.workers]

    def leave(self) -> Worker | None:
        """Let the own worker take no more calls, and return it."""
        worker, self.own = self.own, None
        return worker

    # --- starting ---------------------------------------------------------------------------------------------

    async def start(self) -> Worker:
        """Start a worker, give it the windows that are open, and run its first hook.

        Raises:
            PlugindError: Why it does not run; it is gone.
        """
        environment = self._environment
        worker: Worker | None = None
        try:
            worker = await environment.pool.launch(
                self._standing.installed.plan(), owner=self._reports, meter=self._meter
            )
            for window, file in self._windows.values():
                await worker.open_window(window, file.descriptor, timeout=environment.hook_timeout)
            await worker.hook("lifecycle.load", timeout=environment.hook_timeout)
            if self.carried is not None:
                timeout = environment.hook_timeout
                await carrying.restored(worker, self.carried, timeout=timeout, complain=self._reports.logged)
            worker.check_alive()
        except PlugindError as exc:
            if worker is None and isinstance(exc, Trap | MemoryLimit):  # in its start function
                exc.data.capsule = self._reports.capsule(None, exc)
            await self.discard(worker)
            raise
        return worker

    async def bring(self, wanted: State) -> Worker:
        """Start a worker and bring it to a state, without telling anybody.

        Args:
            wanted: ``loaded`` or ``active``.

        Raises:
            PlugindError: Why it does not get there; it is gone.
        """
        worker = await self.start()
        try:
            for name in ACTIVATION if wanted is State.ACTIVE else ():
                await worker.hook(name, timeout=self._environment.hook_timeout)
            worker.check_alive()
        except PlugindError:
            await self.discard(worker)
            raise
        return worker

    async def _start_helper(self) -> Helper:
        """Start a worker that runs frames only, with all windows that are open."""
        environment, owner = self._environment, HelperOwner(self._reports)
        plan = environment.parallel.plan(self._standing.installed.plan())
        worker = await environment.pool.launch(plan, owner=owner, meter=self._meter)
        given: dict[int, Window] = {}
        try:
            await worker.hook("lifecycle.load", timeout=environment.hook_timeout)
            while missing := [number for number in self._windows if number not in given]:
                given[missing[0]], file = self._windows[missing[0]]
                await worker.open_window(given[missing[0]], file.descriptor, timeout=environment.hook_timeout)
            for number in given.keys() - self._windows.keys():  # closed meanwhile
                worker.close_window(given[number], timeout=environment.hook_timeout)
        except BaseException:
            await asyncio.shield(worker.stop())
            raise
        return Helper(worker, frozenset(owner.effects))

    def _helpers_allowed(self) -> int:
        """How many helpers there may be now: none where processor time is limited, which is a limit of one process."""
        limited = self._standing.installed.limits.cpu_seconds is not None
        crashes = self._standing.crashes
        waits = crashes.quarantine is not None or crashes.delay() > 0
        return 0 if limited or waits else self._environment.parallel.workers - 1

    # --- ending -----------------------------------------------------------------------------------------------

    async def finish(
        self, worker: Worker, *, active: bool, drain: float | None = None, hook_timeout: float | None = None
    ) -> None:
        """Let a worker that takes no more calls come to its end.

        Args:
            worker: The worker.
            active: Whether the plugin is active.
            drain: Seconds that calls in flight may go on, where another worker follows; that one is given its state.
            hook_timeout: Seconds that each hook may take; default as for all hooks.
        """
        if drain is not None:
            with anyio.move_on_after(drain):
                await worker.drained()
                await self.crew.drained()
            timeout = self._environment.hook_timeout
            self.carried = await carrying.saved(worker, timeout=timeout, complain=self._reports.logged)
        names = ("lifecycle.deactivate", "lifecycle.unload")
        for name in names if active else names[1:]:
            try:
                await worker.hook(name, timeout=hook_timeout or self._environment.hook_timeout)
            except PlugindError as exc:
                self._environment.console(self._standing.plugin_id, 4, f"{name} failed: {exc.message}")
        await self.discard(worker)

    async def discard(self, worker: Worker | None) -> None:
        """End a worker, and the helpers; what they registered goes with them."""
        await self.crew.dismiss()
        if worker is not None:
            await worker.stop()
        self._environment.forget(self._standing.plugin_id)

    # --- windows ----------------------------------------------------------------------------------------------

    async def share_window(self, number: int, *, timeout: float) -> None:
        """Give a window to every worker that runs.

        Args:
            number: The window's.
            timeout: Seconds that each may take.

        Raises:
            PlugindError: The plugin's own worker does not take it.
        """
        window, file = self._windows[number]
        if self.own is not None and not self.own.has_window(number):
            await self.own.open_window(window, file.descriptor, timeout=timeout)
        for helper in self.crew.workers:
            if not helper.has_window(number):
                try:
                    await helper.open_window(window, file.descriptor, timeout=timeout)
                except PlugindError:
                    await helper.stop()

    def unshare_window(self, window: Window, *, timeout: float) -> list[Call]:
        """Take a window away from every worker that has it; return what is to be awaited.

        Args:
            window: The window.
            timeout: Seconds that each may take.
        """
        having = [worker for worker in self.workers if worker.has_window(window.window)]
        return [worker.close_window(window, timeout=timeout) for worker in having]

    def drop_windows(self) -> None:
        """Remove the frames that are shared with them; for the plugin's end."""
        while self._windows:
            _, (_, file) = self._windows.popitem()
            file.remove()
