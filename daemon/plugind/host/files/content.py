"""What is read from and written to plugins' files, as the contract has it: text or base64, and no more than so much."""

import base64
from typing import Final

import msgspec

from plugind.host.caller import Caller
from plugind.policy.files import Located, shown
from plugind_protocol.errors import InvalidParams, TooLarge
from plugind_protocol.host import file as api

MAX_READ_BYTES: Final = 8 * 1024 * 1024
"""Read at once."""
MAX_WRITE_BYTES: Final = 8 * 1024 * 1024
"""Written at once."""
MAX_TEXT_BYTES: Final = 12 * 1024 * 1024
"""A text as JSON, with what has to be escaped."""


def encoded(data: bytes, encoding: api.Encoding, caller: Caller, located: Located) -> str:
    """Return what was read as the caller wants it.

    Raises:
        InvalidParams: It is not the text that it should be.
        TooLarge: As JSON, that text is too long.
    """
    if encoding == "base64":
        return base64.b64encode(data).decode()
    try:
        text = data.decode()
    except UnicodeDecodeError as exc:
        raise InvalidParams(
            f"file.read of {caller.plugin_id} {caller.version}: {shown(located.virtual)}: this is not UTF-8 text",
            hint='Read it with encoding "base64"; parts of a text must not end inside a character.',
            plugin_id=caller.plugin_id,
            version=caller.version,
        ) from exc
    if len(msgspec.json.encode(text)) > MAX_TEXT_BYTES:
        raise too_long(caller, located, len(data))
    return text


def decoded(params: api.WriteFile, caller: Caller, located: Located) -> bytes:
    """Return what is to be written.

    Raises:
        InvalidParams: It is not what the caller says it is.
        TooLarge: There is too much of it.
    """
    try:
        data = params.data.encode() if params.encoding == "utf8" else base64.b64decode(params.data, validate=True)
    except ValueError as exc:
        raise InvalidParams(
            f"file.write of {caller.plugin_id} {caller.version}: the data is not {params.encoding}",
            plugin_id=caller.plugin_id,
            version=caller.version,
            path="$.data",
        ) from exc
    if len(data) > MAX_WRITE_BYTES:
        raise TooLarge(
            f"file.write of {caller.plugin_id} {caller.version}: {shown(located.virtual)}: at most {MAX_WRITE_BYTES} "
            f"bytes are written at once, not {len(data)}",
            hint="Write the first part, then append the others.",
            plugin_id=caller.plugin_id,
            version=caller.version,
            cause="limit",
        )
    return data


def too_long(caller: Caller, located: Located, size: int) -> TooLarge:
    """Return what says that a file is too long to be read at once."""
    return TooLarge(
        f"file.read of {caller.plugin_id} {caller.version}: {shown(located.virtual)} has {size} bytes, and at most "
        f"{MAX_READ_BYTES} are read at once",
        hint="Read it in parts, with offset and length.",
        plugin_id=caller.plugin_id,
        version=caller.version,
        cause="limit",
    )
