"""Where plugins are installed from: a folder, a package, a URL of one, or an id with a range of versions.

Turns what a client wrote into a folder that can be read. What has to be unpacked or fetched for it lies in a folder of
its own for as long as it is needed, and never longer.
"""

import contextlib
import hashlib
import re
import secrets
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

import anyio
import msgspec

from plugind.registry.packages import open_package
from plugind_protocol.errors import InvalidParams, PackageInvalid, PluginNotFound
from plugind_protocol.manifest import NAME_PATTERN
from plugind_protocol.methods import InstallProgress
from plugind_protocol.package import SUFFIX
from plugind_protocol.turns import remove_tree

Report = Callable[[InstallProgress], None]
"""Takes word of how far an install is; never waits."""
Unpack = Callable[[Path, Path], Awaitable[Path]]
"""``await unpack(file, into)``: make a folder of a package, or raise and leave nothing."""
Download = Callable[[str, Path, Report], Awaitable[None]]
"""``await download(url, file, report)``: fetch a package into a file that is not there yet."""
Find = Callable[[str, str], Awaitable[Path]]
"""``await find(plugin_id, range)``: the best version of a plugin that is at hand, a folder or a package."""

_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):")
"""At least two characters: one is a drive."""
_WANTED: Final = re.compile(rf"(?P<name>{NAME_PATTERN})(@(?P<range>.*))?", re.DOTALL)
_SHA256: Final = re.compile(r"[0-9a-fA-F]{64}")
_CHUNK: Final = 1024 * 1024


class Local(msgspec.Struct, frozen=True):
    """A folder or a package on this machine."""

    path: Path


class Remote(msgspec.Struct, frozen=True):
    """A package somewhere else."""

    url: str


class Wanted(msgspec.Struct, frozen=True):
    """Any version of a plugin that fits."""

    plugin_id: str
    range: str


def classify(text: str) -> Local | Remote | Wanted:
    """Say what a source is, by its form; whether it is there is another question.

    Args:
        text: As it came from the client.

    Returns:
        ``https://`` is `Remote`; ``file://`` and whatever looks like a path is `Local`; ``id`` and ``id@range`` is
        `Wanted`.

    Raises:
        InvalidParams: It is empty, or a URL of another kind.
    """
    if not text or "\0" in text:
        raise _invalid("a source must not be empty" if not text else "a source must not have NUL in it")
    scheme = found[1].lower() if (found := _SCHEME.match(text)) else ""
    if scheme == "https":
        return Remote(text)
    if scheme == "file":
        return Local(_file_url(text))
    if scheme and text[len(scheme) + 1 :].startswith("//"):
        raise _invalid(f"sources come over https or from this machine, not over {scheme[:32]}")
    wanted = _WANTED.fullmatch(text)
    if wanted is not None and (wanted["range"] is not None or _is_plain_id(text)):
        return Wanted(wanted["name"], wanted["range"] or "*")
    return Local(Path(text))


def _is_plain_id(text: str) -> bool:
    """Whether something that could be an id or a path is meant as an id."""
    return not text.endswith(SUFFIX) and ("/" not in text or text.startswith("@"))


def _file_url(text: str) -> Path:
    try:
        parts = urlsplit(text)
        path = unquote(parts.path, errors="strict")
    except ValueError as exc:
        raise _invalid("a file URL has the form file:///absolute/path, in UTF-8") from exc
    if parts.netloc not in ("", "localhost") or parts.query or parts.fragment or not path.startswith("/"):
        raise _invalid("a file URL has the form file:///absolute/path")
    if "\0" in path:
        raise _invalid("a file URL must not have NUL in it")
    return Path(path[1:] if re.match(r"/[A-Za-z]:", path) else path)


def _invalid(problem: str) -> InvalidParams:
    return InvalidParams(
        f"Invalid params: {problem}",
        hint="Give a folder with manifest.json, a .tsplugin file, a file:// or https:// URL of one, or id@range.",
        path="$.source",
    )


