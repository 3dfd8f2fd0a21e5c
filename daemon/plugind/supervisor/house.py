"""A process that several plugins of one publisher share: who is in it, what it may use, and how it ends."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable
from typing import Final, Protocol

import msgspec
import structlog

from plugind.supervisor import ends, resources
from plugind.supervisor.verdict import Verdict, decide
from plugind.supervisor.zygote import Child
from plugind_protocol import sockets
from plugind_protocol.errors import WorkerCrashed
from plugind_protocol.manifest import Limits
from plugind_protocol.worker import OPENED, Join, Launch, Left

ROOMS: Final = 8
"""How many plugins one process takes; a publisher with more gets another."""
OVERHEAD_BYTES: Final = 64 * 1024 * 1024
"""What a process may take for each plugin beside the plugin's own memory: copies of the largest message."""
_DATAGRAM_BYTES: Final = 4096

_log = structlog.get_logger(__name__)


class Home(Protocol):
    """Where a worker lives: a process of its own (`plugind.supervisor.zygote.Child`), or a `Tenant`'s place in one."""

    pid: int
    exited: asyncio.Future[int]
    """Done when the worker's process has ended, or nothing of the plugin is left in a shared one."""

    @property
    def verdict(self) -> Verdict:
        """Whom the end counts against, once ``exited`` is done."""

    @property
    def neighbours(self) -> list[str]:
        """Plugins that share the process now."""

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process, if it still runs."""

    def limit(self, limits: Limits) -> None:
        """Set the limits of processor time and descriptors that are given."""

    def allow_memory(self, more_bytes: int) -> None:
        """Move the limit of the process's memory."""

    def lost(self, *, busy: bool) -> None:
        """Note that the worker's channel is closed; ``busy`` when it had a call then."""


