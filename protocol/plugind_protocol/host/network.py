"""``network.*``: HTTP for plugins, by the daemon; a plugin's own process can open no connection."""

from typing import Annotated, Final, Literal

from msgspec import Meta

from plugind_protocol.table import Example, HostMethod, Params, Struct

NAMESPACE: Final = "network"

MAX_HEADERS: Final = 100
"""Of a request."""

HeaderName = Annotated[str, Meta(min_length=1, max_length=256, pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")]
HeaderValue = Annotated[str, Meta(max_length=8192, pattern=r"^[\t\x20-\x7e\x80-\xff]*$")]


class HttpRequest(Params, frozen=True):
    """One request."""

    url: Annotated[str, Meta(min_length=1, max_length=8192)]
    """``https://…`` or ``http://…``. The permission's scope is matched with its host."""
    method: Annotated[str, Meta(min_length=1, max_length=20, pattern=r"^[A-Z]+$")] = "GET"
    """In capitals."""
    headers: Annotated[dict[HeaderName, HeaderValue], Meta(max_length=MAX_HEADERS)] = {}
    """By name. Those that say where a message ends, or to whom it goes, are the daemon's."""
    body: str = ""
    """What is sent."""
    encoding: Literal["utf8", "base64"] = "utf8"
    """How ``body`` is written."""


class HttpResponse(Struct, frozen=True, omit_defaults=False):
    """The answer, whatever its status; where it leads elsewhere, that is the plugin's to follow."""

    status: int
    """As HTTP has it: 200 and the like."""
    headers: dict[str, str]
    """By name in small letters; several of one name are joined by ``, ``."""
    body: str
    """What came."""
    encoding: Literal["utf8", "base64"]
    """How ``body`` is written: ``utf8`` where it is that."""


METHODS: Final = (
    HostMethod(
        "network.request",
        HttpRequest,
        HttpResponse,
        "Make an HTTP request; redirects are answered, not followed.",
        permission="network",
        provider="daemon",
        errors=("TooLarge", "Timeout"),
        example=Example(
            {"url": "https://api.acme.example/luts?kind=film", "headers": {"accept": "application/json"}},
            {"status": 200, "headers": {"content-type": "application/json"}, "body": "[]", "encoding": "utf8"},
        ),
    ),
)
