"""Host calls that a connected editor answers: timeline, effects, ui and media."""

from typing import Any, Protocol

import msgspec

from plugind.host.caller import Caller
from plugind.host.providers import Provider, Providers, title
from plugind_protocol.errors import HostUnavailable, MethodNotFound
from plugind_protocol.table import HostMethod


class Link(Protocol):
    """The plugin call that a host call belongs to, as far as editors are concerned."""

    def bound(self, namespace: str) -> Provider | None:
        """Return the provider that this call must stay with, if it has changed something there.

        Raises:
            HostUnavailable: It is gone, and what was changed with it.
        """

    async def enlist(self, provider: Provider) -> str | None:
        """Make an edit part of the call's transaction, which begins with the first one.

        Returns:
            The id of the transaction; None where the provider has none.

        Raises:
            PlugindError: The transaction cannot begin.
        """


class Editor:
    """Passes host calls on to the client that provides their namespace.

    Args:
        providers: Who provides what.
    """

    def __init__(self, providers: Providers) -> None:
        self._providers = providers

    async def call(
        self, caller: Caller, row: HostMethod, params: msgspec.Struct, link: Link
    ) -> tuple[msgspec.Raw, str]:
        """Ask the editor.

        Args:
            caller: On whose behalf; the editor gets its id as ``pluginId``.
            row: The host method.
            params: What to ask, as the editor is to see it.
            link: The plugin call that it belongs to.

        Returns:
            The editor's result, unchecked, and who gave it.

        Raises:
            PlugindError: What the editor answered, or HostUnavailable.
        """
        provider = link.bound(row.namespace) or await self._providers.find(row.namespace, row.name)
        fields: dict[str, Any] = msgspec.to_builtins(params)
        fields["pluginId"] = caller.plugin_id
        if row.edits and (transaction := await link.enlist(provider)) is not None:
            fields["transaction"] = transaction
        try:
            return await provider.request(row.name, fields), title(provider)
        except MethodNotFound as exc:
            raise HostUnavailable(
                f"{title(provider)} provides {row.namespace!r}, but not {row.name}",
                hint="Use an editor, or a version of it, that has this method.",
                plugin_id=caller.plugin_id,
                version=caller.version,
            ) from exc
