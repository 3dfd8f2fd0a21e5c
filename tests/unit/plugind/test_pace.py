"""Slices of the loop: who has plenty goes on later, and everybody else comes between."""

import asyncio
from collections.abc import Callable
from functools import partial

import pytest
from tests.harness.waiting import until

from plugind import pace as clock
from plugind.pace import Pace

pytestmark = pytest.mark.anyio


class Source:
    """Has a number of things to do, and writes down when it does one."""

    def __init__(self, name: str, things: int, done: list[str]) -> None:
        self.name, self.things, self.done = name, things, done
        self.finished = asyncio.Event()

    def work(self, until: float) -> bool:
        self.things -= 1
        self.done.append(self.name)
        if not self.things:
            self.finished.set()
        return self.things > 0


async def test_those_that_wait_take_turns() -> None:
    done: list[str] = []
    pace = Pace()
    sources = [Source(name, things, done) for name, things in (("a", 3), ("b", 1), ("c", 2))]
    for source in sources:
        pace.wait(source.work)
    for source in sources:
        await source.finished.wait()
    assert done == ["a", "b", "c", "a", "c", "a"]


async def test_the_loop_goes_on_between_two_slices() -> None:
    """With slices of no length, each thing is a turn of its own."""
    done: list[str] = []
    pace = Pace(slice_seconds=0)
    source = Source("flood", 100, done)
    pace.wait(source.work)
    loop = asyncio.get_running_loop()
    loop.call_soon(loop.call_soon, done.append, "somebody else")
    await source.finished.wait()
    assert done.index("somebody else") < 5


async def test_all_that_wait_share_one_slice_of_a_turn() -> None:
    done: list[str] = []
    pace = Pace(slice_seconds=0)
    sources = [Source("flood", 100, done) for _ in range(50)]
    for source in sources:
        pace.wait(source.work)
    loop = asyncio.get_running_loop()
    loop.call_soon(loop.call_soon, done.append, "somebody else")
    await sources[0].finished.wait()
    assert done.index("somebody else") < 5


async def test_a_source_that_fails_does_not_stop_the_others() -> None:
    failures: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context["exception"]))

    def fail(_until: float) -> bool:
        raise ZeroDivisionError

    pace = Pace()
    source = Source("a", 2, [])
    pace.wait(fail)
    pace.wait(source.work)
    await source.finished.wait()
    assert [type(failure) for failure in failures] == [ZeroDivisionError]


async def test_a_slice_ends_in_the_future() -> None:
    before = clock.now()
    assert before < Pace(slice_seconds=1).begin() <= clock.now() + 1


async def test_slices_are_short_while_somebody_comes_with_little(monkeypatch: pytest.MonkeyPatch) -> None:
    at = 100.0
    monkeypatch.setattr(clock, "now", lambda: at)
    pace = Pace(slice_seconds=1)
    slices: list[float] = []

    def work(end: float) -> bool:
        nonlocal at
        slices.append(end - at)
        at += 1
        return len(slices) < 3

    pace.hurry()
    assert pace.begin() - at == pytest.approx(clock.SHORT_SECONDS)
    pace.wait(work)
    await until(lambda: len(slices) >= 3)
    assert slices[0] == pytest.approx(clock.SHORT_SECONDS)
    assert slices[-1] == pytest.approx(1)


async def test_no_slice_gets_longer_by_hurry() -> None:
    pace = Pace(slice_seconds=0)
    pace.hurry()
    assert pace.begin() <= clock.now()


def _slice(pace: Pace, *flushes: Callable[[], None], goes_on: bool) -> None:
    with pace:
        for flush in flushes:
            pace.at_end(flush)
        pace.goes_on = goes_on


async def test_what_is_for_several_waits_for_the_slices_that_follow() -> None:
    pace, done = Pace(), list[str]()
    one, other = partial(done.append, "one"), partial(done.append, "other")
    _slice(pace, one, goes_on=True)
    assert done == ["one"]  # it is better not let wait
    _slice(pace, one, other, goes_on=True)
    assert done == ["one"]
    _slice(pace, goes_on=False)
    assert sorted(done) == ["one", "one", "other"]
    _slice(pace, goes_on=False)
    assert len(done) == 3


async def test_it_does_not_wait_for_long_nor_while_somebody_comes_with_little(monkeypatch: pytest.MonkeyPatch) -> None:
    pace, done = Pace(), list[str]()
    one, other = partial(done.append, "one"), partial(done.append, "other")
    at = clock.now()
    monkeypatch.setattr(clock, "now", lambda: at)
    _slice(pace, one, other, goes_on=True)
    at += 0.9 * clock.GATHER_SECONDS
    _slice(pace, goes_on=True)
    assert done == []
    at += 0.2 * clock.GATHER_SECONDS
    _slice(pace, goes_on=True)
    assert len(done) == 2
    pace.hurry()
    _slice(pace, one, other, goes_on=True)
    assert len(done) == 4
