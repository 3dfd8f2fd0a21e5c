"""One installed plugin at run time: brings it to the state that is wanted, and back there when its worker was lost."""

import asyncio
import random
from collections.abc import Callable
from pathlib import Path
from typing import Final

import anyio
import anyio.abc
import msgspec
import structlog

from plugind.host.effects import EffectRegistry
from plugind.host.router import HostRouter
from plugind.policy.plan import LaunchPlan
from plugind.registry import lifecycle
from plugind.registry.database import Record
from plugind.supervisor import restart
from plugind.supervisor.meter import Meter
from plugind.supervisor.pool import Pool
from plugind.supervisor.windows import WindowFile
from plugind.supervisor.worker import Worker
from plugind_protocol.errors import InternalError, InvalidState, PlugindError
from plugind_protocol.manifest import Limits, Manifest
from plugind_protocol.methods import Permissions, PluginInfo, State
from plugind_protocol.permissions import parse
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


class Environment(msgspec.Struct, frozen=True):
    """What every runtime works with."""

    pool: Pool
    router: HostRouter
    effects: EffectRegistry
    tasks: anyio.abc.TaskGroup
    """Where host calls run; ends with the daemon."""
    announce: Callable[[str, State, State, str | None], None]
    """Plugin, from, to, reason."""
    console: Callable[[str, int, str], None]
    """Plugin, level, text."""
    restarts: restart.Policy
    hook_timeout: float
    """Seconds."""


