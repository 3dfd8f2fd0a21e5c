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
from collections import deque
from typing import Final, NamedTuple, cast

import msgspec
from anyio.abc import TaskGroup

from plugind.config import WireLimits
from plugind.listen import peer
from plugind.pace import Pace, now
from plugind.rpc.batch import Batch
from plugind.rpc.dispatch import Dispatcher
from plugind.rpc.incoming import Incoming, Sink, failure
from plugind.rpc.inflight import InFlight
from plugind.rpc.outbox import Outbox
from plugind.rpc.outgoing import Outgoing
from plugind.rpc.session import Session, Sessions
from plugind.rpc.timer import QuietTimer
from plugind_protocol import envelope
from plugind_protocol.envelope import Message, RequestId
from plugind_protocol.errors import (
    ParseError,
    PlugindError,
    Timeout,
    TooLarge,
)
from plugind_protocol.framing import Decoder, FramingError, Oversized

STALL_SECONDS: Final = 60.0
"""How long a client may leave a full output buffer untouched."""
GONE_CHECK_SECONDS: Final = 1.0
"""How often a client that sends no more, but waits for answers, is checked for being there at all."""
_PIECE_BYTES: Final = 8 * 1024  # cut into messages at once: thousands of them, at worst
_MESSAGES_IN_FLIGHT: Final = 4  # of the largest size, together


