"""Starts a peer that is a server in a process of its own: ``python -m benchmarks.peers.NAME SOCKET``."""

import importlib.util
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.compare import Missing

ROOT = Path(__file__).parents[2]


@contextmanager
def served(module: str, package: str) -> Iterator[Path]:
    """Run a server until the context is left; yield its Unix socket.

    Args:
        module: The server's; it prints a line when it is ready, and ends with its stdin.
        package: What it needs.

    Raises:
        Missing: The package is not installed.
    """
    if importlib.util.find_spec(package) is None:
        raise Missing(f"{package} is not installed")
    with tempfile.TemporaryDirectory(prefix="plugind-bench-") as folder:
        path = Path(folder) / "peer.sock"
        command = [sys.executable, "-m", module, str(path)]
        with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            if not process.stdout.readline():
                raise RuntimeError(f"{module} did not start")
            yield path
            process.stdin.close()
            process.wait(20)
