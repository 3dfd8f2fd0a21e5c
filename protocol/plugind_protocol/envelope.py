"""JSON-RPC 2.0 envelopes: one decode of the outside of a message, its params and result left as bytes.

Beyond what msgspec checks: all that `jsontext` checks, doubled envelope keys, and that a message is of one kind.
"""

import re
from typing import Any, Final

import msgspec

from plugind_protocol import jsontext
from plugind_protocol.errors import ErrorObject, InvalidRequest, ParseError

MAX_NESTING: Final = jsontext.MAX_NESTING
"""Deepest nesting of arrays and objects in a message."""
MAX_INTEGER_ID: Final = 2**63 - 1
MAX_NAME_LENGTH: Final = 1024
"""Longest method name and longest id, in characters."""

RequestId = int | str | None

_KEYS: Final = frozenset({"id", "method", "params", "result", "error", "jsonrpc"})
_QUOTED_KEYS: Final = tuple(f'"{key}"'.encode() for key in sorted(_KEYS))
_USUAL_HEAD: Final = re.compile(
    rb'\{"jsonrpc": ?"2\.0", ?"id": ?(?:[0-9]+|"[\w.-]*"), ?"method": ?"[\w.$/]+", ?"params": ?(?=[{\[])'
)
"""How nearly all requests begin, up to their params: with each key once."""
_USUAL_REQUEST: Final = re.compile(
    rb'\{"jsonrpc": ?"2\.0", ?"id": ?(0|[1-9][0-9]{0,17}|"[\w.-]{0,64}"), ?"method": ?"([\w.$/]{1,64})", ?'
    rb'"params": ?(?=\{)'
)
"""The same, with an id and a method that need no further check."""
_BLANK_OR_ARRAY: Final = (b"[", b" ", b"\t", b"\r", b"\n")


Usual = tuple[bytes, bytes, bytes]
"""A request in the form that nearly all have, split without being decoded: the JSON text of its id (a number that is
not negative, or a string without escapes), its method, and what stands where its params do."""


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


def usual(text: bytes) -> Usual | None:
    """Split a request in its usual form.

    Args:
        text: The bytes of one message.

    Returns:
        Its parts; None where the message has another form. If the params are one JSON object and nothing more, the
        whole is a sound request; whoever decodes them and finds that they are not has to leave the message to
        `decode`, which knows what is wrong.
    """
    head = _USUAL_REQUEST.match(text)
    if head is None or text[-1:] != b"}":
        return None
    request_id, method = head.groups()
    return request_id, method, text[head.end() : -1]


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
    _check_keys_once(text, message)
    if message.jsonrpc != "2.0":
        raise InvalidRequest('"jsonrpc" must be "2.0"')
    _check_one_kind(message)
    _check_sizes(message)
    return message


def check_text(text: bytes, *, max_nesting: int = MAX_NESTING) -> None:
    """Check what holds for the whole text, parts that stay undecoded included; see `jsontext.check`.

    Args:
        text: The bytes of one message.
        max_nesting: Deepest nesting of arrays and objects.

    Raises:
        ParseError: Not UTF-8, nested too deep, lone surrogates, or a number without end.
    """
    jsontext.check(text, max_nesting=max_nesting)


def _check_one_kind(message: Message) -> None:
    is_result, is_error = message.result is not msgspec.UNSET, message.error is not msgspec.UNSET
    if (message.method is not msgspec.UNSET) + is_result + is_error != 1:
        raise InvalidRequest('A message needs exactly one of "method", "result" and "error"')
    if (is_result or is_error) and message.id is msgspec.UNSET:
        raise InvalidRequest('A response needs an "id"')


def _check_sizes(message: Message) -> None:
    """Bound what is kept while a request runs and repeated in its answer."""
    if isinstance(message.id, float) or (isinstance(message.id, int) and abs(message.id) > MAX_INTEGER_ID):
        raise InvalidRequest('"id" must be a string, a 64-bit integer or null')
    if isinstance(message.id, str) and len(message.id) > MAX_NAME_LENGTH:
        raise InvalidRequest(f'"id" is longer than {MAX_NAME_LENGTH} characters')
    if isinstance(message.method, str) and len(message.method) > MAX_NAME_LENGTH:
        raise InvalidRequest(f'"method" is longer than {MAX_NAME_LENGTH} characters')


class _Key:
    """Stands for every key while the keys of an envelope are listed; one is enough, so that nothing is kept."""


_KEY: Final = _Key()


def _check_keys_once(text: bytes | msgspec.Raw, message: Message) -> None:
    """Refuse an envelope that has a key twice.

    Nearly always it is enough to count how often the keys stand outside the payload, and most often that is a short
    head before it.
    """
    params = message.params
    if (
        isinstance(params, msgspec.Raw)
        and (head := _USUAL_HEAD.match(text))
        and head.end() + memoryview(params).nbytes + 1 == memoryview(text).nbytes
    ):
        return  # a further key would have needed room
    whole, inside = memoryview(text).tobytes(), _payload(message)
    if inside and whole[-len(inside) - 1 : -1] == inside:
        whole, inside = whole[: -len(inside) - 1], b""
    if all(whole.count(key) - inside.count(key) <= 1 for key in _QUOTED_KEYS) and (
        whole.count(b"\\u00") == inside.count(b"\\u00")
    ):
        return
    seen: set[str] = set()

    def note(_: type, name: str) -> _Key:
        if name in seen:
            raise ValueError(f'"{name}" is given twice')
        if name in _KEYS:
            seen.add(name)
        return _KEY

    try:
        msgspec.json.decode(text, type=dict[_Key, msgspec.Raw], dec_hook=note)
    except msgspec.ValidationError as exc:
        raise InvalidRequest(f"Invalid request: {exc}") from exc


def _payload(message: Message) -> bytes:
    for part in (message.params, message.result):
        if isinstance(part, msgspec.Raw):
            return bytes(part)
    return b""


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
