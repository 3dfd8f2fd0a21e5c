"""Envelopes: what is a message, what is not, and that nothing in between gets through."""

import json
import time
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugind_protocol import envelope
from plugind_protocol.envelope import Message
from plugind_protocol.errors import ErrorObject, InvalidRequest, ParseError, PlugindError, Timeout


def decode(text: str | bytes) -> Message:
    message = envelope.decode(text if isinstance(text, bytes) else text.encode())
    assert isinstance(message, Message)
    return message


def request(**fields: Any) -> str:
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": "m", **fields})


def test_a_request() -> None:
    message = decode('{"jsonrpc":"2.0","id":"a","method":"m","params":{"x": [1, 2]}}')
    assert (message.id, message.method, message.is_notification) == ("a", "m", False)
    assert isinstance(message.params, msgspec.Raw)
    assert bytes(message.params) == b'{"x": [1, 2]}'


def test_a_notification_has_no_id_at_all() -> None:
    assert decode('{"jsonrpc":"2.0","method":"m"}').is_notification
    assert not decode('{"jsonrpc":"2.0","method":"m","id":null}').is_notification


def test_unknown_members_are_left_alone() -> None:
    assert decode('{"jsonrpc":"2.0","method":"m","id":1,"trace":{"id":2,"method":"x"}}').method == "m"


def test_a_batch_is_handed_out_undecoded() -> None:
    for text in ('[{"jsonrpc":"2.0","method":"m"},1]', ' \r\n[{"jsonrpc":"2.0","method":"m"},1]'):
        members = envelope.decode(text.encode())
        assert isinstance(members, list)
        assert envelope.decode_member(members[0]).method == "m"
        with pytest.raises(InvalidRequest):
            envelope.decode_member(members[1])


REFUSED: dict[str, tuple[type[PlugindError], str]] = {
    "nothing": (ParseError, ""),
    "no JSON": (ParseError, "{"),
    "two texts": (ParseError, request() + request()),
    "trailing comma": (ParseError, '{"jsonrpc":"2.0","id":1,"method":"m",}'),
    "NaN": (ParseError, '{"jsonrpc":"2.0","id":1,"method":"m","params":[NaN]}'),
    "Infinity": (ParseError, '{"jsonrpc":"2.0","id":1,"method":"m","params":[-Infinity]}'),
    "control character": (ParseError, '{"jsonrpc":"2.0","id":1,"method":"m","params":["\n"]}'),
    "byte order mark": (ParseError, "\ufeff" + request()),
    "nested too deep": (ParseError, request(params=json.loads("[" * 128 + "]" * 128))),
    "lone surrogate": (ParseError, request(params=["\ud800"])),
    "endless number": (ParseError, '{"jsonrpc":"2.0","id":1,"method":"m","params":[' + "1" * 5000 + "]}"),
    "endless id": (ParseError, '{"jsonrpc":"2.0","id":' + "1" * 5000 + ',"method":"m"}'),
    "empty batch": (InvalidRequest, "[]"),
    "number": (InvalidRequest, "1"),
    "text": (InvalidRequest, '"m"'),
    "null": (InvalidRequest, "null"),
    "version 1.0": (InvalidRequest, request(jsonrpc="1.0")),
    "version as a number": (InvalidRequest, request(jsonrpc=2.0)),
    "no version": (InvalidRequest, '{"id":1,"method":"m"}'),
    "neither method nor result": (InvalidRequest, '{"jsonrpc":"2.0","id":1}'),
    "method and result": (InvalidRequest, request(result=1)),
    "result and error": (InvalidRequest, '{"jsonrpc":"2.0","id":1,"result":1,"error":{"code":1,"message":""}}'),
    "result without id": (InvalidRequest, '{"jsonrpc":"2.0","result":1}'),
    "error without id": (InvalidRequest, '{"jsonrpc":"2.0","error":{"code":1,"message":""}}'),
    "error without code": (InvalidRequest, '{"jsonrpc":"2.0","id":1,"error":{"message":""}}'),
    "error as text": (InvalidRequest, '{"jsonrpc":"2.0","id":1,"error":"x"}'),
    "endless float in an error": (
        InvalidRequest,
        '{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"","data":1e999}}',
    ),
    "method as a number": (InvalidRequest, request(method=1)),
    "method as null": (InvalidRequest, request(method=None)),
    "method of 1 MB": (InvalidRequest, request(method="m" * (1 << 20))),
    "id true": (InvalidRequest, request(id=True)),
    "id list": (InvalidRequest, request(id=[])),
    "id object": (InvalidRequest, request(id={})),
    "id fraction": (InvalidRequest, request(id=1.5)),
    "id 1.0": (InvalidRequest, request(id=1.0)),
    "id over 64 bit": (InvalidRequest, request(id=2**63)),
    "id under 64 bit": (InvalidRequest, request(id=-(2**64))),
    "id of 1 MB": (InvalidRequest, request(id="m" * (1 << 20))),
}


