"""Which addresses a host's name may lead to. Pure.

Who owns a name of the Internet's says what it leads to, and may say this machine, or one beside it, after its user has
granted requests to that name and to nothing else. What is only ever named by the local network itself may be there.
"""

import ipaddress
from typing import Final

_LOCAL: Final = ("localhost", "local", "internal", "lan", "home.arpa")
"""Domains that nobody can own on the Internet."""


def local(host: str) -> bool:
    """Whether a host is named as one of this machine or its network: by its address, or by a name nobody can own.

    Args:
        host: In small letters, without a dot at its end.
    """
    return "." not in host or _address(host) is not None or host.endswith(tuple(f".{domain}" for domain in _LOCAL))


def allowed(host: str, address: str) -> bool:
    """Whether a name may lead to an address.

    Args:
        host: In small letters, without a dot at its end.
        address: What it was resolved to.
    """
    found = _address(address)
    return local(host) or (found is not None and found.is_global and not found.is_multicast)


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Read an address; one of the old kind that is written as one of the new is the old one."""
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(found, ipaddress.IPv6Address):
        return found.ipv4_mapped or found.sixtofour or found
    return found
