"""Which names a package may use: those that mean one and the same file on every system that it may come to.

A pure rule over text. A name that is fine here needs no care wherever it is joined to a folder.
"""

import unicodedata
from typing import Final

from plugind_protocol.package.caps import CAPS, Caps

_FORBIDDEN: Final = {
    "\\": "a backslash",
    ":": "a colon",
    "*": "an asterisk",
    "?": "a question mark",
    '"': "a quotation mark",
    "<": "an angle bracket",
    ">": "an angle bracket",
    "|": "a vertical bar",
}
"""Characters that some file system takes for something else."""
_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Categories of characters that nobody sees: controls, marks of direction, halves of surrogates."""
_DEVICES: Final = frozenset(
    {"con", "prn", "aux", "nul", "conin$", "conout$"}
    | {f"{device}{number}" for device in ("com", "lpt") for number in (*"0123456789", "¹", "²", "³")}
)
_TEXT_MODULE: Final = ".wat"


def check(path: str, *, caps: Caps = CAPS) -> None:
    """Check the path of a file or folder inside a package.

    Args:
        path: With ``/`` between its names, and none at its end.
        caps: How long it may be.

    Raises:
        ValueError: Why it may not be there.
    """
    if path.startswith("/"):
        raise ValueError("is absolute")
    if unseen := next((one for one in path if unicodedata.category(one) in _UNSEEN), None):
        raise ValueError(f"has the character U+{ord(unseen):04X}, which cannot be seen")
    if found := next((one for one in path if one in _FORBIDDEN), None):
        raise ValueError(f"has {_FORBIDDEN[found]}, which means something else on some systems")
    if len(path.encode()) > caps.path_bytes:
        raise ValueError(f"is longer than {caps.path_bytes} bytes")
    if not unicodedata.is_normalized("NFC", path):
        raise ValueError("is not in the composed form of Unicode (NFC), and so another file on some systems")
    names = path.split("/")
    if len(names) > caps.depth:
        raise ValueError(f"lies deeper than {caps.depth} folders")
    for name in names:
        _check_name(name, caps)
    if names[-1].casefold().endswith(_TEXT_MODULE):
        raise ValueError("is WebAssembly text, which may be in a plugin's folder, never in a package")


def _check_name(name: str, caps: Caps) -> None:
    if name in ("", ".", ".."):
        raise ValueError(f"has {name!r} as a part of its path" if name else "has an empty part in its path")
    if len(name.encode()) > caps.name_bytes:
        raise ValueError(f"has a part longer than {caps.name_bytes} bytes")
    if name[-1] in ". ":
        raise ValueError("has a part that ends with a dot or a space, which Windows leaves out")
    if name.split(".", maxsplit=1)[0].rstrip(" ").casefold() in _DEVICES:
        raise ValueError(f"has the part {name!r}, which is a device on Windows")


class Names:
    """The paths of one package so far: no two of them may be one, on any file system."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[str, bool]] = {}

    def add(self, path: str, *, folder: bool) -> None:
        """Take a path that `check` has let through.

        Args:
            path: With ``/`` between its names, and none at its end.
            folder: Whether it is a folder.

        Raises:
            ValueError: It is there twice, or differs from another in case or form only, or is a folder and a file.
        """
        parts = path.split("/")
        for count in range(1, len(parts)):
            self._enter("/".join(parts[:count]), folder=True)
        if self._enter(path, folder=folder) and not folder:
            raise ValueError("is there twice")

    def _enter(self, path: str, *, folder: bool) -> bool:
        """Enter one path; says whether it was there."""
        key = unicodedata.normalize("NFD", unicodedata.normalize("NFD", path).casefold())
        known = self._known.get(key)
        if known is None:
            self._known[key] = path, folder
            return False
        spelt, was_folder = known
        if spelt != path:
            raise ValueError(f"is the same as {spelt!r} where upper and lower case are")
        if folder != was_folder:
            raise ValueError("is both a file and a folder" if path == spelt else f"needs {spelt!r} to be a folder")
        return True
