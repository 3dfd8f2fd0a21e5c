"""What a plugin carries from one instance of it to the next: over a reload, an update, a change in development.

The old worker is asked for it once its calls are answered, the new one is given it after it was loaded. A plugin that
fails to say or to take it goes on without, and its console says so: old state must not keep new code from running.
"""

from collections.abc import Callable
from typing import Any, Final

from plugind.supervisor.worker import Worker
from plugind_protocol.errors import PlugindError

SAVE: Final = "lifecycle.saveState"
RESTORE: Final = "lifecycle.restoreState"

_NOTHING: Final = b"null"
_ERROR: Final = 4

Complain = Callable[[int, str], None]
"""Told of what went wrong: level, text."""


async def saved(worker: Worker, *, timeout: float, complain: Complain) -> bytes | None:
    """Ask a plugin for what it wants to carry on.

    Args:
        worker: Its worker, which takes no more calls.
        timeout: Seconds that it may take.
        complain: Told why it was not to be had.

    Returns:
        One JSON text; None where there is nothing.
    """
    try:
        state: Any = await worker.hook(SAVE, timeout=timeout)
    except PlugindError as exc:
        complain(_ERROR, f"{SAVE} failed, so that its state is lost: {exc.message}")
        return None
    text = bytes(state)
    return None if text == _NOTHING else text


async def restored(worker: Worker, state: bytes, *, timeout: float, complain: Complain) -> None:
    """Give a plugin what the instance before it wanted to carry on.

    Args:
        worker: Its worker, loaded and not active yet.
        state: One JSON text.
        timeout: Seconds that it may take.
        complain: Told why it was not taken.
    """
    try:
        await worker.hook(RESTORE, timeout=timeout, params=state)
    except PlugindError as exc:
        complain(_ERROR, f"{RESTORE} failed, so that it goes on without its state: {exc.message}")
