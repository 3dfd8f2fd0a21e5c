"""The daemon's side of a zygote: the process that has the engine imported and forks workers."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
from typing import Final

import anyio
import msgspec
import structlog

from plugind.errors import StartupError
from plugind.supervisor import ends, resources
from plugind.supervisor.engines import command
from plugind.supervisor.verdict import Verdict
from plugind_protocol import kernel, scheduling, sockets
from plugind_protocol.errors import WorkerCrashed
from plugind_protocol.manifest import Limits
from plugind_protocol.worker import Compile, House, Launch, Spawn, Spawned, Unpack, ZygoteMessage, ZygoteReady

_DATAGRAM_BYTES: Final = 64 * 1024
_START_SECONDS: Final = 30.0
_END_SECONDS: Final = 1.0

_log = structlog.get_logger(__name__)


class Child:
    """A process forked by the zygote.

    Args:
        pid: Its process id.
        pidfd: A descriptor that refers to this very process, whatever happens to the number.
    """

    def __init__(self, pid: int, pidfd: int) -> None:
        self.pid = pid
        self._pidfd: int | None = pidfd
        self.exited: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        """Its exit code, or minus the number of the signal that ended it."""

    @property
    def verdict(self) -> Verdict:
        """The end of a plugin's own process counts against the plugin."""
        return Verdict()

    @property
    def neighbours(self) -> list[str]:
        """Nobody shares it."""
        return []

    def limit(self, limits: Limits) -> None:
        """Set the limits of processor time and descriptors that are given."""
        resources.change(self.pid, limits)

    def allow_memory(self, more_bytes: int) -> None:
        """Move the limit of memory."""
        resources.allow_memory(self.pid, more_bytes)

    def lost(self, *, busy: bool) -> None:
        """Nothing depends on when the channel is closed."""

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, if it still runs."""
        if self._pidfd is not None:
            with contextlib.suppress(ProcessLookupError):
                kernel.pidfd_signal(self._pidfd, number)

    def ended(self, status: int) -> None:
        """Note that it was reaped."""
        if self._pidfd is not None:
            os.close(self._pidfd)
            self._pidfd = None
        if not self.exited.done():
            self.exited.set_result(status)


class Zygote:
    """A running zygote.

    Args:
        engine: Name of the wasm engine it imports.
        interpreter: The Python that runs it.
    """

    def __init__(self, engine: str, *, interpreter: str) -> None:
        self._engine = engine
        self._interpreter = interpreter
        self._socket: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._ready: asyncio.Future[ZygoteReady] | None = None
        self.private_bytes = 0
        """Memory that every child begins with."""
        self._spawns: dict[int, asyncio.Future[Child]] = {}
        self._children: dict[int, Child] = {}
        self._number = 0
        self._starting = anyio.Lock()

    async def start(self) -> ZygoteReady:
        """Start the process if it does not run, and wait until it can fork.

        Returns:
            Engine, version and settings of the zygote.

        Raises:
            StartupError: It did not come up; the message has its last words.
        """
        async with self._starting:
            if self._socket is None:
                self._launch()
            assert self._ready is not None
            try:
                with anyio.fail_after(_START_SECONDS):
                    return await asyncio.shield(self._ready)
            except TimeoutError as exc:
                self.stop()
                raise StartupError(f"the {self._engine} zygote was not ready within {_START_SECONDS:.0f} s") from exc

    async def spawn(
        self, order: Launch | Compile | House | Unpack, descriptors: list[int], *, degrade: bool = False
    ) -> Child:
        """Fork one child.

        Args:
            order: What it should be.
            descriptors: What it gets, in the order that `plugind_protocol.worker` says; the caller keeps its own.
            degrade: It goes on where essential layers of the sandbox are missing.

        Returns:
            The child.

        Raises:
            WorkerCrashed: The zygote could not fork, or ended.
        """
        await self.start()
        assert self._socket is not None
        self._number += 1
        number = self._number
        request = Spawn(
            number,
            launch=order if isinstance(order, Launch) else None,
            compile=order if isinstance(order, Compile) else None,
            house=order if isinstance(order, House) else None,
            unpack=order if isinstance(order, Unpack) else None,
            degrade=degrade,
        )
        answer: asyncio.Future[Child] = asyncio.get_running_loop().create_future()
        self._spawns[number] = answer
        try:
            while True:
                try:
                    sockets.send(self._socket, msgspec.json.encode(request), descriptors)
                    break
                except BlockingIOError:
                    await anyio.wait_writable(self._socket)
            return await answer
        except OSError as exc:
            raise WorkerCrashed(f"the {self._engine} zygote is gone: {exc}", cause="crash") from exc
        finally:
            self._spawns.pop(number, None)

    def stop(self) -> None:
        """End the zygote, and with it every child it has."""
        if self._process is not None:
            self._process.kill()
        self._lost("the daemon stops", expected=True)

    def _launch(self) -> None:
        ours, theirs = sockets.pair()
        with theirs:
            self._process = subprocess.Popen(
                [*command(self._interpreter), "--zygote", str(theirs.fileno()), "--engine", self._engine],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env={},
            )
        scheduling.compute(self._process.pid)  # so do its children, until they are ready to answer
        ours.setblocking(False)  # noqa: FBT003  # the standard library wants it so
        self._socket = ours
        loop = asyncio.get_running_loop()
        self._ready = loop.create_future()
        loop.add_reader(ours.fileno(), self._readable)

    def _readable(self) -> None:
        while self._socket is not None:
            try:
                data, descriptors = sockets.receive(self._socket, _DATAGRAM_BYTES, 1)
            except BlockingIOError:
                return
            except OSError:
                data, descriptors = b"", []
            if not data:
                self._lost("the zygote ended")
                return
            self._take(msgspec.json.decode(data, type=ZygoteMessage), descriptors)

    def _take(self, message: ZygoteMessage, descriptors: list[int]) -> None:
        if message.ready is not None and self._ready is not None and not self._ready.done():
            self._ready.set_result(message.ready)
            used = resources.use(self._process.pid) if self._process is not None else None
            self.private_bytes = used.private_bytes if used is not None else 0
        if message.spawned is not None:
            self._spawned(message.spawned, descriptors)
        if message.exited is not None and (child := self._children.pop(message.exited.pid, None)):
            child.ended(message.exited.status)

    def _spawned(self, spawned: Spawned, descriptors: list[int]) -> None:
        waiting = self._spawns.get(spawned.number)
        if spawned.pid == 0 or not descriptors:
            if waiting is not None and not waiting.done():
                waiting.set_exception(WorkerCrashed(f"cannot fork a worker: {spawned.error}", cause="crash"))
            return
        child = Child(spawned.pid, descriptors[0])
        self._children[spawned.pid] = child
        if waiting is not None and not waiting.done():
            waiting.set_result(child)
        else:
            child.signal(ends.KILL)  # nobody waits for it any more

    def _lost(self, why: str, *, expected: bool = False) -> None:
        if self._socket is None:
            return
        asyncio.get_running_loop().remove_reader(self._socket.fileno())
        self._socket.close()
        self._socket = None
        status = self._reap()
        if self._ready is not None and not self._ready.done():
            self._ready.set_exception(
                StartupError(f"the {self._engine} zygote ended at start (status {status}); its words are above")
            )
        elif not expected:
            _log.error("zygote ended, its workers with it", engine=self._engine, status=status)
        for waiting in self._spawns.values():
            if not waiting.done():
                waiting.set_exception(WorkerCrashed(f"cannot fork a worker: {why}", cause="crash"))
        children, self._children = self._children, {}
        for child in children.values():
            child.signal(ends.KILL)  # its parent-death signal does the same, where there is one
            child.ended(ends.KILLED)

    def _reap(self) -> int | None:
        """Wait for a process that has closed its socket, and so is about to end; kill it if it is not."""
        process, self._process = self._process, None
        if process is None:
            return None
        try:
            return process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()
