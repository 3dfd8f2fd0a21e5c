"""What is taken out of payloads and words, and what is left alone."""

import hashlib
import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugind.policy.redact import Redactor
from plugind_protocol.capsule import REDACTED

KEEP = 4096
SECRET = "hunter2-Zq81"


@pytest.fixture
def redactor() -> Redactor:
    return Redactor(["license*"], homes=["/home/alice", "/"])


def kept(redactor: Redactor, text: str | bytes, keep: int = KEEP) -> str:
    return redactor.payload(text.encode() if isinstance(text, str) else text, keep=keep).text


@pytest.mark.parametrize(
    "key",
    [
        "token", "accessToken", "refresh_token", "TOKENS", "password", "userPassword", "passwd", "passphrase", "secret",
        "client-secret", "key", "api_key", "apikey", "x-api-key", "privateKey", "authorization", "Authorisation",
        "Proxy-Authorization", "cookie", "Set-Cookie", "credential", "credentials", "pwd", "auth", "session", "jwt",
        "License_No",
    ],
)  # fmt: skip
def test_keys_of_secrets(redactor: Redactor, key: str) -> None:
    text = json.dumps({"before": 1.50, key: SECRET, "after": [key]})
    assert json.loads(kept(redactor, text)) == {"before": 1.50, key: REDACTED, "after": [key]}


@pytest.mark.parametrize("key", ["keyFrames", "keyboard", "monkey", "passes", "author", "compass", "pinned", "radius"])
def test_keys_of_other_things(redactor: Redactor, key: str) -> None:
    text = '{ "' + key + '" : 1.50 }'
    payload = redactor.payload(text.encode(), keep=KEEP)
    assert (payload.text, payload.whole, payload.size) == (text, True, len(text))


@pytest.mark.parametrize("value", [SECRET, 12.5, None, [SECRET, {"a": SECRET}], {"deep": [[{"x": SECRET}]]}])
def test_values_of_every_kind(redactor: Redactor, value: Any) -> None:
    assert json.loads(kept(redactor, json.dumps({"a": [{"secret": value}, 2]}))) == {"a": [{"secret": REDACTED}, 2]}


@pytest.mark.parametrize(
    "text",
    [
        r'{"pass\u0077ord": "%s"}',
        r'{"token": 1, "token": "%s"}',
        r'{"a": {"token": "%s"}, "a": 1}',
        r'{"text": "{\"token\": \"%s\"}"}',
        r'{"text": "{\"a\": \"{\\\"token\\\": \\\"%s\\\"}\"}"}',
        r'{"url": "https://example.com/?access_token=%s&b=1"}',
        r'{"url": "https://user:%s@example.com/"}',
        r'{"header": "Authorization: Bearer %s"}',
        r'{"header": "x: Bearer %s=="}',
        r'{"token" : "%s',
        '{"token":\n\t"%s"',
        r'{"token":["x","%s"',
        "password=%s",
        "password: '%s'",
        "curl --token=%s",
        '["no object", {"cookie": "a=%s"}]',
        r'{"pem": "-----BEGIN RSA PRIVATE KEY-----\n%s\n-----END RSA PRIVATE KEY-----"}',
    ],
)
def test_wherever_it_is_hidden(redactor: Redactor, text: str) -> None:
    payload = redactor.payload((text % SECRET).encode(), keep=KEEP)
    assert SECRET not in payload.text
    assert REDACTED in payload.text
    assert payload.redacted
    assert payload.sha256 is None  # a hash of a text with one unknown word is that word


def test_what_was_found_is_found_again_elsewhere(redactor: Redactor) -> None:
    first = redactor.payload(json.dumps({"note": f"it is {SECRET}", "n": 1}).encode(), keep=KEEP)
    assert SECRET in first.text
    kept(redactor, json.dumps({"token": SECRET, "tokens": ['with "quotes"']}))
    again = redactor.scrubbed(first)
    assert json.loads(again.text) == {"note": f"it is {REDACTED}", "n": 1}
    assert again.redacted
    assert redactor.scrub(f"connecting with {SECRET}") == f"connecting with {REDACTED}"
    assert redactor.scrub(json.dumps('with "quotes"')) == f'"{REDACTED}"'


def test_a_word_under_a_doubtful_key_is_not_hunted(redactor: Redactor) -> None:
    kept(redactor, '{"key": "opacity", "session": "a1b2c3d4e5f6g7h8"}')
    assert redactor.scrub("opacity of a1b2c3d4e5f6g7h8") == f"opacity of {REDACTED}"


