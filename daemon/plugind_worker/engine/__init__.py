"""Engines by name. The module of an engine is imported only when it is asked for: not every interpreter has each."""

import importlib
from typing import Final

from plugind_worker.engine.base import Engine

ENGINES: Final[dict[str, str]] = {
    "wasmtime": "plugind_worker.engine.wasmtime.engine",
    "wasmer": "plugind_worker.engine.wasmer.engine",
}
"""Engine name → the module whose ``create()`` returns it."""


def load(name: str) -> Engine:
    """Import an engine and set it up.

    Args:
        name: A key of `ENGINES`.

    Returns:
        The engine, with nothing compiled and no thread started, so that the process may still fork.

    Raises:
        KeyError: There is no such engine.
        ImportError: Its binding is not installed for this interpreter.
    """
    engine: Engine = importlib.import_module(ENGINES[name]).create()
    return engine
