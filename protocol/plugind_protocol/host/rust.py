"""The Rust types and calls of the host API, made from the table: ``sdk/rust/timeline-studio-sdk/src/generated.rs``."""

import inspect
import json
import re
from typing import Any, Final

from plugind_protocol.host import HOST_METHODS, MODULES, sdks
from plugind_protocol.host.document import document
from plugind_protocol.table import HostMethod

_HEAD: Final = """\
//! Types and calls of the host API. Made from the method table by `make generate`: do not edit.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::Result;
use crate::host::{call, call_null};

fn is_false(value: &bool) -> bool {
    !value
}

fn yes() -> bool {
    true
}
"""

_MOST_ARGUMENTS: Final = 3
_KEYWORDS: Final = frozenset({"type", "move", "ref", "in", "use", "where"})
_INTEGER_32: Final = 2**32
_DERIVES: Final = "Clone, Debug, PartialEq, Serialize, Deserialize"


def source() -> str:
    """Return the text of the Rust module."""
    schema = document()
    definitions: dict[str, Any] = schema["$defs"]
    asked = sdks.reached(definitions, sdks.params())
    answered = sdks.reached(definitions, sdks.answers())
    shown = answered | sdks.reached(definitions, _in_signatures(definitions))
    parts = [_HEAD, _codes()]
    parts += [_namespace(module, definitions) for module in MODULES]
    parts += [
        _struct(name, definitions, asked=name in asked, answered=name in answered, shown=name in shown)
        for name in sorted(asked | answered)
        if name != "Empty"
    ]
    parts.append(_examples())
    return "\n".join(parts)


_TESTS: Final = """\
#[cfg(test)]
mod examples {
    use super::*;

    /// Whether all that is in the first value is in the second.
    fn covered(one: &Value, other: &Value) -> bool {
        match (one, other) {
            (Value::Object(one), Value::Object(other)) => {
                one.iter().all(|(key, value)| other.get(key).is_some_and(|found| covered(value, found)))
            }
            (Value::Array(one), Value::Array(other)) => {
                one.len() == other.len() && one.iter().zip(other).all(|(one, other)| covered(one, other))
            }
            (Value::Number(one), Value::Number(other)) => one.as_f64() == other.as_f64(),
            _ => one == other,
        }
    }

    fn goes_through<T: Serialize + serde::de::DeserializeOwned>(text: &str) {
        let value: Value = serde_json::from_str(text).unwrap();
        let typed: T = serde_json::from_value(value.clone()).unwrap();
        let again = serde_json::to_value(typed).unwrap();
        assert!(covered(&value, &again), "{value} became {again}");
    }

    #[test]
    fn go_through_the_types_unchanged() {
"""


def _examples() -> str:
    """Return tests: the examples of the table go through the types and come out as they were."""
    lines = []
    for row in HOST_METHODS.values():
        pairs = [(row.params.__name__, row.example.params)] if row.example.params else []
        pairs += [(row.result.__name__, row.example.result)] if row.result is not None else []
        lines += [f'        goes_through::<{name}>(r#"{json.dumps(value)}"#);' for name, value in pairs]
    return _TESTS + "\n".join([*lines, "    }", "}", ""])


def _in_signatures(definitions: dict[str, Any]) -> list[str]:
    """Return the types that calls take as arguments; params that are taken apart are nobody's business."""
    names: list[str] = []
    for name in (row.params.__name__ for module in MODULES for row in sdks.generated(module)):
        names += sdks.referred(definitions[name]) if _taken_apart(definitions[name]) else [name]
    return names


def _codes() -> str:
    lines = ["/// Codes of errors that the host answers, by [`Error::code`](crate::Error::code).", "pub mod codes {"]
    for code, name, about in sdks.codes():
        lines += [f"    /// {about}", f"    pub const {_snake(name).upper()}: i32 = {code};"]
    return "\n".join([*lines, "}", ""])


def _namespace(module: Any, definitions: dict[str, Any]) -> str:
    about = (inspect.getdoc(module) or "").strip()
    title = module.NAMESPACE.capitalize()
    lines = [*_doc(about), "#[derive(Clone, Copy, Debug)]", "#[non_exhaustive]", f"pub struct {title};", ""]
    if rows := sdks.generated(module):
        lines += [f"impl {title} {{", "\n\n".join(_method(row, definitions) for row in rows), "}", ""]
    return "\n".join(lines)


