"""Unpacking without a child, for what is not about that."""

from pathlib import Path

import anyio.to_thread

from plugind.registry.packages import open_package
from plugind_protocol.package.unpack import unpack


async def extract(file: Path, into: Path) -> Path:
    """Make a folder of a package."""

    def run() -> None:
        with open_package(file) as stream:
            unpack(stream, into)

    await anyio.to_thread.run_sync(run)
    return into
