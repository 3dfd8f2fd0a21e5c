"""One client connection: bytes in, requests to their handlers, answers out. Everything a client can grow is bounded.

Wiring, inside a task group that outlives the connections::

    sessions = Sessions()
    dispatcher = Dispatcher(control=…, hot=…)
    async with anyio.create_task_group() as tasks:
        def connect() -> Connection:
            return Connection(dispatcher, sessions, tasks=tasks, limits=config.wire, pace=pace)
        async with serve(resolve(config.socket, os.environ), connect) as server:
            …                                    # ready; wait for the order to stop
            server.stop_accepting()
            with anyio.move_on_after(config.drain_seconds):
                await sessions.drained()
            await sessions.disconnect()
        tasks.cancel_scope.cancel()              # what did not drain
"""

import asyncio
from typing import Final, cast

from anyio.abc import TaskGroup

from plugind.config import WireLimits
from plugind.listen import peer
from plugind.pace import Pace, now
from plugind.rpc.backlog import Backlog
from plugind.rpc.dispatch import Dispatcher
from plugind.rpc.incoming import Incoming, failure
from plugind.rpc.inflight import InFlight
from plugind.rpc.messages import Messages
from plugind.rpc.outbox import Outbox
from plugind.rpc.outgoing import Outgoing
from plugind.rpc.session import Session, Sessions
from plugind.rpc.timer import QuietTimer
from plugind_protocol.errors import ParseError, PlugindError, Timeout
from plugind_protocol.framing import FramingError

STALL_SECONDS: Final = 60.0
"""How long a client may leave a full output buffer untouched."""
GONE_CHECK_SECONDS: Final = 1.0
"""How often a client that sends no more, but waits for answers, is checked for being there at all."""
_MESSAGES_IN_FLIGHT: Final = 4  # of the largest size, together

_LITTLE_BYTES: Final = 4096
"""What is looked at when it comes, even while others wait with more: some ten messages."""


