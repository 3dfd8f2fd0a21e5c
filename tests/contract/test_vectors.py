"""The golden vectors that need no daemon: what `plugind_protocol` makes of bytes."""

import json
from typing import Any

import msgspec
import pytest
from tests.contract.replay import fits, load, spell

from plugind_protocol import envelope
from plugind_protocol.envelope import Message
from plugind_protocol.errors import BY_CODE, ErrorObject, PlugindError, from_object
from plugind_protocol.framing import Decoder, FramingError, Oversized


def named(name: str) -> Any:
    cases = load(name)
    names = [case["name"] for case in cases]
    assert len(names) == len(set(names)), f"{name} has a name twice"
    return pytest.mark.parametrize("case", cases, ids=names)


@named("framing.json")
@pytest.mark.parametrize("step", [1, 5, 1 << 20])
def test_framing(case: dict[str, Any], step: int) -> None:
    stream = spell(case["in"])
    decoder = Decoder(max_message=case.get("max", 16 << 20))
    out: list[bytes | Oversized] = []

    def feed() -> None:
        for start in range(0, len(stream), step):
            out.extend(decoder.feed(stream[start : start + step]))

    if case.get("error"):
        with pytest.raises(FramingError):
            feed()
        return
    feed()
    expected = [one["oversized"] if "oversized" in one else spell(one) for one in case["out"]]
    assert [one.size if isinstance(one, Oversized) else one for one in out] == expected


def described(text: bytes | msgspec.Raw, *, member: bool = False) -> Any:
    """Return what a text is, in the words of the vectors."""
    try:
        message = envelope.decode_member(text) if member else envelope.decode(bytes(text))
    except PlugindError as exc:
        return {"error": exc.code}
    if isinstance(message, list):
        return [described(one, member=True) for one in message]
    assert isinstance(message, Message)
    members = json.loads(msgspec.json.encode(message))
    return {name: value for name, value in members.items() if name != "jsonrpc"}


@named("envelope.json")
def test_envelopes(case: dict[str, Any]) -> None:
    actual = described(spell(case["in"]))
    if isinstance(case["out"], dict) and "params" not in case["out"]:
        actual.pop("params", None)
    assert actual == case["out"]


@named("errors.json")
def test_errors(case: dict[str, Any]) -> None:
    wire = msgspec.convert(case["wire"], ErrorObject)
    error = from_object(wire)
    assert type(error) is BY_CODE[wire.code]
    assert type(error).__name__ == case["name"] == error.data.kind
    assert json.loads(msgspec.json.encode(error.to_object())) == case["wire"]


def test_every_error_has_its_vector() -> None:
    assert {case["wire"]["code"] for case in load("errors.json")} == set(BY_CODE)


def test_exchanges_have_names_of_their_own_and_parts_that_can_be_spelt() -> None:
    exchanges = load("exchanges.json")
    assert len({exchange["name"] for exchange in exchanges}) == len(exchanges) > 50
    for exchange in exchanges:
        for step in exchange["steps"]:
            for body in step["send"] if step.get("each") else [step.get("send", step.get("raw"))]:
                spell(body)


@pytest.mark.parametrize(
    ("expected", "actual", "fit"),
    [
        ({"a": 1}, {"a": 1, "b": 2}, True),
        ({"a": 1}, {"a": 2}, False),
        ({"a": None}, {}, False),
        ({"id": 1}, {"id": True}, False),
        ([1, 2], [2, 1], True),
        ([1, 1], [1, 2], False),
        ([1], [1, 2], False),
        ({}, [], False),
        ({"id": 7, "error": {"code": -32800}}, {"id": 7, "result": 1}, False),
    ],
)
def test_answers_are_compared_by_what_is_named(expected: Any, actual: Any, *, fit: bool) -> None:
    assert fits(expected, actual) is fit
