"""Listening on a Unix socket: accept, check who it is, hand over to a protocol.

Accepts by itself, not by the loop's server: libuv answers a full descriptor table by closing what connects, and the
peer must be known before a protocol sees it.
"""

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Final

import structlog

from plugind.listen import claim, peer
from plugind.listen.endpoint import Endpoint
from plugind_protocol.rates import TokenBucket

assert sys.platform != "win32"  # for type checkers: `plugind.listen.named_pipe` serves there

RETRY_SECONDS: Final = 0.25
"""How long accepting pauses when the system has no descriptors left."""
_BACKLOG: Final = 1024
_BURST: Final = 2  # connections accepted before other events get their turn
_PER_SECOND: Final = 500.0
"""Connections accepted on average: a crowd is let in one by one, so that those inside are served meanwhile."""
_AT_ONCE: Final = 16.0

_log: Final = structlog.get_logger(__name__)


class UnixServer:
    """A listening socket.

    Args:
        sock: Bound socket, not blocking; closed by `stop_accepting`.
        protocol_factory: Makes the protocol of one connection.
        uid: Only this user may connect.
    """

    def __init__(self, sock: socket.socket, protocol_factory: Callable[[], asyncio.Protocol], *, uid: int) -> None:
        self._sock = sock
        self._factory = protocol_factory
        self._uid = uid
        self._loop = asyncio.get_running_loop()
        self._handovers: set[asyncio.Task[object]] = set()
        self._retry: asyncio.TimerHandle | None = None
        self._starved = False
        self._rate = TokenBucket(_PER_SECOND, _AT_ONCE)
        sock.listen(_BACKLOG)
        self._loop.add_reader(sock, self._accept)

    @property
    def accepting(self) -> bool:
        """Whether connections are accepted now: false once stopped, and while no descriptors are left."""
        return self._sock.fileno() >= 0 and not (self._starved and self._retry is not None)

    def stop_accepting(self) -> None:
        """Accept no more; connections go on. Connecting fails from now on."""
        if self._sock.fileno() < 0:
            return
        if self._retry is None:
            self._loop.remove_reader(self._sock)
        else:
            self._retry.cancel()
            self._retry = None
        self._sock.close()

    async def aclose(self) -> None:
        """Stop accepting, and wait until nothing is between accept and its protocol."""
        self.stop_accepting()
        if (
            self._handovers
        ):  # they take two turns of the loop; uvloop would not tell a protocol of one that is cancelled
            await asyncio.wait(self._handovers)

    def _accept(self) -> None:
        for _ in range(_BURST):
            try:
                sock, _ = self._sock.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as exc:  # EMFILE, ENFILE, ENOBUFS, ENOMEM: trying at once would spin
                if not self._starved:
                    self._starved = True
                    _log.warning("cannot accept clients for now", error=exc.strerror)
                self._pause(RETRY_SECONDS)
                return
            self._starved = False
            self._admit(sock)
            if not self._rate.take(self._loop.time()):
                self._pause(1 / _PER_SECOND)
                return

    def _pause(self, seconds: float) -> None:
        self._loop.remove_reader(self._sock)
        self._retry = self._loop.call_later(seconds, self._resume)

    def _resume(self) -> None:
        self._retry = None
        self._loop.add_reader(self._sock, self._accept)

    def _admit(self, sock: socket.socket) -> None:
        try:
            who = peer.credentials(sock)
        except OSError as exc:
            _log.warning("refused a client: nobody knows who it is", error=exc.strerror)
            sock.close()
            return
        if who.uid != self._uid:
            _log.warning("refused a client of another user", uid=who.uid, pid=who.pid)
            sock.close()
            return
        sock.settimeout(0)
        task = self._loop.create_task(self._hand_over(sock))
        self._handovers.add(task)
        task.add_done_callback(partial(self._handed_over, sock))

    def _handed_over(self, sock: socket.socket, task: "asyncio.Task[object]") -> None:
        self._handovers.discard(task)
        if task.cancelled():  # with all of the loop's, perhaps before it began
            sock.close()

    async def _hand_over(self, sock: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._factory, sock)
        except OSError as exc:
            _log.warning("lost a client while it connected", error=exc.strerror)
            sock.close()


@asynccontextmanager
async def serve(
    endpoint: Endpoint, protocol_factory: Callable[[], asyncio.Protocol], *, uid: int | None = None
) -> AsyncIterator[UnixServer]:
    """Listen at a path for as long as the context lasts.

    Args:
        endpoint: Where; its folder is made if it is missing.
        protocol_factory: Makes the protocol of one connection; called once it is accepted and its user checked.
        uid: Only this user may connect; default: the daemon's own.

    Yields:
        The server. When the context ends, it stops accepting and socket and lock are removed; connections that are
        open stay with their protocols.

    Raises:
        AddressInUse: Another daemon listens there.
        ListenError: The path cannot be used safely.
    """
    claimed = claim.claim(Path(endpoint.path))
    try:
        server = UnixServer(claimed.bind(), protocol_factory, uid=os.getuid() if uid is None else uid)
        try:
            yield server
        finally:
            await server.aclose()
    finally:
        claimed.release()
