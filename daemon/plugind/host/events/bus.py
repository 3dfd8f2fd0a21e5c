"""The ``events.*`` host methods: who asked for which events, and their way to plugins and clients."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec
import structlog

from plugind.host.caller import Caller
from plugind.host.events import names
from plugind.host.events.queue import EventQueue, Waiting
from plugind_protocol.errors import (
    FunctionNotFound,
    InvalidParams,
    InvalidState,
    Overloaded,
    PlugindError,
    PluginNotFound,
    Quarantined,
    TooLarge,
)
from plugind_protocol.host import events as api
from plugind_protocol.rates import TokenBucket

MAX_SUBSCRIPTIONS: Final = 256
"""Per plugin."""
MAX_PATTERNS: Final = 32
"""Of them with wildcards, which are all looked at for every event."""
MAX_PAYLOAD_BYTES: Final = 64 * 1024
"""Of one event, as JSON."""
MAX_HOPS: Final = 8
"""Events emitted on hearing of events, one after the other."""
EVENTS_PER_SECOND: Final = 200.0
"""That a plugin may emit; twice as many at once."""
BYTES_PER_SECOND: Final = 1024.0 * 1024
"""Of payloads; twice as many at once."""
_GONE: Final = (PluginNotFound, InvalidState, Quarantined)
"""Why a plugin cannot be told of anything any more: its subscriptions end, until it is loaded again and asks anew."""

_log: Final = structlog.get_logger(__name__)


class Ways(msgspec.Struct, frozen=True):
    """What a bus works with."""

    deliver: Callable[[str, bytes], Awaitable[object]]
    """Calls ``event`` of a plugin with these params; raises `PlugindError`."""
    allowed: Callable[[str], bool]
    """Whether a plugin may hear of events now."""
    tell_clients: Callable[[api.EventEmitted], None]
    console: Callable[[str, int, str], None]
    """Plugin, level (0 … 4), text."""


class Counts(msgspec.Struct):
    """Figures of one plugin since the daemon's start."""

    delivered: int = 0
    dropped: int = 0
    """Events that it did not hear of, since they came too fast or its call failed."""


class EventBus:
    """Hands events on.

    Args:
        ways: How it reaches others.
    """

    def __init__(self, ways: Ways) -> None:
        self._ways = ways
        self._listeners: dict[str, _Listener] = {}
        self._counts: dict[str, Counts] = {}
        self._rates: dict[str, tuple[TokenBucket, TokenBucket]] = {}

    # --- host methods -----------------------------------------------------------------------------------------

    def on(self, caller: Caller, params: api.SubscribeEvent) -> None:
        """Subscribe a plugin; twice is once.

        Raises:
            InvalidParams: The name is none.
            TooLarge: It has too many subscriptions.
        """
        pattern = _parsed(caller, params.name)
        listener = self._listener(caller.plugin_id)
        if not listener.add(params.name, pattern):
            raise TooLarge(
                f"{caller.plugin_id} {caller.version} may have {MAX_SUBSCRIPTIONS} subscriptions, "
                f"{MAX_PATTERNS} of them with wildcards",
                hint="End those that are not needed with events.off; ** stands for any number of parts.",
                plugin_id=caller.plugin_id,
                version=caller.version,
                cause="limit",
            )

    def off(self, caller: Caller, params: api.Unsubscribe) -> None:
        """End a subscription; nothing where there is none."""
        listener = self._listeners.get(caller.plugin_id)
        if listener is not None:
            listener.remove(params.name)

    def emit(self, caller: Caller, params: api.EmitEvent) -> None:
        """Tell the other plugins that asked for it, and all clients.

        Raises:
            InvalidParams: The name is none.
            TooLarge: The payload is.
            Overloaded: The plugin emits too much, or in a circle.
        """
        _checked(params.name, params.payload, plugin_id=caller.plugin_id)
        hops = self._hops(caller)
        self._admit(caller, len(params.payload))
        # A copy: what was decoded would keep the whole message, blanks and all.
        event = Waiting(params.name, params.payload.copy(), caller.plugin_id, hops)
        for plugin_id, listener in self._listeners.items():
            if plugin_id != caller.plugin_id and listener.wants(event):
                self._hand(plugin_id, listener, event)
        self._ways.tell_clients(api.EventEmitted(plugin_id=caller.plugin_id, name=params.name, payload=params.payload))

    # --- clients ----------------------------------------------------------------------------------------------

    def publish(self, params: api.PublishEvent) -> None:
        """Tell the plugins that asked for it something, as the editor; or one plugin, whether it asked or not.

        Raises:
            InvalidParams: The name is none.
            TooLarge: The payload is.
        """
        _checked(params.name, params.payload, plugin_id=params.plugin_id)
        event = Waiting(params.name, params.payload.copy(), None, 0, direct=params.plugin_id is not None)
        if params.plugin_id is not None:
            self._hand(params.plugin_id, self._listener(params.plugin_id), event)
            return
        for plugin_id, listener in self._listeners.items():
            if listener.wants(event):
                self._hand(plugin_id, listener, event)

    # --- plugins come and go ----------------------------------------------------------------------------------

    def forget(self, plugin_id: str) -> None:
        """Drop the subscriptions of a plugin that is not loaded any more, and what waits for it."""
        listener = self._listeners.pop(plugin_id, None)
        if listener is not None:
            listener.queue.clear()

    def counts(self, plugin_id: str) -> Counts:
        """Return the figures of a plugin."""
        return self._counts.get(plugin_id, Counts())

    # --- on their way -----------------------------------------------------------------------------------------

    def _listener(self, plugin_id: str) -> "_Listener":
        return self._listeners.setdefault(plugin_id, _Listener())

    def _count(self, plugin_id: str) -> Counts:
        return self._counts.setdefault(plugin_id, Counts())

    def _hops(self, caller: Caller) -> int:
        listener = self._listeners.get(caller.plugin_id)
        hops = 0 if listener is None or listener.hearing is None else listener.hearing.hops + 1
        if hops > MAX_HOPS:
            raise Overloaded(
                f"{caller.plugin_id} {caller.version} emits an event on an event, {MAX_HOPS} times in a row",
                hint="Do not answer an event by an event that leads to it again.",
                plugin_id=caller.plugin_id,
                version=caller.version,
            )
        return hops

    def _admit(self, caller: Caller, size: int) -> None:
        rates = self._rates.get(caller.plugin_id)
        if rates is None:
            rates = self._rates[caller.plugin_id] = (
                TokenBucket(EVENTS_PER_SECOND, 2 * EVENTS_PER_SECOND),
                TokenBucket(BYTES_PER_SECOND, 2 * BYTES_PER_SECOND),
            )
        now = asyncio.get_running_loop().time()
        if not (rates[0].take(now) and rates[1].take(now, size)):
            raise Overloaded(
                f"{caller.plugin_id} {caller.version} emits more than {EVENTS_PER_SECOND:.0f} events or "
                f"{BYTES_PER_SECOND:.0f} bytes a second",
                hint="Emit less often: put several things into one event.",
                plugin_id=caller.plugin_id,
                version=caller.version,
            )

    def _hand(self, plugin_id: str, listener: "_Listener", event: Waiting) -> None:
        dropped = listener.queue.add(event)
        if dropped:
            self._count(plugin_id).dropped += dropped
            if not listener.behind:
                listener.behind = True
                self._ways.console(plugin_id, 3, "events come faster than they are heard: the oldest are dropped")
        if listener.pump is None or listener.pump.done():
            listener.pump = asyncio.get_running_loop().create_task(self._pump(plugin_id, listener))

    async def _pump(self, plugin_id: str, listener: "_Listener") -> None:
        """Call the plugin for each event that waits, one after the other."""
        while listener.queue:
            params, event = listener.queue.take()
            if not event.direct and not self._ways.allowed(plugin_id):
                continue
            listener.hearing = event
            try:
                await self._ways.deliver(plugin_id, params)
            except PlugindError as exc:
                self._count(plugin_id).dropped += 1
                self._failed(plugin_id, listener, event, exc)
            except Exception:  # one plugin's event is no reason to keep the others from theirs
                _log.exception("an event could not be delivered", plugin=plugin_id, name=event.name)
            else:
                self._count(plugin_id).delivered += 1
            finally:
                listener.hearing = None
        listener.behind = False

    def _failed(self, plugin_id: str, listener: "_Listener", event: Waiting, error: PlugindError) -> None:
        if isinstance(error, _GONE):
            self.forget(plugin_id)
        elif not isinstance(error, FunctionNotFound):
            self._ways.console(plugin_id, 4, f"event {event.name} failed: {error.message}")
        elif not listener.deaf:
            listener.deaf = True
            self._ways.console(plugin_id, 3, "it asked for events, and does not implement event")


