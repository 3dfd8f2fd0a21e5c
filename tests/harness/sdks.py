"""Plugins that are built by the SDKs' own toolchains."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import numpy as np
import numpy.typing as npt
import pytest
from benchmarks.languages import Language
from tests.harness.daemon import ROOT
from tests.harness.waiting import until

from plugind_client import AsyncClient, FrameBuffers
from plugind_protocol.methods import FrameRef

Picture = npt.NDArray[np.uint8] | npt.NDArray[np.float32]


def require(folder: Path, *, sources: Sequence[Path] = (), made_by: str = "sdk-assemblyscript") -> str:
    """Skip a test whose plugin is not built, or was built of other sources; in CI, that fails.

    Args:
        folder: The plugin's folder.
        sources: Its sources, or folders where they lie; by default those of a plugin of the AssemblyScript SDK.
        made_by: The target of make that builds it.

    Returns:
        The folder, to install from.
    """
    module = folder / "plugin.wasm"
    places = sources or (folder / "assembly", ROOT / "sdk" / "assemblyscript" / "package" / "assembly")
    newest = max(path.stat().st_mtime for place in places for path in (place, *place.rglob("*")) if path.is_file())
    if not module.exists() or module.stat().st_mtime < newest:
        pytest.skip(f"{folder.name} is not built, or older than its sources: run make {made_by}")
    return str(folder)


def require_language(language: Language) -> str:
    """Skip a test whose language is not built; otherwise as `require`."""
    if not language.sources:  # it runs as it is written
        return str(ROOT / language.plugin)
    sources = [ROOT / one for one in language.sources]
    return require(ROOT / language.plugin, sources=sources, made_by=language.made_by)


async def process(client: AsyncClient, plugin: str, effect: str, picture: Picture, **params: Any) -> Picture:
    """Have a frame processed from slot to slot, and in place: both must be the same, and the input stay as it is."""
    pixel_format = "RGBA8" if picture.dtype == np.uint8 else "RGBA32F"
    height, width = picture.shape[:2]
    window = await client.frames_open(plugin, width=width, height=height, pixel_format=pixel_format, slots=2)
    with FrameBuffers(window) as buffers:
        buffers.array(0)[...] = picture
        frame = FrameRef(window_id=window.window_id, input=0, output=1)
        await client.effects_process(plugin, effect, frame=frame, params=params)
        assert (buffers.array(0) == picture).all(), "the input was changed"
        result: Picture = buffers.array(1).copy()
        frame = FrameRef(window_id=window.window_id, input=0)
        await client.effects_process(plugin, effect, frame=frame, params=params)
        assert (buffers.array(0) == result).all(), "in place gives something else"
    await client.frames_close(window.window_id)
    return result


async def until_several_workers(
    client: AsyncClient, plugin: str, effect: str, picture: Picture, wanted: Callable[[Picture], Picture]
) -> None:
    """Have four frames processed at once, again and again, until another worker of the plugin's takes part.

    Args:
        client: Who asks.
        plugin: The plugin.
        effect: A stateless effect of its.
        picture: One of the frames; the others are different.
        wanted: What the effect makes of a frame.
    """
    height, width = picture.shape[:2]
    window = await client.frames_open(plugin, width=width, height=height, slots=8)
    with FrameBuffers(window) as buffers:
        for slot in range(4):
            buffers.array(slot)[...] = picture + slot

        async def several() -> bool:
            async with anyio.create_task_group() as group:
                for slot in range(4):
                    frame = FrameRef(window_id=window.window_id, input=slot, output=slot + 4)
                    group.start_soon(partial(client.effects_process, plugin, effect, frame=frame))
            for slot in range(4):
                assert (buffers.array(slot + 4) == wanted(picture + slot)).all()
            (metrics,) = (await client.daemon_metrics()).plugins
            return metrics.workers > 1

        await until(several)
