from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from opentimelineio.core import serialize_json_to_string
from tests.fakes.media import film
from tests.unit.plugind_headless.timeline.timelines import clip, timeline

from plugind_headless.host import Host
from plugind_headless.media.decoder import Decoder
from plugind_headless.timeline import project
from plugind_headless.ui.answers import Accept
from plugind_headless.ui.desk import Desk
from plugind_protocol.errors import InvalidParams, InvalidState, MethodNotFound
from plugind_protocol.host import HOST_METHODS, PROVIDER_METHODS

pytestmark = [pytest.mark.anyio, pytest.mark.process]


class Editor:
    """A host over a real project, asked as the daemon asks it."""

    def __init__(self, path: Path, decoder: Decoder) -> None:
        self.said: list[str] = []
        self.published: list[tuple[str, Any, str | None]] = []
        self.path = path
        file, opened = project.open_project(path)
        self.host = Host(
            file,
            opened,
            desk=Desk(Accept(), self.said.append),
            decoder=decoder,
            say=self.said.append,
            publish=self._publish,
            unconfined=[],
        )

    async def ask(self, method: str, plugin: str = "p", **params: Any) -> Any:
        """Return the result as plain values, checked as the daemon checks it."""
        result = msgspec.to_builtins(await self.host.answer(method, {**params, "pluginId": plugin}))
        row = HOST_METHODS.get(method)
        return result if row is None else msgspec.to_builtins(msgspec.convert(result, row.result))

    async def clips(self, plugin: str = "p") -> dict[str, Any]:
        state = await self.ask("timeline.getState", plugin)
        return {clip["name"]: clip for track in state["tracks"] for clip in track["clips"]}

    async def _publish(self, name: str, payload: Any, plugin_id: str | None) -> None:
        self.published.append((name, msgspec.to_builtins(payload), plugin_id))


@pytest.fixture
def editor(tmp_path: Path) -> Iterator[Editor]:
    path = tmp_path / "film.otio"
    path.write_text(serialize_json_to_string(timeline([clip("a", 30)])))
    film(tmp_path / "clip.mp4", frames=25)
    decoder = Decoder()
    yield Editor(path, decoder)
    decoder.close()


def new(start: float, source: str = "project/clip.mp4", **more: Any) -> dict[str, Any]:
    return {"clip": {"source": source, "start": start, **more}, "track": 0}


async def test_it_answers_everything_that_an_editor_is_asked(editor: Editor) -> None:
    asked = {name for name, row in HOST_METHODS.items() if row.provider == "editor"} | set(PROVIDER_METHODS)
    assert asked <= set(editor.host.methods)
    with pytest.raises(MethodNotFound):
        await editor.ask("timeline.explode")
    with pytest.raises(InvalidParams, match=r"timeline.addClip: .*`start`"):
        await editor.ask("timeline.addClip", clip={"source": "x"}, track=0)


async def test_a_clip_as_long_as_its_media(editor: Editor) -> None:
    added = await editor.ask("timeline.addClip", **new(2.0, metadata={"x": 1}))
    found = (await editor.clips())["clip"]
    assert found == {
        "id": added["clipId"],
        "name": "clip",
        "track": 0,
        "start": 2.0,
        "duration": 1.0,
        "source": "project/clip.mp4",
        "sourceStart": 0.0,
        "metadata": {"x": 1},
    }
    with pytest.raises(InvalidParams, match="media ends after 1 s"):
        await editor.ask("timeline.addClip", **new(5.0, duration=2.0))


async def test_media_that_are_not_there(editor: Editor, tmp_path: Path) -> None:
    with pytest.raises(InvalidParams, match=r"gone.mp4 cannot be opened"):
        await editor.ask("timeline.addClip", **new(2.0, "project/gone.mp4"))
    with pytest.raises(InvalidParams, match="cannot be found out"):
        await editor.ask("timeline.addClip", **new(2.0, "https://x.example/gone.mp4"))
    for number, source in enumerate(("project/gone.mp4", "https://x.example/gone.mp4")):
        await editor.ask("timeline.addClip", **new(2.0 + number, source, duration=1.0, name=source))
        assert (await editor.clips())[source]["source"] == source


