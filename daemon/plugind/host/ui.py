"""What plugins have put into the editor's window: panels and menu items.

They are shown again to editors that come later, and taken away when the plugin goes.
"""

import asyncio
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec
import structlog

from plugind.host.caller import Caller
from plugind.host.providers import Provider, Providers, title
from plugind_protocol.errors import InvalidParams, PlugindError, TooLarge
from plugind_protocol.host.ui import AddMenuItem, ClosePanel, CreatePanel, Panel, RemoveMenuItem

MAX_ITEMS: Final = 500
"""Panels and menu items that a plugin may have at once, together."""
_REQUEST_SECONDS: Final = 10.0
"""How long an editor may take for what is asked of our own accord."""

_log: Final = structlog.get_logger(__name__)


class _Item:
    """One panel or menu item."""

    def __init__(self, params: CreatePanel | AddMenuItem, alias: str) -> None:
        self.params = params
        self.alias = alias
        """By which the plugin knows it: of a panel, what the first editor called it."""
        self.shown: weakref.WeakKeyDictionary[Provider, str] = weakref.WeakKeyDictionary()
        """Editors that show it, and what they call it."""

    @property
    def add(self) -> str:
        """The method that shows it."""
        return "ui.createPanel" if isinstance(self.params, CreatePanel) else "ui.addMenuItem"

    def remove(self, name: str) -> tuple[str, ClosePanel | RemoveMenuItem]:
        """Return the request that takes it away from an editor which calls it by that name."""
        if isinstance(self.params, CreatePanel):
            return "ui.closePanel", ClosePanel(panel_id=name)
        return "ui.removeMenuItem", RemoveMenuItem(id=name)


