"""One installed plugin at run time: brings it to the state that is wanted, and back there when its worker was lost."""

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Final

import anyio
import anyio.abc
import msgspec
import structlog

from plugind.host.caller import Caller
from plugind.host.effects import EffectRegistry
from plugind.policy.plan import LaunchPlan
from plugind.registry import lifecycle
from plugind.registry.database import Quarantined, Record
from plugind.services.capsules import Capsules, Subject
from plugind.services.crashes import Crashes
from plugind.services.hosting import HostCalls
from plugind.supervisor import restart
from plugind.supervisor.meter import Meter
from plugind.supervisor.pool import Pool
from plugind.supervisor.windows import WindowFile
from plugind.supervisor.worker import Worker
from plugind_protocol import presets
from plugind_protocol.errors import InvalidState, MemoryLimit, PlugindError, Timeout, Trap, WorkerCrashed
from plugind_protocol.manifest import Limits, Manifest
from plugind_protocol.methods import Permissions, PluginInfo, State
from plugind_protocol.permissions import Permission, parse
from plugind_protocol.worker import Window

_log = structlog.get_logger(__name__)

_ACTIVATION: Final = ("lifecycle.activate", "main")


class Installed(msgspec.Struct, frozen=True):
    """What is installed: the record, the manifest in its package, and the limits in force."""

    record: Record
    manifest: Manifest
    module: Path
    limits: Limits
    engine: str
    publisher: str | None = None
    """With whose plugins it shares a process, if it does."""


