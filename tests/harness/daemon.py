"""A real daemon for tests: started as its users start it, checked for leftovers when it is stopped."""

import hashlib
import json
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[2]


class Daemon:
    """A running daemon.

    Args:
        folder: Where its socket and data go.
        arguments: Further command line arguments.
        program: How the interpreter is told to run a daemon.
        enter: A command that runs another one, somewhere else.
    """

    def __init__(
        self,
        folder: Path,
        *arguments: str,
        program: Sequence[str] = ("-m", "plugind"),
        enter: Sequence[str] = (),
        **popen: object,
    ) -> None:
        self.socket = folder / "plugind.sock"
        self.data_dir = folder / "data"
        self.log = folder / "daemon.log"
        paths = ["--socket", str(self.socket), "--data-dir", str(self.data_dir)]
        command = [*enter, sys.executable, *program, *paths]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*command, *arguments], stdout=subprocess.PIPE, stderr=log, text=True, **popen
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            self.process.wait(10)
            self.close_pipes()
        assert line, f"the daemon did not start: {self.log.read_text()}"
        self.ready = json.loads(line)
        self.children = psutil.Process(self.process.pid).children(recursive=True)

    def descendants(self) -> list[psutil.Process]:
        """Zygote and workers."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def close_pipes(self) -> None:
        """Close our ends of its stdin and stdout."""
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()

    def stop(self, number: signal.Signals = signal.SIGTERM, *, timeout: float = 20) -> int:
        """Send a signal and wait; whatever it started must be gone then."""
        started = self.descendants() if self.process.poll() is None else []
        self.process.send_signal(number)
        status = self.process.wait(timeout)
        self.close_pipes()
        _, alive = psutil.wait_procs([*started, *self.children], timeout=5)
        assert not alive, f"left behind: {alive}"
        return status

    def windows(self) -> Path:
        """The folder with its frame windows; gone when it has stopped."""
        return Path("/dev/shm") / f"plugind-{hashlib.sha256(bytes(self.data_dir)).hexdigest()[:16]}"


def alive(pid: int) -> bool:
    """Whether a process runs (a zombie does not)."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
