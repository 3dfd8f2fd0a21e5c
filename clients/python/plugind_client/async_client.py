"""The client for asynchronous programs, through anyio."""

import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import cache
from typing import Any, Literal, Self, TypeVar, overload

import anyio
import msgspec
from anyio.abc import ByteStream

from plugind_client.calls import Calls
from plugind_client.dialling import default_path, dialler
from plugind_client.errors import UnexpectedAnswer
from plugind_client.handlers import Handler, namespaces
from plugind_client.link import CHANGED, Link, LinkChanged, Reconnect
from plugind_client.notifications import DEFAULT_CAPACITY, Notifications
from plugind_client.provider import HostProvider
from plugind_client.provider import handlers as provided
from plugind_protocol import PROTOCOL_VERSION
from plugind_protocol import methods as m

T = TypeVar("T")


class AsyncClient(Calls):
    """A session with the daemon: its methods as typed coroutines, its notifications as async iterators.

    ``async with AsyncClient.connect(name="my-tool") as client: await client.list_plugins()``
    """

    def __init__(self, link: Link) -> None:
        self._link = link

    @property
    def session(self) -> m.InitializeResult:
        """What the daemon said it is and offers; after a reconnection, what it said then."""
        return self._link.session

    @classmethod
    @asynccontextmanager
    async def connect(
        cls,
        path: str | os.PathLike[str] | None = None,
        *,
        name: str = "plugind-client",
        version: str = "",
        provides: Sequence[m.Namespace] | None = None,
        handlers: Mapping[str, Handler] | None = None,
        provider: HostProvider | None = None,
        reconnect: Reconnect | None = None,
        stream: ByteStream | None = None,
        project: str | os.PathLike[str] | None = None,
    ) -> AsyncIterator[Self]:
        """Open a session.

        Args:
            path: The daemon's socket; default as `plugind_protocol.endpoint` has it.
            name: Who connects, for the daemon's log.
            version: Version of who connects.
            provides: Host namespaces to answer for plugins; default: those the handlers serve.
            handlers: Who answers requests of the daemon: ``timeline`` for a whole namespace, ``timeline.getState`` for
                one method, which goes first. Called as ``await handler(method, params)``.
            provider: An editor: answers what it overrides; ``handlers`` go first.
            reconnect: What to do when the connection is lost, for example ``Reconnect()``; default: the client ends.
            stream: A connection that is there already, instead of ``path``; it cannot be opened anew.
            project: Absolute path of the folder that plugins are to reach as ``project/…``.

        Yields:
            The client; closed at the end of the block.

        Raises:
            NoDaemon: Nobody listens, it may not be used, or it did not answer in time.
        """
        where = default_path() if path is None else os.fspath(path)
        serving = {**(provided(provider) if provider is not None else {}), **(handlers or {})}
        opening = m.Initialize(
            client=m.ClientInfo(name=name, version=version),
            protocol_version=PROTOCOL_VERSION,
            provides=namespaces(serving) if provides is None else list(provides),
            project=None if project is None else m.Project(path=os.fspath(project)),
        )
        link = Link(
            dialler(where, stream),
            opening,
            where=where,
            handlers=serving,
            reconnect=None if stream is not None else reconnect,
        )
        failure: BaseException | None = None
        async with anyio.create_task_group() as tasks:
            try:
                await link.open(tasks)
                yield cls(link)
            except anyio.get_cancelled_exc_class():
                raise
            except BaseException as exc:  # raised again below, outside: a task group would wrap it
                failure = exc
            finally:
                await link.close()
            tasks.cancel_scope.cancel()
        if failure is not None:
            raise failure

    async def call(self, method: str, params: Any = None) -> Any:
        """Call any method by its name.

        Args:
            method: A name of `plugind_protocol.methods.METHODS`, or any other the daemon may know.
            params: The method's params struct, or anything msgspec encodes the same; None for no params.

        Returns:
            The result, typed by the method table; of a method outside it, plain JSON values.

        Raises:
            PlugindError: The daemon answered with an error; its class is that of the error's code.
            Disconnected: The connection is or was lost.
            UnexpectedAnswer: The result is not what the table says.
        """
        row = m.METHODS.get(method)
        return _decode(method, await self.call_raw(method, params), row.result if row else Any)

    async def call_raw(self, method: str, params: Any = None) -> msgspec.Raw:
        """Call any method and return its result as the JSON it came as; otherwise as `call`."""
        return await self._link.request(method, m.Empty() if params is None else params)

    @overload
    def notifications(
        self, method: Literal["plugins.stateChanged"], *, capacity: int = ...
    ) -> Notifications[m.StateChanged]: ...

    @overload
    def notifications(
        self, method: Literal["plugins.console"], *, capacity: int = ...
    ) -> Notifications[m.ConsoleMessage]: ...

    @overload
    def notifications(
        self, method: Literal["effects.changed"], *, capacity: int = ...
    ) -> Notifications[m.EffectsChanged]: ...

    @overload
    def notifications(self, method: str, *, capacity: int = ...) -> Notifications[Any]: ...

    def notifications(self, method: str, *, capacity: int = DEFAULT_CAPACITY) -> Notifications[Any]:
        """Return the notifications of a method, from now on, as an async iterator over their params.

        Args:
            method: Name of the notification.
            capacity: How many are kept while nobody reads; beyond it the oldest go, and ``dropped`` counts them.
        """
        return self._link.subscribers.add(method, capacity=capacity)

    def link_changes(self) -> Notifications[LinkChanged]:
        """Return what becomes of the connection, from now on: lost, connected again, given up."""
        return self._link.subscribers.add(CHANGED, kind=LinkChanged)

    async def _ask(self, method: str, params: m.Params, result: type[T]) -> T:
        decoded: T = _decode(method, await self._link.request(method, params), result)
        return decoded


@cache
def _decoder(result: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(result)


def _decode(method: str, answer: msgspec.Raw, result: Any) -> Any:
    try:
        return _decoder(result).decode(answer)
    except msgspec.DecodeError as exc:
        raise UnexpectedAnswer(f"{method}: {exc}") from exc
