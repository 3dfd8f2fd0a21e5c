import pytest

from plugind_worker import payload


@pytest.mark.parametrize("text", [b"null", b'{"a":[1,2.5,"\xc3\xa9"]}', b" 1 ", '"😀"'.encode()])
def test_json_passes_as_it_is(text: bytes) -> None:
    assert payload.check(text) == text


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"NaN",
        b"Infinity",
        b"1 2",
        b"'a'",
        b"[1,]",
        b'"\xff"',
        b'"\xed\xa0\x80"',
        b'"a\nb"',
        b"[" * 200_000,
        b"\0",
    ],
)
def test_what_is_no_json_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        payload.check(data)


def test_line_breaks_between_tokens_become_blanks() -> None:
    assert payload.check(b'{\r\n "a":\n1}') == b'{   "a": 1}'


def test_decoding_what_is_nested_too_deeply_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="deep"):
        payload.decode(b"[" * 200_000)
