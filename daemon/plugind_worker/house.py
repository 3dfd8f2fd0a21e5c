"""A process that several plugins of one publisher share, each with a thread, an engine, a store and a channel.

Every thread is made before the system call filter is put into force, a pair for each plugin that there may be, so that
the filter need not allow making threads. What it has to allow, unlike that of a plugin's own process, is to make memory
executable, since modules come later; never memory that is writable at the same time.
"""

import os
import queue
import socket
import sys
import threading
from collections.abc import Callable
from typing import Final

import msgspec

from plugind_protocol import sockets
from plugind_protocol.worker import OPENED, Join, Left
from plugind_protocol.worker import House as Order
from plugind_worker import control
from plugind_worker.channel import ChannelClosedError
from plugind_worker.engine.base import Engine
from plugind_worker.lockdown import Lockdown
from plugind_worker.loop import Worker
from plugind_worker.sandbox.layer import Stage

assert sys.platform != "win32"  # for type checkers: no sockets there that a house's door could be

MAX_DATAGRAM: Final = 64 * 1024
_DESCRIPTORS: Final = 4
"""How many come with a Join at most."""
_STACK_BYTES: Final = 8 * 1024 * 1024
"""Of a thread that runs a guest: as much as a process's first thread has."""
_JOIN: Final = msgspec.json.Decoder(Join)

Job = Callable[[], None]


def stack_bytes(order: Order) -> int:
    """Return what the threads of a house reserve, in bytes."""
    return order.rooms * (_STACK_BYTES + control.STACK_BYTES)


class House:
    """The process.

    Args:
        engine: The engine as the zygote has set it up; each plugin gets a sibling of it.
        order: How many plugins there may be.
        door: Where they come in.
    """

    def __init__(self, engine: Engine, order: Order, *, door: socket.socket) -> None:
        self._engine = engine
        self._order = order
        self._door = door

    def serve(self, lockdown: Lockdown) -> None:
        """Take plugins in until the supervisor closes the door.

        Args:
            lockdown: What confines this process, entirely from before the first plugin comes.
        """
        self._engine.prepare(())
        lockdown.apply(Stage.LOADED)
        guests = _threads(self._order.rooms, stack=_STACK_BYTES, name="guest")
        controls = _threads(self._order.rooms, stack=control.STACK_BYTES, name="control")
        lockdown.apply(Stage.LAST)
        _tell(self._door, Left(OPENED, 0))
        while (joining := self._receive()) is not None:
            join, descriptors = joining
            guests.put(_Stay(self._engine, self._door, join, descriptors, lockdown=lockdown, spawn=controls.put).run)

    def _receive(self) -> tuple[Join, list[int]] | None:
        try:
            data, descriptors = sockets.receive(self._door, MAX_DATAGRAM, _DESCRIPTORS)
        except ConnectionResetError:  # closed with a message of ours unread
            return None
        return (_JOIN.decode(data), descriptors) if data else None


class _Stay:
    """One plugin's time in the house.

    Args:
        engine: Whose sibling runs it.
        door: Where its end is reported.
        join: What to run.
        descriptors: Those of its launch.
        lockdown: What confines this process.
        spawn: Runs a function in another thread.
    """

    def __init__(
        self,
        engine: Engine,
        door: socket.socket,
        join: Join,
        descriptors: list[int],
        *,
        lockdown: Lockdown,
        spawn: Callable[[Job], None],
    ) -> None:
        self._engine = engine
        self._door = door
        self._join = join
        self._descriptors = descriptors
        self._lockdown = lockdown
        self._spawn = spawn

    def run(self) -> None:
        """Run the plugin to its end, and report that. Whatever goes wrong here must not end the neighbours."""
        status = 1
        try:
            self._live()
            status = 0
        except Exception:  # noqa: S110  # the status says it; there is nowhere else to write it to
            pass
        _tell(self._door, Left(self._join.number, status))

    def _live(self) -> None:
        messages, orders, artefact, *program = self._descriptors
        engine = self._engine.sibling()
        worker = Worker(
            engine,
            self._join.launch,
            messages=_stream(messages),
            control=_stream(orders),
            lost=engine.interrupt,
            spawn=self._spawn,
        )
        try:
            worker.run(artefact, *program, lockdown=self._lockdown)
        except ChannelClosedError:
            pass  # while it was starting
        finally:
            worker.close()


def _tell(door: socket.socket, left: Left) -> None:
    try:
        door.send(msgspec.json.encode(left))
    except (BrokenPipeError, ConnectionResetError):
        os._exit(0)  # the supervisor is gone


def _stream(descriptor: int) -> socket.socket:
    """Wrap a socket; all is told, since finding out is a system call that a worker cannot make."""
    return socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, fileno=descriptor)


def _threads(count: int, *, stack: int, name: str) -> "queue.SimpleQueue[Job]":
    """Start threads that do what is put into a queue."""
    jobs: queue.SimpleQueue[Job] = queue.SimpleQueue()

    def work() -> None:
        while True:
            jobs.get()()

    before = threading.stack_size(stack)
    for _ in range(count):
        threading.Thread(target=work, name=name, daemon=True).start()
    threading.stack_size(before)
    return jobs
