"""The zygote: a single-threaded process that has imported the engine, and forks a child for each plugin.

It runs nothing of a plugin's itself. Orders and descriptors come as datagrams on one socket, whose end is its end.
A worker that is ordered is the spare one, where there is one; see `plugind_worker.spare`.
"""

import faulthandler
import functools
import os
import select
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from plugind_protocol import sockets
from plugind_protocol.worker import Exited, Spawn, Spawned, ZygoteMessage, ZygoteReady
from plugind_worker import abi, child, engine, heap, inherited, rehearsal
from plugind_worker.engine.base import Engine
from plugind_worker.sandbox import process
from plugind_worker.sandbox.linux import privileges, syscall
from plugind_worker.spare import DESCRIPTORS, MAX_DATAGRAM, Spare

assert sys.platform != "win32"  # for type checkers: nothing forks there

_SPARE_AFTER_MS: Final = 30
"""How long nothing must be ordered before a spare worker is made, which takes a processor from what is loaded."""
_PLAIN: Final = 3
"""How many descriptors come with an order that is neither a script's nor a house's."""


def run(descriptor: int, engine_name: str) -> None:
    """Serve until the supervisor closes the socket.

    Args:
        descriptor: A connected SOCK_SEQPACKET Unix socket.
        engine_name: The engine to import.
    """
    parent = os.getppid()
    process.own_session()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ.clear()
    process.silence((0, 1))  # stderr stays, for reports of bugs
    # The engine's handlers pass what is no trap of a guest's on to those set before. Without these they would put the
    # default back and return, so that a SIGSEGV that somebody sent would have no effect.
    faulthandler.enable(all_threads=False)
    loaded = engine.load(engine_name)
    ground = inherited.Ground(parent=parent)
    privileges.die_with(parent)  # last, since a change of privileges would undo it
    ground.prepare(late_code=loaded.late_code)
    rehearse = rehearsal.artefact(loaded)
    if rehearse is not None:
        rehearsal.run(loaded, rehearse, threads=False)
    heap.settle()
    with socket.socket(fileno=descriptor) as sock:
        zygote = Zygote(sock, loaded, ground, rehearse=rehearse)
        try:
            zygote.serve()
        finally:
            zygote.close()


