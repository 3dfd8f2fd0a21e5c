"""JSON Schema of ``manifest.json``, for editors and store checks: as strict as `manifest.parse` where a schema can be.

What a schema cannot say stays with `manifest.parse`: reserved names, doubled keys, version ranges, what permissions
mean. Whatever this schema refuses, it refuses too.
"""

from typing import Any, Final

import msgspec

from plugind_protocol import descriptions, manifest, permissions
from plugind_protocol.permissions import ScopeKind

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_NUMBER: Final = r"(0|[1-9][0-9]*)"
_WORD: Final = rf"([0-9]*[a-zA-Z-][0-9a-zA-Z-]*|{_NUMBER})"
_VERSION: Final = rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}(-{_WORD}(\.{_WORD})*)?(\+[0-9a-zA-Z-]+(\.[0-9a-zA-Z-]+)*)?"
_RELATIVE: Final = r"(?!/)(?!(.*/)?\.\.(/|$))[^\\:\u0000-\u001f\u007f]+"
_SCOPES: Final = {
    ScopeKind.PATH: r"(:(?!/)[^:\\\u0000]+)?",
    ScopeKind.HOST: r"(:(\*\.)?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*)?",
    ScopeKind.NONE: "",
}


def document() -> dict[str, Any]:
    """Build the schema.

    Returns:
        JSON-encodable values, made anew by each call.
    """
    _, schemas = msgspec.json.schema_components([manifest.Manifest], ref_template="#/$defs/{name}")
    descriptions.add(schemas, manifest)
    top, metadata, limits = schemas["Manifest"], schemas["Metadata"], schemas["Limits"]
    for schema in (top, metadata):
        del schema["properties"]["extra"]
    limits["properties"] = {name: limits["properties"][wire] for name, wire in manifest.LIMIT_NAMES.items()}
    limits["propertyNames"] = {"not": {"enum": [wire for name, wire in manifest.LIMIT_NAMES.items() if wire != name]}}
    limits["description"] = "Resources the plugin wants less of than the defaults allow."
    _add_patterns(top["properties"], metadata["properties"])
    return {
        "$schema": _DIALECT,
        **top,
        "title": "manifest.json of a Timeline Studio plugin",
        "$defs": {"Limits": limits, "Metadata": metadata},
    }


def _add_patterns(top: dict[str, Any], metadata: dict[str, Any]) -> None:
    name = {"maxLength": manifest.MAX_NAME_LENGTH, "pattern": _whole(manifest.NAME_PATTERN)}
    suffixes = "|".join(suffix.removeprefix(".") for suffix in manifest.MAIN_SUFFIXES)
    top["name"] |= name
    top["version"] |= {"maxLength": 256, "pattern": _whole(_VERSION)}
    top["min_timeline_version"]["anyOf"][0] |= {"maxLength": 256, "pattern": _whole(_VERSION)}
    top["api_version"]["pattern"] = _whole(manifest.API_VERSION_PATTERN)
    top["main"]["pattern"] = _whole(rf"{_RELATIVE}\.({suffixes})")
    top["permissions"]["items"]["pattern"] = _whole(_permission())
    top["dependencies"] |= {"propertyNames": name}
    top["dependencies"]["additionalProperties"]["maxLength"] = 1024
    for paths in (top["resources"]["additionalProperties"], metadata["screenshots"]):
        paths["items"]["pattern"] = _whole(_RELATIVE)


def _permission() -> str:
    return "|".join(
        rf"({'|'.join(name.replace('.', '[.]') for name, one in permissions.NAMES.items() if one is kind)}){scope}"
        for kind, scope in _SCOPES.items()
    )


def _whole(pattern: str) -> str:
    return f"^({pattern})$"
