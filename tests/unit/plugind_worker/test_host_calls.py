import json
from collections.abc import Callable
from typing import Any

import pytest
from tests.unit.plugind_worker.supervisor import Instantiate, function

from plugind_protocol.errors import MemoryLimit, Timeout, Trap
from plugind_protocol.worker import Kind, split_name
from plugind_worker.channel import Message
from plugind_worker.engine.base import Instance
from plugind_worker.host_calls import MAX_METHOD_BYTES, HostCalls

WAT = """(module
  (import "timeline" "host_call" (func $host (param i32 i32 i32 i32) (result i64)))
  (import "timeline" "log" (func $log (param i32 i32 i32)))
  (memory (export "memory") 2)
  (data (i32.const 100) "media.getInfo") (data (i32.const 200) "{\\"id\\":1}") (data (i32.const 300) "\\ff{")
  (func (export "plugin_alloc") (param i32 i32) (result i32) %s)
  (func (export "ask") (param i32 i32 i32 i32) (result i64)
    local.get 0 local.get 1 local.get 2 local.get 3 call $host)
  (func (export "log") (param i32 i32 i32) local.get 0 local.get 1 local.get 2 call $log))"""


Start = Callable[..., Instance]


class Supervisor:
    """Stands for channel, control and console: answers each host call as told."""

    number = 5
    fired = False

    def __init__(self) -> None:
        self.calls: list[tuple[bytes, bytes]] = []
        self.kept: list[Message] = []
        self.logged: list[tuple[int, bytes, bool]] = []
        self.incoming: list[Message] = [(Kind.HOST_RESULT, 5, b'{"fps":25}')]

    def send(self, kind: Kind, call: int, body: bytes) -> None:
        assert (kind, call) == (Kind.HOST_CALL, 5)
        self.calls.append(split_name(body))

    def poll(self) -> None:
        """Orders come by a thread."""

    def receive_new(self) -> Message:
        return self.incoming.pop(0)

    def keep(self, message: Message) -> None:
        self.kept.append(message)

    def log(self, level: int, text: bytes, *, cut: bool) -> None:
        self.logged.append((level, text, cut))


@pytest.fixture
def supervisor() -> Supervisor:
    return Supervisor()


@pytest.fixture
def start(instantiate: Instantiate, supervisor: Any) -> Start:
    def make(alloc: str = "i32.const 4096") -> Instance:
        calls = HostCalls(supervisor, supervisor, supervisor, max_params_bytes=1000)
        instance, _ = instantiate(WAT % alloc, calls.functions())
        return instance

    return make


def ask(
    instance: Instance, *, method: int = 100, method_len: int = 13, params: int = 200, params_len: int = 8
) -> tuple[bool, bytes | None]:
    """Make a host call; return whether it failed, and the answer's text."""
    packed = function(instance, "ask")(method, method_len, params, params_len)[0]
    if packed == 0:
        return False, None
    return bool(packed & 1 << 31), instance.read(packed >> 32, packed & 0x7FFFFFFF)


def test_the_call_travels_and_the_answer_comes_back(start: Start, supervisor: Supervisor) -> None:
    assert ask(start()) == (False, b'{"fps":25}')
    assert supervisor.calls == [(b"media.getInfo", b'{"id":1}')]


def test_no_params_are_null(start: Start, supervisor: Supervisor) -> None:
    ask(start(), params=0, params_len=0)
    assert supervisor.calls == [(b"media.getInfo", b"null")]


@pytest.mark.parametrize("body", [b"null", b""])
def test_null_takes_no_memory(start: Start, supervisor: Supervisor, body: bytes) -> None:
    supervisor.incoming = [(Kind.HOST_RESULT, 5, body)]
    assert ask(start("unreachable")) == (False, None)


def test_an_error_comes_with_its_bit(start: Start, supervisor: Supervisor) -> None:
    supervisor.incoming = [(Kind.HOST_ERROR, 5, b'{"code":-32003}')]
    assert ask(start()) == (True, b'{"code":-32003}')


