"""Where the host's own disk work runs: in threads, one piece per plugin at a time, few at once for all of them."""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

import anyio
import anyio.to_thread

T = TypeVar("T")


class HostThreads:
    """Runs functions of one plugin one after the other, in the order they came; of several plugins side by side.

    A guest asks for one thing at a time. But a host call that was given up goes on to its end once it has begun, and
    what is asked for next comes after it: so a plugin reads what it has written, and holds one thread however slow a
    disk is.

    Args:
        at_once: Threads for all plugins together.
    """

    def __init__(self, at_once: int = 16) -> None:
        self._at_once = at_once
        self._limiter: anyio.CapacityLimiter | None = None  # belongs to the event loop it is first used in
        self._last: dict[str, asyncio.Task[Any]] = {}

    def busy(self, plugin_id: str) -> bool:
        """Whether something of a plugin runs or waits."""
        return plugin_id in self._last

    async def run(self, plugin_id: str, function: Callable[[], T]) -> T:
        """Run a function in a thread, when everything that its plugin asked for before has ended.

        Args:
            plugin_id: Whose it is.
            function: May block. Who stops waiting does not interrupt it; one that has not begun by then never does.
        """
        turn = _Turn(function, self._last.get(plugin_id))
        task = asyncio.get_running_loop().create_task(turn.take(self._bound()))
        self._last[plugin_id] = task
        task.add_done_callback(lambda _task: self._ended(plugin_id, task))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            turn.wanted = False
            raise

    async def idle(self) -> None:
        """Wait until nothing runs."""
        while self._last:
            await asyncio.wait(list(self._last.values()))

    def _bound(self) -> anyio.CapacityLimiter:
        if self._limiter is None:
            self._limiter = anyio.CapacityLimiter(self._at_once)
        return self._limiter

    def _ended(self, plugin_id: str, task: "asyncio.Task[Any]") -> None:
        if self._last.get(plugin_id) is task:
            del self._last[plugin_id]
        if not task.cancelled():
            task.exception()  # whoever asked may be gone


class _Turn:
    """One function that waits for its turn.

    Args:
        function: What to run.
        before: What must have ended first.
    """

    def __init__(self, function: Callable[[], Any], before: "asyncio.Task[Any] | None") -> None:
        self.wanted = True
        self._function = function
        self._before = before

    async def take(self, limiter: anyio.CapacityLimiter) -> Any:
        """Wait, and run."""
        before, self._before = self._before, None
        if before is not None:
            await asyncio.wait([before])
        return await anyio.to_thread.run_sync(self._run, limiter=limiter)

    def _run(self) -> Any:
        return self._function() if self.wanted else None
