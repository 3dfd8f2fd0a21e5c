"""Which lifecycle hooks a fresh instance needs to be where the broken one was. Pure."""

from collections.abc import Iterator
from typing import Final

REPLAYED: Final = (b"lifecycle.load", b"lifecycle.activate", b"main")
"""Hooks that put a plugin into a state; all others leave none behind."""

_UNDONE: Final = {
    b"lifecycle.deactivate": (b"lifecycle.activate", b"main"),
    b"lifecycle.unload": REPLAYED,
}
"""What a hook takes back, whether it succeeds or not: the daemon considers it taken back."""


class History:
    """The hooks that succeeded and still hold, in order."""

    def __init__(self) -> None:
        self._done: dict[bytes, bytes] = {}

    def forget(self, name: bytes) -> None:
        """Note that a hook is called: take out what it undoes."""
        for undone in _UNDONE.get(name, ()):
            self._done.pop(undone, None)

    def remember(self, name: bytes, params: bytes) -> None:
        """Note that a hook succeeded."""
        if name in REPLAYED:
            self._done.pop(name, None)
            self._done[name] = params

    def __iter__(self) -> Iterator[tuple[bytes, bytes]]:
        """Go through names and params in the order to replay them."""
        return iter(tuple(self._done.items()))