class Zygote:
    """The serving loop.

    Args:
        sock: The socket to the supervisor.
        engine: The engine that children inherit.
        ground: What children inherit of the sandbox.
        rehearse: Descriptor of what spare workers rehearse with; None for nothing.
    """

    def __init__(self, sock: socket.socket, engine: Engine, ground: inherited.Ground, *, rehearse: int | None) -> None:
        self._sock = sock
        self._engine = engine
        self._ground = ground
        self._rehearse = rehearse
        self._spare: Spare | None = None
        self._lacks_spare = True  # and is to make one; one that ended by itself is not replaced before the next order
        self._probed = ground.probe(late_code=engine.late_code)
        self._alarm, wakeup = socket.socketpair()
        for end in (self._alarm, wakeup):
            end.settimeout(0)
        self._wakeup = wakeup
        signal.set_wakeup_fd(wakeup.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)  # for the wakeup descriptor to be written to

    def serve(self) -> None:
        """Answer orders and report children that ended, until the other end is closed."""
        ready = ZygoteReady(
            engine=self._engine.name,
            engine_version=self._engine.version,
            settings=abi.fingerprint(self._engine.settings),
            quick_settings=None if (quick := self._engine.quick_settings) is None else abi.fingerprint(quick),
            layers=self._probed.held,
            missing=self._probed.missing,
            interruptible=self._engine.interruptible,
        )
        self._send(ZygoteMessage(ready=ready))
        poll = select.poll()
        poll.register(self._sock, select.POLLIN)
        poll.register(self._alarm, select.POLLIN)
        while True:
            descriptors = {descriptor for descriptor, _ in poll.poll(_SPARE_AFTER_MS if self._lacks_spare else None)}
            if not descriptors:
                self._make_spare()
            if self._alarm.fileno() in descriptors:
                self._alarm.recv(4096)
                self._reap()
            if self._sock.fileno() in descriptors and not self._take_order():
                return

    def close(self) -> None:
        """Hear no more of children, and let the spare one end.

        The interpreter does not survive each failure to write to the wakeup descriptor: nothing may be told of by it
        when it is closed.
        """
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.set_wakeup_fd(-1)
        self._alarm.close()
        self._wakeup.close()
        if self._spare is not None:
            self._spare.close()

    def _take_order(self) -> bool:
        """Handle one datagram; False at the end."""
        try:
            data, descriptors = sockets.receive(self._sock, MAX_DATAGRAM, 2 * DESCRIPTORS)
        except ConnectionResetError:  # closed with messages of ours unread
            return False
        if not data:
            return False
        try:
            pidfd, answer = self._spawn(data, descriptors)
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        self._send(ZygoteMessage(spawned=answer), [pidfd] if pidfd is not None else [])
        if pidfd is not None:
            os.close(pidfd)
        return True

    def _spawn(self, data: bytes, descriptors: Sequence[int]) -> tuple[int | None, Spawned]:
        try:
            order = msgspec.json.decode(data, type=Spawn)
        except msgspec.DecodeError as error:
            return None, Spawned(number=0, pid=0, error=f"malformed order: {error}")
        fault = self._fault(order, descriptors)
        if fault:
            return None, Spawned(number=order.number, pid=0, error=fault)
        pid = self._take_spare(data, descriptors) if order.launch is not None else None
        parent = os.getpid()
        try:
            pid = pid or os.fork()
        except OSError as error:
            return None, Spawned(number=order.number, pid=0, error=f"cannot fork: {error.strerror}")
        if pid == 0:
            _become(lambda: child.run(self._engine, order, descriptors, parent=parent, ground=self._ground))
        return syscall.pidfd_open(pid), Spawned(number=order.number, pid=pid)

    def _take_spare(self, order: bytes, descriptors: Sequence[int]) -> int | None:
        """Let the spare worker take an order; return its id, or None where there is none."""
        taken, self._spare = self._spare, None
        self._lacks_spare = True
        return taken.pid if taken is not None and taken.give(order, descriptors) else None

    def _make_spare(self) -> None:
        """Fork a worker ahead."""
        self._lacks_spare = False
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        parent = os.getpid()
        with theirs:
            try:
                pid = os.fork()
            except OSError:  # orders fork their own, as far as they can
                ours.close()
                return
            if pid == 0:
                ours.close()
                waits = functools.partial(child.wait, rehearse=self._rehearse, parent=parent, ground=self._ground)
                _become(lambda: waits(self._engine, theirs))
        self._spare = Spare(pid, ours)

    def _fault(self, order: Spawn, descriptors: Sequence[int]) -> str:
        """Say what is wrong with an order, if anything is."""
        jobs = [job for job in (order.launch, order.compile, order.house, order.unpack) if job is not None]
        if len(jobs) != 1:
            return "an order is to do one thing: launch, compile, unpack, or be a house"
        job = jobs[0]
        if job.engine != self._engine.name:
            return f"this zygote has the engine {self._engine.name}, not {job.engine}"
        needed = 1 if order.house is not None else _PLAIN + (order.launch is not None and order.launch.script)
        if len(descriptors) != needed:
            return f"{len(descriptors)} descriptors came with the order, not {needed}"
        return ""

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if self._spare is not None and self._spare.pid == pid:  # nobody knows of it
                self._spare.close()
                self._spare = None
                continue
            self._send(ZygoteMessage(exited=Exited(pid=pid, status=os.waitstatus_to_exitcode(status))))

    def _send(self, message: ZygoteMessage, descriptors: Sequence[int] = ()) -> None:
        try:
            sockets.send(self._sock, msgspec.json.encode(message), descriptors)
        except (BrokenPipeError, ConnectionResetError):
            sys.exit(0)  # the supervisor is gone


def _become(run: Callable[[], None]) -> None:
    """Be the child: run it, and never come back into the zygote's code."""
    status = 1
    try:
        run()
        status = 0
    except BaseException:  # whatever it is, it must not unwind into the zygote
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(status)
