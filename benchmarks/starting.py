"""Start-up: from no worker to the first answer, and from a killed worker to the next one. Modules are in the cache."""

import os
import signal
import time
from collections.abc import Iterator
from typing import Any, Final

from benchmarks.compare import Comparison
from benchmarks.findings import Finding, Row, at_most
from benchmarks.measure import Sample, alternate, request
from benchmarks.peers.interpreter import fresh_interpreter
from benchmarks.plugins import PROBE, copies
from benchmarks.setting import Hosted, Setting, daemon

PAUSE_SECONDS: Final = 0.1
"""Between a plugin's end and its load, as between what people do: the daemon makes its next spare worker meanwhile."""


def starting(setting: Setting) -> Iterator[Finding]:
    """Measure loads, then returns after a kill."""
    victims = setting.runs(20, 5)
    with daemon(PROBE) as hosted, copies(PROBE, victims) as folders:
        unload = request("plugins.unload", {"pluginId": "probe"})
        call = _call("probe")

        def loads(runs: int) -> Iterator[int]:
            """Time calls that have to load their plugin."""
            for _ in range(runs):
                hosted.lines.exchange(unload)
                time.sleep(PAUSE_SECONDS)
                began = time.perf_counter_ns()
                hosted.lines.exchange(call)
                yield time.perf_counter_ns() - began

        runs = setting.runs(8)
        found = alternate({"python": fresh_interpreter}, rounds=5, runs=runs, warm_up=2)
        list(loads(2))
        found["load"] = Sample.of(list(loads(5 * runs)))
        load = Comparison(found["load"], found, unit="ms")
        what, against = "load → first answer, artefact cached, sandbox on", "a fresh Python importing the engine"
        yield load.row("start.load.ratio", f"{what}: p50", "python", against=against, goal=at_most(1 / 6))
        yield Row(
            key="start.load.ms",
            what=f"{what}: p50",
            value=found["load"].p50 / 1000,
            unit="ms",
            p99=found["load"].p99 / 1000,
            goal=at_most(10, of="value"),
        )
        hosted.install(*folders)
        killed = Sample.of([_return(hosted, folder.name) for folder in folders])
        yield Comparison(killed, found, unit="ms").row(
            "start.killed",
            "worker killed → next call answered: p50",
            "load",
            against="load → first answer",
            goal=at_most(2),
        )
        for name, sample in (("load", found["load"]), ("after a kill", killed), ("fresh Python", found["python"])):
            yield sample.spread("start", name)


def _call(plugin: str) -> bytes:
    return request("plugins.call", {"pluginId": plugin, "function": "echo", "args": 1})


def _return(hosted: Hosted, plugin: str) -> int:
    """Kill a plugin's worker; return how long it took from there to the next answer, in ns.

    Each plugin is killed once only: those that die again in a short time are started later and later. A call that the
    daemon still sends to the dying worker fails, and the next one counts.
    """
    call = _call(plugin)
    hosted.lines.exchange(call)
    time.sleep(PAUSE_SECONDS)
    info: Any = hosted.lines.ask("plugins.get", {"pluginId": plugin})
    began = time.perf_counter_ns()
    os.kill(info["pid"], signal.SIGKILL)
    while b'"result"' not in hosted.lines.exchange(call):
        pass
    return time.perf_counter_ns() - began
