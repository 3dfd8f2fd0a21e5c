"""``manifest.json``: every field of the specification, checked; fields we do not know are kept as they are."""

import json
import math
import re
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from plugind_protocol import jsontext, ranges
from plugind_protocol.errors import ManifestInvalid, ParseError
from plugind_protocol.permissions import Permission
from plugind_protocol.permissions import parse as parse_permission

MANIFEST_NAME: Final = "manifest.json"
MAX_MANIFEST_BYTES: Final = 256 * 1024
MAX_NAME_LENGTH: Final = 214
MAX_CONFIG_BYTES: Final = 8 * 1024
"""Largest configuration of a plugin, as JSON."""
API_VERSION: Final = "1.0"
"""Version of the plugin API that this host implements."""
SDK_NAME: Final = "@timeline-studio/sdk"
"""The plugin API as a dependency: the host provides it, in the version of `API_VERSION`."""

ABIS: Final = ("timeline", "numeric", "javascript", "extism")

NAME_PATTERN: Final = r"(@[a-z0-9][a-z0-9._-]*/)?[a-z0-9][a-z0-9._-]*"
API_VERSION_PATTERN: Final = r"[0-9]{1,9}(\.[0-9]{1,9}){0,2}"
MAIN_SUFFIXES: Final = (".wasm", ".wat", ".js", ".ts")

_NAME: Final = re.compile(NAME_PATTERN)
_API_VERSION: Final = re.compile(API_VERSION_PATTERN)
_RESERVED_NAMES: Final = {"node_modules", "favicon.ico", "manifest.json", "con", "prn", "aux", "nul"} | {
    f"{device}{number}" for device in ("com", "lpt") for number in range(1, 10)
}
_UNPRINTABLE: Final = re.compile(r"[\x00-\x1f\x7f]")
_LONGEST_SHOWN: Final = 80

Count = Annotated[int, Meta(ge=0, le=2**53 - 1)]


class Limits(msgspec.Struct, rename="camel", frozen=True, kw_only=True, omit_defaults=True):
    """Resource limits; ``None`` leaves a limit as it is. Also the shape of ``plugins.setResourceLimits``."""

    memory_bytes: Annotated[int, Meta(ge=65536, le=1 << 32)] | None = None
    """Linear memory of the guest in bytes, frame windows not counted: 64 KiB … 4 GiB."""
    cpu_seconds: Annotated[int, Meta(ge=1, le=2**31 - 1)] | None = None
    """Processor time of a worker over its whole life, in s."""
    call_timeout_ms: Annotated[int, Meta(ge=1, le=3_600_000)] | None = None
    """Deadline of a call that names none, in ms: 1 … 3 600 000."""
    file_descriptors: Count | None = None
    """Descriptors that a worker may have open."""
    storage_bytes: Count | None = None
    """What the plugin may keep in its storage, in bytes."""
    table_elements: Annotated[int, Meta(ge=1, le=10_000_000)] | None = None
    """Elements of each of the guest's tables; counts from the next start of its worker on."""
    message_bytes: Annotated[int, Meta(ge=1024, le=16 * 1024 * 1024)] | None = None
    """Largest result of a call, and largest params of a host call, in bytes; counts from the next start on."""
    host_calls_per_second: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None
    """Host calls per second on average; those beyond it wait."""
    log_messages_per_second: Annotated[int, Meta(ge=1, le=100_000)] | None = None
    """Console messages per second on average; those beyond it are dropped, and how many is told."""


class Metadata(msgspec.Struct, omit_defaults=True):
    """What the store shows."""

    category: str = ""
    tags: list[str] = []
    price: Annotated[float, Meta(ge=0)] = 0.0
    """In the store's currency; 0 is free."""
    screenshots: list[str] = []
    """Pictures in the plugin's folder, by relative path."""
    extra: dict[str, Any] = msgspec.field(default_factory=dict)
    """Fields this version does not know, kept."""


class Manifest(msgspec.Struct, omit_defaults=True):
    """A plugin's manifest."""

    name: str
    """The plugin's id."""
    version: str
    """Semantic version."""
    main: str
    """The module in the plugin's folder, by relative path."""
    description: str = ""
    author: str = ""
    license: str = ""
    """SPDX expression."""
    type: str = "tool"
    """What it is to the user: effect, tool, export …"""
    abi: Literal["timeline", "numeric", "javascript", "extism"] | None = None
    """How the module is called; recognised by its exports and imports when absent."""
    engine: Literal["wasmtime", "wasmer"] | None = None
    """The engine it must run on; the daemon's choice when absent."""
    api_version: str = API_VERSION
    """Version of the plugin API that it was written for."""
    min_timeline_version: str | None = None
    """Oldest version of Timeline Studio that it works with."""
    permissions: list[str] = []
    """What it asks for: names, some with a scope after a colon."""
    dependencies: dict[str, str] = {}
    """Other plugins it needs: name → version range as in npm."""
    resources: dict[str, list[str]] = {}
    """Folders and files it brings along, by kind."""
    config: dict[str, str] = {}
    """What the plugin finds when it asks for its configuration, unless the user says else; of the ABI ``extism``."""
    metadata: Metadata = msgspec.field(default_factory=Metadata)
    """What the store shows."""
    limits: Limits = msgspec.field(default_factory=Limits)
    """Resources it wants less of than the defaults allow."""
    extra: dict[str, Any] = msgspec.field(default_factory=dict)
    """Fields this version does not know, kept."""

    @property
    def requested(self) -> tuple[Permission, ...]:
        """The permissions asked for, parsed."""
        return tuple(parse_permission(text) for text in self.permissions)


