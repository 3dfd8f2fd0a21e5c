"""Framing: the same bytes give the same messages however they arrive, and no bytes cost more than they are."""

import json
import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugind_protocol.framing import (
    MAX_HEADER_BYTES,
    MAX_SKIPPED_BYTES,
    Decoder,
    Framing,
    FramingError,
    Oversized,
    encode,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)
LIMIT = 64


def plain(messages: list[bytes | Oversized]) -> list[bytes | int]:
    return [one.size if isinstance(one, Oversized) else one for one in messages]


def feed(stream: bytes, cuts: list[int], **options: object) -> list[bytes | int]:
    decoder = Decoder(**options)  # type: ignore[arg-type]
    out: list[bytes | int] = []
    edges = [0, *sorted({cut % (len(stream) + 1) for cut in cuts}), len(stream)]
    for start, end in pairwise(edges):
        out += plain(decoder.feed(stream[start:end]))
    assert not decoder.mid_message
    return out


@pytest.mark.threat("Fuzzing", "framing")
@given(
    values=st.lists(JSON, max_size=5),
    cuts=st.lists(st.integers(0, 10**6), max_size=12),
    framing=st.sampled_from(Framing),
)
def test_any_chunking_gives_the_same_messages(values: list[object], cuts: list[int], framing: Framing) -> None:
    bodies = [json.dumps(value, ensure_ascii=False).encode() for value in values]
    stream = b"".join(encode(body, framing) for body in bodies)
    expected = [len(body) if len(body) > LIMIT else body for body in bodies]
    assert feed(stream, cuts, max_message=LIMIT) == expected
    assert feed(stream, list(range(len(stream))), max_message=LIMIT) == expected


@pytest.mark.parametrize("framing", Framing)
@pytest.mark.parametrize("step", [1, 3, 4096])
def test_oversized_messages_are_skipped_and_reported_once(framing: Framing, step: int) -> None:
    bodies = [b"[1]", b'"' + b"x" * 300 + b'"', b"[2]", b'"' + b"y" * LIMIT + b'"', b"[3]"]
    stream = b"".join(encode(body, framing) for body in bodies)
    decoder = Decoder(max_message=LIMIT)
    out: list[bytes | Oversized] = []
    for start in range(0, len(stream), step):
        out += decoder.feed(stream[start : start + step])
        assert len(decoder._buffer) <= max(LIMIT, MAX_HEADER_BYTES) + step  # nothing is kept of what is skipped
    assert plain(out) == [b"[1]", 302, b"[2]", LIMIT + 2, b"[3]"]


@pytest.mark.parametrize("framing", Framing)
def test_a_message_of_the_limit_passes_and_one_more_byte_does_not(framing: Framing) -> None:
    body = b'"' + b"x" * (LIMIT - 2) + b'"'
    assert Decoder(max_message=LIMIT).feed(encode(body, framing)) == [body]
    assert plain(Decoder(max_message=LIMIT).feed(encode(body[:-1] + b'x"', framing))) == [LIMIT + 1]


def test_blank_lines_and_blanks_around_a_line_are_nothing() -> None:
    assert Decoder().feed(b"\n \r\n\t[1] \r\n\n[2]\n") == [b"[1]", b"[2]"]


def test_headers_may_be_many_in_any_case_and_order() -> None:
    stream = b"Content-Type: application/vscode-jsonrpc; charset=utf-8\r\ncontent-LENGTH:  2 \r\nX-A: b\r\n\r\n{}"
    assert Decoder().feed(stream) == [b"{}"]


@pytest.mark.parametrize("step", [1, 10, 40])
def test_a_short_header_after_a_long_one(step: int) -> None:
    stream = b"Content-Length: 2\r\nX: " + b"y" * 100 + b"\r\n\r\n{}" + b"Content-Length: 2\r\n\r\n[]" * 2
    assert feed(stream, list(range(0, len(stream), step))) == [b"{}", b"[]", b"[]"]


def test_an_empty_body_is_a_message_at_once() -> None:
    assert Decoder().feed(b"Content-Length: 0\r\n\r\n") == [b""]


BROKEN_HEADERS = {
    "missing": b"Content-Type: x\r\n\r\n{}",
    "empty": b"Content-Length:\r\n\r\n{}",
    "negative": b"Content-Length: -2\r\n\r\n{}",
    "signed": b"Content-Length: +2\r\n\r\n{}",
    "hex": b"Content-Length: 0x2\r\n\r\n{}",
    "float": b"Content-Length: 2.0\r\n\r\n{}",
    "underscore": b"Content-Length: 1_0\r\n\r\n{}",
    "other digits": "Content-Length: \u0662\r\n\r\n{}".encode(),
    "inner blank": b"Content-Length: 1 0\r\n\r\n{}",
    "doubled": b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
    "doubled, differing": b"Content-Length: 2\r\ncontent-length: 3\r\n\r\n{}",
    "huge": b"Content-Length: 99999999999999999999999\r\n\r\n{}",
    "beyond skipping": b"Content-Length: %d\r\n\r\n{}" % (MAX_SKIPPED_BYTES + 1),
    "blank before the colon": b"Content-Length : 2\r\n\r\n{}",
    "folded": b"Content-Type: a\r\n b\r\nContent-Length: 2\r\n\r\n{}",
    "no colon": b"Content-Length 2\r\n\r\n{}",
    "no name": b"C: x\r\n: 2\r\nContent-Length: 2\r\n\r\n{}",
    "LF only": b"Content-Length: 2\n\n{}",
    "LF after the first": b"Content-Length: 2\nX: y\r\n\r\n{}",
    "CR in another header": b"C: a\rb\r\nContent-Length: 2\r\n\r\n{}",
    "CR inside": b"Content-Length: 2\rX: y\r\n\r\n{}",
    "NUL in a name": b"C\x00: 2\r\nContent-Length: 2\r\n\r\n{}",
    "endless": b"Content-Length: 2\r\nX: " + b"y" * MAX_HEADER_BYTES,
    "endless lines": b"Content-Length: 2\r\n" + b"X: y\r\n" * MAX_HEADER_BYTES,
    "text instead of a header": b'Content-Length: 2\r\n\r\n{}{"jsonrpc":"2.0"}\n',
}


