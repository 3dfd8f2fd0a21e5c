"""What a client is to the services: somebody to tell, to ask, and to clean up after."""

import itertools
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final

import anyio
import msgspec
import structlog

from plugind.rpc.inflight import InFlight
from plugind.rpc.outbox import Outbox
from plugind.rpc.outgoing import Outgoing
from plugind_protocol import envelope, framing
from plugind_protocol.framing import Framing
from plugind_protocol.methods import ClientInfo, Namespace, Project

_log: Final = structlog.get_logger(__name__)


class Session:
    """One connected client.

    Args:
        number: Unique while the daemon runs, counting up.
        outbox: Where to send.
        outgoing: Requests to the client.
        in_flight: The client's requests.
        on_offer: Called when what it provides changes.
    """

    def __init__(
        self,
        number: int,
        *,
        outbox: Outbox,
        outgoing: Outgoing,
        in_flight: InFlight,
        on_offer: "Callable[[Session], object]" = lambda _session: None,
    ) -> None:
        self.number: Final = number
        self.client: ClientInfo | None = None
        """Who it says it is; ``None`` before `introduce`."""
        self.provides: frozenset[Namespace] = frozenset()
        """Host namespaces it answers for plugins."""
        self.project: Project | None = None
        """What it has open."""
        self.fallback = False
        """Whether it answers only where no other client does, as the daemon's own host process."""
        self.closed = False
        """Whether it has left; what is sent to it is dropped."""
        self._outbox = outbox
        self._outgoing = outgoing
        self._in_flight = in_flight
        self._on_offer = on_offer
        self._on_close: dict[int, Callable[[], object]] = {}
        self._callbacks = itertools.count()

    @property
    def framing(self) -> Framing | None:
        """The framing its client chose; ``None`` before its first byte."""
        return self._outbox.framing

    def introduce(
        self, client: ClientInfo, provides: Iterable[Namespace] = (), *, project: Project | None = None
    ) -> None:
        """Take down what the client said of itself (``initialize``).

        Args:
            client: Name and version.
            provides: Host namespaces that it answers for plugins.
            project: What it has open.
        """
        self.client = client
        self.project = project
        self._offer(frozenset(provides))

    def withdraw(self) -> None:
        """Note that the client can answer no more."""
        self._offer(frozenset())

    def notify(self, method: str, params: Any) -> None:
        """Tell the client something; never waits. A client that lets too much pile up unread is disconnected.

        Args:
            method: A row of `plugind_protocol.methods.NOTIFICATIONS`.
            params: Anything msgspec can encode.
        """
        self._outbox.send(envelope.encode_notification(method, params))

    def send_framed(self, data: bytes) -> None:
        """Send bytes in the session's framing, as `Sessions.broadcast` prepares them."""
        self._outbox.send_framed(data)

    async def request(self, method: str, params: Any) -> msgspec.Raw:
        """Ask the client something; cancelling the wait cancels the request there.

        Args:
            method: A method of a namespace it provides.
            params: Anything msgspec can encode, `msgspec.Raw` included.

        Returns:
            Its result, undecoded.

        Raises:
            HostUnavailable: The client left, before or while it was asked.
            PlugindError: The client answered with an error.
        """
        return await self._outgoing.request(method, params)

    def on_close(self, callback: Callable[[], object]) -> Callable[[], None]:
        """Call back once when the client has left; at once if it has already.

        Args:
            callback: Called without arguments, in the event loop; must not block.

        Returns:
            A function that forgets the callback.
        """
        if self.closed:
            callback()
            return lambda: None
        key = next(self._callbacks)
        self._on_close[key] = callback

        def forget() -> None:
            self._on_close.pop(key, None)

        return forget

    async def drained(self) -> None:
        """Wait until none of its requests is in flight."""
        await self._in_flight.wait_empty()

    def close(self) -> None:
        """Disconnect the client once it has read what was sent."""
        self._outbox.close()

    def abort(self) -> None:
        """Disconnect the client at once."""
        self._outbox.abort()

    def end(self) -> None:
        """The client has left: run what `on_close` was given. For the connection only."""
        self.closed = True
        self.withdraw()
        while self._on_close:
            _, callback = self._on_close.popitem()  # the latest first, as with context managers
            try:
                callback()
            except Exception:  # one service's fault is not the other's
                _log.exception("clean-up after a client failed", session=self.number)

    def _offer(self, provides: frozenset[Namespace]) -> None:
        if provides != self.provides:
            self.provides = provides
            self._on_offer(self)


class Sessions:
    """All connected clients, oldest first.

    Args:
        on_offer: Called with a session when what it provides changes.
    """

    def __init__(self, on_offer: Callable[[Session], object] = lambda _session: None) -> None:
        self._on_offer = on_offer
        self._sessions: dict[int, Session] = {}
        self._numbers = itertools.count(1)
        self._ended = anyio.Event()

    def __len__(self) -> int:
        return len(self._sessions)

    def __iter__(self) -> Iterator[Session]:
        return iter(list(self._sessions.values()))

    def open(self, *, outbox: Outbox, outgoing: Outgoing, in_flight: InFlight) -> Session:
        """Make the session of a client; it leaves the registry when it ends."""
        session = Session(
            next(self._numbers), outbox=outbox, outgoing=outgoing, in_flight=in_flight, on_offer=self._on_offer
        )
        self._sessions[session.number] = session
        session.on_close(partial(self._forget, session.number))
        return session

    def project_folder(self) -> Path | None:
        """Return the folder of the open project: the newest client's that has one, a fallback's where no other has."""
        able = [one for one in reversed(self._sessions.values()) if one.project is not None]
        chosen = next((one for one in able if not one.fallback), able[0] if able else None)
        return None if chosen is None or chosen.project is None else Path(chosen.project.path)

    def broadcast(self, method: str, *params: Any) -> None:
        """Tell all clients something; encoded once.

        Args:
            method: A row of `plugind_protocol.methods.NOTIFICATIONS`.
            params: Anything msgspec can encode; one message for each, sent in one piece.
        """
        framed: dict[Framing, bytes] = {}
        bodies = [envelope.encode_notification(method, each) for each in params] if self._sessions else []
        for session in self:
            if (kind := session.framing) is None:
                continue
            if kind not in framed:
                framed[kind] = b"".join([framing.encode(body, kind) for body in bodies])
            session.send_framed(framed[kind])

    async def drained(self) -> None:
        """Wait until no request of any client is in flight."""
        for session in self:
            await session.drained()

    def close(self) -> None:
        """Disconnect every client once it has read what was sent; does not wait for that."""
        for session in self:
            session.close()

    async def disconnect(self, *, seconds: float = 1.0) -> None:
        """Disconnect every client, and wait until they are gone.

        Args:
            seconds: How long they have to read what was sent to them, together.
        """
        self.close()
        with anyio.move_on_after(seconds):
            while self._sessions:
                self._ended = anyio.Event()
                await self._ended.wait()
        for session in self:
            session.abort()

    def _forget(self, number: int) -> None:
        del self._sessions[number]
        self._ended.set()