class PluginUi:
    """The panels and menu items of all plugins.

    Args:
        providers: Who shows them.
        package: Where a plugin's package lies.
    """

    def __init__(self, providers: Providers, package: Callable[[str], Path]) -> None:
        self._providers = providers
        self._package = package
        self._items: dict[str, dict[tuple[type, str], _Item]] = {}
        self._asked: dict[tuple[str, type, str], Provider | None] = {}  # who answered when it was asked for
        self._tasks: set[asyncio.Task[None]] = set()
        providers.watch(self._changed)

    # --- what guests ask for ----------------------------------------------------------------------------------

    def panel_wanted(self, caller: Caller, params: CreatePanel) -> CreatePanel:
        """Check a panel, and give its page as the editor can open it.

        Raises:
            InvalidParams: It has no page or two, or the package has no such page.
            TooLarge: The plugin has too many panels and menu items.
        """
        if (params.html is None) == (params.url is None):
            raise InvalidParams(
                f"{caller.plugin_id} {caller.version}: a panel has either html or url",
                plugin_id=caller.plugin_id,
                version=caller.version,
                path="$",
            )
        self._prepare(caller, params)
        return params if params.url is None else msgspec.structs.replace(params, url=self._page(caller, params.url))

    def panel_shown(self, caller: Caller, params: CreatePanel, result: Panel) -> Panel:
        """Note a panel that the editor has opened."""
        asked = params if params.url is None else msgspec.structs.replace(params, url=self._page(caller, params.url))
        self._keep(caller.plugin_id, _Item(asked, result.panel_id), result.panel_id)
        return result

    def panel_unwanted(self, caller: Caller, params: ClosePanel) -> ClosePanel:
        """Forget a panel; return what closes it at the editor that answers now.

        Raises:
            InvalidParams: The plugin has no such panel.
        """
        items = self._items.get(caller.plugin_id, {})
        for key, item in reversed(items.items()):
            if key[0] is CreatePanel and item.alias == params.panel_id:
                name = self._drop(caller.plugin_id, key)
                return ClosePanel(panel_id=name or params.panel_id)
        raise InvalidParams(
            f"{caller.plugin_id} {caller.version} has no panel {params.panel_id!r}",
            plugin_id=caller.plugin_id,
            version=caller.version,
            path="$.panelId",
        )

    def item_wanted(self, caller: Caller, params: AddMenuItem) -> AddMenuItem:
        """Check a menu item.

        Raises:
            TooLarge: The plugin has too many panels and menu items.
        """
        self._prepare(caller, params)
        return params

    def item_shown(self, caller: Caller, params: AddMenuItem, _result: None) -> None:
        """Note a menu item that the editor has added."""
        self._keep(caller.plugin_id, _Item(params, params.id), params.id)

    def item_unwanted(self, caller: Caller, params: RemoveMenuItem) -> RemoveMenuItem:
        """Forget a menu item."""
        self._drop(caller.plugin_id, (AddMenuItem, params.id))
        return params

    def _changed(self, namespace: str, provider: Provider | None) -> None:
        """Show everything to an editor that answers from now on."""
        if namespace != "ui" or provider is None:
            return
        for plugin_id, items in self._items.items():
            for item in items.values():
                if provider not in item.shown:
                    self._start(self._show(plugin_id, item, provider))

    # --- what happens around them -----------------------------------------------------------------------------

    def forget(self, plugin_id: str) -> None:
        """Take away what a plugin has put up that is not loaded any more."""
        for key in list(self._items.get(plugin_id, ())):
            self._drop(plugin_id, key, everywhere=True)
        self._items.pop(plugin_id, None)

    def _keep(self, plugin_id: str, item: _Item, name: str) -> None:
        items = self._items.setdefault(plugin_id, {})
        key = (type(item.params), item.params.id)
        if (before := items.pop(key, None)) is not None:
            item.shown.update(before.shown)
        items[key] = item
        current = self._providers.current("ui")
        provider = self._asked.pop((plugin_id, *key), None) or current
        if provider is not None:
            item.shown[provider] = name
        if current is not None and current not in item.shown:  # another came while it was being shown
            self._start(self._show(plugin_id, item, current))

    def _drop(self, plugin_id: str, key: tuple[type, str], *, everywhere: bool = False) -> str | None:
        """Forget an item; take it away from editors, and return what the one that answers now calls it."""
        item = self._items.get(plugin_id, {}).pop(key, None)
        if item is None:
            return None
        current = None if everywhere else self._providers.current("ui")
        for provider, name in list(item.shown.items()):
            if provider is not current and "ui" in self._providers.offers(provider):
                method, params = item.remove(name)
                self._start(self._ask(plugin_id, provider, method, params))
        return None if current is None else item.shown.get(current)

    async def _show(self, plugin_id: str, item: _Item, provider: Provider) -> None:
        answer = await self._ask(plugin_id, provider, item.add, item.params)
        if answer is None:
            return
        name = item.alias
        if isinstance(item.params, CreatePanel):
            try:
                name = msgspec.json.decode(answer, type=Panel).panel_id
            except msgspec.DecodeError as exc:
                _log.warning("editor did not show a panel", plugin=plugin_id, editor=title(provider), reason=str(exc))
                return
        item.shown[provider] = name
        if self._items.get(plugin_id, {}).get((type(item.params), item.params.id)) is not item:  # it has gone meanwhile
            await self._ask(plugin_id, provider, *item.remove(name))

    async def _ask(self, plugin_id: str, provider: Provider, method: str, params: msgspec.Struct) -> msgspec.Raw | None:
        fields: dict[str, Any] = {**msgspec.to_builtins(params), "pluginId": plugin_id}
        try:
            async with asyncio.timeout(_REQUEST_SECONDS):
                return await provider.request(method, fields)
        except (TimeoutError, PlugindError) as exc:
            reason = str(exc) or f"no answer within {_REQUEST_SECONDS:g} s"
            _log.warning("editor refused", method=method, plugin=plugin_id, editor=title(provider), reason=reason)
            return None

    def _start(self, asking: Any) -> None:
        task = asyncio.get_running_loop().create_task(asking)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _prepare(self, caller: Caller, params: CreatePanel | AddMenuItem) -> None:
        items = self._items.get(caller.plugin_id, {})
        key = (type(params), params.id)
        self._asked[(caller.plugin_id, *key)] = self._providers.current("ui")
        if len(items) >= MAX_ITEMS and key not in items:
            raise TooLarge(
                f"{caller.plugin_id} {caller.version} has {MAX_ITEMS} panels and menu items",
                hint="Remove some first.",
                plugin_id=caller.plugin_id,
                version=caller.version,
            )

    def _page(self, caller: Caller, path: str) -> str:
        """Return the URL of a page in the plugin's package: the path as written, then without ``assets/``."""
        root = self._package(caller.plugin_id).resolve()
        for candidate in (path, path.removeprefix("assets/")):
            try:
                file = (root / candidate).resolve()
            except (OSError, ValueError):
                continue
            if file.is_relative_to(root) and file.is_file():
                return file.as_uri()
        raise InvalidParams(
            f"{caller.plugin_id} {caller.version}: its package has no page {path!r}",
            hint="url is the path of a file in the plugin's package, such as assets/panel.html.",
            plugin_id=caller.plugin_id,
            version=caller.version,
            path="$.url",
        )