def _method(row: HostMethod, definitions: dict[str, Any]) -> str:
    name = _snake(row.name.partition(".")[2])
    params = definitions[row.params.__name__]
    arguments, value = _arguments(row.params.__name__, params)
    result = sdks.result(row)
    function = "call_null" if result is None else "call"
    return "\n".join(
        [
            *_doc(f"{row.summary}\n\n`{row.name}`. {sdks.permission(row)}", "    "),
            f"    pub async fn {name}(&self{arguments}) -> Result<{result or '()'}> {{",
            f'        {function}("{row.name}", &{value}).await',
            "    }",
        ]
    )


def _arguments(name: str, schema: dict[str, Any]) -> tuple[str, str]:
    """Return the arguments of a call, and its params made of them."""
    if not schema.get("properties"):
        return "", "serde_json::json!({})"
    if not _taken_apart(schema):
        return f", params: {name}", "params"
    arguments, values = _required(name, schema)
    return "".join(f", {one}" for one in arguments), f"{name} {{ {', '.join(values)} }}"


def _taken_apart(schema: dict[str, Any]) -> bool:
    """Whether a call takes the fields one by one: where they are few, and none can be left out."""
    properties = schema.get("properties", {})
    return len(properties) <= _MOST_ARGUMENTS and not set(properties) - set(schema.get("required", ()))


def _required(name: str, schema: dict[str, Any]) -> tuple[list[str], list[str]]:
    """Return the required fields as arguments, and as fields made of these."""
    arguments, values = [], []
    for wire in schema.get("required", ()):
        field, kind = _field_name(wire), _type(schema["properties"][wire], f"{name}{_pascal(wire)}")
        if kind == "String" or schema["properties"][wire].get("anyOf"):
            arguments.append(f"{field}: impl Into<{kind}>")
            values.append(f"{field}: {field}.into()")
        elif kind == "Value":
            arguments.append(f"{field}: impl Serialize")
            values.append(f"{field}: serde_json::to_value({field})?")
        else:
            arguments.append(f"{field}: {kind}")
            values.append(field)
    return arguments, values


def _struct(name: str, definitions: dict[str, Any], *, asked: bool, answered: bool, shown: bool) -> str:
    schema = definitions[name]
    required = schema.get("required", ())
    visible = "pub" if shown else "pub(crate)"
    lines: list[str] = []
    enums: list[str] = []
    for wire, one in schema.get("properties", {}).items():
        inner = f"{name}{_pascal(wire)}"
        kind, attributes = _field(one, inner, needed=wire in required, answered=answered)
        field = _field_name(wire)
        if _camel(field.removeprefix("r#")) != wire:
            attributes.insert(0, f'rename = "{wire}"')
        lines += _doc(one.get("description", ""), "    ")
        lines += [f"    #[serde({', '.join(attributes)})]"] if attributes else []
        lines.append(f"    {visible} {field}: {kind},")
        enums += _enums(one, inner, visible)
    derives = ("Default, " if asked and _defaults(name, definitions) else "") + _DERIVES
    closed = ["#[non_exhaustive]"] if answered and not asked else []
    text = [*_doc(schema.get("description", "")), f"#[derive({derives})]", '#[serde(rename_all = "camelCase")]']
    text += [*closed, f"{visible} struct {name} {{", *lines, "}", ""]
    text += [_new(name, schema)] if asked and shown and required and _defaults(name, definitions) else []
    return "\n".join([*text, *enums])


def _new(name: str, schema: dict[str, Any]) -> str:
    """Return a constructor that takes what is required, where the rest can be left out."""
    arguments, values = _required(name, schema)
    if any("to_value" in value for value in values):
        return ""
    rest = [] if set(schema["properties"]) == set(schema["required"]) else ["..Self::default()"]
    return "\n".join(
        [
            f"impl {name} {{",
            "    /// With what is required; the rest as the host chooses.",
            f"    pub fn new({', '.join(arguments)}) -> Self {{",
            f"        Self {{ {', '.join([*values, *rest])} }}",
            "    }",
            "}",
            "",
        ]
    )


