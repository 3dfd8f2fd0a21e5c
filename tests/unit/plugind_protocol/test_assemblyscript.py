"""The AssemblyScript calls of the host API: nothing of the table is missing, and what is required are arguments."""

import re

import pytest

from plugind_protocol.host import HOST_METHODS, assemblyscript, sdks
from plugind_protocol.table import HostMethod

SOURCE = assemblyscript.source()


@pytest.mark.parametrize("row", HOST_METHODS.values(), ids=lambda row: row.name)
def test_each_method_has_its_call_or_is_written_by_hand(row: HostMethod) -> None:
    space, _, name = row.name.partition(".")
    found = re.search(rf"^export namespace {space} {{(.*?)^}}", SOURCE, re.DOTALL | re.MULTILINE)
    calls = found[1] if found else ""
    assert (f"export function {name}(" in calls) != (row.name in sdks.BY_HAND)
    assert (f'call("{row.name}"' in calls) != (row.name in sdks.BY_HAND)


def test_what_is_required_are_arguments_and_the_rest_is_an_object() -> None:
    assert "export function getState(): Json {" in SOURCE
    assert "export function addClip(clip: Json, track: i64): Json {" in SOURCE
    assert 'return call("storage.set", Json.object().set("key", key).set("value", value));' in SOURCE
    assert "export function showNotification(message: string, more: Json = Json.object()): Json {" in SOURCE
    assert "* @param more an object that may have: `kind`, `durationMs`, `title`" in SOURCE
