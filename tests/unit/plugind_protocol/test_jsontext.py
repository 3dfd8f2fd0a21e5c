"""Checks on JSON text: what a plain parser finds by building everything, found without building anything."""

import json
import time
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from plugind_protocol import jsontext
from plugind_protocol.errors import ParseError

MIB = 1 << 20
LIMIT = 4

STRINGS = st.text(st.sampled_from('ab[]{}"\\,:\u00e9\U0001f600\n1'), max_size=6)
VALUES = st.recursive(
    st.none() | st.integers() | STRINGS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(STRINGS, inner, max_size=3),
    max_leaves=30,
)


def depth(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max(map(depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(depth, value), default=0)
    return 0


def accepts(text: bytes, **options: int) -> bool:
    try:
        jsontext.check(text, **options)
    except ParseError:
        return False
    return True


@given(value=VALUES, ascii_only=st.booleans())
@example(value=[[[["]"]]]], ascii_only=True)
@example(value=[[[[["["]]]]], ascii_only=True)
@example(value=[[], [[]], [[[]]], [[[[]]]], [[[[[]]]]]], ascii_only=True)
@example(value=["[" * 50, "]"], ascii_only=True)
@example(value=['\\"[[[[[', "\\\\"], ascii_only=True)
def test_depth_is_what_a_parser_finds(value: Any, *, ascii_only: bool) -> None:
    for separators in ((",", ":"), (" , ", " :\n")):
        text = json.dumps(value, ensure_ascii=ascii_only, separators=separators).encode()
        assert accepts(text, max_nesting=LIMIT) == (depth(value) <= LIMIT)


@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_the_limit_itself_passes(opening: str) -> None:
    closing = "]" if opening == "[" else "}"
    for levels, accepted in ((128, True), (129, False), (10_000, False)):
        assert accepts((opening * levels + "0" + closing * levels).encode()) is accepted
        padded = "[" + "[]," * 500 + '"]]",' + opening * (levels - 1) + "0" + closing * (levels - 1) + "]"
        assert accepts(padded.encode()) is accepted


def test_what_stands_side_by_side_is_not_deep() -> None:
    chain = "[" * 100 + "]" * 100
    assert accepts(f"[{chain},{chain},{chain}]".encode())
    assert not accepts(f"[{chain},{'[' * 128}{']' * 128},{chain}]".encode())


@given(
    units=st.lists(
        st.sampled_from(["d83d", "DBFF", "dc00", "DfFf", "0041", "d7ff", "e000", "x", "\\", '"', "\\ud"]), max_size=6
    )
)
@example(units=["d83d", "\\", "dc00"])
@example(units=["\\", "d83d"])
def test_surrogates_need_their_pair(units: list[str]) -> None:
    literal = (
        '"'
        + "".join({"x": "x", "\\": "\\\\", '"': '\\"', "\\ud": "\\\\ud"}.get(unit, f"\\u{unit}") for unit in units)
        + '"'
    )
    try:
        json.loads(literal).encode()
        paired = True
    except UnicodeEncodeError:
        paired = False
    assert accepts(f'{{"a":{literal}}}'.encode()) is paired


@pytest.mark.parametrize(
    "bad", [b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82", b"\x80"], ids=bytes.hex
)
def test_utf8_everywhere(bad: bytes) -> None:
    assert not accepts(b'{"params":["' + bad + b'"]}')
    assert accepts('{"params":["é😀"]}'.encode())


@pytest.mark.parametrize(
    ("text", "accepted"),
    [
        (b"[" + b"9" * 1000 + b"]", True),
        (b"[" + b"9" * 1001 + b"]", False),
        (b"[-0." + b"1" * 5000 + b"]", False),
        (b"[1e" + b"1" * 5000 + b"]", False),
        (b'["' + b"1" * 5000 + b'"]', True),
        (b'["\\"",' + b"1" * 5000 + b"]", False),
        (b'["\\\\","' + b"1" * 5000 + b'",2]', True),
        (b'["' + b"1" * 5000 + b'",' + b"1" * 5000 + b"]", False),
        (b'["' + b"1" * 5000 + b'","' + b"2" * 5000 + b'"]', True),
        (b"[" + b"1," * 5000 + b"1]", True),
        (b'["' + b"1" * 5000, True),  # no JSON; somebody else's to say
    ],
)
def test_numbers_end(text: bytes, *, accepted: bool) -> None:
    assert accepts(text) is accepted


@pytest.mark.parametrize("at", range(0, 1001, 77))
def test_an_endless_number_is_found_wherever_it_stands(at: int) -> None:
    assert not accepts(b"[" + b" " * at + b"7" * 1001 + b"]")


HOSTILE = {
    "short strings": b"[" + b'"",' * MIB + b"0]",
    "brackets in strings": b"[" + b'"[",' * MIB + b"0]",
    "quotes without end": b'"' + b'\\"' * (2 * MIB),
    "quotes without end, many brackets": b'"' + b'\\"' * MIB + b"[" * 1000,
    "backslashes": b'["' + b"\\" * (4 * MIB) + b'"' + b"]" * 200,
    "chains at the limit": b"[" + (b"[" * 120 + b"]" * 120 + b",") * (MIB // 60) + b"0]",
    "peeling in vain": b"[" + b'[[[[[[[["]"]]]]]]]],' * (MIB // 6) + b"0]",
    "pairs": b"[" + b'"\\ud83d\\ude00",' * (MIB // 4) + b"0]",
    "digits in strings": b"[" + (b'"' + b"1" * 1001 + b'",') * 4000 + b"0]",
    "deep": b"[" * (4 * MIB),
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_text_takes_linear_time(text: bytes) -> None:
    began = time.process_time()
    accepts(text)
    assert time.process_time() - began < 3  # some 0.1 s each; by the square it would be hours
