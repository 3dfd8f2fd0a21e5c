"""Script plugins: which files of a folder are a script's modules, and how they travel to the worker in one piece.

A script's modules are its main module and whatever they import by relative paths, followed by their text alone. What
looks like an import and is none only brings a file along; how imports are resolved is the runtime's to say.
"""

import re
import struct
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Final

from plugind_protocol.errors import PackageInvalid
from plugind_protocol.package import caps as bounds
from plugind_protocol.package import links

SUFFIXES: Final = (".js", ".ts")
"""Of main modules that are scripts."""
MAX_BYTES: Final = 32 * 1024 * 1024
"""All modules of a plugin together."""
MAX_MODULES: Final = 2000
MAX_NAMES: Final = 100_000
"""Files that are looked for: each import stands for several, most of which are not there."""

_ENDINGS: Final = ("", ".ts", ".js", ".mts", ".mjs", ".json", "/index.ts", "/index.js")
"""What an import may leave out, in the order in which the runtime tries it."""
_TYPESCRIPT: Final = {".js": ".ts", ".mjs": ".mts"}
"""In TypeScript, a module may be imported by the name that it will have as JavaScript."""
_MODULES: Final = (".js", ".ts", ".mjs", ".mts")
# Linear, whatever the text is: no two parts that repeat may share what they match, as `\s*\(?\s*` would.
_IMPORT: Final = re.compile(rb"""(?:from|import)\s*(?:\(\s*)?["'](\.{1,2}/[^"'\n\\]{1,400})["']""")
_MAP: Final = re.compile(rb"""//[#@] sourceMappingURL=([^\s"':]{1,200}\.map)\s*$""")
_MAP_WITHIN: Final = 1024
"""Bytes at the end of a module in which it may name its source map."""
_HEAD: Final = struct.Struct("<II")
_COUNT: Final = struct.Struct("<I")


def is_script(main: str) -> bool:
    """Whether a plugin's main module is a script."""
    return main.endswith(SUFFIXES)


def modules(main: str, read: Callable[[str], bytes | None]) -> dict[str, bytes]:
    """Find a script's modules and their source maps.

    Args:
        main: Path of the main module in the folder.
        read: Returns the contents of a file by its path in the folder; None where there is no such file.

    Returns:
        Path → contents, the main module first. What is not there is left out: the script finds out when it imports it.

    Raises:
        PackageInvalid: They are too many, or too large together.
    """
    found: dict[str, bytes] = {}
    waiting = [str(PurePosixPath(main))]
    named = set(waiting)
    total = 0
    while waiting:
        name = waiting.pop()
        text = read(name)
        if text is None:
            continue
        found[name] = text
        total += len(text)
        if total > MAX_BYTES or len(found) > MAX_MODULES:
            raise PackageInvalid(
                f"{main} has more than {MAX_MODULES} modules or {MAX_BYTES >> 20} MiB of them",
                hint="Bundle the script, without what it does not need.",
                cause="limit",
            )
        for one in _named(name, text) if name.endswith(_MODULES) else ():
            if one not in named:
                named.add(one)
                waiting.append(one)
            if len(named) > MAX_NAMES:
                raise PackageInvalid(
                    f"{main} and its modules name more than {MAX_NAMES} files",
                    hint="Bundle the script, without what it does not need.",
                    cause="limit",
                )
    return found


def files(folder: Path, main: str, *, caps: bounds.Caps = bounds.CAPS) -> Iterator[str]:
    """Go through the paths of a script's modules in a plugin's folder, `main` included where it is there.

    Args:
        folder: The plugin's folder.
        main: As the manifest has it.
        caps: How large a file may be.

    Raises:
        PackageInvalid: They are too many, or too large together.
    """
    return iter(modules(main, lambda name: _read(folder, name, caps.module_bytes)))


def pack(folder: Path, main: str) -> bytes:
    """Put a script's modules into one piece, as a worker gets them.

    Args:
        folder: The plugin's folder, whose files are regular.
        main: As the manifest has it.

    Returns:
        ``u32`` how many, little-endian, then for each, the main module first: ``u32`` length of its path, ``u32`` size
        of its text, the path, a zero byte, the text, a zero byte.

    Raises:
        PackageInvalid: They are too many or too large, or the main module is not there.
    """
    found = modules(main, lambda name: _read(folder, name, bounds.CAPS.module_bytes))
    if not found:
        raise PackageInvalid(f"{main} is not there")
    named = [(path.encode(), text) for path, text in found.items()]
    pieces = [_HEAD.pack(len(path), len(text)) + path + b"\0" + text + b"\0" for path, text in named]
    return b"".join((_COUNT.pack(len(pieces)), *pieces))


def _read(folder: Path, name: str, most: int) -> bytes | None:
    """Read a file that may be anything; what is not a regular file of a module's size is not there."""
    file = folder / name
    try:
        if file.is_symlink() or links.on_the_way(folder, name) is not None or not file.is_file():
            return None
        with file.open("rb") as stream:
            text = stream.read(most + 1)
    except OSError:  # such as a name that is too long for one
        return None
    return text if len(text) <= most else None


def _named(name: str, text: bytes) -> Iterator[str]:
    """Go through what a module names: candidates, most of which are not there."""
    base = PurePosixPath(name).parent
    for match in _IMPORT.finditer(text):
        path = _join(base, match[1])
        if path is None:
            continue
        yield from (f"{path}{ending}" for ending in _ENDINGS)
        for suffix, typed in _TYPESCRIPT.items():
            if path.endswith(suffix):
                yield path.removesuffix(suffix) + typed
    if (named := _MAP.search(text[-_MAP_WITHIN:].rstrip())) and (path := _join(base, named[1])) is not None:
        yield path


def _join(base: PurePosixPath, relative: bytes) -> str | None:
    """Join a path to a folder; None where it leads out, or is none."""
    try:
        words = relative.decode()
    except UnicodeDecodeError:
        return None
    parts = list(base.parts)
    for part in words.split("/"):
        if part == "..":
            if not parts:
                return None
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts) if parts and "\0" not in words else None
