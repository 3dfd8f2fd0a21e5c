"""Whose turn it is, where processors are few: the plugin's, with as many frames as it takes, or the codecs'.

Decoder and encoder use all processors that there are. While they do, a worker waits for a processor longer than a light
effect takes, and the video is done no sooner for that: no processor would idle otherwise. A heavy effect is worked on
beside them all the same, since one worker leaves the other processors to them.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

import anyio

FEW_PROCESSORS: Final = 2
"""With more, some would idle."""


class Turns:
    """Keeps the plugin and the codecs apart.

    Args:
        apart: Whether to, asked whenever somebody begins; nobody waits otherwise.
    """

    def __init__(self, apart: Callable[[], bool]) -> None:
        self._apart = apart
        self._coding = 0
        self._under_way = 0
        self._over = anyio.Event()

    @asynccontextmanager
    async def codec(self) -> AsyncIterator[None]:
        """Decode or encode, while no frame is with the plugin; only so many can be before one has to be encoded."""
        while self._under_way and self._apart():
            await self._over.wait()
        self._coding += 1
        try:
            yield
        finally:
            self._coding -= 1
            self._tell()

    @asynccontextmanager
    async def plugin(self) -> AsyncIterator[None]:
        """Have a frame with the plugin, while nothing is decoded or encoded."""
        while self._coding and self._apart():
            await self._over.wait()
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1
            self._tell()

    def _tell(self) -> None:
        self._over.set()
        self._over = anyio.Event()
