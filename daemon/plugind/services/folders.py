"""Plugins that run from the folders they are developed in, in the place of an installed version if there is one.

Nothing of them is kept: after the daemon's start it is the installed version that is there.
"""

from collections.abc import Callable

import anyio
import anyio.to_thread

from plugind.registry import folder
from plugind.registry.database import Database
from plugind.registry.records import Record
from plugind.services.arrivals import Arrivals
from plugind.services.environment import Installed
from plugind.services.installer import Installer
from plugind.services.runtime import Runtime
from plugind.services.shelf import Shelf
from plugind.services.switching import Switching, now
from plugind.services.turns import Turns
from plugind_protocol.errors import PlugindError
from plugind_protocol.methods import State
from plugind_protocol.permissions import Permission


class Folders:
    """What runs from folders.

    Args:
        database: Remembers the folders.
        shelf: What is there.
        turns: Whose turn it is.
        arrivals: What is on its way.
        switching: Makes runtimes.
        installer: Has what is installed.
    """

    def __init__(
        self,
        database: Database,
        shelf: Shelf,
        *,
        turns: Turns,
        arrivals: Arrivals,
        switching: Switching,
        installer: Installer,
    ) -> None:
        self._database = database
        self._shelf = shelf
        self._turns = turns
        self._arrivals = arrivals
        self._switching = switching
        self._installer = installer
        self.on_left: Callable[[str], None] = lambda _: None
        """Told of a plugin that does not run from a folder any more."""

    async def develop(
        self,
        contents: folder.Contents,
        chosen: frozenset[Permission],
        *,
        path: str,
        installer: Installer,
        quick: bool,
    ) -> Runtime:
        """Let a plugin run from a folder.

        Args:
            contents: What was read from the folder.
            chosen: What it is granted.
            path: The folder.
            installer: Has copies of it.
            quick: Compile its module in a fraction of the time, to slower code, where the engine can.

        Raises:
            PlugindError: As `plugind.services.catalog.Catalog.install`; the version before goes on.
        """
        manifest = contents.manifest
        name = manifest.name
        async with self._turns.prepare(name):
            with self._arrivals.expect(name, manifest.version, fetched=False):
                self._arrivals.go(name, State.INSTALLING, manifest.version)
                async with installer.prepared(contents, quick=quick) as prepared, self._turns.change(name):
                    self._arrivals.go(name, State.INSTALLING, manifest.version)
                    record = Record(
                        plugin_id=name,
                        version=manifest.version,
                        package=prepared.package,
                        module_hash=prepared.module_hash,
                        abi=prepared.abi,
                        enabled=True,
                        granted=sorted(map(str, chosen)),
                        source=path,
                        installed_at=now(),
                        development=path,
                        quick=quick,
                    )
                    return await self._develop(await anyio.to_thread.run_sync(installer.installed, record))

    async def _develop(self, installed: Installed) -> Runtime:
        record = installed.record
        runtime = self._shelf.runtimes.get(record.plugin_id)
        if runtime is None:
            runtime = self._switching.start(installed)
            self._arrivals.go(record.plugin_id, State.INSTALLED, record.version)
            return runtime
        before = runtime.committed.record
        if before.development is None:
            self._shelf.beneath[record.plugin_id] = before
        if before.development is None or (before.package, before.quick) != (record.package, record.quick):
            try:
                await runtime.switch(installed, commit=_nothing)
            except PlugindError:
                if before.development is None:
                    del self._shelf.beneath[record.plugin_id]
                raise
        return runtime

    def developed(self) -> list[Record]:
        """Return the records of plugins that run from folders."""
        found = (one for runtime in self._shelf.runtimes.values() for one in (runtime.installed, runtime.committed))
        return [one.record for one in found if one.record.development is not None]

    async def leave(self, runtime: Runtime) -> None:
        """Let a plugin not run from its folder any more; the installed version comes back, if there is one."""
        plugin_id = runtime.plugin_id
        path = runtime.committed.record.development
        beneath = self._shelf.beneath.pop(plugin_id, None)
        if path is not None:
            await anyio.to_thread.run_sync(self._database.develop, path, None)
        if beneath is None:
            await runtime.remove(_nothing)
            del self._shelf.runtimes[plugin_id]
        else:
            installed = await anyio.to_thread.run_sync(self._installer.installed, beneath)
            await runtime.switch(installed, commit=_nothing)
        self.on_left(plugin_id)
        self._switching.prefer()


async def _nothing() -> None:
    """Nothing is to be made durable."""
