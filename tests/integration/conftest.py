"""A real daemon for tests: started as its users start it, checked for leftovers when it is stopped."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).parents[2]


class Daemon:
    """A running daemon.

    Args:
        folder: Where its socket and data go.
        arguments: Further command line arguments.
    """

    def __init__(self, folder: Path, *arguments: str, **popen: object) -> None:
        self.socket = folder / "plugind.sock"
        self.data_dir = folder / "data"
        self.log = folder / "daemon.log"
        command = [sys.executable, "-m", "plugind", "--socket", str(self.socket), "--data-dir", str(self.data_dir)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*command, *arguments], stdout=subprocess.PIPE, stderr=log, text=True, **popen
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"the daemon did not start: {self.log.read_text()}"
        self.ready = json.loads(line)
        self.children = psutil.Process(self.process.pid).children(recursive=True)

    def descendants(self) -> list[psutil.Process]:
        """Zygote and workers."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def stop(self, number: signal.Signals = signal.SIGTERM, *, timeout: float = 20) -> int:
        """Send a signal and wait; whatever it started must be gone then."""
        started = self.descendants() if self.process.poll() is None else []
        self.process.send_signal(number)
        status = self.process.wait(timeout)
        if self.process.stdout is not None:
            self.process.stdout.close()
        _, alive = psutil.wait_procs([*started, *self.children], timeout=5)
        assert not alive, f"left behind: {alive}"
        return status


@pytest.fixture(scope="session")
def plugins() -> Path:
    """The folder with the test plugins."""
    return ROOT / "tests" / "plugins"


@pytest.fixture(scope="session")
def examples() -> Path:
    """The folder with the example plugins."""
    return ROOT / "examples"


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Daemon]]:
    """Start daemons in a folder of the test's own; those still running at its end are stopped and must exit with 0."""
    running: list[Daemon] = []

    def run(*arguments: str, **popen: object) -> Daemon:
        daemon = Daemon(tmp_path, *arguments, **popen)
        running.append(daemon)
        return daemon

    yield run
    for daemon in running:
        if daemon.process.poll() is None:
            assert daemon.stop() == 0, daemon.log.read_text()
            assert not daemon.socket.exists()


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """One daemon for a module's tests."""
    running = Daemon(tmp_path_factory.mktemp("plugind"))
    windows = window_folders()
    yield running
    assert running.stop() == 0, running.log.read_text()
    assert not running.socket.exists()
    assert "Traceback" not in running.log.read_text(), running.log.read_text()
    assert window_folders() <= windows


def window_folders() -> set[str]:
    """The folders with frame windows that exist on this machine."""
    base = Path("/dev/shm")
    return {entry.name for entry in base.iterdir() if entry.name.startswith("plugind-")} if base.is_dir() else set()


def alive(pid: int) -> bool:
    """Whether a process runs (a zombie does not)."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
