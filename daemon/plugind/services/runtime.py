"""One installed plugin at run time: brings it to the state that is wanted, and back there when its worker was lost."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Final

import anyio
import msgspec
import structlog

from plugind.host.caller import Caller
from plugind.policy import grants
from plugind.registry import lifecycle
from plugind.registry.records import Quarantined, Record
from plugind.services.capsules import Subject
from plugind.services.crashes import Crashes
from plugind.services.environment import Environment, Installed
from plugind.services.helping import HelperOwner
from plugind.services.idle import Step
from plugind.supervisor.call import Call
from plugind.supervisor.crew import Crew, Helper
from plugind.supervisor.meter import Meter
from plugind.supervisor.windows import WindowFile
from plugind.supervisor.worker import Worker
from plugind_protocol import presets
from plugind_protocol.errors import (
    InvalidState,
    MemoryLimit,
    PlugindError,
    PluginNotFound,
    Timeout,
    Trap,
    WorkerCrashed,
)
from plugind_protocol.manifest import Limits
from plugind_protocol.methods import HeldUpdate, Permissions, PluginInfo, Rest, State
from plugind_protocol.permissions import Permission
from plugind_protocol.worker import Window

_log = structlog.get_logger(__name__)

_ACTIVATION: Final = ("lifecycle.activate", "main")


Commit = Callable[[], Awaitable[None]]
"""Makes durable what was decided; raises, and changes nothing, where the disk does not take it."""


class _Version(msgspec.Struct, frozen=True):
    """A version of the plugin, with the crashes that count against it."""

    installed: Installed
    crashes: Crashes


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
        self.installed = installed
        self.crashes = Crashes(environment.restarts, quarantine)
        self.meter = Meter()
        self.state = State.INSTALLED if quarantine is None else State.ERROR
        self.reason: str | None = None if quarantine is None else quarantine.reason
        self.worker: Worker | None = None
        """Set exactly while the plugin can be called."""
        self.windows: dict[int, tuple[Window, WindowFile]] = {}
        self.crew = Crew(
            self._start_helper,
            allowed=self._helpers_allowed,
            seats=environment.parallel.seats,
            idle_seconds=environment.parallel.idle_seconds,
            warn=lambda words: environment.console(self.plugin_id, 3, words),
        )
        """Further workers, for frames of stateless effects."""
        self.held: HeldUpdate | msgspec.UnsetType = msgspec.UNSET
        """The update that waits for its user."""
        self._caller = _caller(installed)
        self._withdrawing: list[list[str]] = []
        self._before: _Version | None = None  # while another version is tried
        self._removed = False
        self._ended = False  # the worker, while it was idle; the state is as if it ran
        self._wanted = State.LOADED
        self._environment = environment
        self._on_quarantine = on_quarantine
        self._lock = anyio.Lock()

    @property
    def plugin_id(self) -> str:
        """The plugin's id."""
        return self.installed.record.plugin_id

    @property
    def granted(self) -> frozenset[Permission]:
        """What the user granted it."""
        return self._caller.granted

    @property
    def committed(self) -> Installed:
        """The current version; while another one shows that it runs, still the one before it."""
        return self.installed if self._before is None else self._before.installed

    @property
    def package(self) -> Path:
        """The folder of its package."""
        return self.installed.module.parents[len(PurePosixPath(self.installed.manifest.main).parts) - 1]

    @property
    def workers(self) -> list[Worker]:
        """All workers that take something, its own first."""
        own = [self.worker] if self.worker is not None and self.worker.alive else []
        return [*own, *self.crew.workers]

    @property
    def call_timeout(self) -> float:
        """Default deadline of a call, in seconds."""
        return (self.installed.limits.call_timeout_ms or 30_000) / 1000

    def info(self) -> PluginInfo:
        """Describe the plugin to clients."""
        installed = self.committed
        record, manifest = installed.record, installed.manifest
        return PluginInfo(
            plugin_id=record.plugin_id,
            version=record.version,
            state=self.state,
            type=manifest.type,
            pid=self.worker.pid if self.worker is not None else None,
            engine=installed.engine,
            abi=record.abi,
            permissions=self.permissions(),
            limits=installed.limits,
            description=manifest.description,
            enabled=record.enabled,
            reason=self.reason,
            quarantine=self.crashes.describe(),
            shared_with=self.worker.neighbours if self.worker is not None else [],
            source=record.source,
            development=record.development,
            held_update=self.held,
            rest=self.rested,
        )

    @property
    def rested(self) -> Rest | None:
        """What was done to its idle worker, while it has nothing to do."""
        if self._ended:
            return "ended"
        return "parked" if self.worker is not None and self.worker.parked else None

    @property
    def hears(self) -> bool:
        """Whether it is loaded: it has a worker, or one that was ended while idle and comes back."""
        return self.worker is not None or self._ended

    def permissions(self) -> Permissions:
        """Requested and granted permissions, in words."""
        manifest = self.installed.manifest
        return Permissions(
            requested=manifest.permissions,
            granted=sorted(map(str, self.granted)),
            preset=presets.describe(self.granted, manifest.requested),
        )

    # --- states -----------------------------------------------------------------------------------------------

    async def ensure(self, wanted: State) -> Worker:
        """Bring the plugin to ``loaded`` or ``active``, starting a worker if there is none.

        Args:
            wanted: ``loaded`` or ``active``; a plugin that is active stays so.

        Returns:
            A worker that takes calls.

        Raises:
            InvalidState: The plugin is disabled.
            Quarantined: This version crashed too often.
            PlugindError: Why it cannot be brought there; its state is ``error`` then.
        """
        with anyio.CancelScope(shield=True):  # who asked may leave; the plugin is still brought to a whole state
            async with self._lock:
                self._check_there()
                if not self.installed.record.enabled:
                    raise InvalidState(
                        f"{self.plugin_id} is disabled",
                        hint=f"Enable it with: pluginctl enable {self.plugin_id}",
                        plugin_id=self.plugin_id,
                    )
                if wanted is State.ACTIVE:
                    self._wanted = State.ACTIVE
                worker = await self._restore()
        return worker

    async def deactivate(self) -> None:
        """Run ``lifecycle.deactivate`` and go from ``active`` to ``loaded``; nothing in any other state."""
        async with self._lock:
            self._wanted = State.LOADED
            if self.state is State.ACTIVE and self.hears:
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
            async with self._lock:
                await self._unload(reason, hook_timeout)

    async def share_window(self, number: int) -> None:
        """Give a window to every worker that runs.

        Raises:
            PlugindError: The plugin's own worker does not take it.
        """
        window, file = self.windows[number]
        if self.worker is not None and not self.worker.has_window(number):
            await self.worker.open_window(window, file.descriptor, timeout=self.call_timeout)
        for helper in self.crew.workers:
            if not helper.has_window(number):
                try:
                    await helper.open_window(window, file.descriptor, timeout=self.call_timeout)
                except PlugindError:
                    await helper.stop()

    def unshare_window(self, window: Window) -> list[Call]:
        """Take a window away from every worker that has it; return what is to be awaited."""
        having = [worker for worker in self.workers if worker.has_window(window.window)]
        return [worker.close_window(window, timeout=self.call_timeout) for worker in having]

    def drop_windows(self) -> None:
        """Remove the frames that are shared with it; for its end."""
        while self.windows:
            _, (_, file) = self.windows.popitem()
            file.remove()

    async def reload(self) -> None:
        """Replace the worker by a fresh one in the same state, once its calls are answered."""
        with anyio.CancelScope(shield=True):
            async with self._lock:
                wanted = State.ACTIVE if self.state is State.ACTIVE else State.LOADED
                worker, self.worker = self.worker, None
                if worker is not None:
                    await self._finish(worker, drain=self._environment.drain)
                await self._unload("reload")
            await self.ensure(wanted)

    async def remove(self, commit: Commit) -> None:
        """Stop the plugin for good.

        Args:
            commit: Removes what is kept of it; nothing has happened where this fails.
        """
        with anyio.CancelScope(shield=True):
            async with self._lock:
                self._check_there()
                await commit()
                self._removed = True
                await self._unload("uninstall")
                self.drop_windows()
                self._go(State.NOT_INSTALLED)

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
            async with self._lock:
                self._check_there()
                wanted = self._wanted
                running = self.state if self.state in lifecycle.RUNNING else None
                wants = running is not None or self.state is State.ERROR
                before = _Version(self.installed, self.crashes)
                reason = self.reason
                self._go(State.UPDATING, version=installed.record.version)
                worker, self.worker = self.worker, None
                if worker is not None:
                    await self._finish(worker, drain=self._environment.drain, active=running is State.ACTIVE)
                await self.crew.dismiss()  # they run the version before
                runs = installed.record.enabled and quarantine is None
                self._before, tried = before, None
                try:
                    self._take(_Version(installed, Crashes(self._environment.restarts, quarantine)))
                    if running is not None and runs:
                        tried = await self._try(running)
                    await commit()
                except PlugindError as exc:
                    await self._discard(tried)
                    raise _told(exc, await self._go_back(before, running, because=exc.message, reason=reason)) from exc
                except OSError as exc:
                    await self._discard(tried)
                    await self._go_back(before, running, because=str(exc), reason=reason)
                    raise
                finally:
                    self._before = None
                if running is not None and runs:
                    self._arrive(tried, running)
                elif quarantine is not None:
                    self._go(State.ERROR, quarantine.reason)
                else:
                    self._go(State.INSTALLED)
            if wants and running is None and runs:  # it would run, had the one before it not failed
                with contextlib.suppress(PlugindError):  # the state says why
                    await self.ensure(wanted)

    async def _try(self, wanted: State) -> Worker:
        """Start this version and bring it to a state, without telling anybody."""
        worker = await self._start()
        try:
            for name in _ACTIVATION if wanted is State.ACTIVE else ():
                await worker.hook(name, timeout=self._environment.hook_timeout)
            worker.check_alive()
        except PlugindError:
            await self._discard(worker)
            raise
        return worker

    async def _go_back(self, before: _Version, running: State | None, *, because: str, reason: str | None) -> str:
        """Bring back the version before, as it was; return in words how that went."""
        plugin_id, version = self.plugin_id, before.installed.record.version
        words = f"{self.installed.record.version} was not taken: {because}"
        _log.warning("going back to the version before", plugin=plugin_id, version=version, reason=words)
        self._environment.console(plugin_id, 4, words)
        self._take(before)
        if before.crashes.quarantine is not None or (running is None and reason is not None):
            self._go(State.ERROR, reason or words)
        elif running is None:
            self._go(State.INSTALLED, words)
        else:
            try:
                worker = await self._try(running)
            except PlugindError as exc:
                self._go(State.ERROR, f"{words}; {version} failed too: {exc.message}")
                return f"{plugin_id} {version} failed too when it was brought back: {exc.message}"
            self._arrive(worker, running, words)
        return f"{plugin_id} {version} is back as it was"

    def _take(self, version: _Version) -> None:
        self.installed, self.crashes = version.installed, version.crashes
        self._regrant()

    def _arrive(self, worker: Worker | None, state: State, reason: str | None = None) -> None:
        """Go to a running state, unless the worker was lost on the way."""
        self.worker = worker if worker is not None and worker.alive else None
        self._wanted = state
        self._go(state, reason)
        self._environment.used()
        if self.worker is None:
            self._go(State.ERROR, "its worker was lost")
            self._environment.tasks.start_soon(self._recover)

    @contextlib.contextmanager
    def withdrawn(self, names: list[str]) -> Iterator[None]:
        """Take permissions away at once, for as long as the block lasts: until the record says so itself.

        Raises:
            InvalidParams: An unknown permission.
        """
        grants.revoke(self.granted, names)
        self._withdrawing.append(names)
        self._regrant()
        try:
            yield
        finally:
            self._withdrawing.remove(names)
            self._regrant()

    def _regrant(self) -> None:
        caller = _caller(self.installed)
        for names in self._withdrawing:
            caller = msgspec.structs.replace(caller, granted=grants.revoke(caller.granted, names))
        self._caller = caller

    def record(self, record: Record, limits: Limits) -> None:
        """Take over a changed record and the limits that follow; grants count from the next host call on."""
        self.installed = msgspec.structs.replace(self.installed, record=record, limits=limits)
        self._regrant()

    async def apply_limits(self) -> None:
        """Let a running worker take over the limits in force."""
        await self.crew.dismiss()  # others start with the new ones
        worker = self.worker
        if worker is not None and worker.alive:
            await worker.limit(self.installed.limits, timeout=self.call_timeout)

    async def _restore(self) -> Worker:
        """Bring the plugin to the state that is wanted."""
        if self.worker is not None and not self.worker.alive:
            await asyncio.shield(self.worker.gone)
        worker = self.worker or await (self._come_back() if self._ended else self._load())
        if self._wanted is State.ACTIVE and self.state is State.LOADED:
            await self._hooks(worker, _ACTIVATION, State.ACTIVE)
        return worker

    async def _load(self) -> Worker:
        await anyio.sleep(self.crashes.delay())
        self.crashes.check()
        self._go(State.LOADING)
        try:
            worker = await self._start()
        except PlugindError as exc:
            await self._failed(None, exc)
            raise
        self.worker = worker
        self._go(State.LOADED)
        self._environment.used()
        return worker

    async def _come_back(self) -> Worker:
        """Start the worker that was ended while it was idle, and bring it to where it was; nobody is told."""
        await anyio.sleep(self.crashes.delay())
        self.crashes.check()
        try:
            worker = await self._try(self.state)
        except PlugindError as exc:
            await self._failed(None, exc)
            raise
        self._ended = False
        self.worker = worker
        self._environment.used()
        return worker

    async def _start(self) -> Worker:
        """Start a worker, give it the windows that are open, and run its first hook."""
        environment = self._environment
        worker: Worker | None = None
        try:
            worker = await environment.pool.launch(self.installed.plan(), owner=self, meter=self.meter)
            for window, file in self.windows.values():
                await worker.open_window(window, file.descriptor, timeout=environment.hook_timeout)
            await worker.hook("lifecycle.load", timeout=environment.hook_timeout)
            worker.check_alive()
        except PlugindError as exc:
            if worker is None and isinstance(exc, Trap | MemoryLimit):  # in its start function
                exc.data.capsule = self._capsule(None, exc)
            await self._discard(worker)
            raise
        return worker

    async def _start_helper(self) -> Helper:
        """Start a worker that runs frames only, with all windows that are open."""
        environment, owner = self._environment, HelperOwner(self)
        plan = environment.parallel.plan(self.installed.plan())
        worker = await environment.pool.launch(plan, owner=owner, meter=self.meter)
        given: dict[int, Window] = {}
        try:
            await worker.hook("lifecycle.load", timeout=environment.hook_timeout)
            while missing := [number for number in self.windows if number not in given]:
                given[missing[0]], file = self.windows[missing[0]]
                await worker.open_window(given[missing[0]], file.descriptor, timeout=environment.hook_timeout)
            for number in given.keys() - self.windows.keys():  # closed meanwhile
                worker.close_window(given[number], timeout=environment.hook_timeout)
        except BaseException:
            await asyncio.shield(worker.stop())
            raise
        return Helper(worker, frozenset(owner.effects))

    def _helpers_allowed(self) -> int:
        """How many helpers there may be now: none where processor time is limited, which is a limit of one process."""
        limited = self.installed.limits.cpu_seconds is not None
        waits = self.crashes.quarantine is not None or self.crashes.delay() > 0
        return 0 if limited or waits else self._environment.parallel.workers - 1

    async def _discard(self, worker: Worker | None) -> None:
        """End a worker that failed, and the helpers; what they registered goes with them."""
        await self.crew.dismiss()
        if worker is not None:
            await worker.stop()
        self._environment.forget(self.plugin_id)

    async def _hooks(self, worker: Worker, names: tuple[str, ...], to: State) -> None:
        try:
            for name in names:
                await worker.hook(name, timeout=self._environment.hook_timeout)
        except PlugindError as exc:
            await self._failed(worker, exc)
            raise
        self._go(to)

    async def _unload(self, reason: str | None, hook_timeout: float | None = None) -> None:
        self._wanted = State.LOADED
        worker, self.worker = self.worker, None
        if worker is not None:
            await self._finish(worker, hook_timeout=hook_timeout)
        await self.crew.dismiss()  # what a worker that was lost has left, as below
        self._environment.forget(self.plugin_id)
        if self.state is not State.INSTALLED and self.crashes.quarantine is None:
            self._go(State.INSTALLED, reason)

    async def _finish(
        self, worker: Worker, *, active: bool | None = None, drain: float = 0.0, hook_timeout: float | None = None
    ) -> None:
        """Let a worker that takes no more calls come to its end.

        Args:
            worker: The worker.
            active: Whether the plugin is active; default: what its state says.
            drain: Seconds that calls in flight may go on.
            hook_timeout: Seconds that each hook may take; default as for all hooks.
        """
        if drain:
            with anyio.move_on_after(drain):
                await worker.drained()
                await self.crew.drained()
        names = ("lifecycle.deactivate", "lifecycle.unload")
        for name in names if active or (active is None and self.state is State.ACTIVE) else names[1:]:
            try:
                await worker.hook(name, timeout=hook_timeout or self._environment.hook_timeout)
            except PlugindError as exc:
                self._environment.console(self.plugin_id, 4, f"{name} failed: {exc.message}")
        await self._discard(worker)

    async def _failed(self, worker: Worker | None, error: PlugindError) -> None:
        self.worker = None
        await self._discard(worker)
        if self.state is not State.ERROR:
            self._go(State.ERROR, error.message)

    def _check_there(self) -> None:
        if self._removed:
            raise PluginNotFound(f"plugin {self.plugin_id!r} is not installed", plugin_id=self.plugin_id)

    def _go(self, to: State, reason: str | None = None, *, version: str | None = None) -> None:
        lifecycle.check(self.state, to, plugin_id=self.plugin_id)
        before, self.state = self.state, to
        self._ended = False
        self.reason = reason if to is State.ERROR else None
        version = version or self.installed.record.version
        self._environment.announce(self.plugin_id, before, to, version=version, reason=reason)

    # --- what the worker reports ------------------------------------------------------------------------------

    def host_call(self, worker: Worker, number: int, method: bytes, params: bytes) -> "asyncio.Task[None] | None":
        """Answer a host call of the guest."""
        return self._environment.host_calls.ask(self._caller, worker, number, method=method, params=params)

    def logged(self, level: int, text: str) -> None:
        """Keep what the guest logged."""
        self._environment.console(self.plugin_id, level, text)

    def dropped(self, count: int) -> None:
        """Note that the guest logged more than it may."""
        self._environment.console_dropped(self.plugin_id, count)

    def trapped(self, worker: Worker, error: Trap | MemoryLimit) -> None:
        """Write a capsule and count a trap; too many end in quarantine."""
        error.data.capsule = self._capsule(worker, error)
        if isinstance(error, MemoryLimit):
            return
        self.meter.traps += 1
        if self._count("trap", error.message, error.data.capsule) and worker in self.workers:
            self._environment.tasks.start_soon(self._leave)

    def overdue(self, _worker: Worker, error: Timeout) -> None:
        """Name the capsule that is written when the worker is gone."""
        error.data.capsule = self._environment.capsules.promise(self.plugin_id)

    def ended(self, worker: Worker, error: WorkerCrashed, *, expected: bool) -> None:
        """Note that a worker is gone, and start another, after a pause that grows with the number of crashes."""
        promised = error.data.capsule
        if promised is not None or (worker.blamed and not expected):
            error.data.capsule = self._capsule(worker, error, promised=promised)
        if expected:
            return
        self.meter.crashes += worker.blamed
        reason = error.message
        _log.warning("worker lost", plugin=self.plugin_id, pid=worker.pid, reason=reason)
        given_up = worker.blamed and self._count("crash", reason, error.data.capsule)
        if self.worker is worker:
            self.worker = None
            self._go(State.ERROR, reason)
            if given_up:
                self._environment.forget(self.plugin_id)
                self._environment.tasks.start_soon(self.crew.dismiss)
            else:
                self._environment.tasks.start_soon(self._recover)
        elif given_up:
            self._environment.tasks.start_soon(self._leave)

    def _capsule(self, worker: Worker | None, error: PlugindError, *, promised: str | None = None) -> str | None:
        subject = Subject(
            record=self.installed.record,
            limits=self.installed.limits,
            engine=self.installed.engine,
            state=self.state,
            effects=[effect.effect_id for effect in self._environment.effects.list(self.plugin_id)],
            windows=self.windows,
        )
        return self._environment.capsules.take(subject, worker, error, promised=promised)

    def _count(self, cause: str, reason: str, capsule: str | None) -> bool:
        record = self.installed.record
        if self._before is not None:  # a version that is being tried is not taken, and nothing more
            return False
        if not self.crashes.count(record, cause, reason, capsule=capsule):
            return False
        _log.error("plugin quarantined", plugin=record.plugin_id, version=record.version, cause=cause, reason=reason)
        self._on_quarantine(self)
        return True

    async def _leave(self) -> None:
        """End the workers of a version that was quarantined because of its traps, or of what its helpers did."""
        async with self._lock:
            worker, quarantine = self.worker, self.crashes.quarantine
            if worker is not None and quarantine is not None:
                self.worker = None
                await self._discard(worker)
                self._go(State.ERROR, quarantine.reason)

    async def _recover(self) -> None:
        """Bring a plugin back that lost its worker, unless somebody else was faster or does not want it any more."""
        async with self._lock:
            if self.state is State.ERROR and self.worker is None and self.installed.record.enabled:
                with contextlib.suppress(PlugindError):  # the state says why
                    await self._restore()

    async def release(self) -> None:
        """End the quarantine of this version; it may crash as often as a new one."""
        async with self._lock:
            if self.crashes.quarantine is not None:
                self.crashes = self.crashes.released()
                self._go(State.INSTALLED, "released")

    # --- while it has nothing to do ---------------------------------------------------------------------------

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
            async with self._lock:
                if self.worker is not worker or not all(one.idle for one in self.workers):
                    return False
                try:
                    told = worker.hook("lifecycle.sleep", timeout=self._environment.hook_timeout)
                    given = worker.given
                    await told
                except PlugindError as exc:
                    self._environment.console(self.plugin_id, 3, f"its worker stays: lifecycle.sleep: {exc.message}")
                    return worker.idle
                if worker.given != given or self.worker is not worker:
                    return False
                self.worker, self._ended = None, True
                await worker.stop()
                await self.crew.dismiss()
        return True


def _told(error: PlugindError, outcome: str) -> PlugindError:
    """Return the same error, with what was done about it."""
    told = type(error)(f"{error.message}; {outcome}")
    told.data = error.data
    return told


def _caller(installed: Installed) -> Caller:
    record = installed.record
    return Caller(record.plugin_id, record.version, grants.parsed(record.granted), installed.limits)