class Tenant:
    """One plugin's place in a house; see `Home`.

    Args:
        house: The house.
        number: Tells the tenants of a house apart.
        launch: What runs there.
    """

    def __init__(self, house: "House", number: int, launch: Launch) -> None:
        self.pid = house.pid
        self.number = number
        self.plugin_id = launch.plugin_id
        self.limits = Limits(cpu_seconds=launch.cpu_seconds, file_descriptors=launch.file_descriptors)
        self.bytes = 0
        """By how much it has moved the limit of memory."""
        self.busy: bool | None = None
        """Whether it had a call when its channel was closed; ``None`` while that is open."""
        self.verdict = Verdict()
        self.exited: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._house = house

    @property
    def neighbours(self) -> list[str]:
        """The other plugins of the house."""
        return sorted(other.plugin_id for other in self._house.tenants if other is not self)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process; the neighbours are not to blame for what follows."""
        if not self.exited.done():
            self._house.signal(number, because_of=self)

    def limit(self, limits: Limits) -> None:
        """Take over changed limits."""
        self.limits = limits
        self._house.share_limits()

    def allow_memory(self, more_bytes: int) -> None:
        """Move the limit of memory; what the plugin added goes with it."""
        self.bytes += more_bytes
        self._house.allow_memory(more_bytes)

    def lost(self, *, busy: bool) -> None:
        """Note that the channel is closed."""
        self.busy = busy
        self._house.settle()


class House:
    """The process.

    Args:
        child: The process.
        door: Where plugins are sent in.
        grace_seconds: How long it may take to end once it is empty.
        on_closed: Called when it takes nobody any more.
    """

    def __init__(
        self, child: Child, door: socket.socket, *, grace_seconds: float, on_closed: Callable[["House"], None]
    ) -> None:
        self.pid = child.pid
        self._child = child
        self._door: socket.socket | None = door
        self._grace = grace_seconds
        self._on_closed = on_closed
        self._tenants: dict[int, Tenant] = {}
        self._number = 0
        self._spent_seconds = 0.0
        self._because_of: Tenant | None = None
        self._loop = asyncio.get_running_loop()
        self.opened: asyncio.Future[None] = self._loop.create_future()
        """Done when the process has set its own limits, which are moved with every plugin from then on, or is gone."""
        door.setblocking(False)  # noqa: FBT003  # the standard library wants it so
        self._loop.add_reader(door.fileno(), self._readable)
        child.exited.add_done_callback(lambda _: self._ended())

    @property
    def tenants(self) -> list[Tenant]:
        """Who is in it."""
        return list(self._tenants.values())

    @property
    def has_room(self) -> bool:
        """Whether it takes one more."""
        return self._door is not None and len(self._tenants) < ROOMS

    def admit(self, launch: Launch, descriptors: list[int]) -> Tenant:
        """Send a plugin in.

        Args:
            launch: What to run.
            descriptors: Those of the launch; the caller keeps its own.

        Returns:
            Its place.

        Raises:
            WorkerCrashed: The process is gone, or does not take it.
        """
        self._number += 1
        tenant = Tenant(self, self._number, launch)
        self._tenants[tenant.number] = tenant
        tenant.allow_memory(launch.memory_bytes + OVERHEAD_BYTES)
        self.share_limits()
        try:
            if self._door is None:
                raise BrokenPipeError("it has ended")
            sockets.send(self._door, msgspec.json.encode(Join(tenant.number, launch)), descriptors)
        except OSError as exc:
            self._leave(tenant.number, 1)
            raise WorkerCrashed(f"the process that it shares takes no plugin: {exc}", cause="crash") from exc
        return tenant

    def signal(self, number: signal.Signals, *, because_of: Tenant) -> None:
        """Send a signal to the process because of one of its plugins."""
        if self._because_of is None and not self._child.exited.done():
            self._because_of = because_of
        self._child.signal(number)

    def allow_memory(self, more_bytes: int) -> None:
        """Move the limit of the process's memory."""
        if not self._child.exited.done():
            resources.allow_memory(self.pid, more_bytes)

    def share_limits(self) -> None:
        """Let the process have what all its plugins may have together.

        Processor time that was used before the last one left is added; without a limit of one plugin there is none.
        """
        if self._child.exited.done() or not self._tenants:
            return
        seconds = [tenant.limits.cpu_seconds for tenant in self._tenants.values()]
        files = [tenant.limits.file_descriptors for tenant in self._tenants.values()]
        resources.share(
            self.pid,
            cpu_seconds=None if None in seconds else round(self._spent_seconds) + sum(filter(None, seconds)),
            file_descriptors=None if None in files else sum(filter(None, files)),
        )

    def settle(self) -> None:
        """Tell everybody how the process ended, once it has and every channel is closed."""
        if not self._child.exited.done() or any(tenant.busy is None for tenant in self.tenants):
            return
        because_of = self._because_of.plugin_id if self._because_of is not None else None
        verdicts = decide({tenant.plugin_id: bool(tenant.busy) for tenant in self.tenants}, killed_for=because_of)
        for tenant in self.tenants:
            tenant.verdict = verdicts[tenant.plugin_id]
            self._leave(tenant.number, self._child.exited.result())

    def _readable(self) -> None:
        """Take one datagram; the loop comes back for the next, so that a flood keeps nobody waiting."""
        if self._door is None:
            return
        try:
            data = self._door.recv(_DATAGRAM_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            self._left(data)
        else:
            self._close()  # the process is ending; its exit tells the rest

    def _left(self, data: bytes) -> None:
        try:
            left = msgspec.json.decode(data, type=Left)
        except msgspec.DecodeError as exc:
            _log.error("shared process broke the protocol", pid=self.pid, error=str(exc))
            self._child.signal(ends.KILL)
            return
        if left.number == OPENED:
            self._open()
        else:
            self._leave(left.number, left.status)

    def _open(self) -> None:
        if not self.opened.done():
            self.opened.set_result(None)

    def _leave(self, number: int, status: int) -> None:
        tenant = self._tenants.pop(number, None)
        if tenant is None:
            return
        self.allow_memory(-tenant.bytes)
        if not self._tenants:
            self._close()
        elif not self._child.exited.done():
            used = resources.use(self.pid)
            self._spent_seconds = used.cpu_seconds if used is not None else 0.0
            self.share_limits()
        if not tenant.exited.done():
            tenant.exited.set_result(status)

    def _close(self) -> None:
        """Take nobody any more; an empty process ends by that."""
        self._open()
        if self._door is None:
            return
        self._loop.remove_reader(self._door.fileno())
        with contextlib.closing(self._door):
            self._door = None
        self._on_closed(self)
        self._loop.call_later(self._grace, self._child.signal, ends.KILL)

    def _ended(self) -> None:
        self._close()
        self.settle()
