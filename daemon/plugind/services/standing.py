"""Where one plugin stands: its version, its state, and what is wanted of it.

Every change of state goes through here, is checked against the table and is announced. Nothing here knows workers.
"""

import msgspec

from plugind.registry import lifecycle
from plugind.registry.records import Quarantined, Record
from plugind.services.crashes import Crashes
from plugind.services.environment import Environment, Installed
from plugind_protocol.errors import InvalidState, PluginNotFound
from plugind_protocol.manifest import Limits
from plugind_protocol.methods import State


class Version(msgspec.Struct, frozen=True):
    """A version of the plugin, with the crashes that count against it."""

    installed: Installed
    crashes: Crashes


class Standing:
    """Where one plugin stands.

    Args:
        installed: What is installed.
        environment: Who is told.
        quarantine: Its quarantine, if it was given up before.
    """

    def __init__(self, installed: Installed, environment: Environment, *, quarantine: Quarantined | None) -> None:
        self.installed = installed
        self.crashes = Crashes(environment.restarts, quarantine)
        self.before: Version | None = None
        """The current version while another one shows that it runs."""
        self.state = State.INSTALLED if quarantine is None else State.ERROR
        self.reason: str | None = None if quarantine is None else quarantine.reason
        """Why it is in ``error``, if it is."""
        self.wanted = State.LOADED
        """Where it is brought when it is loaded: ``loaded`` or ``active``."""
        self.ended = False
        """Its worker was ended while it was idle; the state is as if it ran."""
        self.removed = False
        self._announce = environment.announce
        self._restarts = environment.restarts

    @property
    def plugin_id(self) -> str:
        """The plugin's id."""
        return self.installed.record.plugin_id

    @property
    def committed(self) -> Installed:
        """The current version; while another one shows that it runs, still the one before it."""
        return self.installed if self.before is None else self.before.installed

    @property
    def version(self) -> Version:
        """The version that runs, or would."""
        return Version(self.installed, self.crashes)

    def take(self, version: Version) -> None:
        """Be another version from now on."""
        self.installed, self.crashes = version.installed, version.crashes

    def fresh(self, installed: Installed, quarantine: Quarantined | None) -> Version:
        """Return a version against which nothing counts but a quarantine it may have."""
        return Version(installed, Crashes(self._restarts, quarantine))

    def record(self, record: Record, limits: Limits) -> None:
        """Take over a changed record and the limits that follow."""
        self.installed = msgspec.structs.replace(self.installed, record=record, limits=limits)

    def check_there(self) -> None:
        """Make sure that it was not removed.

        Raises:
            PluginNotFound: It was.
        """
        if self.removed:
            raise PluginNotFound(f"plugin {self.plugin_id!r} is not installed", plugin_id=self.plugin_id)

    def check_usable(self) -> None:
        """Make sure that it may be loaded, as far as the user is concerned.

        Raises:
            PluginNotFound: It was removed.
            InvalidState: It is disabled.
        """
        self.check_there()
        if not self.installed.record.enabled:
            raise InvalidState(
                f"{self.plugin_id} is disabled",
                hint=f"Enable it with: pluginctl enable {self.plugin_id}",
                plugin_id=self.plugin_id,
            )

    def go(self, to: State, reason: str | None = None, *, version: str | None = None) -> None:
        """Change the state, and tell everybody.

        Args:
            to: The state from now on.
            reason: Why, in words.
            version: Whose state is announced; default: the one that runs, or would.

        Raises:
            InvalidState: There is no such step from where it is.
        """
        lifecycle.check(self.state, to, plugin_id=self.plugin_id)
        before, self.state = self.state, to
        self.ended = False
        self.reason = reason if to is State.ERROR else None
        version = version or self.installed.record.version
        self._announce(self.plugin_id, before, to, version=version, reason=reason)
