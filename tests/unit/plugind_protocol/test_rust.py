"""The Rust types of the host API: nothing of the table is missing, and what can be left out can be left out."""

import re

import pytest

from plugind_protocol.errors import BY_CODE
from plugind_protocol.host import HOST_METHODS, rust, sdks
from plugind_protocol.table import HostMethod

SOURCE = rust.source()


def snake(name: str) -> str:
    return re.sub(r"([A-Z])", lambda found: "_" + found[1].lower(), name)


def struct(name: str) -> str:
    found = re.search(rf"struct {name} {{(.*?)^}}", SOURCE, re.DOTALL | re.MULTILINE)
    assert found is not None, name
    return found[1]


@pytest.mark.parametrize("row", HOST_METHODS.values(), ids=lambda row: row.name)
def test_each_method_has_its_call_or_is_written_by_hand(row: HostMethod) -> None:
    space, _, name = row.name.partition(".")
    implementation = re.search(rf"^impl {space.capitalize()} {{(.*?)^}}", SOURCE, re.DOTALL | re.MULTILINE)
    calls = implementation[1] if implementation else ""
    assert (f"pub async fn {snake(name)}(" in calls) != (row.name in sdks.BY_HAND)
    assert (f'"{row.name}"' in calls) != (row.name in sdks.BY_HAND)


def test_each_code_has_its_name() -> None:
    for code, cls in BY_CODE.items():
        assert f"pub const {snake(cls.__name__).strip('_').upper()}: i32 = {code};" in SOURCE


def test_what_may_be_left_out_is_left_out() -> None:
    assert "pub source_start: Option<f64>" in struct("NewClip")
    assert "pub dock: Option<CreatePanelDock>" in struct("CreatePanel")
    assert "pub fields: Vec<Field>" in struct("ShowDialog")
    assert "pub enabled: Option<bool>" in struct("AddMenuItem"), "what is asked has the host's default"
    assert re.search(r'default = "yes"\)]\n    pub enabled: bool', struct("Clip")), "what is answered has a value"
    assert "pub button: Option<String>" in struct("DialogResult")


def test_results_may_grow_and_params_can_be_written_out() -> None:
    assert "#[non_exhaustive]\npub struct TimelineState" in SOURCE
    assert "#[non_exhaustive]\npub struct NewClip" not in SOURCE
    assert "pub fn new(source: impl Into<String>, start: f64) -> Self" in SOURCE


def test_params_that_calls_take_apart_are_not_shown() -> None:
    assert "pub(crate) struct AddClip" in SOURCE
    assert "pub async fn add_clip(&self, clip: NewClip, track: u32) -> Result<ClipAdded>" in SOURCE
    assert "effect: impl Into<ApplyToClipEffect>" in SOURCE
