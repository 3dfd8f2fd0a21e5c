"""The limit of the call path: three processes in C that pass lines on, over blocking Unix sockets."""

import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.compare import Missing
from benchmarks.measure import Lines

SOURCE = Path(__file__).with_name("relay.c")


@contextmanager
def relay() -> Iterator[Lines]:
    """Compile and start `relay.c`; yield a connection to it.

    Raises:
        Missing: There is no C compiler, or it fails.
    """
    compiler = next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)
    if compiler is None:
        raise Missing("there is no C compiler (cc)")
    with tempfile.TemporaryDirectory(prefix="plugind-bench-") as folder:
        program = Path(folder) / "relay"
        command = [compiler, "-O2", "-o", str(program), str(SOURCE)]
        built = subprocess.run(command, capture_output=True, text=True, check=False)
        if built.returncode:
            raise Missing(f"{compiler} failed: {built.stderr.strip()[:200]}")
        ours, theirs = socket.socketpair()
        with theirs:
            process = subprocess.Popen([program, str(theirs.fileno())], pass_fds=[theirs.fileno()])
        lines = Lines(ours)
        try:
            yield lines
        finally:
            lines.close()
            process.wait(10)
