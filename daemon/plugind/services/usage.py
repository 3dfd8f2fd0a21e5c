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

Resource = Literal["memoryBytes", "cpuSeconds", "storageBytes"]


class UsageWatch:
    """Watches workers that have been called since it last looked; idle ones cost nothing.

    Args:
        catalog: The installed plugins.
        warn: Called with each warning.
    """

    def __init__(self, catalog: Catalog, warn: Callable[[Warning_], None]) -> None:
        self._catalog = catalog
        self._warn = warn
        self._warned: set[tuple[str, int, Resource]] = set()
        self._calls: dict[tuple[str, int], int] = {}

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
        running = [(runtime, worker) for runtime in self._catalog.runtimes.values() for worker in runtime.workers]
        places = {(runtime.plugin_id, worker.pid) for runtime, worker in running}
        self._calls = {place: calls for place, calls in self._calls.items() if place in places}
        self._warned = {key for key in self._warned if key[:2] in places}
        for runtime, worker in running:
            place = (runtime.plugin_id, worker.pid)
            if not worker.idle or self._calls.get(place) != runtime.meter.calls:
                self._calls[place] = runtime.meter.calls
                self._compare(runtime, worker)

    def _compare(self, runtime: Runtime, worker: Worker) -> None:
        for resource, used, limit in self._usage(runtime, worker):
            key = (runtime.plugin_id, worker.pid, resource)
            near = limits.warns(used, limit, warned=key in self._warned)
            if near and limit is not None and key not in self._warned:
                self._warn(warning(runtime.plugin_id, resource, used, limit))
            (self._warned.add if near else self._warned.discard)(key)

    def _usage(self, runtime: Runtime, worker: Worker) -> Iterator[tuple[Resource, float, float | None]]:
        used = resources.use(worker.pid)
        if used is not None:  # else it has just ended
            names = (runtime.plugin_id, *worker.neighbours)
            in_force = [self._catalog.get(name).installed.limits for name in names if name in self._catalog.runtimes]
            memory = [one.memory_bytes for one in in_force]
            cpu = [one.cpu_seconds for one in in_force]
            yield "memoryBytes", max(0, used.private_bytes - worker.base_bytes), _together(memory)
            yield "cpuSeconds", used.cpu_seconds, _together(cpu)


def warning(plugin_id: str, resource: Resource, used: float, limit: float) -> Warning_:
    """Return the warning that a plugin has used most of what it may use."""
    at = dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds")
    return Warning_(plugin_id=plugin_id, resource=resource, used=used, limit=limit, at=at)


def _together(each: list[int | None]) -> int | None:
    """Return what plugins that share a process may use together; no limit where one has none."""
    return None if None in each else sum(filter(None, each))
