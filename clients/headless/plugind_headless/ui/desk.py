"""What plugins have put before the user: kept, since there is nobody to see it, and told on stderr."""

from collections import deque
from collections.abc import Callable
from typing import Final

import msgspec

from plugind_headless.ui.answers import Answers
from plugind_headless.words import one_line
from plugind_protocol.errors import InvalidParams, Overloaded
from plugind_protocol.headless import MenuItem, Notification, OpenPanel, Question
from plugind_protocol.host import ui as wire

KEPT: Final = 200
"""Notifications, and questions."""
MAX_PANELS: Final = 100
"""Of all plugins."""
MAX_ITEMS: Final = 1000
"""The same of menu items."""


class Desk:
    """The user interface.

    Args:
        answers: Who answers questions.
        say: Tells a person what happens, one line at a time.
    """

    def __init__(self, answers: Answers, say: Callable[[str], None]) -> None:
        self._answers = answers
        self._say = say
        self.notifications: deque[Notification] = deque(maxlen=KEPT)
        self.questions: deque[Question] = deque(maxlen=KEPT)
        self._panels: dict[str, OpenPanel] = {}
        self._items: dict[tuple[str, str], MenuItem] = {}

    @property
    def panels(self) -> list[OpenPanel]:
        """Those that are open."""
        return list(self._panels.values())

    @property
    def menu(self) -> list[MenuItem]:
        """All items."""
        return list(self._items.values())

    def create_panel(self, plugin_id: str, asked: wire.CreatePanel) -> wire.Panel:
        """Open a panel, in place of one of the same id.

        Raises:
            Overloaded: There are too many.
        """
        panel_id = f"{plugin_id}/{asked.id}"
        if panel_id not in self._panels and len(self._panels) >= MAX_PANELS:
            raise Overloaded(f"{MAX_PANELS} panels are open already", plugin_id=plugin_id)
        self._panels[panel_id] = OpenPanel(
            plugin_id=plugin_id,
            panel_id=panel_id,
            id=asked.id,
            title=asked.title,
            html=asked.html,
            url=asked.url,
            dock=asked.dock,
        )
        self._tell(plugin_id, f"opens panel {asked.title!r}")
        return wire.Panel(panel_id=panel_id)

    def close_panel(self, plugin_id: str, asked: wire.ClosePanel) -> None:
        """Close a panel of the plugin.

        Raises:
            InvalidParams: It has no such panel.
        """
        panel = self._panels.get(asked.panel_id)
        if panel is None or panel.plugin_id != plugin_id:
            raise InvalidParams(f"{plugin_id} has no panel {asked.panel_id!r} open", path="$.panelId")
        del self._panels[asked.panel_id]
        self._tell(plugin_id, f"closes panel {panel.title!r}")

    def add_item(self, plugin_id: str, asked: wire.AddMenuItem) -> None:
        """Add a menu item, in place of one of the same id.

        Raises:
            Overloaded: There are too many.
        """
        key = (plugin_id, asked.id)
        if key not in self._items and len(self._items) >= MAX_ITEMS:
            raise Overloaded(f"there are {MAX_ITEMS} menu items already", plugin_id=plugin_id)
        self._items[key] = MenuItem(
            plugin_id=plugin_id, id=asked.id, label=asked.label, menu=asked.menu, shortcut=asked.shortcut
        )
        self._tell(plugin_id, f"adds menu item {asked.label!r} ({asked.id})")

    def remove_item(self, plugin_id: str, asked: wire.RemoveMenuItem) -> None:
        """Remove a menu item of the plugin.

        Raises:
            InvalidParams: It has no such item.
        """
        if self._items.pop((plugin_id, asked.id), None) is None:
            raise InvalidParams(f"{plugin_id} has no menu item {asked.id!r}", path="$.id")
        self._tell(plugin_id, f"removes menu item {asked.id!r}")

    def item(self, item_id: str, plugin_id: str | None) -> MenuItem:
        """Return a menu item.

        Raises:
            InvalidParams: There is none, or more than one.
        """
        found = [item for item in self._items.values() if item.id == item_id and plugin_id in {None, item.plugin_id}]
        if len(found) == 1:
            return found[0]
        whose = ", ".join(item.plugin_id for item in found)
        raise InvalidParams(
            f"menu item {item_id!r} is of several plugins: {whose}" if found else f"there is no menu item {item_id!r}",
            hint="Say which by pluginId." if found else "headless.state has those that there are.",
            path="$.id",
        )

    def forget(self, plugin_id: str) -> None:
        """Close the panels of a plugin, and remove its menu items."""
        self._panels = {key: panel for key, panel in self._panels.items() if panel.plugin_id != plugin_id}
        self._items = {key: item for key, item in self._items.items() if item.plugin_id != plugin_id}

    def notify(self, plugin_id: str, asked: wire.ShowNotification) -> None:
        """Tell the user something."""
        self.notifications.append(Notification(plugin_id=plugin_id, message=asked.message, kind=asked.kind))
        self._tell(plugin_id, f"{asked.kind}: {asked.message}")

    async def show_dialog(self, plugin_id: str, asked: wire.ShowDialog) -> wire.DialogResult:
        """Ask the user something."""
        result = await self._answers.dialog(plugin_id, asked)
        self._keep(
            Question(
                plugin_id=plugin_id,
                method="ui.showDialog",
                title=asked.title,
                kind=asked.kind,
                message=asked.message,
                answer=msgspec.to_builtins(result),
            )
        )
        return result

    async def pick_file(self, plugin_id: str, asked: wire.PickFile) -> wire.PickedFiles:
        """Let the user pick files."""
        result = await self._answers.file(plugin_id, asked)
        self._keep(
            Question(
                plugin_id=plugin_id, method="ui.pickFile", title=asked.title or "", answer=msgspec.to_builtins(result)
            )
        )
        return result

    async def pick_directory(self, plugin_id: str, asked: wire.PickDirectory) -> wire.PickedDirectory:
        """Let the user pick a folder."""
        result = await self._answers.directory(plugin_id, asked)
        self._keep(
            Question(
                plugin_id=plugin_id,
                method="ui.pickDirectory",
                title=asked.title or "",
                answer=msgspec.to_builtins(result),
            )
        )
        return result

    def _keep(self, question: Question) -> None:
        self.questions.append(question)
        answer = msgspec.json.encode(question.answer).decode()
        self._tell(question.plugin_id, f"asks {question.title!r} ({question.method}): {answer}")

    def _tell(self, plugin_id: str, text: str) -> None:
        self._say(one_line(f"{plugin_id} {text}"))
