import socket
from collections.abc import Iterator
from typing import TypeAlias

import pytest

from plugind_protocol.worker import HEADER, MAX_BODY_BYTES, Decoder, Kind, encode
from plugind_worker.channel import Channel, ChannelClosedError

Pair: TypeAlias = tuple[Channel, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    ours, theirs = socket.socketpair()
    theirs.settimeout(20)
    with ours, theirs:
        yield Channel(ours), theirs


def test_messages_that_come_together_are_told_apart(pair: Pair) -> None:
    channel, peer = pair
    peer.sendall(encode(Kind.PING, 1) + encode(Kind.CALL, 2, b"abc") + encode(Kind.PING, 3)[:5])
    assert channel.receive() == (Kind.PING, 1, b"")
    assert channel.receive() == (Kind.CALL, 2, b"abc")
    peer.sendall(encode(Kind.PING, 3)[5:])
    assert channel.receive() == (Kind.PING, 3, b"")


def test_a_message_in_single_bytes_arrives_whole(pair: Pair) -> None:
    channel, peer = pair
    for byte in encode(Kind.CALL, 7, b"slow"):
        peer.sendall(bytes((byte,)))
    assert channel.receive() == (Kind.CALL, 7, b"slow")


def test_a_large_message_arrives_whole_and_what_follows_too(pair: Pair) -> None:
    channel, peer = pair
    body = bytes(range(256)) * 400  # more than one read, less than the socket holds
    peer.sendall(encode(Kind.CALL, 1, body) + encode(Kind.PING, 2))
    assert channel.receive() == (Kind.CALL, 1, body)
    assert channel.receive() == (Kind.PING, 2, b"")


def test_kept_messages_come_first_and_in_order(pair: Pair) -> None:
    channel, peer = pair
    channel.keep((Kind.CALL, 1, b"a"))
    channel.keep((Kind.CALL, 2, b"b"))
    peer.sendall(encode(Kind.HOST_RESULT, 9, b"1"))
    assert channel.receive_new() == (Kind.HOST_RESULT, 9, b"1")
    assert [channel.receive()[1], channel.receive()[1]] == [1, 2]


def test_a_body_over_the_limit_is_refused_before_it_is_read(pair: Pair) -> None:
    channel, peer = pair
    peer.sendall(HEADER.pack(MAX_BODY_BYTES + 1, Kind.CALL, 1))
    with pytest.raises(ValueError, match="over"):
        channel.receive()


@pytest.mark.parametrize("head", [b"", HEADER.pack(100_000, Kind.CALL, 1) + b"x"])
def test_a_connection_that_is_reset_is_closed_too(pair: Pair, head: bytes) -> None:
    channel, peer = pair
    channel.send(Kind.RESULT, 1, b"never read")
    peer.sendall(head)
    peer.close()
    with pytest.raises(ChannelClosedError):
        channel.receive()


@pytest.mark.parametrize("head", [b"", b"\1", HEADER.pack(100_000, Kind.CALL, 1) + b"x"])
def test_the_end_is_told_wherever_it_comes(pair: Pair, head: bytes) -> None:
    channel, peer = pair
    peer.sendall(head)
    peer.close()
    with pytest.raises(ChannelClosedError):
        channel.receive()


def test_sending_to_nobody_is_told(pair: Pair) -> None:
    channel, peer = pair
    peer.close()
    with pytest.raises(ChannelClosedError):
        channel.send(Kind.RESULT, 1, b"x")


def test_a_sent_message_is_one_frame(pair: Pair) -> None:
    channel, peer = pair
    channel.send(Kind.RESULT, 5, b"{}")
    assert Decoder().feed(peer.recv(100)) == [(Kind.RESULT, 5, b"{}")]
