"""An editor in types: which methods it answers, what it gets, what goes onto the wire."""

import inspect
from typing import Any, get_type_hints

import anyio.to_thread
import msgspec
import pytest
from tests.fakes.peer import Link, Peer

from plugind_client import AsyncClient, Caller, Client, HostProvider
from plugind_client.provider import PROVIDED, ApplyEffect, attribute
from plugind_protocol import envelope
from plugind_protocol.errors import InvalidParams, InvalidState, MethodNotFound
from plugind_protocol.host import PROVIDER_METHODS, timeline
from plugind_protocol.table import Empty

CLIP = timeline.Clip(id="c1", name="beach", track=0, start=0, duration=4)


class Editor(HostProvider):
    """Has a timeline of one clip."""

    def __init__(self) -> None:
        self.asked: list[tuple[Caller, Any]] = []

    async def timeline_get_selected_clips(self, caller: Caller, params: Empty) -> timeline.SelectedClips:
        self.asked.append((caller, params))
        return timeline.SelectedClips(clips=[CLIP])

    async def timeline_update_clip(self, caller: Caller, params: timeline.UpdateClip) -> timeline.ClipUpdated:
        self.asked.append((caller, params))
        if params.clip_id != CLIP.id:
            raise InvalidState(f"there is no clip {params.clip_id!r}")
        return timeline.ClipUpdated(clip=msgspec.structs.replace(CLIP, start=params.changes.start or 0))

    async def timeline_begin(self, caller: Caller, params: timeline.BeginTransaction) -> None:
        self.asked.append((caller, params))


@pytest.mark.parametrize("row", PROVIDED.values(), ids=lambda row: row.name)
def test_every_method_has_the_types_of_its_row(row: Any) -> None:
    method = getattr(HostProvider, attribute(row.name))
    assert inspect.iscoroutinefunction(method)
    hints = get_type_hints(method)
    expected = ApplyEffect if row.name == "effects.applyToClip" else row.params
    assert hints == {"caller": Caller, "params": expected, "return": type(None) if row.result is None else row.result}


def test_there_is_no_method_without_a_row() -> None:
    named = {name for name, _ in inspect.getmembers(HostProvider, inspect.iscoroutinefunction)}
    assert named == {attribute(name) for name in PROVIDED}


def ask(daemon: Peer, link: Link, method: str, params: Any) -> Any:
    link.send(envelope.encode_request(method, method, params))
    answer = daemon.next_message()
    assert answer.id == method
    return msgspec.json.decode(answer.result) if isinstance(answer.result, msgspec.Raw) else answer.error


@pytest.mark.anyio
async def test_a_provider_is_asked_and_answers_in_types(daemon: Peer) -> None:
    editor = Editor()
    async with AsyncClient.connect(daemon.path, provider=editor):
        link = daemon.next_link()

        async def asking(method: str, params: Any) -> Any:
            return await anyio.to_thread.run_sync(ask, daemon, link, method, params)

        found = await asking("timeline.getSelectedClips", {"pluginId": "p"})
        assert found == {"clips": [{"id": "c1", "name": "beach", "track": 0, "start": 0.0, "duration": 4.0}]}
        change = {"pluginId": "p", "transaction": "t1", "clipId": "c1", "changes": {"start": 2.5}}
        assert (await asking("timeline.updateClip", change))["clip"]["start"] == 2.5
        await asking("timeline.begin", {"pluginId": "p", "transaction": "t1", "label": "p: run"})
        assert [caller for caller, _ in editor.asked] == [Caller("p"), Caller("p", "t1"), Caller("p", "t1")]
        assert editor.asked[1][1] == timeline.UpdateClip(clip_id="c1", changes=timeline.ClipChanges(start=2.5))
        assert editor.asked[2][1].label == "p: run"

        assert (await asking("timeline.updateClip", {**change, "clipId": "c9"})).code == InvalidState.code
        assert (await asking("timeline.getState", {"pluginId": "p"})).code == MethodNotFound.code
        wrong = await asking("timeline.updateClip", {**change, "changes": {"start": "soon"}})
        assert (wrong.code, wrong.data["path"]) == (InvalidParams.code, "$.changes.start")
    (opening,) = daemon.asked("initialize")
    assert opening["provides"] == ["timeline"]
    assert set(PROVIDER_METHODS) == {"timeline.begin", "timeline.commit", "timeline.rollback"}


def test_the_blocking_client_provides_too(daemon: Peer) -> None:
    with Client.connect(daemon.path, provider=Editor()):
        assert ask(daemon, daemon.next_link(), "timeline.getSelectedClips", {"pluginId": "p"})["clips"][0]["id"] == "c1"
