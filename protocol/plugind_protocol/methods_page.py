"""The page of the client's methods for people, made from the method table: ``docs/methods.md``."""

import json
import re
from collections.abc import Iterator
from typing import Any, Final

from plugind_protocol import openrpc
from plugind_protocol.host.page import described, fields, prose, words

_INTRODUCTION: Final = """\
# Methods

What a client may ask the daemon for: an editor, a tool, `pluginctl rpc METHOD PARAMS`. This page is made from the
method table by `make generate`; the same as OpenRPC is in `protocol/schema/openrpc.json`, and what `rpc.discover`
answers. [Client protocol](protocol.md) says how the methods work together, [the host API](host-api.md) what plugins
may ask for.

A `?` marks what may be left out. Each method may answer InvalidParams; further errors are named with it, and
[troubleshooting](troubleshooting.md) says what to do about each.
"""
_REFERENCE: Final = re.compile(r'"#/components/schemas/([^"]+)"')


def page() -> str:
    """Return the page, as Markdown."""
    document = openrpc.document()
    methods, schemas = document["methods"], document["components"]["schemas"]
    parts = [_INTRODUCTION]
    for namespace in dict.fromkeys(_namespace(method) for method in methods):
        parts.append(f"## {namespace}\n")
        parts += [_method(method) for method in methods if _namespace(method) == namespace]
    parts.append("## Types\n")
    parts += [described(name, schemas[name]) for name in sorted(_reachable(methods, schemas))]
    return "\n".join(parts)


def _namespace(method: dict[str, Any]) -> str:
    return str(method["name"]).partition(".")[0]


def _method(method: dict[str, Any]) -> str:
    params = {
        "properties": {one["name"]: one["schema"] for one in method["params"]},
        "required": [one["name"] for one in method["params"] if one["required"]],
    }
    errors = [one["$ref"].rpartition("/")[2] for one in method.get("errors", [])]
    own = [name for name in errors if name not in ("InvalidRequest", "InvalidParams")]
    failing = f" Errors: {', '.join(own)}." if own else ""
    return (
        f"### `{method['name']}`\n\n{prose(method['summary'])}{failing}\n\n"
        f"{fields('param', params)}\nResult: {words(method['result']['schema'])}.\n"
    )


def _reachable(methods: list[dict[str, Any]], schemas: dict[str, Any]) -> set[str]:
    """Return the names of the types that methods speak of, directly or by others."""
    found: set[str] = set()
    missing = set(_named(methods))
    while missing:
        found |= missing
        missing = {inner for name in missing for inner in _named(schemas[name])} - found
    return found


def _named(part: Any) -> Iterator[str]:
    return (match[1] for match in _REFERENCE.finditer(json.dumps(part)))
