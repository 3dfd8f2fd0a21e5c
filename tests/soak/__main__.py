"""``python -m tests.soak``, which is ``make soak``: many plugins, sustained load, workers killed at random.

Exits with 0 only if every request was answered, every plugin answers at the end, and nothing has leaked.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

import anyio
from tests.harness.daemon import ROOT, Daemon
from tests.harness.plugins import altered
from tests.hostile.__main__ import describe
from tests.soak.harm import Harm
from tests.soak.load import Counts, Load
from tests.soak.picture import draw
from tests.soak.watch import Sample, Slope, Watch, slope

from plugind_client import AsyncClient
from plugind_protocol import errors

PLUGINS: Final = 50
FRAME_PLUGINS: Final = 12
CLIENTS: Final = 4
TASKS: Final = 4
KILLS_PER_SECOND: Final = 1.7
WARM_UP_MINUTES: Final = 4.0
"""Left out of the trends, or half the time where that is less: what is kept of calls and messages fills up first."""
SETTINGS: Final = """\
console_messages = 100

[wire]
header_idle_seconds = 1.0

[supervision]
max_restarts = 1000000
backoff_first_seconds = 0.01
backoff_max_seconds = 0.2
health_interval_seconds = 2.0
health_timeout_seconds = 1.0
"""
"""Killing on purpose is no reason to give a version up; and what fills up is kept small, so that it fills early."""
MIB_PER_MINUTE: Final = 0.3
"""Growth of memory beyond this, with its error taken off three times, is a leak."""


class Seen(NamedTuple):
    """What a soak has seen."""

    counts: Counts
    harm: Harm
    samples: list[Sample]
    rest_before: Sample
    rest_after: Sample
    recovered: int

    @property
    def kills(self) -> int:
        """How many signals were sent to workers."""
        return sum(self.harm.kills.values())


async def soak(daemon: Daemon, folder: Path, seconds: float) -> Seen:
    """Load, harm and watch a daemon.

    Args:
        daemon: It must be fresh.
        folder: For the plugins.
        seconds: How long.
    """
    counts, harm, watch = Counts(), Harm(daemon.socket, seed=1), Watch(daemon.process.pid, daemon.windows())
    async with AsyncClient.connect(daemon.socket, name="soak") as client:
        callable_ids, frame_ids = await _install(client, folder)
        loads = [Load(daemon.socket, callable_ids, frame_ids, counts=counts, seed=number) for number in range(CLIENTS)]
        rest_before = await _settled(watch)
        async with anyio.create_task_group() as loading:
            for load in loads:
                await loading.start(partial(load.run, tasks=TASKS))
            await anyio.sleep(1)
            async with anyio.create_task_group() as meanwhile:
                meanwhile.start_soon(watch.run, lambda: sum(harm.kills.values()))
                for harming in (harm.trickle, harm.never_read, harm.be_rude):
                    meanwhile.start_soon(harming)
                meanwhile.start_soon(_kill, harm)
                await anyio.sleep(seconds)
                meanwhile.cancel_scope.cancel()
            for load in loads:
                load.stopping = True
        recovered = sum([await _answers(client, plugin) for plugin in (*callable_ids, *frame_ids)])
        rest_after = await _at_rest(watch, rest_before)
    return Seen(counts, harm, watch.samples, rest_before, rest_after, recovered)


async def _kill(harm: Harm) -> None:
    await harm.kill_workers(per_second=KILLS_PER_SECOND)


async def _install(client: AsyncClient, folder: Path) -> tuple[Sequence[str], Sequence[str]]:
    kinds = {"probe": ROOT / "tests" / "plugins" / "probe", "invert": ROOT / "examples" / "invert"}
    names: dict[str, list[str]] = {kind: [] for kind in kinds}
    for number in range(PLUGINS):
        kind = "invert" if number < FRAME_PLUGINS else "probe"
        name = f"soak-{kind}-{number}"
        await client.install(altered(kinds[kind], folder / name, name=name), grant="requested")
        await client.activate(name)
        names[kind].append(name)
    return names["probe"], names["invert"]


async def _answers(client: AsyncClient, plugin: str) -> bool:
    """Whether a plugin comes back: a call may still meet a worker that was stopped, and ends it by its deadline."""
    with anyio.move_on_after(30):
        while True:
            try:
                await client.call_plugin(plugin, "count", timeout_ms=1000)
            except (errors.FunctionNotFound, errors.MethodNotFound):
                return True  # a plugin for frames has said that it has no such function
            except errors.PlugindError:
                await anyio.sleep(0.1)
            else:
                return True
    return False


async def _settled(watch: Watch) -> Sample:
    """Wait until as many processes as ever are there: a worker is forked ahead once nothing was loaded for a while."""
    last = [watch.sample()]
    while len(last) < 5 or len({sample.processes for sample in last[-5:]}) > 1:
        await anyio.sleep(0.2)
        last.append(watch.sample())
    return last[-1]


async def _at_rest(watch: Watch, before: Sample) -> Sample:
    """Wait until what belongs to clients that left is gone; return what there is then, or after ten seconds."""
    with anyio.move_on_after(10):
        while (now := watch.sample()).descriptors > before.descriptors or now.processes != before.processes:
            await anyio.sleep(0.2)
    return watch.sample()


def trends(seen: Seen) -> dict[str, Slope]:
    """The slope of each watched quantity, without the time of warming up."""
    begin = _warm_up(seen)
    late = [one for one in seen.samples if one.minutes >= begin]
    names = ("memory_mib", "descriptors", "processes", "frame_files")
    return {name: slope([(one.minutes, getattr(one, name)) for one in late]) for name in names}


def _warm_up(seen: Seen) -> float:
    return min(WARM_UP_MINUTES, seen.samples[-1].minutes / 2)


def faults(seen: Seen) -> Iterator[str]:
    """Say what is not as it must be."""
    lost = seen.counts.sent - seen.counts.answered
    if lost:
        yield f"{lost} requests were not answered"
    if unexpected := set(seen.counts.outcomes) - {"result", "WorkerCrashed", "Timeout", "Overloaded"}:
        yield f"outcomes that nothing explains: {', '.join(sorted(unexpected))}"
    if seen.recovered != PLUGINS:
        yield f"{PLUGINS - seen.recovered} plugins did not come back"
    for name in ("descriptors", "processes", "frame_files"):
        before, after = getattr(seen.rest_before, name), getattr(seen.rest_after, name)
        if after > before:
            yield f"{name} leaked: {before} before, {after} after"
    memory = trends(seen)["memory_mib"]
    if memory.per_minute - 3 * memory.error > MIB_PER_MINUTE:
        yield f"memory grows: MiB {memory}"


def summary(seen: Seen, seconds: float) -> str:
    """What happened, for people."""
    counts, ordered = seen.counts, sorted(seen.counts.milliseconds)
    quantile: Callable[[float], float] = lambda part: ordered[int(part * (len(ordered) - 1))]  # noqa: E731  # used here only
    outcomes = ", ".join(f"{name} {count}" for name, count in counts.outcomes.most_common())
    kills = ", ".join(f"{name} {count}" for name, count in seen.harm.kills.most_common())
    clients = ", ".join(f"{name} {count}" for name, count in seen.harm.rude.most_common())
    lines = [
        f"conditions    {describe()}",
        f"time          {seconds / 60:.1f} min, {PLUGINS} plugins ({FRAME_PLUGINS} of them for frames)",
        f"requests      {counts.sent} sent by {CLIENTS} clients, {counts.answered} answered: {outcomes}",
        f"latency       p50 {quantile(0.5):.1f} ms, p99 {quantile(0.99):.1f} ms of those with a result",
        f"kills         {seen.kills}: {kills}",
        f"bad clients   {clients}",
        f"recovered     {seen.recovered} of {PLUGINS} plugins",
    ]
    for name, trend in trends(seen).items():
        before, after = getattr(seen.rest_before, name), getattr(seen.rest_after, name)
        lines.append(f"{name:<13} {before:.4g} at rest before, {after:.4g} after; under load {trend}")
    return "\n".join(lines)


def main() -> int:
    """Soak, draw, tell."""
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--picture", type=Path, default=ROOT / "build" / "out" / "soak.png")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="plugind-soak-") as name:
        folder = Path(name)
        (folder / "plugind.toml").write_text(SETTINGS)
        daemon = Daemon(folder, "--config", str(folder / "plugind.toml"))
        try:
            seen = anyio.run(soak, daemon, folder, given.minutes * 60, backend_options={"use_uvloop": True})
        finally:
            status = daemon.stop()
        log = daemon.log.read_text(errors="replace")
    found = [*faults(seen)]
    if status or "Traceback" in log:
        found.append(f"the daemon ended with status {status}, or has logged a traceback")
        sys.stderr.write("".join(f"{line}\n" for line in log.splitlines() if " [info " not in line)[-5000:])
    title = f"{given.minutes:g} minutes, {PLUGINS} plugins, {seen.kills} kills, {seen.counts.sent} requests"
    draw(seen.samples, given.picture, title=title, warm_up=_warm_up(seen))
    given.picture.with_suffix(".json").write_text(json.dumps([one._asdict() for one in seen.samples]))
    sys.stdout.write(summary(seen, given.minutes * 60) + "\n")
    sys.stdout.write("".join(f"FAULT: {fault}\n" for fault in found) or "no faults\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
