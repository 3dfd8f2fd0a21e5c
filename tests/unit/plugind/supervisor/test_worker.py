"""A worker's life, with the test at the other end of its channel: deadlines, cancellation, lies and death."""

import asyncio
import gc
import signal
import socket
import time
import weakref
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from tests.harness.waiting import until

from plugind.pace import Pace
from plugind.policy.plan import LaunchPlan
from plugind.supervisor.long_runs import LongRuns
from plugind.supervisor.meter import Meter
from plugind.supervisor.verdict import Verdict
from plugind.supervisor.worker import Worker
from plugind_protocol.errors import (
    ErrorObject,
    MemoryLimit,
    Overloaded,
    PlugindError,
    Timeout,
    TooLarge,
    Trap,
    WorkerCrashed,
)
from plugind_protocol.manifest import Limits
from plugind_protocol.worker import (
    CONTROL,
    PROCESSED,
    Decoder,
    Kind,
    Order,
    Ready,
    encode,
    split_name,
    with_name,
)

pytestmark = pytest.mark.anyio

PLAN = LaunchPlan(
    plugin_id="p",
    version="1.2.3",
    module="",
    module_hash="",
    text=False,
    engine="e",
    abi="timeline",
    limits=Limits(log_messages_per_second=10),
)
LONG = 30.0


class Process:
    """Stands in for the child: dies of SIGKILL, or when told to."""

    pid = 1 << 30  # nobody's

    def __init__(self) -> None:
        self.neighbours: list[str] = []
        self.verdict = Verdict()
        self.exited: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.peer: Peer

    def signal(self, number: signal.Signals) -> None:
        self.die(-number)

    def limit(self, limits: Limits) -> None:
        pass

    def allow_memory(self, more_bytes: int) -> None:
        pass

    def lost(self, *, busy: bool) -> None:
        pass

    def die(self, status: int) -> None:
        if not self.exited.done():
            self.exited.set_result(status)
            self.peer.close()


class Peer:
    """The worker's end of the channel, moved by the test."""

    def __init__(self, messages: socket.socket, control: socket.socket) -> None:
        self.messages = messages
        self.control = control
        self.decoder = Decoder()
        self.waiting: list[tuple[int, int, bytes]] = []
        for one in (messages, control):
            one.setblocking(False)

    async def next(self) -> tuple[int, int, bytes]:
        loop = asyncio.get_running_loop()
        while not self.waiting:
            self.waiting += self.decoder.feed(await loop.sock_recv(self.messages, 65536))
        return self.waiting.pop(0)

    async def order(self) -> tuple[int, int]:
        return CONTROL.unpack(await asyncio.get_running_loop().sock_recv(self.control, CONTROL.size))  # type: ignore[no-any-return]

    def say(self, kind: Kind, call: int, body: bytes = b"") -> None:
        self.messages.send(encode(kind, call, body))

    def error(self, call: int, error: PlugindError) -> None:
        self.say(Kind.ERROR, call, msgspec.json.encode(error.to_object()))

    def close(self) -> None:
        self.messages.close()
        self.control.close()


class Owner:
    """Takes down what the worker reports."""

    def __init__(self) -> None:
        self.host_calls: list[tuple[int, bytes, bytes]] = []
        self.logs: list[tuple[int, str]] = []
        self.dropped_count = 0
        self.ends: list[tuple[str, bool]] = []
        self.traps: list[str] = []
        self.capsules: list[str | None] = []
        self.reported = asyncio.Event()

    def host_call(self, _worker: Worker, number: int, method: bytes, params: bytes) -> None:
        self.host_calls.append((number, method, params))
        self.reported.set()

    def logged(self, level: int, text: str) -> None:
        self.logs.append((level, text))
        self.reported.set()

    def dropped(self, count: int) -> None:
        self.dropped_count += count

    def trapped(self, _worker: Worker, error: Trap | MemoryLimit) -> None:
        self.traps.append(error.message)

    def overdue(self, _worker: Worker, error: Timeout) -> None:
        error.data.capsule = "promised"

    def ended(self, _worker: Worker, error: WorkerCrashed, *, expected: bool) -> None:
        self.ends.append((error.message.removeprefix("p 1.2.3: "), expected))
        self.capsules.append(error.data.capsule)


