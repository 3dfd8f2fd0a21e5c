import io
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from plugind_headless.errors import ProjectError
from plugind_headless.ui import desk as module
from plugind_headless.ui.answers import Accept, Answers, Cancel, read_script
from plugind_headless.ui.desk import Desk
from plugind_headless.ui.prompt import Ask
from plugind_protocol.errors import InvalidParams, InvalidState, Overloaded
from plugind_protocol.host import ui

pytestmark = pytest.mark.anyio

QUESTION = ui.ShowDialog(
    title="Grade all?",
    message="All [red]12[/] clips\x1b[2J",
    kind="question",
    buttons=["Grade", "Leave"],
    default="Leave",
    fields=[
        ui.Field(name="look", kind="choice", choices=["warm", "cold"], default="cold"),
        ui.Field(name="amount", kind="number", default=0.5, label="How much"),
        ui.Field(name="sure", kind="checkbox"),
        ui.Field(name="note"),
    ],
)
DEFAULTS = {"look": "cold", "amount": 0.5, "sure": None, "note": None}


def dialog(**fields: Any) -> ui.ShowDialog:
    return msgspec.convert({"title": "T", **fields}, ui.ShowDialog)


# --- answers by rule


async def test_cancel_dismisses_everything() -> None:
    assert (await Cancel().dialog("p", QUESTION)).button is None
    assert (await Cancel().file("p", ui.PickFile())).files == []
    assert (await Cancel().directory("p", ui.PickDirectory())).directory is None


async def test_accept_presses_the_default_else_the_first() -> None:
    answer = await Accept().dialog("p", QUESTION)
    assert (answer.button, answer.values) == ("Leave", DEFAULTS)
    for asked, button in (
        (dialog(), "OK"),
        (dialog(kind="question"), "Yes"),
        (dialog(kind="input"), "OK"),
        (dialog(buttons=["A", "B"], default="C"), "A"),
    ):
        answer = await Accept().dialog("p", asked)
        assert (answer.button, answer.values) == (button, None)
    assert (await Accept().file("p", ui.PickFile())).files == []


def script(path: Path, *steps: dict[str, Any]) -> Answers:
    path.write_text(json.dumps(steps))
    return read_script(path)


async def test_a_script_is_used_up_in_order(tmp_path: Path) -> None:
    answers = script(
        tmp_path / "a.json",
        {"title": "Grade *", "plugin": "other", "button": "Leave"},
        {"title": "Grade *", "kind": "question", "button": "Grade", "values": {"look": "warm"}},
        {"title": "Grade *", "button": None},
        {"method": "ui.pickFile", "files": ["/a", "/b"]},
        {"method": "ui.pickFile", "title": "Look", "files": ["/c", "/d"]},
        {"method": "ui.pickDirectory", "directory": "/out"},
    )
    first = await answers.dialog("p", QUESTION)
    assert (first.button, first.values) == ("Grade", {**DEFAULTS, "look": "warm"})
    assert [(await answers.dialog("p", QUESTION)).button for _ in range(2)] == [None, None]
    assert (await answers.dialog("other", QUESTION)).button == "Leave"
    assert (await answers.file("p", ui.PickFile(title="Look"))).files == ["/a"]
    assert (await answers.file("p", ui.PickFile(title="Look", multiple=True))).files == ["/c", "/d"]
    assert (await answers.file("p", ui.PickFile())).files == []
    assert [(await answers.directory("p", ui.PickDirectory())).directory for _ in range(2)] == ["/out", None]


async def test_a_script_that_presses_what_is_not_there_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(InvalidState, match="presses 'Burn', which the dialog 'T' does not have") as caught:
        await script(tmp_path / "a.json", {"button": "Burn"}).dialog("p", dialog(buttons=["A"]))
    assert "It has: A" in caught.value.hint


