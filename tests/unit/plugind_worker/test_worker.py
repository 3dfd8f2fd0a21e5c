"""A worker as its supervisor sees it: real processes, real sockets."""

import json
import mmap
import os
import resource
import socket
import tempfile
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import msgspec
import pytest
from tests.unit.plugind_worker.supervisor import Launcher, Peer, Write, Zygote
from tests.unit.plugind_worker.windows import Shared

from plugind_protocol.errors import (
    FunctionNotFound,
    InvalidParams,
    MemoryLimit,
    PackageInvalid,
    PlugindError,
    PluginError,
    Timeout,
    TooLarge,
    Trap,
    UnsupportedAbi,
)
from plugind_protocol.frames import PixelFormat
from plugind_protocol.worker import PROCESS, PROCESSED, Kind, split_name, with_name

pytestmark = pytest.mark.process

HOST = (
    '(import "timeline" "host_call" (func $host (param i32 i32 i32 i32) (result i64)))'
    ' (import "timeline" "log" (func $log (param i32 i32 i32)))'
)
ECHO = "(call $pack (local.get $params) (local.get $params_len))"
FORWARD = "(call $host (local.get $method) (local.get $method_len) (local.get $params) (local.get $params_len))"
BY_LETTER = """
  (local $letter i32)
  (local.set $letter (i32.load8_u (local.get $method)))
  (if (i32.eq (local.get $letter) (i32.const 0x73)) (then                                 ;; s: say so, and spin
    (call $log (i32.const 2) (local.get $method) (local.get $method_len)) (loop $spin (br $spin))))
  (if (i32.eq (local.get $letter) (i32.const 0x75)) (then (unreachable)))                 ;; u: unreachable
  (if (i32.eq (local.get $letter) (i32.const 0x72)) (then (call $deeper)))                ;; r: recursion
  (if (i32.eq (local.get $letter) (i32.const 0x67)) (then                                 ;; g: grow
    (loop $more (br_if $more (i32.ne (memory.grow (i32.const 16)) (i32.const -1))))))
  (if (i32.eq (local.get $letter) (i32.const 0x63)) (then                                 ;; c: count calls
    (global.set $count (i32.add (global.get $count) (i32.const 1)))
    (i32.store8 (i32.const 1024) (i32.add (i32.const 48) (global.get $count)))
    (return (call $pack (i32.const 1024) (i32.const 1)))))
  (call $pack (local.get $params) (local.get $params_len))"""
MORE = "(global $count (mut i32) (i32.const 0)) (func $deeper (call $deeper))"


@pytest.fixture
def versatile(launch: Launcher, guest_text: Write) -> Peer:
    peer = launch(guest_text(BY_LETTER, imports=HOST, more=MORE))
    peer.ready()
    return peer


def test_a_call(versatile: Peer) -> None:
    assert versatile.call("echo", b'{"a": [1, 2]}') == b'{"a": [1, 2]}'


def test_a_large_call(versatile: Peer) -> None:
    params = b'"' + b"x" * 900_000 + b'"'
    assert versatile.call("echo", params) == params


def test_a_result_over_the_limit(versatile: Peer) -> None:
    with pytest.raises(TooLarge, match="over the limit"):
        versatile.call("echo", b'"' + b"x" * (1 << 20) + b'"')
    assert versatile.call("echo", b"1") == b"1"


def test_calls_are_answered_in_order(versatile: Peer) -> None:
    numbers = [versatile.begin("echo", str(n).encode()) for n in range(100)]
    assert [versatile.answer(number) for number in numbers] == [str(n).encode() for n in range(100)]


def test_a_ping_is_answered(versatile: Peer) -> None:
    assert versatile.answer(versatile.send(Kind.PING)) == b"null"


def test_errors_name_the_plugin_its_version_and_the_cause(versatile: Peer) -> None:
    with pytest.raises(Trap, match=r"^probe 1\.2\.3: executed an unreachable instruction in call$") as caught:
        versatile.call("unreachable")
    data = caught.value.data
    assert (data.plugin_id, data.version, data.cause, data.kind) == ("probe", "1.2.3", "trap", "Trap")
    assert data.stack == ["call"]
    assert data.hint