class Bench:
    def __init__(self, worker: Worker, peer: Peer, process: Process, owner: Owner, meter: Meter) -> None:
        self.worker, self.peer, self.process, self.owner, self.meter = worker, peer, process, owner, meter

    async def crashed(self) -> str:
        await self.worker.gone
        return self.owner.ends[-1][0]


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    bench = await begin()
    yield bench
    bench.process.die(0)
    await bench.worker.gone


async def begin() -> Bench:
    messages, their_messages = socket.socketpair()
    control, their_control = socket.socketpair()
    peer, process, owner, meter = Peer(their_messages, their_control), Process(), Owner(), Meter()
    process.peer = peer
    child: Any = process
    worker = Worker(
        PLAN,
        child,
        owner=owner,
        meter=meter,
        pace=Pace(),
        long_runs=LongRuns(),
        grace_seconds=0.05,
        max_queued=4,
    )
    await worker.attach(messages, control)
    peer.say(Kind.READY, 0, msgspec.json.encode(Ready("timeline", [])))
    await worker.ready
    return Bench(worker, peer, process, owner, meter)


async def test_a_call_reaches_the_guest_as_it_is_and_its_result_comes_back_as_it_is(bench: Bench) -> None:
    call = bench.worker.call("echo", b'{"a": [1,  2]}', timeout=LONG)
    kind, number, body = await bench.peer.next()
    assert (kind, split_name(body)) == (Kind.CALL, (b"echo", b'{"a": [1,  2]}'))
    bench.peer.say(Kind.RESULT, number, b" [ 1 ] ")
    assert await call == b" [ 1 ] "
    assert (bench.meter.calls, bench.meter.errors) == (1, 0)


async def test_an_error_comes_back_typed_and_counts(bench: Bench) -> None:
    call = bench.worker.call("f", b"null", timeout=LONG)
    _, number, _ = await bench.peer.next()
    bench.peer.error(number, Trap("boom", plugin_id="p", stack=["inner", "outer"]))
    with pytest.raises(Trap, match="boom") as caught:
        await call
    assert caught.value.data.stack == ["inner", "outer"]
    assert bench.owner.traps == ["boom"]
    assert (bench.meter.calls, bench.meter.errors) == (1, 1)


async def test_a_worker_cannot_fail_in_anothers_name_or_point_to_anothers_capsule(bench: Bench) -> None:
    call = bench.worker.call("f", b"null", timeout=LONG)
    _, number, _ = await bench.peer.next()
    forged = Overloaded("no", plugin_id="other", version="6.6.6")
    forged.data.kind, forged.data.capsule = "Trap", "../of-another"
    bench.peer.error(number, forged)
    with pytest.raises(Overloaded) as caught:
        await call
    data = caught.value.data
    assert (data.kind, data.plugin_id, data.version, data.capsule) == ("Overloaded", "p", "1.2.3", None)


async def test_a_late_call_is_interrupted_and_answered_timeout(bench: Bench) -> None:
    call = bench.worker.call("spin", b"null", timeout=0.01)
    _, number, _ = await bench.peer.next()
    assert await bench.peer.order() == (Order.INTERRUPT, number)
    bench.peer.error(number, Timeout("interrupted"))
    with pytest.raises(Timeout, match=r"p 1\.2\.3: spin took longer than 10 ms") as caught:
        await call
    assert (caught.value.data.cause, caught.value.data.version) == ("timeout", "1.2.3")
    again = bench.worker.call("f", b"null", timeout=LONG)
    _, number, _ = await bench.peer.next()
    bench.peer.say(Kind.RESULT, number, b"1")
    assert await again == b"1"


