"""Guests that compute for long, found and set back; what the scheduler is told of it."""

import ctypes
import os
import platform
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest
from tests.harness.waiting import until

from plugind.supervisor import scheduling
from plugind.supervisor.long_runs import LongRuns

pytestmark = pytest.mark.anyio


def slice_ns(thread: int) -> int:
    """What the kernel says; 0 where it has no slices of threads."""
    number = {"x86_64": 315, "aarch64": 275}[platform.machine()]
    attributes = ctypes.create_string_buffer(56)
    assert ctypes.CDLL(None).syscall(number, thread, attributes, 56, 0) == 0
    return int(struct.unpack("=IIQiIQQQII", attributes.raw)[5])


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


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has slices")
def test_what_is_started_inherits_the_slice_and_keeps_its_nice_value() -> None:
    code = """
import os, sys
from plugind.supervisor import scheduling
os.nice(3)
assert scheduling.answer(0)
print(os.nice(0), flush=True)
input()
"""
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert int(process.stdout.readline()) == os.nice(0) + 3
        usual = slice_ns(0)
        assert slice_ns(process.pid) == (scheduling.ANSWER_NS if usual else 0)
        process.communicate(b"\n")


def test_a_thread_that_is_gone_is_nothing_to_complain_about() -> None:
    assert not scheduling.compute(1 << 30)
    assert not scheduling.answer(1 << 30)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
def test_a_process_cannot_pass_another_ones_thread_for_its_own() -> None:
    assert scheduling.has_thread(os.getpid(), threading.get_native_id())
    assert not scheduling.has_thread(os.getpid(), os.getppid())
