"""The state machine of a plugin: one pure table over the specification's nine states."""

from typing import Final

from plugind_protocol.errors import InvalidState
from plugind_protocol.methods import State

TRANSITIONS: Final[dict[State, frozenset[State]]] = {
    State.NOT_INSTALLED: frozenset({State.DOWNLOADED, State.INSTALLING}),
    State.DOWNLOADED: frozenset({State.INSTALLING, State.NOT_INSTALLED}),
    State.INSTALLING: frozenset({State.INSTALLED, State.NOT_INSTALLED, State.ERROR}),
    State.INSTALLED: frozenset({State.LOADING, State.UPDATING, State.NOT_INSTALLED, State.ERROR}),
    State.LOADING: frozenset({State.LOADED, State.INSTALLED, State.ERROR}),
    State.LOADED: frozenset({State.ACTIVE, State.INSTALLED, State.UPDATING, State.LOADING, State.ERROR}),
    State.ACTIVE: frozenset({State.LOADED, State.INSTALLED, State.UPDATING, State.LOADING, State.ERROR}),
    State.ERROR: frozenset({State.LOADING, State.INSTALLED, State.UPDATING, State.NOT_INSTALLED}),
    State.UPDATING: frozenset({State.INSTALLED, State.ERROR}),
}
"""State → the states that may follow it."""

RUNNING: Final = frozenset({State.LOADED, State.ACTIVE})
"""States in which the plugin can be called."""


def check(current: State, to: State, *, plugin_id: str) -> None:
    """Check one step.

    Raises:
        InvalidState: The table does not allow it.
    """
    if to not in TRANSITIONS[current]:
        raise InvalidState(
            f"{plugin_id} cannot go from {current.value} to {to.value}",
            hint=f"From {current.value} it can go to: {', '.join(sorted(TRANSITIONS[current]))}.",
            plugin_id=plugin_id,
        )