@pytest.mark.threat("Guest", "worker that no longer listens")
async def test_a_worker_that_ignores_the_interrupt_is_killed(bench: Bench) -> None:
    call = bench.worker.call("spin", b"null", timeout=0.01)
    queued = bench.worker.call("f", b"null", timeout=LONG)
    with pytest.raises(Timeout, match="was killed") as late:
        await call
    with pytest.raises(WorkerCrashed, match="a call did not end in time") as behind:
        await queued
    assert [late.value.data.capsule, behind.value.data.capsule, *bench.owner.capsules] == ["promised"] * 3
    assert await bench.crashed() == "a call did not end in time"
    assert await bench.process.exited == -signal.SIGKILL


async def test_a_call_that_waits_too_long_is_answered_without_stopping_the_running_one(bench: Bench) -> None:
    first = bench.worker.call("long", b"null", timeout=LONG)
    second = bench.worker.call("late", b"null", timeout=0.01)
    with pytest.raises(Timeout, match="still waiting for earlier calls"):
        await second
    _, one, _ = await bench.peer.next()
    _, two, _ = await bench.peer.next()
    assert await bench.peer.order() == (Order.INTERRUPT, two)
    bench.peer.say(Kind.RESULT, one, b"1")
    bench.peer.error(two, Timeout("skipped"))
    assert await first == b"1"
    assert bench.worker.alive


async def test_cancelling_interrupts_the_guest(bench: Bench) -> None:
    call = bench.worker.call("long", b"null", timeout=LONG)
    _, number, _ = await bench.peer.next()
    call.cancel()
    assert await bench.peer.order() == (Order.INTERRUPT, number)
    bench.peer.error(number, Timeout("interrupted"))
    after = bench.worker.call("f", b"null", timeout=LONG)
    _, number, _ = await bench.peer.next()
    bench.peer.say(Kind.RESULT, number, b"2")
    assert await after == b"2"


async def test_cancelling_a_queued_call_takes_it_out(bench: Bench) -> None:
    big = b'"' + b"x" * 300_000 + b'"'
    first = bench.worker.call("a", big, timeout=LONG)
    second = bench.worker.call("b", big, timeout=LONG)
    third = bench.worker.call("c", b"null", timeout=LONG)
    second.cancel()
    _, one, _ = await bench.peer.next()
    bench.peer.say(Kind.RESULT, one, b"1")
    _, three, body = await bench.peer.next()
    assert split_name(body)[0] == b"c"
    bench.peer.say(Kind.RESULT, three, b"3")
    assert (await first, await third) == (b"1", b"3")


async def test_more_calls_than_may_wait_are_refused(bench: Bench) -> None:
    calls = [bench.worker.call("f", b"null", timeout=LONG) for _ in range(16 + 4)]
    with pytest.raises(Overloaded, match="p has 4 calls waiting"):
        bench.worker.call("f", b"null", timeout=LONG)
    for _ in calls:
        _, number, _ = await bench.peer.next()
        bench.peer.say(Kind.RESULT, number, b"%d" % number)
    assert [int(await call) for call in calls] == list(range(1, 21))


async def test_callers_take_turns_and_what_is_ours_keeps_its_place(bench: Bench) -> None:
    """Two are on their way at once, so that the worker never waits; the others queue."""
    first = bench.worker.call("first", b'"%b"' % (b"x" * 300_000), timeout=LONG, lane=1)
    many = [bench.worker.call(f"a{number}", b"null", timeout=LONG, lane=1) for number in range(2)]
    one = bench.worker.call("b0", b"null", timeout=LONG, lane=2)
    hook = bench.worker.hook("lifecycle.activate", timeout=LONG)
    names = []
    for _ in range(5):
        _, number, body = await bench.peer.next()
        names.append(split_name(body)[0].decode())
        bench.peer.say(Kind.RESULT, number, b"null")
    assert names == ["first", "a0", "b0", "a1", "lifecycle.activate"]
    await asyncio.gather(first, *many, one, hook)


