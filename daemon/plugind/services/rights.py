"""What one plugin may do now: what its record grants, less what is being taken away."""

import contextlib
from collections.abc import Iterator

import msgspec

from plugind.host.caller import Caller
from plugind.policy import grants
from plugind.services.environment import Installed
from plugind_protocol.permissions import Permission


class Rights:
    """The rights of one plugin.

    Args:
        installed: What is installed.
    """

    def __init__(self, installed: Installed) -> None:
        self.caller = _caller(installed)
        """As whom it asks its host, from the next host call on."""
        self._installed = installed
        self._withdrawing: list[list[str]] = []

    @property
    def granted(self) -> frozenset[Permission]:
        """What it may do."""
        return self.caller.granted

    def follow(self, installed: Installed) -> None:
        """Take over what another record grants."""
        self._installed = installed
        self._regrant()

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
        caller = _caller(self._installed)
        for names in self._withdrawing:
            caller = msgspec.structs.replace(caller, granted=grants.revoke(caller.granted, names))
        self.caller = caller


def _caller(installed: Installed) -> Caller:
    record = installed.record
    return Caller(record.plugin_id, record.version, grants.parsed(record.granted), installed.limits)
