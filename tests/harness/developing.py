"""``pluginctl dev`` as its users run it, and what it tells: one JSON object a line."""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

SECONDS = 20.0
"""Most that is waited for one thing."""


class Dev:
    """A running loop.

    Args:
        folder: The plugin's.
        arguments: Further ones of the command line.
        socket: Of the daemon.
        environment: Beside ours.
    """

    def __init__(
        self, folder: Path, *arguments: str, socket: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        command = [sys.executable, "-m", "pluginctl", "--socket", str(socket), "dev", str(folder), "--json", *arguments]
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **(environment or {})},
        )
        self.told: list[dict[str, Any]] = []
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def until(self, event: str, *, seconds: float = SECONDS, **fields: Any) -> dict[str, Any]:
        """Return the next thing of a kind that it tells, with these fields; what comes before it is kept in `told`."""
        while True:
            try:
                line = self._lines.get(timeout=seconds)
            except queue.Empty:
                raise AssertionError(f"it did not tell {event} {fields}: {self.told}") from None
            assert line is not None, f"it ended before {event}: {self.told}\n{self.errors()}"
            told = json.loads(line)
            self.told.append(told)
            if told["event"] == event and all(told[name] == value for name, value in fields.items()):
                return dict(told)

    def errors(self) -> str:
        """What it has said on stderr, once it has ended."""
        assert self.process.stderr is not None
        self.process.wait(SECONDS)
        return self.process.stderr.read()

    def stop(self) -> int:
        """End it as Ctrl-C does; return its status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        return self.process.wait(SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.stop()
        self._reader.join(SECONDS)
        for pipe in (self.process.stdout, self.process.stderr):
            if pipe is not None:
                pipe.close()
