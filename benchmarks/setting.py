"""What every subject is given: where it may write, how long it may take, and how it gets a daemon of its own."""

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks.findings import Finding
from benchmarks.measure import Lines

ROOT: Final = Path(__file__).parent.parent
STOP_SECONDS: Final = 60.0


class Setting(NamedTuple):
    """One run of the suite."""

    quick: bool = False
    """The short run: the rows with goals only, and few runs of each."""
    part: float = 1.0
    """The part of the full number of runs that is made."""

    def runs(self, full: int, least: int = 2) -> int:
        """Say how many runs to make.

        Args:
            full: Of a whole measurement.
            least: What makes sense at all.
        """
        return max(least, round(full * self.part))


Subject = Callable[[Setting], Iterator[Finding]]


class Hosted:
    """A running daemon with its default configuration, and a connection to it.

    Args:
        folder: Where its socket and its data are.
        pid: Of its process.
    """

    def __init__(self, folder: Path, pid: int) -> None:
        self.folder = folder
        self.pid = pid
        self.lines = self.connect()

    def connect(self) -> Lines:
        """Open one more connection."""
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(str(self.folder / "plugind.sock"))
        return Lines(sock)

    def install(self, *plugins: str | Path) -> None:
        """Install plugins, with every permission that they request.

        Args:
            plugins: Folders, relative to the project's.
        """
        for plugin in plugins:
            self.lines.ask("plugins.install", {"source": str(ROOT / plugin), "grant": "requested"})


@contextmanager
def daemon(*plugins: str | Path, arguments: tuple[str, ...] = ()) -> Iterator[Hosted]:
    """Run a daemon in a folder of its own.

    Args:
        plugins: What is installed in it: folders, relative to the project's.
        arguments: Further ones of its command line; the configuration is the default one without.
    """
    with tempfile.TemporaryDirectory(prefix="plugind-bench-") as name:
        folder = Path(name)
        paths = ["--socket", f"{folder}/plugind.sock", "--data-dir", f"{folder}/data"]
        command = [sys.executable, "-m", "plugind", *paths, "--exit-with-stdin", *arguments]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(command, stdin=-1, stdout=-1, stderr=log, env=_plain_environment())
        assert process.stdin is not None
        assert process.stdout is not None
        with process, process.stdout, process.stdin:
            if not process.stdout.readline():
                raise RuntimeError(f"the daemon did not start: {(folder / 'log').read_text()}")
            hosted = Hosted(folder, process.pid)
            hosted.install(*plugins)
            yield hosted
            hosted.lines.close()
            process.stdin.close()
            process.wait(STOP_SECONDS)


def _plain_environment() -> dict[str, str]:
    """The environment without settings of the daemon: the default configuration is what is measured."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PLUGIND_")}
