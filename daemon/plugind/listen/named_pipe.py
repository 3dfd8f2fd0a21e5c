"""Listening on a named pipe, for Windows.

Type-checked and following asyncio's documentation, but this module has not run yet: there was no Windows to run it
on. Known limits: the pipe has the default security descriptor (its creator and administrators have full control,
everyone may read, nobody else may write), and one instance per name holds by the first-instance flag that asyncio sets.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Protocol, cast

from plugind.listen.endpoint import Endpoint
from plugind.listen.errors import AddressInUse


class _Listening(Protocol):
    """What the proactor loop returns for a pipe."""

    def close(self) -> None: ...


class _PipeLoop(Protocol):
    """What only the proactor loop has."""

    async def start_serving_pipe(
        self, protocol_factory: Callable[[], asyncio.Protocol], address: str
    ) -> Sequence[_Listening]: ...


class PipeServer:
    """A listening pipe.

    Args:
        pipes: What the loop listens on.
    """

    def __init__(self, pipes: Sequence[_Listening]) -> None:
        self._pipes = pipes
        self._open = True

    @property
    def accepting(self) -> bool:
        """Whether connections are accepted."""
        return self._open

    def stop_accepting(self) -> None:
        """Accept no more; connections go on."""
        if self._open:
            self._open = False
            for pipe in self._pipes:
                pipe.close()


@asynccontextmanager
async def serve(endpoint: Endpoint, protocol_factory: Callable[[], asyncio.Protocol]) -> AsyncIterator[PipeServer]:
    """Listen on a pipe for as long as the context lasts; see `plugind.listen.unix.serve`.

    Raises:
        AddressInUse: Another daemon listens there.
    """
    loop = cast("_PipeLoop", asyncio.get_running_loop())
    try:
        pipes = await loop.start_serving_pipe(protocol_factory, endpoint.path)
    except PermissionError as exc:
        raise AddressInUse(f"{endpoint.path} is in use: stop the other plugind, or choose another name") from exc
    server = PipeServer(pipes)
    try:
        yield server
    finally:
        server.stop_accepting()
