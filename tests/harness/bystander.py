"""Somebody else's editor: a process of its own that calls a well-behaved plugin again and again, and takes the time.

As a program (``python -m tests.harness.bystander SOCKET PLUGIN``) it answers each line of stdin with the latencies
since the one before, in ms as JSON.

What else the machine does would falsify a comparison of one quiet second with one attack after it. `Bystander.compare`
therefore lets quiet and attack take turns, and pools what was measured in each.
"""

import json
import math
import select
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

from tests.harness.daemon import ROOT

_PAUSE_SECONDS: Final = 0.002
_QUIET_SECONDS: Final = 1.0


class Latencies(NamedTuple):
    """What was measured, in ms."""

    calls: int
    p50: float
    p99: float
    worst: float

    @classmethod
    def of(cls, times: Sequence[float]) -> Self:
        """Sum up times in ms, at least one."""
        ordered = sorted(times)
        quantiles = [ordered[math.ceil(len(ordered) * quantile) - 1] for quantile in (0.5, 0.99, 1)]
        return cls(len(ordered), *quantiles)


class Bystander:
    """Calls ``echo`` of a plugin that is installed, from its start on.

    Args:
        path: The daemon's socket.
        plugin_id: The plugin.
    """

    def __init__(self, path: Path, plugin_id: str = "probe") -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.harness.bystander", str(path), plugin_id],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.take()  # the first calls load the plugin

    def take(self) -> Latencies:
        """Return what was measured since the last time."""
        return Latencies.of(self.times())

    def times(self) -> list[float]:
        """Return each time since the last time, in ms."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the bystander's call failed, or was not answered; its words are above"
        times: list[float] = json.loads(line)
        return times

    def quiet(self) -> Latencies:
        """Measure while nothing happens."""
        self.take()
        time.sleep(_QUIET_SECONDS)
        return self.take()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()


def _call(stream: Any, sock: socket.socket, plugin_id: str, number: int) -> float:
    params = {"pluginId": plugin_id, "function": "echo", "args": number}
    text = json.dumps({"jsonrpc": "2.0", "id": number, "method": "plugins.call", "params": params})
    began = time.perf_counter()
    sock.sendall(text.encode() + b"\n")
    answer = json.loads(stream.readline())
    taken = (time.perf_counter() - began) * 1000
    while "id" not in answer:  # a notification
        answer = json.loads(stream.readline())
        taken = (time.perf_counter() - began) * 1000
    assert answer == {"jsonrpc": "2.0", "id": number, "result": number}, answer
    return taken


def _main(path: str, plugin_id: str) -> None:
    taken: list[float] = []
    number = 0
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(path)
        stream = sock.makefile("rb")
        while True:
            number += 1
            taken.append(_call(stream, sock, plugin_id, number))
            if not select.select([sys.stdin], [], [], _PAUSE_SECONDS)[0]:
                continue
            if not sys.stdin.readline():
                return
            sys.stdout.write(json.dumps(taken) + "\n")
            sys.stdout.flush()
            taken = []


if __name__ == "__main__":
    _main(*sys.argv[1:])
