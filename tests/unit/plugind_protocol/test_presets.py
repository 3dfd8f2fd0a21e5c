"""Presets: each has all of the one before, and none gives what a plugin does not ask for."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugind_protocol.permissions import NAMES, Permission, parse
from plugind_protocol.presets import PRESETS, PresetName, describe, select

ALL = [Permission(name) for name in NAMES]


def test_each_preset_has_all_of_the_one_before_and_more() -> None:
    assert all(less.names < more.names for less, more in pairwise(PRESETS.values()))
    assert PRESETS["full"].names == set(NAMES)


def test_only_full_reaches_beyond_the_machine_or_the_sandbox() -> None:
    for name in ("minimal", "standard", "extended"):
        assert not PRESETS[name].names & {"network", "native"}


def test_only_extended_and_full_touch_files() -> None:
    files = {"file.read", "file.write", "media.write"}
    assert [name for name, preset in PRESETS.items() if preset.names & files] == ["extended", "full"]


def test_scopes_stay_as_the_manifest_has_them() -> None:
    requested = [parse("file.read:assets/**"), parse("network:*.example.com"), parse("storage")]
    assert select("extended", requested) == {requested[0], requested[2]}


@pytest.mark.parametrize("name", PRESETS)
def test_a_plugin_with_a_presets_grants_is_described_by_it(name: PresetName) -> None:
    assert describe(select(name, ALL), ALL) == name


def test_grants_of_no_preset_have_no_name() -> None:
    assert describe([Permission("native")], ALL) is None
    assert describe([], [Permission("native")]) == "minimal"


@given(st.sets(st.sampled_from(ALL)), st.sampled_from(sorted(PRESETS)))
def test_a_preset_never_gives_what_is_not_requested(requested: set[Permission], name: PresetName) -> None:
    assert select(name, requested) <= requested
