"""What a plugin may do: what is taken away is gone at once, and stays so until the last who took it is done."""

import pytest
from tests.fakes.installed import installed

from plugind.services.rights import Rights
from plugind_protocol.errors import InvalidParams


def words(rights: Rights) -> list[str]:
    assert rights.caller.granted == rights.granted
    return sorted(map(str, rights.granted))


def test_what_is_withdrawn_is_gone_for_as_long_as_the_block_lasts() -> None:
    rights = Rights(installed(granted=["storage", "timeline.read"]))
    with rights.withdrawn(["storage"]):
        assert words(rights) == ["timeline.read"]
        with rights.withdrawn(["storage", "timeline.read"]):
            assert words(rights) == []
        assert words(rights) == ["timeline.read"]
    assert words(rights) == ["storage", "timeline.read"]


def test_another_record_does_not_bring_back_what_is_withdrawn() -> None:
    rights = Rights(installed(granted=["storage"]))
    with rights.withdrawn(["storage"]):
        rights.follow(installed("2.0.0", granted=["storage", "timeline.read"]))
        assert words(rights) == ["timeline.read"]
        assert rights.caller.version == "2.0.0"
    assert words(rights) == ["storage", "timeline.read"]


def test_an_unknown_permission_takes_nothing_away() -> None:
    rights = Rights(installed(granted=["storage"]))
    with pytest.raises(InvalidParams), rights.withdrawn(["magic"]):
        raise AssertionError
    assert words(rights) == ["storage"]
