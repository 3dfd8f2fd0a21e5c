"""``plugins.changes``, and how state changes are told: written down first, then to every client, in one order."""

import structlog

from plugind.registry import lifecycle
from plugind.registry.journal import Journal
from plugind.rpc.session import Session, Sessions
from plugind.services.catalog import Catalog
from plugind_protocol.methods import Changes, ChangesSince, State

_log = structlog.get_logger(__name__)


class Announcer:
    """Tells state changes; see `plugind.services.environment.Announce`.

    Args:
        journal: Where they are written first.
        sessions: Who is told.
    """

    def __init__(self, journal: Journal, sessions: Sessions) -> None:
        self._journal = journal
        self._sessions = sessions

    def __call__(
        self, plugin_id: str, before: State, to: State, /, *, version: str | None = None, reason: str | None = None
    ) -> None:
        """Tell one change."""
        change = self._journal.append(plugin_id, before, to, version=version, reason=reason)
        _log.info("plugin state", plugin=plugin_id, state=to.value, before=before.value, reason=reason, seq=change.seq)
        self._sessions.broadcast("plugins.stateChanged", change)


class ChangesService:
    """Answers ``plugins.changes``.

    Args:
        journal: What was told.
        catalog: The installed plugins.
    """

    def __init__(self, journal: Journal, catalog: Catalog) -> None:
        self._journal = journal
        self._catalog = catalog

    def close_gap(self) -> None:
        """Write down what an earlier daemon did not live to tell; to be called once the catalogue is restored."""
        found = {plugin_id: runtime.state for plugin_id, runtime in self._catalog.runtimes.items()}
        for step in lifecycle.closing(self._journal.states(), found):
            runtime = self._catalog.runtimes.get(step.plugin_id)
            version = runtime.installed.record.version if runtime is not None else None
            self._journal.append(
                step.plugin_id, step.before, step.to, version=version, reason="the daemon ended before it was done"
            )

    async def changes(self, _session: Session, params: ChangesSince) -> Changes:
        """Return what a client has missed, or the state of everything."""
        journal = self._journal
        known = params.since is not None and params.epoch in (None, journal.epoch)
        changes = journal.since(params.since) if known and params.since is not None else None
        return Changes(
            epoch=journal.epoch,
            seq=journal.seq,
            complete=changes is not None,
            changes=changes or [],
            plugins=None if changes is not None else self._catalog.shelf.infos(),
        )
