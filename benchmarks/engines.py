"""Compares the engines: how long a module takes to compile and load, and a call and a frame, one after the other.

Workers are real and under the whole sandbox; calls start in this process's supervisor, so that no client counts. The
engines take turns, so that what else the machine does hits both.
"""

import asyncio
import hashlib
import mmap
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import uvloop

from plugind.pace import Pace
from plugind.policy.plan import LaunchPlan
from plugind.supervisor.artefacts import ArtefactCache
from plugind.supervisor.compiler import CompileLimits, Compiler
from plugind.supervisor.engines import Engines
from plugind.supervisor.meter import Meter
from plugind.supervisor.pool import Pool, Timings
from plugind.supervisor.worker import Worker
from plugind_protocol.errors import MemoryLimit, Timeout, Trap, WorkerCrashed
from plugind_protocol.frames import Layout, PixelFormat, layout
from plugind_protocol.manifest import Limits
from plugind_protocol.worker import PROCESSED, Window

EXAMPLES = Path(__file__).parents[1] / "examples"
LIMITS = CompileLimits(seconds=60, cpu_seconds=60, memory_bytes=1 << 30, artefact_bytes=1 << 28)
ROUNDS = 5
CALLS = 2000
FRAMES = 60


class Host:
    """Answers what the examples ask: the handle of their effect."""

    def host_call(self, worker: Worker, number: int, _method: bytes, _params: bytes) -> None:
        """Answer."""
        worker.answer_host_call(number, b'{"effect":1}')

    def logged(self, level: int, text: str) -> None:
        """Drop it."""

    def dropped(self, count: int) -> None:
        """Drop it."""

    def trapped(self, _worker: Worker, error: Trap | MemoryLimit) -> None:
        """Fail."""
        raise error

    def overdue(self, _worker: Worker, error: Timeout) -> None:
        """Fail."""
        raise error

    def ended(self, worker: Worker, error: WorkerCrashed, *, expected: bool) -> None:
        """Nothing to do."""


def plan(module: Path, engine: str) -> LaunchPlan:
    """Describe how an example is run."""
    return LaunchPlan(
        plugin_id=module.parent.name,
        version="1",
        module=str(module),
        module_hash=hashlib.sha256(module.read_bytes()).hexdigest(),
        text=module.suffix == ".wat",
        engine=engine,
        abi="",
        limits=Limits(memory_bytes=256 << 20),
    )


async def timed(run: Callable[[], Awaitable[object]], count: int) -> list[float]:
    """Run something again and again; return how long each took, in s."""
    taken = []
    for _ in range(count):
        began = time.perf_counter()
        await run()
        taken.append(time.perf_counter() - began)
    return taken


async def measure(engines: Engines, names: list[str], folder: Path) -> dict[str, dict[str, list[float]]]:
    """Measure each engine in turns; return seconds by engine and what was measured."""
    figures: dict[str, dict[str, list[float]]] = {name: {} for name in names}
    pace = Pace()
    pool = Pool(
        Compiler(ArtefactCache(folder / "cache", max_bytes=1 << 30), LIMITS, pace=pace),
        engines,
        pace=pace,
        timings=Timings(load=10, kill_grace=1),
        max_queued=100,
        max_result_bytes=1 << 20,
    )
    frame = layout(width=1920, height=1080, pixel_format=PixelFormat.RGBA8, slots=1)
    for name in names:
        await pool.engine(name)
        figures[name]["compile color-grade"] = await timed(lambda n=name: compile_once(pool, n), 1)  # type: ignore[misc]
    try:
        for _ in range(ROUNDS):
            for name in names:
                figure = figures[name]
                began = time.perf_counter()
                adder = await pool.launch(plan(EXAMPLES / "adder" / "adder.wat", name), owner=Host(), meter=Meter())
                figure.setdefault("start a worker", []).append(time.perf_counter() - began)
                taken = await timed(lambda w=adder: w.call("add", b"[2,3]", timeout=10), CALLS)  # type: ignore[misc]
                figure.setdefault("a call", []).extend(taken[CALLS // 10 :])
                await adder.stop()
                invert = await pool.launch(plan(EXAMPLES / "invert" / "plugin.wasm", name), owner=Host(), meter=Meter())
                figure.setdefault("a frame, in the guest", []).extend(await frames(invert, frame))
                await invert.stop()
    finally:
        await pool.stop()
    return figures


async def compile_once(pool: Pool, engine: str) -> None:
    """Compile the largest example that both engines take."""
    made = plan(EXAMPLES / "color-grade" / "plugin.wasm", engine)
    await pool.compile(Path(made.module), made.module_hash, text=False, engine=engine)


async def frames(worker: Worker, frame: Layout) -> list[float]:
    """Invert frames of 1080p; return the time in the guest of each, in s."""
    await worker.hook("lifecycle.load", timeout=10)
    await worker.hook("lifecycle.activate", timeout=10)
    with tempfile.TemporaryFile(dir="/dev/shm") as file:  # shared memory, as the daemon's windows
        file.truncate(frame.window_bytes)
        with mmap.mmap(file.fileno(), frame.window_bytes) as view:
            view[:] = bytes(range(256)) * (frame.window_bytes // 256)
            window = msgspec.convert(
                {**msgspec.structs.asdict(frame), "window": 1, "format": int(frame.format)}, Window, strict=False
            )
            await worker.open_window(window, file.fileno(), timeout=10)
            taken = []
            for _ in range(FRAMES):
                answer = await worker.process(1, 1, slots=(0, 0), pts_us=0, params=b"{}", timeout=10)
                code, elapsed = PROCESSED.unpack(answer)
                assert code == 0, code
                taken.append(elapsed / 1e6)
            await worker.close_window(window, timeout=10)
    return taken[FRAMES // 10 :]


async def main() -> None:
    """Measure and print."""
    engines = Engines(wasmer=None)
    await engines.find()
    names = [info.name for info in engines.infos if info.available]
    for info in engines.infos:
        print(f"{info.name} {info.version if info.available else f'is missing: {info.reason}'}")
    with tempfile.TemporaryDirectory() as folder:
        figures = await measure(engines, names, Path(folder))
    print(
        f"\n{'':24}"
        + "".join(f"{name:>24}" for name in names)
        + "\n"
        + " " * 24
        + "        median      p99" * len(names)
    )
    for what in figures[names[0]]:
        row = "".join(
            f"{statistics.median(f[what]) * 1e6:>12.0f} {p99(f[what]) * 1e6:>8.0f} µs" for f in figures.values()
        )
        print(f"{what:24}{row}")


def p99(values: list[float]) -> float:
    """Return the value that one in a hundred is above."""
    return sorted(values)[min(len(values) - 1, int(len(values) * 0.99))]


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