def test_a_trap_makes_a_fresh_instance(versatile: Peer) -> None:
    assert [versatile.call("count") for _ in range(2)] == [b"1", b"2"]
    with pytest.raises(Trap):
        versatile.call("unreachable")
    assert versatile.call("count") == b"1"


def test_running_out_of_stack_is_a_trap(versatile: Peer) -> None:
    with pytest.raises(Trap, match="ran out of stack in deeper") as caught:
        versatile.call("recursion")
    assert set(caught.value.data.stack or ()) == {"deeper"}
    assert versatile.call("echo", b"1") == b"1"


def test_growing_stops_at_the_limit(versatile: Peer) -> None:
    assert versatile.call("grow", b"7") == b"7"
    pages = int(Path(f"/proc/{versatile.pid}/statm").read_text().split()[1])
    assert pages * mmap.PAGESIZE < 128 << 20


def _limit_data(peer: Peer, more: int) -> None:
    """Leave a worker only so many bytes of private memory."""
    lines = Path(f"/proc/{peer.pid}/status").read_text().splitlines()
    have = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmData:"))
    resource.prlimit(peer.pid, resource.RLIMIT_DATA, (have + more, have + more))


def test_growing_stops_when_the_process_may_have_no_more_memory(versatile: Peer) -> None:
    _limit_data(versatile, 16 << 20)
    assert versatile.call("grow", b"7") == b"7"
    assert versatile.call("echo", b"8") == b"8"


def test_a_result_the_process_has_no_memory_for(launch: Launcher, guest_text: Write) -> None:
    digits = "(memory.fill (i32.const 65536) (i32.const 0x31) (i32.const 0x800000))"
    body = f"""(if (result i64) (i32.eq (local.get $method_len) (i32.const 3))
      (then {digits} (call $pack (i32.const 65536) (i32.const 0x800000))) (else {ECHO}))"""
    peer = launch(
        guest_text(body, more="(func $s (drop (memory.grow (i32.const 200)))) (start $s)"), max_result_bytes=16 << 20
    )
    peer.ready()
    _limit_data(peer, 4 << 20)
    with pytest.raises(MemoryLimit, match="no memory left") as caught:
        peer.call("big")
    assert caught.value.data.cause == "memory"
    assert peer.call("echo", b"1") == b"1"


def test_a_call_that_never_ends_is_interrupted(versatile: Peer) -> None:
    number = versatile.begin("spin")
    versatile.wait_for_log()
    versatile.interrupt(number)
    with pytest.raises(Timeout, match=r"probe 1\.2\.3: interrupted") as caught:
        versatile.answer(number)
    assert caught.value.data.cause == "timeout"
    assert versatile.call("count") == b"1"


def test_a_queued_call_is_skipped_and_the_others_run(versatile: Peer) -> None:
    spinning = versatile.begin("spin")
    versatile.wait_for_log()
    skipped = versatile.begin("echo", b"1")
    kept = versatile.begin("echo", b"2")
    versatile.interrupt(skipped)
    versatile.interrupt(spinning)
    with pytest.raises(Timeout, match="interrupted"):
        versatile.answer(spinning)
    with pytest.raises(Timeout, match="before its turn"):
        versatile.answer(skipped)
    assert versatile.answer(kept) == b"2"


def test_an_interrupt_for_a_call_that_is_over_changes_nothing(versatile: Peer) -> None:
    for _ in range(50):
        versatile.interrupt(versatile.number)
        assert versatile.call("echo", b"1") == b"1"
    assert versatile.call("count") == b"1"


def test_interrupts_that_race_with_the_end_of_calls_hit_no_other_call(versatile: Peer) -> None:
    for _ in range(200):
        number = versatile.begin("echo", b"1")
        following = versatile.begin("echo", b"2")
        versatile.interrupt(number)
        with suppress(Timeout):
            assert versatile.answer(number) == b"1"
        assert versatile.answer(following) == b"2"


