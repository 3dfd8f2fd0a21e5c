"""Where a plugin stands: each change is checked and told, and what is said of a state goes with it."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
from tests.fakes.installed import installed

from plugind.registry.records import Quarantined
from plugind.services.standing import Standing
from plugind.supervisor import restart
from plugind_protocol.errors import InvalidState, PluginNotFound
from plugind_protocol.methods import State

Told = list[tuple[State, State, str | None, str | None]]


def standing(told: Told, *, quarantine: Quarantined | None = None, **record: Any) -> Standing:
    def announce(_plugin: str, before: State, to: State, *, version: str | None, reason: str | None) -> None:
        told.append((before, to, version, reason))

    environment = SimpleNamespace(announce=announce, restarts=restart.Policy())
    return Standing(installed(**record), cast("Any", environment), quarantine=quarantine)


def test_each_change_is_told() -> None:
    told: Told = []
    one = standing(told)
    one.go(State.LOADING)
    one.go(State.ERROR, "it trapped")
    assert told == [
        (State.INSTALLED, State.LOADING, "1.0.0", None),
        (State.LOADING, State.ERROR, "1.0.0", "it trapped"),
    ]
    assert (one.state, one.reason) == (State.ERROR, "it trapped")


def test_the_reason_goes_with_the_error() -> None:
    one = standing([])
    one.go(State.LOADING)
    one.go(State.ERROR, "it trapped")
    one.go(State.INSTALLED, "unloaded")
    assert one.reason is None


def test_a_change_that_the_table_does_not_have_changes_nothing() -> None:
    told: Told = []
    one = standing(told)
    with pytest.raises(InvalidState):
        one.go(State.ACTIVE)
    assert (one.state, told) == (State.INSTALLED, [])


def test_a_quarantine_is_where_it_starts() -> None:
    given_up = Quarantined(plugin_id="p", version="1.0.0", package="a", cause="trap", reason="it trapped")
    one = standing([], quarantine=given_up)
    assert (one.state, one.reason, one.crashes.quarantine) == (State.ERROR, "it trapped", given_up)


def test_any_change_ends_a_rest() -> None:
    one = standing([])
    one.go(State.LOADING)
    one.go(State.LOADED)
    one.ended = True
    one.go(State.ACTIVE)
    assert not one.ended


def test_a_version_that_is_tried_is_not_the_current_one() -> None:
    one = standing([])
    one.before = one.version
    one.take(one.fresh(installed("2.0.0"), None))
    assert (one.installed.record.version, one.committed.record.version) == ("2.0.0", "1.0.0")
    one.before = None
    assert one.committed.record.version == "2.0.0"


def test_who_may_be_loaded() -> None:
    standing([]).check_usable()
    with pytest.raises(InvalidState, match="p is disabled"):
        standing([], enabled=False).check_usable()
    removed = standing([])
    removed.removed = True
    with pytest.raises(PluginNotFound):
        removed.check_usable()
