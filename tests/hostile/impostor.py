"""A daemon whose zygote is `tests.hostile.stand_in`: its workers may be taken over."""

import stat
import sys
from pathlib import Path
from typing import Final

from tests.harness.daemon import ROOT

from plugind.supervisor.engines import homes

_STAND_IN: Final = """#!{interpreter} -s
import os, runpy, sys
if "--zygote" not in sys.argv:  # asked what it can do
    os.execv({interpreter!r}, [{interpreter!r}, *sys.argv[1:]])
sys.path[0:1] = [{root!r}, *{homes!r}]
runpy.run_module("tests.hostile.stand_in", run_name="__main__")
"""
_DAEMON: Final = "import sys; sys.executable = sys.argv.pop(1); from plugind.__main__ import main; main()"
"""A daemon that takes another program for its interpreter, and so for its zygotes."""


def program(folder: Path, *, interpreter: str = sys.executable) -> tuple[str, ...]:
    """Return how an interpreter is told to run such a daemon; what it takes for its interpreter is the last part.

    Args:
        folder: Where a file may be put.
        interpreter: Of the engine.
    """
    stand_in = folder / "python"
    stand_in.write_text(_STAND_IN.format(interpreter=interpreter, root=str(ROOT), homes=homes()))
    stand_in.chmod(stand_in.stat().st_mode | stat.S_IXUSR)
    return ("-c", _DAEMON, str(stand_in))