@pytest.mark.parametrize(("error", "text"), REFUSED.values(), ids=REFUSED.keys())
def test_refused(error: type[PlugindError], text: str) -> None:
    with pytest.raises(error) as caught:
        decode(text)
    assert type(caught.value) is error
    assert len(caught.value.message) < 300


def test_not_utf8_is_refused_even_where_nothing_is_decoded() -> None:
    with pytest.raises(ParseError, match="UTF-8"):
        decode(b'{"jsonrpc":"2.0","id":1,"method":"m","params":["\xff"]}')


@pytest.mark.parametrize("value", [0, -1, 2**63 - 1, -(2**63 - 1), "", "a", "x" * 1024, "é😀", None])
def test_ids_come_back_as_they_were(value: Any) -> None:
    assert decode(request(id=value)).id == value
    assert decode(envelope.encode_result(value, 1)).id == value


DOUBLED = [
    '{"jsonrpc":"2.0","id":1,"method":"m","id":2}',
    '{"jsonrpc":"2.0","id":1,"method":"m","id":1}',
    '{"jsonrpc":"2.0","jsonrpc":"2.0","id":1,"method":"m"}',
    '{"jsonrpc":"2.0","id":1,"method":"m","method":"n","params":{}}',
    '{"jsonrpc":"2.0","id":1,"method":"m","params":{},"params":{"id":1}}',
    '{"jsonrpc":"2.0","id":1,"method":"m","params":{"id":1},"params":{}}',
    '{"jsonrpc":"2.0","id":1,"method":"m","i\\u0064":2}',
    '{"jsonrpc":"2.0","i\\u0064":1,"method":"m","i\\u0064":2}',
    '{"jsonrpc":"2.0","\\u0069\\u0064":1,"method":"m","params":{},"id":2}',
    '{"jsonrpc":"2.0","id":1,"method":"m","\\u0070arams":{"a":1},"params":{"a":1}}',
    '{"jsonrpc":"2.0","id":1,"result":1,"result":2}',
    '{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":""},"error":{"code":2,"message":""}}',
    '{"jsonrpc":"2.0","id":1,"id":2,"method":"m","params":{"id":1}}',
    '{"jsonrpc":"2.0","id":1,"id" : 2,"method":"m","params":{"id":1} }',
]


@pytest.mark.parametrize("text", DOUBLED)
def test_no_key_of_the_envelope_twice(text: str) -> None:
    with pytest.raises(InvalidRequest, match="given twice"):
        decode(text)


@pytest.mark.parametrize(
    "text",
    [
        '{"jsonrpc":"2.0","id":"id","method":"id","params":{"id":{"id":1,"params":2},"result":1}}',
        '{"jsonrpc":"2.0","params":{"id":1,"method":2},"method":"params","id":"method"}',
        '{"jsonrpc":"2.0","id":1,"result":[{"id":1},{"id":2}]}',
        '{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"id","data":{"id":1,"error":2}}}',
        '{"jsonrpc":"2.0","id":"\\u0069d","method":"m\\u0061"}',
        '{"jsonrpc":"2.0","id":1,"method":"m","params":{"\\u0069d":1,"id":2}}',
    ],
)
def test_the_same_words_elsewhere_are_nobodys_business(text: str) -> None:
    decode(text)


KEYS = ["id", "i\\u0064", "method", "params", "jsonrpc", "x", "y"]
VALUES = {"id": "1", "i\\u0064": "1", "method": '"id"', "params": '{"id":1,"method":"params"}', "jsonrpc": '"2.0"'}


@given(extra=st.lists(st.sampled_from(KEYS), max_size=3), order=st.randoms())
def test_doubled_keys_are_found_in_any_order(extra: list[str], order: Any) -> None:
    keys = ["jsonrpc", "method", "id", "params", *extra]
    order.shuffle(keys)
    text = "{" + ",".join(f'"{key}":{VALUES.get(key, "[]")}' for key in keys) + "}"
    names = [json.loads(f'"{key}"') for key in extra]
    if set(names) - {"x", "y"}:
        with pytest.raises(InvalidRequest, match="given twice"):
            decode(text)
    else:
        assert decode(text).method == "id"


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=10,
)


@given(
    request_id=st.integers(-(2**63) + 1, 2**63 - 1) | st.text(max_size=20) | st.none(),
    method=st.text(max_size=20),
    params=JSON,
)
def test_what_is_encoded_is_decoded(request_id: Any, method: str, params: Any) -> None:
    message = decode(envelope.encode_request(request_id, method, params))
    assert (message.id, message.method) == (request_id, method)
    assert isinstance(message.params, msgspec.Raw)
    assert json.loads(bytes(message.params)) == params
    assert decode(envelope.encode_notification(method, params)).is_notification
    answer = decode(envelope.encode_result(request_id, msgspec.Raw(json.dumps(params).encode())))
    assert isinstance(answer.result, msgspec.Raw)
    assert json.loads(bytes(answer.result)) == params


