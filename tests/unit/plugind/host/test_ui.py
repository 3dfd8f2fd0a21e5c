"""Panels and menu items: shown to every editor that comes, and taken away with their plugin."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.fakes.providers import Free, ScriptedEditor, caller

from plugind.host import ui
from plugind.host.editor import Editor
from plugind.host.providers import Providers
from plugind.host.router import HostRouter, Turn
from plugind.host.ui import PluginUi
from plugind_protocol.errors import InvalidParams, InvalidState, TooLarge

pytestmark = pytest.mark.anyio

ITEM = {"id": "grade", "label": "Grade"}
PANEL = {"id": "scopes", "title": "Scopes", "html": "<p>"}


def editor(name: str, **answers: Any) -> ScriptedEditor:
    usual = {"ui.createPanel": {"panelId": f"{name}-1"}, "ui.closePanel": None}
    return ScriptedEditor({**usual, "ui.addMenuItem": None, "ui.removeMenuItem": None, **answers}, name=name)


class Bench:
    """The user interface of plugins behind a router."""

    def __init__(self, package: Path) -> None:
        self.providers = Providers(lambda _changed: None)
        self.ui = shown = PluginUi(self.providers, lambda _plugin: package)
        turns = {
            "ui.createPanel": Turn(request=shown.panel_wanted, result=shown.panel_shown),
            "ui.closePanel": Turn(request=shown.panel_unwanted),
            "ui.addMenuItem": Turn(request=shown.item_wanted, result=shown.item_shown),
            "ui.removeMenuItem": Turn(request=shown.item_unwanted),
        }
        self.router = HostRouter(Editor(self.providers), {}, turns=turns)

    async def ask(self, method: str, params: Any, *, plugin_id: str = "p") -> Any:
        asking = caller("ui.create", plugin_id=plugin_id)
        answer = self.router.call(asking, method, msgspec.json.encode(params), Free())
        assert not isinstance(answer, bytes | msgspec.Raw)
        return msgspec.json.decode(await answer)

    def connect(self, one: ScriptedEditor) -> ScriptedEditor:
        self.providers.offer(one, ["ui"])
        return one

    async def quiet(self) -> None:
        """Wait until everything was asked."""
        while self.ui._tasks:
            await asyncio.gather(*self.ui._tasks)
            await asyncio.sleep(0)  # what is called when a task is done is called one turn later


@pytest.fixture
async def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def asked(one: ScriptedEditor) -> list[tuple[str, str, str]]:
    return [(method, params["pluginId"], params.get("id") or params["panelId"]) for method, params in one.asked]


async def test_a_later_editor_is_shown_everything(bench: Bench) -> None:
    bench.connect(editor("first"))
    assert await bench.ask("ui.createPanel", PANEL) == {"panelId": "first-1"}
    await bench.ask("ui.addMenuItem", ITEM)
    await bench.ask("ui.addMenuItem", {**ITEM, "label": "Grade all"})  # the same id: replaced
    await bench.ask("ui.addMenuItem", ITEM, plugin_id="q")
    second = bench.connect(editor("second"))
    await bench.quiet()
    assert second.asked == [
        ("ui.createPanel", {**PANEL, "pluginId": "p"}),
        ("ui.addMenuItem", {**ITEM, "label": "Grade all", "pluginId": "p"}),
        ("ui.addMenuItem", {**ITEM, "pluginId": "q"}),
    ]


async def test_an_editor_that_answers_again_is_not_shown_them_twice(bench: Bench) -> None:
    first = bench.connect(editor("first"))
    await bench.ask("ui.addMenuItem", ITEM)
    second = bench.connect(editor("second"))
    bench.providers.offer(second, [])
    await bench.quiet()
    assert asked(first) == [("ui.addMenuItem", "p", "grade")]


async def test_what_a_plugin_removes_goes_everywhere(bench: Bench) -> None:
    first = bench.connect(editor("first"))
    await bench.ask("ui.createPanel", PANEL)
    await bench.ask("ui.addMenuItem", ITEM)
    second = bench.connect(editor("second"))
    await bench.quiet()
    await bench.ask("ui.closePanel", {"panelId": "first-1"})  # as the plugin knows it
    await bench.ask("ui.removeMenuItem", {"id": "grade"})
    await bench.quiet()
    assert asked(first)[2:] == [("ui.closePanel", "p", "first-1"), ("ui.removeMenuItem", "p", "grade")]
    assert asked(second)[2:] == [("ui.closePanel", "p", "second-1"), ("ui.removeMenuItem", "p", "grade")]
    third = bench.connect(editor("third"))
    await bench.quiet()
    assert third.asked == []


async def test_a_plugin_that_goes_leaves_nothing(bench: Bench) -> None:
    first = bench.connect(editor("first"))
    await bench.ask("ui.createPanel", PANEL)
    await bench.ask("ui.addMenuItem", ITEM)
    await bench.ask("ui.addMenuItem", ITEM, plugin_id="q")
    bench.ui.forget("p")
    bench.ui.forget("p")
    await bench.quiet()
    assert asked(first)[3:] == [("ui.closePanel", "p", "first-1"), ("ui.removeMenuItem", "p", "grade")]
    second = bench.connect(editor("second"))
    await bench.quiet()
    assert asked(second) == [("ui.addMenuItem", "q", "grade")]


async def test_an_editor_that_has_left_is_not_asked(bench: Bench) -> None:
    first = bench.connect(editor("first"))
    await bench.ask("ui.addMenuItem", ITEM)
    bench.providers.offer(first, [])
    bench.ui.forget("p")
    await bench.quiet()
    assert asked(first) == [("ui.addMenuItem", "p", "grade")]


async def test_a_plugin_that_goes_while_it_is_being_shown(bench: Bench) -> None:
    bench.connect(editor("first"))
    await bench.ask("ui.createPanel", PANEL)
    answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    second = bench.connect(editor("second", **{"ui.createPanel": answer}))
    await asyncio.sleep(0)
    bench.ui.forget("p")
    answer.set_result({"panelId": "late"})
    await bench.quiet()
    assert asked(second) == [("ui.createPanel", "p", "scopes"), ("ui.closePanel", "p", "late")]


async def test_an_editor_that_comes_while_another_is_asked(bench: Bench) -> None:
    answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    bench.connect(editor("first", **{"ui.addMenuItem": answer}))
    adding = asyncio.create_task(bench.ask("ui.addMenuItem", ITEM))
    await asyncio.sleep(0)
    second = bench.connect(editor("second"))
    answer.set_result(None)
    await adding
    await bench.quiet()
    assert asked(second) == [("ui.addMenuItem", "p", "grade")]


@pytest.mark.parametrize("answer", [InvalidState("no room"), {"panel": 1}])
async def test_an_editor_that_does_not_want_them(bench: Bench, answer: Any) -> None:
    bench.connect(editor("first"))
    await bench.ask("ui.createPanel", PANEL)
    second = bench.connect(editor("second", **{"ui.createPanel": answer}))
    await bench.quiet()
    bench.ui.forget("p")
    await bench.quiet()
    assert asked(second) == [("ui.createPanel", "p", "scopes")]  # nothing to close there


async def test_what_the_editor_refused_is_not_offered_to_the_next(bench: Bench) -> None:
    bench.connect(editor("first", **{"ui.addMenuItem": InvalidState("no room")}))
    with pytest.raises(InvalidState):
        await bench.ask("ui.addMenuItem", ITEM)
    second = bench.connect(editor("second"))
    await bench.quiet()
    assert second.asked == []


async def test_an_unknown_panel(bench: Bench) -> None:
    bench.connect(editor("first"))
    await bench.ask("ui.createPanel", PANEL)
    with pytest.raises(InvalidParams) as caught:
        await bench.ask("ui.closePanel", {"panelId": "first-1"}, plugin_id="q")  # somebody else's
    assert caught.value.data.path == "$.panelId"


async def test_too_many(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ui, "MAX_ITEMS", 1)
    bench.connect(editor("first"))
    await bench.ask("ui.addMenuItem", ITEM)
    await bench.ask("ui.addMenuItem", ITEM)  # the same
    with pytest.raises(TooLarge):
        await bench.ask("ui.addMenuItem", {**ITEM, "id": "other"})
    with pytest.raises(TooLarge):
        await bench.ask("ui.createPanel", PANEL)


@pytest.mark.parametrize("url", ["assets/panel.html", "panel.html", "ui/page.html"])
async def test_a_page_of_the_package(bench: Bench, tmp_path: Path, url: str) -> None:
    (tmp_path / "ui").mkdir()
    for name in ("panel.html", "ui/page.html"):
        (tmp_path / name).write_text("<p>")
    first = bench.connect(editor("first"))
    await bench.ask("ui.createPanel", {"id": "a", "title": "A", "url": url})
    second = bench.connect(editor("second"))
    await bench.quiet()
    for one in (first, second):
        assert one.asked[0][1]["url"] == (tmp_path / url.removeprefix("assets/")).as_uri()


@pytest.mark.parametrize(
    "url", ["missing.html", "../secret.html", "/etc/passwd", "ui", "link.html", "a\0b", "https://x"]
)
async def test_pages_elsewhere_are_not_opened(bench: Bench, tmp_path: Path, url: str) -> None:
    bench.ui._package = lambda _plugin: tmp_path / "package"
    (tmp_path / "package/ui").mkdir(parents=True)
    (tmp_path / "secret.html").write_text("")
    (tmp_path / "package/link.html").symlink_to(tmp_path / "secret.html")
    first = bench.connect(editor("first"))
    with pytest.raises(InvalidParams) as caught:
        await bench.ask("ui.createPanel", {"id": "a", "title": "A", "url": url})
    assert caught.value.data.path == "$.url"
    assert first.asked == []


@pytest.mark.parametrize("more", [{}, {"html": "", "url": "a.html"}])
async def test_a_panel_has_one_page(bench: Bench, more: dict[str, str]) -> None:
    bench.connect(editor("first"))
    with pytest.raises(InvalidParams, match="either html or url"):
        await bench.ask("ui.createPanel", {"id": "a", "title": "A", **more})
