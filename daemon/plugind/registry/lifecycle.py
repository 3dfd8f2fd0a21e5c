"""The state machine of a plugin: one pure table over the specification's nine states."""

from collections import deque
from typing import Final

import msgspec

from plugind_protocol.errors import InvalidState
from plugind_protocol.methods import State

TRANSITIONS: Final[dict[State, frozenset[State]]] = {
    State.NOT_INSTALLED: frozenset({State.DOWNLOADED, State.INSTALLING}),
    State.DOWNLOADED: frozenset({State.INSTALLING, State.NOT_INSTALLED}),
    State.INSTALLING: frozenset({State.INSTALLED, State.NOT_INSTALLED}),
    State.INSTALLED: frozenset({State.LOADING, State.UPDATING, State.NOT_INSTALLED, State.ERROR}),
    State.LOADING: frozenset({State.LOADED, State.INSTALLED, State.ERROR}),
    State.LOADED: frozenset({State.ACTIVE, State.INSTALLED, State.UPDATING, State.ERROR}),
    State.ACTIVE: frozenset({State.LOADED, State.INSTALLED, State.UPDATING, State.ERROR}),
    State.ERROR: frozenset({State.LOADING, State.INSTALLED, State.UPDATING, State.NOT_INSTALLED}),
    # A version that takes over goes where the one before it was, once it has shown that it gets there.
    State.UPDATING: frozenset({State.INSTALLED, State.LOADED, State.ACTIVE, State.ERROR}),
}
"""State → the states that may follow it."""

RUNNING: Final = frozenset({State.LOADED, State.ACTIVE})
"""States in which the plugin can be called."""

ARRIVING: Final = frozenset({State.NOT_INSTALLED, State.DOWNLOADED, State.INSTALLING})
"""States of a plugin that is not there yet."""


class Step(msgspec.Struct, frozen=True):
    """One transition of one plugin."""

    plugin_id: str
    before: State
    to: State


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


def path(start: State, end: State) -> list[State]:
    """Return the shortest way through the table, without its start; over an error only where there is no other.

    Where both are the same, there is no way to go.
    """
    ways: dict[State, list[State]] = {start: []}
    waiting = deque([start])
    while waiting:
        state = waiting.popleft()
        if state is end:
            break
        for after in sorted(TRANSITIONS[state], key=lambda one: (one is State.ERROR, one)):
            if after not in ways:
                ways[after] = [*ways[state], after]
                waiting.append(after)
    return ways[end]


def closing(told: dict[str, State], found: dict[str, State]) -> list[Step]:
    """Decide what is still to be told after a daemon ended without a word.

    Args:
        told: The last state that was journaled, by plugin; of others there is nothing to tell.
        found: The state that each plugin is in after the start; those that are not installed are left out.

    Returns:
        The steps from what was told to what is so, each one that the table allows.
    """
    steps = []
    for plugin_id, last in sorted(told.items()):
        before = last
        for state in path(before, found.get(plugin_id, State.NOT_INSTALLED)):
            steps.append(Step(plugin_id, before, state))
            before = state
    return steps