@pytest.mark.parametrize("stream", BROKEN_HEADERS.values(), ids=BROKEN_HEADERS.keys())
@pytest.mark.parametrize("step", [1, 7, 100_000])
def test_broken_headers_end_the_connection(stream: bytes, step: int) -> None:
    with pytest.raises(FramingError):
        feed(stream, list(range(0, len(stream), step)))


def test_headers_with_lf_only_are_found_before_their_end() -> None:
    with pytest.raises(FramingError, match="CR LF"):
        Decoder().feed(b"Content-Length: 2\n")


def test_text_where_a_header_should_be_is_found_by_its_first_byte() -> None:
    decoder = Decoder()
    decoder.feed(b"Content-Length: 2\r\n\r\n{}")
    with pytest.raises(FramingError, match="switched"):
        decoder.feed(b"{")


def test_headers_on_a_connection_of_lines_end_it() -> None:
    decoder = Decoder()
    decoder.feed(b"{}\n")
    with pytest.raises(FramingError, match="switched"):
        decoder.feed(b"Content-Length: 2\r\n\r\n{}")


def test_a_line_without_end_is_given_up() -> None:
    decoder = Decoder(max_message=LIMIT, framing=Framing.LINES)
    chunk = b"x" * (1 << 26)
    for _ in range(MAX_SKIPPED_BYTES // len(chunk)):
        decoder.feed(chunk)
        assert len(decoder._buffer) == 0
    with pytest.raises(FramingError, match="not even skipped"):
        decoder.feed(b"x")


def test_nothing_is_allocated_ahead_of_the_bytes() -> None:
    decoder = Decoder()
    decoder.feed(b"Content-Length: 16777216\r\n\r\n[")
    assert len(decoder._buffer) == 1
    assert decoder._buffer.__alloc__() < 1024


def test_the_first_byte_chooses() -> None:
    decoder = Decoder()
    assert decoder.framing is None
    assert decoder.feed(b"") == []
    assert decoder.framing is None
    decoder.feed(b"\n")
    assert decoder.framing is Framing.LINES


def test_it_says_where_it_stands() -> None:
    decoder = Decoder(max_message=LIMIT)
    assert not decoder.mid_message
    decoder.feed(b"Content-")
    assert decoder.mid_message
    assert decoder.mid_header
    decoder.feed(b"Length: 2\r\n\r\n{")
    assert decoder.mid_message
    assert not decoder.mid_header
    decoder.feed(b"}")
    assert not decoder.mid_message
    decoder.feed(b"Content-Length: 100\r\n\r\n{")
    assert decoder.mid_message


@pytest.mark.parametrize("body", [b'[1,\n{"jsonrpc":"2.0","id":1,"result":2}\n]', b"[1,\r2]", b"[\r\n]"])
def test_nobody_ends_a_line_from_inside_a_message(body: bytes) -> None:
    (message,) = Decoder().feed(encode(body, Framing.LINES))
    assert isinstance(message, bytes)
    assert not {ord("\r"), ord("\n")} & set(message)
    assert json.loads(message) == json.loads(body)


@pytest.mark.parametrize("framing", Framing)
def test_dribbled_and_pipelined_bytes_take_linear_time(framing: Framing) -> None:
    body = b'"' + b"x" * 300_000 + b'"'
    one = encode(body, framing)
    many = encode(b"[1]", framing) * 30_000
    began = time.process_time()
    dribbled = Decoder(framing=framing)
    assert [message for at in range(len(one)) for message in dribbled.feed(one[at : at + 1])] == [body]
    assert len(Decoder(framing=framing).feed(many)) == 30_000
    assert time.process_time() - began < 5  # by the square it would be minutes


def test_one_whole_line_is_taken_without_a_list() -> None:
    decoder = Decoder(max_message=LIMIT)
    assert decoder.whole_line(b"{}\n") is None  # its framing is not known yet
    assert decoder.feed(b"{}\n") == [b"{}"]
    assert decoder.whole_line(b'{"a":1}\n') == b'{"a":1}'
    for data in (b"", b"{}", b"{}\n{}\n", b"{}\n{", b"x" * LIMIT + b"\n"):
        assert decoder.whole_line(data) is None
    assert decoder.feed(b'{"a"') == []
    assert decoder.whole_line(b":1}\n") is None  # another has begun
    assert decoder.feed(b":1}\n") == [b'{"a":1}']
    assert Decoder(framing=Framing.HEADERS).whole_line(b"{}\n") is None
