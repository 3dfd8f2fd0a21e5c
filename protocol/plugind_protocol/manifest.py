"""``manifest.json``: every field of the specification, checked; fields we do not know are kept as they are."""

import json
import re
from typing import Any, Final

import msgspec
import semver

from plugind_protocol.errors import ManifestInvalid
from plugind_protocol.permissions import Permission
from plugind_protocol.permissions import parse as parse_permission

MANIFEST_NAME: Final = "manifest.json"
MAX_MANIFEST_BYTES: Final = 256 * 1024
MAX_NAME_LENGTH: Final = 214
API_VERSION: Final = "1.0"
"""Version of the plugin API that this host implements."""

ABIS: Final = ("timeline", "numeric", "javascript", "extism")

_NAME: Final = re.compile(r"(@[a-z0-9][a-z0-9._-]*/)?[a-z0-9][a-z0-9._-]*\Z")
_RESERVED_NAMES: Final = {"node_modules", "favicon.ico", "manifest.json", "con", "prn", "aux", "nul"}
_API_VERSION: Final = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9}){0,2}\Z")


class Limits(msgspec.Struct, rename="camel", frozen=True, kw_only=True, omit_defaults=True):
    """Resource limits; ``None`` leaves a limit as it is. Also the shape of ``plugins.setResourceLimits``."""

    memory_bytes: int | None = None
    """Linear memory of the guest, frame windows not counted: 64 KiB … 4 GiB."""
    cpu_seconds: int | None = None
    call_timeout_ms: int | None = None
    file_descriptors: int | None = None
    storage_bytes: int | None = None


class Metadata(msgspec.Struct, rename="camel", omit_defaults=True):
    """What the store shows."""

    category: str = ""
    tags: list[str] = []
    price: float = 0.0
    screenshots: list[str] = []


class Manifest(msgspec.Struct, omit_defaults=True):
    """A plugin's manifest."""

    name: str
    version: str
    main: str
    description: str = ""
    author: str = ""
    license: str = ""
    type: str = "tool"
    abi: str | None = None
    engine: str | None = None
    api_version: str = API_VERSION
    min_timeline_version: str | None = None
    permissions: list[str] = []
    dependencies: dict[str, str] = {}
    resources: dict[str, list[str]] = {}
    metadata: Metadata = msgspec.field(default_factory=Metadata)
    limits: Limits = msgspec.field(default_factory=Limits)
    extra: dict[str, Any] = msgspec.field(default_factory=dict)
    """Fields this version does not know, kept."""

    @property
    def requested(self) -> tuple[Permission, ...]:
        """The permissions asked for, parsed."""
        return tuple(parse_permission(text) for text in self.permissions)


_KNOWN: Final = frozenset(Manifest.__struct_fields__) - {"extra"}


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
    try:
        manifest = msgspec.convert({k: v for k, v in fields.items() if k in _KNOWN}, Manifest)
    except msgspec.ValidationError as exc:
        reason, _, path = str(exc).partition(" - at ")
        raise _invalid(path.strip("`") or "$", f"{reason[0].lower()}{reason[1:]}") from exc
    manifest.extra = {k: v for k, v in fields.items() if k not in _KNOWN}
    _check(manifest)
    return manifest


def _load(text: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(text.decode(), object_pairs_hook=_unique, parse_constant=_no_constant)
    except (ValueError, RecursionError) as exc:
        raise _invalid("$", f"is not valid JSON: {exc}") from exc
    if not isinstance(fields, dict):
        raise _invalid("$", "must be an object")
    return fields


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        names = [name for name, _ in pairs]
        doubled = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"key {doubled!r} is given twice")
    if "__proto__" in fields:
        raise ValueError("key '__proto__' is not allowed")
    return fields


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _check(manifest: Manifest) -> None:
    if len(manifest.name) > MAX_NAME_LENGTH or not _NAME.match(manifest.name):
        raise _invalid("$.name", f"must match (@scope/)?[a-z0-9][a-z0-9._-]*, at most {MAX_NAME_LENGTH} characters")
    if manifest.name.rpartition("/")[2] in _RESERVED_NAMES:
        raise _invalid("$.name", f"{manifest.name!r} is reserved")
    _check_versions(manifest)
    _check_main(manifest)
    for index, text in enumerate(manifest.permissions):
        try:
            parse_permission(text)
        except ValueError as exc:
            raise _invalid(f"$.permissions[{index}]", str(exc)) from exc
    for group, folders in manifest.resources.items():
        for index, folder in enumerate(folders):
            check_relative(folder, f"$.resources.{group}[{index}]")
    if manifest.limits.memory_bytes is not None and not 65536 <= manifest.limits.memory_bytes <= 1 << 32:
        raise _invalid("$.limits.memoryBytes", "must be 65536 to 4294967296")


def _check_versions(manifest: Manifest) -> None:
    if not semver.Version.is_valid(manifest.version):
        raise _invalid("$.version", f"{manifest.version!r} is not a semantic version (MAJOR.MINOR.PATCH)")
    if not _API_VERSION.match(manifest.api_version):
        raise _invalid("$.api_version", f"{manifest.api_version!r} is not a version such as 1.0")
    if manifest.api_version.split(".")[0] != API_VERSION.split(".", maxsplit=1)[0]:
        raise _invalid("$.api_version", f"{manifest.api_version} is not supported; this host implements {API_VERSION}")
    if manifest.min_timeline_version is not None and not semver.Version.is_valid(manifest.min_timeline_version):
        raise _invalid("$.min_timeline_version", f"{manifest.min_timeline_version!r} is not a semantic version")
    for name, wanted in manifest.dependencies.items():
        if not _NAME.match(name) or not wanted.strip():
            raise _invalid(f"$.dependencies[{name!r}]", "must map a plugin name to a version range")


def _check_main(manifest: Manifest) -> None:
    check_relative(manifest.main, "$.main")
    if not manifest.main.endswith((".wasm", ".wat", ".js", ".ts")):
        raise _invalid("$.main", f"{manifest.main!r} must end with .wasm, .wat, .js or .ts")
    if manifest.abi is not None and manifest.abi not in ABIS:
        raise _invalid("$.abi", f"{manifest.abi!r} is not one of {', '.join(ABIS)}")
    if manifest.engine not in (None, "wasmtime", "wasmer"):
        raise _invalid("$.engine", f"{manifest.engine!r} is not one of wasmtime, wasmer")


def check_relative(path: str, where: str) -> None:
    """Check that a path stays inside the plugin's folder.

    Raises:
        ManifestInvalid: Absolute, climbing, or with characters that mean something to a file system.
    """
    if not path or path.startswith("/") or "\\" in path or "\0" in path or ".." in path.split("/") or ":" in path:
        raise _invalid(where, f"{path!r} must be a relative path inside the plugin's folder")


def _invalid(path: str, problem: str) -> ManifestInvalid:
    return ManifestInvalid(f"manifest.json: {path} {problem}", hint="Correct manifest.json and try again.", path=path)
