"""What the types and calls of all SDKs are made from: rows of the host API, types that are reached, codes, words."""

import inspect
import re
from collections.abc import Iterable, Iterator
from types import ModuleType, NoneType
from typing import Any, Final

from plugind_protocol import errors
from plugind_protocol.host import HOST_METHODS, events
from plugind_protocol.table import HostMethod

BY_HAND: Final = frozenset({"effects.register", "events.on", "events.off", "events.emit"})
"""Calls that SDKs write by hand, because they keep a handler or an effect on the guest's side."""


def generated(module: ModuleType) -> list[HostMethod]:
    """Return the methods of a namespace whose calls are not written by hand."""
    return [row for row in HOST_METHODS.values() if row.namespace == module.NAMESPACE and row.name not in BY_HAND]


def params() -> list[str]:
    """Return the types of what methods are asked with."""
    return [row.params.__name__ for row in HOST_METHODS.values()]


def answers() -> list[str]:
    """Return the types of what comes from the host: results and events."""
    results = [name for row in HOST_METHODS.values() if (name := result(row)) is not None]
    return [*results, events.Event.__name__]


def result(row: HostMethod) -> str | None:
    """Return the type of a method's result; None where it is null."""
    return None if row.result in (None, NoneType) else row.result.__name__


def reached(definitions: dict[str, Any], names: Iterable[str]) -> set[str]:
    """Return types and those they are made of."""
    found: set[str] = set()
    missing = list(names)
    while missing:
        name = missing.pop()
        if name not in found:
            found.add(name)
            missing += referred(definitions[name])
    return found


def referred(schema: dict[str, Any]) -> list[str]:
    """Return the types that a schema speaks of."""
    return re.findall(r"#/\$defs/(\w+)", str(schema))


def codes() -> Iterator[tuple[int, str, str]]:
    """Yield the code of each error, its name, and what it is in a line."""
    for code, cls in sorted(errors.BY_CODE.items(), reverse=True):
        yield code, cls.__name__, prose((inspect.getdoc(cls) or "").partition("\n")[0])


def permission(row: HostMethod) -> str:
    """Return the permission of a method, as its documentation says it."""
    return "Needs no permission." if row.permission is None else f"Permission: `{row.permission}`."


def prose(text: str) -> str:
    """Return text of docstrings as that of comments, without links to pages that those do not have."""
    return re.sub(r"\[([^]]*)\]\(\w+\.md\)", r"\1", text.replace("``", "`"))
