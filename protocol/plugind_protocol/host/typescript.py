"""TypeScript types of the host API, made from the table: ``sdk/typescript/src/generated.ts``."""

import json
import re
from typing import Any, Final

from plugind_protocol import manifest_schema
from plugind_protocol.host import HOST_METHODS, sdks
from plugind_protocol.host.document import document
from plugind_protocol.permissions import NAMES

_HEAD: Final = "// Types of the host API. Made from the method table by `make generate`: do not edit.\n"
_SCALARS: Final = {"string": "string", "number": "number", "integer": "number", "boolean": "boolean", "null": "null"}
_LINE: Final = 116


def source() -> str:
    """Return the text of the TypeScript module."""
    definitions: dict[str, Any] = document()["$defs"]
    names = sdks.reached(definitions, sdks.params() + sdks.answers())
    parts = [_HEAD, _permissions(), _errors(), _methods()]
    parts += [_interface(name, definitions[name]) for name in sorted(names) if name != "Empty"]
    parts.append(_manifest())
    return "\n".join(parts)


def _permissions() -> str:
    lines = ["/** Names of permissions; some take a scope after a colon. */", "export type PermissionName ="]
    return "\n".join([*lines, *(f"  | {json.dumps(name)}" for name in sorted(NAMES))]) + ";\n"


def _errors() -> str:
    """Return the codes of errors, by kind."""
    lines = ["/** Codes of errors that the host answers, by kind. */", "export const ERROR_CODES = {"]
    for code, name, about in sdks.codes():
        lines += [f"  /** {_prose(about)} */", f"  {name}: {code},"]
    lines += [
        "} as const;",
        "",
        "/** What kind of error it is. */",
        "export type ErrorKind = keyof typeof ERROR_CODES;",
    ]
    return "\n".join([*lines, ""])


def _methods() -> str:
    """Return the table itself: params, result and permission of each method."""
    lines = ["/** Params and result of every host method. */", "export interface HostMethods {"]
    for row in HOST_METHODS.values():
        result = sdks.result(row) or "null"
        params = row.params.__name__ if row.params.__name__ != "Empty" else "Record<string, never>"
        lines += _doc(f"{row.summary} {sdks.permission(row)}", "  ")
        lines.append(f"  {json.dumps(row.name)}: {{ params: {params}; result: {result} }};")
    names = ", ".join(json.dumps(name) for name in HOST_METHODS)
    lines += ["}", "", "/** Names of all host methods. */"]
    lines += [f"export const HOST_METHODS: readonly (keyof HostMethods)[] = [{names}];", ""]
    return "\n".join(lines)


def _interface(name: str, schema: dict[str, Any]) -> str:
    lines = [*_doc(schema.get("description", "")), f"export interface {name} {{"]
    required = schema.get("required", ())
    for wire, one in schema.get("properties", {}).items():
        lines += _doc(one.get("description", ""), "  ")
        optional = wire not in required
        lines.append(f"  {wire}{'?' if optional else ''}: {_type(one, optional=optional)};")
    if schema.get("additionalProperties") is True:
        lines += ["  /** What else there is. */", "  [more: string]: unknown;"]
    return "\n".join([*lines, "}", ""])


def _type(schema: dict[str, Any], *, optional: bool = False) -> str:
    """Return a type; what can be left out is not null besides."""
    if "enum" in schema:
        return " | ".join(json.dumps(value) for value in schema["enum"])
    if some := schema.get("anyOf"):
        kinds = [_type(one) for one in some if not (optional and one.get("type") == "null")]
        return " | ".join(kinds)
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if schema.get("type") == "array":
        inner = _type(schema.get("items", {}))
        return f"({inner})[]" if "|" in inner else f"{inner}[]"
    if schema.get("type") == "object":
        values = schema.get("additionalProperties")
        return f"Record<string, {_type(values)}>" if isinstance(values, dict) and values else "Record<string, unknown>"
    return _SCALARS.get(str(schema.get("type")), "unknown")


def _manifest() -> str:
    """Return the manifest, whose schema stands on its own."""
    schema = manifest_schema.document()
    parts = []
    for name, one in schema.get("$defs", {}).items():
        text = _interface(f"Manifest{name}" if not name.startswith("Manifest") else name, one)
        parts.append(text.replace("export interface Manifest ", "export interface PluginManifest "))
    body = "\n".join(parts) if parts else ""
    if "properties" in schema:
        body += _interface("PluginManifest", schema)
    return re.sub(r"(?<=: )(Limits|Metadata)\b", r"Manifest\1", body)


def _doc(text: str, indent: str = "") -> list[str]:
    words = _prose(" ".join(text.split()))
    if not words:
        return []
    if len(words) + len(indent) <= _LINE - 7:
        return [f"{indent}/** {words} */"]
    lines, line = [], ""
    for word in words.split(" "):
        if len(line) + len(word) + len(indent) > _LINE - 4:
            lines.append(line)
            line = ""
        line = f"{line} {word}".strip()
    return [f"{indent}/**", *(f"{indent} * {one}" for one in [*lines, line]), f"{indent} */"]


def _prose(text: str) -> str:
    """Return text of docstrings as that of TSDoc."""
    return sdks.prose(text).replace("*/", "* /")
