"""Wires what guests can ask for: which row of the host API is answered by what."""

from collections.abc import Callable
from pathlib import Path

from plugind.config import ProviderSettings
from plugind.host import system
from plugind.host.caller import Answer, Caller
from plugind.host.editor import Editor
from plugind.host.effects import EffectRegistry
from plugind.host.instances import EffectInstances
from plugind.host.own import OwnProviders
from plugind.host.providers import Providers
from plugind.host.router import HostRouter, Turn
from plugind.host.ui import PluginUi
from plugind.registry.ledger import Ledger
from plugind.services.hosting import HostCalls
from plugind.services.transactions import Patience, Transactions
from plugind_protocol.host.effects import EffectDefinition, EffectHandle
from plugind_protocol.permissions import Permission


class GuestHost:
    """Everything that guests can ask for.

    Args:
        settings: How editors are dealt with.
        providers: Who provides what.
        own: What the daemon itself provides.
        effects: What plugins have registered.
        ledger: Where the use of permissions is counted.
        package: Where a plugin's package lies.
    """

    def __init__(
        self,
        settings: ProviderSettings,
        providers: Providers,
        own: OwnProviders,
        *,
        effects: EffectRegistry,
        ledger: Ledger,
        package: Callable[[str], Path],
    ) -> None:
        self._effects = effects
        self._ledger = ledger
        self._instances = EffectInstances(effects)
        self._ui = ui = PluginUi(providers, package)
        self._own = own
        answers: dict[str, Answer] = {
            **own.answers,
            "effects.register": self._register,
            "effects.create": self._instances.create,
            "system.getInfo": system.info,
        }
        turns = {
            **own.turns,
            "effects.applyToClip": Turn(request=self._instances.resolve),
            "ui.createPanel": Turn(request=ui.panel_wanted, result=ui.panel_shown),
            "ui.closePanel": Turn(request=ui.panel_unwanted),
            "ui.addMenuItem": Turn(request=ui.item_wanted, result=ui.item_shown),
            "ui.removeMenuItem": Turn(request=ui.item_unwanted),
        }
        patience = Patience(
            commit_seconds=settings.commit_seconds,
            rollback_hold_seconds=settings.rollback_hold_seconds,
        )
        router = HostRouter(Editor(providers), answers, turns=turns, used=self._used)
        self.calls = HostCalls(router, Transactions(providers, patience))

    def forget(self, plugin_id: str) -> None:
        """Drop what a plugin that is not loaded any more has left at others."""
        self._effects.forget(plugin_id)
        self._own.forget(plugin_id)
        self._instances.forget(plugin_id)
        self._ui.forget(plugin_id)

    def _register(self, caller: Caller, definition: EffectDefinition) -> EffectHandle:
        return EffectHandle(effect=self._effects.register(caller.plugin_id, definition))

    def _used(self, plugin_id: str, permission: Permission, method: str, allowed: bool, detail: str) -> None:  # noqa: FBT001  # as the router calls it
        self._ledger.note(plugin_id, permission.name, method, allowed=allowed, detail=detail or None)
