"""What a worker's process may hold of memory: its plugin's limit, and the windows of frames that are open in it."""

from typing import Final

from plugind.supervisor.house import Home
from plugind_protocol.frames import HUGE_PAGE_BYTES
from plugind_protocol.manifest import Limits
from plugind_protocol.worker import Window

MAX_MEMORY_BYTES: Final = 1 << 32
"""What a guest can address."""


class Allowance:
    """The memory of one worker; moves the limit of its process.

    Args:
        child: Where it lives.
        limits: Of its plugin.
    """

    def __init__(self, child: Home, limits: Limits) -> None:
        self._child = child
        self.memory_bytes = limits.memory_bytes or MAX_MEMORY_BYTES
        """Cap of the guest's memory, windows not counted."""
        self._windows: dict[int, int] = {}  # bytes of each that is open
        self._window_bytes = 0  # most that were open at once

    def limit(self, limits: Limits) -> None:
        """Change the cap."""
        memory_bytes = limits.memory_bytes or MAX_MEMORY_BYTES
        self._child.allow_memory(memory_bytes - self.memory_bytes)
        self.memory_bytes = memory_bytes

    def open(self, window: Window) -> None:
        """Make room for a window: each is the guest's own memory before the shared file is laid over it.

        What a guest has grown by it keeps, so that the limit never goes down.
        """
        self._windows[window.window] = window.slot_bytes * window.slots + HUGE_PAGE_BYTES
        wanted = sum(self._windows.values())
        if wanted > self._window_bytes:
            self._child.allow_memory(wanted - self._window_bytes)
            self._window_bytes = wanted

    def close(self, number: int) -> None:
        """Forget a window."""
        self._windows.pop(number, None)

    def has(self, number: int) -> bool:
        """Whether a window is open."""
        return number in self._windows
