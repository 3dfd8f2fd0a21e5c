"""What the scheduler is told of threads."""

import os
import subprocess
import sys
import threading

import pytest
from tests.harness.slices import slice_ns

from plugind_protocol import scheduling


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has slices")
def test_what_is_started_inherits_the_slice_and_keeps_its_nice_value() -> None:
    code = """
import os, sys
from plugind_protocol import scheduling
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
