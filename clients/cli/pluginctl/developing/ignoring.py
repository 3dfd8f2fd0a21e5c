"""What is not watched, in the words of a ``.gitignore``. Pure.

The subset that is used: comments, ``!``, names and paths with ``*``, ``?``, ``[…]`` and ``**``, a slash at the end for
folders only. What lies below an ignored folder is ignored.
"""

import re
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Final

import msgspec

NOISE: Final = (
    ".*",
    "!.cargo/",
    "target/",
    "build/",
    "dist/",
    "node_modules/",
    "__pycache__/",
    "/test-differences/",
    "*~",
    "#*#",
    "4913",
    "*.part",
    "*.tmp",
    "*.swp",
    "*.swx",
    "*.orig",
    "*.tsplugin",
)
"""What editors, builds and we ourselves leave in every folder."""
_TOKEN: Final = re.compile(r"\*\*/|/\*\*$|\*+|\?|\[[^\]]+\]|.", re.DOTALL)


class _Rule(msgspec.Struct, frozen=True):
    pattern: "re.Pattern[str]"
    folders_only: bool
    kept: bool


class Ignored:
    """Tells what is ignored.

    Args:
        lines: As of a ``.gitignore``; later ones go before earlier ones.
    """

    def __init__(self, lines: Iterable[str]) -> None:
        self._rules = [rule for line in lines if (rule := _rule(line)) is not None]

    def __call__(self, path: str, *, folder: bool = False) -> bool:
        """Whether something is ignored, or a folder that it lies in.

        Args:
            path: Its path, relative and with ``/`` between its names.
            folder: It is a folder, or may have been one.
        """
        parts = PurePosixPath(path).parts
        folders = (("/".join(parts[:count]), True) for count in range(1, len(parts)))
        return any(self._ignored(name, folder=above) for name, above in (*folders, (path, folder)))

    def _ignored(self, path: str, *, folder: bool) -> bool:
        decided = False
        for rule in self._rules:
            if rule.pattern.fullmatch(path) and (folder or not rule.folders_only):
                decided = not rule.kept
        return decided


def _rule(line: str) -> _Rule | None:
    text = line.rstrip()
    if not text or text.startswith("#"):
        return None
    kept = text.startswith("!")
    text = text.removeprefix("!").removeprefix("\\")
    folders_only = text.endswith("/")
    text = text.rstrip("/")
    if not text:
        return None
    anywhere = "/" not in text
    pattern = "".join(_translated(token) for token in _TOKEN.findall(text.removeprefix("/")))
    return _Rule(re.compile(("(?:.*/)?" if anywhere else "") + pattern, re.DOTALL), folders_only, kept)


def _translated(token: str) -> str:
    match token:
        case "**/":
            return "(?:.*/)?"
        case "/**":
            return "/.*"
        case "?":
            return "[^/]"
    if token.startswith("*"):
        return "[^/]*"
    if token.startswith("[") and len(token) > 1:
        inner = token[1:-1].replace("\\", "\\\\")
        return f"[^{inner[1:]}]" if inner.startswith("!") else f"[{inner}]"
    return re.escape(token)
