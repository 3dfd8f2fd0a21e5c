"""JSON-RPC 2.0 envelopes: one decode of the outside of a message, its params and result left as bytes.

Beyond what msgspec checks: UTF-8, nesting depth, lone surrogates and doubled envelope keys, in all of the text.
"""

import json
import re
from itertools import accumulate
from typing import Any, Final

import msgspec

from plugind_protocol.errors import ErrorObject, InvalidRequest, ParseError

MAX_NESTING: Final = 128
"""Deepest nesting of arrays and objects in a message."""

RequestId = int | str | None

_ENVELOPE_KEYS: Final = (b'"id"', b'"method"', b'"params"', b'"result"', b'"error"', b'"jsonrpc"')
_STRING: Final = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_NOT_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))
_ONE_KIND: Final = bytes.maketrans(b"{}", b"[]")
_SURROGATE: Final = re.compile(rb"\\u[dD][89a-fA-F]", re.DOTALL)
_BLANK_OR_ARRAY: Final = (b"[", b" ", b"\t", b"\r", b"\n")
_DELTA: Final = {ord("["): 1, ord("]"): -1}


class Message(msgspec.Struct, omit_defaults=True):
    """A request, notification or response; which one it is follows from the fields that are set."""

    jsonrpc: str | msgspec.UnsetType = msgspec.UNSET
    id: int | str | float | msgspec.UnsetType | None = msgspec.UNSET
    method: str | msgspec.UnsetType = msgspec.UNSET
    params: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    result: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    error: ErrorObject | msgspec.UnsetType = msgspec.UNSET

    @property
    def is_notification(self) -> bool:
        """A call that wants no answer."""
        return self.id is msgspec.UNSET


_decoder: Final = msgspec.json.Decoder(Message)
_batch_decoder: Final = msgspec.json.Decoder(list[msgspec.Raw])
_encoder: Final = msgspec.json.Encoder()


def decode(text: bytes, *, max_nesting: int = MAX_NESTING) -> Message | list[msgspec.Raw]:
    """Decode one message text.

    Args:
        text: The bytes of one message, framing removed.
        max_nesting: Deepest nesting of arrays and objects.

    Returns:
        The message; or, for a batch, its undecoded members (`decode_member` each).

    Raises:
        ParseError: Not JSON, not UTF-8, nested too deep, lone surrogates.
        InvalidRequest: JSON, but not an envelope: wrong types, a doubled key, an empty batch.
    """
    check_text(text, max_nesting=max_nesting)
    if text[:1] in _BLANK_OR_ARRAY and text.lstrip()[:1] == b"[":
        try:
            members = _batch_decoder.decode(text)
        except msgspec.DecodeError as exc:
            raise ParseError(f"Invalid JSON: {exc}") from exc
        if not members:
            raise InvalidRequest("A batch must not be empty")
        return members
    return decode_member(text)


def decode_member(text: bytes | msgspec.Raw) -> Message:
    """Decode one envelope whose text was checked already.

    Raises:
        ParseError: Not JSON.
        InvalidRequest: Not an envelope.
    """
    try:
        message = _decoder.decode(text)
    except msgspec.ValidationError as exc:
        raise InvalidRequest(f"Invalid request: {exc}") from exc
    except (msgspec.DecodeError, RecursionError) as exc:
        raise ParseError(f"Invalid JSON: {exc}") from exc
    _check_keys_once(bytes(text))
    if message.jsonrpc != "2.0":
        raise InvalidRequest('"jsonrpc" must be "2.0"')
    if isinstance(message.id, float):
        raise InvalidRequest('"id" must be a string, an integer or null')
    if message.method is msgspec.UNSET and message.result is msgspec.UNSET and message.error is msgspec.UNSET:
        raise InvalidRequest('A message needs "method", "result" or "error"')
    return message


def check_text(text: bytes, *, max_nesting: int = MAX_NESTING) -> None:
    """Check what holds for the whole text, parts that stay undecoded included.

    Args:
        text: The bytes of one message.
        max_nesting: Deepest nesting of arrays and objects.

    Raises:
        ParseError: Not UTF-8, nested too deep, or a surrogate escape without its pair.
    """
    if not text.isascii():
        try:
            text.decode()
        except UnicodeDecodeError as exc:
            raise ParseError(f"Invalid JSON: not UTF-8 at byte {exc.start}") from exc
    if text.count(b"[") + text.count(b"{") > max_nesting and _depth_exceeds(text, max_nesting):
        raise ParseError(f"Invalid JSON: nested deeper than {max_nesting}")
    if _SURROGATE.search(text) and _has_lone_surrogate(text):
        raise ParseError("Invalid JSON: surrogate escape without its pair")


def _depth_exceeds(text: bytes, limit: int) -> bool:
    brackets = _STRING.sub(b"", text).translate(_ONE_KIND, _NOT_BRACKETS)
    for _ in range(4):  # each pass peels one level of leaves at C speed: what is wide and flat is gone after this
        brackets = brackets.replace(b"[]", b"")
        limit -= 1
    return any(depth > limit for depth in accumulate(map(_DELTA.__getitem__, brackets)))


def _has_lone_surrogate(text: bytes) -> bool:
    for match in _STRING.finditer(text):
        literal = match.group()
        if _SURROGATE.search(literal):
            try:
                json.loads(literal).encode()
            except UnicodeEncodeError:
                return True
            except ValueError:
                continue  # not a JSON string at all: the decoder says so with a better message
    return False


def _check_keys_once(text: bytes) -> None:
    if all(text.count(key) <= 1 for key in _ENVELOPE_KEYS) and b"\\u00" not in text:
        return
    pairs: list[tuple[str, Any]] = json.loads(text, object_pairs_hook=list, parse_int=str, parse_float=str)
    names = [name for name, _ in pairs]
    for name in names:
        if names.count(name) > 1 and f'"{name}"'.encode() in _ENVELOPE_KEYS:
            raise InvalidRequest(f'"{name}" is given twice')


def encode_request(request_id: RequestId, method: str, params: Any) -> bytes:
    """Encode a request; ``params`` may be any msgspec-encodable value, `msgspec.Raw` included."""
    return _encoder.encode({"jsonrpc": "2.0", "id": request_id, "method": method, "params": params})


def encode_notification(method: str, params: Any) -> bytes:
    """Encode a notification."""
    return _encoder.encode({"jsonrpc": "2.0", "method": method, "params": params})


def encode_result(request_id: RequestId, result: Any) -> bytes:
    """Encode a success; ``result`` may be `msgspec.Raw`."""
    return _encoder.encode({"jsonrpc": "2.0", "id": request_id, "result": result})


def encode_error(request_id: RequestId, error: ErrorObject) -> bytes:
    """Encode a failure."""
    return _encoder.encode({"jsonrpc": "2.0", "id": request_id, "error": error})
