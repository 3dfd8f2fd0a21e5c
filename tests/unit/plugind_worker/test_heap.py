import subprocess
import sys

import pytest

_SETTLED = """
import gc
from plugind_worker import heap
holes = [bytes(100) for _ in range(5000)]
del holes[::60]
if {settle}:
    heap.settle()
blocks = [bytes(100) for _ in range(50)]
print(gc.get_freeze_count() > 0, len({{id(block) // 16384 for block in blocks}}) <= 3)
"""


@pytest.mark.process
@pytest.mark.parametrize("settle", ["True", "False"])
def test_what_is_made_afterwards_lies_close_together(settle: str) -> None:
    script = _SETTLED.format(settle=settle)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [settle, settle]


_IN_THE_LIBRARY = """
import ctypes, sys
from plugind_worker import heap
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.free.argtypes = [ctypes.c_void_p]
holes = [libc.malloc(3000) for _ in range(2000)]
for hole in holes[::2]:
    libc.free(hole)
if {settle}:
    heap.settle()
made = [libc.malloc(3000) for _ in range(20)]
print(max(made) - min(made) < 100_000 and min(made) > max(holes))
"""


@pytest.mark.process
@pytest.mark.skipif(sys.platform != "linux", reason="of the GNU C library")
@pytest.mark.parametrize("settle", ["True", "False"])
def test_so_does_what_is_made_by_the_c_library(settle: str) -> None:
    script = _IN_THE_LIBRARY.format(settle=settle)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [settle]
