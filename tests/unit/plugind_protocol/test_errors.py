"""Errors cross the wire and come back as what they were."""

import json

import msgspec
import pytest

from plugind_protocol import errors
from plugind_protocol.errors import BY_CODE, ErrorData, ErrorObject, PlugindError, from_object

CODES = {
    "ParseError": -32700,
    "InvalidRequest": -32600,
    "MethodNotFound": -32601,
    "InvalidParams": -32602,
    "InternalError": -32603,
    "RequestCancelled": -32800,
    "PluginNotFound": -32001,
    "InvalidState": -32002,
    "PermissionDenied": -32003,
    "ManifestInvalid": -32004,
    "Timeout": -32005,
    "MemoryLimit": -32006,
    "Trap": -32007,
    "WorkerCrashed": -32008,
    "Quarantined": -32009,
    "HostUnavailable": -32010,
    "TooLarge": -32011,
    "Overloaded": -32012,
    "SignatureInvalid": -32013,
    "DependencyConflict": -32014,
    "PackageInvalid": -32015,
    "UnsupportedAbi": -32016,
    "FunctionNotFound": -32017,
    "PluginError": -32018,
    "SandboxIncomplete": -32019,
    "NotFound": -32020,
}


def cross(error: PlugindError) -> PlugindError:
    return from_object(msgspec.json.decode(msgspec.json.encode(error.to_object()), type=ErrorObject))


def test_the_table_is_the_contract() -> None:
    assert {cls.__name__: code for code, cls in BY_CODE.items()} == CODES
    assert set(BY_CODE.values()) == {
        cls for cls in vars(errors).values() if isinstance(cls, type) and issubclass(cls, PlugindError)
    } - {PlugindError}


@pytest.mark.parametrize("cls", BY_CODE.values())
def test_every_class_comes_back(cls: type[PlugindError]) -> None:
    full = cls(
        "what happened",
        hint="what to do",
        plugin_id="@a/p",
        version="1.0.0",
        cause="trap",
        path="$.x",
        stack=["inner", "outer"],
        error=ErrorObject(7, "theirs", {"deep": [1]}),
    )
    for error in (full, cls("only a message")):
        back = cross(error)
        assert type(back) is cls
        assert (back.code, back.message, str(back), back.data) == (cls.code, error.message, error.message, error.data)
        assert back.data.kind == cls.__name__
        assert back.hint == error.hint == (error.data.hint or cls.default_hint)


def test_absent_fields_stay_off_the_wire() -> None:
    wire = json.loads(msgspec.json.encode(errors.RequestCancelled("cancelled").to_object()))
    assert wire == {"code": -32800, "message": "cancelled", "data": {"kind": "RequestCancelled"}}


def test_an_unknown_code_is_kept() -> None:
    back = from_object(ErrorObject(-32099, "from the future", {"kind": "Novelty", "hint": "update"}))
    assert type(back) is PlugindError
    assert (back.code, back.message, back.data.kind, back.hint) == (-32099, "from the future", "Novelty", "update")
    assert PlugindError.code == -32603


@pytest.mark.parametrize("data", [None, "text", 5, [1], {"kind": 5}, {"hint": "no kind"}])
def test_data_of_somebody_elses_shape_is_no_obstacle(data: object) -> None:
    back = from_object(ErrorObject(-32005, "late", data))
    assert type(back) is errors.Timeout
    assert back.hint == ""
    assert back.data.kind == "Timeout"


def test_wire_names_are_camel_case() -> None:
    assert json.loads(msgspec.json.encode(ErrorData(kind="k", plugin_id="p")))["pluginId"] == "p"