async def test_fewer_calls_are_sent_ahead_where_several_call(bench: Bench) -> None:
    """A worker gets 16 before it has answered any; 4 where somebody else has called just before."""
    for lane, ahead in ((1, 16), (2, 4)):
        calls = [bench.worker.call("f", b"null", timeout=LONG, lane=lane) for _ in range(ahead + 4)]
        sent = [await bench.peer.next()]
        sent += bench.peer.waiting
        bench.peer.waiting.clear()
        assert len(sent) == ahead
        for _, number, _ in sent:
            bench.peer.say(Kind.RESULT, number, b"1")
        for _ in range(4):
            _, number, _ = await bench.peer.next()
            bench.peer.say(Kind.RESULT, number, b"1")
        for call in calls:
            assert await call == b"1"


async def test_who_waits_for_most_gives_way_when_the_queue_is_full(bench: Bench) -> None:
    running = bench.worker.call("running", b'"%b"' % (b"x" * 300_000), timeout=LONG, lane=1)
    many = [bench.worker.call("f", b"null", timeout=LONG, lane=1) for _ in range(4)]
    other = [bench.worker.call("g", b"null", timeout=LONG, lane=2) for _ in range(2)]
    for given_up in many[2:]:
        with pytest.raises(Overloaded):
            await given_up
    with pytest.raises(Overloaded):
        bench.worker.call("g", b"null", timeout=LONG, lane=2)
    for _ in range(5):
        _, number, _ = await bench.peer.next()
        bench.peer.say(Kind.RESULT, number, b"1")
    assert await asyncio.gather(running, *many[:2], *other) == [b"1"] * 5


async def test_a_host_call_is_answered_once_and_only_while_the_guest_waits(bench: Bench) -> None:
    call = bench.worker.call("f", b"null", timeout=LONG)
    _, number, _ = await bench.peer.next()
    bench.peer.say(Kind.HOST_CALL, number, with_name(b"storage.get", b"{}"))
    await bench.owner.reported.wait()
    assert bench.owner.host_calls == [(number, b"storage.get", b"{}")]
    bench.worker.answer_host_call(number, b"7")
    bench.worker.answer_host_call(number, b"8")
    assert await bench.peer.next() == (Kind.HOST_RESULT, number, b"7")
    bench.peer.say(Kind.RESULT, number, b"1")
    assert await call == b"1"
    bench.worker.answer_host_call(number, b"9")
    assert bench.peer.waiting == []


async def test_a_guest_that_waits_for_its_host_gets_an_error_at_the_deadline(bench: Bench) -> None:
    call = bench.worker.call("f", b"null", timeout=0.05)
    _, number, _ = await bench.peer.next()
    bench.peer.say(Kind.HOST_CALL, number, with_name(b"ui.showDialog", b"{}"))
    kind, answered, body = await bench.peer.next()
    assert (kind, answered) == (Kind.HOST_ERROR, number)
    assert msgspec.json.decode(body, type=ErrorObject).code == Timeout.code
    bench.peer.error(number, Timeout("interrupted"))
    with pytest.raises(Timeout):
        await call


async def test_logs_are_passed_on_whatever_their_bytes(bench: Bench) -> None:
    bench.peer.say(Kind.LOG, 0, b"\x03a\xff")
    await bench.owner.reported.wait()
    assert bench.owner.logs == [(3, "a\ufffd")]


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (-9, "killed by SIGKILL"),
        (-11, "killed by SIGSEGV"),
        (-signal.SIGSYS, "killed by SIGSYS: it made a system call that its sandbox forbids"),
        (3, "exited with status 3"),
    ],
)
async def test_a_dead_worker_answers_all_its_calls(bench: Bench, status: int, words: str) -> None:
    calls = [bench.worker.call("f", b"null", timeout=LONG) for _ in range(18)]
    bench.process.die(status)
    for call in calls:
        with pytest.raises(WorkerCrashed, match=words) as caught:
            await call
        assert caught.value.data.cause == "crash"
    assert bench.owner.ends == [(f"its worker was {words}" if status < 0 else f"its worker {words}", False)]
    with pytest.raises(WorkerCrashed):
        bench.worker.call("f", b"null", timeout=LONG)


