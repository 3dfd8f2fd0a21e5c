"""Grants: what may be granted, what a grant covers, what revoking takes."""

import pytest

from plugind.policy import grants
from plugind_protocol.errors import InvalidParams, PermissionDenied
from plugind_protocol.permissions import Permission, parse

REQUESTED = (parse("timeline.read"), parse("file.read:assets/**"), parse("network:*.example.com"))


def test_requested_grants_all_that_the_manifest_asks_for() -> None:
    assert grants.choose("requested", REQUESTED) == frozenset(REQUESTED)


def test_nothing_is_granted_by_default() -> None:
    assert grants.choose([], REQUESTED) == frozenset()


def test_a_narrower_scope_than_requested_may_be_granted() -> None:
    assert grants.choose(["file.read:assets/luts"], REQUESTED) == {Permission("file.read", "assets/luts")}


@pytest.mark.parametrize(
    "text", ["timeline.write", "file.read", "file.read:**", "file.read:other", "nonsense", "timeline.read:x", ""]
)
def test_what_the_manifest_does_not_request_cannot_be_granted(text: str) -> None:
    with pytest.raises(InvalidParams) as caught:
        grants.choose([text], REQUESTED)
    assert caught.value.data.path == "$.grant"


def test_check_names_plugin_permission_and_command() -> None:
    with pytest.raises(PermissionDenied) as caught:
        grants.check(Permission("storage"), frozenset(REQUESTED), plugin_id="p", version="1.0.0", method="storage.get")
    assert "storage" in caught.value.message
    assert caught.value.hint == "Grant it with: pluginctl grant p storage"
    assert (caught.value.data.plugin_id, caught.value.data.version) == ("p", "1.0.0")


def test_check_passes_what_a_grant_covers() -> None:
    needed = Permission("file.read", "assets/luts/a.cube")
    grants.check(needed, frozenset(REQUESTED), plugin_id="p", version="1.0.0", method="file.read")


def test_revoking_a_name_takes_all_its_scopes() -> None:
    granted = frozenset({parse("file.read:assets/a"), parse("file.read:assets/b"), parse("timeline.read")})
    assert grants.revoke(granted, ["file.read"]) == {parse("timeline.read")}
    assert grants.revoke(granted, ["file.read:assets/a"]) == granted - {parse("file.read:assets/a")}
    with pytest.raises(InvalidParams):
        grants.revoke(granted, ["file.raed"])


def test_a_preset_grants_its_part_of_what_is_requested() -> None:
    assert grants.choose("minimal", REQUESTED) == {parse("timeline.read")}
    assert grants.choose("full", REQUESTED) == frozenset(REQUESTED)


def test_an_update_widens_by_what_nobody_has_agreed_to() -> None:
    more = (*REQUESTED, parse("storage"), parse("file.read:assets/luts"), parse("file.read:other/**"))
    assert grants.widening(more, before=REQUESTED, agreed=()) == [parse("storage"), parse("file.read:other/**")]
    assert grants.widening(more, before=REQUESTED, agreed=[parse("storage"), parse("file.read")]) == []
    assert grants.widening(REQUESTED[:1], before=REQUESTED, agreed=()) == []
    assert grants.widening([parse("file.read")], before=REQUESTED, agreed=()) == [parse("file.read")]