class _Member(NamedTuple):
    """One member of a batch that was not looked at yet, or, without a text, its end."""

    batch: Batch
    text: msgspec.Raw | None


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
        self._decoder = Decoder(max_message=limits.message_bytes)
        self._in_flight = InFlight(
            max_calls=limits.requests_in_flight, max_bytes=_MESSAGES_IN_FLIGHT * limits.message_bytes
        )
        self._pieces: deque[bytes] = deque()  # bytes that were not cut into messages yet
        self._unread: deque[bytes | Oversized | _Member] = deque()  # whole messages that were not looked at yet
        self._waiting = False  # at the pace
        self._reading = True
        self._loop = asyncio.get_running_loop()
        self._unfinished = QuietTimer(limits.header_idle_seconds, self._too_slow)
        self._half_open: QuietTimer | None = None
        self._transport: asyncio.Transport
        self._outbox: Outbox
        self._outgoing: Outgoing
        self._session: Session
        self._incoming: Incoming

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
        self._incoming = Incoming(
            self._dispatcher,
            self._session,
            in_flight=self._in_flight,
            max_nesting=self._limits.nesting,
            tasks=self._tasks,
            on_answer=self._after_answer,
        )

    def data_received(self, data: bytes) -> None:
        """Bytes arrived."""
        if self._transport.is_closing():
            return
        if not (self._waiting or self._unread or self._pieces or self._outbox.full):
            if self._pace.crowded and not self._in_flight:
                self._pace.hurry()
            line = self._decoder.whole_line(data)
            if line is not None and self._incoming.take_usual(line, self._answer):
                return
        if len(data) <= _PIECE_BYTES or data.find(b"\n", 0, -1) < 0:  # a large message is best taken whole
            self._pieces.append(data)
        else:
            self._pieces.extend(data[at : at + _PIECE_BYTES] for at in range(0, len(data), _PIECE_BYTES))
        if self._waiting:
            self._read(now=False)  # enough for now
        elif self._work(self._pace.begin()):
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
        self._pieces.clear()
        self._unread.clear()
        self._decoder.forget()
        self._unfinished.release()
        if self._half_open is not None:
            self._half_open.release()
            self._half_open = None
        self._outbox.lost()
        self._outgoing.fail_all()
        self._session.end()
        self._in_flight.cancel_all()

    def pause_writing(self) -> None:
        """The client does not read: let its requests wait in the socket."""
        self._outbox.pause()
        self._read(now=False)

    def resume_writing(self) -> None:
        """The client has read."""
        self._outbox.resume()
        if self._has_more and not self._waiting:
            self._wait()
        else:
            self._read(now=not self._has_more)

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
        if not self._decoder.mid_message:
            self._unfinished.stop()
        elif progress or not self._unfinished.running or not self._decoder.mid_header:
            self._unfinished.start()

    def _too_slow(self) -> None:
        if not self._reading or self._has_more:  # it is us
            self._unfinished.start()
            return
        seconds = self._limits.header_idle_seconds
        self._hang_up(Timeout(f"A message began and did not go on for {seconds:g} s", hint="Connect again."))

    def _check_half_open(self) -> None:
        if self._half_open is None or self._transport.is_closing():
            return
        if peer.has_left(self._transport.get_extra_info("socket").fileno()):
            self._outbox.abort()
        elif self._in_flight or self._has_more:
            self._half_open.start()
        else:
            self._outbox.close()

    def _hang_up(self, error: PlugindError) -> None:
        self._outbox.send(failure(None, error))
        self._outbox.close()

    # --- messages ---------------------------------------------------------------------------------------------------

    @property
    def _has_more(self) -> bool:
        return bool(self._unread or self._pieces)

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
        with self._pace.slice():
            while not (self._outbox.full or self._transport.is_closing()) and self._step() and now() < until:
                pass
        more = self._has_more
        if not more and not self._outbox.full:
            self._read(now=True)
        self._after_answer()
        return more and not self._outbox.full and not self._transport.is_closing()

    def _step(self) -> bool:
        """Look at one message, or find where messages begin and end; return whether there is more."""
        if self._unread:
            self._take(self._unread.popleft())
        elif self._pieces:
            self._feed(self._pieces.popleft())
        return self._has_more

    def _feed(self, data: bytes) -> None:
        try:
            messages = self._decoder.feed(data)
        except FramingError as exc:
            self._outbox.framing = self._decoder.framing
            self._hang_up(ParseError(f"Broken framing: {exc}", hint="Connect again; this connection is closed."))
            return
        self._outbox.framing = self._decoder.framing
        self._unread.extend(messages)
        self._watch_unfinished(progress=bool(messages))

    def _take(self, text: bytes | Oversized | _Member) -> None:
        if isinstance(text, _Member):
            self._take_member(text)
            return
        if isinstance(text, bytes) and self._incoming.take_usual(text, self._answer):
            return
        try:
            if isinstance(text, Oversized):
                raise TooLarge(f"A message of {text.size} bytes; at most {self._limits.message_bytes} are taken")
            decoded = envelope.decode(text, max_nesting=self._limits.nesting)
            if isinstance(decoded, list):
                self._take_batch(decoded)
            else:
                self._take_message(decoded, size=len(text), sink=self._outbox.send)
        except PlugindError as exc:
            self._outbox.send(failure(None, exc))

    def _answer(self, body: bytes) -> None:
        """Send an answer at once, unless others are likely to follow it soon."""
        if self._in_flight:
            self._outbox.send_soon(body)
        else:
            self._outbox.send(body)

    def _take_batch(self, members: list[msgspec.Raw]) -> None:
        if len(members) > self._limits.batch_members:
            raise TooLarge(f"A batch of {len(members)} members; at most {self._limits.batch_members} are taken")
        batch = Batch(self._outbox.send)
        self._unread.extendleft(_Member(batch, member) for member in (None, *reversed(members)))

    def _take_member(self, member: _Member) -> None:
        batch, text = member
        if text is None:
            batch.seal()
            return
        try:
            message = envelope.decode_member(text)
        except PlugindError as exc:
            batch.expect()
            batch.add(failure(None, exc))
            return
        if isinstance(message.method, str) and not message.is_notification:
            batch.expect()
            request_id = cast("RequestId", message.id)
            try:
                batch.claim(request_id)
            except PlugindError as exc:
                batch.add(failure(request_id, exc))
                return
        self._take_message(message, size=memoryview(text).nbytes, sink=batch.add)

    def _take_message(self, message: Message, *, size: int, sink: Sink) -> None:
        if message.method is msgspec.UNSET:
            self._outgoing.settle(message)
        else:
            self._incoming.take(message, size=size, sink=sink)

    def _after_answer(self) -> None:
        if self._half_open is not None and not self._in_flight and not self._unread:
            self._check_half_open()
