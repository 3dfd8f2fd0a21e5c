"""Guests that compute for long, found and set back."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
from tests.harness.slices import slice_ns
from tests.harness.waiting import until

from plugind.supervisor.long_runs import LongRuns
from plugind_protocol import scheduling

pytestmark = pytest.mark.anyio


class Busy:
    """A worker with one call after another, or with the same one all the time."""

    def __init__(self, thread: int, *, change: bool) -> None:
        self.thread, self.demoted, self.looks, self._change = thread, False, 0, change
        self.stopped = False

    @property
    def running(self) -> int | None:
        self.looks += 1
        if self.stopped:
            return None
        return self.looks if self._change else 1


@pytest.fixture
def thread() -> Iterator[int]:
    """A thread to be told about: that of a process that ends with its input."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield process.pid
    process.communicate()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has slices")
async def test_a_call_that_goes_on_sets_its_worker_back_until_its_end(thread: int) -> None:
    long_runs, worker = LongRuns(), Busy(thread, change=False)
    usual = slice_ns(thread)
    long_runs.watch(worker)
    await until(lambda: worker.demoted)
    assert slice_ns(thread) == (scheduling.COMPUTE_NS if usual else 0)
    long_runs.over(worker)
    assert not worker.demoted
    assert slice_ns(thread) == (scheduling.ANSWER_NS if usual else 0)


async def test_a_worker_with_many_short_calls_is_left_alone() -> None:
    long_runs, worker = LongRuns(), Busy(os.getpid(), change=True)
    long_runs.watch(worker)
    await until(lambda: worker.looks >= 5)
    assert not worker.demoted


async def test_nobody_looks_once_nothing_runs() -> None:
    long_runs, worker = LongRuns(), Busy(os.getpid(), change=True)
    worker.stopped = True
    long_runs.watch(worker)
    await until(lambda: worker.looks)
    other = Busy(os.getpid(), change=True)
    long_runs.watch(other)
    await until(lambda: other.looks >= 3)
    assert worker.looks == 1
