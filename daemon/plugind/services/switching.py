"""Which version of a plugin runs: made at the start of one, and switched, durably, to another."""

import datetime as dt
from collections.abc import Callable

import anyio
import anyio.to_thread

from plugind.config import Config
from plugind.registry import versions
from plugind.registry.database import Database
from plugind.registry.records import Record
from plugind.services.environment import Environment, Installed
from plugind.services.held import HeldUpdates
from plugind.services.installer import Installer
from plugind.services.runtime import Runtime
from plugind.services.shelf import Shelf
from plugind.supervisor import scripts
from plugind_protocol.errors import InvalidState


class Switching:
    """Makes and switches runtimes.

    Args:
        config: The daemon's settings.
        database: What is installed.
        shelf: What is there.
        held: Updates that wait for the user.
        installer: Has the packages.
        environment: What runtimes work with.
    """

    def __init__(
        self,
        config: Config,
        database: Database,
        shelf: Shelf,
        *,
        held: HeldUpdates,
        installer: Installer,
        environment: Environment,
    ) -> None:
        self._config = config
        self._database = database
        self._shelf = shelf
        self._held = held
        self._installer = installer
        self._environment = environment
        self.on_quarantine: Callable[[Runtime], None] = lambda _: None
        """Told of a plugin that has crashed too often."""

    def start(self, installed: Installed) -> Runtime:
        """Make the runtime of a plugin that is there from now on."""
        quarantine = self._shelf.quarantines.get((installed.record.plugin_id, installed.record.package))
        runtime = Runtime(installed, self._environment, on_quarantine=self.on_quarantine, quarantine=quarantine)
        runtime.crashes.fallback = self._shelf.fallback(installed.record) if quarantine is not None else None
        self._held.show(runtime)
        self._shelf.runtimes[runtime.plugin_id] = runtime
        return runtime

    async def switch(self, runtime: Runtime, record: Record) -> None:
        """Make another version of a plugin its current one, durably, and keep the old one."""
        old = runtime.installed.record
        check_installed(old)
        kept = versions.kept_after(
            self._shelf.kept.get(old.plugin_id, []), old, record, keep=self._config.supervision.kept_versions
        )
        installed = await anyio.to_thread.run_sync(self._installer.installed, record)

        async def commit() -> None:
            await anyio.to_thread.run_sync(self._database.store, record, kept)
            self._shelf.kept[record.plugin_id] = kept
            if record.package in {waiting.package for waiting in self._held.records()}:
                self._held.taken(runtime)

        quarantine = self._shelf.quarantines.get((record.plugin_id, record.package))
        await runtime.switch(installed, commit=commit, quarantine=quarantine)
        await self._installer.label(record)
        if quarantine is not None:
            runtime.crashes.fallback = self._shelf.fallback(record)
        self.prefer()
        await self._installer.collect()

    async def back(self, runtime: Runtime, record: Record) -> None:
        """Go back to a kept version: with what it was granted then and lost not since, and what was granted since."""
        installed = await anyio.to_thread.run_sync(self._installer.installed, record)
        since = runtime.granted & set(installed.manifest.requested)
        granted = sorted({*record.granted, *map(str, since)})
        await self.switch(runtime, versions.again(record, runtime.installed.record, granted=granted, at=now()))

    def prefer(self) -> None:
        """Have the modules of current versions kept compiled before all others."""
        records = [runtime.installed.record for runtime in self._shelf.runtimes.values()]
        current = {scripts.runtime_hash() if one.abi == scripts.ABI else one.module_hash for one in records}
        self._environment.pool.compiler.prefer(frozenset(current))


def check_installed(current: Record) -> None:
    """Make sure that a plugin does not run from a folder.

    Raises:
        InvalidState: It does.
    """
    if current.development is not None:
        raise InvalidState(
            f"{current.plugin_id} runs from {current.development}",
            hint=f"Leave the folder first, with: pluginctl uninstall {current.plugin_id}",
            plugin_id=current.plugin_id,
        )


def now() -> str:
    """Return the time, as records have it."""
    return dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds")
