"""Extism's Python SDK: the plugin in this process, input and output as bytes."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import wasmtime
from benchmarks.compare import Missing

SOURCE = Path(__file__).with_name("extism.wat")


class Plugin(Protocol):
    """What is used of the SDK's plugin."""

    def call(self, function_name: str, data: bytes) -> bytes:
        """Call a function."""


@contextmanager
def extism_plugin() -> Iterator[Plugin]:
    """Load the plugin in `extism.wat`.

    Raises:
        Missing: Extism is not installed.
    """
    try:
        import extism  # noqa: PLC0415  # an optional peer
    except ImportError as error:
        raise Missing("extism is not installed") from error
    with extism.Plugin(bytes(wasmtime.wat2wasm(SOURCE.read_text()))) as plugin:
        yield plugin