def test_calls_interrupted_one_after_the_other(versatile: Peer) -> None:
    for _ in range(20):
        number = versatile.begin("spin")
        versatile.interrupt(number)
        with pytest.raises(Timeout):
            versatile.answer(number)
    assert versatile.call("echo", b"1") == b"1"


def test_the_worker_ends_with_its_channel(
    zygote: Zygote, new_peer: type[Peer], artefact: Callable[[str], int], guest_text: Write
) -> None:
    with closing(new_peer(zygote, artefact(guest_text(ECHO)))) as peer:
        peer.ready()
        peer.messages.shutdown(socket.SHUT_WR)
        assert zygote.exit_status(peer.pid) == 0


def test_the_worker_ends_with_its_channel_even_while_its_guest_computes(
    zygote: Zygote, new_peer: type[Peer], artefact: Callable[[str], int], guest_text: Write
) -> None:
    with closing(new_peer(zygote, artefact(guest_text(BY_LETTER, imports=HOST, more=MORE)))) as peer:
        peer.ready()
        peer.begin("spin")
        peer.wait_for_log()
    assert zygote.exit_status(peer.pid) == 0


# starting


def test_ready_lists_the_functions_of_numbers(launch: Launcher) -> None:
    peer = launch(
        '(module (func (export "add") (param i32 i32) (result i32) local.get 0 local.get 1 i32.add))', abi="numeric"
    )
    ready = peer.ready()
    assert (ready.abi, ready.functions) == ("numeric", ["add"])
    assert peer.call("add", b"[2,3]") == b"5"
    with pytest.raises(InvalidParams):
        peer.call("add", b"[2]")
    with pytest.raises(FunctionNotFound, match="'sub'"):
        peer.call("sub", b"[]")
    assert peer.call("main", kind=Kind.HOOK) == b"null"


def _ends(zygote: Zygote, peer: Peer) -> PlugindError:
    with closing(peer):
        error = peer.failed()
        assert zygote.exit_status(peer.pid) == 0
    return error


@pytest.fixture
def failing(zygote: Zygote, new_peer: type[Peer], artefact: Callable[[str], int]) -> Callable[..., PlugindError]:
    return lambda wat, **limits: _ends(zygote, new_peer(zygote, artefact(wat), **limits))


def test_wanting_more_memory_than_the_limit_fails_the_start(failing: Callable[..., PlugindError]) -> None:
    error = failing('(module (memory (export "memory") 2000) (func (export "f")))', abi="numeric")
    assert isinstance(error, MemoryLimit)
    assert (error.data.plugin_id, error.data.version, error.data.cause) == ("probe", "1.2.3", "memory")


def test_a_trap_in_the_start_function_fails_the_start(failing: Callable[..., PlugindError]) -> None:
    error = failing('(module (func $s unreachable) (start $s) (func (export "f")))', abi="numeric")
    assert isinstance(error, Trap)
    assert error.data.stack == ["s"]


def test_an_unknown_abi_fails_the_start(failing: Callable[..., PlugindError]) -> None:
    assert isinstance(failing('(module (func (export "f")))', abi="component"), UnsupportedAbi)


def test_an_artefact_of_something_else_fails_the_start(zygote: Zygote, new_peer: type[Peer]) -> None:
    with tempfile.TemporaryFile() as file:
        file.write(b"no artefact")
        file.flush()
        assert isinstance(_ends(zygote, new_peer(zygote, file.fileno())), PackageInvalid)


@pytest.mark.parametrize(
    "wat",
    [
        '(module (func $s (loop br 0)) (start $s) (func (export "f")))',
        '(module (func (export "_initialize") (loop br 0)) (func (export "f")))',
    ],
)
def test_a_start_that_never_ends_is_interrupted_as_call_0(
    zygote: Zygote, new_peer: type[Peer], artefact: Callable[[str], int], wat: str
) -> None:
    with closing(new_peer(zygote, artefact(wat), abi="numeric")) as peer:
        peer.interrupt(0)
        assert isinstance(peer.failed(), Timeout)
        assert zygote.exit_status(peer.pid) == 0


