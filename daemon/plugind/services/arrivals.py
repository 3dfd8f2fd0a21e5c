"""Plugins that are on their way and not there yet: their states, told as those of installed plugins are."""

from collections.abc import Iterator
from contextlib import contextmanager

from plugind.registry import lifecycle
from plugind.services.environment import Announce
from plugind.services.shelf import Shelf
from plugind_protocol.methods import State


class Arrivals:
    """What is on its way.

    Args:
        shelf: What is there.
        announce: Tells of states.
    """

    def __init__(self, shelf: Shelf, announce: Announce) -> None:
        self._shelf = shelf
        self._announce = announce
        self._arriving: dict[str, State] = {}

    def state(self, plugin_id: str) -> State:
        """Return the state of a plugin, installed or not."""
        runtime = self._shelf.runtimes.get(plugin_id)
        return runtime.state if runtime is not None else self._arriving.get(plugin_id, State.NOT_INSTALLED)

    @contextmanager
    def expect(self, plugin_id: str, version: str, *, fetched: bool) -> Iterator[None]:
        """Tell of a plugin that is not there yet that its package is, and where it does not come, that it does not."""
        if fetched:
            self.go(plugin_id, State.DOWNLOADED, version)
        try:
            yield
        except BaseException as exc:
            if plugin_id in self._arriving:
                self.go(plugin_id, State.NOT_INSTALLED, version, reason=str(exc) or "cancelled")
            raise

    def go(self, plugin_id: str, to: State, version: str, *, reason: str | None = None) -> None:
        """Let a plugin that is not there yet go to a state; nothing where it is there, or in this state already."""
        before = self._arriving.get(plugin_id, State.NOT_INSTALLED)
        if to is before or (to in lifecycle.ARRIVING and plugin_id in self._shelf.runtimes):
            return
        lifecycle.check(before, to, plugin_id=plugin_id)
        if to in lifecycle.ARRIVING - {State.NOT_INSTALLED}:
            self._arriving[plugin_id] = to
        else:
            self._arriving.pop(plugin_id, None)
        self._announce(plugin_id, before, to, version=version, reason=reason)