class Environment(msgspec.Struct, frozen=True):
    """What every runtime works with."""

    pool: Pool
    host_calls: HostCalls
    effects: EffectRegistry
    tasks: anyio.abc.TaskGroup
    """Where workers are brought back; ends with the daemon."""
    announce: Callable[[str, State, State, str | None], None]
    """Plugin, from, to, reason."""
    console: Callable[[str, int, str], None]
    """Plugin, level, text."""
    console_dropped: Callable[[str, int], None]
    """Plugin, how many messages were dropped."""
    capsules: Capsules
    """Where failures are written down."""
    restarts: restart.Policy
    hook_timeout: float
    """Seconds."""


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
        self._caller = _caller(installed)
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
    def call_timeout(self) -> float:
        """Default deadline of a call, in seconds."""
        return (self.installed.limits.call_timeout_ms or 30_000) / 1000

    def info(self) -> PluginInfo:
        """Describe the plugin to clients."""
        record, manifest = self.installed.record, self.installed.manifest
        return PluginInfo(
            plugin_id=record.plugin_id,
            version=record.version,
            state=self.state,
            type=manifest.type,
            pid=self.worker.pid if self.worker is not None else None,
            engine=self.installed.engine,
            abi=record.abi,
            permissions=self.permissions(),
            limits=self.installed.limits,
            description=manifest.description,
            enabled=record.enabled,
            reason=self.reason,
            quarantine=self.crashes.describe(),
            shared_with=self.worker.neighbours if self.worker is not None else [],
        )

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
            if self.state is State.ACTIVE and self.worker is not None:
                await self._hooks(self.worker, ("lifecycle.deactivate",), State.LOADED)

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

    def drop_windows(self) -> None:
        """Remove the frames that are shared with it; for its end."""
        while self.windows:
            _, (_, file) = self.windows.popitem()
            file.remove()

    async def reload(self) -> None:
        """Replace the worker by a fresh one in the same state."""
        wanted = State.ACTIVE if self.state is State.ACTIVE else State.LOADED
        await self.unload("reload")
        await self.ensure(wanted)

    async def replace(self, installed: Installed, *, quarantine: Quarantined | None = None) -> None:
        """Switch to another version and back to the state the plugin was in.

        Args:
            installed: What to switch to.
            quarantine: Its quarantine, if it was given up before.
        """
        with anyio.CancelScope(shield=True):
            running = self.state if self.state in lifecycle.RUNNING else None
            if self.crashes.quarantine is not None:
                running = self._wanted  # it would run, had it not crashed
            async with self._lock:
                await self._unload("update")
                self._go(State.UPDATING)
                self.installed = installed
                self._caller = _caller(installed)
                self.crashes = Crashes(self._environment.restarts, quarantine)
                self._go(State.INSTALLED if quarantine is None else State.ERROR)
            if running is not None and quarantine is None and installed.record.enabled:
                await self.ensure(running)

    def record(self, record: Record, limits: Limits) -> None:
        """Take over a changed record and the limits that follow; grants count from the next host call on."""
        self.installed = msgspec.structs.replace(self.installed, record=record, limits=limits)
        self._caller = _caller(self.installed)

    async def apply_limits(self) -> None:
        """Let a running worker take over the limits in force."""
        worker = self.worker
        if worker is not None and worker.alive:
            await worker.limit(self.installed.limits, timeout=self.call_timeout)

    async def _restore(self) -> Worker:
        """Bring the plugin to the state that is wanted."""
        if self.worker is not None and not self.worker.alive:
            await asyncio.shield(self.worker.gone)
        worker = self.worker or await self._load()
        if self._wanted is State.ACTIVE and self.state is State.LOADED:
            await self._hooks(worker, _ACTIVATION, State.ACTIVE)
        return worker

    async def _load(self) -> Worker:
        environment = self._environment
        await anyio.sleep(self.crashes.delay())
        self.crashes.check()
        self._go(State.LOADING)
        worker: Worker | None = None
        try:
            worker = await environment.pool.launch(self._plan(), owner=self, meter=self.meter)
            for window, file in self.windows.values():
                await worker.open_window(window, file.descriptor, timeout=environment.hook_timeout)
            await worker.hook("lifecycle.load", timeout=environment.hook_timeout)
            worker.check_alive()
        except PlugindError as exc:
            if worker is None and isinstance(exc, Trap | MemoryLimit):  # in its start function
                exc.data.capsule = self._capsule(None, exc)
            await self._failed(worker, exc)
            raise
        self.worker = worker
        self._go(State.LOADED)
        return worker

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
        worker = self.worker
        if worker is not None:
            names = ("lifecycle.deactivate", "lifecycle.unload")
            for name in names if self.state is State.ACTIVE else names[1:]:
                try:
                    await worker.hook(name, timeout=hook_timeout or self._environment.hook_timeout)
                except PlugindError as exc:
                    self._environment.console(self.plugin_id, 4, f"{name} failed: {exc.message}")
            self.worker = None
            await worker.stop()
        self._environment.effects.forget(self.plugin_id)
        if self.state is not State.INSTALLED and self.crashes.quarantine is None:
            self._go(State.INSTALLED, reason)

    async def _failed(self, worker: Worker | None, error: PlugindError) -> None:
        self.worker = None
        if worker is not None:
            await worker.stop()
        self._environment.effects.forget(self.plugin_id)
        if self.state is not State.ERROR:
            self._go(State.ERROR, error.message)

    def _go(self, to: State, reason: str | None = None) -> None:
        lifecycle.check(self.state, to, plugin_id=self.plugin_id)
        before, self.state = self.state, to
        self.reason = reason if to is State.ERROR else None
        self._environment.announce(self.plugin_id, before, to, reason)

    def _plan(self) -> LaunchPlan:
        record = self.installed.record
        return LaunchPlan(
            plugin_id=record.plugin_id,
            version=record.version,
            module=str(self.installed.module),
            module_hash=record.module_hash,
            text=self.installed.module.suffix == ".wat",
            engine=self.installed.engine,
            abi=record.abi,
            limits=self.installed.limits,
            publisher=self.installed.publisher,
        )

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
        if self._count("trap", error.message, error.data.capsule) and self.worker is worker:
            self._environment.tasks.start_soon(self._leave, worker)

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
            if not given_up:
                self._environment.tasks.start_soon(self._recover)

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
        if not self.crashes.count(record, cause, reason, capsule=capsule):
            return False
        _log.error("plugin quarantined", plugin=record.plugin_id, version=record.version, cause=cause, reason=reason)
        self._on_quarantine(self)
        return True

    async def _leave(self, worker: Worker) -> None:
        """End the worker of a version that was quarantined because of its traps."""
        async with self._lock:
            if self.worker is worker and (quarantine := self.crashes.quarantine) is not None:
                self.worker = None
                await worker.stop()
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
                self.crashes = Crashes(self._environment.restarts)
                self._go(State.INSTALLED, "released")

    async def probe(self, timeout: float) -> None:
        """Ask an idle worker whether it still answers; one that does not is killed and replaced.

        Args:
            timeout: Seconds.
        """
        if self.worker is not None and self.worker.idle:
            with contextlib.suppress(PlugindError):  # the worker's end is reported by itself
                await self.worker.ping(timeout=timeout)


def _caller(installed: Installed) -> Caller:
    record = installed.record
    granted = frozenset(parse(text) for text in record.granted)
    return Caller(record.plugin_id, record.version, granted, installed.limits)