async def test_files_beside_the_project_are_not_looked_at_for_a_clip(
    editor: Editor, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = film(tmp_path_factory.mktemp("elsewhere") / "o.mp4", frames=5)
    with pytest.raises(InvalidParams, match="cannot be found out"):
        await editor.ask("timeline.addClip", **new(2.0, str(outside)))
    assert (await editor.ask("media.getInfo", path=str(outside)))["duration"] == 0.2


async def test_one_call_is_one_transaction(editor: Editor) -> None:
    before = editor.path.read_bytes()
    await editor.ask("timeline.begin", transaction="t1", label="p grade")
    added = await editor.ask("timeline.addClip", **new(2.0), transaction="t1")
    instance = {"id": "e1", "effectId": "glow", "pluginId": "p", "params": {"r": 1}}
    applied = await editor.ask("effects.applyToClip", effect=instance, clipId=added["clipId"], transaction="t1")
    assert applied == {"clipId": added["clipId"], "effect": instance}
    changed = await editor.ask(
        "timeline.updateClip", clipId=added["clipId"], changes={"name": "b", "enabled": False}, transaction="t1"
    )
    assert (changed["clip"]["name"], changed["clip"]["effects"]) == ("b", [instance])
    assert list(await editor.clips()) == ["a", "b"]
    assert list(await editor.clips("q")) == ["a"]
    assert (editor.host.state().transactions, editor.path.read_bytes()) == (1, before)
    await editor.ask("timeline.rollback", transaction="t1", reason="it trapped")
    assert list(await editor.clips()) == ["a"]
    assert "3 edits of p are taken back: it trapped" in editor.said
    await editor.ask("timeline.begin", transaction="t2", label="p grade")
    await editor.ask("timeline.removeClip", clipId="a", transaction="t2")
    await editor.ask("timeline.commit", transaction="t2")
    assert editor.path.read_bytes() != before
    _, saved = project.open_project(editor.path)
    assert list(saved.tracks[0]) == []


async def test_playhead_selection_and_menu(editor: Editor) -> None:
    await editor.host.answer("headless.set", {"currentTime": 1.5, "selection": ["a", "a"]})
    assert await editor.ask("timeline.getCurrentTime") == {"seconds": 1.5, "timecode": "00:00:01:15", "fps": 30.0}
    (selected,) = (await editor.ask("timeline.getSelectedClips"))["clips"]
    assert selected["id"] == "a"
    await editor.ask("ui.addMenuItem", id="go", label="Go")
    await editor.host.answer("headless.chooseMenu", {"id": "go"})
    assert editor.published == [
        ("timeline.selectionChange", [selected], None),
        ("ui.menu", {"id": "go"}, "p"),
    ]
    await editor.ask("timeline.removeClip", clipId="a")
    assert await editor.ask("timeline.getSelectedClips") == {"clips": []}
    assert editor.host.state().timeline.selection == []


async def test_a_project_that_others_have_changed_is_read_again(editor: Editor) -> None:
    editor.path.write_text(serialize_json_to_string(timeline([clip("z", 30)])))
    with pytest.raises(InvalidState, match="another program"):
        await editor.ask("timeline.removeClip", clipId="a")
    await editor.host.answer("headless.reload", {})
    assert list(await editor.clips()) == ["z"]


async def test_results_of_the_user_interface(editor: Editor) -> None:
    panel = await editor.ask("ui.createPanel", id="x", title="T")
    await editor.ask("ui.closePanel", **panel)
    await editor.ask("ui.showNotification", message="hello")
    assert await editor.ask("ui.showDialog", title="T") == {"button": "OK"}
    assert await editor.ask("ui.pickFile") == {"files": []}
    assert editor.host.state().notifications[0].message == "hello"
