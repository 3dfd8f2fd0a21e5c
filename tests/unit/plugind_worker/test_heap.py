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
