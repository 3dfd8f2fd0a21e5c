"""Frames of a stateless effect on several workers of one plugin: in order, and nothing else of it doubled."""

import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import numpy as np
import psutil
import pytest
from tests.harness.daemon import Daemon
from tests.harness.waiting import until

from plugind_client import AsyncClient, FrameBuffers
from plugind_protocol import errors
from plugind_protocol.methods import FrameRef, FrameWindow, LimitChanges

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.process,
    pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="one processor runs one worker"),
]

rng = np.random.default_rng(7)


class Frames:
    """A window of a plugin, and frames through one of its effects."""

    def __init__(self, client: AsyncClient, daemon: Daemon, window: FrameWindow, buffers: FrameBuffers) -> None:
        self.client = client
        self.daemon = daemon
        self.window = window
        self.buffers = buffers
        self.errors: list[errors.PlugindError] = []

    def noise(self, slot: int) -> np.ndarray:
        array = self.buffers.array(slot)
        array[...] = rng.integers(0, 256, array.shape, dtype=np.uint8)
        return array.copy()

    async def run(
        self, source: int, target: int, wrong: str | None = None, *, effect: str = "steady", deadline_ms: int = 10_000
    ) -> None:
        frame = FrameRef(window_id=self.window.window_id, input=source, output=target, pts_us=5)
        params = {} if wrong is None else {wrong: [0, 10]}
        try:
            await self.client.effects_process("steady", effect, frame=frame, params=params, deadline_ms=deadline_ms)
        except errors.PlugindError as exc:
            self.errors.append(exc)

    async def together(self, *slots: tuple[int, int], wrong: str | None = None, effect: str = "steady") -> None:
        async with anyio.create_task_group() as tasks:
            for source, target in slots:
                tasks.start_soon(lambda s=source, t=target: self.run(s, t, wrong, effect=effect))

    async def reinforced(self) -> set[int]:
        """Keep the plugin busy until a second worker is there; return the pids of both, the plugin's own first."""
        with anyio.fail_after(40):
            while await self.workers() < 2:
                await self.together((0, 1), (2, 3), (4, 5), wrong="wait")
        assert self.errors == []
        return await self.pids()

    async def workers(self) -> int:
        (metrics,) = (await self.client.daemon_metrics()).plugins
        return metrics.workers

    async def pids(self) -> set[int]:
        """The processes of the plugin's workers: those that have the window mapped, beside the daemon and us."""
        name = Path(self.window.path).name
        children = psutil.Process(self.daemon.process.pid).children(recursive=True)
        return {child.pid for child in children if name in _maps(child.pid)}

    async def own(self) -> int:
        pid = (await self.client.get_plugin("steady")).pid
        assert pid is not None
        return pid


@asynccontextmanager
async def opened(client: AsyncClient, daemon: Daemon, plugins: Path, slots: int = 12) -> AsyncIterator[Frames]:
    await client.install(str(plugins / "steady"), grant="requested")
    window = await client.frames_open("steady", width=64, height=48, slots=slots)
    with FrameBuffers(window) as buffers:
        yield Frames(client, daemon, window, buffers)


