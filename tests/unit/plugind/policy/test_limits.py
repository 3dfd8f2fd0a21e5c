"""Limits: a manifest may ask for less than the default, the user decides."""

from plugind.policy.limits import effective, merge, warns
from plugind_protocol.manifest import Limits

DEFAULTS = Limits(memory_bytes=100, call_timeout_ms=1000)


def test_defaults_hold_where_nobody_says_otherwise() -> None:
    assert effective(DEFAULTS, Limits(), Limits()) == DEFAULTS


def test_a_manifest_narrows_but_does_not_widen() -> None:
    asked = Limits(memory_bytes=50, call_timeout_ms=5000)
    assert effective(DEFAULTS, asked, Limits()) == Limits(memory_bytes=50, call_timeout_ms=1000)


def test_a_manifest_sets_what_has_no_default() -> None:
    assert effective(DEFAULTS, Limits(cpu_seconds=7), Limits()).cpu_seconds == 7


def test_the_user_widens() -> None:
    assert effective(DEFAULTS, Limits(memory_bytes=50), Limits(memory_bytes=500)).memory_bytes == 500


def test_merging_keeps_what_is_not_given() -> None:
    assert merge(DEFAULTS, Limits(memory_bytes=5)) == Limits(memory_bytes=5, call_timeout_ms=1000)
    assert merge(DEFAULTS, Limits()) == DEFAULTS


def test_warnings_begin_at_four_fifths_and_end_a_tenth_below() -> None:
    assert not warns(79, 100, warned=False)
    assert warns(80, 100, warned=False)
    assert warns(75, 100, warned=True)
    assert not warns(69, 100, warned=True)
    assert not warns(10**9, None, warned=False)