def _field(schema: dict[str, Any], inner: str, *, needed: bool, answered: bool) -> tuple[str, list[str]]:
    """Return the type of a field, and what serde has to know of it."""
    kind = _type(schema, inner)
    if needed:
        return kind, []
    if kind.startswith("Option<"):
        return kind, ["default", 'skip_serializing_if = "Option::is_none"']
    given = schema.get("default")
    if given is True and answered:
        return kind, ['default = "yes"']
    if given not in (None, "", [], {}, False, 0):
        return f"Option<{kind}>", ["default", 'skip_serializing_if = "Option::is_none"']
    empty = {"bool": "is_false", "String": "String::is_empty", "Value": "Value::is_null"}.get(kind)
    empty = "Vec::is_empty" if kind.startswith("Vec<") else "Map::is_empty" if kind.startswith("Map<") else empty
    return kind, ["default", *([f'skip_serializing_if = "{empty}"'] if empty else [])]


_SCALARS: Final = {"string": "String", "number": "f64", "boolean": "bool", "object": "Map<String, Value>"}


def _type(schema: dict[str, Any], inner: str) -> str:
    """Return a type; ``inner`` is the name of the enumeration that stands there, if one does."""
    some = [one for one in schema.get("anyOf", ()) if one.get("type") != "null"]
    if "enum" in schema or len(some) > 1:
        return inner
    if some:
        return f"Option<{_type(some[0], inner)}>"
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if schema.get("type") == "array":
        return f"Vec<{_type(schema.get('items', {}), inner)}>"
    return _integer(schema) if schema.get("type") == "integer" else _SCALARS.get(str(schema.get("type")), "Value")


def _integer(schema: dict[str, Any]) -> str:
    lowest = schema.get("minimum", schema.get("exclusiveMinimum"))
    if lowest is None or lowest < 0:
        return "i64"
    return "u32" if schema.get("maximum", _INTEGER_32) < _INTEGER_32 else "u64"


def _enums(schema: dict[str, Any], inner: str, visible: str) -> list[str]:
    """Return the enumerations that a field needs."""
    some = [one for one in schema.get("anyOf", ()) if one.get("type") != "null"]
    if len(some) > 1:
        return [_union(inner, some)]
    if "enum" not in schema:
        return []
    lines = [
        f"/// Values of [`{inner}`]'s field.",
        "#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]",
    ]
    lines[0] = _doc(schema.get("description", ""))[0] if schema.get("description") else lines[0]
    lines += ["#[non_exhaustive]", f"{visible} enum {inner} {{"]
    for value in schema["enum"]:
        lines += [f"    /// `{value}`", f'    #[serde(rename = "{value}")]', f"    {_pascal(_worded(value))},"]
    return ["\n".join([*lines, "}", ""])]


def _union(inner: str, some: list[dict[str, Any]]) -> str:
    """Return an enumeration of types that are told apart by their shape."""
    lines = ["/// One of several types.", f"#[derive({_DERIVES})]", "#[serde(untagged)]", f"pub enum {inner} {{"]
    froms = []
    for one in some:
        kind = _type(one, inner)
        variant = "Id" if kind == "String" else kind
        lines += [
            f"    /// {'The id of one.' if kind == 'String' else f'All of a [`{kind}`].'}",
            f"    {variant}({kind}),",
        ]
        froms += [(variant, kind), *([(variant, "&str")] if kind == "String" else [])]
    lines += ["}", ""]
    for variant, kind in froms:
        lines += [f"impl From<{kind}> for {inner} {{", f"    fn from(value: {kind}) -> Self {{"]
        lines += [f"        Self::{variant}(value{'.into()' if kind == '&str' else ''})", "    }", "}", ""]
    return "\n".join(lines)


def _defaults(name: str, definitions: dict[str, Any]) -> bool:
    """Whether the type can have a default: no required field is an enumeration, or a type without one."""
    schema = definitions[name]
    for wire in schema.get("required", ()):
        one = schema["properties"][wire]
        if "enum" in one or len(one.get("anyOf", ())) > 1 + any(o.get("type") == "null" for o in one.get("anyOf", ())):
            return False
        if "$ref" in one and not _defaults(one["$ref"].rpartition("/")[2], definitions):
            return False
    return True


def _doc(text: str, indent: str = "") -> list[str]:
    return [f"{indent}/// {line}".rstrip() for line in sdks.prose(text).splitlines()]


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower()


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


def _pascal(name: str) -> str:
    return name[:1].upper() + name[1:]


def _worded(value: str) -> str:
    """Return a value as the name of a variant: ``image/png`` is ``ImagePng``."""
    return "".join(_pascal(part) for part in re.split(r"[^A-Za-z0-9]+", value))


def _field_name(wire: str) -> str:
    name = _snake(wire)
    return f"r#{name}" if name in _KEYWORDS else name
