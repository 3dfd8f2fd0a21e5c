"""Frames that client and guest share: every size, both formats, no copy, and no file left behind."""

import json
import os
import signal
import sys
from pathlib import Path

import anyio
import numpy as np
import pytest
from tests.harness.daemon import Daemon

from plugind_client import AsyncClient, FrameBuffers
from plugind_protocol import errors
from plugind_protocol.methods import FrameRef, FrameWindow

sys.path.insert(0, str(Path(__file__).parents[2] / "examples"))
import reference  # the examples are scripts, not packages

pytestmark = [pytest.mark.anyio, pytest.mark.process]

rng = np.random.default_rng(1)


def picture(buffers: FrameBuffers, slot: int) -> np.ndarray:
    """Fill a slot with noise; return a copy of it."""
    array = buffers.array(slot)
    if array.dtype == np.uint8:
        array[...] = rng.integers(0, 256, array.shape, dtype=np.uint8)
    else:
        array[...] = rng.random(array.shape, dtype=np.float32)
    return array.copy()


async def run(
    client: AsyncClient, window: FrameWindow, plugin: str, effect: str, output: int | None = 1, **params: float
) -> None:
    frame = FrameRef(window_id=window.window_id, input=0, output=output)
    done = await client.effects_process(plugin, effect, frame=frame, params=params)
    assert done.output == (0 if output is None else output)
    assert done.guest_us > 0


@pytest.mark.parametrize("pixel_format", ["RGBA8", "RGBA32F"])
@pytest.mark.parametrize("size", [(16, 16), (17, 33), (640, 360), (1279, 719)])
async def test_grade_equals_the_formula(
    client: AsyncClient, examples: Path, size: tuple[int, int], pixel_format: str
) -> None:
    plugin = (await client.install(str(examples / "color-grade"), grant="requested")).plugin_id
    window = await client.frames_open(plugin, width=size[0], height=size[1], pixel_format=pixel_format, slots=2)
    params = {"lift": 0.05, "gamma": 1.4, "gain": 1.2, "saturation": 1.5}
    with FrameBuffers(window) as buffers:
        before = picture(buffers, 0)
        await run(client, window, plugin, "grade", **params)
        expected = reference.grade(before, **params)
        step = 1 if pixel_format == "RGBA8" else 1e-4
        assert np.abs(buffers.array(1).astype(np.float64) - expected).max() <= step
        assert (buffers.array(0) == before).all()
        await run(client, window, plugin, "grade", output=None, **params)
        assert (buffers.array(0) == buffers.array(1)).all()
    await client.frames_close(window.window_id)


@pytest.mark.parametrize("size", [(16, 16), (37, 53), (320, 180)])
async def test_blur_equals_the_convolution(client: AsyncClient, examples: Path, size: tuple[int, int]) -> None:
    plugin = (await client.install(str(examples / "gaussian-blur"), grant="requested")).plugin_id
    window = await client.frames_open(plugin, width=size[0], height=size[1])
    with FrameBuffers(window) as buffers:
        before = picture(buffers, 0)
        await run(client, window, plugin, "blur", radius=6.0)
        expected = reference.blur(before, radius=6.0)
        assert np.abs(buffers.array(1).astype(int) - expected.astype(int)).max() <= 2


@pytest.mark.parametrize(
    ("width", "height", "pixel_format"),
    [(7680, 4320, "RGBA8"), (7680, 4320, "RGBA32F"), (7680, 16, "RGBA8"), (16, 4320, "RGBA32F"), (4095, 2161, "RGBA8")],
)
async def test_the_largest_and_the_oddest(
    client: AsyncClient, examples: Path, width: int, height: int, pixel_format: str
) -> None:
    plugin = (await client.install(str(examples / "invert"), grant="requested")).plugin_id
    window = await client.frames_open(plugin, width=width, height=height, pixel_format=pixel_format, slots=2)
    assert os.stat(window.path).st_size >= window.slot_bytes * 2
    assert os.stat(window.path).st_mode & 0o777 == 0o600
    with FrameBuffers(window) as buffers:
        source, result = buffers.array(0), buffers.array(1)
        top = 255 if pixel_format == "RGBA8" else 1.0
        source[...] = 0
        source[-1, -1] = top
        await run(client, window, plugin, "invert")
        assert result[0, 0].tolist() == [top, top, top, 0]
        assert result[-1, -1].tolist() == [0, 0, 0, top]
        assert (result[::97, ::89, :3] + source[::97, ::89, :3] == top).all()
        del source, result
    await client.frames_close(window.window_id)
    assert not Path(window.path).exists()