def test_initialize_runs_before_anything_else(launch: Launcher) -> None:
    peer = launch(
        '(module (global $n (mut i32) (i32.const 1)) (func (export "_initialize") (global.set $n (i32.const 7)))'
        ' (func (export "n") (result i32) global.get $n))',
        abi="numeric",
    )
    assert peer.ready().functions == ["n"]
    assert peer.call("n", b"[]") == b"7"


def test_an_initialize_of_another_shape_is_not_called(launch: Launcher) -> None:
    peer = launch('(module (func (export "_initialize") (param i32) unreachable) (func (export "f")))', abi="numeric")
    peer.ready()


# host calls


def test_a_host_call_and_its_answer(launch: Launcher, guest_text: Write) -> None:
    peer = launch(guest_text(FORWARD, imports=HOST))
    peer.ready()
    number = peer.begin("timeline.getState", b'{"a":1}')
    kind, call, body = peer.receive()
    assert (kind, call, split_name(body)) == (Kind.HOST_CALL, number, (b"timeline.getState", b'{"a":1}'))
    peer.send(Kind.HOST_RESULT, b'{"clips":[]}', number=number)
    assert peer.answer(number) == b'{"clips":[]}'


def test_an_error_of_the_host_is_the_guests_to_pass_on(launch: Launcher, guest_text: Write) -> None:
    peer = launch(guest_text(FORWARD, imports=HOST))
    peer.ready()
    number = peer.begin("file.read", b"{}")
    peer.receive()
    denied = {"code": -32003, "message": "denied", "data": {"kind": "PermissionDenied"}}
    peer.send(Kind.HOST_ERROR, json.dumps(denied).encode(), number=number)
    with pytest.raises(PluginError, match="denied") as caught:
        peer.answer(number)
    assert msgspec.to_builtins(caught.value.data.error) == denied


def test_calls_that_arrive_during_a_host_call_wait_for_their_turn(launch: Launcher, guest_text: Write) -> None:
    peer = launch(guest_text(FORWARD, imports=HOST))
    peer.ready()
    first = peer.begin("a.one")
    peer.receive()
    second, third = peer.begin("a.two"), peer.begin("a.three")
    ping = peer.send(Kind.PING)
    peer.interrupt(third)
    peer.wait_until_ordered()
    peer.send(Kind.HOST_RESULT, b"1", number=first)
    assert peer.answer(first) == b"1"
    kind, call, body = peer.receive()
    assert (kind, call, split_name(body)[0]) == (Kind.HOST_CALL, second, b"a.two")
    peer.send(Kind.HOST_RESULT, b"2", number=second)
    assert peer.answer(second) == b"2"
    with pytest.raises(Timeout, match="before its turn"):
        peer.answer(third)
    assert peer.answer(ping) == b"null"


def test_a_call_interrupted_during_a_host_call_ends_when_it_is_answered(launch: Launcher, guest_text: Write) -> None:
    spin = f"(drop {FORWARD}) (loop br 0) unreachable"
    peer = launch(guest_text(spin, imports=HOST))
    peer.ready()
    number = peer.begin("ui.showDialog")
    peer.receive()
    peer.interrupt(number)
    peer.send(Kind.HOST_ERROR, b'{"code":-32005,"message":"too late"}', number=number)
    with pytest.raises(Timeout):
        peer.answer(number)
    following = peer.begin("again")
    assert peer.receive()[:2] == (Kind.HOST_CALL, following)


def test_a_late_answer_of_the_host_is_dropped(versatile: Peer) -> None:
    versatile.send(Kind.HOST_RESULT, b"1", number=77)
    assert versatile.call("echo", b"2") == b"2"


def test_a_host_call_with_a_lying_pointer_is_a_trap_and_the_next_call_works(
    launch: Launcher, guest_text: Write
) -> None:
    lie = "(call $host (i32.const -8) (i32.const 100) (local.get $params) (local.get $params_len))"
    body = f"(if (result i64) (i32.eq (local.get $method_len) (i32.const 3)) (then {lie}) (else {ECHO}))"
    peer = launch(guest_text(body, imports=HOST))
    peer.ready()
    with pytest.raises(Trap, match="host_call: pointer out of bounds") as caught:
        peer.call("lie")
    assert caught.value.data.stack == ["call"]
    assert peer.call("truth", b"1") == b"1"


