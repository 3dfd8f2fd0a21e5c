"""The state machine: complete, connected, and without dead ends."""

import pytest

from plugind.registry import lifecycle
from plugind_protocol.errors import InvalidState
from plugind_protocol.methods import State


def test_every_state_has_a_row() -> None:
    assert set(lifecycle.TRANSITIONS) == set(State)


def test_every_state_leads_to_every_other() -> None:
    for start in State:
        seen, frontier = {start}, [start]
        while frontier:
            for state in lifecycle.TRANSITIONS[frontier.pop()]:
                if state not in seen:
                    seen.add(state)
                    frontier.append(state)
        assert seen == set(State), start


def test_a_refused_step_says_what_is_possible() -> None:
    lifecycle.check(State.INSTALLED, State.LOADING, plugin_id="p")
    with pytest.raises(InvalidState, match="p cannot go from not_installed to active") as caught:
        lifecycle.check(State.NOT_INSTALLED, State.ACTIVE, plugin_id="p")
    assert "installing" in caught.value.hint


def test_only_a_loaded_plugin_becomes_active() -> None:
    assert [state for state, after in lifecycle.TRANSITIONS.items() if State.ACTIVE in after] == [State.LOADED]