@pytest.mark.parametrize(("text", "words"), [("[", "truncated"), ('[{"press": 1}]', "unknown field `press`")])
def test_a_script_that_is_none(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(ProjectError, match=words):
        read_script(tmp_path / "a.json")
    with pytest.raises(ProjectError, match="No such file"):
        read_script(tmp_path / "b.json")


# --- the person at the terminal


def ask(*typed: str) -> tuple[Ask, io.StringIO]:
    written = io.StringIO()
    return Ask(io.StringIO("".join(f"{line}\n" for line in typed)), written), written


async def test_a_dialog_at_the_terminal() -> None:
    asking, written = ask("warm", "0.7", "y", "why not", "1")
    answer = await asking.dialog("grader", QUESTION)
    assert (answer.button, answer.values) == (
        "Grade",
        {"look": "warm", "amount": 0.7, "sure": True, "note": "why not"},
    )
    text = written.getvalue()
    assert "Grade all? (grader)" in text
    assert "All [red]12[/] clips\\x1b[2J" in text, "its markup and controls are text"
    assert "How much" in text


async def test_enter_is_the_default_and_0_dismisses() -> None:
    asking, _ = ask("", "", "", "", "", "0")
    answer = await asking.dialog("p", QUESTION)
    assert (answer.button, answer.values) == ("Leave", {"look": "cold", "amount": 0.5, "sure": False, "note": ""})
    assert (await asking.dialog("p", dialog())).button is None


async def test_a_wrong_number_is_asked_for_again() -> None:
    asking, _ = ask("7", "x", "2")
    assert (await asking.dialog("p", dialog(buttons=["A", "B"]))).button == "B"


async def test_a_terminal_that_is_gone_dismisses() -> None:
    asking, _ = ask()
    assert (await asking.dialog("p", QUESTION)).button is None
    assert (await asking.file("p", ui.PickFile())).files == []


async def test_files_and_folders_at_the_terminal(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    (tmp_path / "b").touch()
    one, two = str(tmp_path / "a"), str(tmp_path / "b")
    asking, written = ask("/nowhere", one, one, two, "", str(tmp_path / "new"), one, str(tmp_path), "")
    assert (await asking.file("p", ui.PickFile())).files == [one]
    assert "/nowhere is not a file" in written.getvalue()
    assert (await asking.file("p", ui.PickFile(multiple=True))).files == [one, two]
    assert (await asking.file("p", ui.PickFile(save=True))).files == [str(tmp_path / "new")]
    assert (await asking.directory("p", ui.PickDirectory())).directory == str(tmp_path)
    assert "is not a folder" in written.getvalue()
    assert (await asking.directory("p", ui.PickDirectory())).directory is None


# --- what is kept


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def desk(said: list[str]) -> Desk:
    return Desk(Accept(), said.append)


async def test_what_plugins_show_is_kept_and_told(desk: Desk, said: list[str]) -> None:
    desk.notify("p", ui.ShowNotification(message="two\nlines \x1b[31m", kind="success"))
    await desk.show_dialog("p", QUESTION)
    await desk.pick_file("p", ui.PickFile(title="Look"))
    await desk.pick_directory("p", ui.PickDirectory())
    assert [one.message for one in desk.notifications] == ["two\nlines \x1b[31m"]
    assert [(one.method, one.title) for one in desk.questions] == [
        ("ui.showDialog", "Grade all?"),
        ("ui.pickFile", "Look"),
        ("ui.pickDirectory", ""),
    ]
    assert desk.questions[0].answer == {"button": "Leave", "values": DEFAULTS}
    assert said[0] == "p success: two lines \\x1b[31m"
    assert said[2] == "p asks 'Look' (ui.pickFile): {\"files\":[]}"


async def test_what_is_kept_is_bounded(desk: Desk) -> None:
    for number in range(module.KEPT + 5):
        desk.notify("p", ui.ShowNotification(message=str(number)))
    assert (len(desk.notifications), desk.notifications[0].message) == (module.KEPT, "5")
    for number in range(module.MAX_PANELS):
        desk.create_panel("p", ui.CreatePanel(id=str(number), title="T"))
    with pytest.raises(Overloaded):
        desk.create_panel("p", ui.CreatePanel(id="more", title="T"))
    desk.create_panel("p", ui.CreatePanel(id="0", title="Another"))
    assert (len(desk.panels), desk.panels[0].title) == (module.MAX_PANELS, "Another")


def test_panels_and_menu_items_are_their_plugins_own(desk: Desk) -> None:
    panel = desk.create_panel("p", ui.CreatePanel(id="x", title="T"))
    other = desk.create_panel("q", ui.CreatePanel(id="x", title="T"))
    assert panel.panel_id != other.panel_id
    with pytest.raises(InvalidParams, match="q has no panel"):
        desk.close_panel("q", ui.ClosePanel(panel_id=panel.panel_id))
    desk.close_panel("p", ui.ClosePanel(panel_id=panel.panel_id))
    assert [one.plugin_id for one in desk.panels] == ["q"]
    for plugin_id, label in (("p", "One"), ("q", "Two"), ("p", "Again")):
        desk.add_item(plugin_id, ui.AddMenuItem(id="go", label=label))
    assert [(one.plugin_id, one.label) for one in desk.menu] == [("p", "Again"), ("q", "Two")]
    with pytest.raises(InvalidParams, match="of several plugins: p, q"):
        desk.item("go", None)
    assert desk.item("go", "q").label == "Two"
    desk.forget("nobody")
    assert (len(desk.panels), len(desk.menu)) == (1, 2)
    desk.forget("q")
    assert (desk.panels, [one.plugin_id for one in desk.menu]) == ([], ["p"])
    desk.add_item("q", ui.AddMenuItem(id="go", label="Two"))
    desk.remove_item("q", ui.RemoveMenuItem(id="go"))
    assert desk.item("go", None).label == "Again"
    with pytest.raises(InvalidParams, match="q has no menu item 'go'"):
        desk.remove_item("q", ui.RemoveMenuItem(id="go"))
    with pytest.raises(InvalidParams, match="there is no menu item 'stop'"):
        desk.item("stop", None)
