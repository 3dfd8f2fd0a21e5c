"""How large a package and what is in it may be, in one place; writing and reading go by the same."""

from typing import Final

import msgspec


class Caps(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds of a package."""

    package_bytes: int = 528 * 1024 * 1024
    """Of the file itself."""
    total_bytes: int = 512 * 1024 * 1024
    """Of all files together, unpacked."""
    module_bytes: int = 64 * 1024 * 1024
    """Of the module."""
    entries: int = 10_000
    """Files and folders."""
    directory_bytes: int = 16 * 1024 * 1024
    """Of the directory at the end."""
    ratio: int = 200
    """How many times its packed size a file may become, once it is larger than ``free_bytes``."""
    free_bytes: int = 1024 * 1024
    """What a file may become whatever its packed size: a page of zeros is no bomb."""
    path_bytes: int = 512
    """Of a file's path inside the package, in UTF-8."""
    name_bytes: int = 255
    """Of each name in a path, in UTF-8: what common file systems take."""
    depth: int = 32
    """Names in a path."""


CAPS: Final = Caps()
"""What holds everywhere."""
