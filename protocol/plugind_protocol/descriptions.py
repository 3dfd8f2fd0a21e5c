"""Descriptions of struct fields, from the strings below them in the source: so that units and ranges reach the schemas.

Python keeps no docstrings of attributes; they are read from the source text. Where a distribution has no source, there
are no descriptions, and nothing else changes.
"""

import ast
import inspect
from collections.abc import Iterator
from functools import cache
from types import ModuleType
from typing import Any

import msgspec


def add(components: dict[str, Any], *modules: ModuleType) -> None:
    """Add descriptions to schemas.

    Args:
        components: JSON Schemas by class name, as msgspec makes them; changed in place.
        *modules: Where the classes are defined.
    """
    for module in modules:
        texts = _read(module)
        for name, cls in vars(module).items():
            if isinstance(cls, type) and issubclass(cls, msgspec.Struct) and name in texts and name in components:
                _describe(components[name].get("properties", {}), cls, texts[name])


def _describe(properties: dict[str, Any], cls: type[msgspec.Struct], texts: dict[str, str]) -> None:
    for field in msgspec.structs.fields(cls):
        if field.name in texts and field.encode_name in properties:
            properties[field.encode_name]["description"] = texts[field.name]


@cache
def _read(module: ModuleType) -> dict[str, dict[str, str]]:
    """Return the texts below the fields of a module's classes: class → field → text."""
    try:
        tree = ast.parse(inspect.getsource(module))
    except OSError:
        return {}
    return {node.name: dict(_fields(node)) for node in tree.body if isinstance(node, ast.ClassDef)}


def _fields(node: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for statement, below in zip(node.body, node.body[1:], strict=False):
        match statement, below:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                yield name, " ".join(text.split())
