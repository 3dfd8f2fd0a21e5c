"""The host API's table: complete, described, and with examples that are what they say."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from plugind_protocol import errors, host, openrpc
from plugind_protocol.host import HOST_METHODS, MODULES, PROVIDER_METHODS, page
from plugind_protocol.host.document import document
from plugind_protocol.permissions import NAMES, ScopeKind
from plugind_protocol.table import HostMethod, Method

CONTRACT = {
    "timeline": "getState getCurrentTime getSelectedClips addClip removeClip updateClip",
    "media": "getInfo generateThumbnail",
    "effects": "register create applyToClip",
    "ui": "createPanel closePanel showDialog addMenuItem removeMenuItem showNotification pickFile pickDirectory",
    "file": "read write list stat remove",
    "storage": "get set remove keys clear",
    "events": "on off emit",
    "network": "request",
    "system": "getInfo",
}
DOCUMENT = document()
ROWS = pytest.mark.parametrize("row", HOST_METHODS.values(), ids=lambda row: row.name)


def test_the_names_of_the_contract_are_there() -> None:
    assert list(HOST_METHODS) == [f"{space}.{name}" for space, names in CONTRACT.items() for name in names.split()]
    assert list(PROVIDER_METHODS) == ["timeline.begin", "timeline.commit", "timeline.rollback"]
    assert [module.NAMESPACE for module in MODULES] == list(CONTRACT)
    assert host.__doc__ is not None


@ROWS
def test_examples_are_what_the_types_say(row: HostMethod) -> None:
    params = msgspec.json.decode(json.dumps(row.example.params), type=row.params)
    assert set(row.example.params) <= {field.encode_name for field in msgspec.structs.fields(params)}
    result = msgspec.json.decode(json.dumps(row.example.result), type=row.result)
    assert (result is None) == (row.result is None)
    schema = DOCUMENT["properties"][row.name]["properties"]
    for one, value in (("params", row.example.params), ("result", row.example.result)):
        jsonschema.Draft202012Validator({**schema[one], "$defs": DOCUMENT["$defs"]}).validate(value)


@ROWS
def test_permissions_scopes_and_errors_exist(row: HostMethod) -> None:
    assert row.permission in NAMES
    assert (row.scope is not None) == (NAMES[row.permission] is ScopeKind.PATH)
    assert errors.PermissionDenied in openrpc.host_errors(row)
    assert row.edits == (row.permission in ("timeline.write", "effects.apply"))
    assert row.provider == ("editor" if row.name.split(".")[0] in ("timeline", "media", "ui") else row.provider)


def test_every_field_is_described() -> None:
    missing = [
        f"{name}.{field}"
        for name, schema in DOCUMENT["$defs"].items()
        for field, one in schema.get("properties", {}).items()
        if not one.get("description")
    ]
    assert missing == []


def structs(row: Method) -> list[Any]:
    return [one for one in (row.params, row.result) if isinstance(one, type) and issubclass(one, msgspec.Struct)]


def test_params_refuse_and_results_do_not_what_they_do_not_know() -> None:
    for row in HOST_METHODS.values():
        params, *result = structs(row)
        assert params.__struct_config__.forbid_unknown_fields is (row.name != "effects.register"), row.name
        assert all(not one.__struct_config__.forbid_unknown_fields for one in result), row.name


def test_the_document_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(DOCUMENT)
    assert DOCUMENT["properties"]["media.getInfo"]["x-scope"] == "path"
    assert DOCUMENT["$defs"]["Clip"]["additionalProperties"] is True


def test_the_page_has_everything_and_its_links_lead_somewhere() -> None:
    text = page.page()
    headings = {line.strip("# `").removesuffix(" (open)").lower() for line in text.splitlines() if line.startswith("#")}
    anchors = {heading.replace(".", "").replace(" ", "-") for heading in headings}
    linked = {part.split(")")[0] for part in text.split("](#")[1:]}
    assert linked - anchors == set()
    assert all(f"### `{name}`" in text for name in [*HOST_METHODS, *PROVIDER_METHODS])
    assert (Path(__file__).parents[3] / "docs/host-api.md").read_text("utf-8") == text
