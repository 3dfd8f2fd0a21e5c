"""What takes the place of a frame that an effect did not make: its input, or the last good frame."""

from typing import Final

import anyio.to_thread

from plugind.services.goodframes import GoodFrames
from plugind_protocol.errors import (
    MemoryLimit,
    Overloaded,
    PlugindError,
    PluginError,
    Quarantined,
    Timeout,
    Trap,
    WorkerCrashed,
)
from plugind_protocol.methods import Degraded, Process

FAILURES: Final = (Timeout, Trap, MemoryLimit, WorkerCrashed, PluginError, Quarantined, Overloaded)
"""What a plugin does wrong, or has no time for; what a client does wrong stays an error."""


async def fall_back(params: Process, error: PlugindError, *, good: GoodFrames, source: int, target: int) -> Degraded:
    """Put something into a frame's output in place of what the effect should have made.

    Args:
        params: What was asked for.
        error: Why the effect did not make it.
        good: What effects made before in this window.
        source: The input's slot.
        target: The output's.

    Returns:
        What was done, and why.

    Raises:
        PlugindError: The same error, where nothing was declared, or nothing is left that could take the place.
    """
    last = params.fallback == "lastGood" and good.has(params.effect_id)
    if params.fallback == "fail" or (not last and source == target):
        raise error
    try:
        if last:
            await anyio.to_thread.run_sync(good.restore, params.effect_id, target)
        else:
            await anyio.to_thread.run_sync(good.copy, source, target)
    except OSError:  # the window was closed meanwhile
        raise error from None
    return Degraded(
        fallback="lastGood" if last else "bypass",
        kind=error.data.kind,
        cause=error.data.cause,
        message=error.message,
        capsule=error.data.capsule,
    )
