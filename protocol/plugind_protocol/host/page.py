"""The page of the host API for people, made from the table: ``docs/host-api.md``."""

import inspect
import json
from typing import Any, Final

from plugind_protocol import openrpc
from plugind_protocol.host import HOST_METHODS, MODULES, PROVIDER_METHODS
from plugind_protocol.host.document import document
from plugind_protocol.table import HostMethod, Method

_INTRODUCTION: Final = """\
# Host API

What a plugin may ask its host for, by `timeline.host_call` (see [the plugin ABI](plugin-abi.md)). This page is made
from the method table by `make generate`; the same as JSON Schema is in `protocol/schema/host.schema.json`.

- **Permission**: requested in the manifest and granted by the user; checked at each call, with the grants of that
  moment. Where it takes a *scope*, a grant may be narrower (`file.read:assets/**`): the named param is matched with it.
- **Answered by** the daemon, or by the *editor*: the newest client that [provides](protocol.md#providing-for-plugins)
  the namespace. It gets the params with `pluginId` added, and with `transaction` where the method edits.
- **Params** that do not fit are refused with InvalidParams, whose `data.path` says where; so are unknown fields. What
  an editor answers is checked as well: in place of a wrong answer the plugin gets HostUnavailable, with the path.
  Further fields of a result marked *open* are passed on.
- **Errors**: each method may answer InvalidParams, HostUnavailable, TooLarge and Timeout (the plugin's call was given
  up); PermissionDenied where it takes a permission; what the editor answers; and what is named with it.

Times are numbers of seconds. A `?` marks what may be left out.
"""


def page() -> str:
    """Return the page, as Markdown."""
    schema = document()
    definitions = schema["$defs"]
    parts = [_INTRODUCTION, _overview()]
    for module in MODULES:
        rows = [row for row in HOST_METHODS.values() if row.namespace == module.NAMESPACE]
        about = (inspect.getdoc(module) or "").partition("\n")[2].strip()
        parts.append(f"## {module.NAMESPACE}\n" + (f"\n{prose(about)}\n" if about else ""))
        parts += [_method(row, schema["properties"][row.name]["properties"], definitions) for row in rows]
    parts.append(_provider_methods(schema["x-providerMethods"], definitions))
    parts.append("## Types\n\nThose that several methods, or parts of others, are made of.\n")
    params = {row.params.__name__ for row in [*HOST_METHODS.values(), *PROVIDER_METHODS.values()]}
    params |= {row.sends.__name__ for row in HOST_METHODS.values() if row.sends is not None}
    shown = [name for name in definitions if name not in params or f'"#/$defs/{name}"' in json.dumps(definitions)]
    parts += [described(name, definitions[name]) for name in shown]
    return "\n".join(parts)


def _overview() -> str:
    lines = ["| method | permission | answered by | |", "|---|---|---|---|"]
    for row in HOST_METHODS.values():
        link = f"[`{row.name}`](#{row.name.replace('.', '').lower()})"
        lines += [f"| {link} | {_permission(row)} | {_provider(row)} | {prose(row.summary)} |"]
    return "\n".join(lines) + "\n"


def prose(text: str) -> str:
    """Turn the quotes of docstrings into those of Markdown."""
    return text.replace("``", "`")


def _permission(row: HostMethod) -> str:
    if row.permission is None:
        return ""
    return f"`{row.permission}`" + (f", scope by `{row.scope}`" if row.scope is not None else "")


def _provider(row: HostMethod) -> str:
    return "the daemon" if row.provider == "daemon" else f"the editor (`{row.namespace}`)"


def _method(row: HostMethod, parts: dict[str, Any], definitions: dict[str, Any]) -> str:
    errors = ", ".join(cls.__name__ for cls in openrpc.host_errors(row))
    edits = " It edits: it is part of the call's [transaction](protocol.md#transactions)." if row.edits else ""
    example = {"method": row.name, "params": row.example.params}
    return (
        f"### `{row.name}`\n\n{prose(row.summary)}{edits}\n\n"
        f"Permission: {_permission(row) or 'none'}. Answered by {_provider(row)}. Errors: {errors}.\n\n"
        f"{fields('param', definitions[row.params.__name__])}\n"
        f"{_sent(row, definitions)}Result: {_result(row, parts['result'], definitions)}\n\n"
        f"```json\n{_json(example)}\n{_json(row.example.result)}\n```\n"
    )


