"""Density: what an idle plugin costs in memory and processor time, and what it costs the calls of others."""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import psutil
from benchmarks.calls import echo
from benchmarks.compare import Comparison, Missing
from benchmarks.findings import Finding, Row, at_most
from benchmarks.measure import Sample, alternate
from benchmarks.peers.node_host import private_bytes_of_a_plugin
from benchmarks.plugins import PROBE, copies
from benchmarks.setting import Hosted, Setting, daemon

PLUGINS: Final = 100
IN_QUICK: Final = 20
SETTLING_SECONDS: Final = 13.0
"""Longer than it takes until idle workers are parked; after that, nobody is to wake them."""
IDLE_SECONDS: Final = 20.0
IDLE_SECONDS_IN_QUICK: Final = 4.0
MB: Final = 1_000_000


def density(setting: Setting) -> Iterator[Finding]:
    """Load plugins, look at what they cost while nobody calls them, then call one of them."""
    count = IN_QUICK if setting.quick else PLUGINS
    with copies(PROBE, count) as folders, daemon(PROBE) as one, daemon() as many:
        load(many, folders)
        one.lines.exchange(echo())
        time.sleep(SETTLING_SECONDS)
        yield from _memory(many, count)
        yield from _idle(many, count, IDLE_SECONDS_IN_QUICK if setting.quick else IDLE_SECONDS)
        found = beside_one(one, many, folders[0].name, runs=setting.runs(500, 100))
        yield Comparison(found["many"], found).row(
            "density.call",
            f"`plugins.call`, 1 KB, {count} plugins loaded: p50",
            "one",
            against="with one plugin loaded",
            goal=at_most(1.1),
        )


def load(hosted: Hosted, folders: Sequence[Path]) -> None:
    """Install plugins, and call each once, which loads it."""
    hosted.install(*folders)
    for folder in folders:
        answer = hosted.lines.exchange(echo(folder.name))
        if b'"result"' not in answer:
            raise RuntimeError(f"{folder.name} does not answer: {answer[:300]!r}")


def beside_one(one: Hosted, many: Hosted, plugin: str, *, runs: int) -> dict[str, Sample]:
    """Time calls in turns: ``one`` in a daemon with one plugin, ``many`` in a daemon with many.

    Args:
        one: A daemon with the probe.
        many: A daemon with many plugins.
        plugin: Which of those is called.
        runs: Of each turn.
    """
    alone, among = echo(), echo(plugin)
    candidates = {"one": lambda: one.lines.exchange(alone), "many": lambda: many.lines.exchange(among)}
    return alternate(candidates, rounds=10, runs=runs, warm_up=runs)


def _memory(many: Hosted, count: int) -> Iterator[Row]:
    """Private memory: what would be free if the process were not there. Libraries and forked pages count for nobody."""
    daemon_itself = psutil.Process(many.pid)
    others = daemon_itself.children(recursive=True)
    private = {process.pid: process.memory_full_info().uss / MB for process in (daemon_itself, *others)}
    workers = sorted(private[process.pid] for process in others)[-count:]  # the zygote has less than any worker
    try:
        node, missing = private_bytes_of_a_plugin() / MB, ""
    except Missing as error:
        node, missing = None, str(error)
    each, total = sum(workers) / len(workers), sum(private.values())
    whole = at_most(4 * PLUGINS, of="value") if count == PLUGINS else None
    for key, what, value, peers, goal in (
        ("density.memory", f"private memory per idle plugin, of {count}", each, 1, at_most(4, of="value")),
        ("density.total", f"private memory of all processes, {count} idle plugins", total, count, whole),
    ):
        peer = None if node is None else node * peers
        yield Row(
            key=key,
            what=what,
            value=value,
            unit="MB",
            against="a Node process" + (" per plugin" if peers > 1 else ""),
            peer=peer,
            ratio=None if peer is None else value / peer,
            goal=goal,
            missing=missing,
        )


class Activity(NamedTuple):
    """What a process has done since it began."""

    seconds: float
    """Of processor time, all threads."""
    wake_ups: int
    """How often a thread of it went to sleep of its own will, and so was woken."""


def _activity(pid: int) -> Activity:
    seconds, wake_ups = 0.0, 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        seconds += int((task / "schedstat").read_text().split()[0]) / 1e9
        status = (task / "status").read_text()
        wake_ups += int(status.partition("\nvoluntary_ctxt_switches:")[2].split()[0])
    return Activity(seconds, wake_ups)


def _idle(many: Hosted, count: int, seconds: float) -> Iterator[Row]:
    """Watch everything while nobody asks for anything."""
    workers = [process.pid for process in psutil.Process(many.pid).children(recursive=True)]
    before, began = _activity(many.pid), time.monotonic()
    theirs = sum(_activity(pid).wake_ups for pid in workers)
    time.sleep(seconds)
    after, took = _activity(many.pid), time.monotonic() - began
    woken = sum(_activity(pid).wake_ups for pid in workers if psutil.pid_exists(pid)) - theirs
    yield Row(
        key="density.idle",
        what=f"idle daemon, {count} plugins loaded: part of a processor",
        value=(after.seconds - before.seconds) / took * 100,
        unit="%",
        goal=at_most(0.3, of="value"),
    )
    yield Row(
        key="density.wakes.daemon",
        what=f"idle daemon, {count} plugins loaded: wake-ups",
        value=(after.wake_ups - before.wake_ups) / took,
        unit="/s",
    )
    yield Row(
        key="density.wakes.plugins",
        what=f"idle workers: wake-ups per plugin, over {took:.0f} s",
        value=max(0, woken) / count / took,
        unit="/s",
        goal=at_most(0, of="value"),
    )