async def test_effects_are_listed_with_their_parameters(client: AsyncClient, examples: Path) -> None:
    plugin = (await client.install(str(examples / "color-grade"), grant="requested")).plugin_id
    assert await client.effects_list() == []
    (effect,) = await client.effects_list(plugin)
    assert (effect.plugin_id, effect.effect_id) == (plugin, "grade")
    gamma = next(one for one in effect.parameters if one.name == "gamma")
    assert (gamma.type, gamma.default, gamma.min, gamma.max) == ("float", 1.0, 0.1, 4.0)
    assert await client.effects_list() == [effect]
    await client.unload(plugin)
    assert await client.effects_list() == []


async def test_an_effect_without_permission_is_not_registered(client: AsyncClient, examples: Path) -> None:
    plugin = (await client.install(str(examples / "color-grade"))).plugin_id
    with pytest.raises(errors.PluginError, match=r"effects\.create"):
        await client.effects_list(plugin)
    await client.grant(plugin, ["effects.create"])
    assert len(await client.effects_list(plugin)) == 1


async def test_wrong_frames_are_refused_with_words(client: AsyncClient, daemon: Daemon, examples: Path) -> None:
    plugin = (await client.install(str(examples / "invert"), grant="requested")).plugin_id
    other = (await client.install(str(examples / "color-grade"), grant="requested")).plugin_id
    for width, height, slots in ((15, 16, 1), (16, 4321, 1), (7681, 16, 1), (16, 16, 0), (16, 16, 65)):
        with pytest.raises(errors.InvalidParams, match="must be"):
            await client.frames_open(plugin, width=width, height=height, slots=slots)
    with pytest.raises(errors.InvalidParams, match="over 2147483648 bytes"):
        await client.frames_open(plugin, width=7680, height=4320, pixel_format="RGBA32F", slots=9)
    with pytest.raises(errors.PluginNotFound):
        await client.frames_open("nobody", width=16, height=16)
    window = await client.frames_open(plugin, width=64, height=32, slots=2)

    async def process(plugin_id: str = plugin, effect: str = "invert", **frame: int) -> None:
        reference_ = FrameRef(**({"window_id": window.window_id} | frame))
        await client.effects_process(plugin_id, effect, frame=reference_)

    with pytest.raises(errors.FunctionNotFound, match="'sharpen'") as caught:
        await process(effect="sharpen")
    assert "invert" in caught.value.hint
    with pytest.raises(errors.InvalidParams, match="slots 0 to 1"):
        await process(input=2)
    with pytest.raises(errors.InvalidParams, match="slots 0 to 1"):
        await process(output=-1)
    with pytest.raises(errors.InvalidParams, match="65x32"):
        await process(width=65, height=32)
    with pytest.raises(errors.InvalidParams, match="no window 9999"):
        await process(window_id=9999)
    with pytest.raises(errors.InvalidParams, match=f"shared with {plugin}"):
        await process(plugin_id=other, effect="grade")
    async with AsyncClient.connect(daemon.socket) as stranger:
        with pytest.raises(errors.InvalidParams, match="of this connection"):
            await stranger.frames_close(window.window_id)
    with pytest.raises(errors.PluginError) as refused:
        await client.effects_process(
            other,
            "grade",
            frame=FrameRef(window_id=(await client.frames_open(other, width=16, height=16)).window_id),
            params={"gamma": "much"},
        )
    assert refused.value.data.error is not None
    assert refused.value.data.error.code == 3
    await process()


async def test_a_client_has_a_bounded_number_of_windows(client: AsyncClient, daemon: Daemon, examples: Path) -> None:
    plugin = (await client.install(str(examples / "invert"), grant="requested")).plugin_id
    for _ in range(64):
        last = await client.frames_open(plugin, width=16, height=16, slots=1)
    with pytest.raises(errors.TooLarge, match="64 windows"):
        await client.frames_open(plugin, width=16, height=16, slots=1)
    async with AsyncClient.connect(daemon.socket) as another:
        await another.frames_open(plugin, width=16, height=16, slots=1)
    await client.frames_close(last.window_id)
    await client.frames_open(plugin, width=16, height=16, slots=1)