class Connection(asyncio.Protocol):
    """The protocol of one connection.

    Args:
        dispatcher: Who answers.
        sessions: Where the client is entered once it talks.
        tasks: Where control methods run.
        limits: Bounds of the connection.
        pace: Where it waits with what is too much for one turn of the loop.
        stall_seconds: How long a client may leave a full output buffer untouched.
    """

    def __init__(
        self,
        dispatcher: Dispatcher,
        sessions: Sessions,
        *,
        tasks: TaskGroup,
        limits: WireLimits,
        pace: Pace,
        stall_seconds: float = STALL_SECONDS,
    ) -> None:
        self._dispatcher = dispatcher
        self._sessions = sessions
        self._tasks = tasks
        self._limits = limits
        self._pace = pace
        self._stall_seconds = stall_seconds
        self._backlog = Backlog(limits.message_bytes)
        self._in_flight = InFlight(
            max_calls=limits.requests_in_flight, max_bytes=_MESSAGES_IN_FLIGHT * limits.message_bytes
        )
        self._waiting = False  # at the pace
        self._reading = True
        self._loop = asyncio.get_running_loop()
        self._unfinished = QuietTimer(limits.header_idle_seconds, self._too_slow)
        self._half_open: QuietTimer | None = None
        self._transport: asyncio.Transport
        self._outbox: Outbox
        self._outgoing: Outgoing
        self._session: Session
        self._messages: Messages

    @property
    def session(self) -> Session:
        """Its client, once somebody has connected."""
        return self._session

    # --- called by the transport ------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Somebody connected."""
        self._transport = cast("asyncio.Transport", transport)
        self._outbox = Outbox(self._transport, max_bytes=self._limits.output_bytes, stall_seconds=self._stall_seconds)
        self._outgoing = Outgoing(self._outbox.send)
        self._session = self._sessions.open(outbox=self._outbox, outgoing=self._outgoing, in_flight=self._in_flight)
        incoming = Incoming(
            self._dispatcher,
            self._session,
            in_flight=self._in_flight,
            max_nesting=self._limits.nesting,
            tasks=self._tasks,
            on_answer=self._after_answer,
        )
        self._messages = Messages(
            incoming,
            self._outgoing,
            self._backlog,
            limits=self._limits,
            send=self._outbox.send,
            answer=self._answer,
        )

    def data_received(self, data: bytes) -> None:
        """Bytes arrived."""
        if self._transport.is_closing():
            return
        if not (self._waiting or self._backlog.unread or self._backlog.pieces or self._outbox.full):
            if self._pace.crowded and not self._in_flight:
                self._pace.hurry()
            if self._messages.take_line(data):
                return
        self._backlog.add(data)
        if self._waiting:
            self._read(now=False)  # enough for now
        elif (self._pace.crowded and len(data) > _LITTLE_BYTES) or self._work(self._pace.begin()):
            self._wait()

    def eof_received(self) -> bool:
        """The client sends no more. It may still read: then it gets the answers it waits for."""
        self._pace.wait(self._no_more)  # a crowd may leave at once
        return True  # closing is ours

    def _no_more(self, _until: float) -> bool:
        if not self._transport.is_closing():
            self._outgoing.fail_all()
            self._session.withdraw()
            self._unfinished.stop()
            self._half_open = QuietTimer(GONE_CHECK_SECONDS, self._check_half_open)
            self._check_half_open()
        return False

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - how it was lost makes no difference
        """The client left, or was disconnected: whatever it asked for is cancelled."""
        self._backlog.clear()
        self._unfinished.release()
        if self._half_open is not None:
            self._half_open.release()
            self._half_open = None
        self._outbox.lost()
        self._outgoing.fail_all()
        self._session.end()
        if self._in_flight:
            self._pace.wait(self._in_flight.cancelling())

    def pause_writing(self) -> None:
        """The client does not read: let its requests wait in the socket."""
        self._outbox.pause()
        self._read(now=False)

    def resume_writing(self) -> None:
        """The client has read."""
        self._outbox.resume()
        if self._backlog.more and not self._waiting:
            self._wait()
        else:
            self._read(now=not self._backlog.more)

    def _read(self, *, now: bool) -> None:
        if now is self._reading or self._transport.is_closing() or self._half_open is not None:
            return
        self._reading = now
        if now:
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()

    # --- time limits ------------------------------------------------------------------------------------------------

    def _watch_unfinished(self, *, progress: bool) -> None:
        """A header must end in time as a whole; a body or a line may take as long as it keeps flowing."""
        if not self._backlog.decoder.mid_message:
            self._unfinished.stop()
        elif progress or not self._unfinished.running or not self._backlog.decoder.mid_header:
            self._unfinished.start()

    def _too_slow(self) -> None:
        if not self._reading or self._backlog.more:  # it is us
            self._unfinished.start()
            return
        seconds = self._limits.header_idle_seconds
        self._hang_up(Timeout(f"A message began and did not go on for {seconds:g} s", hint="Connect again."))

    def _check_half_open(self) -> None:
        if self._half_open is None or self._transport.is_closing():
            return
        if peer.has_left(self._transport.get_extra_info("socket").fileno()):
            self._outbox.abort()
        elif self._in_flight or self._backlog.more:
            self._half_open.start()
        else:
            self._outbox.close()

    def _hang_up(self, error: PlugindError) -> None:
        self._outbox.send(failure(None, error))
        self._outbox.close()

    # --- messages ---------------------------------------------------------------------------------------------------

    def _wait(self) -> None:
        self._waiting = True
        self._pace.crowded += 1
        self._pace.wait(self._turn)

    def _turn(self, until: float) -> bool:
        self._waiting = self._work(until)
        if not self._waiting:
            self._pace.crowded -= 1
        return self._waiting

    def _work(self, until: float) -> bool:
        """Look at some messages, then let others have their turn; read on once none is left.

        Returns:
            Whether there is more to do now.
        """
        outbox, transport, take = self._outbox, self._transport, self._messages.take
        unread, pieces = self._backlog.unread, self._backlog.pieces
        with self._pace:
            while not (outbox.full or transport.is_closing()):
                if unread:
                    take(unread.popleft())
                elif pieces:
                    self._cut()
                if not (unread or pieces) or now() >= until:
                    break
            self._pace.goes_on = self._backlog.more and not outbox.full and not transport.is_closing()
        more = self._backlog.more
        if not more and not outbox.full:
            self._read(now=True)
        if self._half_open is not None:
            self._after_answer()
        return more and not outbox.full and not transport.is_closing()

    def _cut(self) -> None:
        """Find where messages begin and end in what has come."""
        decoder = self._backlog.decoder
        try:
            progress = self._backlog.cut()
        except FramingError as exc:
            self._outbox.framing = decoder.framing
            self._hang_up(ParseError(f"Broken framing: {exc}", hint="Connect again; this connection is closed."))
            return
        self._outbox.framing = decoder.framing
        self._watch_unfinished(progress=progress)

    def _answer(self, body: bytes) -> None:
        """Send an answer at once, unless others are likely to follow it soon."""
        if self._in_flight.calls:
            self._outbox.send_soon(body)
        else:
            self._outbox.send(body)

    def _after_answer(self) -> None:
        if self._half_open is not None and not self._in_flight and not self._backlog.unread:
            self._check_half_open()
