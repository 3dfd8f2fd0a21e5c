"""``plugins.lock``: exactly which plugins a project works with, as a file to keep with it. Pure: values and text.

JSON of one form: the same plugins make the same bytes. Sources below the file's folder are written relative to it, so
that a project can be moved; an address that carries a secret is left out. There are no grants in it: a lock may come
from somebody else.
"""

import json
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from plugind_protocol import ranges
from plugind_protocol.dependencies import LockedPlugin
from plugind_protocol.errors import PackageInvalid
from plugind_protocol.manifest import API_VERSION, MAX_NAME_LENGTH, NAME_PATTERN

FILE_NAME: Final = "plugins.lock"
LOCK_VERSION: Final = 1
MAX_BYTES: Final = 4 * 1024 * 1024
MAX_PLUGINS: Final = 10_000

_NAME: Final = re.compile(NAME_PATTERN)
_HASH: Final = re.compile(r"sha256:[0-9a-f]{64}")


class _File(msgspec.Struct, rename="camel", frozen=True, forbid_unknown_fields=True):
    lock_version: int
    api_version: str
    plugins: list[LockedPlugin]


def encode(plugins: Iterable[LockedPlugin]) -> bytes:
    """Write a lock file.

    Args:
        plugins: What is locked, in any order.
    """
    rows = [
        {**msgspec.to_builtins(one), "dependencies": dict(sorted(one.dependencies.items()))}
        for one in sorted(plugins, key=lambda one: one.name)
    ]
    fields: dict[str, Any] = {"lockVersion": LOCK_VERSION, "apiVersion": API_VERSION, "plugins": rows}
    return json.dumps(fields, indent=2, ensure_ascii=False).encode() + b"\n"


def decode(text: bytes, *, where: str) -> list[LockedPlugin]:
    """Read a lock file that nobody has checked.

    Args:
        text: Its bytes.
        where: What it is called, for errors.

    Raises:
        PackageInvalid: It is no lock file, of a version that is not known, or says something twice.
    """
    if len(text) > MAX_BYTES:
        raise _invalid(where, f"has more than {MAX_BYTES} bytes")
    try:
        version = msgspec.json.decode(text, type=dict[str, Any]).get("lockVersion")
        if version != LOCK_VERSION or isinstance(version, bool):
            raise _invalid(where, f"is of lockVersion {version!r}; this version of plugind knows {LOCK_VERSION}")
        plugins = msgspec.json.decode(text, type=_File).plugins
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise _invalid(where, f"is no lock file: {exc}") from exc
    if len(plugins) > MAX_PLUGINS:
        raise _invalid(where, f"has more than {MAX_PLUGINS} plugins")
    seen: set[str] = set()
    for one in plugins:
        _check(one, where)
        if one.name in seen:
            raise _invalid(where, f"has {one.name} twice")
        seen.add(one.name)
    return plugins


def relative(source: str | None, folder: Path) -> str | None:
    """Return how a source is written in a lock file in a folder.

    Args:
        source: A path, an address, or an id with a range; None where it is not known.
        folder: The lock file's folder, absolute.

    Returns:
        ``./`` and a path for what lies below the folder; None for an address with a password or a query, which may be
        a key; else the source.
    """
    if source is None:
        return None
    parts = urlsplit(source) if "://" in source else None
    if parts is not None:
        return None if "@" in parts.netloc or parts.query or parts.fragment else source
    path = Path(source)
    if path.is_absolute() and path.is_relative_to(folder):
        return f"./{path.relative_to(folder).as_posix()}"
    return source


def absolute(source: str, folder: Path) -> str:
    """Return the source that a lock file in a folder means."""
    return os.path.normpath(folder / source) if source.startswith("./") else source


def plain(digest: str) -> str:
    """Return the hex digits of a hash in a lock file."""
    return digest.removeprefix("sha256:")


def _check(one: LockedPlugin, where: str) -> None:
    if len(one.name) > MAX_NAME_LENGTH or not _NAME.fullmatch(one.name):
        raise _invalid(where, f"has {one.name[:MAX_NAME_LENGTH]!r}, which is no plugin's name")
    if not ranges.is_version(one.version):
        raise _invalid(where, f"has no semantic version of {one.name}")
    for digest in (one.package, one.module):
        if not _HASH.fullmatch(digest):
            raise _invalid(where, f"has a hash of {one.name} that is not sha256: and 64 hex digits")


def problems(expected: LockedPlugin, *, package: str, module: str | None = None) -> str | None:
    """Say how what was found differs from what is locked; None where it does not.

    Args:
        expected: What is locked.
        package: Hash of the package that was found, hex.
        module: Hash of its module, hex, where that is known.
    """
    if package != plain(expected.package):
        return f"its contents are sha256:{package}, and the lock says {expected.package}"
    if module is not None and module != plain(expected.module):
        return f"its module is sha256:{module}, and the lock says {expected.module}"
    return None


def order(plugins: Sequence[LockedPlugin]) -> dict[str, list[str]]:
    """Return who needs whom among what is locked."""
    names = {one.name for one in plugins}
    return {one.name: [name for name in one.dependencies if name in names] for one in plugins}


def _invalid(where: str, problem: str) -> PackageInvalid:
    return PackageInvalid(f"{where} {problem}", hint="Write it anew with: pluginctl lock")
