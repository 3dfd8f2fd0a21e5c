"""Who answers a namespace, and what happens where nobody does."""

import asyncio

import pytest
from tests.fakes.providers import ScriptedEditor

from plugind.host.providers import Absence, Providers
from plugind_protocol.errors import HostUnavailable
from plugind_protocol.methods import HostChanged

pytestmark = pytest.mark.anyio


def told(changes: list[HostChanged]) -> list[tuple[str, str | None, str]]:
    return [(one.namespace, one.provider and one.provider.name, one.reason) for one in changes]


async def test_the_newest_answers_and_gives_back_when_it_leaves() -> None:
    changes: list[HostChanged] = []
    providers = Providers(changes.append)
    old, new = ScriptedEditor(name="old"), ScriptedEditor(name="new")
    providers.offer(old, ["ui", "timeline"])
    providers.offer(new, ["ui"])
    assert (providers.current("ui"), providers.current("timeline"), providers.current("media")) == (new, old, None)
    providers.offer(old, ["ui"])  # it says so again; the newer one stays
    assert providers.current("ui") is new
    assert providers.offers(old) == {"ui"}
    providers.offer(new, [])
    assert await providers.find("ui", "ui.showDialog") is old
    assert told(changes) == [
        ("timeline", "old", "old 1.0 connected"),
        ("ui", "old", "old 1.0 connected"),
        ("ui", "new", "new 1.0 connected"),
        ("timeline", None, "old 1.0 does not provide it any more"),
        ("ui", "old", "new 1.0 does not provide it any more"),
    ]
    assert {name: info and info.name for name, info in providers.describe().items()} == {
        "timeline": None,
        "effects": None,
        "ui": "old",
        "media": None,
    }


async def test_a_reserve_answers_only_where_nobody_else_does() -> None:
    changes: list[HostChanged] = []
    providers = Providers(changes.append)
    reserve, editor = ScriptedEditor(name="headless"), ScriptedEditor()
    providers.offer(editor, ["timeline"])
    providers.offer(reserve, ["timeline", "media"], reserve=True)
    assert (providers.current("timeline"), providers.current("media")) == (editor, reserve)
    providers.offer(editor, [])
    assert providers.current("timeline") is reserve
    providers.offer(editor, ["timeline"])
    assert providers.current("timeline") is editor
    assert [one.namespace for one in changes] == ["timeline", "media", "timeline", "timeline"]


async def test_with_nobody_it_fails_at_once() -> None:
    with pytest.raises(HostUnavailable, match=r"media\.getInfo.*'media'"):
        await Providers(lambda _changed: None).find("media", "media.getInfo")


async def test_waiting_for_somebody_to_come() -> None:
    providers = Providers(lambda _changed: None, absence=Absence(unavailable="wait", wait_seconds=30))
    editor = ScriptedEditor()
    waiting = [asyncio.create_task(providers.find(name, "x.y")) for name in ("ui", "ui", "timeline")]
    await asyncio.sleep(0)
    providers.offer(editor, ["ui"])
    assert await waiting[0] is await waiting[1] is editor
    assert not waiting[2].done()
    waiting[2].cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting[2]
    providers.offer(editor, ["timeline"])  # nobody is left to be told


async def test_waiting_ends() -> None:
    providers = Providers(lambda _changed: None, absence=Absence(unavailable="wait", wait_seconds=0.01))
    with pytest.raises(HostUnavailable, match=r"within 0\.01 s"):
        await providers.find("ui", "ui.showDialog")
