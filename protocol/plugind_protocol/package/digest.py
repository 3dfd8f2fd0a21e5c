"""The hash of a plugin: of what is in it, so that its folder and each of its packages have the same."""

import hashlib
from collections.abc import Mapping
from pathlib import Path


def combine(hashes: Mapping[str, str]) -> str:
    """Return the hash of a plugin.

    Args:
        hashes: Path of each of its files → SHA-256 of its contents, hex.

    Returns:
        SHA-256, 64 hex digits.
    """
    total = hashlib.sha256()
    for name in sorted(hashes):
        total.update(f"{name}\0{hashes[name]}\n".encode())
    return total.hexdigest()


def of_files(files: Mapping[str, Path]) -> str:
    """Return the hash of a plugin whose files are there.

    Args:
        files: Path inside the plugin → the file.

    Raises:
        OSError: One cannot be read.
    """
    hashes = {}
    for name, path in files.items():
        with path.open("rb") as stream:
            hashes[name] = hashlib.file_digest(stream, "sha256").hexdigest()
    return combine(hashes)
