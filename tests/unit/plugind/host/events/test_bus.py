"""The bus: who hears what, in which order, and how floods and circles end."""

import asyncio
from collections.abc import Callable
from typing import Any

import anyio
import msgspec
import pytest

from plugind.host.caller import Caller
from plugind.host.events.bus import (
    BYTES_PER_SECOND,
    EVENTS_PER_SECOND,
    MAX_HOPS,
    MAX_PATTERNS,
    MAX_PAYLOAD_BYTES,
    MAX_SUBSCRIPTIONS,
    EventBus,
    Ways,
)
from plugind_protocol.errors import FunctionNotFound, InvalidParams, Overloaded, PluginError, Quarantined, TooLarge
from plugind_protocol.host import events as api

pytestmark = pytest.mark.anyio


class Plugins:
    """Loaded plugins as a bus sees them: each notes what it hears, and may do something then."""

    def __init__(self) -> None:
        self.heard: dict[str, list[dict[str, Any]]] = {}
        self.reactions: dict[str, Callable[[dict[str, Any]], object]] = {}
        self.clients: list[api.EventEmitted] = []
        self.console: list[tuple[str, int, str]] = []
        self.forbidden: set[str] = set()
        self.turn = asyncio.Event()
        self.turn.set()
        self.bus = EventBus(
            Ways(
                deliver=self._deliver,
                allowed=lambda plugin_id: plugin_id not in self.forbidden,
                tell_clients=self.clients.append,
                console=lambda *line: self.console.append(line),
            )
        )

    async def _deliver(self, plugin_id: str, params: bytes) -> None:
        await self.turn.wait()
        event = msgspec.json.decode(params)
        self.heard.setdefault(plugin_id, []).append(event)
        if reaction := self.reactions.get(plugin_id):
            reaction(event)

    def on(self, plugin_id: str, *names: str) -> None:
        for name in names:
            self.bus.on(Caller(plugin_id, "1.0.0"), api.SubscribeEvent(name=name))

    def emit(self, plugin_id: str, name: str = "done", payload: Any = None) -> None:
        raw = msgspec.Raw(msgspec.json.encode(payload))
        self.bus.emit(Caller(plugin_id, "1.0.0"), api.EmitEvent(name=name, payload=raw))

    def publish(self, name: str, payload: Any = None, plugin_id: str | None = None) -> None:
        raw = msgspec.Raw(msgspec.json.encode(payload))
        self.bus.publish(api.PublishEvent(name=name, payload=raw, plugin_id=plugin_id))

    async def settle(self) -> None:
        """Wait until nothing is on its way."""
        with anyio.fail_after(40):
            while any(
                listener.pump is not None and not listener.pump.done() for listener in self.bus._listeners.values()
            ):
                await anyio.lowlevel.checkpoint()

    def names(self, plugin_id: str) -> list[str]:
        return [event["name"] for event in self.heard.get(plugin_id, [])]


@pytest.fixture
async def plugins() -> Plugins:
    return Plugins()


async def test_who_asked_hears_it_and_nobody_else(plugins: Plugins) -> None:
    plugins.on("a", "timeline.*", "b/done")
    plugins.on("b", "b/done", "**")
    plugins.publish("timeline.selectionChange", {"clips": [1]})
    plugins.emit("b", "done", 7)
    plugins.emit("c", "done", 8)
    await plugins.settle()
    assert plugins.heard["a"] == [
        {"name": "timeline.selectionChange", "payload": {"clips": [1]}},
        {"name": "b/done", "payload": 7, "source": "b"},
    ]
    assert plugins.names("b") == ["timeline.selectionChange"]  # nobody hears itself
    assert [(one.plugin_id, one.name, bytes(one.payload)) for one in plugins.clients] == [
        ("b", "done", b"7"),
        ("c", "done", b"8"),
    ]


