"""``storage.*``: JSON values that a plugin keeps, by key, between its runs.

What was acknowledged is there again after a crash, of the daemon too, and within a second it is safe from a power cut.
A value has at most 8 MiB; all of them, with what is in the private folder, count towards ``storageBytes``. See
[files, storage and events](files.md).
"""

from typing import Annotated, Final

import msgspec
from msgspec import Meta

from plugind_protocol.table import Empty, Example, HostMethod, Params, Struct

NAMESPACE: Final = "storage"

Key = Annotated[str, Meta(min_length=1, max_length=256)]


class GetValue(Params, frozen=True):
    """Names a value."""

    key: Key
    """Its key."""


class StoredValue(Struct, frozen=True):
    """A stored value."""

    value: msgspec.Raw
    """Any JSON value; null where there is none."""
    exists: bool
    """Whether there is one."""


class SetValue(Params, frozen=True):
    """Stores a value."""

    key: Key
    """Its key."""
    value: msgspec.Raw
    """Any JSON value."""


class RemoveValue(Params, frozen=True):
    """Names a value to remove."""

    key: Key
    """Its key."""


class Removed(Struct, frozen=True):
    """Whether there was something to remove."""

    removed: bool
    """False where there was none."""


class ListKeys(Params, frozen=True):
    """Lists keys."""

    prefix: Annotated[str, Meta(max_length=256)] = ""
    """Only those that begin so."""
    after: Annotated[str, Meta(max_length=256)] = ""
    """Only those that come after this one: the last one of an answer that was ``truncated``."""


class Keys(Struct, frozen=True):
    """Keys, sorted."""

    keys: list[str]
    """In the order of their characters' code points."""
    truncated: bool = False
    """Whether there are more: 10 000 come at once."""


METHODS: Final = (
    HostMethod(
        "storage.get",
        GetValue,
        StoredValue,
        "A stored value.",
        permission="storage",
        provider="daemon",
        example=Example({"key": "look"}, {"value": {"name": "warm"}, "exists": True}),
    ),
    HostMethod(
        "storage.set",
        SetValue,
        None,
        "Store a value.",
        permission="storage",
        provider="daemon",
        errors=("TooLarge",),
        example=Example({"key": "look", "value": {"name": "warm"}}),
    ),
    HostMethod(
        "storage.remove",
        RemoveValue,
        Removed,
        "Remove a stored value.",
        permission="storage",
        provider="daemon",
        example=Example({"key": "look"}, {"removed": True}),
    ),
    HostMethod(
        "storage.keys",
        ListKeys,
        Keys,
        "The keys of what is stored.",
        permission="storage",
        provider="daemon",
        example=Example({"prefix": "l"}, {"keys": ["look"]}),
    ),
    HostMethod(
        "storage.clear",
        Empty,
        None,
        "Remove everything that is stored.",
        permission="storage",
        provider="daemon",
        example=Example({}),
    ),
)
