"""The OpenRPC 1.3 document of the method table: what ``rpc.discover`` answers and clients are generated from.

OpenRPC knows only what a client calls. What goes the other way is described in the same form in extension fields:
``x-notifications`` (daemon → client), ``x-clientNotifications`` (client → daemon) and ``x-hostMethods`` (what plugins
ask for; daemon → client with ``pluginId`` added, except those that the daemon answers itself) and ``x-providerMethods``
(what the daemon asks a provider of its own accord).
"""

from collections.abc import Iterable
from types import NoneType
from typing import Any, Final

import msgspec

from plugind_protocol import PROTOCOL_VERSION, capsule, descriptions, errors, headless, host, manifest, methods
from plugind_protocol.errors import PlugindError
from plugind_protocol.table import HostMethod, Method

OPENRPC_VERSION: Final = "1.3.2"

_REF: Final = "#/components/schemas/{name}"

_ANY_METHOD: Final = (
    errors.InvalidRequest,
    errors.InvalidParams,
    errors.InternalError,
    errors.RequestCancelled,
    errors.TooLarge,
    errors.Overloaded,
)
_STARTS_WORKER: Final = (
    errors.PluginNotFound,
    errors.InvalidState,
    errors.Timeout,
    errors.MemoryLimit,
    errors.Trap,
    errors.WorkerCrashed,
    errors.Quarantined,
    errors.PackageInvalid,
    errors.UnsupportedAbi,
    errors.PluginError,
    errors.DependencyConflict,
)
_CHECKS_PACKAGE: Final = (
    errors.InvalidState,
    errors.ManifestInvalid,
    errors.Timeout,
    errors.MemoryLimit,
    errors.SignatureInvalid,
    errors.DependencyConflict,
    errors.PackageInvalid,
    errors.UnsupportedAbi,
)
_RESOLVES: Final = (
    errors.PluginNotFound,
    errors.ManifestInvalid,
    errors.DependencyConflict,
    errors.PackageInvalid,
    errors.HostUnavailable,
    errors.Timeout,
)
_CHANGES_STATE: Final = (errors.PluginNotFound, errors.InvalidState)
_NAMES_PLUGIN: Final = (errors.PluginNotFound,)

ERRORS: Final[dict[str, tuple[type[PlugindError], ...]]] = {
    "initialize": (),
    "rpc.discover": (),
    "daemon.status": (),
    "daemon.metrics": (),
    "daemon.shutdown": (),
    "plugins.install": _CHECKS_PACKAGE,
    "plugins.uninstall": (*_CHANGES_STATE, errors.DependencyConflict),
    "plugins.load": _STARTS_WORKER,
    "plugins.unload": _CHANGES_STATE,
    "plugins.activate": _STARTS_WORKER,
    "plugins.deactivate": _STARTS_WORKER,
    "plugins.enable": _CHANGES_STATE,
    "plugins.disable": _CHANGES_STATE,
    "plugins.reload": _STARTS_WORKER,
    "plugins.update": (errors.PluginNotFound, *_CHECKS_PACKAGE),
    "plugins.loadDevelopment": _CHECKS_PACKAGE,
    "plugins.versions": (errors.PluginNotFound,),
    "plugins.rollback": _STARTS_WORKER,
    "plugins.changes": (),
    "plugins.list": (),
    "plugins.get": _NAMES_PLUGIN,
    "plugins.getState": (),
    "plugins.call": (*_STARTS_WORKER, errors.FunctionNotFound),
    "plugins.grant": _NAMES_PLUGIN,
    "plugins.revoke": _NAMES_PLUGIN,
    "plugins.getPermissions": _NAMES_PLUGIN,
    "plugins.applyPreset": _NAMES_PLUGIN,
    "plugins.acceptUpdate": (*_STARTS_WORKER, errors.InvalidState),
    "plugins.rejectUpdate": (*_NAMES_PLUGIN, errors.InvalidState),
    "plugins.listPresets": (),
    "plugins.release": _STARTS_WORKER,
    "plugins.setResourceLimits": _NAMES_PLUGIN,
    "plugins.getResourceLimits": _NAMES_PLUGIN,
    "plugins.resolve": _RESOLVES,
    "plugins.lock": (),
    "plugins.restore": (*_CHECKS_PACKAGE, errors.PluginNotFound, errors.HostUnavailable),
    "effects.list": _STARTS_WORKER,
    "effects.process": (*_STARTS_WORKER, errors.FunctionNotFound),
    "frames.open": _STARTS_WORKER,
    "frames.close": (),
    "console.get": (),
    "console.clear": (),
    "capsules.list": (),
    "capsules.get": (),
    "events.publish": (errors.HostUnavailable,),
    "headless.state": (errors.HostUnavailable,),
    "headless.set": (errors.HostUnavailable,),
    "headless.chooseMenu": (errors.HostUnavailable,),
    "headless.reload": (errors.HostUnavailable, errors.InvalidState),
}
"""What each method may answer besides the errors that every method may."""