class Runtime:
    """An installed plugin.

    Args:
        installed: What is installed.
        environment: What it works with.
    """

    def __init__(self, installed: Installed, environment: Environment) -> None:
        self.installed = installed
        self.meter = Meter()
        self.state = State.INSTALLED
        self.reason: str | None = None
        self.worker: Worker | None = None
        """Set exactly while the plugin can be called."""
        self.windows: dict[int, tuple[Window, WindowFile]] = {}
        self.granted = frozenset(parse(text) for text in installed.record.granted)
        self._wanted = State.LOADED
        self._environment = environment
        self._crashes: list[float] = []
        self._lock = anyio.Lock()

    @property
    def plugin_id(self) -> str:
        """The plugin's id."""
        return self.installed.record.plugin_id

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
        )

    def permissions(self) -> Permissions:
        """Requested and granted permissions, in words."""
        return Permissions(requested=self.installed.manifest.permissions, granted=sorted(map(str, self.granted)))

    # --- states -----------------------------------------------------------------------------------------------

    async def ensure(self, wanted: State) -> Worker:
        """Bring the plugin to ``loaded`` or ``active``, starting a worker if there is none.

        Args:
            wanted: ``loaded`` or ``active``; a plugin that is active stays so.

        Returns:
            A worker that takes calls.

        Raises:
            InvalidState: The plugin is disabled.
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
                worker = self.worker or await self._load()
                if self._wanted is State.ACTIVE and self.state is State.LOADED:
                    await self._hooks(worker, _ACTIVATION, State.ACTIVE)
        return worker

    async def deactivate(self) -> None:
        """Run ``lifecycle.deactivate`` and go from ``active`` to ``loaded``; nothing in any other state."""
        async with self._lock:
            self._wanted = State.LOADED
            if self.state is State.ACTIVE and self.worker is not None:
                await self._hooks(self.worker, ("lifecycle.deactivate",), State.LOADED)

    async def unload(self, reason: str | None = None) -> None:
        """End the worker; the state is ``installed`` afterwards.

        A failing ``lifecycle.deactivate`` or ``lifecycle.unload`` is logged to the plugin's console and does not
        keep it loaded.
        """
        with anyio.CancelScope(shield=True):
            async with self._lock:
                await self._unload(reason)

    async def reload(self) -> None:
        """Replace the worker by a fresh one in the same state."""
        wanted = State.ACTIVE if self.state is State.ACTIVE else State.LOADED
        await self.unload("reload")
        await self.ensure(wanted)

    async def replace(self, installed: Installed) -> None:
        """Switch to another version, or other settings, and back to the state the plugin was in."""
        with anyio.CancelScope(shield=True):
            running = self.state if self.state in lifecycle.RUNNING else None
            async with self._lock:
                await self._unload("update")
                self._go(State.UPDATING)
                self.installed = installed
                self.granted = frozenset(parse(text) for text in installed.record.granted)
                self._crashes.clear()
                self._go(State.INSTALLED)
            if running is not None and installed.record.enabled:
                await self.ensure(running)

    def record(self, record: Record) -> None:
        """Take over a changed record; grants count from the next host call on."""
        self.installed = msgspec.structs.replace(self.installed, record=record)
        self.granted = frozenset(parse(text) for text in record.granted)

    async def _load(self) -> Worker:
        environment = self._environment
        await self._back_off()
        self._go(State.LOADING)
        worker: Worker | None = None
        try:
            worker = await environment.pool.launch(self._plan(), owner=self, meter=self.meter)
            for window, file in self.windows.values():
                await worker.open_window(window, file.descriptor, timeout=environment.hook_timeout)
            await worker.hook("lifecycle.load", timeout=environment.hook_timeout)
        except PlugindError as exc:
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

    async def _unload(self, reason: str | None) -> None:
        self._wanted = State.LOADED
        worker = self.worker
        if worker is not None:
            names = ("lifecycle.deactivate", "lifecycle.unload")
            for name in names if self.state is State.ACTIVE else names[1:]:
                try:
                    await worker.hook(name, timeout=self._environment.hook_timeout)
                except PlugindError as exc:
                    self._environment.console(self.plugin_id, 4, f"{name} failed: {exc.message}")
            self.worker = None
            await worker.stop()
        self._environment.effects.forget(self.plugin_id)
        if self.state is not State.INSTALLED:
            self._go(State.INSTALLED, reason)

    async def _failed(self, worker: Worker | None, error: PlugindError) -> None:
        self.worker = None
        if worker is not None:
            await worker.stop()
        self._environment.effects.forget(self.plugin_id)
        if self.state is not State.ERROR:
            self._go(State.ERROR, error.message)

    async def _back_off(self) -> None:
        now = asyncio.get_running_loop().time()
        policy = self._environment.restarts
        decision = restart.decide(self._crashes, now, policy=policy, jitter=random.random())  # noqa: S311  # no secret
        until = decision.not_before if isinstance(decision, restart.Restart) else now + policy.backoff_max_seconds
        await anyio.sleep(max(0.0, until - now))

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
        )

    # --- what the worker reports ------------------------------------------------------------------------------

    def host_call(self, worker: Worker, number: int, method: bytes, params: bytes) -> None:
        """Answer a host call of the guest in a task of its own."""
        self._environment.tasks.start_soon(self._answer_host_call, worker, number, method, params)

    async def _answer_host_call(self, worker: Worker, number: int, method: bytes, params: bytes) -> None:
        answer: bytes | msgspec.Raw | PlugindError
        try:
            answer = await self._environment.router.call(
                self.plugin_id,
                self.installed.record.version,
                self.granted,
                method=method.decode(errors="replace"),
                params=params,
            )
        except PlugindError as exc:
            answer = exc
        except Exception:
            _log.exception("host call failed", plugin=self.plugin_id, method=method)
            answer = InternalError("the host call failed in the daemon; its log has the details")
        worker.answer_host_call(number, answer)

    def logged(self, level: int, text: str) -> None:
        """Keep what the guest logged."""
        self._environment.console(self.plugin_id, level, text)

    def ended(self, worker: Worker, reason: str, *, expected: bool) -> None:
        """Note that a worker is gone; the next call gets a new one."""
        if expected:
            return
        self.meter.crashes += 1
        self._crashes.append(asyncio.get_running_loop().time())
        del self._crashes[:-16]
        _log.warning("worker lost", plugin=self.plugin_id, pid=worker.pid, reason=reason)
        if self.worker is worker:
            self.worker = None
            self._go(State.ERROR, f"{self.plugin_id} {self.installed.record.version}: {reason}")