def _maps(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/maps").read_text()
    except OSError:  # it has ended
        return ""


def inverted(picture: np.ndarray) -> np.ndarray:
    return picture ^ np.array([255, 255, 255, 0], np.uint8)


async def test_frames_are_shared_out_and_each_is_right(client: AsyncClient, daemon: Daemon, plugins: Path) -> None:
    async with opened(client, daemon, plugins) as frames:
        pids = await frames.reinforced()
        assert len(pids) == 2
        assert await frames.own() in pids
        for _ in range(5):
            pictures = [frames.noise(slot) for slot in range(0, 12, 2)]
            await frames.together(*[(slot, slot + 1) for slot in range(0, 12, 2)])
            for index, picture in enumerate(pictures):
                assert np.array_equal(frames.buffers.array(2 * index + 1), inverted(picture))
        assert frames.errors == []
        (effect,) = [one for one in await client.effects_list("steady") if one.effect_id == "steady"]
        assert effect.parallel


async def test_frames_that_share_slots_keep_their_order(client: AsyncClient, daemon: Daemon, plugins: Path) -> None:
    async with opened(client, daemon, plugins) as frames:
        await frames.reinforced()
        for _ in range(10):
            picture = frames.noise(0)
            frames.noise(6)
            # two chains, link by link, with effects that may and that may not go to any worker
            async with anyio.create_task_group() as tasks:
                for at in range(5):
                    tasks.start_soon(lambda at=at: frames.run(at, at + 1, effect=("steady", "single")[at % 2]))
                    tasks.start_soon(frames.run, 6 + at, 7 + at)
            assert frames.errors == []
            assert np.array_equal(frames.buffers.array(5), inverted(picture))
            assert np.array_equal(frames.buffers.array(11), inverted(frames.buffers.array(6)))


async def test_an_effect_with_a_state_stays_on_one_worker(client: AsyncClient, daemon: Daemon, plugins: Path) -> None:
    async with opened(client, daemon, plugins) as frames:
        for _ in range(3):
            await frames.together((0, 1), (2, 3), (4, 5), wrong="wait", effect="single")
        assert await frames.workers() == 1
        assert len(await frames.pids()) == 1


@pytest.mark.parametrize("whose", ["its own", "a helper"])
async def test_one_of_two_is_killed_in_the_middle(
    client: AsyncClient, daemon: Daemon, plugins: Path, whose: str
) -> None:
    async with opened(client, daemon, plugins) as frames:
        both = await frames.reinforced()
        victim = await frames.own() if whose == "its own" else next(iter(both - {await frames.own()}))
        picture = frames.noise(0)
        frames.noise(1)[0] = frames.noise(3)[0] = 0
        async with anyio.create_task_group() as tasks:
            for slots in ((0, 1), (2, 3)):
                tasks.start_soon(lambda slots=slots: frames.run(*slots, "spin", deadline_ms=1500))
            with anyio.fail_after(40):  # both have begun
                while not all((frames.buffers.array(slot)[0] == 0xAA).all() for slot in (1, 3)):
                    await client.daemon_status()
            os.kill(victim, signal.SIGKILL)
        assert sorted(type(error).__name__ for error in frames.errors) == ["Timeout", "WorkerCrashed"]
        (metrics,) = (await client.daemon_metrics()).plugins
        assert metrics.crashes == 1
        frames.errors.clear()
        await frames.run(0, 1)
        assert np.array_equal(frames.buffers.array(1), inverted(picture))
        await frames.reinforced()
        await frames.together((0, 1), (2, 3), (4, 5), wrong="wait")  # one that was stopped maps its windows again then
        pids = await frames.pids()
        assert victim not in pids
        assert len(pids) == 2


async def test_traps_of_all_workers_count_together(client: AsyncClient, daemon: Daemon, plugins: Path) -> None:
    async with opened(client, daemon, plugins) as frames:
        await frames.reinforced()
        await frames.together(*[(slot, slot + 1) for slot in range(0, 8, 2)], wrong="trap")
        assert {type(error) for error in frames.errors} <= {errors.Trap, errors.WorkerCrashed, errors.Quarantined}
        with anyio.fail_after(40):
            while await frames.pids():
                await client.daemon_status()
        assert (await client.get_plugin("steady")).quarantine
        assert await client.capsules_list("steady")


@pytest.mark.parametrize("end", ["unload", "disable", "deactivated", "uninstall", "limits"])
async def test_helpers_go_with_the_plugin(client: AsyncClient, daemon: Daemon, plugins: Path, end: str) -> None:
    async with opened(client, daemon, plugins) as frames:
        await frames.reinforced()
        own = await frames.own()
        if end == "limits":
            await client.set_resource_limits("steady", LimitChanges(memory_bytes=1 << 25))
            assert await frames.pids() == {own}  # they are gone before it answers
            await client.set_resource_limits("steady", LimitChanges(cpu_seconds=1000))
            for _ in range(3):
                await frames.together((0, 1), (2, 3), (4, 5), wrong="wait")
            assert await frames.pids() == {own}
        elif end == "deactivated":
            await client.reload("steady")
            assert len(await frames.pids()) == 1
        else:
            await getattr(client, end)("steady")
            assert await frames.pids() == set()


async def test_windows_come_and_go_on_all_workers(client: AsyncClient, daemon: Daemon, plugins: Path) -> None:
    async with opened(client, daemon, plugins) as frames:
        await frames.reinforced()
        window = await client.frames_open("steady", width=80, height=60, slots=8)
        with FrameBuffers(window) as buffers:
            other = Frames(client, daemon, window, buffers)
            pictures = [other.noise(slot) for slot in range(0, 8, 2)]
            await other.together(*[(slot, slot + 1) for slot in range(0, 8, 2)])
            assert other.errors == []
            for index, picture in enumerate(pictures):
                assert np.array_equal(buffers.array(2 * index + 1), inverted(picture))
        await client.frames_close(window.window_id)
        mapped = Path(window.path).name
        for pid in await frames.pids():
            assert mapped not in _maps(pid)


async def test_a_helper_asks_its_host_for_nothing(client: AsyncClient, daemon: Daemon, plugins: Path) -> None:
    async with opened(client, daemon, plugins) as frames:
        await frames.reinforced()
        before = (await client.daemon_metrics()).plugins[0]
        picture = frames.noise(0)
        await frames.together((0, 1), (0, 2), (0, 3), (0, 4), wrong="ask")
        assert frames.errors == []
        for slot in range(1, 5):  # refused or not, the frame is there
            assert np.array_equal(frames.buffers.array(slot), inverted(picture))
        assert (await client.daemon_metrics()).plugins[0].host_calls == before.host_calls + 4


async def test_an_effect_that_only_one_worker_has_says_so(client: AsyncClient, daemon: Daemon, plugins: Path) -> None:
    await client.install(str(plugins / "probe"), grant="requested")
    await client.activate("probe")
    definition = {"id": "copy", "parallel": True}
    await client.call_plugin("probe", "host", args={"method": "effects.register", "params": definition})
    window = await client.frames_open("probe", width=64, height=64, slots=8)

    async def run(slot: int) -> None:
        frame = FrameRef(window_id=window.window_id, input=slot, output=slot + 1)
        await client.effects_process("probe", "copy", frame=frame)

    with anyio.fail_after(40):
        while not any("runs on one worker" in one.message for one in (await client.console_get("probe")).messages):
            async with anyio.create_task_group() as tasks:
                for slot in range(0, 8, 2):
                    tasks.start_soon(run, slot)


async def test_idle_helpers_end_and_the_count_is_bounded(
    start: Callable[..., Daemon], plugins: Path, tmp_path: Path
) -> None:
    settings = tmp_path / "plugind.toml"
    settings.write_text("[supervision]\nparallel_workers = 64\nparallel_idle_seconds = 0.5\n")
    daemon = start("--config", str(settings))
    async with AsyncClient.connect(daemon.socket) as client, opened(client, daemon, plugins) as frames:
        assert len(await frames.reinforced()) <= len(os.sched_getaffinity(0))

        async def alone() -> bool:
            return await frames.workers() == 1 and await frames.pids() == {await frames.own()}

        await until(alone)
        await frames.reinforced()


async def test_one_worker_if_one_is_configured(start: Callable[..., Daemon], plugins: Path, tmp_path: Path) -> None:
    settings = tmp_path / "plugind.toml"
    settings.write_text("[supervision]\nparallel_workers = 1\n")
    daemon = start("--config", str(settings))
    async with AsyncClient.connect(daemon.socket) as client, opened(client, daemon, plugins) as frames:
        for _ in range(3):
            await frames.together((0, 1), (2, 3), (4, 5), wrong="wait")
        assert frames.errors == []
        assert await frames.workers() == 1
