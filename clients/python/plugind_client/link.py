"""Keeps a session with the daemon: connects and introduces the client, and does so anew when the connection is lost.

Knows connections and ``initialize``; nothing of the other methods.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Literal

import anyio
import msgspec
from anyio.abc import ByteStream, TaskGroup

from plugind_client.connection import Connection
from plugind_client.errors import Disconnected, NoDaemon, UnexpectedAnswer
from plugind_client.handlers import Handler
from plugind_client.subscribers import Subscribers
from plugind_protocol import methods as m
from plugind_protocol.errors import PlugindError

CONNECT_SECONDS: Final = 10.0
"""How long a daemon may take to accept and to answer ``initialize``."""
CHANGED: Final = "$client/linkChanged"
"""The name under which `LinkChanged` reaches its readers; never on the wire."""

Dial = Callable[[], Awaitable[ByteStream]]
"""Connects; raises `NoDaemon`."""

_log: Final = logging.getLogger(__name__)


class Reconnect(msgspec.Struct, frozen=True, kw_only=True):
    """What to do when the connection is lost: try again, less and less often.

    What was in flight fails with `Disconnected`, since nobody knows whether it was done; what is asked meanwhile waits.
    Subscriptions and handlers go on. What belonged to the connection, windows of frames above all, is gone.
    """

    first_seconds: float = 0.05
    """Before the first try; doubles with each."""
    max_seconds: float = 2.0
    """Longest pause."""
    give_up_seconds: float = 60.0
    """After this long without a daemon the client ends with `NoDaemon`."""

    def pause(self, tries: int) -> float:
        """Return the seconds to wait before the next try, after so many."""
        return min(self.first_seconds * 2.0 ** min(tries, 30), self.max_seconds)


class LinkChanged(msgspec.Struct, frozen=True, rename="camel"):
    """The connection was lost, is there again, or was given up."""

    state: Literal["lost", "connected", "ended"]
    reason: str = ""
    """Why, unless it is there again."""


class Link:
    """A session with the daemon over one connection after the other.

    Args:
        dial: Connects.
        opening: How the client introduces itself.
        where: What it connects to, for messages.
        handlers: Who answers requests of the daemon.
        reconnect: How to go on when the connection is lost; ``None`` to end.
    """

    def __init__(
        self,
        dial: Dial,
        opening: m.Initialize,
        *,
        where: str,
        handlers: Mapping[str, Handler],
        reconnect: Reconnect | None,
    ) -> None:
        self.subscribers: Final = Subscribers()
        self._dial = dial
        self._opening = opening
        self._where = where
        self._handlers = handlers
        self._reconnect = reconnect
        self._connection: Connection | None = None
        self._session: m.InitializeResult | None = None
        self._failure: Disconnected | None = None
        self._changed = anyio.Event()

    @property
    def session(self) -> m.InitializeResult:
        """What the daemon said last that it is and offers."""
        assert self._session is not None
        return self._session

    async def open(self, tasks: TaskGroup) -> None:
        """Connect for the first time; from then on the task group keeps the session.

        Raises:
            NoDaemon: There is none to talk to.
            PlugindError: It refuses the client.
        """
        await self._open(tasks)
        tasks.start_soon(self._keep, tasks)

    async def close(self) -> None:
        """The client is done: readers end without a failure."""
        connection = self._connection
        self._end(None)
        if connection is not None:
            await connection.hang_up()

    async def request(self, method: str, params: Any) -> msgspec.Raw:
        """Send a request and wait for its answer; where the connection is lost and will be back, wait for it first.

        Raises:
            Disconnected: The connection is or was lost.
            PlugindError: The daemon answered with an error.
        """
        return await (await self._connected()).request(method, params)

    async def _connected(self) -> Connection:
        while True:
            if self._failure is not None:
                raise self._failure
            if self._connection is not None and not self._connection.ended.is_set():
                return self._connection
            await self._changed.wait()

    async def _open(self, tasks: TaskGroup) -> None:
        connection = Connection(await self._dial(), handlers=self._handlers, subscribers=self.subscribers)
        tasks.start_soon(connection.run)
        try:
            with anyio.fail_after(CONNECT_SECONDS):
                answer = await connection.request("initialize", self._opening)
            self._session = msgspec.json.decode(answer, type=m.InitializeResult)
        except TimeoutError as exc:
            connection.close()
            raise NoDaemon(self._where, f"no answer to initialize within {CONNECT_SECONDS:g} s") from exc
        except msgspec.DecodeError as exc:
            connection.close()
            raise UnexpectedAnswer(f"initialize: {exc}") from exc
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        self._change(LinkChanged("connected"))

    async def _keep(self, tasks: TaskGroup) -> None:
        """Wait for the end of each connection, and bring up the next."""
        while (connection := self._connection) is not None:
            await connection.ended.wait()
            if self._failure is not None:
                return  # the client is closed
            lost = connection.failure or Disconnected("The client was closed")
            if self._reconnect is None:
                self._end(lost)
                return
            self._connection = None
            _log.warning("%s; connecting again", lost)
            self._change(LinkChanged("lost", str(lost)))
            try:
                await self._open_again(tasks, self._reconnect)
            except (Disconnected, PlugindError, UnexpectedAnswer) as exc:
                _log.error("given up connecting again: %s", exc)
                self._end(exc if isinstance(exc, Disconnected) else NoDaemon(self._where, str(exc)))

    async def _open_again(self, tasks: TaskGroup, policy: Reconnect) -> None:
        give_up = anyio.current_time() + policy.give_up_seconds
        tries = 0
        while True:
            await anyio.sleep(policy.pause(tries))
            tries += 1
            try:
                await self._open(tasks)
            except Disconnected:
                if anyio.current_time() >= give_up:
                    raise
            else:
                return

    def _end(self, failure: Disconnected | None) -> None:
        self._failure = self._failure or failure or Disconnected("The client is closed")
        self._connection = None
        if failure is not None:
            self._change(LinkChanged("ended", str(failure)))
        self.subscribers.end(failure)
        self._changed.set()

    def _change(self, change: LinkChanged) -> None:
        self.subscribers.put(CHANGED, msgspec.json.encode(change))
        self._changed.set()
        self._changed = anyio.Event()
