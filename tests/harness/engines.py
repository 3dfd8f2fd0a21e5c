"""The engines that tests run on. One that is missing is a skip, with its reason; in CI that fails."""

import functools
from typing import Final

import anyio
import pytest

from plugind.supervisor.engines import Engines

ENGINES: Final = ("wasmtime", "wasmer")


@functools.cache
def found() -> Engines:
    """Return the engines of this checkout."""
    engines = Engines(wasmer=None)
    anyio.run(engines.find)
    return engines


def require(engine: str) -> str:
    """Skip where an engine is missing.

    Args:
        engine: Its name.

    Returns:
        The Python that runs it.
    """
    info = next(info for info in found().infos if info.name == engine)
    if not info.available:
        pytest.skip(info.reason)
    return info.interpreter
