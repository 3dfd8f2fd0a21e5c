"""Checks of JSON texts that come from a guest, before they travel on as they are."""

from typing import Any

import msgspec

_RAW = msgspec.json.Decoder(msgspec.Raw)
_LF, _CR = b"\n\r"  # as numbers, which are found in a seventh of the time: see `plugind_protocol.framing.LF`


def check(data: bytes) -> bytes:
    """Make sure that bytes are one UTF-8 JSON text on one line.

    Args:
        data: Bytes of a guest's.

    Returns:
        The same text; line breaks between its tokens, which would end a message, are blanks.

    Raises:
        ValueError: They are not; the message says what is wrong and where.
    """
    if not data.isascii():
        data.decode()  # msgspec does not look at the encoding of what it leaves undecoded
    try:
        _RAW.decode(data)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if _LF in data or _CR in data:
        return data.replace(b"\n", b" ").replace(b"\r", b" ")
    return data


def decode(data: bytes) -> Any:
    """Decode a JSON text of the daemon's or a guest's.

    Raises:
        ValueError: It is not JSON.
    """
    try:
        return msgspec.json.decode(data)
    except RecursionError:
        raise ValueError("nested too deeply") from None