async def test_a_worker_may_say_what_it_died_of(bench: Bench) -> None:
    call = bench.worker.call("f", b"null", timeout=LONG)
    bench.peer.say(Kind.FAULT, 0, b"KeyError: 'x'\x1b[2J\n (at loop.py:3)")
    bench.process.die(1)
    with pytest.raises(WorkerCrashed, match=r"fault of its own: KeyError: 'x'\ufffd\[2J\ufffd \(at loop\.py:3\)"):
        await call
    assert not bench.worker.killed
    assert bench.worker.exit_status == 1


async def test_what_is_known_when_a_worker_is_lost(bench: Bench) -> None:
    first = bench.worker.call("first", b"[1]", timeout=LONG)
    bench.worker.call("second", b"[2]", timeout=LONG).add_done_callback(lambda call: call.exception())
    bench.worker.call("third", b"[3]", timeout=LONG).add_done_callback(lambda call: call.exception())
    bench.peer.say(Kind.RESULT, first.number, b"7")
    await first
    bench.peer.say(Kind.HOST_CALL, first.number + 1, with_name(b"timeline.getState", b"{}"))
    await bench.owner.reported.wait()
    bench.process.die(-11)
    await bench.worker.gone
    evidence = bench.worker.evidence()
    assert [(ran.name, ran.outcome) for ran in evidence.calls] == [("first", "ok")]
    assert evidence.fatal is not None
    assert (evidence.fatal.name, evidence.fatal.outcome) == ("second", "lost")  # the third one had not begun
    assert evidence.fatal.asked is not None
    assert [(one.method, one.answer) for one in evidence.fatal.asked.calls] == [(b"timeline.getState", None)]
    assert (bench.worker.exit_status, bench.worker.killed) == (-11, False)


async def test_calls_that_were_skipped_and_probes_are_not_remembered(bench: Bench) -> None:
    running = bench.worker.call("running", b"null", timeout=LONG)
    waiting = bench.worker.call("waiting", b"null", timeout=LONG)
    waiting.cancel()
    bench.peer.say(Kind.RESULT, running.number, b"1")
    bench.peer.error(waiting.number, Timeout("interrupted before its turn came", cause="timeout"))
    probe = bench.worker.ping(timeout=LONG)
    bench.peer.say(Kind.RESULT, probe.number, b"null")
    await probe
    assert [ran.name for ran in bench.worker.evidence().calls] == ["running"]


async def test_stopping_is_not_a_crash(bench: Bench) -> None:
    call = bench.worker.call("f", b"null", timeout=LONG)
    stopping = asyncio.ensure_future(bench.worker.stop())
    with pytest.raises(WorkerCrashed):
        await call
    await stopping
    assert [expected for _, expected in bench.owner.ends] == [True]


async def test_a_health_probe_is_no_call(bench: Bench) -> None:
    assert bench.worker.idle
    ping = bench.worker.ping(timeout=LONG)
    assert not bench.worker.idle
    kind, number, _ = await bench.peer.next()
    assert kind == Kind.PING
    bench.peer.say(Kind.RESULT, number, b"null")
    await ping
    assert bench.worker.idle
    assert bench.meter.calls == 0


async def test_a_worker_that_does_not_answer_a_probe_is_killed_and_takes_no_call_meanwhile(bench: Bench) -> None:
    with pytest.raises(Timeout, match="the health probe"):
        await bench.worker.ping(timeout=0.01)
    assert not bench.worker.alive
    with pytest.raises(WorkerCrashed):
        bench.worker.call("f", b"null", timeout=LONG)
    assert await bench.process.exited == -signal.SIGKILL


async def test_a_result_too_deep_to_be_checked_is_an_error_and_no_fault(bench: Bench) -> None:
    call = bench.worker.call("f", b"null", timeout=LONG)
    await bench.peer.next()
    bench.peer.messages.send(encode(Kind.RESULT, 1, b"[" * 100_000 + b"]" * 100_000))
    with pytest.raises(TooLarge, match="too deep"):
        await call
    assert bench.worker.alive


