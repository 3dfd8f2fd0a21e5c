"""Timing: many short runs, pooled, so that what else the machine does falls on all candidates alike."""

import itertools
import json
import socket
import time
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple, Self

from benchmarks.findings import Spread

LARGEST: Final = 1 << 20
SECONDS: Final = 60.0
"""Patience with one answer."""
NOTIFICATION: Final = b'{"jsonrpc":"2.0","method":'
"""How plugind begins a notification; an answer begins otherwise."""
ERROR: Final = b',"error":{"code":'
"""How plugind says that a request failed."""
STEPS: Final = 200
"""Of the quantiles that are kept of a sample."""


class Sample(NamedTuple):
    """Times of many runs, in µs."""

    p50: float
    p99: float
    runs: int
    quantiles: tuple[float, ...] = ()
    """From the fastest to the slowest run, in equal steps of their number."""

    @classmethod
    def of(cls, times_ns: list[int]) -> Self:
        """Sum up times in ns."""
        ordered = sorted(times_ns)
        last = len(ordered) - 1
        p99 = ordered[min(last, int(len(ordered) * 0.99))] / 1000
        return cls(ordered[last // 2] / 1000, p99, len(ordered), tuple(_quantiles(ordered)))

    def spread(self, picture: str, name: str) -> Spread:
        """Return how the times are spread, for a picture."""
        return Spread(picture=picture, name=name, unit="µs", quantiles=[round(one, 2) for one in self.quantiles])


def _quantiles(ordered: list[int]) -> list[float]:
    last = len(ordered) - 1
    return [ordered[last * step // STEPS] / 1000 for step in range(STEPS + 1)]


class Turns(NamedTuple):
    """A candidate that makes and times several runs by itself, such as one that lives in another process."""

    take: Callable[[int], list[int]]
    """Makes so many runs, and returns how long each took, in ns."""


Candidate = Callable[[], object] | Turns


def alternate(candidates: Mapping[str, Candidate], *, rounds: int, runs: int, warm_up: int) -> dict[str, Sample]:
    """Time candidates in turns.

    Args:
        candidates: What to run, by name.
        rounds: How often each has its turn.
        runs: Runs in each turn.
        warm_up: Runs of each before anything is measured.

    Returns:
        A sample of each.
    """
    turns = {name: one.take if isinstance(one, Turns) else timed(one) for name, one in candidates.items()}
    times: dict[str, list[int]] = {name: [] for name in turns}
    for take in turns.values():
        take(warm_up)
    for _ in range(rounds):
        for name, take in turns.items():
            times[name] += take(runs)
    return {name: Sample.of(took) for name, took in times.items()}


def timed(run: Callable[[], object]) -> Callable[[int], list[int]]:
    """Return what makes so many runs of something, and says how long each took, in ns."""

    def take(runs: int) -> list[int]:
        took = []
        for _ in range(runs):
            began = time.perf_counter_ns()
            run()
            took.append(time.perf_counter_ns() - began)
        return took

    return take


class Lines:
    """One JSON text per line over a connected socket, blocking, with no client library in the way.

    Args:
        sock: The socket.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._begun = b""
        sock.settimeout(SECONDS)

    def close(self) -> None:
        """Close the connection."""
        self._sock.close()

    def fileno(self) -> int:
        """Return the socket's descriptor, for a selector."""
        return self._sock.fileno()

    def send(self, lines: bytes) -> None:
        """Send, and do not wait."""
        self._sock.sendall(lines)

    def arrived(self) -> int:
        """Read once, and return how many answers have ended in what was read; notifications do not count.

        Raises:
            ConnectionError: The other end has closed.
            RuntimeError: An answer is an error, which is quicker than what is measured.
        """
        part = self._sock.recv(LARGEST)
        if not part:
            raise ConnectionError("the other end has closed the connection")
        whole, newline, self._begun = (self._begun + part).rpartition(b"\n")
        whole = newline + whole + newline
        if (error := whole.find(ERROR)) >= 0:
            raise RuntimeError(f"answered with an error: {whole[error : error + 200]!r}")
        return max(0, whole.count(b"\n") - 1) - whole.count(b"\n" + NOTIFICATION)

    def exchange(self, line: bytes) -> bytes:
        """Send a line and wait for its answer; notifications that come before it are dropped."""
        self._sock.sendall(line)
        answer = self._sock.recv(LARGEST)
        if not answer.endswith(b"\n") or answer.startswith(NOTIFICATION):
            return self._longer(answer)
        return answer

    def _longer(self, begun: bytes) -> bytes:
        answer = bytearray(begun)
        while not answer.endswith(b"\n") or answer.startswith(NOTIFICATION):
            if answer.startswith(NOTIFICATION) and b"\n" in answer:
                del answer[: answer.index(b"\n") + 1]
                continue
            if not (part := self._sock.recv(LARGEST)):
                raise ConnectionError("the other end has closed the connection")
            answer += part
        return bytes(answer)

    def ask(self, method: str, params: Mapping[str, object]) -> object:
        """Call a method and return its result.

        Raises:
            RuntimeError: It answered with an error.
        """
        answer = json.loads(self.exchange(request(method, params)))
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        return answer["result"]

    def per_second(self, *lines: bytes, in_flight: int, count: int) -> float:
        """Keep a number of lines on their way.

        Args:
            lines: What to send: these in turns.
            in_flight: How many are unanswered at any time.
            count: How many answers to wait for.

        Returns:
            Answers in a second.
        """
        turns = itertools.cycle(lines)
        began = time.perf_counter()
        self.send(b"".join(itertools.islice(turns, in_flight)))
        answered, sent = 0, in_flight
        while answered < count:
            now = self.arrived()
            answered += now
            more = min(now, count - sent)
            if more > 0:
                self.send(b"".join(itertools.islice(turns, more)))
                sent += more
        return count / (time.perf_counter() - began)


def request(method: str, params: Mapping[str, object], *, number: int = 1) -> bytes:
    """Encode a request as a line."""
    message = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"
