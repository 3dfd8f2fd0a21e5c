"""What a child says when it breaks: enough to find the fault, nothing that a client or a plugin has sent."""

import socket

import pytest

from plugind_protocol.worker import Decoder, Kind
from plugind_worker import child


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ValueError("token=hunter2"), "ValueError (at test_child.py:"),
        (
            OSError(28, "No space left on device", "/home/me/private"),
            "OSError: No space left on device (at test_child.py:",
        ),
    ],
)
def test_a_fault_is_named_without_its_words(error: Exception, words: str) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        with pytest.raises(type(error)) as caught:
            raise error
        child._report(theirs, caught.value)
        ((kind, _, body),) = Decoder().feed(ours.recv(4096))
    assert kind == Kind.FAULT
    assert body.decode().startswith(words)
    assert b"hunter2" not in body
    assert b"private" not in body
