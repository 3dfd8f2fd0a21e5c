"""Plugins written with the AssemblyScript SDK, in a real daemon: effects, commands, host calls, events, errors, aborts.

What needs no daemon is tested on Node.js, in sdk/assemblyscript/tests.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import anyio
import numpy as np
import pytest
from tests.harness import documents, sdks
from tests.harness.consoles import console
from tests.harness.daemon import ROOT, Daemon
from tests.harness.waiting import until

from plugind_client import AsyncClient, FrameBuffers
from plugind_protocol import errors
from plugind_protocol.methods import FrameRef

sys.path.insert(0, str(ROOT / "examples"))
import reference  # the examples are scripts, not packages

pytestmark = [pytest.mark.anyio, pytest.mark.process]

SDK = ROOT / "sdk" / "assemblyscript"
PROBE = SDK / "probe"
rng = np.random.default_rng(8)


@pytest.fixture
async def probe(client: AsyncClient) -> str:
    sdks.require(PROBE)
    info = await client.install(str(PROBE), grant=["effects.create", "events", "storage", "system.info"])
    await client.console_clear(info.plugin_id)
    return info.plugin_id


async def test_frames_are_processed_in_the_shared_memory(client: AsyncClient, probe: str) -> None:
    noise = rng.integers(0, 256, (180, 321, 4), dtype=np.uint8)
    assert (await sdks.process(client, probe, "invert", noise) == reference.invert(noise)).all()
    light = rng.random((90, 161, 4), dtype=np.float32)
    grey = await sdks.process(client, probe, "grey", light)
    assert np.abs(grey[..., 0] - light[..., :3] @ reference.LUMA_WEIGHTS).max() <= 1e-6
    assert (grey[..., 3] == light[..., 3]).all()


async def test_windows_come_and_go_and_memory_is_used_again(client: AsyncClient, probe: str) -> None:
    picture = rng.integers(0, 256, (720, 1280, 4), dtype=np.uint8)
    for _ in range(40):  # 7 MB each: more than the memory limit, if they were kept
        assert (await sdks.process(client, probe, "invert", picture) == reference.invert(picture)).all()
    assert (await client.call_plugin(probe, "churn", args=100))["pages"] * 65536 < 64 * 2**20


async def test_planes_are_where_the_window_has_them(client: AsyncClient, probe: str) -> None:
    window = await client.frames_open(probe, width=33, height=17, pixel_format="YUV420P8", slots=2)
    with FrameBuffers(window) as buffers:
        noise = rng.integers(0, 256, window.slot_bytes, dtype=np.uint8)
        buffers.bytes(0)[:] = noise.tobytes()
        frame = FrameRef(window_id=window.window_id, input=0, output=1)
        await client.effects_process(probe, "planes", frame=frame)
        made = np.frombuffer(bytes(buffers.bytes(1)), dtype=np.uint8)
    luma, *chroma = planes(window.stride, made)
    wanted, *kept = planes(window.stride, noise)
    assert (luma == wanted[::-1]).all()
    assert all((one == other).all() for one, other in zip(chroma, kept, strict=True))


def planes(stride: int, slot: np.ndarray) -> list[np.ndarray]:
    """The planes of a frame of 33x17, without what rows are filled up with."""
    starts = (0, stride * 17, stride * 17 + stride // 2 * 9)
    shapes = ((17, 33, stride), (9, 17, stride // 2), (9, 17, stride // 2))
    return [
        slot[start : start + rows * step].reshape(rows, step)[:, :width]
        for start, (rows, width, step) in zip(starts, shapes, strict=True)
    ]


async def test_a_stateless_effect_is_run_by_several_workers(client: AsyncClient, probe: str) -> None:
    noise = rng.integers(0, 256, (360, 640, 4), dtype=np.uint8)
    await sdks.until_several_workers(client, probe, "invert", noise, reference.invert)


async def test_errors_of_an_effect_have_their_code_and_words(client: AsyncClient, probe: str) -> None:
    window = await client.frames_open(probe, width=16, height=16, pixel_format="RGBA32F", slots=1)
    frame = FrameRef(window_id=window.window_id, input=0)
    choosy = "choosy-with-all-parameters"
    for effect, params, code, words in (
        ("invert", {}, 2, "effect invert: takes frames of RGBA8, not of RGBA32F"),
        (choosy, {"strength": 4}, 42, f"effect {choosy}: the strength is not 4"),
        (choosy, {"share": 2}, 3, f'effect {choosy}: parameter "share" has to be 0.0 to 1.0, not 2'),
    ):
        with pytest.raises(errors.PluginError) as caught:
            await client.effects_process(probe, effect, frame=frame, params=params)
        assert str(caught.value).endswith(f"with code {code}")
        assert (await console(client, probe, words))[-1].level == "error"


async def test_commands_and_host_calls(client: AsyncClient, probe: str) -> None:
    value: Any = {"a": [1, None, "ü😀", 1.5e-7, {"": True}]}
    assert await client.call_plugin(probe, "echo", args=value) == value
    assert await client.call_plugin(probe, "echo") is None
    assert await client.call_plugin(probe, "keep", args=value) == value
    assert (await client.call_plugin(probe, "system"))["os"] == sys.platform
    with pytest.raises(errors.PluginError, match="two whole numbers") as caught:
        await client.call_plugin(probe, "add.numbers", args={"left": 2})
    assert caught.value.data.error.code == errors.InvalidParams.code
    with pytest.raises(errors.PluginError, match="not today") as caught:
        await client.call_plugin(probe, "refuse")
    assert (caught.value.data.error.code, caught.value.data.error.data) == (7, {"until": "tomorrow"})
    with pytest.raises(errors.PluginError, match=r"timeline\.read") as caught:
        await client.call_plugin(probe, "denied")
    assert caught.value.data.error.code == errors.PermissionDenied.code
    with pytest.raises(errors.FunctionNotFound):
        await client.call_plugin(probe, "nothing")


async def test_what_is_counted_goes_on_in_the_next_instance(client: AsyncClient, probe: str) -> None:
    assert await client.call_plugin(probe, "count") == 101
    before = (await client.get_plugin(probe)).pid
    assert (await client.reload(probe)).pid != before
    assert await client.call_plugin(probe, "count") == 102


async def test_an_abort_is_told_with_file_and_line(client: AsyncClient, probe: str) -> None:
    assert await client.call_plugin(probe, "count") == 101
    source = (PROBE / "assembly" / "index.ts").read_text().splitlines()
    line = 1 + next(number for number, text in enumerate(source) if "cannot go on" in text)
    where = rf"aborted at assembly/index\.ts:{line}:3: cannot go on with this$"
    with pytest.raises(errors.Trap, match=where) as caught:
        await client.call_plugin(probe, "throws", args="this")
    assert any("assembly/index" in name for name in caught.value.data.stack)
    assert re.search(where, (await console(client, probe, "cannot go on"))[-1].message)
    assert await client.call_plugin(probe, "count") == 101, "a fresh instance, loaded again"
    with pytest.raises(errors.Trap, match=r"aborted at ~lib/.*Index out of range"):
        await client.call_plugin(probe, "bounds", args=3)


async def test_what_is_logged_is_in_the_console(client: AsyncClient, probe: str) -> None:
    await client.call_plugin(probe, "say", args="ü")
    entries = [(entry.level, entry.message) for entry in await console(client, probe, "error ü")]
    assert entries == [(level, f"{level} ü") for level in ("trace", "debug", "info", "warn", "error")]


async def test_events_and_hooks(client: AsyncClient, probe: str) -> None:
    await client.activate(probe)
    assert await client.call_plugin(probe, "hooks") == ["load", "activate"]
    await client.events_publish("probe.one", payload={"n": 2})
    await until(lambda: client.call_plugin(probe, "heard"))
    assert await client.call_plugin(probe, "heard") == [{"n": 2}]


async def test_memory_without_end_is_a_clear_error(client: AsyncClient, probe: str) -> None:
    with pytest.raises((errors.Trap, errors.MemoryLimit)) as caught:
        await client.call_plugin(probe, "hoard")
    assert "as-probe 1.0.0" in str(caught.value)
    assert await client.call_plugin(probe, "count") == 101


@pytest.mark.timeout(300)  # a build, on a machine that has other things to do
async def test_the_tutorial_is_what_happens(client: AsyncClient, daemon: Daemon, tmp_path: Path) -> None:
    page = ROOT / "docs" / "sdk-assemblyscript.md"
    sdks.require(PROBE)  # the toolchain is there
    (tmp_path / "sdk").symlink_to(ROOT / "sdk")
    for block in documents.blocks(page):
        documents.write(block, tmp_path)
    plugin = tmp_path / "film-look"
    (plugin / "node_modules").symlink_to(SDK / "node_modules")  # the versions that are there already
    for command in (["npm", "run", "--silent", "build"], ["npm", "test", "--silent"]):
        npm = shutil.which(command[0])
        assert npm is not None
        run = [npm, *command[1:]]
        done = await anyio.run_process(run, cwd=plugin, env=dict(os.environ), check=False, stderr=subprocess.STDOUT)
        assert done.returncode == 0, done.stdout.decode()
    await anyio.to_thread.run_sync(documents.follow_tutorial, page, tmp_path, daemon)