def test_all_of_it(redactor: Redactor) -> None:
    payload = redactor.payload(json.dumps({"name": "n", "value": SECRET}).encode(), keep=KEEP, hide=True)
    assert (payload.text, payload.redacted, payload.sha256) == ("", True, None)
    assert redactor.scrub(SECRET) == REDACTED


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ('{"path":"/home/alice/clip.mp4"}', '{"path":"~/clip.mp4"}'),
        (r'{"path":"\/home\/alice\/clip.mp4"}', '{"path":"~/clip.mp4"}'),
        ('{"/home/alice":1,"b":["/home/alice"]}', '{"~":1,"b":["~"]}'),
        (
            '{"path":"file:///home/alice/a /home/alicia /home/alice2"}',
            '{"path":"file://~/a /home/alicia /home/alice2"}',
        ),
    ],
)
def test_home_folders(redactor: Redactor, text: str, clean: str) -> None:
    payload = redactor.payload(text.encode(), keep=KEEP)
    assert (payload.text, payload.redacted) == (clean, True)


def test_a_long_text_is_cut_and_told_by_its_hash(redactor: Redactor) -> None:
    text = b'"' + b"x" * 100_000 + b'"'
    payload = redactor.payload(text, keep=100)
    assert payload.text.encode() == text[:100]
    assert (payload.size, payload.cut, payload.redacted) == (len(text), True, False)
    assert payload.sha256 == hashlib.sha256(text).hexdigest()
    beginning = redactor.payload(text[:200], keep=100, size=len(text))
    assert (beginning.text, beginning.size, beginning.sha256) == (payload.text, payload.size, None)


@pytest.mark.parametrize("at", range(60, 140))
def test_the_cut_shows_no_part_of_a_secret(redactor: Redactor, at: int) -> None:
    text = json.dumps({"a": "y" * 50, "token": SECRET, "path": "/home/alice/x", "b": "z" * 1000})
    clean = kept(redactor, text, keep=at)
    assert SECRET[:3] not in clean
    assert "/home" not in clean


@pytest.mark.parametrize("keep", range(1, 9))
def test_the_cut_may_go_through_a_character(redactor: Redactor, keep: int) -> None:
    assert '"ääää"'.startswith(kept(redactor, '"ääää"', keep=keep))
    assert redactor.payload("ä".encode() * 10, keep=3, size=10_000).text == "ä"


@pytest.mark.parametrize("data", [b"\xff\xfe\x00", b'{"a":"\xe4"}'])
def test_what_is_no_text_is_not_kept(redactor: Redactor, data: bytes) -> None:
    payload = redactor.payload(data, keep=KEEP)
    assert (payload.text, payload.redacted, payload.size) == ("", True, len(data))


@pytest.mark.parametrize(
    "text",
    ["login with password: %s", 'token="%s b" done', "cookie=a=%s;", "the token => %s", "auth: Basic %s"],
)
def test_words(redactor: Redactor, text: str) -> None:
    assert SECRET not in redactor.text(text % SECRET)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_characters=":=/")), inner),
        max_leaves=20,
    )
)
def test_what_is_left_is_json(value: Any) -> None:
    for text in (json.dumps(value), json.dumps({"password": value, "rest": [value]}, ensure_ascii=False)):
        try:
            data = text.encode()
        except UnicodeEncodeError:  # a lone surrogate
            continue
        clean = Redactor(homes=["/home/alice"]).payload(data, keep=1 << 20)
        json.loads(clean.text)


@given(st.text(alphabet=st.sampled_from('{}[]:,"\\ab/=-\n token')), st.integers(1, 50))
def test_any_text_ends(text: str, keep: int) -> None:
    payload = Redactor(homes=["/home/alice"]).payload(text.encode(), keep=keep)
    assert len(payload.text.encode()) <= keep


@pytest.mark.parametrize(
    "unit",
    ['"', "\\", "{", "[", '{"token":', "token=", "a", '\\"', "a.", '"a":', "://a:", "-----BEGIN PRIVATE KEY-----"],
)
def test_hostile_texts_cost_little(redactor: Redactor, unit: str) -> None:
    data = (unit * (65536 // len(unit) + 1)).encode()
    began = time.process_time()
    redactor.payload(data, keep=65536)
    assert time.process_time() - began < 2  # quadratic would be minutes
