"""The load: clients that call plugins and process frames without end, and count what comes of each request."""

import collections
import random
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import anyio

from plugind_client import AsyncClient
from plugind_protocol import errors
from plugind_protocol.methods import FrameRef, FrameWindow

PATIENCE_SECONDS: Final = 60.0
"""A request without an answer for so long is lost."""
CALL_MS: Final = 2000
_PAUSE_SECONDS: Final = 0.004
_SIZES: Final = (10, 100, 1000, 10_000, 60_000)


class Counts:
    """What came of all requests."""

    def __init__(self) -> None:
        self.sent = 0
        self.outcomes: collections.Counter[str] = collections.Counter()
        self.milliseconds: list[float] = []
        """Latencies of the requests that had a result."""

    @property
    def answered(self) -> int:
        """How many requests have ended, one way or another."""
        return sum(self.outcomes.values())


class Load:
    """One client with several requests in flight.

    Args:
        socket: The daemon's socket.
        callable_ids: Plugins that echo, log and ask the host.
        frame_ids: Plugins that process frames.
        counts: Where outcomes are counted.
        seed: Makes its choices its own.
    """

    def __init__(
        self, socket: Path, callable_ids: Sequence[str], frame_ids: Sequence[str], *, counts: Counts, seed: int
    ) -> None:
        self._socket = socket
        self._callable = callable_ids
        self._frames = frame_ids
        self._counts = counts
        self._chance = random.Random(seed)
        self._windows: dict[str, FrameWindow] = {}
        self.stopping = False

    async def run(self, *, tasks: int, task_status: anyio.abc.TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Keep ``tasks`` requests in flight until `stopping`; then let each be answered."""
        async with AsyncClient.connect(self._socket, name="soak") as client:
            for plugin in self._frames:
                self._windows[plugin] = await client.frames_open(plugin, width=320, height=180, slots=2)
            task_status.started()
            async with anyio.create_task_group() as group:
                for _ in range(tasks):
                    group.start_soon(self._work, client)

    async def _work(self, client: AsyncClient) -> None:
        while not self.stopping:
            await self._one(client)
            await anyio.sleep(self._chance.random() * 2 * _PAUSE_SECONDS)

    async def _one(self, client: AsyncClient) -> None:
        self._counts.sent += 1
        began = time.perf_counter()
        try:
            with anyio.fail_after(PATIENCE_SECONDS):
                await self._request(client)
        except errors.PlugindError as error:
            self._counts.outcomes[type(error).__name__] += 1
        except TimeoutError:
            return  # the client's own patience is at its end: sent, never answered
        else:
            self._counts.outcomes["result"] += 1
            self._counts.milliseconds.append((time.perf_counter() - began) * 1000)

    async def _request(self, client: AsyncClient) -> None:
        what = self._chance.random()
        if what < 0.25:
            plugin = self._chance.choice(self._frames)
            frame = FrameRef(window_id=self._windows[plugin].window_id, input=0, output=1)
            await client.effects_process(plugin, "invert", frame=frame, deadline_ms=CALL_MS)
            return
        plugin = self._chance.choice(self._callable)
        if what < 0.85:
            sent = "x" * self._chance.choice(_SIZES)
            if await client.call_plugin(plugin, "echo", args=sent, timeout_ms=CALL_MS) != sent:
                self._counts.outcomes["WRONG RESULT"] += 1
        elif what < 0.95:
            asked = {"method": "system.getInfo", "params": {}}
            await client.call_plugin(plugin, "host", args=asked, timeout_ms=CALL_MS)
        else:
            await client.call_plugin(plugin, "log", args={"message": "soak"}, timeout_ms=CALL_MS)
