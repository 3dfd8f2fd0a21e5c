"""The ``console.*`` methods: what plugins have logged, kept in bounded rings."""

import datetime as dt
from collections import deque
from collections.abc import Callable
from typing import Final, get_args

from plugind.rpc.session import Session
from plugind_protocol.methods import ConsoleClear, ConsoleGet, ConsoleMessage, ConsoleMessages, Level

_LEVELS: Final[tuple[Level, ...]] = get_args(Level)
_ESCAPES: Final = {code: f"\\x{code:02x}" for code in (*range(32), 127, *range(128, 160)) if chr(code) not in "\n\t"}


class Console:
    """Keeps and hands out log messages.

    Args:
        kept: Messages kept per plugin.
        announce: Called with every message.
    """

    def __init__(self, kept: int, announce: Callable[[ConsoleMessage], None]) -> None:
        self._kept = kept
        self._announce = announce
        self._rings: dict[str, deque[ConsoleMessage]] = {}
        self._dropped: dict[str, int] = {}
        self._seq = 0

    def add(self, plugin_id: str, level: int, text: str) -> None:
        """Keep one message; the oldest of its plugin goes when there are too many.

        Args:
            plugin_id: Who logged it.
            level: 0 (trace) … 4 (error); anything above counts as error.
            text: The message; control characters are escaped, so that no terminal obeys them.
        """
        ring = self._rings.setdefault(plugin_id, deque(maxlen=self._kept))
        if len(ring) == self._kept:
            self.drop(plugin_id, 1)
        self._seq += 1
        message = ConsoleMessage(
            seq=self._seq,
            plugin_id=plugin_id,
            level=_LEVELS[min(level, len(_LEVELS) - 1)],
            message=text.translate(_ESCAPES),
            at=dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds"),
        )
        ring.append(message)
        self._announce(message)

    def drop(self, plugin_id: str, count: int) -> None:
        """Note that messages of a plugin were too many to be kept."""
        self._dropped[plugin_id] = self.dropped(plugin_id) + count

    def dropped(self, plugin_id: str) -> int:
        """How many messages of a plugin were dropped."""
        return self._dropped.get(plugin_id, 0)

    def tail(self, plugin_id: str, count: int) -> list[ConsoleMessage]:
        """The last messages of a plugin, oldest first."""
        ring = self._rings.get(plugin_id, ())
        return [message for _, message in zip(range(count), reversed(ring), strict=False)][::-1]

    async def get(self, _session: Session, params: ConsoleGet) -> ConsoleMessages:
        """Return messages, oldest first."""
        rings = self._rings if params.plugin_id is None else {params.plugin_id: self._rings.get(params.plugin_id, ())}
        messages = [message for ring in rings.values() for message in ring if message.seq > params.since]
        return ConsoleMessages(
            messages=sorted(messages, key=lambda message: message.seq),
            dropped=sum(self.dropped(plugin_id) for plugin_id in rings),
        )

    async def clear(self, _session: Session, params: ConsoleClear) -> None:
        """Empty the console of one plugin or of all."""
        for plugin_id in list(self._rings) if params.plugin_id is None else [params.plugin_id]:
            self._rings.pop(plugin_id, None)
