"""Manifests: the specification's sample, every fault with its path, nothing known lost and nothing unknown either."""

import contextlib
import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugind_protocol import manifest
from plugind_protocol.errors import ManifestInvalid
from plugind_protocol.manifest import Limits, Manifest, Metadata, parse
from plugind_protocol.permissions import NAMES, Permission

BASE = {"name": "p", "version": "1.0.0", "main": "p.wasm"}

SAMPLE = """{
  "name": "my-awesome-plugin", "version": "1.0.0", "description": "Awesome video effects plugin", "author": "John Doe",
  "license": "MIT", "main": "index.wasm", "type": "effect", "api_version": "1.0", "min_timeline_version": "0.9.0",
  "permissions": ["timeline.read", "timeline.write", "file.read", "ui.create"],
  "dependencies": {"@timeline-studio/sdk": "^1.0.0"},
  "resources": {"shaders": ["shaders/"], "assets": ["assets/"], "locales": ["locales/"]},
  "metadata": {"category": "effects", "tags": ["video", "color", "grading"], "price": 9.99,
    "screenshots": ["screenshot1.png", "screenshot2.png"]}
}"""


def fault(text: str | bytes) -> str:
    with pytest.raises(ManifestInvalid) as caught:
        parse(text.encode() if isinstance(text, str) else text)
    assert caught.value.data.path is not None
    assert caught.value.data.path in caught.value.message
    assert len(caught.value.message) < 1000
    return caught.value.data.path


def fault_of(**fields: Any) -> str:
    return fault(json.dumps({**BASE, **fields}))


def test_the_sample_of_the_specification() -> None:
    parsed = parse(SAMPLE.encode())
    assert json.loads(manifest.encode(parsed)) == json.loads(SAMPLE)
    assert parsed.requested == tuple(map(Permission, ("timeline.read", "timeline.write", "file.read", "ui.create")))
    assert parsed.metadata.price == 9.99
    assert parsed.extra == {}


def test_three_fields_are_enough() -> None:
    parsed = parse(json.dumps(BASE).encode())
    assert parsed == Manifest(name="p", version="1.0.0", main="p.wasm")
    assert (parsed.type, parsed.api_version, parsed.abi, parsed.limits) == ("tool", "1.0", None, Limits())


@pytest.mark.parametrize("name", BASE)
def test_three_fields_are_needed(name: str) -> None:
    assert fault(json.dumps({key: value for key, value in BASE.items() if key != name})) == "$"


WRONG: list[Any] = [None, True, 1, 1.5, "x", [], {}, [1], {"x": 1}, [None], {"x": None}, [["x"]], {"x": {}}]
RIGHT: dict[str, Any] = {
    "name": str,
    "version": str,
    "main": str,
    "description": str,
    "author": str,
    "license": str,
    "type": str,
    "api_version": str,
    "min_timeline_version": (str, type(None)),
    "abi": (str, type(None)),
    "engine": (str, type(None)),
    "permissions": list,
    "dependencies": dict,
    "resources": dict,
    "config": dict,
    "metadata": dict,
    "limits": dict,
}


def test_every_field_is_known_here() -> None:
    assert set(RIGHT) == set(Manifest.__struct_fields__) - {"extra"}


@pytest.mark.parametrize("field", RIGHT)
@pytest.mark.parametrize("value", WRONG, ids=json.dumps)
def test_every_wrong_type_is_refused_at_its_path(field: str, value: Any) -> None:
    if not isinstance(value, RIGHT[field]):
        assert fault_of(**{field: value}) == f"$.{field}"


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("$.permissions[1]", {"permissions": ["storage", 1]}),
        ("$.permissions[0]", {"permissions": [["storage"]]}),
        ("$.dependencies.a", {"dependencies": {"a": 1}}),
        ('$.dependencies["@a/b"]', {"dependencies": {"c": "1", "@a/b": None}}),
        ("$.config.look", {"config": {"look": 5}}),
        ("$.config", {"config": {"look": "x" * 8192}}),
        ("$.resources.shaders", {"resources": {"shaders": "shaders/"}}),
        ('$.resources["x y"][1]', {"resources": {"x y": ["a", 1]}}),
        ("$.metadata.price", {"metadata": {"price": "9.99"}}),
        ("$.metadata.price", {"metadata": {"price": True}}),
        ("$.metadata.price", {"metadata": {"price": -1}}),
        ("$.metadata.tags[1]", {"metadata": {"tags": ["a", 1]}}),
        ("$.metadata.category", {"metadata": {"category": ["effects"]}}),
        ("$.metadata.screenshots", {"metadata": {"screenshots": "a.png"}}),
        ("$.limits.memory_bytes", {"limits": {"memory_bytes": "65536"}}),
        ("$.limits.memory_bytes", {"limits": {"memory_bytes": 65535}}),
        ("$.limits.memory_bytes", {"limits": {"memory_bytes": 2**32 + 1}}),
        ("$.limits.memory_bytes", {"limits": {"memory_bytes": 70000.5}}),
        ("$.limits.cpu_seconds", {"limits": {"cpu_seconds": 0}}),
        ("$.limits.call_timeout_ms", {"limits": {"call_timeout_ms": 3_600_001}}),
        ("$.limits.file_descriptors", {"limits": {"file_descriptors": -1}}),
        ("$.limits.storage_bytes", {"limits": {"storage_bytes": True}}),
        ("$.limits.memoryBytes", {"limits": {"memoryBytes": 65536}}),
    ],
)
def test_faults_inside_are_named_by_their_own_path(path: str, fields: dict[str, Any]) -> None:
    assert fault_of(**fields) == path


