"""Timing: many short runs, pooled, so that what else the machine does falls on all candidates alike."""

import json
import socket
import time
from collections.abc import Callable
from typing import Final, NamedTuple, Self

LARGEST: Final = 1 << 20
SECONDS: Final = 60.0
"""Patience with one answer."""
NOTIFICATION: Final = b'{"jsonrpc":"2.0","method":'
"""How plugind begins a notification; an answer begins otherwise."""


class Sample(NamedTuple):
    """Times of many runs, in µs."""

    p50: float
    p99: float
    runs: int

    @classmethod
    def of(cls, times_ns: list[int]) -> Self:
        """Sum up times in ns."""
        ordered = sorted(times_ns)
        last = len(ordered) - 1
        return cls(ordered[last // 2] / 1000, ordered[min(last, int(len(ordered) * 0.99))] / 1000, len(ordered))


def alternate(
    candidates: dict[str, Callable[[], object]], *, rounds: int, runs: int, warm_up: int
) -> dict[str, Sample]:
    """Time candidates in turns.

    Args:
        candidates: What to run, by name.
        rounds: How often each has its turn.
        runs: Runs in each turn.
        warm_up: Runs of each before anything is measured.

    Returns:
        A sample of each.
    """
    times: dict[str, list[int]] = {name: [] for name in candidates}
    for run in candidates.values():
        for _ in range(warm_up):
            run()
    for _ in range(rounds):
        for name, run in candidates.items():
            took = times[name]
            for _ in range(runs):
                began = time.perf_counter_ns()
                run()
                took.append(time.perf_counter_ns() - began)
    return {name: Sample.of(took) for name, took in times.items()}


class Lines:
    """One JSON text per line over a connected socket, blocking, with no client library in the way.

    Args:
        sock: The socket.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        sock.settimeout(SECONDS)

    def close(self) -> None:
        """Close the connection."""
        self._sock.close()

    def exchange(self, line: bytes) -> bytes:
        """Send a line and wait for its answer; notifications that come before it are dropped."""
        self._sock.sendall(line)
        answer = b""
        while not answer.endswith(b"\n"):
            answer += self._sock.recv(LARGEST)
            while answer.startswith(NOTIFICATION) and b"\n" in answer:
                answer = answer.partition(b"\n")[2]
        return answer

    def ask(self, method: str, params: dict[str, object]) -> object:
        """Call a method and return its result.

        Raises:
            RuntimeError: It answered with an error.
        """
        answer = json.loads(self.exchange(request(method, params)))
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        return answer["result"]

    def per_second(self, line: bytes, *, in_flight: int, count: int) -> float:
        """Keep a number of lines on their way.

        Args:
            line: What to send.
            in_flight: How many are unanswered at any time.
            count: How many answers to wait for.

        Returns:
            Answers in a second.
        """
        began = time.perf_counter()
        self._sock.sendall(line * in_flight)
        answered, sent = 0, in_flight
        while answered < count:
            now = self._sock.recv(LARGEST).count(b"\n")
            answered += now
            more = min(now, count - sent)
            if more > 0:
                self._sock.sendall(line * more)
                sent += more
        return count / (time.perf_counter() - began)


def request(method: str, params: dict[str, object], *, number: int = 1) -> bytes:
    """Encode a request as a line."""
    message = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"
