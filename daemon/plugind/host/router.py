"""Routes a guest's host call: looks it up, checks the permission, finds who answers."""

import os
import platform
import sys
from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec

from plugind.host.editor import Editor
from plugind.host.effects import EffectRegistry
from plugind.policy import grants
from plugind_protocol import __version__
from plugind_protocol.errors import InvalidParams, MethodNotFound
from plugind_protocol.manifest import API_VERSION
from plugind_protocol.methods import HOST_METHODS, EffectDefinition, EffectHandle, SystemInfo
from plugind_protocol.permissions import NAMES, Permission, ScopeKind

_encoder: Final = msgspec.json.Encoder()

Own = Callable[[str, Any], Awaitable[Any]]
"""Plugin id and params."""


class HostRouter:
    """Answers host calls.

    Args:
        editor: Answers what the daemon does not answer itself.
        effects: Where ``effects.register`` ends.
    """

    def __init__(self, editor: Editor, effects: EffectRegistry) -> None:
        self._editor = editor
        self._effects = effects
        self._own: dict[str, Own] = {"effects.register": self._register, "system.getInfo": self._system}

    async def call(
        self, plugin_id: str, version: str, granted: frozenset[Permission], *, method: str, params: bytes
    ) -> bytes | msgspec.Raw:
        """Answer one host call.

        Args:
            plugin_id: Who asks.
            version: In which version.
            granted: What it was granted at this moment.
            method: The host method.
            params: JSON text.

        Returns:
            JSON text.

        Raises:
            PlugindError: MethodNotFound, PermissionDenied, InvalidParams, HostUnavailable, or what the provider says.
        """
        row = HOST_METHODS.get(method)
        if row is None:
            raise MethodNotFound(f"{plugin_id} {version} asked for unknown host method {method!r}", plugin_id=plugin_id)
        if row.permission is not None:
            needed = _needed(row.permission, params)
            grants.check(needed, granted, plugin_id=plugin_id, version=version, method=method)
        own = self._own.get(method)
        if own is None:
            return await self._editor.call(plugin_id, method, params)
        try:
            decoded: Any = msgspec.json.decode(b"{}" if params == b"null" else params, type=row.params)
        except msgspec.DecodeError as exc:
            raise InvalidParams(f"{method}: {exc}", plugin_id=plugin_id, version=version) from exc
        return _encoder.encode(await own(plugin_id, decoded))

    async def _register(self, plugin_id: str, definition: EffectDefinition) -> EffectHandle:
        return EffectHandle(effect=self._effects.register(plugin_id, definition))

    async def _system(self, _plugin_id: str, _params: object) -> SystemInfo:
        return SystemInfo(
            os=sys.platform,
            arch=platform.machine(),
            cpu_count=os.cpu_count() or 1,
            daemon_version=__version__,
            api_version=API_VERSION,
        )


class _Scoped(msgspec.Struct):
    path: str | None = None


def _needed(name: str, params: bytes) -> Permission:
    """The permission for these params: of a scoped kind, for the path that they name."""
    if NAMES[name] is not ScopeKind.PATH:
        return Permission(name)
    try:
        return Permission(name, msgspec.json.decode(params, type=_Scoped).path)
    except msgspec.DecodeError:
        return Permission(name)