def test_log_messages_carry_the_number_of_their_call(launch: Launcher, guest_text: Write) -> None:
    body = f"(call $log (i32.const 3) (local.get $params) (local.get $params_len)) {ECHO}"
    peer = launch(guest_text(body, imports=HOST))
    peer.ready()
    peer.call("x", b'"hello"')
    assert peer.logs == [(3, '"hello"')]


def test_what_is_printed_without_a_line_break_arrives_with_the_call(launch: Launcher, guest_text: Write) -> None:
    body = """(i32.store (i32.const 16) (i32.const 1024)) (i32.store (i32.const 20) (i32.const 5))
      (drop (call $write (i32.const 2) (i32.const 16) (i32.const 1) (i32.const 8))) (i64.const 0)"""
    imports = '(import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))'
    peer = launch(guest_text(body, imports=imports, more='(data (i32.const 1024) "a\\nbcd")'))
    peer.ready()
    assert peer.call("print") == b"null"
    assert peer.logs == [(4, "a"), (4, "bcd")]


def test_a_plugin_that_exits_lives_on(launch: Launcher) -> None:
    wat = """(module (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
      (func (export "quit") (call $exit (i32.const 4))) (func (export "one") (result i32) i32.const 1))"""
    peer = launch(wat, abi="numeric")
    peer.ready()
    with pytest.raises(Trap, match="plugin exited with 4"):
        peer.call("quit", b"[]")
    assert peer.call("one", b"[]") == b"1"


# hooks

RECORDING = """
  (if (i32.eq (local.get $method_len) (i32.const 4)) (then
    (if (i32.eq (i32.load (local.get $method)) (i32.const 0x6d6f6f62)) (then (unreachable)))))  ;; boom
  (if (i32.eq (local.get $method_len) (i32.const 5)) (then (return (i64.or (i64.const 0x80000000)
    (call $pack (i32.const 1024) (i32.const 28))))))  ;; event: not implemented
  (drop (call $host (local.get $method) (local.get $method_len) (local.get $params) (local.get $params_len)))
  (i64.const 0)"""
NOT_IMPLEMENTED = '(data (i32.const 1024) "{\\22code\\22:-32601,\\22message\\22:\\22\\22}")'


@pytest.fixture
def recording(launch: Launcher, guest_text: Write) -> Peer:
    """A worker whose guest tells the host the name of each hook; a method called boom traps."""
    peer = launch(guest_text(RECORDING, imports=HOST, more=NOT_IMPLEMENTED))
    peer.ready()
    return peer


def _served(peer: Peer, number: int) -> tuple[list[tuple[str, str]], int, bytes]:
    """Answer host calls until a call is over; return what was called."""
    seen: list[tuple[str, str]] = []
    while True:
        kind, call, body = peer.receive()
        assert call == number
        if kind != Kind.HOST_CALL:
            return seen, kind, body
        name, params = split_name(body)
        seen.append((name.decode(), params.decode()))
        peer.send(Kind.HOST_RESULT, b"null", number=number)


def _hook(peer: Peer, name: str, params: bytes = b"null") -> list[tuple[str, str]]:
    seen, kind, _ = _served(peer, peer.send(Kind.HOOK, with_name(name.encode(), params)))
    assert kind == Kind.RESULT
    return seen


def _boom(peer: Peer) -> None:
    _, kind, _ = _served(peer, peer.begin("boom"))
    assert kind == Kind.ERROR


def test_hooks_that_hold_are_replayed_before_the_next_call(recording: Peer) -> None:
    assert _hook(recording, "lifecycle.load", b'{"n":1}') == [("lifecycle.load", '{"n":1}')]
    _hook(recording, "lifecycle.activate")
    _hook(recording, "main")
    _boom(recording)
    seen, _, _ = _served(recording, recording.begin("method"))
    assert [name for name, _ in seen] == ["lifecycle.load", "lifecycle.activate", "main", "method"]
    assert seen[0] == ("lifecycle.load", '{"n":1}')
    seen, _, _ = _served(recording, recording.begin("method"))
    assert [name for name, _ in seen] == ["method"]