@pytest.mark.threat("Fuzzing", "envelopes")
@given(
    text=st.binary(max_size=60)
    | st.text(st.sampled_from('{}[]",:\\u0dc1.eE-+ntrfalsu "jsonrpcidmethod2'), max_size=60).map(str.encode)
)
def test_any_bytes_are_a_message_or_one_of_two_errors(text: bytes) -> None:
    try:
        decoded = envelope.decode(text)
    except (ParseError, InvalidRequest):
        return
    json.loads(text.decode())
    assert isinstance(decoded, (Message, list))


@given(params=st.text(st.sampled_from('{}[]",:\\u0dc1.eE-+ntrfalsu '), max_size=30))
def test_undecoded_parts_are_json_exactly_when_a_parser_says_so(params: str) -> None:
    def strict(name: str) -> Any:
        raise ValueError(name)

    text = '{"jsonrpc":"2.0","id":1,"method":"m","params":' + params + "}"
    try:
        value = json.loads(text, parse_constant=strict)
        valid = set(value) == {"jsonrpc", "id", "method", "params"}
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, UnicodeEncodeError):
        valid = False
    try:
        decode(text)
    except (ParseError, InvalidRequest):
        assert not valid
    else:
        assert valid or text.count('"') > 14  # a further member may have come about


def test_an_error_crosses_the_wire() -> None:
    error = Timeout("p 1.0.0 did not answer", plugin_id="p", version="1.0.0", cause="timeout")
    message = decode(envelope.encode_error(7, error.to_object()))
    assert isinstance(message.error, ErrorObject)
    assert message.error.code == -32005
    assert message.error.data == {
        "kind": "Timeout",
        "hint": Timeout.default_hint,
        "pluginId": "p",
        "version": "1.0.0",
        "cause": "timeout",
    }


def test_many_keys_with_one_twice_take_linear_time() -> None:
    names = ",".join(f'"{number:x}":0' for number in range(300_000))
    began = time.process_time()
    with pytest.raises(InvalidRequest):
        decode(f'{{"jsonrpc":"2.0","id":1,"method":"m",{names},"id":2}}')
    decode(f'{{"jsonrpc":"2.0","id":1,"method":"m","params":{{"id":1}},{names},"x":{{"id":1}}}}')
    assert time.process_time() - began < 5  # by the square it would be an hour


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ('{"jsonrpc":"2.0","id":1,"method":"a.b","params":{"x":"}"}}', (b"1", b"a.b", b'{"x":"}"}')),
        ('{"jsonrpc": "2.0", "id": "r-1", "method": "$/a", "params": { } }', (b'"r-1"', b"$/a", b"{ } ")),
        ('{"jsonrpc":"2.0","id":01,"method":"a","params":{}}', None),
        ('{"jsonrpc":"2.0","id":-1,"method":"a","params":{}}', None),
        ('{"jsonrpc":"2.0","id":1.0,"method":"a","params":{}}', None),
        ('{"jsonrpc":"2.0","id":9999999999999999999,"method":"a","params":{}}', None),
        ('{"jsonrpc":"2.0","id":"\\u0061","method":"a","params":{}}', None),
        ('{"jsonrpc":"2.0","method":"a","params":{}}', None),
        ('{"jsonrpc":"2.0","id":1,"method":"a","params":[]}', None),
        ('{"jsonrpc":"1.0","id":1,"method":"a","params":{}}', None),
        ('{"id":1,"jsonrpc":"2.0","method":"a","params":{}}', None),
        ('{"jsonrpc":"2.0","id":1,"method":"a","params":{}} ', None),
    ],
)
def test_the_usual_form_is_split_and_others_are_not(text: str, parts: tuple[bytes, bytes, bytes] | None) -> None:
    assert envelope.usual(text.encode()) == parts


USUAL = '{"jsonrpc":"2.0","id":1,"method":"m","params":'


@pytest.mark.threat("Fuzzing", "envelopes")
@given(rest=st.text(st.sampled_from('{}[]",: id1method'), max_size=30) | st.sampled_from(DOUBLED))
def test_what_is_split_and_decoded_is_what_the_decoder_says(rest: str) -> None:
    for text in (USUAL + rest, USUAL + "{" + rest, USUAL + '{"a":1},' + rest.lstrip("{"), USUAL + '{"a":1}' + rest):
        parts = envelope.usual(text.encode())
        if parts is None:
            continue
        try:
            params = msgspec.json.decode(parts[2], type=dict[str, msgspec.Raw])
        except msgspec.DecodeError:
            continue  # whoever split it leaves it to the decoder, then
        message = decode(text)
        assert (message.id, message.method) == (1, "m")
        assert isinstance(message.params, msgspec.Raw)
        assert msgspec.json.decode(message.params, type=dict[str, msgspec.Raw]) == params
