"""The private framing between supervisor and workers."""

import struct
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugind_protocol import worker
from plugind_protocol.worker import Decoder, Kind, encode, split_name, with_name

MESSAGES = st.lists(st.tuples(st.sampled_from(Kind), st.integers(0, 2**32 - 1), st.binary(max_size=50)), max_size=6)


@given(messages=MESSAGES, cuts=st.lists(st.integers(0, 10**6), max_size=10))
def test_any_chunking_gives_the_same_messages(messages: list[tuple[Kind, int, bytes]], cuts: list[int]) -> None:
    stream = b"".join(encode(kind, call, body) for kind, call, body in messages)
    edges = [0, *sorted({cut % (len(stream) + 1) for cut in cuts}), len(stream)]
    decoder = Decoder()
    assert [one for start, end in pairwise(edges) for one in decoder.feed(stream[start:end])] == messages
    decoder = Decoder()
    assert [one for at in range(len(stream)) for one in decoder.feed(stream[at : at + 1])] == messages


@pytest.mark.parametrize("length", [65, 2**31, 2**32 - 1])
def test_a_body_over_the_limit_is_refused_by_its_header(length: int) -> None:
    decoder = Decoder(max_body=64)
    assert decoder.feed(encode(Kind.RESULT, 1, b"x" * 64)) == [(Kind.RESULT, 1, b"x" * 64)]
    with pytest.raises(ValueError, match=f"message of {length} bytes, over 64"):
        decoder.feed(worker.HEADER.pack(length, Kind.RESULT, 1))


def test_unknown_kinds_are_handed_on_for_the_reader_to_refuse() -> None:
    assert Decoder().feed(worker.HEADER.pack(1, 999, 7) + b"x") == [(999, 7, b"x")]


@given(name=st.binary(max_size=300), payload=st.binary(max_size=300))
def test_names_come_back(name: bytes, payload: bytes) -> None:
    assert split_name(with_name(name, payload)) == (name, payload)


@pytest.mark.parametrize("body", [b"", b"\x01", b"\x01\x00", b"\xff\xffabc"])
def test_names_that_lie_about_their_length_are_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match="body"):
        split_name(body)


def test_a_name_of_64_kib_does_not_fit() -> None:
    assert split_name(with_name(b"x" * 65535, b""))[0] == b"x" * 65535
    with pytest.raises(struct.error):
        with_name(b"x" * 65536, b"")


def test_sizes_on_the_wire() -> None:
    assert (worker.HEADER.size, worker.CONTROL.size, worker.PROCESS.size, worker.PROCESSED.size) == (12, 8, 24, 8)
    assert len({*map(int, Kind)}) == len(Kind)