def _names_of(struct: type[msgspec.Struct]) -> frozenset[str]:
    return frozenset(struct.__struct_fields__) - {"extra"}


_KNOWN: Final = _names_of(Manifest)
_KNOWN_METADATA: Final = _names_of(Metadata)
LIMIT_NAMES: Final = {field.name: field.encode_name for field in msgspec.structs.fields(Limits)}
"""Limits in a manifest are written in snake_case, as all of it; on the wire in camelCase."""
_ENTRIES: Final[dict[str, Any]] = {"dependencies": str, "resources": list[str], "config": str}
"""Fields that map names to something: type of what they map to."""


def parse(text: bytes) -> Manifest:
    """Parse and check a manifest.

    Args:
        text: The bytes of ``manifest.json``.

    Returns:
        The manifest.

    Raises:
        ManifestInvalid: With the JSON path of the first fault in ``data.path``.
    """
    if len(text) > MAX_MANIFEST_BYTES:
        raise _invalid("$", f"is larger than {MAX_MANIFEST_BYTES} bytes")
    fields = _load(text)
    known = {name: value for name, value in fields.items() if name in _KNOWN}
    for name, kind in _ENTRIES.items():
        if isinstance(known.get(name), dict):
            for key, value in known[name].items():
                _convert(value, kind, member(f"$.{name}", key))
    if isinstance(metadata := known.get("metadata"), dict):
        known["metadata"] = _known_metadata(metadata)
    if isinstance(asked := known.pop("limits", {}), dict):
        asked = _wire_limits(asked)
    limits = _convert(asked, Limits, "$.limits")
    manifest: Manifest = _convert(known, Manifest, "$")
    manifest.limits = limits
    manifest.extra = {name: value for name, value in fields.items() if name not in _KNOWN}
    _check(manifest)
    return manifest


def encode(manifest: Manifest) -> bytes:
    """Write a manifest as JSON: what `parse` reads back."""
    fields = msgspec.to_builtins(manifest)
    for part in (fields, fields.get("metadata", {})):
        part.update(part.pop("extra", {}))
    limits = fields.get("limits", {})
    fields["limits"] = {name: limits[wire] for name, wire in LIMIT_NAMES.items() if wire in limits}
    left_out = {name for name in ("metadata", "limits") if not fields.get(name)}
    return msgspec.json.encode({name: value for name, value in fields.items() if name not in left_out})


def member(path: str, key: str) -> str:
    """Return the JSON path of a member of an object."""
    return f"{path}.{key}" if key.isidentifier() and key.isascii() else f"{path}[{json.dumps(key[:_LONGEST_SHOWN])}]"


def _convert(value: Any, kind: Any, path: str) -> Any:
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as exc:
        reason, _, inner = str(exc).partition(" - at ")
        if kind is Limits:
            for name, wire in LIMIT_NAMES.items():
                inner = inner.replace(f"$.{wire}`", f"$.{name}`")
        raise _invalid(path + inner.strip("`").removeprefix("$"), f"{reason[0].lower()}{reason[1:]}") from exc


def _known_metadata(fields: dict[str, Any]) -> dict[str, Any]:
    known: dict[str, Any] = {name: value for name, value in fields.items() if name in _KNOWN_METADATA}
    return {**known, "extra": {name: value for name, value in fields.items() if name not in _KNOWN_METADATA}}


def _wire_limits(fields: dict[str, Any]) -> dict[str, Any]:
    for name, wire in LIMIT_NAMES.items():
        if wire in fields:
            raise _invalid(f"$.limits.{wire}", f"must be spelt {name}")
    return {LIMIT_NAMES[name]: value for name, value in fields.items() if name in LIMIT_NAMES}


class _Fault:
    """Stands for an object that is not acceptable, until it is known where it is."""

    def __init__(self, key: str, problem: str) -> None:
        self.key = key
        self.problem = problem


