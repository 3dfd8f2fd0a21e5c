"""JSON Schema of the host API: params and result of every host method, for those who write guests or editors."""

from types import NoneType
from typing import Any, Final

import msgspec

from plugind_protocol import descriptions
from plugind_protocol.host import HOST_METHODS, MODULES, PROVIDER_METHODS, events
from plugind_protocol.table import HostMethod, Method, Open

SCHEMA: Final = "https://json-schema.org/draft/2020-12/schema"
_REF: Final = "#/$defs/{name}"


def document() -> dict[str, Any]:
    """Build the document.

    Returns:
        A schema whose ``properties`` are the host methods, each with ``params`` and ``result``; further facts of a
        method are in ``x-`` fields: ``x-sends`` is what the editor gets, where that is something else than the params.
        ``x-event`` is what a guest gets by the reserved method ``event``.
    """
    rows: list[Method] = [*HOST_METHODS.values(), *PROVIDER_METHODS.values()]
    types = [NoneType if one is None else one for row in rows for one in (row.params, row.result)]
    sent = {row.name: row.sends for row in HOST_METHODS.values() if row.sends is not None}
    references, components = msgspec.json.schema_components([*types, events.Event, *sent.values()], ref_template=_REF)
    descriptions.add(components, *MODULES)
    for name in _open():
        components[name]["additionalProperties"] = True
    pairs = iter(references)
    described = {row.name: _described(row, next(pairs), next(pairs)) for row in rows}
    event = next(pairs)
    for name, reference in zip(sent, pairs, strict=True):
        described[name]["x-sends"] = reference
    return {
        "$schema": SCHEMA,
        "title": "Host API of plugind",
        "type": "object",
        "properties": {row.name: described[row.name] for row in HOST_METHODS.values()},
        "x-providerMethods": {row.name: described[row.name] for row in PROVIDER_METHODS.values()},
        "x-event": event,
        "$defs": dict(sorted(components.items())),
    }


def _open() -> list[str]:
    values = [value for module in MODULES for value in vars(module).values()]
    return [one.__name__ for one in values if isinstance(one, type) and issubclass(one, Open) and one is not Open]


def _described(row: Method, params: dict[str, Any], result: dict[str, Any]) -> dict[str, Any]:
    schema: dict[str, Any] = {
        "description": row.summary,
        "type": "object",
        "properties": {"params": params, "result": result},
    }
    if isinstance(row, HostMethod):
        schema |= {"x-permission": row.permission, "x-scope": row.scope, "x-provider": row.provider}
        schema |= {"x-edits": row.edits}
    return schema
