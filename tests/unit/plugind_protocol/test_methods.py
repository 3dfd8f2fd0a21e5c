"""The method table: the contract's names, types that can cross the wire, and what is generated from it."""

import ast
import importlib.util
import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from plugind_protocol import descriptions, errors, manifest, manifest_schema, methods, openrpc, worker
from plugind_protocol.host import HOST_METHODS, PROVIDER_METHODS
from plugind_protocol.methods import CLIENT_NOTIFICATIONS, METHODS, NOTIFICATIONS, Method
from plugind_protocol.permissions import NAMES

PROTOCOL = Path(__file__).parents[3] / "protocol"
TABLES = (METHODS, NOTIFICATIONS, CLIENT_NOTIFICATIONS, HOST_METHODS, PROVIDER_METHODS)
ROWS: list[Method] = [row for table in TABLES for row in table.values()]
CONTRACT = {
    "initialize",
    "rpc.discover",
    "daemon.status",
    "daemon.metrics",
    "daemon.shutdown",
    "plugins.install",
    "plugins.uninstall",
    "plugins.load",
    "plugins.unload",
    "plugins.activate",
    "plugins.deactivate",
    "plugins.enable",
    "plugins.disable",
    "plugins.reload",
    "plugins.list",
    "plugins.get",
    "plugins.getState",
    "plugins.call",
    "plugins.grant",
    "plugins.revoke",
    "plugins.getPermissions",
    "effects.list",
    "effects.process",
    "frames.open",
    "frames.close",
    "console.get",
    "console.clear",
}


