"""Who makes a host call, and how those are told who answer it."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec

from plugind_protocol.manifest import Limits
from plugind_protocol.permissions import Permission

T = TypeVar("T")


class Caller(msgspec.Struct, frozen=True):
    """A plugin at the moment of a host call."""

    plugin_id: str
    version: str
    granted: frozenset[Permission] = frozenset()
    limits: Limits = Limits()
    """In force."""


Answer = Callable[[Caller, Any], Any]
"""Answers a method that the daemon provides: takes the row's params, returns its result, or something to await for it.

What needs no waiting should be returned at once: it is then answered without a task. Errors are `PlugindError`.
"""


def waits(value: Any) -> bool:
    """Whether a value is to be awaited."""
    return hasattr(value, "__await__")


async def settled(value: T | Awaitable[T]) -> T:
    """Return a value that may have to be awaited."""
    return await value if hasattr(value, "__await__") else value