def _sent(row: HostMethod, definitions: dict[str, Any]) -> str:
    if row.sends is None:
        return ""
    return f"The editor is sent instead:\n\n{fields('param', definitions[row.sends.__name__])}\n"


def _result(row: Method, schema: dict[str, Any], definitions: dict[str, Any]) -> str:
    if row.result is None:
        return "`null`."
    name = _named(schema)
    return f"{words(schema)}: {prose(definitions[name].get('description', ''))}" if name else f"{words(schema)}."


def _provider_methods(told: dict[str, Any], definitions: dict[str, Any]) -> str:
    text = (
        "## What the daemon asks an editor of its own accord\n\n"
        "Besides these, it asks `ui.createPanel`, `ui.closePanel`, `ui.addMenuItem` and `ui.removeMenuItem` on behalf\n"
        "of plugins: see [Client protocol](protocol.md#providing-for-plugins).\n"
    )
    for row in PROVIDER_METHODS.values():
        listed = fields("param", definitions[row.params.__name__])
        text += f"\n### `{row.name}`\n\n{told[row.name]['description']}\n\n{listed}\nResult: `null`.\n"
    return text


def described(name: str, schema: dict[str, Any]) -> str:
    """Return a type with its fields, as Markdown."""
    is_open = " (open)" if schema.get("additionalProperties") is True else ""
    return f"### {name}{is_open}\n\n{prose(schema.get('description', ''))}\n\n{fields('field', schema)}"


def fields(what: str, schema: dict[str, Any]) -> str:
    """Return the fields of an object as a table, as Markdown.

    Args:
        what: What they are called.
        schema: The object's.
    """
    if not schema.get("properties"):
        return f"No {what}s.\n"
    required = schema.get("required", [])
    lines = [f"| {what} | type | |", "|---|---|---|"]
    for name, one in schema["properties"].items():
        default = f" Default: `{json.dumps(one['default'])}`." if one.get("default") not in (None, "", [], {}) else ""
        mark = "" if name in required else "?"
        null = " or null" if name in required and {"type": "null"} in one.get("anyOf", ()) else ""
        about = prose(one.get("description", ""))
        lines.append(f"| `{name}`{mark} | {words(one)}{null} | {about}{default} |")
    return "\n".join(lines) + "\n"


def words(schema: dict[str, Any]) -> str:
    """Return a type in words; null is left out, since the mark at the name says that a value may be missing."""
    if name := _named(schema):
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(
            words(one) for one in schema["anyOf"] if one.get("type") != "null" or len(schema["anyOf"]) == 1
        )
    if "enum" in schema:
        return ", ".join(f"`{json.dumps(one)}`" for one in schema["enum"])
    if schema.get("type") == "array":
        most = f", at most {schema['maxItems']}" if "maxItems" in schema else ""
        return f"array of {words(schema.get('items', {}))}{most}"
    return str(schema.get("type", "any JSON")) + _range(schema)


def _range(schema: dict[str, Any]) -> str:
    if "maxLength" in schema:
        return f", {schema.get('minLength', 0)} to {schema['maxLength']} characters"
    lowest = f"> {_number(schema['exclusiveMinimum'])}" if "exclusiveMinimum" in schema else None
    if "minimum" in schema:
        lowest = f"≥ {_number(schema['minimum'])}"
    highest = f"≤ {_number(schema['maximum'])}" if "maximum" in schema else None
    return "".join(f", {one}" for one in (lowest, highest) if one)


def _number(value: float) -> str:
    return f"{value:_.0f}".replace("_", " ") if value == int(value) else str(value)


def _named(schema: dict[str, Any]) -> str | None:
    reference: str | None = schema.get("$ref")
    return None if reference is None else reference.rpartition("/")[2]


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
