"""The state machine: complete, connected, and without dead ends."""

from itertools import pairwise

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


def test_only_a_loaded_plugin_becomes_active_or_one_whose_version_before_was() -> None:
    before = [state for state, after in lifecycle.TRANSITIONS.items() if State.ACTIVE in after]
    assert before == [State.LOADED, State.UPDATING]


@pytest.mark.parametrize("start", State)
@pytest.mark.parametrize("end", State)
def test_a_path_is_made_of_allowed_steps(start: State, end: State) -> None:
    way = lifecycle.path(start, end)
    assert [start, *way][-1] is end
    for before, to in pairwise([start, *way]):
        lifecycle.check(before, to, plugin_id="p")


@pytest.mark.parametrize(
    ("told", "found", "steps"),
    [
        (State.INSTALLED, State.INSTALLED, []),
        (State.ACTIVE, State.INSTALLED, [State.INSTALLED]),
        (State.UPDATING, State.INSTALLED, [State.INSTALLED]),
        (State.INSTALLING, State.INSTALLED, [State.INSTALLED]),  # committed: rolled forward
        (State.INSTALLING, State.NOT_INSTALLED, [State.NOT_INSTALLED]),  # not committed: rolled back
        (State.DOWNLOADED, State.NOT_INSTALLED, [State.NOT_INSTALLED]),
        (State.LOADED, State.NOT_INSTALLED, [State.INSTALLED, State.NOT_INSTALLED]),  # uninstalled
        (State.ACTIVE, State.ERROR, [State.ERROR]),  # quarantined
        (State.ERROR, State.INSTALLED, [State.INSTALLED]),
    ],
)
def test_what_a_killed_daemon_did_not_tell(told: State, found: State, steps: list[State]) -> None:
    closing = lifecycle.closing({"p": told}, {} if found is State.NOT_INSTALLED else {"p": found})
    assert [step.to for step in closing] == steps
    assert [step.before for step in closing] == [told, *steps][:-1]


def test_of_plugins_that_nobody_was_told_of_there_is_nothing_to_tell() -> None:
    assert lifecycle.closing({}, {"p": State.INSTALLED}) == []