def test_a_deactivated_plugin_is_not_activated_again(recording: Peer) -> None:
    _hook(recording, "lifecycle.load")
    _hook(recording, "lifecycle.activate")
    _hook(recording, "lifecycle.deactivate")
    _boom(recording)
    seen, _, _ = _served(recording, recording.begin("method"))
    assert [name for name, _ in seen] == ["lifecycle.load", "method"]


def test_an_unloaded_plugin_starts_from_nothing(recording: Peer) -> None:
    _hook(recording, "lifecycle.load")
    _hook(recording, "lifecycle.unload")
    _boom(recording)
    seen, _, _ = _served(recording, recording.begin("method"))
    assert [name for name, _ in seen] == ["method"]


def test_a_hook_that_is_not_implemented_is_null_but_a_call_is_not_found(recording: Peer) -> None:
    assert recording.call("event", kind=Kind.HOOK) == b"null"
    with pytest.raises(FunctionNotFound):
        recording.call("event")


def test_a_call_fails_with_the_hook_that_cannot_be_replayed(launch: Launcher, guest_text: Write) -> None:
    body = f"""(if (i32.eq (local.get $method_len) (i32.const 4)) (then  ;; main
        (if (i32.ne (memory.size) (i32.const 2)) (then (unreachable)))
        (return (call $pack (local.get $params) (local.get $params_len)))))
      (if (i32.eq (local.get $method_len) (i32.const 5)) (then (unreachable)))
      {ECHO}"""
    ask = "(call $host (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 0))"
    more = f"(func $s (drop (memory.grow (i32.wrap_i64 {ask})))) (start $s)"
    peer = launch(guest_text(body, imports=HOST, more=more))
    _, number, _ = peer.receive()  # the start function asks how much to grow
    peer.send(Kind.HOST_RESULT, b"null", number=number)
    peer.ready()
    assert peer.call("main", b"1", kind=Kind.HOOK) == b"1"
    with pytest.raises(Trap):
        peer.call("break")
    for _ in range(2):
        number = peer.begin("echo", b"2")
        assert peer.receive()[:2] == (Kind.HOST_CALL, number)
        peer.send(Kind.HOST_RESULT, b"1", number=number)  # grows, so that main traps
        with pytest.raises(Trap, match="unreachable"):
            peer.answer(number)
    number = peer.begin("echo", b"3")
    peer.receive()
    peer.send(Kind.HOST_RESULT, b"null", number=number)
    assert peer.answer(number) == b"3"


def test_an_endless_fresh_start_is_interrupted_as_part_of_the_call(launch: Launcher, guest_text: Write) -> None:
    more = """(func $s (if (i64.ne (call $host (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 0)) (i64.const 0))
      (then (loop $spin (br $spin))))) (start $s)"""
    peer = launch(guest_text("unreachable", imports=HOST, more=more))
    peer.receive()
    peer.send(Kind.HOST_RESULT, b"null", number=0)
    peer.ready()
    with pytest.raises(Trap):
        peer.call("break")
    number = peer.begin("again")
    peer.receive()
    peer.send(Kind.HOST_RESULT, b"1", number=number)
    peer.interrupt(number)
    with pytest.raises(Timeout):
        peer.answer(number)


# frames

ADD_ONE = """(func (export "plugin_process_frame") (param $effect i32) (param $frame i32) (result i32)
    (i32.store8 (i32.load offset=24 (local.get $frame))
      (i32.add (i32.const 1) (i32.load8_u (i32.load offset=20 (local.get $frame)))))
    (local.get $effect))"""


@pytest.fixture
def effects(launch: Launcher, guest_text: Write) -> Peer:
    peer = launch(guest_text(BY_LETTER, imports=HOST, more=MORE + ADD_ONE), memory_bytes=4 << 20)
    peer.ready()
    return peer