def test_what_else_arrives_meanwhile_is_kept_and_stale_answers_are_dropped(
    start: Start, supervisor: Supervisor
) -> None:
    call, ping = (Kind.CALL, 6, b"x"), (Kind.PING, 7, b"")
    supervisor.incoming = [call, (Kind.HOST_RESULT, 4, b"old"), ping, (Kind.HOST_RESULT, 5, b"1")]
    assert ask(start()) == (False, b"1")
    assert supervisor.kept == [call, ping]


def test_an_interrupted_wait_ends_the_call_when_the_answer_comes(start: Start, supervisor: Supervisor) -> None:
    supervisor.fired = True
    with pytest.raises(Timeout):
        ask(start())


@pytest.mark.parametrize(
    "place",
    [
        {"method": 2**31 - 1},
        {"method": 131072 - 5},
        {"method_len": 2**32 - 1},
        {"params": 2**32 - 1},
        {"params_len": 2**32 - 1},
        {"params_len": 2**31},
        {"params": 131072, "params_len": 1},
    ],
)
def test_lying_pointers_end_the_call_before_anything_is_sent(
    start: Start, supervisor: Supervisor, place: dict[str, int]
) -> None:
    with pytest.raises(Trap, match="host_call: pointer out of bounds") as caught:
        ask(start(), **place)
    assert caught.value.data.cause == "trap"
    assert supervisor.calls == []


@pytest.mark.parametrize(
    ("place", "code", "text"),
    [
        ({"method": 300, "method_len": 1}, -32700, "UTF-8"),
        ({"params": 300, "params_len": 1}, -32700, "UTF-8"),
        ({"params": 301, "params_len": 1}, -32700, "JSON"),
        ({"params": 200, "params_len": 7}, -32700, "JSON"),
        ({"params_len": 1001}, -32011, "1001 bytes, over 1000"),
        ({"method_len": MAX_METHOD_BYTES + 1}, -32011, "method name"),
    ],
)
def test_what_cannot_be_sent_is_the_guests_to_handle(
    start: Start, supervisor: Supervisor, place: dict[str, int], code: int, text: str
) -> None:
    failed, answer = ask(start(), **place)
    assert answer is not None
    error = json.loads(answer)
    assert failed
    assert error["code"] == code
    assert text in error["message"]
    assert supervisor.calls == []


@pytest.mark.parametrize(
    ("alloc", "error", "message"),
    [
        ("i32.const 0", MemoryLimit, "plugin_alloc has no 10 bytes"),
        ("i32.const 131070", Trap, "plugin_alloc returned a pointer out of bounds"),
        ("i32.const -1", Trap, "plugin_alloc returned a pointer out of bounds"),
        ("unreachable", Trap, "unreachable"),
        (
            "i32.const 100 i32.const 13 i32.const 200 i32.const 8 call $host drop i32.const 4096",
            Trap,
            "called from inside plugin_alloc",
        ),
    ],
)
def test_an_allocator_that_fails_or_lies(start: Start, alloc: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        ask(start(alloc))


def test_log_messages_reach_the_console(start: Start, supervisor: Supervisor) -> None:
    function(start(), "log")(3, 100, 5)
    assert supervisor.logged == [(3, b"media", False)]


def test_a_long_log_message_is_not_copied_whole(start: Start, supervisor: Supervisor) -> None:
    function(start(), "log")(3, 0, 131072)
    ((_, text, cut),) = supervisor.logged
    assert (len(text), cut) == (8192, True)


@pytest.mark.parametrize(("pointer", "length"), [(131072, 1), (2**32 - 1, 1), (0, 2**32 - 1)])
def test_a_log_message_outside_memory_is_a_trap(
    start: Start, supervisor: Supervisor, pointer: int, length: int
) -> None:
    with pytest.raises(Trap, match="log: "):
        function(start(), "log")(1, pointer, length)
    assert supervisor.logged == []