_BY_KIND: Final = {cls.__name__: cls for cls in errors.BY_CODE.values()}


def host_errors(row: HostMethod) -> tuple[type[PlugindError], ...]:
    """Return what a host method may answer besides the errors that every method may."""
    denied = () if row.permission is None else (errors.PermissionDenied,)
    edited = (errors.Timeout,) if row.edits else ()
    return (*denied, *edited, errors.HostUnavailable, *(_BY_KIND[kind] for kind in row.errors))


def document() -> dict[str, Any]:
    """Build the document.

    Returns:
        JSON-encodable values, made anew by each call; the same for the same version of the package.
    """
    components = _schemas()
    return {
        "openrpc": OPENRPC_VERSION,
        "info": {
            "title": "plugind",
            "description": "Plugin daemon of Timeline Studio. Params are given by name.",
            "version": PROTOCOL_VERSION,
            "license": {"name": "MIT"},
        },
        "methods": [_method(row, components, ERRORS.get(row.name, ())) for row in methods.METHODS.values()],
        "components": {"schemas": components, "errors": {cls.__name__: _error(cls) for cls in errors.BY_CODE.values()}},
        "x-notifications": _notifications(methods.NOTIFICATIONS.values(), components),
        "x-clientNotifications": _notifications(methods.CLIENT_NOTIFICATIONS.values(), components),
        "x-hostMethods": [_host_method(row, components) for row in host.HOST_METHODS.values()],
        "x-providerMethods": [
            _method(row, components, (errors.HostUnavailable,)) for row in host.PROVIDER_METHODS.values()
        ],
    }


def _schemas() -> dict[str, Any]:
    rows: list[Method] = [
        *methods.METHODS.values(),
        *methods.NOTIFICATIONS.values(),
        *methods.CLIENT_NOTIFICATIONS.values(),
        *host.HOST_METHODS.values(),
        *host.PROVIDER_METHODS.values(),
    ]
    sent = [row.sends for row in host.HOST_METHODS.values()]
    types = [one for row in rows for one in (row.params, row.result) if one not in (None, Any)]
    types += [one for one in sent if one is not None]
    _, components = msgspec.json.schema_components([*types, errors.ErrorData], ref_template=_REF)
    descriptions.add(components, methods, capsule, manifest, errors, headless, *host.MODULES)
    return dict(sorted(components.items()))


def _method(row: Method, components: dict[str, Any], raised: tuple[type[PlugindError], ...]) -> dict[str, Any]:
    numbered: list[type[PlugindError]] = sorted({*_ANY_METHOD, *raised}, key=lambda cls: -cls.code)
    return {
        "name": row.name,
        "tags": [{"name": row.name.partition(".")[0]}],
        "summary": row.summary,
        "paramStructure": "by-name",
        **_params(row, components),
        "result": {"name": "result", "schema": _schema(row.result)},
        "errors": [{"$ref": f"#/components/errors/{cls.__name__}"} for cls in numbered],
    }


def _host_method(row: HostMethod, components: dict[str, Any]) -> dict[str, Any]:
    return {
        **_method(row, components, host_errors(row)),
        "x-permission": row.permission,
        "x-scope": row.scope,
        "x-provider": row.provider,
        "x-edits": row.edits,
        **({} if row.sends is None else {"x-sends": _schema(row.sends)}),
        "examples": [
            {
                "name": row.name,
                "params": [{"name": name, "value": value} for name, value in row.example.params.items()],
                "result": {"name": "result", "value": row.example.result},
            }
        ],
    }


def _notifications(rows: Iterable[Method], components: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"name": row.name, "summary": row.summary, "paramStructure": "by-name", **_params(row, components)}
        for row in rows
    ]


def _params(row: Method, components: dict[str, Any]) -> dict[str, Any]:
    """Spell a params struct out as content descriptors; an open object has none and says so."""
    schema = components.get(row.params.__name__)
    if schema is None:
        return {"params": [], "x-params": _schema(row.params)}
    required = schema.get("required", [])
    return {
        "params": [
            {"name": name, "required": name in required, "schema": one}
            | ({"description": one["description"]} if "description" in one else {})
            for name, one in schema["properties"].items()
        ]
    }


def _schema(kind: Any) -> Any:
    (schema,), _ = msgspec.json.schema_components([NoneType if kind is None else kind], ref_template=_REF)
    return schema


def _error(cls: type[PlugindError]) -> dict[str, Any]:
    text = " ".join((cls.__doc__ or "").split())
    return {"code": cls.code, "message": text, "data": {"kind": cls.__name__, "hint": cls.default_hint}}