async def _nowhere(plugin_id: str, _range: str) -> Path:
    raise PluginNotFound(
        f"there is nowhere to look for {plugin_id!r}",
        hint="Give a folder with manifest.json, a .tsplugin file, or a URL of one.",
        plugin_id=plugin_id,
    )


class Sources:
    """Opens sources.

    Args:
        incoming: A folder of our own for what is fetched and unpacked; emptied, since an earlier daemon may have left
            something.
        unpack: Unpacks packages.
        download: Fetches packages.
        find: Knows where versions of plugins are.
    """

    def __init__(self, incoming: Path, *, unpack: Unpack, download: Download, find: Find = _nowhere) -> None:
        shutil.rmtree(incoming, ignore_errors=True)
        incoming.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._incoming = incoming
        self._unpack = unpack
        self._download = download
        self._find = find

    @asynccontextmanager
    async def open(
        self, source: str, *, sha256: str | None = None, report: Report = lambda _: None
    ) -> AsyncIterator[Path]:
        """Make a source a folder for as long as the block lasts.

        Args:
            source: As `classify` takes it.
            sha256: What the package has to be, 64 hex digits; for packages only.
            report: Told how far it is.

        Yields:
            The plugin's folder. One that was given as a folder is that folder itself, unchecked, and may change.

        Raises:
            InvalidParams: The source or the hash is not of any form that is known.
            PackageInvalid: It is not there, or is no package, or not the one that the hash is of.
            ManifestInvalid: The package's manifest is missing or wrong.
            PluginNotFound: No version that fits is known.
            HostUnavailable: The server cannot be reached, or does not give it.
            TooLarge: The package is larger than the settings allow.
            Timeout: It does not come in time.
        """
        if sha256 is not None and not _SHA256.fullmatch(sha256):
            raise InvalidParams("Invalid params: a SHA-256 has 64 hex digits", path="$.sha256")
        found = classify(source)
        if isinstance(found, Local) and await anyio.Path(found.path).is_dir() and sha256 is None:
            yield found.path
            return
        staged = self._incoming / secrets.token_hex(8)
        try:
            await anyio.Path(staged).mkdir(mode=0o700)
            yield await self._folder(found, staged, sha256, report)
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(remove_tree, staged)

    def fetched(self, folder: Path) -> bool:
        """Whether a folder that `open` yielded was unpacked or fetched for it."""
        return folder.is_relative_to(self._incoming)

    async def _folder(self, found: Local | Remote | Wanted, staged: Path, sha256: str | None, report: Report) -> Path:
        if isinstance(found, Remote):
            package = staged / "package"
            await self._download(found.url, package, report)
        else:
            package = found.path if isinstance(found, Local) else await self._find(found.plugin_id, found.range)
            if await anyio.Path(package).is_dir():
                if sha256 is None:
                    return package
                raise InvalidParams("Invalid params: a folder has no SHA-256; a package has", path="$.sha256")
        if sha256 is not None:
            # A file that others can write is hashed as it is copied: what is checked is what is unpacked.
            copy = None if isinstance(found, Remote) else staged / "package"
            await anyio.to_thread.run_sync(_check_hash, package, copy, sha256.lower())
            package = copy or package
        report(InstallProgress(stage="extracting"))
        return await self._unpack(package, staged / "plugin")


def _check_hash(package: Path, copy: Path | None, expected: str) -> None:
    digest = hashlib.sha256()
    with open_package(package) as stream, copy.open("xb") if copy else contextlib.nullcontext() as target:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
            if target is not None:
                target.write(chunk)
    if (actual := digest.hexdigest()) != expected:
        raise PackageInvalid(
            f"{package.name} is not the package that was asked for: its SHA-256 is {actual}, not {expected}",
            hint="Get it again, or ask whoever gave the hash.",
        )
