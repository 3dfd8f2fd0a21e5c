"""What each plugin may keep on disk: one limit, `storageBytes`, for its storage and its private folder together."""

import threading
from collections.abc import Callable

from plugind.policy import limits
from plugind_protocol.errors import TooLarge


class Allowance:
    """Counts what plugins keep, refuses what would be too much, and warns before that.

    Its methods are called from threads.

    Args:
        limit: The limit of a plugin in bytes; ``None`` for none.
        warn: Called with plugin, bytes used and limit when a plugin comes near its limit, from any thread.
    """

    def __init__(self, limit: Callable[[str], int | None], warn: Callable[[str, int, int], None]) -> None:
        self._limit = limit
        self._warn = warn
        self._lock = threading.Lock()
        self._kept: dict[str, dict[str, int]] = {}
        self._warned: set[str] = set()
        self._parts: dict[str, Callable[[str], int]] = {}

    def measure(self, part: str, measured: Callable[[str], int]) -> None:
        """Have a part measured by a function of the plugin's id, when a plugin is first looked at."""
        self._parts[part] = measured

    def used(self, plugin_id: str) -> int:
        """Bytes a plugin keeps; measures them where nobody has yet."""
        kept = self._kept.get(plugin_id)
        if kept is None:
            measured = {part: function(plugin_id) for part, function in self._parts.items()}
            with self._lock:
                kept = self._kept.setdefault(plugin_id, measured)
        return sum(kept.values())

    def take(self, plugin_id: str, part: str, more: int) -> None:
        """Count bytes that are about to be kept; fewer than none always fit.

        Raises:
            TooLarge: They do not fit; nothing is counted.
        """
        self.used(plugin_id)
        limit = self._limit(plugin_id)
        with self._lock:
            kept = self._kept[plugin_id]
            used = sum(kept.values()) + more
            if more > 0 and limit is not None and used > limit:
                raise TooLarge(
                    f"{plugin_id} would keep {used} bytes on disk, and may keep {limit}",
                    hint="Remove something, or let the user raise the plugin's storageBytes limit.",
                    plugin_id=plugin_id,
                    cause="limit",
                )
            kept[part] = max(0, kept[part] + more)
            near = limits.warns(used, limit, warned=plugin_id in self._warned)
            new = near and plugin_id not in self._warned
            (self._warned.add if near else self._warned.discard)(plugin_id)
        if new and limit is not None:
            self._warn(plugin_id, used, limit)

    def forget(self, plugin_id: str) -> None:
        """Measure a plugin anew when it is looked at again."""
        with self._lock:
            self._kept.pop(plugin_id, None)
            self._warned.discard(plugin_id)
