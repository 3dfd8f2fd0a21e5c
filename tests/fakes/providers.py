"""Clients that answer plugins, without a wire."""

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec

from plugind.host.caller import Caller
from plugind.host.providers import Provider
from plugind_protocol.errors import HostUnavailable
from plugind_protocol.methods import ClientInfo
from plugind_protocol.permissions import parse


class ScriptedEditor:
    """Answers by a script, and remembers what it was asked.

    Args:
        answers: By method: a JSON value, an error to raise, or a function of the params that returns either. What is
            missing is never answered.
        name: Who it is.
    """

    def __init__(self, answers: dict[str, Any] | None = None, *, name: str = "editor") -> None:
        self.client: ClientInfo | None = ClientInfo(name=name, version="1.0")
        self.answers = answers or {}
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.cancelled: list[str] = []
        self._gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def request(self, method: str, params: Any) -> msgspec.Raw:
        """Answer as a connection does: errors of the contract, HostUnavailable once it has left."""
        self.asked.append((method, msgspec.to_builtins(params)))
        answer = self.answers.get(method, self._gone)
        if isinstance(answer, Callable):  # type: ignore[arg-type]  # any function will do
            answer = answer(params)
        if asyncio.isfuture(answer) or asyncio.iscoroutine(answer):
            answer = await self._wait(method, asyncio.ensure_future(answer))
        if isinstance(answer, Exception):
            raise answer
        return msgspec.Raw(msgspec.json.encode(answer))

    def leave(self) -> None:
        """Be gone: whoever waits gets HostUnavailable."""
        self._gone.set_result(None)

    async def _wait(self, method: str, answer: "asyncio.Future[Any]") -> Any:
        try:
            await asyncio.wait({answer, self._gone}, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            self.cancelled.append(method)
            raise
        if self._gone.done():
            raise HostUnavailable(f"The client that was asked for {method} is gone")
        return answer.result()


class Free:
    """A plugin call that belongs to no transaction."""

    def bound(self, namespace: str) -> Provider | None:
        """Any provider will do."""

    async def enlist(self, provider: Provider) -> str | None:
        """There is no transaction."""


def caller(*granted: str, plugin_id: str = "p") -> Caller:
    """A plugin that was granted something."""
    return Caller(plugin_id, "1.0.0", frozenset(map(parse, granted)))
