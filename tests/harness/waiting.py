"""Waiting for what nothing tells: looks again and again, for a bounded time, and says what it saw last.

Where something tells — an event, a future, a notification, a line of a pipe — tests wait for that instead.
"""

import inspect
import itertools
import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar, cast

import anyio

T = TypeVar("T")

_TURNS: Final = 50
"""So often it is looked in each turn of the loop: what this process does itself is mostly done by then."""
_PAUSE_SECONDS: Final = 0.005
"""Between looks after that: whoever is waited for needs the processor."""


async def until(look: Callable[[], T | Awaitable[T]], *, seconds: float = 40.0) -> T:
    """Look until there is something to see.

    Args:
        look: Returns what is seen, at once or when it is awaited; anything that counts as true ends the wait.
        seconds: How long to go on; less than a test may take, and enough for a machine that has much to do.

    Returns:
        What was seen.

    Raises:
        AssertionError: There was nothing to see in this time.
    """
    seen: object = "nothing yet"
    with anyio.move_on_after(seconds):
        for turn in itertools.count():
            found = look()
            seen = await found if inspect.isawaitable(found) else found
            if seen:
                return cast("T", seen)
            await anyio.sleep(0 if turn < _TURNS else _PAUSE_SECONDS)
    raise AssertionError(_late(seconds, seen))


def wait_until(look: Callable[[], T], *, seconds: float = 40.0) -> T:
    """Look until there is something to see, in a thread that may wait; as `until`."""
    end = time.monotonic() + seconds
    while not (seen := look()):
        assert time.monotonic() < end, _late(seconds, seen)
        time.sleep(_PAUSE_SECONDS)
    return seen


def _late(seconds: float, seen: object) -> str:
    return f"it did not come to that within {seconds} s; seen last: {seen!r}"
