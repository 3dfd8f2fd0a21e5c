"""Compares what workers use with their limits, and warns before a limit ends them."""

import datetime as dt
from collections.abc import Callable, Iterator
from typing import Literal

import anyio

from plugind.policy import limits
from plugind.services.catalog import Catalog
from plugind.services.runtime import Runtime
from plugind.supervisor import resources
from plugind.supervisor.worker import Worker
from plugind_protocol.methods import ResourceWarning as Warning_

Resource = Literal["memoryBytes", "cpuSeconds"]


class UsageWatch:
    """Watches workers that have been called since it last looked; idle ones cost nothing.

    Args:
        catalog: The installed plugins.
        warn: Called with each warning.
    """

    def __init__(self, catalog: Catalog, warn: Callable[[Warning_], None]) -> None:
        self._catalog = catalog
        self._warn = warn
        self._warned: set[tuple[int, Resource]] = set()
        self._calls: dict[int, int] = {}

    async def watch(self, interval: float) -> None:
        """Look at the workers from time to time; never returns.

        Args:
            interval: Seconds.
        """
        while True:
            await anyio.sleep(interval)
            self.look()

    def look(self) -> None:
        """Look at every worker that was called, and warn of those near a limit."""
        running = [(runtime, runtime.worker) for runtime in self._catalog.runtimes.values() if runtime.worker]
        pids = {worker.pid for _, worker in running}
        self._calls = {pid: calls for pid, calls in self._calls.items() if pid in pids}
        self._warned = {key for key in self._warned if key[0] in pids}
        for runtime, worker in running:
            if not worker.idle or self._calls.get(worker.pid) != runtime.meter.calls:
                self._calls[worker.pid] = runtime.meter.calls
                self._compare(runtime, worker)

    def _compare(self, runtime: Runtime, worker: Worker) -> None:
        for resource, used, limit in self._usage(runtime, worker):
            key = (worker.pid, resource)
            near = limits.warns(used, limit, warned=key in self._warned)
            if near and limit is not None and key not in self._warned:
                self._warn(
                    Warning_(
                        plugin_id=runtime.plugin_id,
                        resource=resource,
                        used=used,
                        limit=limit,
                        at=dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds"),
                    )
                )
            (self._warned.add if near else self._warned.discard)(key)

    @staticmethod
    def _usage(runtime: Runtime, worker: Worker) -> Iterator[tuple[Resource, float, float | None]]:
        used = resources.use(worker.pid)
        if used is not None:  # else it has just ended
            in_force = runtime.installed.limits
            yield "memoryBytes", max(0, used.private_bytes - worker.base_bytes), in_force.memory_bytes
            yield "cpuSeconds", used.cpu_seconds, in_force.cpu_seconds