async def test_twice_asked_is_once_heard_and_off_ends_it(plugins: Plugins) -> None:
    plugins.on("a", "b/done", "b/done", "b/*")
    plugins.emit("b")
    await plugins.settle()
    assert plugins.names("a") == ["b/done"]
    for name in ("b/done", "b/*", "never/asked"):
        plugins.bus.off(Caller("a", "1.0.0"), api.Unsubscribe(name=name))
    plugins.bus.off(Caller("nobody", "1.0.0"), api.Unsubscribe(name="b/done"))
    plugins.emit("b")
    await plugins.settle()
    assert plugins.names("a") == ["b/done"]


async def test_order_is_kept_while_it_is_busy(plugins: Plugins) -> None:
    plugins.on("a", "**/**", "**")
    plugins.turn.clear()
    for number in range(100):
        plugins.emit("b", f"e{number}")
        plugins.publish(f"p{number}")
    plugins.turn.set()
    await plugins.settle()
    assert plugins.names("a") == [name for number in range(100) for name in (f"b/e{number}", f"p{number}")]
    assert plugins.bus.counts("a").delivered == 200


@pytest.mark.threat("Events", "event flood")
async def test_what_is_too_much_is_dropped_and_said_once(plugins: Plugins) -> None:
    plugins.on("a", "**")
    plugins.turn.clear()
    plugins.publish("first")
    await anyio.lowlevel.checkpoint()
    for number in range(300):
        plugins.publish(f"e{number}")
    plugins.turn.set()
    await plugins.settle()
    heard = plugins.heard["a"]
    assert (heard[0]["name"], heard[1]["name"], heard[1]["dropped"]) == ("first", "e44", 44)
    assert len(heard) == 257
    assert [line for line in plugins.console if line[0] == "a"] == [
        ("a", 3, "events come faster than they are heard: the oldest are dropped")
    ]
    assert (plugins.bus.counts("a").dropped, plugins.bus.counts("a").delivered) == (44, 257)


@pytest.mark.threat("Events", "event flood")
async def test_a_plugin_emits_so_much_and_no_more(plugins: Plugins) -> None:
    def emits(plugin_id: str, payload: Any) -> int:
        for emitted in range(100 * int(EVENTS_PER_SECOND)):
            try:
                plugins.emit(plugin_id, payload=payload)
            except Overloaded:
                return emitted
        pytest.fail("it may emit for ever")

    assert emits("b", None) >= 2 * EVENTS_PER_SECOND
    assert 2 * BYTES_PER_SECOND / MAX_PAYLOAD_BYTES <= emits("c", "x" * (MAX_PAYLOAD_BYTES - 10)) < 100
    plugins.emit("d")


@pytest.mark.threat("Events", "events that answer each other")
async def test_circles_end(plugins: Plugins) -> None:
    refused = []

    def answer(plugin_id: str) -> Callable[[dict[str, Any]], None]:
        def react(_event: dict[str, Any]) -> None:
            try:
                plugins.emit(plugin_id)
            except Overloaded as exc:
                refused.append(exc.message)

        return react

    plugins.on("a", "b/done")
    plugins.on("b", "a/done")
    plugins.reactions = {"a": answer("a"), "b": answer("b")}
    plugins.emit("a")
    await plugins.settle()
    assert len(plugins.names("a")) + len(plugins.names("b")) == MAX_HOPS + 1
    assert len(refused) == 1
    assert "times in a row" in refused[0]
    plugins.reactions = {}
    plugins.emit("a")  # of its own accord it may again
    await plugins.settle()


async def test_a_plugin_that_is_gone_hears_nothing_more(plugins: Plugins) -> None:
    plugins.on("a", "**")
    plugins.turn.clear()
    for _ in range(3):
        plugins.publish("x")
    await anyio.lowlevel.checkpoint()
    pump = plugins.bus._listeners["a"].pump
    assert pump is not None
    plugins.bus.forget("a")
    plugins.bus.forget("never-there")
    plugins.turn.set()
    await pump
    assert plugins.names("a") == ["x"]  # it was being told when it went
    plugins.publish("x")
    plugins.on("a", "**")
    plugins.publish("y")
    await plugins.settle()
    assert plugins.names("a") == ["x", "y"]


