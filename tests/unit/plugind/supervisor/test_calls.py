"""A worker's calls: one timer for all deadlines, and what waits is sent together."""

import asyncio
import time
from typing import Any

import pytest

from plugind.supervisor.call import Call
from plugind.supervisor.calls import Calls
from plugind.supervisor.meter import Meter
from plugind_protocol.worker import Decoder, Kind

pytestmark = pytest.mark.anyio


class Wire:
    """Takes what is written to the worker."""

    def __init__(self) -> None:
        self.writes: list[list[int]] = []

    def write(self, data: bytes) -> None:
        self.writes.append([number for _, number, _ in Decoder().feed(data)])


class Bench:
    def __init__(self) -> None:
        self.late: list[tuple[Call, float]] = []
        self.enough = asyncio.Event()
        self.wanted = 0
        self.wire = Wire()
        self.busy = 0
        self.calls = Calls(
            ("p", "1.0.0"),
            meter=Meter(),
            max_queued=1000,
            on_busy=self.work,
            on_due=self.due,
            give_up=lambda _: None,
        )
        wire: Any = self.wire
        self.calls.channel = wire

    def work(self) -> None:
        self.busy += 1

    def due(self, call: Call) -> None:
        self.late.append((call, time.perf_counter()))
        if len(self.late) == self.wanted:
            self.enough.set()

    def submit(self, seconds: float = 30.0, body: bytes = b"null") -> Call:
        return self.calls.submit(Kind.CALL, b"f", body, label="f", timeout=seconds, lane=1)

    def answer(self) -> None:
        call = self.calls.running
        assert call is not None
        self.calls.answered(call)
        self.calls.settle(call, b"1")


async def test_each_call_is_due_at_its_own_time_whatever_the_order() -> None:
    bench = Bench()
    seconds = [30.0, 0.12, 0.03, 0.06, 0.03, 0.09]
    calls = [bench.submit(one) for one in seconds]
    bench.wanted = 5
    await bench.enough.wait()
    assert [call for call, _ in bench.late] == [calls[at] for at in (2, 4, 3, 5, 1)]
    for call, at in bench.late:
        assert -0.001 < at - call.due < 0.1
    assert not calls[0].expired


async def test_calls_that_were_answered_are_never_late() -> None:
    bench = Bench()
    bench.submit(0.02)
    bench.answer()
    last = bench.submit(0.04)
    bench.wanted = 1
    await bench.enough.wait()
    assert [call for call, _ in bench.late] == [last]


async def test_what_waits_is_sent_together_before_the_worker_runs_dry() -> None:
    bench = Bench()
    for _ in range(40):
        bench.submit()
    assert bench.wire.writes == [[number] for number in range(1, 17)]
    for _ in range(7):
        bench.answer()
    assert len(bench.wire.writes) == 16
    bench.answer()
    assert bench.wire.writes[16:] == [list(range(17, 25))]
    for _ in range(32):
        bench.answer()
    assert [number for sent in bench.wire.writes for number in sent] == list(range(1, 41))
    assert (bench.calls.running, bench.busy) == (None, 1)


async def test_large_calls_are_sent_one_after_the_other() -> None:
    bench = Bench()
    for _ in range(3):
        bench.submit(body=b"x" * 300_000)
    assert bench.wire.writes == [[1]]
    bench.answer()
    assert bench.wire.writes == [[1], [2]]
