from typing import Any

import pytest

from plugind_protocol.worker import DROPPED, Kind
from plugind_worker.console import MAX_MESSAGE_BYTES, Console, Level


class Recorder:
    """Stands for channel and control: keeps what is sent."""

    number = 7

    def __init__(self) -> None:
        self.sent: list[tuple[int, bytes]] = []

    def send(self, kind: Kind, call: int, body: bytes) -> None:
        assert (kind, call) == (Kind.LOG, 7) or kind is Kind.DROPPED
        self.sent.append((body[0], body[1:]) if kind is Kind.LOG else (-1, body))


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def console(recorder: Any) -> Console:
    return Console(recorder, recorder, per_second=1000)


def test_a_stream_is_sent_by_lines_and_the_rest_when_flushed(console: Console, recorder: Recorder) -> None:
    console.write(Level.INFO, b"one\ntw")
    console.write(Level.ERROR, b"bad")
    console.write(Level.INFO, b"o\n\nthree")
    assert recorder.sent == [(2, b"one"), (2, b"two"), (2, b"")]
    console.flush()
    assert sorted(recorder.sent[3:]) == [(2, b"three"), (4, b"bad")]
    console.flush()
    assert len(recorder.sent) == 5


def test_a_line_that_does_not_end_is_sent_in_pieces(console: Console, recorder: Recorder) -> None:
    console.write(Level.INFO, b"x" * (2 * MAX_MESSAGE_BYTES + 5))
    assert [len(text) for _, text in recorder.sent] == [MAX_MESSAGE_BYTES, MAX_MESSAGE_BYTES]


def test_a_long_message_is_cut_with_a_mark(console: Console, recorder: Recorder) -> None:
    console.log(1, b"y" * (MAX_MESSAGE_BYTES + 1))
    assert recorder.sent == [(1, b"y" * MAX_MESSAGE_BYTES + b" [cut]")]


@pytest.mark.parametrize(("level", "sent"), [(0, 0), (4, 4), (5, 4), (2**32 - 1, 4)])
def test_levels_are_kept_in_range(console: Console, recorder: Recorder, level: int, sent: int) -> None:
    console.log(level, b"")
    assert recorder.sent == [(sent, b"")]


def test_what_is_not_utf8_is_replaced(console: Console, recorder: Recorder) -> None:
    console.log(2, b"a\xffb")
    assert recorder.sent == [(2, "a\ufffdb".encode())]


def test_what_is_too_much_is_dropped_and_goes_on_with_several_in_one_go(
    console: Console, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once a second's worth was sent at once, a message every ms would be allowed: 50 are sent every 50 ms instead."""
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    for _ in range(1100):
        console.log(2, b"x")
    assert recorder.sent == [(2, b"x")] * 1000
    recorder.sent.clear()
    for _ in range(49):
        now += 0.001
        console.log(2, b"x")
    assert recorder.sent == []
    now += 0.002
    for _ in range(60):
        console.log(2, b"x")
    assert recorder.sent == [(-1, DROPPED.pack(149)), *[(2, b"x")] * 51]
    console.limit(10)
    console.log(2, b"y")
    assert recorder.sent[-2:] == [(-1, DROPPED.pack(9)), (2, b"y")]


def test_last_words_are_those_of_this_call_if_they_are_an_error(console: Console) -> None:
    assert not console.last_words
    console.log(Level.ERROR, b"panicked at\x1b[1m src/lib.rs:7:1:\nno r\xff\xc3\xb6om")
    assert console.last_words == "panicked at [1m src/lib.rs:7:1: no r\ufffd\u00f6om"
    console.log(Level.INFO, b"went on")
    assert not console.last_words
    console.log(Level.ERROR, b"x" * 5000)
    assert len(console.last_words) == 400
    console.flush()
    assert not console.last_words


def test_last_words_are_kept_where_the_rate_drops_them(recorder: Any) -> None:
    console = Console(recorder, recorder, per_second=1)
    console.log(Level.INFO, b"one")
    console.log(Level.ERROR, b"two")
    assert len(recorder.sent) == 1
    assert console.last_words == "two"
