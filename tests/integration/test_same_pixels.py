"""One effect in each language that plugins are written in: the same pixels, to within one part in 255."""

import itertools
import sys
from collections.abc import Callable

import anyio
import numpy as np
import pytest
from benchmarks.languages import BLURS
from tests.harness import sdks
from tests.harness.daemon import ROOT, Daemon
from tests.harness.engines import require

from plugind_client import AsyncClient

sys.path.insert(0, str(ROOT / "examples"))
import reference  # the examples are scripts, not packages

pytestmark = [pytest.mark.anyio, pytest.mark.process]

RADII = (0.0, 1.0, 5.0, 23.5)


async def blurred(client: AsyncClient, language: str, picture: sdks.Picture, radius: float) -> sdks.Picture:
    info = await client.install(sdks.require_language(BLURS[language]), grant="requested")
    return await sdks.process(client, info.plugin_id, "custom-blur", picture, radius=radius)


@pytest.mark.parametrize("language", BLURS)
async def test_each_is_what_the_formula_says(client: AsyncClient, language: str) -> None:
    noise = np.random.default_rng(6).integers(0, 256, (37, 53, 4), dtype=np.uint8)
    for radius in RADII:
        result = await blurred(client, language, noise, radius)
        wanted = reference.blur(noise, radius=radius)
        assert np.abs(result.astype(int) - wanted.astype(int)).max() <= 1, f"radius {radius}"
    light = np.random.default_rng(7).random((18, 33, 4), dtype=np.float32)
    assert np.abs(await blurred(client, language, light, 6.0) - reference.blur(light, radius=6.0)).max() <= 1e-4


@pytest.mark.parametrize("pair", list(itertools.combinations(BLURS, 2)), ids=" and ".join)
async def test_two_languages_make_the_same_pixels(client: AsyncClient, pair: tuple[str, str]) -> None:
    picture = np.random.default_rng(8).integers(0, 256, (180, 321, 4), dtype=np.uint8)
    for radius in RADII:
        one, other = [await blurred(client, language, picture, radius) for language in pair]
        assert np.abs(one.astype(int) - other.astype(int)).max() <= 1, f"radius {radius}"


async def test_vectors_run_on_wasmer_too(start: Callable[..., Daemon]) -> None:
    require("wasmer")
    daemon = await anyio.to_thread.run_sync(start, "--engine", "wasmer")
    picture = np.random.default_rng(9).integers(0, 256, (37, 53, 4), dtype=np.uint8)
    async with AsyncClient.connect(daemon.socket, name="tests") as client:
        result = await blurred(client, "AssemblyScript", picture, 5.0)
        (info,) = await client.list_plugins()
    assert info.engine == "wasmer"
    assert np.abs(result.astype(int) - reference.blur(picture, radius=5.0).astype(int)).max() <= 1
