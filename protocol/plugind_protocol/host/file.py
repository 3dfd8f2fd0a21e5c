"""``file.*``: the files that a plugin may see, in a tree of its own.

``assets/…`` is its package, ``project/…`` the project's folder, ``picked/…`` what the user picked; everything else is
the plugin's private folder.
"""

from typing import Annotated, Final, Literal

from msgspec import Meta

from plugind_protocol.host.values import FilePath
from plugind_protocol.table import Example, HostMethod, Params, Struct

NAMESPACE: Final = "file"

Encoding = Literal["utf8", "base64"]
Kind = Literal["file", "directory"]


class ReadFile(Params, frozen=True):
    """Reads a file, or a part of one."""

    path: FilePath
    """In the plugin's tree."""
    encoding: Encoding = "utf8"
    """How the data is given; text that is not UTF-8 needs ``base64``."""
    offset: Annotated[int, Meta(ge=0)] = 0
    """Where to begin, in bytes."""
    length: Annotated[int, Meta(ge=0)] | None = None
    """At most so many bytes; default: to the end."""


class FileData(Struct, frozen=True, omit_defaults=False):
    """A part of a file."""

    data: str
    """In the encoding."""
    encoding: Encoding
    """As it was asked for."""
    size: int
    """Of the whole file, in bytes."""


class WriteFile(Params, frozen=True):
    """Writes a file; it is replaced as a whole or not at all, unless it is appended to."""

    path: FilePath
    """In the plugin's tree."""
    data: str
    """In the encoding."""
    encoding: Encoding = "utf8"
    """How the data is given."""
    append: bool = False
    """Write behind what is there, instead of replacing it."""
    create_parents: bool = False
    """Make the folders that are missing."""


class FileWritten(Struct, frozen=True):
    """The file was written."""

    size: int
    """Of the whole file now, in bytes."""


class ListFolder(Params, frozen=True):
    """Lists a folder."""

    path: Annotated[str, Meta(max_length=4096)]
    """In the plugin's tree; empty for its private folder."""
    recursive: bool = False
    """List what is in its folders too."""


class FolderEntry(Struct, frozen=True):
    """One thing in a folder."""

    name: str
    """Without the folder."""
    path: str
    """In the plugin's tree."""
    kind: Kind
    """What it is."""
    size: int
    """In bytes; 0 for a directory."""
    modified: float
    """In s since 1970, UTC."""


class FolderEntries(Struct, frozen=True):
    """What is in a folder, by name."""

    entries: list[FolderEntry]
    """Sorted by path."""
    truncated: bool = False
    """Whether there are more than are listed."""


class StatFile(Params, frozen=True):
    """Asks about one file or folder."""

    path: FilePath
    """In the plugin's tree."""


class FileStat(Struct, frozen=True):
    """What is known of it."""

    path: str
    """In the plugin's tree."""
    kind: Kind
    """What it is."""
    size: int
    """In bytes; 0 for a directory."""
    modified: float
    """In s since 1970, UTC."""


class RemoveFile(Params, frozen=True):
    """Removes a file, or a folder with nothing in it."""

    path: FilePath
    """In the plugin's tree."""


METHODS: Final = (
    HostMethod(
        "file.read",
        ReadFile,
        FileData,
        "Read a file.",
        permission="file.read",
        scope="path",
        provider="daemon",
        errors=("NotFound", "TooLarge"),
        example=Example({"path": "looks/warm.cube"}, {"data": "LUT_3D_SIZE 2\n", "encoding": "utf8", "size": 14}),
    ),
    HostMethod(
        "file.write",
        WriteFile,
        FileWritten,
        "Write a file.",
        permission="file.write",
        scope="path",
        provider="daemon",
        errors=("NotFound", "TooLarge"),
        example=Example({"path": "presets/mine.json", "data": "{}", "createParents": True}, {"size": 2}),
    ),
    HostMethod(
        "file.list",
        ListFolder,
        FolderEntries,
        "List a folder.",
        permission="file.read",
        scope="path",
        provider="daemon",
        errors=("NotFound",),
        example=Example(
            {"path": "presets"},
            {
                "entries": [
                    {
                        "name": "mine.json",
                        "path": "presets/mine.json",
                        "kind": "file",
                        "size": 2,
                        "modified": 1764095400.0,
                    }
                ]
            },
        ),
    ),
    HostMethod(
        "file.stat",
        StatFile,
        FileStat,
        "Kind, size and age of a file.",
        permission="file.read",
        scope="path",
        provider="daemon",
        errors=("NotFound",),
        example=Example(
            {"path": "presets/mine.json"},
            {"path": "presets/mine.json", "kind": "file", "size": 2, "modified": 1764095400.0},
        ),
    ),
    HostMethod(
        "file.remove",
        RemoveFile,
        None,
        "Remove a file or an empty folder.",
        permission="file.write",
        scope="path",
        provider="daemon",
        errors=("NotFound",),
        example=Example({"path": "presets/mine.json"}),
    ),
)