@pytest.mark.parametrize(
    "name",
    [
        "",
        "A",
        "a b",
        "a/b",
        "@/a",
        "@a/",
        "@a",
        "@a/b/c",
        "@A/b",
        "-a",
        ".a",
        "_a",
        "..",
        "a\n",
        "é",
        "a" * 215,
        "@" + "a" * 213 + "/b",
        "node_modules",
        "manifest.json",
        "con",
        "com1",
        "@a/nul",
        "__proto__",
        "a" * 200_000,
    ],
)
def test_names(name: str) -> None:
    assert fault_of(name=name) == "$.name"


@pytest.mark.parametrize("name", ["a", "0", "a.b-c_d", "@a/b", "@timeline-studio/sdk", "a" * 214])
def test_good_names(name: str) -> None:
    assert parse(json.dumps({**BASE, "name": name}).encode()).name == name


@pytest.mark.parametrize(
    "version",
    ["", "1", "1.0", "v1.0.0", "1.0.0.0", "01.0.0", "1.0.0-01", "latest", "^1.0.0", "1.0.0\n", "9" * 5000 + ".0.0"],
)
def test_versions(version: str) -> None:
    assert fault_of(version=version) == "$.version"
    assert fault_of(min_timeline_version=version) == "$.min_timeline_version"


@pytest.mark.parametrize("version", ["", "one", "1.", "2.0", "0.9", "1.0.0.0", "-1", "1.0\n", "1" * 100])
def test_api_versions(version: str) -> None:
    assert fault_of(api_version=version) == "$.api_version"


@pytest.mark.parametrize("version", ["1", "1.0", "1.0.0"])
def test_good_api_versions(version: str) -> None:
    assert parse(json.dumps({**BASE, "api_version": version}).encode()).api_version == version


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/a.wasm",
        "../a.wasm",
        "a/../b.wasm",
        "a/..",
        "..",
        "a\\b.wasm",
        "C:a.wasm",
        "a\0.wasm",
        "a\n.wasm",
        "a.exe",
        "a",
        "a.wasm/",
    ],
)
def test_main(path: str) -> None:
    assert fault_of(main=path) == "$.main"


@pytest.mark.parametrize("path", ["", "/etc", "..", "a/../..", "a\\b", "file:x", "a\x7f", "https://example.com/a.png"])
def test_resources_and_screenshots_stay_inside(path: str) -> None:
    assert fault_of(resources={"assets": ["a/", path]}) == "$.resources.assets[1]"
    assert fault_of(metadata={"screenshots": [path]}) == "$.metadata.screenshots[0]"


@pytest.mark.parametrize(
    ("field", "good"), [("abi", ["timeline", "numeric", "javascript", "extism"]), ("engine", ["wasmtime", "wasmer"])]
)
def test_choices(field: str, good: list[str]) -> None:
    for value in good:
        assert getattr(parse(json.dumps({**BASE, field: value}).encode()), field) == value
    for value in ("", "Timeline", "v8", "wasmtime "):
        assert fault_of(**{field: value}) == f"$.{field}"


def test_permissions_are_checked_one_by_one() -> None:
    assert fault_of(permissions=["storage", "file.delete"]) == "$.permissions[1]"
    assert fault_of(permissions=["file.read:../x"]) == "$.permissions[0]"
    assert fault_of(permissions=["x" * 200_000]) == "$.permissions[0]"
    assert len(parse(json.dumps({**BASE, "permissions": list(NAMES)}).encode()).requested) == len(NAMES)


