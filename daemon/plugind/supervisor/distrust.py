"""What a worker hands over is checked as if its guest had escaped from the engine: pure checks of bodies.

A worker checks its guest's texts before it sends them, so that nothing of this should ever bite. But JSON of plugins
goes out to clients as it came, and what is not exactly one text would let a worker put words into the daemon's mouth.
"""

from typing import Final

import msgspec

from plugind_protocol.framing import CR, LF

MAX_LOG_BYTES: Final = 32 * 1024
"""Longest body of a LOG message; a worker cuts what is longer."""
_RAW: Final = msgspec.json.Decoder(msgspec.Raw)


class ProtocolFault(Exception):  # noqa: N818  # what a worker did, not an error of ours
    """A worker broke the protocol; the message says how."""


def check_text(body: bytes) -> None:
    """Make sure that a body is one JSON text, in UTF-8, on one line.

    Args:
        body: A result, or the params of a host call.

    Raises:
        ValueError: It is not.
        RecursionError: It is nested so deep that this cannot be told; an honest worker may send that.
    """
    if not body.isascii():
        body.decode()
    _RAW.decode(body)
    if LF in body or CR in body:
        raise ValueError("JSON with a line break")