def generator() -> Any:
    spec = importlib.util.spec_from_file_location("generate", PROTOCOL / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


DOCUMENT = openrpc.document()


def test_the_names_of_the_contract_are_there() -> None:
    assert set(METHODS) >= CONTRACT
    assert {"plugins.stateChanged", "plugins.console", "effects.changed", "$/progress"} <= set(NOTIFICATIONS)
    assert set(CLIENT_NOTIFICATIONS) == {"$/cancelRequest"}
    assert all(row.name == key for table in (METHODS, HOST_METHODS) for key, row in table.items())
    assert all(row.permission in NAMES for row in HOST_METHODS.values())


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_every_type_has_a_schema_and_decodes(row: Method) -> None:
    result = type(None) if row.result is None else row.result
    (params, _), components = msgspec.json.schema_components([row.params, result])
    jsonschema.Draft202012Validator.check_schema({**params, "$defs": components})
    msgspec.json.Decoder(row.params)
    msgspec.json.Decoder(result)
    assert row.summary.endswith(".") or row.name == "$/progress"


@pytest.mark.parametrize("row", METHODS.values(), ids=lambda row: row.name)
def test_params_refuse_what_they_do_not_know(row: Method) -> None:
    with pytest.raises(msgspec.ValidationError, match=r"unknown field|missing required"):
        msgspec.json.decode(b'{"pluginid":"x","zzz":1}', type=row.params)


def test_wire_names_are_camel_case() -> None:
    names = {name for schema in DOCUMENT["components"]["schemas"].values() for name in schema.get("properties", {})}
    assert {name for name in names if not re.fullmatch(r"[a-z][a-zA-Z0-9]*", name)} == set()
    assert {"pluginId", "timeoutMs", "from"} <= names


def test_payloads_stay_bytes_and_may_be_left_out() -> None:
    call = msgspec.json.decode(b'{"pluginId":"p","function":"f","args":{"a": [1]}}', type=methods.Call)
    assert bytes(call.args) == b'{"a": [1]}'
    assert bytes(msgspec.json.decode(b'{"pluginId":"p","function":"f"}', type=methods.Call).args) == b"null"


def test_times_fit_what_the_guest_gets() -> None:
    frame = msgspec.json.Decoder(methods.FrameRef)
    for pts in (-(2**63), 2**63 - 1):
        assert worker.PROCESS.pack(1, 1, 0, 0, frame.decode(b'{"windowId":1,"ptsUs":%d}' % pts).pts_us)
    for pts in (-(2**63) - 1, 2**63, 2**70):
        with pytest.raises(msgspec.ValidationError, match=r"ptsUs|out of range"):
            frame.decode(b'{"windowId":1,"ptsUs":%d}' % pts)


# --- OpenRPC ------------------------------------------------------------------------------------------------------


def test_the_document_lists_every_row() -> None:
    listed = {
        key: [row["name"] for row in DOCUMENT[key]]
        for key in ("methods", "x-notifications", "x-clientNotifications", "x-hostMethods", "x-providerMethods")
    }
    assert listed == {
        "methods": list(METHODS),
        "x-notifications": list(NOTIFICATIONS),
        "x-clientNotifications": list(CLIENT_NOTIFICATIONS),
        "x-hostMethods": list(HOST_METHODS),
        "x-providerMethods": list(PROVIDER_METHODS),
    }
    assert DOCUMENT["openrpc"].startswith("1.3.")


def test_every_method_says_what_may_go_wrong() -> None:
    assert set(METHODS) <= set(openrpc.ERRORS), "add the method to openrpc.ERRORS"
    assert {name: error["code"] for name, error in DOCUMENT["components"]["errors"].items()} == {
        cls.__name__: code for code, cls in errors.BY_CODE.items()
    }


def references(value: Any) -> list[str]:
    inner = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
    own = [value["$ref"]] if isinstance(value, dict) and "$ref" in value else []
    return own + [one for each in inner for one in references(each)]


def test_every_reference_leads_somewhere_and_every_schema_is_used() -> None:
    used = set(references(DOCUMENT))
    for reference in used:
        kind, name = reference.removeprefix("#/components/").split("/")
        assert name in DOCUMENT["components"][kind]
    params = {row.params.__name__ for row in ROWS}
    assert {
        name for name in DOCUMENT["components"]["schemas"] if f"#/components/schemas/{name}" not in used
    } <= params | {"ErrorData"}


def test_params_with_a_default_come_last_and_no_name_twice() -> None:
    for row in DOCUMENT["methods"]:
        required = [one["required"] for one in row["params"]]
        assert required == sorted(required, reverse=True), row["name"]
        names = [one["name"] for one in row["params"]]
        assert len(names) == len(set(names))


def test_the_schemas_are_schemas() -> None:
    for schema in DOCUMENT["components"]["schemas"].values():
        jsonschema.Draft7Validator.check_schema(schema)
        jsonschema.Draft202012Validator.check_schema(schema)


def test_units_and_ranges_reach_the_document() -> None:
    call = next(row for row in DOCUMENT["methods"] if row["name"] == "plugins.call")
    assert next(one for one in call["params"] if one["name"] == "timeoutMs")["description"].startswith("Deadline in ms")
    assert DOCUMENT["components"]["schemas"]["Limits"]["properties"]["memoryBytes"]["anyOf"][0]["maximum"] == 2**32


def test_every_text_below_a_field_is_found() -> None:
    source = ast.parse(Path(str(methods.__file__)).read_text("utf-8"))
    written = sum(
        isinstance(one, ast.AnnAssign) and isinstance(below, ast.Expr)
        for node in source.body
        if isinstance(node, ast.ClassDef)
        for one, below in zip(node.body, node.body[1:], strict=False)
    )
    names = {
        cls.__name__: cls for cls in vars(methods).values() if isinstance(cls, type) and issubclass(cls, msgspec.Struct)
    }
    components = {
        name: {"properties": {field.encode_name: {} for field in msgspec.structs.fields(cls)}}
        for name, cls in names.items()
    }
    descriptions.add(components, methods)
    found = sum("description" in field for schema in components.values() for field in schema["properties"].values())
    assert found == written > 20


def test_without_source_there_are_no_descriptions(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_: object) -> str:
        raise OSError

    monkeypatch.setattr("inspect.getsource", missing)
    descriptions._read.cache_clear()
    try:
        assert "description" not in openrpc.document()["components"]["schemas"]["Call"]["properties"]["timeoutMs"]
    finally:
        descriptions._read.cache_clear()


# --- the manifest's schema ----------------------------------------------------------------------------------------

SCHEMA = manifest_schema.document()
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
GOOD = {"name": "@a/b", "version": "1.0.0-rc.1+b", "main": "x/y.wasm"}


def agree(fields: dict[str, Any]) -> bool:
    """Ask both; a schema may let through what only `parse` knows, never the other way round."""
    by_schema = VALIDATOR.is_valid(fields)
    try:
        manifest.parse(json.dumps(fields).encode())
    except errors.ManifestInvalid:
        return not by_schema
    assert by_schema, list(VALIDATOR.iter_errors(fields))
    return True


def test_it_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert set(SCHEMA["properties"]) == set(manifest.Manifest.__struct_fields__) - {"extra"}
    assert set(SCHEMA["$defs"]["Limits"]["properties"]) == set(manifest.Limits.__struct_fields__)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"future": {"x": 1}},
        {"metadata": {"future": 1, "price": 9.99, "screenshots": ["a/b.png"]}},
        {"limits": {"memory_bytes": 65536, "future": 1}},
        {"abi": None, "engine": None, "min_timeline_version": None},
        {"permissions": [*NAMES, "file.read:a/**", "network:*.a-b.c"]},
        {"dependencies": {"@a/b": "^1", "c": ""}},
        {"resources": {"any thing": ["shaders/", "a/.b/..c"]}},
        {"api_version": "1.5"},
        {"main": "..a/b.js"},
    ],
    ids=json.dumps,
)
def test_both_take(fields: dict[str, Any]) -> None:
    manifest.parse(json.dumps({**GOOD, **fields}).encode())
    assert agree({**GOOD, **fields})