def test_dependencies_are_checked_one_by_one() -> None:
    good = {"@a/b": "^1.2.3 || >=2 <3", "c": "*", "d": "1.0.0-rc.1", "e": ""}
    assert parse(json.dumps({**BASE, "dependencies": good}).encode()).dependencies == good
    for wanted in ("latest", ">>1", "1.2.3.4", "git://x", "1" * 2000):
        assert fault_of(dependencies={"c": "*", "@a/b": wanted}) == '$.dependencies["@a/b"]'
    assert fault_of(dependencies={"A": "*"}) == "$.dependencies.A"
    assert fault_of(dependencies={"a b": "*"}) == '$.dependencies["a b"]'


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("$", ""),
        ("$", "[]"),
        ("$", "null"),
        ("$", '"x"'),
        ("$", "{"),
        ("$", '{"a":1,}'),
        ("$", "{'a':1}"),
        ("$", "{} {}"),
        ("$", '{"a":NaN}'),
        ("$", '{"a":-Infinity}'),
        ("$", '{"a":1e999}'),
        ("$", '{"a":' + "1" * 5000 + "}"),
        ("$", '{"a":"\\ud800"}'),
        ("$", "\ufeff{}"),
        ("$", '{"a":' + "[" * 200 + "]" * 200 + "}"),
        ("$", "[" * 100_000),
        ("$", '{"a":"' + "x" * (256 * 1024) + '"}'),
        ("$.name", '{"name":"a","version":"1.0.0","main":"a.wasm","name":"b"}'),
        ("$.name", '{"name":"a","version":"1.0.0","main":"a.wasm","n\\u0061me":"b"}'),
        ("$.metadata.price", '{"metadata":{"price":1,"price":2}}'),
        ("$.x[1].y", '{"x":[{"y":1},{"y":1,"z":2,"y":1}]}'),
        ('$["a b"].c', '{"a b":{"c":1,"c":2}}'),
        ("$.__proto__", '{"__proto__":{"name":"x"}}'),
        ("$.x[0].__proto__", '{"x":[{"__proto__":1}]}'),
        ("$.x", '{"x":{"a":1,"a":2},"x":1}'),
    ],
)
def test_texts(path: str, text: str) -> None:
    assert fault(text) == path


def test_not_utf8() -> None:
    assert fault(b'{"name":"\xff"}') == "$"


def test_unknown_fields_are_kept() -> None:
    fields = {
        **BASE,
        "homepage": "x",
        "extra": {"a": [1]},
        "Name": 1,
        "metadata": {"rating": 5, "extra": 0, "price": 1.5},
    }
    parsed = parse(json.dumps(fields).encode())
    assert parsed.extra == {"homepage": "x", "extra": {"a": [1]}, "Name": 1}
    assert parsed.metadata == Metadata(price=1.5, extra={"rating": 5, "extra": 0})
    assert json.loads(manifest.encode(parsed)) == fields
    assert parse(json.dumps({**BASE, "limits": {"gpu_ms": 5}}).encode()).limits == Limits()


WORD = st.text("abcxyz", min_size=1, max_size=6)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=4,
)
UNKNOWN = st.dictionaries(WORD.map("x-{}".format), JSON, max_size=2)
PATHS = st.lists(st.lists(WORD, min_size=1, max_size=3).map("/".join), max_size=3)
MANIFESTS = st.builds(
    Manifest,
    name=WORD | WORD.map("@a/{}".format),
    version=st.sampled_from(["0.0.1", "1.2.3-rc.1", "10.0.0+b"]),
    main=WORD.map("{}.wasm".format),
    description=st.text(max_size=10),
    author=st.text(max_size=10),
    license=st.text(max_size=5),
    type=WORD,
    abi=st.sampled_from([None, "timeline", "numeric"]),
    engine=st.sampled_from([None, "wasmtime", "wasmer"]),
    min_timeline_version=st.sampled_from([None, "0.9.0"]),
    permissions=st.lists(st.sampled_from([*NAMES, "file.read:a/**", "network:*.a.b"]), max_size=3),
    dependencies=st.dictionaries(WORD, st.sampled_from(["^1.0.0", "*", "1 || 2"]), max_size=2),
    resources=st.dictionaries(WORD | st.text(max_size=3).filter("__proto__".__ne__), PATHS, max_size=2),
    metadata=st.builds(
        Metadata,
        category=WORD,
        tags=st.lists(WORD, max_size=2),
        price=st.floats(0, 1e6),
        screenshots=PATHS,
        extra=UNKNOWN,
    ),
    limits=st.builds(
        Limits,
        memory_bytes=st.none() | st.integers(65536, 2**32),
        call_timeout_ms=st.none() | st.integers(1, 3_600_000),
    ),
    extra=UNKNOWN,
)


@given(original=MANIFESTS)
def test_what_is_written_is_read(original: Manifest) -> None:
    assert parse(manifest.encode(original)) == original


@pytest.mark.threat("Fuzzing", "manifests")
@given(text=st.binary(max_size=40) | JSON.map(lambda value: json.dumps({**BASE, "x": value, "limits": value}).encode()))
def test_anything_is_a_manifest_or_manifest_invalid(text: bytes) -> None:
    with contextlib.suppress(ManifestInvalid):
        parse(text)


def test_hostile_manifests_take_no_time() -> None:
    names = ",".join(f'"{number:x}":0' for number in range(20_000))
    deep = '{"k":' * 100 + "[" + "[]," * 70_000 + '{"a":1,"a":2}' + "]" + "}" * 100
    versions = json.dumps({**BASE, "dependencies": {f"d{number}": "1 - " * 250 + "x" for number in range(200)}})
    began = time.process_time()
    assert fault("{" + names + ',"4e1f":1}') == '$["4e1f"]'
    assert fault(deep) == "$" + ".k" * 100 + "[70000].a"
    assert fault(versions).startswith("$.dependencies.d")
    assert time.process_time() - began < 3
