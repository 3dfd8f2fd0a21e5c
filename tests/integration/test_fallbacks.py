"""Frames that a plugin does not make, or makes too late: what their output holds then, and what is said about it."""

import json
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import numpy as np
import pytest

from plugind_client import AsyncClient, FrameBuffers
from plugind_protocol import errors
from plugind_protocol.methods import FrameRef, FrameWindow, ProcessResult

pytestmark = [pytest.mark.anyio, pytest.mark.process]

WRONG = {"trap": ("Trap", "trap"), "spin": ("Timeout", "timeout"), "fail": ("PluginError", None)}
"""What the guest does, and the kind and cause of what is said about it."""
LATE_MS = 80


class Frames:
    """A window of the guest `steady`, and frames through one of its effects."""

    def __init__(self, client: AsyncClient, window: FrameWindow, buffers: FrameBuffers) -> None:
        self.client = client
        self.window = window
        self.buffers = buffers

    def fill(self, slot: int, level: int) -> None:
        self.buffers.array(slot)[...] = level

    def is_(self, slot: int, level: int) -> bool:
        return bool((self.buffers.array(slot) == level).all())

    def inverted(self, slot: int, level: int) -> bool:
        return bool((self.buffers.array(slot) == (255 - level, 255 - level, 255 - level, level)).all())

    async def run(
        self,
        wrong: str | None = None,
        *,
        slots: tuple[int, int] = (0, 1),
        fallback: str = "fail",
        effect: str = "single",
        deadline_ms: int | None = 10_000,
    ) -> ProcessResult:
        frame = FrameRef(window_id=self.window.window_id, input=slots[0], output=slots[1], pts_us=5)
        params = {} if wrong is None else {wrong: [0, 10]}
        deadline_ms = LATE_MS if wrong == "spin" else deadline_ms
        return await self.client.effects_process(
            "steady",
            effect,
            frame=frame,
            params=params,
            deadline_ms=deadline_ms,
            fallback=fallback,  # type: ignore[arg-type]
        )


@asynccontextmanager
async def opened(client: AsyncClient, plugins: Path, slots: int = 3) -> AsyncIterator[Frames]:
    await client.install(str(plugins / "steady"), grant="requested")
    window = await client.frames_open("steady", width=64, height=48, slots=slots)
    with FrameBuffers(window) as buffers:
        yield Frames(client, window, buffers)


@pytest.mark.parametrize("effect", ["single", "steady"])
@pytest.mark.parametrize("wrong", WRONG)
async def test_each_fallback_of_each_failure(client: AsyncClient, plugins: Path, wrong: str, effect: str) -> None:
    kind, cause = WRONG[wrong]
    async with opened(client, plugins) as frames:
        frames.fill(0, 10)
        with pytest.raises(getattr(errors, kind)):
            await frames.run(wrong, effect=effect)
        bypassed = await frames.run(wrong, fallback="bypass", effect=effect)
        assert bypassed.degraded
        assert (bypassed.degraded.fallback, bypassed.degraded.kind, bypassed.degraded.cause) == ("bypass", kind, cause)
        assert bypassed.degraded.message.startswith("steady 1.0.0")
        assert (bypassed.output, bypassed.guest_us) == (1, 0)
        assert frames.is_(0, 10)
        assert frames.is_(1, 10)
        good = await frames.run(fallback="lastGood", effect=effect)
        assert not good.degraded
        frames.fill(0, 20)
        last = await frames.run(wrong, fallback="lastGood", effect=effect)
        assert last.degraded
        assert last.degraded.fallback == "lastGood"
        assert frames.inverted(1, 10)


async def test_a_frame_in_time_says_nothing_of_fallbacks(client: AsyncClient, plugins: Path) -> None:
    async with opened(client, plugins) as frames:
        frames.fill(0, 10)
        raw = await client.call_raw(
            "effects.process",
            {
                "pluginId": "steady",
                "effectId": "single",
                "frame": {"windowId": frames.window.window_id, "output": 1},
                "fallback": "lastGood",
            },
        )
        assert set(json.loads(bytes(raw))) == {"output", "guestUs"}
        assert frames.inverted(1, 10)


