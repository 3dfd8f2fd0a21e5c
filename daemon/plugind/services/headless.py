"""Keeps the headless host running, and passes ``headless.*`` on to it."""

import asyncio
import random
import socket
from collections.abc import Callable
from typing import Any, Final

import anyio
import anyio.abc
import msgspec
import structlog

from plugind.errors import StartupError
from plugind.host.headless import HeadlessProcess
from plugind.rpc.connection import Connection
from plugind.rpc.session import Session
from plugind.supervisor import restart
from plugind_protocol.errors import HostUnavailable
from plugind_protocol.headless import ChooseMenu, HeadlessSet
from plugind_protocol.methods import Empty

_log: Final = structlog.get_logger(__name__)


class HeadlessService:
    """The headless host, as far as the daemon is concerned.

    Args:
        make: Makes a process that is not started yet; None where the daemon has no headless host.
        connection: Makes the protocol of a client connection.
        policy: How often and how soon it may start again.
        tasks: Where it is watched.
    """

    def __init__(
        self,
        make: Callable[[], HeadlessProcess] | None,
        connection: Callable[[], Connection],
        *,
        policy: restart.Policy,
        tasks: anyio.abc.TaskGroup,
    ) -> None:
        self._make = make
        self._connection = connection
        self._policy = policy
        self._tasks = tasks
        self._session: Session | None = None
        self._process: HeadlessProcess | None = None
        self._stopping = False

    @property
    def pid(self) -> int | None:
        """Of the process, while there is one."""
        return None if self._process is None else self._process.pid

    async def start(self) -> None:
        """Start it, if there is to be one, and watch it from then on.

        Raises:
            StartupError: It did not come up.
        """
        if self._make is not None:
            await self._launch(self._make)
            self._tasks.start_soon(self._watch, self._make)

    async def stop(self) -> None:
        """End it: its client connection, and then its process."""
        self._stopping = True
        if self._session is not None:
            self._session.close()
        if self._process is not None:
            await self._process.stop()

    async def state(self, _session: Session, params: Empty) -> msgspec.Raw:
        """Tell what it has."""
        return await self._ask("headless.state", params)

    async def set(self, _session: Session, params: HeadlessSet) -> msgspec.Raw:
        """Move its playhead, or select clips."""
        return await self._ask("headless.set", params)

    async def choose_menu(self, _session: Session, params: ChooseMenu) -> msgspec.Raw:
        """Choose one of its menu items."""
        return await self._ask("headless.chooseMenu", params)

    async def reload(self, _session: Session, params: Empty) -> msgspec.Raw:
        """Let it read its project again."""
        return await self._ask("headless.reload", params)

    async def _ask(self, method: str, params: Any) -> msgspec.Raw:
        if self._make is None:
            raise HostUnavailable(
                f"{method}: this daemon has no headless host", hint="Start it with plugind --host headless."
            )
        if self._session is None or self._session.closed:
            raise HostUnavailable(f"{method}: the headless host is not running", hint="The daemon's log says why.")
        return await self._session.request(method, params)

    async def _launch(self, make: Callable[[], HeadlessProcess]) -> None:
        self._process = make()
        attached: list[Session] = []

        async def attach(sock: socket.socket) -> None:
            """Make a client of our end of the socket pair; it steps back for editors."""
            loop = asyncio.get_running_loop()
            _, connection = await loop.connect_accepted_socket(self._connection, sock)
            connection.session.fallback = True
            attached.append(connection.session)

        try:
            await self._process.start(attach, self._tasks)
        except BaseException:
            for session in attached:
                session.close()
            raise
        (self._session,) = attached  # now that it has introduced itself: before, it can be asked nothing
        _log.info("headless host is ready", pid=self._process.pid)

    async def _watch(self, make: Callable[[], HeadlessProcess]) -> None:
        crashes: list[float] = []
        while True:
            assert self._process is not None
            status = await self._process.wait()
            if self._stopping:
                return
            if self._session is not None:
                self._session.abort()
            crashes.append(anyio.current_time())
            decision = restart.decide(crashes, crashes[-1], policy=self._policy, jitter=random.random())  # noqa: S311  # no secret
            if isinstance(decision, restart.GiveUp):
                _log.error("headless host ended too often and stays down", crashes=decision.crashes, status=status)
                return
            _log.error("headless host ended, it is started again", status=status)
            await anyio.sleep(max(0.0, decision.not_before - anyio.current_time()))
            try:
                await self._launch(make)
            except StartupError as exc:
                _log.error("headless host cannot be started again", reason=str(exc))
