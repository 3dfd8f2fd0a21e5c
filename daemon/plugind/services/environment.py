"""What is installed of one plugin, and what all runtimes work with: values between the catalogue and the runtimes."""

from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Protocol

import anyio.abc
import msgspec

from plugind.host.effects import EffectRegistry
from plugind.host.own import OwnProviders
from plugind.policy.plan import LaunchPlan, ScriptPlan
from plugind.registry.records import Record
from plugind.services.capsules import Capsules
from plugind.services.hosting import HostCalls
from plugind.supervisor import restart, scripts
from plugind.supervisor.crew import Seats
from plugind.supervisor.pool import Pool
from plugind_protocol.manifest import Limits, Manifest
from plugind_protocol.methods import HeldUpdate, State


class Installed(msgspec.Struct, frozen=True):
    """What is installed: the record, the manifest in its package, and the limits in force."""

    record: Record
    manifest: Manifest
    module: Path
    limits: Limits
    engine: str
    config: dict[str, str] = {}
    """What it finds when it asks for its configuration."""
    publisher: str | None = None
    """With whose plugins it shares a process, if it does."""

    @property
    def package(self) -> Path:
        """The folder of its package."""
        return self.module.parents[len(PurePosixPath(self.manifest.main).parts) - 1]

    @property
    def script(self) -> ScriptPlan | None:
        """What is run of it by the runtime of scripts, where it is one."""
        if self.record.abi != scripts.ABI:
            return None
        return ScriptPlan(folder=str(self.package), main=self.manifest.main, hash=self.record.module_hash)

    def plan(self) -> LaunchPlan:
        """Return all that the supervisor gets to know of it."""
        runs = self.script
        quick = self.record.quick and runs is None
        return LaunchPlan(
            plugin_id=self.record.plugin_id,
            version=self.record.version,
            module=str(self.module if runs is None else scripts.RUNTIME),
            module_hash=self.record.module_hash if runs is None else scripts.runtime_hash(),
            script=runs,
            text=self.module.suffix == ".wat",
            quick=quick,
            engine=self.engine,
            abi=self.record.abi,
            limits=self.limits,
            config=self.config,
            publisher=None if quick else self.publisher,  # what was compiled so has no neighbours
        )


class Announce(Protocol):
    """Writes a state change down and tells everybody, in this order."""

    def __call__(
        self, plugin_id: str, before: State, to: State, /, *, version: str | None = None, reason: str | None = None
    ) -> None:
        """Announce one change."""


class Parallel(msgspec.Struct, frozen=True):
    """How stateless effects are run on several workers."""

    workers: int
    """Of one plugin, its own included."""
    idle_seconds: float
    """After so long without a frame, those beside its own are ended."""
    seats: Seats

    def plan(self, own: LaunchPlan) -> LaunchPlan:
        """Return how a helper is started: in a process of its own, and all helpers log no more than its own worker."""
        rate = own.limits.log_messages_per_second
        share = None if rate is None else max(1, rate // max(1, self.workers - 1))
        limits = msgspec.structs.replace(own.limits, log_messages_per_second=share)
        return msgspec.structs.replace(own, limits=limits, publisher=None)


class Environment(msgspec.Struct, frozen=True):
    """What every runtime works with."""

    pool: Pool
    host_calls: HostCalls
    forget: Callable[[str], None]
    """Drops what a plugin that is not loaded any more has left at others: effects, panels, menu items."""
    own: OwnProviders
    """What the daemon itself provides to plugins."""
    effects: EffectRegistry
    tasks: anyio.abc.TaskGroup
    """Where workers are brought back; ends with the daemon."""
    announce: Announce
    held: Callable[[str, HeldUpdate], None]
    """Told of a plugin's update that waits for the user."""
    console: Callable[[str, int, str], None]
    """Plugin, level, text."""
    console_dropped: Callable[[str, int], None]
    """Plugin, how many messages were dropped."""
    capsules: Capsules
    """Where failures are written down."""
    restarts: restart.Policy
    hook_timeout: float
    """Seconds."""
    parallel: Parallel
    health_timeout: float
    """Seconds that an idle worker may take to answer."""
    used: Callable[[], None]
    """Told when a worker was started."""
    drain: float
    """Seconds that calls in flight may go on before an update or a reload ends them."""