async def test_last_good_from_a_ring_and_from_one_slot(client: AsyncClient, plugins: Path) -> None:
    async with opened(client, plugins) as frames:
        frames.fill(0, 10)
        await frames.run(fallback="lastGood", slots=(0, 1))
        frames.fill(0, 20)
        await frames.run("fail", fallback="lastGood", slots=(0, 2))
        assert frames.inverted(2, 10)
        await frames.run(fallback="lastGood", slots=(0, 0))
        frames.fill(0, 30)
        degraded = (await frames.run("trap", fallback="lastGood", slots=(0, 0))).degraded
        assert degraded
        assert degraded.fallback == "lastGood"
        assert frames.inverted(0, 20)


async def test_in_place_there_is_nothing_to_bypass_to(client: AsyncClient, plugins: Path) -> None:
    async with opened(client, plugins) as frames:
        with pytest.raises(errors.InvalidParams, match="in place"):
            await frames.run(fallback="bypass", slots=(0, 0))
        with pytest.raises(errors.Trap):  # and no good frame to go back to
            await frames.run("trap", fallback="lastGood", slots=(0, 0))


async def test_a_client_s_own_mistakes_are_errors_all_the_same(client: AsyncClient, plugins: Path) -> None:
    async with opened(client, plugins) as frames:
        with pytest.raises(errors.FunctionNotFound):
            await frames.run(fallback="bypass", effect="nothing")
        with pytest.raises(errors.InvalidParams, match="slots 0 to 2"):
            await frames.run(fallback="bypass", slots=(0, 7))
        await client.disable("steady")
        with pytest.raises(errors.InvalidState):
            await frames.run(fallback="bypass")


async def test_a_worker_that_dies_with_the_frame(client: AsyncClient, plugins: Path) -> None:
    async with opened(client, plugins) as frames:
        frames.fill(0, 10)
        await frames.run()
        results: list[ProcessResult] = []

        async def last_frame() -> None:
            frame = FrameRef(window_id=frames.window.window_id, input=0, output=1, pts_us=5)
            results.append(
                await client.effects_process(
                    "steady", "single", frame=frame, params={"spin": [0, 9]}, fallback="bypass"
                )
            )

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(last_frame)
            pid = (await client.get_plugin("steady")).pid
            assert pid is not None
            with anyio.fail_after(40):
                while not (frames.buffers.array(1)[0] == 0xAA).all():  # it has begun
                    await client.daemon_status()
            os.kill(pid, signal.SIGKILL)
        (result,) = results
        assert result.degraded
        assert (result.degraded.kind, result.degraded.cause) == ("WorkerCrashed", "crash")
        assert result.degraded.capsule is not None
        assert frames.is_(1, 10)


async def test_a_plugin_that_is_given_up_still_lets_frames_through(client: AsyncClient, plugins: Path) -> None:
    async with opened(client, plugins) as frames:
        frames.fill(0, 10)
        kinds = [(await frames.run("trap", fallback="bypass")).degraded for _ in range(12)]
        told = [degraded.kind for degraded in kinds if degraded]
        assert len(told) == 12
        assert set(told) == {"Trap", "Quarantined"}
        assert told[-1] == "Quarantined"
        assert np.array_equal(frames.buffers.array(1), frames.buffers.array(0))


async def test_a_plugin_that_takes_long_to_come_is_late_too(client: AsyncClient, plugins: Path) -> None:
    async with opened(client, plugins) as frames:
        await client.unload("steady")
        frames.fill(0, 10)
        degraded = (await frames.run(fallback="bypass", deadline_ms=1)).degraded
        assert degraded
        assert degraded.kind == "Timeout"
        assert frames.is_(1, 10)
        assert not (await frames.run()).degraded  # it has come up all the same
