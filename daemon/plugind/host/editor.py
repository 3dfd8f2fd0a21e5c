"""Host calls that the connected editor answers: timeline, effects, ui and media."""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from plugind_protocol.errors import InvalidParams

Ask = Callable[[str, str, Any], Awaitable[msgspec.Raw]]
"""Namespace, method and params; answered by the newest client that provides the namespace, else HostUnavailable."""


class Editor:
    """Passes host calls on to a client.

    Args:
        ask: Sends a request to whoever provides a namespace.
    """

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    async def call(self, plugin_id: str, method: str, params: bytes) -> msgspec.Raw:
        """Ask the editor.

        Args:
            plugin_id: On whose behalf; the editor gets it as ``pluginId``.
            method: The host method.
            params: A JSON object.

        Returns:
            The editor's result.

        Raises:
            InvalidParams: The params are not an object.
            PlugindError: What the editor answered, or HostUnavailable.
        """
        try:
            fields = msgspec.json.decode(params, type=dict[str, msgspec.Raw] | None) or {}
        except msgspec.DecodeError as exc:
            raise InvalidParams(f"{method}: params must be an object: {exc}", plugin_id=plugin_id) from exc
        return await self._ask(method.partition(".")[0], method, {**fields, "pluginId": plugin_id})
