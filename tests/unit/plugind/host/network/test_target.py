import pytest

from plugind.host.network import target as targets
from plugind_protocol.errors import InvalidParams


@pytest.mark.parametrize(
    ("url", "shown", "path"),
    [
        ("https://example.com", "https://example.com/", "/"),
        ("http://Example.COM:8080/a b?q=ü#part", "http://example.com:8080/a%20b", "/a%20b?q=%C3%BC"),
        ("https://example.com.:443/x", "https://example.com/x", "/x"),
        ("http://[::1]:80/", "http://[::1]/", "/"),
    ],
)
def test_urls_are_taken_apart_and_shown_without_their_query(url: str, shown: str, path: str) -> None:
    target = targets.parse(url)
    assert str(target) == shown
    assert target.path == path


@pytest.mark.threat("Network", "request that smuggles another")
@pytest.mark.parametrize(
    "url",
    ["", "example.com", "ftp://example.com", "file:///etc/passwd", "https://", "https://u:p@example.com", "https://ü.de",
     "http://exa mple.com", "http://example.com:99999999", "http://[::1"],
)  # fmt: skip
def test_urls_that_are_not_followed_are_refused(url: str) -> None:
    with pytest.raises(InvalidParams) as caught:
        targets.parse(url)
    assert caught.value.data.path == "$.url"


@pytest.mark.threat("Network", "request that smuggles another")
def test_headers_that_frame_the_message_are_the_daemons() -> None:
    target = targets.parse("http://example.com:8080/")
    given = {"Host": "other", "Transfer-Encoding": "chunked", "content-length": "5", "X-Mine": "1", "connection": "x"}
    headers = targets.headers(target, given, length=3, sends=True)
    assert headers == [
        ("host", "example.com:8080"),
        ("connection", "close"),
        ("content-length", "3"),
        ("accept-encoding", "identity"),
        ("X-Mine", "1"),
    ]
    assert ("content-length", "0") in targets.headers(target, {}, length=0, sends=True)
    assert all(name != "content-length" for name, _ in targets.headers(target, {}, length=0, sends=False))
