"""Deadlines and cancellation: the call is answered in time, whatever the guest does, and the plugin goes on."""

import asyncio
import contextlib
import time

import anyio
import pytest
from tests.conformance.guests import HOST_CALL, LOG, timeline, wasi
from tests.conformance.running import Running, Start
from tests.harness.engines import Expect

from plugind.supervisor.worker import Worker
from plugind_protocol.errors import PlugindError, Timeout, WorkerCrashed

pytestmark = [pytest.mark.anyio, pytest.mark.process]

LOOPS = {
    "loop": "(call $log (i32.const 2) (i32.const 64) (i32.const 1)) (loop $more (br $more)) (i64.const 0)",
    "fill": "(loop $more (memory.fill (i32.const 9000) (i32.const 1) (i32.const 100000)) (br $more)) (i64.const 0)",
    "log": "(loop $more (drop (call $random_get (i32.const 2048) (i32.const 8))) (br $more)) (i64.const 0)",
    "recurse": "(loop $more (drop (call $fibonacci (i32.const 60))) (br $more)) (i64.const 0)",
    "random": "(drop (call $random_get (i32.const 9000) (i32.const 100000))) (loop $more (br $more)) (i64.const 0)",
}
MORE = """
  (func $fibonacci (param i32) (result i32)
    (if (result i32) (i32.lt_u (local.get 0) (i32.const 2)) (then (i32.const 1)) (else
      (i32.add (call $fibonacci (i32.sub (local.get 0) (i32.const 1)))
               (call $fibonacci (i32.sub (local.get 0) (i32.const 2)))))))
"""
GUEST = timeline(
    {
        **LOOPS,
        "count": "(global.set $count (i32.add (global.get $count) (i32.const 1))) (call $number (global.get $count))",
        "ask": "(call $host_call (i32.const 64) (i32.const 1) (i32.const 65) (i32.const 1))",
    },
    imports=HOST_CALL + LOG + wasi("random_get", "(param i32 i32) (result i32)"),
    more=MORE + '(global $count (mut i32) (i32.const 0)) (data (i32.const 64) "m1")',
)


@pytest.fixture
async def guest(start: Start) -> Running:
    return await start(GUEST)


async def again(guest: Running, start: Start, worker: Worker, expect: Expect) -> Running:
    """Return the guest after one of its calls was stopped: in the same worker, or in another that the daemon starts."""
    if expect("a stopped call takes its worker with it"):
        with anyio.fail_after(40):
            await asyncio.shield(worker.gone)
        assert worker.spent  # which is not the plugin's fault
        return await start(GUEST)
    assert worker.alive
    return guest


@pytest.mark.parametrize("method", LOOPS)
async def test_a_call_that_never_ends_is_stopped_at_its_deadline(
    guest: Running, start: Start, method: str, expect: Expect
) -> None:
    began = time.monotonic()
    with pytest.raises(Timeout, match=f"guest 1.2.3: {method} took longer than 100 ms") as caught:
        await guest.call(method, timeout=0.1)
    assert time.monotonic() - began < 4  # the kill would come at 5.1
    assert caught.value.data.cause == "timeout"
    guest = await again(guest, start, guest.worker, expect)
    assert await guest.call("count") == 1


async def test_a_cancelled_call_is_stopped(guest: Running, start: Start, expect: Expect) -> None:
    call = guest.begin("loop")
    await guest.heard.wait()
    call.cancel()
    guest = await again(guest, start, guest.worker, expect)
    assert await guest.call("count", timeout=4) == 1


async def test_a_waiting_call_is_skipped_and_the_others_run(guest: Running, expect: Expect) -> None:
    first = guest.begin("loop", timeout=0.3)
    skipped = guest.begin("count", timeout=0.1)
    last = guest.begin("count")
    with pytest.raises(Timeout, match="still waiting"):
        await skipped
    with pytest.raises(Timeout):
        await first
    if expect("calls behind a stopped call are answered"):
        assert await last == b"1"
    else:
        with pytest.raises(WorkerCrashed, match="a call was stopped, and its worker with it"):
            await last


async def test_a_waiting_call_that_is_given_up_costs_nothing(guest: Running) -> None:
    asking = guest.begin("ask")
    given_up = guest.begin("loop")
    await guest.heard.wait()
    given_up.cancel()
    guest.worker.answer_host_call(guest.number, b"null")
    assert await asking == b"null"
    assert await guest.call("count") == 1
    assert guest.worker.alive


async def test_a_host_call_that_is_never_answered(guest: Running) -> None:
    with pytest.raises(Timeout, match="ask took longer than 200 ms"):
        await guest.call("ask", timeout=0.2)
    assert await guest.call("count") == 1  # nothing had to be killed: the guest was waiting
    assert guest.worker.alive


async def test_an_end_that_races_with_the_deadline_hits_no_other_call(guest: Running, start: Start) -> None:
    """A call that ends at its deadline is answered or stopped, and the next one is answered whatever happened."""
    for _ in range(40):
        call = guest.begin("count", timeout=0.0005)
        with contextlib.suppress(PlugindError):
            await call
        if not guest.worker.alive or guest.worker.spent:
            guest = await start(GUEST)
        assert await guest.call("count") >= 1


async def test_stopping_a_worker_that_computes(guest: Running) -> None:
    call = guest.begin("loop")
    await guest.heard.wait()
    with anyio.fail_after(4):
        await guest.worker.stop()
    with pytest.raises(WorkerCrashed):
        await call
