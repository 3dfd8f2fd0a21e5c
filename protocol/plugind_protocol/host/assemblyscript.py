"""The AssemblyScript calls of the host API, made from the table: ``sdk/assemblyscript/package/assembly/generated.ts``.

What a method needs are arguments, what it may be told besides is one object. Results are JSON values: the language has
no way to turn them into types.
"""

import inspect
from collections.abc import Iterator
from typing import Any, Final

from plugind_protocol.host import MODULES, events, sdks
from plugind_protocol.host.document import document
from plugind_protocol.table import HostMethod

_HEAD: Final = """\
// Calls of the host API. Made from the method table by `make generate`: do not edit.
// Each returns what the host answers, or a failure: a value whose `failed` holds.

import { call } from "./host";
import { Json } from "./json";
"""

_TYPES: Final = {"string": "string", "number": "f64", "integer": "i64", "boolean": "bool"}


def source() -> str:
    """Return the text of the module."""
    definitions: dict[str, Any] = document()["$defs"]
    parts = [_namespace(module, definitions) for module in MODULES if module is not events]
    return "\n".join([_HEAD, *parts])


def _namespace(module: Any, definitions: dict[str, Any]) -> str:
    about = " ".join((inspect.getdoc(module) or "").split()).replace("``", "`")
    methods = "\n".join(
        line for row in sdks.generated(module) for line in _method(row, definitions[row.params.__name__])
    )
    return f"/** {about} */\nexport namespace {module.NAMESPACE} {{\n{methods.rstrip()}\n}}\n"


def _method(row: HostMethod, schema: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of one call."""
    properties, required = schema.get("properties", {}), schema.get("required", [])
    optional = [name for name in properties if name not in required]
    arguments = [f"{name}: {_type(properties[name])}" for name in required]
    arguments += ["more: Json = Json.object()"] if optional else []
    yield "  /**"
    yield f"   * {_prose(row.summary)} {sdks.permission(row)}"
    for name in required:
        yield from _tag(name, properties[name])
    if optional:
        yield f"   * @param more an object that may have: {', '.join(f'`{name}`' for name in optional)}"
    yield "   */"
    yield f"  export function {row.name.partition('.')[2]}({', '.join(arguments)}): Json {{"
    start = "more" if optional else "Json.object()"
    params = start + "".join(f'.set("{name}", {name})' for name in required)
    yield f'    return call("{row.name}", {params});'
    yield "  }"
    yield ""


def _tag(name: str, schema: dict[str, Any]) -> list[str]:
    about = _prose(str(schema.get("description", "")))
    return [f"   * @param {name} {about[0].lower()}{about[1:]}".removesuffix(".")] if about else []


def _type(schema: dict[str, Any]) -> str:
    return _TYPES.get(str(schema.get("type")), "Json")


def _prose(text: str) -> str:
    return " ".join(text.split()).replace("``", "`").replace("*/", "* /")