async def test_without_permission_it_hears_nothing(plugins: Plugins) -> None:
    plugins.on("a", "**", "b/done")
    plugins.forbidden.add("a")
    plugins.publish("x")
    plugins.emit("b")
    await plugins.settle()
    assert plugins.names("a") == []


async def test_one_plugin_is_told_whether_it_asked_or_not(plugins: Plugins) -> None:
    plugins.on("b", "ui.menu")
    plugins.forbidden.add("a")
    plugins.publish("ui.menu", {"id": "grade"}, plugin_id="a")
    await plugins.settle()
    assert plugins.heard == {"a": [{"name": "ui.menu", "payload": {"id": "grade"}}]}


async def test_failures_are_told_on_its_console_and_end_nothing(plugins: Plugins) -> None:
    def fail(event: dict[str, Any]) -> None:
        if event["name"] == "bad":
            raise PluginError("a 1.0.0: no such clip")
        if event["name"] == "worse":
            raise RuntimeError

    plugins.on("a", "**")
    plugins.reactions["a"] = fail
    for name in ("bad", "worse", "good"):
        plugins.publish(name)
    await plugins.settle()
    assert plugins.names("a") == ["bad", "worse", "good"]
    assert plugins.console == [("a", 4, "event bad failed: a 1.0.0: no such clip")]
    assert plugins.bus.counts("a").dropped == 1


async def test_a_plugin_without_the_method_is_warned_once(plugins: Plugins) -> None:
    def missing(_event: dict[str, Any]) -> None:
        raise FunctionNotFound("a has no function 'event'")

    plugins.on("a", "**")
    plugins.reactions["a"] = missing
    for _ in range(3):
        plugins.publish("x")
    await plugins.settle()
    assert plugins.console == [("a", 3, "it asked for events, and does not implement event")]


async def test_one_that_is_given_up_is_forgotten_without_a_word(plugins: Plugins) -> None:
    def given_up(_event: dict[str, Any]) -> None:
        raise Quarantined("a 1.0.0 is in quarantine")

    plugins.on("a", "**")
    plugins.reactions["a"] = given_up
    for _ in range(3):
        plugins.publish("x")
    await plugins.settle()
    plugins.publish("y")
    await plugins.settle()
    assert plugins.names("a") == ["x"]
    assert plugins.console == []


async def test_bounds(plugins: Plugins) -> None:
    for number in range(MAX_PATTERNS):
        plugins.on("a", f"p{number}/*")
    plugins.on("a", "p0/*")
    with pytest.raises(TooLarge):
        plugins.on("a", "one/*")
    for number in range(MAX_SUBSCRIPTIONS - MAX_PATTERNS):
        plugins.on("a", f"e{number}")
    with pytest.raises(TooLarge):
        plugins.on("a", "more")
    with pytest.raises(InvalidParams, match="cannot subscribe"):
        plugins.on("a", "no*t")
    with pytest.raises(InvalidParams):
        plugins.emit("a", "a/b")
    with pytest.raises(InvalidParams):
        plugins.publish("a/b")
    with pytest.raises(TooLarge, match="65536"):
        plugins.publish("x", "x" * MAX_PAYLOAD_BYTES)
    with pytest.raises(TooLarge):
        plugins.emit("a", "x", "x" * MAX_PAYLOAD_BYTES)


async def test_a_payload_does_not_keep_the_message_it_came_in(plugins: Plugins) -> None:
    plugins.on("a", "**")
    plugins.turn.clear()
    plugins.publish("first")
    message = b'{"name":"x",' + b" " * 1_000_000 + b'"payload":1}'
    plugins.bus.publish(msgspec.json.decode(message, type=api.PublishEvent))
    waiting = plugins.bus._listeners["a"].queue._waiting[-1].payload
    assert memoryview(waiting).obj is not message
    assert waiting == msgspec.Raw(b"1")
    plugins.turn.set()
    await plugins.settle()