def _load(text: bytes) -> dict[str, Any]:
    faults: list[_Fault] = []

    def build(pairs: list[tuple[str, Any]]) -> Any:
        fields = dict(pairs)
        if len(fields) != len(pairs):
            faults.append(_Fault(_doubled(pairs), "is given twice"))
        elif "__proto__" in fields:
            faults.append(_Fault("__proto__", "is not allowed as a name"))
        else:
            return fields
        return faults[-1]

    try:
        jsontext.check(text)
        fields = json.loads(text, object_pairs_hook=build, parse_constant=_no_constant, parse_float=_finite)
    except ParseError as exc:
        raise _invalid("$", f"is not acceptable: {exc}") from exc
    except ValueError as exc:
        raise _invalid("$", f"is not valid JSON: {exc}") from exc
    if found := _locate(fields) if faults else None:
        raise _invalid(f"${found[0]}", found[1])
    if not isinstance(fields, dict):
        raise _invalid("$", "must be an object")
    return fields


def _doubled(pairs: list[tuple[str, Any]]) -> str:
    seen: set[str] = set()
    return next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]


def _locate(value: Any) -> tuple[str, str] | None:
    """Find the first fault in a loaded value: its path from here, and what is wrong."""
    if isinstance(value, _Fault):
        return member("", value.key), value.problem
    if isinstance(value, dict):
        inside = ((member("", name), _locate(one)) for name, one in value.items())
    elif isinstance(value, list):
        inside = ((f"[{index}]", _locate(one)) for index, one in enumerate(value))
    else:
        return None
    return next(((step + found[0], found[1]) for step, found in inside if found), None)


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _finite(digits: str) -> float:
    if math.isinf(number := float(digits)):
        raise ValueError(f"number {digits[:_LONGEST_SHOWN]} is too large")
    return number


def _check(manifest: Manifest) -> None:
    _check_name(manifest.name, "$.name")
    if manifest.name.rpartition("/")[2] in _RESERVED_NAMES:
        raise _invalid("$.name", f"{manifest.name!r} is reserved")
    _check_versions(manifest)
    _check_dependencies(manifest.dependencies)
    _check_main(manifest)
    for index, text in enumerate(manifest.permissions):
        try:
            parse_permission(text)
        except ValueError as exc:
            raise _invalid(f"$.permissions[{index}]", str(exc)) from exc
    if (size := len(msgspec.json.encode(manifest.config))) > MAX_CONFIG_BYTES:
        raise _invalid("$.config", f"has {size} bytes, over {MAX_CONFIG_BYTES}")
    for group, folders in manifest.resources.items():
        for index, folder in enumerate(folders):
            check_relative(folder, f"{member('$.resources', group)}[{index}]")
    for index, picture in enumerate(manifest.metadata.screenshots):
        check_relative(picture, f"$.metadata.screenshots[{index}]")


def _check_name(name: str, where: str) -> None:
    if len(name) > MAX_NAME_LENGTH or not _NAME.fullmatch(name):
        raise _invalid(where, f"must match (@scope/)?[a-z0-9][a-z0-9._-]*, at most {MAX_NAME_LENGTH} characters")


def _check_versions(manifest: Manifest) -> None:
    for text, where in ((manifest.version, "$.version"), (manifest.min_timeline_version, "$.min_timeline_version")):
        try:
            if text is not None:
                ranges.parse_version(text)
        except ValueError as exc:
            raise _invalid(where, f"{_shown(text)} is not a semantic version (MAJOR.MINOR.PATCH)") from exc
    if not _API_VERSION.fullmatch(manifest.api_version):
        raise _invalid("$.api_version", f"{_shown(manifest.api_version)} is not a version such as 1.0")
    if int(manifest.api_version.split(".")[0]) != int(API_VERSION.split(".", maxsplit=1)[0]):
        raise _invalid("$.api_version", f"{manifest.api_version} is not supported; this host implements {API_VERSION}")


def _check_dependencies(dependencies: dict[str, str]) -> None:
    for name, wanted in dependencies.items():
        where = member("$.dependencies", name)
        _check_name(name, where)
        try:
            ranges.parse(wanted)
        except ValueError as exc:
            raise _invalid(where, f"{_shown(wanted)} is not a version range: {str(exc)[:_LONGEST_SHOWN]}") from exc


def _check_main(manifest: Manifest) -> None:
    check_relative(manifest.main, "$.main")
    if not manifest.main.endswith(MAIN_SUFFIXES):
        raise _invalid("$.main", f"{_shown(manifest.main)} must end with {', '.join(MAIN_SUFFIXES)}")


def check_relative(path: str, where: str) -> None:
    """Check that a path stays inside the plugin's folder.

    Raises:
        ManifestInvalid: Absolute, climbing, or with characters that mean something to a file system.
    """
    special = "\\" in path or ":" in path or _UNPRINTABLE.search(path)
    if not path or path.startswith("/") or ".." in path.split("/") or special:
        raise _invalid(where, f"{_shown(path)} must be a relative path inside the plugin's folder")


def _shown(text: str | None) -> str:
    return repr(text if text is None or len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…")


def _invalid(path: str, problem: str) -> ManifestInvalid:
    return ManifestInvalid(f"manifest.json: {path} {problem}", hint="Correct manifest.json and try again.", path=path)
