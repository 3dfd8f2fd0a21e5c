import socket
from collections.abc import Iterator

import pytest
from benchmarks.compare import Comparison, Missing
from benchmarks.findings import at_least, at_most
from benchmarks.measure import NOTIFICATION, Lines, Sample, Turns, alternate, request


def test_a_sample_of_a_hundred_runs() -> None:
    sample = Sample.of([n * 1000 for n in range(100, 0, -1)])
    assert (sample.p50, sample.p99, sample.runs) == (50, 100, 100)
    assert (sample.quantiles[0], sample.quantiles[-1]) == (1, 100)
    assert list(sample.quantiles) == sorted(sample.quantiles)


def test_candidates_take_turns() -> None:
    seen: list[str] = []

    def take(runs: int) -> list[int]:
        seen.extend("b" * runs)
        return [5000] * runs

    found = alternate({"a": lambda: seen.append("a"), "b": Turns(take)}, rounds=2, runs=3, warm_up=1)
    assert "".join(seen) == "ab" + "aaabbb" * 2
    assert found["a"].runs == found["b"].runs == 6
    assert found["b"].p50 == 5


def test_a_comparison_with_a_peer() -> None:
    own, peer = Sample(100, 300, 10), Sample(50, 400, 10)
    compared = Comparison(own, {"peer": peer})
    row = compared.row("k", "w", "peer", against="a peer", goal=at_most(1.5))
    assert (row.value, row.p99, row.peer, row.peer_p99, row.ratio, row.met) == (100, 300, 50, 400, 2, False)
    row = compared.row("k", "w", "peer", against="a peer", goal=at_most(1), of="p99")
    assert (row.value, row.p99, row.peer, row.ratio, row.met) == (300, None, 400, 0.75, True)
    row = compared.row("k", "w", "peer", against="a peer", goal=at_least(4), faster=True)
    assert (row.ratio, row.met) == (0.5, False)


def test_a_comparison_in_milliseconds() -> None:
    row = Comparison(Sample(2000, 4000, 1), {"p": Sample(1000, 1000, 1)}, unit="ms").row("k", "w", "p", against="p")
    assert (row.value, row.p99, row.peer, row.unit) == (2, 4, 1, "ms")


def test_a_comparison_with_a_peer_that_is_missing() -> None:
    compared = Comparison(Sample(100, 300, 10), {"peer": Missing("there is no Node.js")})
    row = compared.row("k", "w", "peer", against="a peer", goal=at_most(1))
    assert (row.value, row.peer, row.ratio, row.met, row.missing) == (100, None, None, None, "there is no Node.js")


@pytest.fixture
def pair() -> Iterator[tuple[Lines, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield Lines(ours), theirs


NOTICE = b'{"jsonrpc":"2.0","method":"plugins.stateChanged","params":{}}\n'
ANSWER = b'{"jsonrpc":"2.0","id":1,"result":[1,2]}\n'


@pytest.mark.parametrize("arrives", [ANSWER, NOTICE + ANSWER, NOTICE * 3 + ANSWER])
def test_notifications_before_an_answer_are_dropped(pair: tuple[Lines, socket.socket], arrives: bytes) -> None:
    lines, other = pair
    other.sendall(arrives)
    assert lines.exchange(b"ask\n") == ANSWER
    assert other.recv(100) == b"ask\n"


def test_an_error_is_raised(pair: tuple[Lines, socket.socket]) -> None:
    lines, other = pair
    other.sendall(b'{"jsonrpc":"2.0","id":1,"error":{"code":-32000,"message":"no"}}\n')
    with pytest.raises(RuntimeError, match=r"plugins.get: .*no"):
        lines.ask("plugins.get", {})


def test_a_closed_connection_is_told(pair: tuple[Lines, socket.socket]) -> None:
    lines, other = pair
    other.close()
    with pytest.raises((ConnectionError, BrokenPipeError)):
        lines.exchange(b"ask\n")


def test_requests_are_one_line() -> None:
    line = request("plugins.call", {"text": "a\nb"}, number=7)
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")


def test_notifications_are_no_answers() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        lines = Lines(ours)
        told = NOTIFICATION + b'"effects.changed","params":{}}\n'
        answer = b'{"jsonrpc":"2.0","id":1,"result":0}\n'
        for sent, count in (
            (answer, 1),
            (told, 0),
            (told + answer + told + answer, 2),
            (answer + told[:9], 1),
            (told[9:] + answer[:20], 0),
            (answer[20:], 1),
        ):
            theirs.sendall(sent)
            assert lines.arrived() == count


def test_an_answer_that_is_an_error_is_not_taken_for_one() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        lines = Lines(ours)
        theirs.sendall(b'{"jsonrpc":"2.0","id":1,"error":{"code":-32600,"message":"in use"}}\n')
        with pytest.raises(RuntimeError, match="in use"):
            lines.arrived()
