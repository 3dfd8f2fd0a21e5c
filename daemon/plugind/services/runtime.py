"""One installed plugin at run time, as the rest of the daemon sees it.

What it is made of: where it stands (`standing`), what it may do (`rights`), its workers (`staff`) and what they report
(`reports`), its way up and down (`life`), and the switch to another version (`trial`).
"""

import contextlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import anyio
import msgspec

from plugind.registry.records import Quarantined, Record
from plugind.services.crashes import Crashes
from plugind.services.environment import Environment, Installed
from plugind.services.idle import Step
from plugind.services.life import Life
from plugind.services.rights import Rights
from plugind.services.standing import Standing
from plugind.services.trial import Commit, Trial
from plugind.supervisor.call import Call
from plugind.supervisor.crew import Crew
from plugind.supervisor.meter import Meter
from plugind.supervisor.windows import WindowFile
from plugind.supervisor.worker import Worker
from plugind_protocol import presets
from plugind_protocol.errors import PlugindError
from plugind_protocol.manifest import Limits
from plugind_protocol.methods import HeldUpdate, Permissions, PluginInfo, Rest, State
from plugind_protocol.permissions import Permission
from plugind_protocol.worker import Window


class Runtime:
    """An installed plugin.

    Args:
        installed: What is installed.
        environment: What it works with.
        on_quarantine: Called when this version is given up.
        quarantine: Its quarantine, if it was given up before.
    """

    def __init__(
        self,
        installed: Installed,
        environment: Environment,
        *,
        on_quarantine: Callable[["Runtime"], None],
        quarantine: Quarantined | None = None,
    ) -> None:
        self.meter = Meter()
        self.windows: dict[int, tuple[Window, WindowFile]] = {}
        """The frames that are shared with it, by number."""
        self.held: HeldUpdate | msgspec.UnsetType = msgspec.UNSET
        """The update that waits for its user."""
        self._standing = Standing(installed, environment, quarantine=quarantine)
        self._rights = Rights(installed)
        self._life = Life(
            self._standing,
            self._rights,
            environment=environment,
            meter=self.meter,
            windows=self.windows,
            on_quarantine=lambda: on_quarantine(self),
        )
        self._staff = self._life.staff
        self._trial = Trial(
            self._standing, self._rights, staff=self._staff, environment=environment, recover=self._life.recover
        )

    # --- what is known of it ----------------------------------------------------------------------------------

    @property
    def plugin_id(self) -> str:
        """The plugin's id."""
        return self._standing.plugin_id

    @property
    def installed(self) -> Installed:
        """The version that runs, or would."""
        return self._standing.installed

    @property
    def committed(self) -> Installed:
        """The current version; while another one shows that it runs, still the one before it."""
        return self._standing.committed

    @property
    def package(self) -> Path:
        """The folder of its package."""
        return self.installed.package

    @property
    def crashes(self) -> Crashes:
        """What counts against its version."""
        return self._standing.crashes

    @property
    def state(self) -> State:
        """Its state."""
        return self._standing.state

    @property
    def granted(self) -> frozenset[Permission]:
        """What the user granted it."""
        return self._rights.granted

    @property
    def worker(self) -> Worker | None:
        """Its own worker; set exactly while it can be called."""
        return self._staff.own

    @property
    def workers(self) -> list[Worker]:
        """All workers that take something, its own first."""
        return self._staff.workers

    @property
    def crew(self) -> Crew:
        """Further workers, for frames of stateless effects."""
        return self._staff.crew

    @property
    def call_timeout(self) -> float:
        """Default deadline of a call, in seconds."""
        return (self._standing.installed.limits.call_timeout_ms or 30_000) / 1000

    @property
    def rested(self) -> Rest | None:
        """What was done to its idle worker, while it has nothing to do."""
        if self._standing.ended:
            return "ended"
        return "parked" if self.worker is not None and self.worker.parked else None

    @property
    def hears(self) -> bool:
        """Whether it is loaded: it has a worker, or one that was ended while idle and comes back."""
        return self._life.loaded

    def permissions(self) -> Permissions:
        """Requested and granted permissions, in words."""
        manifest = self.installed.manifest
        return Permissions(
            requested=manifest.permissions,
            granted=sorted(map(str, self.granted)),
            preset=presets.describe(self.granted, manifest.requested),
        )

    def info(self) -> PluginInfo:
        """Describe the plugin to clients."""
        installed, worker = self.committed, self.worker
        record, manifest = installed.record, installed.manifest
        return PluginInfo(
            plugin_id=record.plugin_id,
            version=record.version,
            state=self.state,
            type=manifest.type,
            pid=worker.pid if worker is not None else None,
            engine=installed.engine,
            abi=record.abi,
            permissions=self.permissions(),
            limits=installed.limits,
            description=manifest.description,
            enabled=record.enabled,
            reason=self._standing.reason,
            quarantine=self.crashes.describe(),
            shared_with=worker.neighbours if worker is not None else [],
            source=record.source,
            development=record.development,
            held_update=self.held,
            rest=self.rested,
        )

    # --- what it is brought to --------------------------------------------------------------------------------

    async def ensure(self, wanted: State) -> Worker:
        """Bring it to ``loaded`` or ``active``; see `Life.ensure`."""
        return await self._life.ensure(wanted)

    async def deactivate(self) -> None:
        """Bring it from ``active`` to ``loaded``; see `Life.deactivate`."""
        await self._life.deactivate()

    async def unload(self, reason: str | None = None, hook_timeout: float | None = None) -> None:
        """End its worker; see `Life.unload`."""
        await self._life.unload(reason, hook_timeout)

    async def reload(self) -> None:
        """Replace its worker by a fresh one; see `Life.reload`."""
        await self._life.reload()

    async def remove(self, commit: Commit) -> None:
        """Stop it for good; see `Life.remove`."""
        await self._life.remove(commit)

    async def release(self) -> None:
        """End the quarantine of its version; see `Life.release`."""
        await self._life.release()

    async def rest(self, worker: Worker, step: Step) -> bool:
        """Do one step to its idle worker; see `Life.rest`."""
        return await self._life.rest(worker, step)

    async def switch(self, installed: Installed, *, commit: Commit, quarantine: Quarantined | None = None) -> None:
        """Take another version, after it has shown that it gets to where the one before it is.

        Calls in flight end on the version before it, later ones wait. Where that one ran, the other is loaded and
        activated as it was; only then is it made the current one, durably. If it fails, or cannot be made so, the one
        before it is brought back as it was. A version that was in ``error`` is not gone back to.

        Args:
            installed: What to switch to.
            commit: Makes it the current version.
            quarantine: Its quarantine, if it was given up before; it is not started then.

        Raises:
            PlugindError: Why it did not get there; the version before it is back.
            OSError: It could not be made the current version; as above.
        """
        with anyio.CancelScope(shield=True):
            async with self._life.lock:
                wanted = await self._trial.switch(installed, commit=commit, quarantine=quarantine)
            if wanted is not None:
                with contextlib.suppress(PlugindError):  # the state says why
                    await self.ensure(wanted)

    # --- what it may do ---------------------------------------------------------------------------------------

    def withdrawn(self, names: list[str]) -> AbstractContextManager[None]:
        """Take permissions away at once, for as long as the block lasts; see `Rights.withdrawn`."""
        return self._rights.withdrawn(names)

    def record(self, record: Record, limits: Limits) -> None:
        """Take over a changed record and the limits that follow; grants count from the next host call on."""
        self._standing.record(record, limits)
        self._rights.follow(self.installed)

    async def apply_limits(self) -> None:
        """Let a running worker take over the limits in force."""
        await self.crew.dismiss()  # others start with the new ones
        worker = self.worker
        if worker is not None and worker.alive:
            await worker.limit(self.installed.limits, timeout=self.call_timeout)

    # --- frames that are shared with it -----------------------------------------------------------------------

    async def share_window(self, number: int) -> None:
        """Give a window to every worker that runs; see `Staff.share_window`."""
        await self._staff.share_window(number, timeout=self.call_timeout)

    def unshare_window(self, window: Window) -> list[Call]:
        """Take a window away from every worker that has it; return what is to be awaited."""
        return self._staff.unshare_window(window, timeout=self.call_timeout)