class _Listener:
    """One loaded plugin that events are meant for."""

    def __init__(self) -> None:
        self.queue = EventQueue()
        self.hearing: Waiting | None = None
        """What it is told just now."""
        self.behind = False
        """Whether events were dropped since it last had heard them all."""
        self.deaf = False
        """Whether it was said that it does not implement ``event``."""
        self.pump: asyncio.Task[Any] | None = None
        self._plain: set[str] = set()
        self._patterns: dict[str, names.Pattern] = {}

    def add(self, text: str, pattern: names.Pattern) -> bool:
        """Note a subscription; False where there are too many."""
        if pattern.plain:
            if text not in self._plain and len(self._plain) + len(self._patterns) >= MAX_SUBSCRIPTIONS:
                return False
            self._plain.add(text)
            return True
        if text not in self._patterns and len(self._patterns) >= MAX_PATTERNS:
            return False
        self._patterns[text] = pattern
        return True

    def remove(self, text: str) -> None:
        """Drop a subscription."""
        self._plain.discard(text)
        self._patterns.pop(text, None)

    def wants(self, event: Waiting) -> bool:
        """Whether it asked for an event."""
        return event.full_name in self._plain or any(
            names.matches(pattern, event.source, event.name) for pattern in self._patterns.values()
        )


def _parsed(caller: Caller, name: str) -> names.Pattern:
    try:
        return names.parse(name)
    except ValueError as exc:
        raise InvalidParams(
            f"{caller.plugin_id} {caller.version} cannot subscribe so: {exc}",
            plugin_id=caller.plugin_id,
            version=caller.version,
            path="$.name",
        ) from exc


def _checked(name: str, payload: msgspec.Raw, *, plugin_id: str | None) -> None:
    try:
        names.check(name)
    except ValueError as exc:
        raise InvalidParams(str(exc), plugin_id=plugin_id, path="$.name") from exc
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise TooLarge(
            f"the payload of an event has at most {MAX_PAYLOAD_BYTES} bytes, not {len(payload)}",
            hint="Keep it where both can read it, and tell where.",
            plugin_id=plugin_id,
            cause="limit",
        )
