"""Where a request of a plugin's may go, and what of it the daemon itself says. Pure."""

from typing import Final
from urllib.parse import urlsplit

from plugind.web import target as targets
from plugind.web.target import PORTS, Target
from plugind_protocol.errors import InvalidParams

OWN_HEADERS: Final = frozenset(
    {"host", "connection", "content-length", "transfer-encoding", "te", "trailer", "upgrade", "expect", "keep-alive"}
)
"""Headers that are the daemon's: they say to whom a message goes, and where it ends."""


def parse(url: str) -> Target:
    """Take a URL apart.

    Raises:
        InvalidParams: It is none, or none that is followed.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as exc:
        raise _refused("is not a URL") from exc
    if parts.scheme not in PORTS or not host:
        raise _refused("does not begin with https:// or http:// and a host")
    if "@" in parts.netloc:
        raise _refused("has a user name in it; send an authorization header in its place")
    if not host.isascii() or not host.isprintable() or " " in host:
        raise _refused("has a host name that is not ASCII; write it as xn--…")
    port = PORTS[parts.scheme] if port is None else port
    return Target(parts.scheme, host.lower().rstrip("."), port, targets.path(parts))


def headers(target: Target, given: dict[str, str], *, length: int, sends: bool) -> list[tuple[str, str]]:
    """Return the headers of a request: the plugin's, but for those that are the daemon's.

    Args:
        target: Where it goes.
        given: The plugin's.
        length: Of the body, in bytes.
        sends: Whether the method has a body, even an empty one.
    """
    kept = [(name, value) for name, value in given.items() if name.lower() not in OWN_HEADERS]
    names = {name.lower() for name, _ in kept}
    own = [("host", target.authority), ("connection", "close")]
    own += [("content-length", str(length))] if length or sends else []
    own += [("accept-encoding", "identity")] if "accept-encoding" not in names else []
    return [*own, *kept]


def _refused(problem: str) -> InvalidParams:
    return InvalidParams(f"the URL {problem}", hint="Give an http:// or https:// URL.", path="$.url")