async def test_windows_close_with_their_client(client: AsyncClient, daemon: Daemon, examples: Path) -> None:
    plugin = (await client.install(str(examples / "invert"), grant="requested")).plugin_id
    async with AsyncClient.connect(daemon.socket) as leaving:
        paths = [Path((await leaving.frames_open(plugin, width=64, height=64)).path) for _ in range(3)]
        assert all(path.exists() for path in paths)
    with anyio.fail_after(40):
        while any(path.exists() for path in paths):
            await client.list_plugins()


async def test_uninstalling_closes_the_plugins_windows(client: AsyncClient, examples: Path) -> None:
    plugin = (await client.install(str(examples / "invert"), grant="requested")).plugin_id
    window = await client.frames_open(plugin, width=64, height=64)
    await client.uninstall(plugin)
    assert not Path(window.path).exists()
    await client.install(str(examples / "invert"), grant="requested")
    with pytest.raises(errors.InvalidParams, match="no window"):
        await client.effects_process(plugin, "invert", frame=FrameRef(window_id=window.window_id))
    with pytest.raises(errors.InvalidParams, match="no window"):
        await client.frames_close(window.window_id)


async def test_a_window_is_kept_while_its_plugin_is_unloaded(client: AsyncClient, examples: Path) -> None:
    plugin = (await client.install(str(examples / "invert"), grant="requested")).plugin_id
    window = await client.frames_open(plugin, width=64, height=64)
    with FrameBuffers(window) as buffers:
        before = picture(buffers, 0)
        await client.unload(plugin)
        await run(client, window, plugin, "invert")
        assert (buffers.array(1)[..., :3] == 255 - before[..., :3]).all()
    await client.unload(plugin)
    await client.frames_close(window.window_id)
    assert not Path(window.path).exists()


async def test_windows_do_not_pile_up_in_the_guest(client: AsyncClient, examples: Path) -> None:
    plugin = (await client.install(str(examples / "invert"), grant="requested")).plugin_id
    for _ in range(12):  # together more than a guest can address
        window = await client.frames_open(plugin, width=7680, height=4320, slots=4)
        await client.frames_close(window.window_id)


async def test_a_window_outlives_its_worker(client: AsyncClient, examples: Path) -> None:
    plugin = (await client.install(str(examples / "invert"), grant="requested")).plugin_id
    window = await client.frames_open(plugin, width=640, height=360)
    with FrameBuffers(window) as buffers:
        before = picture(buffers, 0)
        await run(client, window, plugin, "invert")
        pid = (await client.get_plugin(plugin)).pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        buffers.array(1)[...] = 0
        with anyio.fail_after(40):
            while True:
                try:
                    await run(client, window, plugin, "invert")
                    break
                except errors.WorkerCrashed:
                    continue
        assert (buffers.array(1)[..., :3] == 255 - before[..., :3]).all()


async def test_a_trap_in_an_effect_leaves_window_and_effect_usable(client: AsyncClient, plugins: Path) -> None:
    await client.install(str(plugins / "probe"), grant="requested")
    await client.activate("probe")
    definition = {"id": "copy", "name": "Copy"}
    await client.call_plugin("probe", "host", args={"method": "effects.register", "params": definition})
    window = await client.frames_open("probe", width=64, height=64)
    frame = FrameRef(window_id=window.window_id, input=0, output=1)
    with FrameBuffers(window) as buffers:
        before = picture(buffers, 0)
        with pytest.raises(errors.Trap):
            await client.effects_process("probe", "copy", frame=frame, params={"do": "trap"})
        with pytest.raises(errors.Timeout):
            await client.effects_process("probe", "copy", frame=frame, params={"do": "spin"}, deadline_ms=50)
        with pytest.raises(errors.PluginError, match="code 42"):
            await client.effects_process("probe", "copy", frame=frame, params={"do": "fail", "code": 42})
        await client.effects_process("probe", "copy", frame=frame)
        assert (buffers.array(1) == before).all()


async def test_a_plugin_without_effects_says_so(client: AsyncClient, examples: Path) -> None:
    plugin = (await client.install(str(examples / "adder"))).plugin_id
    with pytest.raises(errors.PlugindError) as caught:
        await client.frames_open(plugin, width=16, height=16)
    assert caught.value.code in (errors.FunctionNotFound.code, errors.UnsupportedAbi.code)
    assert await client.call_plugin(plugin, "add", args=[1, 1]) == 2


def test_manifests_of_the_examples_name_what_is_there(examples: Path) -> None:
    for manifest in examples.glob("*/manifest.json"):
        assert (manifest.parent / json.loads(manifest.read_text())["main"]).is_file()