def _process(peer: Peer, window: int = 1, *, effect: int = 0) -> tuple[int, int]:
    code, microseconds = PROCESSED.unpack(peer.answer(peer.send(Kind.PROCESS, PROCESS.pack(effect, window, 0, 1, 0))))
    return code, microseconds


def test_a_frame_is_processed_in_shared_memory(effects: Peer) -> None:
    with closing(Shared(1)) as shared:
        assert effects.open_window(shared.window, shared.file.fileno()) == b"null"
        shared.view[0] = 41
        code, microseconds = _process(effects, effect=3)
        assert (code, shared.view[shared.layout.offsets[1]]) == (3, 42)
        assert microseconds < 1_000_000
        assert effects.close_window(shared.window) == b"null"
        with pytest.raises(InvalidParams, match="no window 1"):
            _process(effects)


def test_a_fresh_instance_keeps_its_windows(effects: Peer) -> None:
    with closing(Shared(1)) as one, closing(Shared(2, width=101, height=17)) as two:
        for shared in (one, two):
            effects.open_window(shared.window, shared.file.fileno())
        with pytest.raises(Trap):
            effects.call("unreachable")
        for n, shared in ((1, one), (2, two)):
            shared.view[0] = 10 * n
            _process(effects, n)
            assert shared.view[shared.layout.offsets[1]] == 10 * n + 1


def test_a_window_closed_while_there_is_no_instance_stays_closed(effects: Peer) -> None:
    with closing(Shared(1)) as shared:
        effects.open_window(shared.window, shared.file.fileno())
        with pytest.raises(Trap):
            effects.call("unreachable")
        assert effects.close_window(shared.window) == b"null"
        with pytest.raises(InvalidParams):
            _process(effects)


def test_the_largest_window_of_two_slots(effects: Peer) -> None:
    with closing(Shared(1, width=7680, height=4320, pixel_format=PixelFormat.RGBA32F)) as shared:
        effects.open_window(shared.window, shared.file.fileno())
        shared.view[0] = 7
        _process(effects)
        assert shared.view[shared.layout.offsets[1]] == 8
        effects.close_window(shared.window)


def test_windows_come_and_go_without_descriptors_left(effects: Peer) -> None:
    folder = f"/proc/{effects.pid}/fd"
    before = len(os.listdir(folder))
    for _ in range(5):
        with closing(Shared(1)) as shared:
            effects.open_window(shared.window, shared.file.fileno())
            effects.close_window(shared.window)
            with pytest.raises(InvalidParams):
                effects.close_window(shared.window)
    assert len(os.listdir(folder)) == before


def test_waiting_for_a_window_that_never_comes_is_interrupted(effects: Peer) -> None:
    with closing(Shared(1)) as shared:
        number = effects.send(Kind.WINDOW_OPEN, msgspec.json.encode(shared.window))
        effects.interrupt(number)
        with pytest.raises(Timeout, match="interrupted"):
            effects.answer(number)


def test_a_malformed_window_is_refused(effects: Peer) -> None:
    with pytest.raises(InvalidParams, match="malformed window"):
        effects.answer(effects.send(Kind.WINDOW_OPEN, b"{}"))


def test_a_trap_in_a_frame_names_its_function(launch: Launcher, guest_text: Write) -> None:
    peer = launch(
        guest_text(ECHO, more='(func $shade (export "plugin_process_frame") (param i32 i32) (result i32) unreachable)')
    )
    peer.ready()
    with closing(Shared(1)) as shared:
        peer.open_window(shared.window, shared.file.fileno())
        with pytest.raises(Trap) as caught:
            _process(peer)
    assert caught.value.data.stack == ["shade"]


def test_a_plugin_without_effects_is_told_so(versatile: Peer) -> None:
    with closing(Shared(1)) as shared, pytest.raises(FunctionNotFound, match="plugin_process_frame"):
        versatile.open_window(shared.window, shared.file.fileno())
    with pytest.raises(FunctionNotFound, match="plugin_process_frame"):
        _process(versatile)