@pytest.mark.parametrize(
    "fields",
    [
        {"name": []},
        {"name": "A"},
        {"name": "a" * 215},
        {"name": "a/b"},
        {"version": "1.0"},
        {"version": "01.0.0"},
        {"version": "1.0.0-01"},
        {"main": "/a.wasm"},
        {"main": "../a.wasm"},
        {"main": "a/../b.wasm"},
        {"main": "a.exe"},
        {"main": "a\\b.js"},
        {"main": "a:b.js"},
        {"main": "\u0000.js"},
        {"abi": "v8"},
        {"engine": "v8"},
        {"engine": 1},
        {"api_version": "one"},
        {"min_timeline_version": "1"},
        {"permissions": "storage"},
        {"permissions": ["file.delete"]},
        {"permissions": ["storage:x"]},
        {"permissions": ["file.read:"]},
        {"permissions": ["file.read:/a"]},
        {"permissions": ["network:*"]},
        {"dependencies": []},
        {"dependencies": {"A": "*"}},
        {"dependencies": {"a": 1}},
        {"dependencies": {"a": "1" * 1025}},
        {"resources": {"a": "b"}},
        {"resources": {"a": ["../b"]}},
        {"resources": {"a": ["b/.."]}},
        {"resources": {"a": [""]}},
        {"metadata": {"price": "1"}},
        {"metadata": {"price": -1}},
        {"metadata": {"screenshots": ["https://x"]}},
        {"limits": {"memory_bytes": 1}},
        {"limits": {"memoryBytes": 65536}},
        {"limits": None},
        {"metadata": None},
    ],
    ids=json.dumps,
)
def test_both_refuse(fields: dict[str, Any]) -> None:
    assert not VALIDATOR.is_valid({**GOOD, **fields})
    assert agree({**GOOD, **fields})


# --- the checked-in files -----------------------------------------------------------------------------------------


def test_the_checked_in_files_are_current() -> None:
    generate = generator()
    assert generate.stale(PROTOCOL / "schema") == {}, "run: python protocol/generate.py"


def test_stale_files_are_found_and_written_anew(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    generate = generator()
    arguments = ["--folder", str(tmp_path / "new"), "--docs", str(tmp_path / "docs"), "--sdk", str(tmp_path / "sdk")]
    assert generate.main([*arguments, "--check"]) == 1
    assert generate.main(arguments) == 0
    assert generate.main([*arguments, "--check"]) == 0
    (tmp_path / "new/openrpc.json").write_text("{}")
    capsys.readouterr()
    assert generate.main([*arguments, "--check"]) == 1
    assert "openrpc.json is stale" in capsys.readouterr().err


def test_the_document_is_the_same_each_time() -> None:
    first = openrpc.document()
    first["methods"].clear()
    assert openrpc.document() == DOCUMENT