async def test_a_log_flood_is_bounded_also_where_the_worker_does_not_bound_it(bench: Bench) -> None:
    call, began = bench.worker.call("f", b"null", timeout=LONG), time.monotonic()
    for _ in range(20):
        bench.peer.messages.send(encode(Kind.LOG, 0, b"\x02x") * 100)
    bench.peer.say(Kind.RESULT, 1, b"null")
    await call
    assert 40 <= len(bench.owner.logs) <= 41 + 10 * (time.monotonic() - began)
    assert bench.owner.dropped_count + len(bench.owner.logs) == 2000


LIES = {
    "answer to no call": encode(Kind.RESULT, 99, b"1"),
    "second answer": encode(Kind.RESULT, 1, b"1") + encode(Kind.RESULT, 1, b"1"),
    "answer out of turn": encode(Kind.RESULT, 2, b"1"),
    "frame answer to a call": encode(Kind.PROCESSED, 1, PROCESSED.pack(0, 1)),
    "ready twice": encode(Kind.READY, 0, b"{}"),
    "unknown kind": encode(Kind.RESULT, 1).replace(b"\x22\x00", b"\xee\x00"),
    "an order of ours": encode(Kind.CALL, 1, with_name(b"f", b"null")),
    "error that is no error": encode(Kind.ERROR, 1, b"garbage"),
    "host call of another call": encode(Kind.HOST_CALL, 2, with_name(b"f", b"{}")),
    "two host calls": encode(Kind.HOST_CALL, 1, with_name(b"f", b"{}")) * 2,
    "host call cut short": encode(Kind.HOST_CALL, 1, b"\xff\xff"),
    "host call that is no JSON": encode(Kind.HOST_CALL, 1, with_name(b"f", b"}{")),
    "result that is no JSON": encode(Kind.RESULT, 1, b"}{"),
    "result that is not UTF-8": encode(Kind.RESULT, 1, b'"\xff"'),
    "result that is a message of its own": encode(Kind.RESULT, 1, b'1}\n{"jsonrpc":"2.0"}'),
    "result on two lines": encode(Kind.RESULT, 1, b"[1,\n2]"),
    "log message over the limit": encode(Kind.LOG, 0, b"x" * 40_000),
    "too large": b"\xff\xff\xff\x7f" + b"\0" * 8,
    "garbage": b"\xa5" * 64,
}


@pytest.mark.threat("Guest", "worker that breaks its protocol")
@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
async def test_a_worker_that_breaks_the_protocol_is_killed(bench: Bench, lie: bytes) -> None:
    calls = [bench.worker.call("f", b"null", timeout=LONG) for _ in range(2)]
    await bench.peer.next()
    bench.peer.messages.send(lie)
    assert "broke the protocol" in await bench.crashed()
    assert await bench.process.exited == -signal.SIGKILL
    with pytest.raises(WorkerCrashed, match="broke the protocol") as caught:
        await calls[1]
    assert caught.value.data.cause == "protocol"
    calls[0].exception()


async def _crash_one() -> "weakref.ref[Worker]":
    bench = await begin()
    answered = bench.worker.call("f", b"null", timeout=LONG)
    _, number, _ = await bench.peer.next()
    bench.peer.say(Kind.RESULT, number, b"1")
    assert await answered == b"1"
    running, waiting = (bench.worker.call("f", b"null", timeout=LONG) for _ in range(2))
    await bench.peer.next()
    bench.worker.tell_when_used(lambda: None)
    bench.process.die(-11)
    await bench.worker.gone
    gone = weakref.ref(bench.worker)
    del bench  # this frame is in the errors' traceback
    for call in (running, waiting):
        with pytest.raises(WorkerCrashed):
            await call
    return gone


async def test_nothing_is_left_of_a_worker_that_is_gone() -> None:
    gc.collect()
    gc.disable()  # which looks through everything so seldom that hundreds of workers' last calls would pile up
    try:
        gone = await _crash_one()
        await until(lambda: gone() is None)  # as soon as who looks for long runs has looked
    finally:
        gc.enable()
