"""Versions that crash too often: noted durably, left for an earlier one where that is wanted, and released."""

import anyio
import anyio.to_thread
import structlog

from plugind.config import Config
from plugind.registry.database import Database
from plugind.registry.records import Quarantined
from plugind.services.environment import Environment
from plugind.services.runtime import Runtime
from plugind.services.shelf import Shelf
from plugind.services.switching import Switching
from plugind.services.turns import Turns
from plugind_protocol.errors import InvalidState, PlugindError

_log = structlog.get_logger(__name__)


class Quarantine:
    """The quarantine of all plugins' versions.

    Args:
        config: The daemon's settings.
        database: Where it is kept.
        shelf: What is there.
        turns: Whose turn it is.
        switching: Goes back to earlier versions.
        environment: Where tasks run.
    """

    def __init__(
        self,
        config: Config,
        database: Database,
        shelf: Shelf,
        *,
        turns: Turns,
        switching: Switching,
        environment: Environment,
    ) -> None:
        self._config = config
        self._database = database
        self._shelf = shelf
        self._turns = turns
        self._switching = switching
        self._environment = environment

    async def release(self, plugin_id: str, *, fallback: bool) -> Runtime:
        """End the quarantine of a plugin's current version, or leave it there and switch to an earlier one.

        Raises:
            PluginNotFound: It is not installed.
            InvalidState: It is not in quarantine, or there is no earlier version to switch to.
        """
        async with self._turns.change(plugin_id):
            runtime = self._shelf.get(plugin_id)
            quarantine = runtime.crashes.quarantine
            if quarantine is None:
                raise InvalidState(f"{plugin_id} is not in quarantine", plugin_id=plugin_id)
            if fallback:
                await self._switching.back(runtime, self._shelf.choose(runtime, None))
            else:
                await anyio.to_thread.run_sync(self._database.release, plugin_id, quarantine.package)
                self._shelf.quarantines.pop((plugin_id, quarantine.package), None)
                await runtime.release()
            return runtime

    def note(self, runtime: Runtime) -> None:
        """Note that a plugin's version has crashed too often."""
        quarantine = runtime.crashes.quarantine
        assert quarantine is not None
        self._shelf.quarantines[quarantine.plugin_id, quarantine.package] = quarantine
        runtime.crashes.fallback = self._shelf.fallback(runtime.installed.record)
        self._environment.tasks.start_soon(self._give_up, runtime, quarantine)

    async def _give_up(self, runtime: Runtime, quarantine: Quarantined) -> None:
        async with self._turns.change(runtime.plugin_id):
            there = self._shelf.runtimes.get(runtime.plugin_id) is runtime
            if not there or runtime.crashes.quarantine is not quarantine:
                return
            if runtime.committed.record.development is not None:
                return
            try:
                await anyio.to_thread.run_sync(self._database.quarantine, quarantine)
            except OSError as exc:
                _log.error("quarantine is not durable", plugin=runtime.plugin_id, reason=str(exc))
            if self._config.supervision.fallback == "switch" and runtime.crashes.fallback is not None:
                try:
                    await self._switching.back(runtime, self._shelf.choose(runtime, None))
                except (PlugindError, OSError) as exc:
                    _log.warning("the earlier version was not taken", plugin=runtime.plugin_id, error=str(exc))
