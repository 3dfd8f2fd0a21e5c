"""``ui.*``: what plugins show to the user, and ask of the user."""

from typing import Annotated, Any, Final, Literal

from msgspec import Meta

from plugind_protocol.host.values import FilePath, Identifier, Line, Pixels, Text
from plugind_protocol.table import Example, HostMethod, Open, Params

NAMESPACE: Final = "ui"

MAX_HTML: Final = 1_000_000
"""Longest page of a panel, in characters."""


class CreatePanel(Params, frozen=True):
    """Opens a panel; one of the same id is replaced."""

    id: Identifier
    """The plugin's own name for it."""
    title: Line
    """For people."""
    html: Annotated[str, Meta(max_length=MAX_HTML)] | None = None
    """The page itself; the editor shows it without access to anything of its own."""
    url: FilePath | None = None
    """Instead of ``html``: path of a page in the plugin's package."""
    width: Pixels | None = None
    """In pixels; default: the editor's choice."""
    height: Pixels | None = None
    """In pixels; default: the editor's choice."""
    dock: Literal["left", "right", "bottom", "floating"] = "right"
    """Where it is shown first."""


class Panel(Open, frozen=True):
    """An open panel."""

    panel_id: Identifier
    """For ``ui.closePanel``."""


class ClosePanel(Params, frozen=True):
    """Names a panel to close."""

    panel_id: Identifier
    """As `ui.createPanel` answered."""


class Field(Params, frozen=True):
    """One input of a dialog."""

    name: Identifier
    """Key in the result's ``values``."""
    label: Line | None = None
    """Default: the name."""
    kind: Literal["text", "number", "checkbox", "choice"] = "text"
    """What it takes."""
    default: Any = None
    """Value at first."""
    choices: Annotated[list[Line], Meta(max_length=1000)] = []
    """For ``choice``."""


class ShowDialog(Params, frozen=True):
    """Asks the user something."""

    title: Line
    """For people."""
    message: Text = ""
    """For people."""
    kind: Literal["info", "warning", "error", "question", "input"] = "info"
    """What it looks like; ``input`` where there are fields."""
    buttons: Annotated[list[Line], Meta(max_length=10)] = []
    """Labels, in order; default: the editor's own for this kind."""
    default: Line | None = None
    """The button that Enter presses."""
    fields: Annotated[list[Field], Meta(max_length=100)] = []
    """Inputs to fill in."""


class DialogResult(Open, frozen=True):
    """What the user answered."""

    button: str | None
    """Label of the pressed button; null where the dialog was dismissed."""
    values: dict[str, Any] | None = None
    """Values of the fields, by name."""


class AddMenuItem(Params, frozen=True):
    """Adds a menu item; one of the same id is replaced. Choosing it reaches the plugin as event ``ui.menu``."""

    id: Identifier
    """The plugin's own name for it: ``{id}`` is the event's payload."""
    label: Line
    """For people."""
    menu: Line | None = None
    """Where: menus from the top, with ``/`` between them; default: the editor's menu for plugins."""
    shortcut: Line | None = None
    """Such as ``Ctrl+Shift+G``; the editor leaves out one that is taken."""
    enabled: bool = True
    """Whether it can be chosen; add it again with the same id to change that."""


class RemoveMenuItem(Params, frozen=True):
    """Removes a menu item of this plugin."""

    id: Identifier
    """As it was added."""


class ShowNotification(Params, frozen=True):
    """Tells the user something, without waiting."""

    message: Annotated[str, Meta(min_length=1, max_length=10_000)]
    """For people."""
    kind: Literal["info", "success", "warning", "error"] = "info"
    """What it looks like."""
    duration_ms: Annotated[int, Meta(ge=0, le=600_000)] | None = None
    """How long, in ms; default: the editor's choice; 0: until dismissed."""
    title: Line | None = None
    """Above the message; default: the plugin's name."""


class FileFilter(Params, frozen=True):
    """Which files may be picked."""

    name: Line
    """For people, such as ``Videos``."""
    extensions: Annotated[list[Line], Meta(max_length=100)]
    """Without the dot."""


class PickFile(Params, frozen=True):
    """Lets the user pick files."""

    title: Line | None = None
    """Of the dialog."""
    filters: Annotated[list[FileFilter], Meta(max_length=50)] = []
    """The first is chosen; default: all files."""
    multiple: bool = False
    """Let several be picked."""
    save: bool = False
    """Pick where to write, instead of what to read."""


class PickedFiles(Open, frozen=True):
    """What was picked; empty where the dialog was dismissed."""

    files: list[FilePath]
    """From the editor, real paths; to the plugin, paths that ``file.*`` and ``media.*`` take."""


class PickDirectory(Params, frozen=True):
    """Lets the user pick a folder."""

    title: Line | None = None
    """Of the dialog."""


class PickedDirectory(Open, frozen=True):
    """What was picked."""

    directory: FilePath | None
    """As with ``ui.pickFile``; null where the dialog was dismissed."""


METHODS: Final = (
    HostMethod(
        "ui.createPanel",
        CreatePanel,
        Panel,
        "Open a panel; it closes when the plugin is unloaded.",
        permission="ui.create",
        example=Example({"id": "scopes", "title": "Scopes", "html": "<p>…</p>"}, {"panelId": "p1"}),
    ),
    HostMethod(
        "ui.closePanel",
        ClosePanel,
        None,
        "Close a panel of this plugin.",
        permission="ui.create",
        example=Example({"panelId": "p1"}),
    ),
    HostMethod(
        "ui.showDialog",
        ShowDialog,
        DialogResult,
        "Ask the user something.",
        permission="ui.dialog",
        example=Example(
            {"title": "Grade all clips?", "kind": "question", "buttons": ["Grade", "Leave"]}, {"button": "Grade"}
        ),
    ),
    HostMethod(
        "ui.addMenuItem",
        AddMenuItem,
        None,
        "Add a menu item; it goes when the plugin is unloaded.",
        permission="ui.create",
        example=Example({"id": "grade", "label": "Grade the selection", "menu": "Clip", "shortcut": "Ctrl+G"}),
    ),
    HostMethod(
        "ui.removeMenuItem",
        RemoveMenuItem,
        None,
        "Remove a menu item of this plugin.",
        permission="ui.create",
        example=Example({"id": "grade"}),
    ),
    HostMethod(
        "ui.showNotification",
        ShowNotification,
        None,
        "Tell the user something.",
        permission="ui.create",
        example=Example({"message": "Graded 12 clips", "kind": "success"}),
    ),
    HostMethod(
        "ui.pickFile",
        PickFile,
        PickedFiles,
        "Let the user pick files.",
        permission="ui.dialog",
        example=Example(
            {"title": "Choose a look", "filters": [{"name": "LUT", "extensions": ["cube"]}]},
            {"files": ["picked/7f3a/warm.cube"]},
        ),
    ),
    HostMethod(
        "ui.pickDirectory",
        PickDirectory,
        PickedDirectory,
        "Let the user pick a folder.",
        permission="ui.dialog",
        example=Example({"title": "Where to export"}, {"directory": "picked/91c0"}),
    ),
)
