"""Where a URL leads, once it is known to be one that may be followed. Pure."""

from typing import Final
from urllib.parse import SplitResult, quote

import msgspec

PORTS: Final = {"http": 80, "https": 443}
_KEPT_IN_URLS: Final = "%/:=&?~#+!$,;'@()*[]"


class Target(msgspec.Struct, frozen=True):
    """Where a URL leads."""

    scheme: str
    host: str
    """In small letters."""
    port: int
    path: str
    """With its query."""

    @property
    def authority(self) -> str:
        """Host and port, as the header has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.path.partition('?')[0]}"  # a query may hold a secret


def path(parts: SplitResult) -> str:
    """Return path and query of a URL, as a request has them."""
    query = f"?{quote(parts.query, safe=_KEPT_IN_URLS)}" if parts.query else ""
    return quote(parts.path or "/", safe=_KEPT_IN_URLS) + query
