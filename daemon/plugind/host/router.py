"""Routes a guest's host call by the table: looks it up, checks permission and params, has it answered.

Everything is checked per call, with the grants of that moment. What the daemon answers without waiting is answered
without a task.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import msgspec

from plugind.host.caller import Answer, Caller, settled, waits
from plugind.host.checks import ParamsCheck, ResultCheck
from plugind.host.editor import Editor, Link
from plugind.policy import grants
from plugind_protocol.errors import HostUnavailable, InvalidParams, MethodNotFound
from plugind_protocol.host import HOST_METHODS
from plugind_protocol.permissions import Permission
from plugind_protocol.table import HostMethod

Used = Callable[[str, Permission, str, bool, str], None]
"""Told of each check: plugin id, permission asked for, method, whether it was allowed, and its scope or ''."""

_encoder: Final = msgspec.json.Encoder()


class Turn(msgspec.Struct, frozen=True):
    """What the daemon does to a host call beside passing it on; each part may be left out.

    ``request`` and ``result`` may return something to await.
    """

    needed: Callable[[Caller, Any], Permission | None] | None = None
    """Caller and params → the permission that it takes; None for none. Default: the row's, with its scope."""
    request: Callable[[Caller, Any], Any] | None = None
    """Caller and params → the struct that is sent to the editor."""
    result: Callable[[Caller, Any, Any], Any] | None = None
    """Caller, params and the editor's result → the result that the guest gets."""


class HostRouter:
    """Answers host calls.

    Args:
        editor: Answers what the daemon does not answer itself.
        own: What the daemon answers itself, by method; for its rows that are missing here the guest gets
            HostUnavailable.
        turns: What else is done, by method.
        used: Told of each permission check.

    Raises:
        ValueError: An answer, or a turn, for no row of its kind.
    """

    def __init__(
        self,
        editor: Editor,
        own: Mapping[str, Answer],
        *,
        turns: Mapping[str, Turn] | None = None,
        used: Used | None = None,
    ) -> None:
        turns = turns or {}
        _check_rows(own, turns)
        self._routes = {
            row.name: _Route(row, turns.get(row.name, Turn()), own.get(row.name), editor, used)
            for row in HOST_METHODS.values()
        }

    def call(
        self, caller: Caller, method: str, params: bytes, link: Link
    ) -> bytes | msgspec.Raw | Awaitable[bytes | msgspec.Raw]:
        """Answer one host call.

        Args:
            caller: Who asks, with what it was granted at this moment.
            method: The host method.
            params: JSON text.
            link: The plugin call that it belongs to.

        Returns:
            JSON text, or what to await for it; awaiting raises what this does.

        Raises:
            PlugindError: MethodNotFound, PermissionDenied, InvalidParams, HostUnavailable, or what the provider says.
        """
        route = self._routes.get(method)
        if route is None:
            raise MethodNotFound(
                f"{caller.plugin_id} {caller.version} asked for unknown host method {method[:100]!r}",
                hint="docs/host-api.md has the methods there are.",
                plugin_id=caller.plugin_id,
                version=caller.version,
            )
        return route.call(caller, params, link)


class _Route:
    """One row with all that is needed to answer it."""

    def __init__(self, row: HostMethod, turn: Turn, own: Answer | None, editor: Editor, used: Used | None) -> None:
        self._row = row
        self._turn = turn
        self._own = own
        self._editor = editor
        self._used = used
        self._params = ParamsCheck(row)
        self._result = ResultCheck(row)
        self._fixed = (
            Permission(row.permission)
            if row.permission is not None and row.scope is None and turn.needed is None
            else None
        )
        self._scoped = _scope_of(row) if turn.needed is None and row.scope is not None else turn.needed

    def call(self, caller: Caller, text: bytes, link: Link) -> bytes | msgspec.Raw | Awaitable[bytes | msgspec.Raw]:
        params = self._checked(caller, text)
        if self._row.provider == "editor":
            return self._ask(caller, params, link)
        if self._own is None:
            raise HostUnavailable(
                f"{self._row.name}: this daemon has nothing that answers {self._row.namespace!r}",
                hint="Use a version of plugind that has it.",
                plugin_id=caller.plugin_id,
                version=caller.version,
            )
        result = self._own(caller, params)
        return self._later(result) if waits(result) else _encoder.encode(result)

    def _checked(self, caller: Caller, text: bytes) -> Any:
        if self._fixed is not None:
            self._check(caller, self._fixed)
        try:
            params = self._params.decode(caller, text)
        except InvalidParams:
            if self._scoped is not None and not any(have.name == self._row.permission for have in caller.granted):
                self._check(caller, Permission(self._row.permission or ""))  # who may not ask, is not told how to
            raise
        if self._scoped is not None and (needed := self._scoped(caller, params)) is not None:
            self._check(caller, needed)
        return params

    def _check(self, caller: Caller, needed: Permission) -> None:
        allowed = grants.covered(needed, caller.granted)
        if self._used is not None:
            self._used(caller.plugin_id, needed, self._row.name, allowed, needed.scope or "")
        if not allowed:
            raise grants.denied(needed, plugin_id=caller.plugin_id, version=caller.version, method=self._row.name)

    async def _ask(self, caller: Caller, params: Any, link: Link) -> bytes | msgspec.Raw:
        turn = self._turn
        asked = params if turn.request is None else await settled(turn.request(caller, params))
        text, provider = await self._editor.call(caller, self._row, asked, link)
        result = self._result.decode(text, provider=provider)
        if turn.result is None:
            return self._result.text(text, result)
        return _encoder.encode(await settled(turn.result(caller, params, result)))

    @staticmethod
    async def _later(result: Awaitable[Any]) -> bytes:
        return _encoder.encode(await result)


def _scope_of(row: HostMethod) -> Callable[[Caller, Any], Permission]:
    """Return what makes the permission of a row's params, from the param that its scope is matched with."""
    name = row.permission or ""
    field = next(one.name for one in msgspec.structs.fields(row.params) if one.encode_name == row.scope)
    return lambda _caller, params: Permission(name, getattr(params, field))


def _check_rows(own: Mapping[str, Answer], turns: Mapping[str, Turn]) -> None:
    rows = {name for name, row in HOST_METHODS.items() if row.provider == "daemon"}
    if wrong := sorted((set(own) - rows) | (set(turns) - set(HOST_METHODS))):
        raise ValueError(f"no such rows in the host API: {', '.join(wrong)}")
