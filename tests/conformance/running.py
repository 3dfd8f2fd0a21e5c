"""A plugin that runs in a real worker, and the host that it talks to."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from plugind.supervisor.meter import Meter
from plugind.supervisor.worker import Call, Worker
from plugind_protocol.errors import MemoryLimit, PlugindError, Timeout, Trap, WorkerCrashed

Host = Callable[[str, Any], Any]
"""Answers a host call: method and params in, result out; a `PlugindError` raised is the answer too."""
Start = Callable[..., Awaitable["Running"]]
"""Starts a plugin: its module's text, what its host answers, its limits."""


class Running:
    """A plugin and its worker."""

    worker: Worker

    def __init__(self, host: Host | None) -> None:
        self.meter = Meter()
        self.logs: list[tuple[int, str]] = []
        self.asked: list[tuple[str, Any]] = []
        self.traps: list[Trap | MemoryLimit] = []
        self.number = 0
        """Of the call that asked last."""
        self.heard = asyncio.Event()
        """Set when the guest has logged or asked something."""
        self._host = host

    async def call(self, name: str, args: Any = None, *, timeout: float = 20) -> Any:
        """Call a function; return its decoded result."""
        return msgspec.json.decode(await self.begin(name, args, timeout=timeout))

    def begin(self, name: str, args: Any = None, *, timeout: float = 20) -> Call:
        """Begin a call."""
        raw = args if isinstance(args, bytes) else msgspec.json.encode(args)
        return self.worker.call(name, raw, timeout=timeout)

    # --- what the worker reports -------------------------------------------------------------------------------

    def host_call(self, worker: Worker, number: int, method: bytes, params: bytes) -> None:
        self.number = number
        self.asked.append((method.decode(), msgspec.json.decode(params)))
        self.heard.set()
        if self._host is None:
            return  # a test answers, or nobody
        try:
            worker.answer_host_call(number, msgspec.json.encode(self._host(*self.asked[-1])))
        except PlugindError as error:
            worker.answer_host_call(number, error)

    def logged(self, level: int, text: str) -> None:
        self.logs.append((level, text))
        self.heard.set()

    def dropped(self, count: int) -> None:
        raise AssertionError(f"{count} messages dropped")

    def trapped(self, worker: Worker, error: Trap | MemoryLimit) -> None:
        self.traps.append(error)

    def overdue(self, worker: Worker, error: Timeout) -> None:
        """Nothing to do: no capsules are written here."""

    def ended(self, worker: Worker, error: WorkerCrashed, *, expected: bool) -> None:
        """Nothing to do: calls are answered by the worker itself."""
