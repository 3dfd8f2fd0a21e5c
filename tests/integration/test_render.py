"""Whole videos through real plugins: only the pixels change, even when a worker is lost on the way."""

import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import av
import msgspec
import numpy as np
import pytest
from tests.fakes.clips import Clip, describe, planes, write_clip
from tests.harness.daemon import Daemon

from pluginctl.rendering.job import FrameDone, Job
from pluginctl.rendering.pipeline import render
from plugind_client import AsyncClient
from plugind_protocol.errors import PlugindError
from plugind_protocol.methods import ProcessResult

sys.path.insert(0, str(Path(__file__).parents[2] / "examples"))
import reference  # the examples are scripts, not packages
import sample_clip

pytestmark = [pytest.mark.anyio, pytest.mark.process]

FRAMES = 24


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short clip with sound."""
    return write_clip(
        tmp_path_factory.mktemp("clips") / "in.mp4", codec="libx264", width=192, height=108, frames=FRAMES
    )


class Interrupted(AsyncClient):
    """A client that knows when a frame is on the wire."""

    sending: anyio.Event | None = None

    async def effects_process(self, *args: Any, **kwargs: Any) -> ProcessResult:
        if self.sending is not None:
            self.sending.set()
        return await super().effects_process(*args, **kwargs)


@pytest.fixture
async def client(daemon: Daemon, examples: Path, plugins: Path) -> AsyncIterator[Interrupted]:
    """A client of a daemon with the example effects."""
    async with Interrupted.connect(daemon.socket, name="test") as connected:
        for folder in (examples / "invert", examples / "color-grade", examples / "gaussian-blur", plugins / "steady"):
            await connected.install(str(folder), grant="requested")
        yield connected
        for info in await connected.list_plugins():
            await connected.uninstall(info.plugin_id)


def same_but_pixels(before: Clip, after: Clip) -> None:
    assert after.times == before.times
    assert (after.size, after.time_base, after.duration) == (before.size, before.time_base, before.duration)
    assert (after.packets, after.streams, after.colour) == (before.packets, before.streams, before.colour)


def rgba(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [
            frame.to_ndarray(format="rgba", src_colorspace=1, src_color_range=1, dst_color_range=2)
            for frame in container.decode(video=0)
        ]


async def test_the_output_is_the_input_with_other_pixels(client: Interrupted, clip: Path, tmp_path: Path) -> None:
    job = Job(plugin="invert", effect="invert", source=clip, target=tmp_path / "out.mp4")
    summary = await render(client, job)
    before = describe(clip)
    same_but_pixels(before, describe(job.target))
    assert summary.frames == len(before.times) == FRAMES
    assert (summary.crashes, summary.recovery_ms, summary.notes) == (0, 0, [])
    assert 0 < summary.ms_per_frame.plugin < 1000


async def test_neutral_parameters_change_nothing(client: Interrupted, tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mkv", frames=4)  # lossless: what H.264 makes of colours may not exist in RGB
    job = Job(plugin="color-grade", effect="grade", source=source, target=tmp_path / "out.mkv", codec="ffv1")
    await render(client, job)
    for before, after in zip(planes(source), planes(job.target), strict=True):
        assert all((one == other).all() for one, other in zip(before, after, strict=True))


async def test_a_graded_frame_equals_the_formula(client: Interrupted, clip: Path, tmp_path: Path) -> None:
    params = {"lift": 0.05, "gamma": 1.3, "gain": 1.1, "saturation": 1.2}
    picture = tmp_path / "picture.png"
    job = Job(
        plugin="color-grade",
        effect="grade",
        source=clip,
        target=tmp_path / "out.mkv",
        codec="ffv1",
        params=params,
        picture=picture,
    )
    await render(client, job)
    (drawn,) = rgba_of_png(picture)
    left, right = drawn[:, :192], drawn[:, -192:]
    expected = reference.grade(np.dstack([left, np.full(left.shape[:2], 255, np.uint8)]), **params)[..., :3]
    assert np.abs(right.astype(int) - expected).max() <= 1
    # and the video, whose chroma was halved again, shows the same picture
    shown = rgba(job.target)[FRAMES // 2][..., :3]
    assert np.abs(shown.astype(int) - right).mean() < 3


def rgba_of_png(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


async def test_a_worker_killed_halfway_costs_no_frame(client: Interrupted, clip: Path, tmp_path: Path) -> None:
    """It is killed holding a frame: stopped before the frame is sent, killed once the daemon has passed it on."""
    pids: list[int | None] = []

    async def kill_when_sent() -> None:
        assert client.sending is not None
        await client.sending.wait()
        await client.daemon_status()  # answered after the frame, which came before it, was passed on
        os.kill(pids[0] or 0, signal.SIGKILL)

    async with anyio.create_task_group() as tasks:

        async def on_frame(done: FrameDone) -> None:
            if done.index == FRAMES // 2:
                pids.append((await client.get_plugin("steady")).pid)
                os.kill(pids[0] or 0, signal.SIGSTOP)
                client.sending = anyio.Event()
                tasks.start_soon(kill_when_sent)

        job = Job(plugin="steady", effect="single", source=clip, target=tmp_path / "out.mkv", codec="ffv1")
        summary = await render(client, job, on_frame=on_frame)
    assert (summary.frames, summary.crashes) == (FRAMES, 1)
    assert 0 < summary.recovery_ms < 10_000
    assert (await client.get_plugin("steady")).pid not in (None, pids[0])
    assert all(inverted(*pair) for pair in zip(planes(clip), planes(job.target), strict=True))


def inverted(before: list[np.ndarray], after: list[np.ndarray]) -> bool:
    return bool(np.abs(255 - 4 - before[0].astype(int) - after[0]).max() <= 3)  # inverted luma: 16 + 235 - Y


def unchanged(before: list[np.ndarray], after: list[np.ndarray]) -> bool:
    return bool(np.abs(before[0].astype(int) - after[0]).max() <= 3)


async def test_one_of_several_workers_is_killed_halfway(client: Interrupted, tmp_path: Path) -> None:
    """Frames of a stateless effect come from several workers, in order; those of a lost one are done again."""

    async def on_frame(done: FrameDone) -> None:
        if done.index == FRAMES // 2:
            os.kill((await client.get_plugin("steady")).pid or 0, signal.SIGKILL)

    source = write_clip(tmp_path / "in.mkv", frames=FRAMES)  # lossless, and each frame another
    job = Job(plugin="steady", effect="steady", source=source, target=tmp_path / "out.mkv", codec="ffv1")
    summary = await render(client, msgspec.structs.replace(job, params={"wait": [0, 10**9]}), on_frame=on_frame)
    assert summary.frames == FRAMES
    assert summary.crashes <= 1  # none where it had no frame at that moment
    assert summary.degraded == []
    assert describe(job.target).times == describe(source).times
    assert all(inverted(*pair) for pair in zip(planes(source), planes(job.target), strict=True))
    assert len({plane[0].tobytes() for plane in planes(job.target)}) == FRAMES


@pytest.mark.parametrize("effect", ["single", "steady"])
@pytest.mark.parametrize("wrong", ["trap", "fail", "spin"])
async def test_an_export_ends_whatever_becomes_of_some_frames(
    client: Interrupted, plugins: Path, tmp_path: Path, wrong: str, effect: str
) -> None:
    kind = {"trap": "Trap", "fail": "PluginError", "spin": "Timeout"}[wrong]

    async def again() -> None:
        """Forget the traps so far."""
        await client.uninstall("steady")
        await client.install(str(plugins / "steady"), grant="requested")

    source = write_clip(tmp_path / "in.mkv", frames=FRAMES)
    bad = (10, 11)
    job = Job(
        plugin="steady",
        effect=effect,
        source=source,
        target=tmp_path / "out.mkv",
        codec="ffv1",
        params={wrong: [40_000 * bad[0], 40_000 * (bad[-1] + 1)]},
        fallback="bypass",
        deadline=None if wrong != "spin" else 150,
    )
    summary = await render(client, job)
    assert summary.frames == FRAMES
    assert [(one.frame, one.kind, one.fallback) for one in summary.degraded] == [(n, kind, "bypass") for n in bad]
    for index, pair in enumerate(zip(planes(source), planes(job.target), strict=True)):
        assert unchanged(*pair) if index in bad else inverted(*pair)
    await again()
    last = msgspec.structs.replace(job, fallback="lastGood", target=tmp_path / "last.mkv")
    summary = await render(client, last)
    assert [(one.frame, one.fallback) for one in summary.degraded] == [(n, "lastGood") for n in bad]
    if effect == "single":  # with several at once, it is the newest that there is
        shown = planes(last.target)
        assert all((shown[n][0] == shown[bad[0] - 1][0]).all() for n in bad)
    await again()
    fails = msgspec.structs.replace(job, fallback="fail", target=tmp_path / "none.mkv")
    with pytest.raises(PlugindError):
        await render(client, fails)
    assert not fails.target.exists()


async def test_an_export_outlives_its_plugin(client: Interrupted, tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mkv", frames=FRAMES)
    job = Job(
        plugin="steady",
        effect="single",
        source=source,
        target=tmp_path / "out.mkv",
        codec="ffv1",
        params={"trap": [40_000 * 8, 10**9]},
        fallback="bypass",
    )
    summary = await render(client, job)
    kinds = [one.kind for one in summary.degraded]
    assert [one.frame for one in summary.degraded] == list(range(8, FRAMES))
    assert kinds == ["Trap"] * kinds.count("Trap") + ["Quarantined"] * kinds.count("Quarantined")
    assert kinds[-1] == "Quarantined"
    for index, pair in enumerate(zip(planes(source), planes(job.target), strict=True)):
        assert unchanged(*pair) if index >= 8 else inverted(*pair)


async def test_two_renderings_at_once(client: Interrupted, clip: Path, tmp_path: Path) -> None:
    async def one(plugin: str, effect: str) -> None:
        await render(client, Job(plugin=plugin, effect=effect, source=clip, target=tmp_path / f"{plugin}.mp4"))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(one, "invert", "invert")
        tasks.start_soon(one, "gaussian-blur", "blur")
    before = describe(clip)
    same_but_pixels(before, describe(tmp_path / "invert.mp4"))
    same_but_pixels(before, describe(tmp_path / "gaussian-blur.mp4"))


async def test_a_failure_leaves_nothing(client: Interrupted, daemon: Daemon, clip: Path, tmp_path: Path) -> None:
    job = Job(plugin="invert", effect="invert", source=clip, target=tmp_path / "out.mp4")

    async def disable(done: FrameDone) -> None:
        if done.index == 3:
            await client.disable("invert")

    with pytest.raises(PlugindError):
        await render(client, job, on_frame=disable)
    await client.enable("invert")
    assert list(tmp_path.iterdir()) == []
    assert list(daemon.windows().iterdir()) == []
    assert (await render(client, job)).frames == FRAMES


async def test_the_sample_clip_by_the_command(client: Interrupted, daemon: Daemon, tmp_path: Path) -> None:
    source, target = tmp_path / "sample.mp4", tmp_path / "out.mp4"
    sample_clip.generate(source, width=320, height=180, seconds=1)
    command = [sys.executable, "-m", "pluginctl", "--socket", str(daemon.socket), "--json", "render"]
    done = await anyio.run_process(
        [*command, "gaussian-blur", "blur", str(source), str(target), "--param", "radius=4"], check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")
    summary = json.loads(done.stdout)
    assert summary["frames"] == len(describe(source).times)
    assert summary["msPerFrame"]["plugin"] > 0
    same_but_pixels(describe(source), describe(target))
