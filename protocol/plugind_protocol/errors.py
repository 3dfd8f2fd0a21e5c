"""The errors of the contract: one exception class per JSON-RPC code, with its wire form.

Every failure that crosses a process boundary is one of these. ``data`` always has ``kind`` (the class name) and
``hint`` (what to do); errors about a plugin name it, its version and, where something broke, the cause.
"""

from typing import Any, ClassVar

import msgspec

from plugind_protocol.conflicts import Conflict


class ErrorObject(msgspec.Struct, omit_defaults=True):
    """The ``error`` member of a JSON-RPC response."""

    code: int
    message: str
    data: Any = None


class ErrorData(msgspec.Struct, rename="camel", omit_defaults=True):
    """``data`` of the errors this project defines (codes -32001 … -32020)."""

    kind: str
    hint: str = ""
    plugin_id: str | None = None
    version: str | None = None
    cause: str | None = None
    """One of ``timeout memory trap crash protocol limit``."""
    path: str | None = None
    """JSON path of the offending value, for manifests and params."""
    stack: list[str] | None = None
    """Guest stack, innermost frame first."""
    error: ErrorObject | None = None
    """The plugin's own error, for PluginError."""
    capsule: str | None = None
    """Id of the crash capsule, for Trap, MemoryLimit, WorkerCrashed, and a Timeout that ended in the worker's end:
    ``capsules.get`` has it."""
    conflict: Conflict | None = None
    """What excludes each other, for DependencyConflict."""


class PlugindError(Exception):
    """Root of all errors of the contract.

    Args:
        message: What happened, to which plugin; one sentence.
        hint: What the reader can do about it.
        plugin_id: The plugin concerned, if one is.
        version: Its version.
        cause: Why it failed: ``timeout``, ``memory``, ``trap``, ``crash``, ``protocol`` or ``limit``.
        path: JSON path of the offending value.
        stack: Guest stack, innermost frame first.
        error: The plugin's own error object.
        conflict: What excludes each other, for DependencyConflict.
    """

    code: ClassVar[int] = -32603
    default_hint: ClassVar[str] = ""

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        plugin_id: str | None = None,
        version: str | None = None,
        cause: str | None = None,
        path: str | None = None,
        stack: list[str] | None = None,
        error: ErrorObject | None = None,
        conflict: Conflict | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.data = ErrorData(
            kind=type(self).__name__,
            hint=hint or self.default_hint,
            plugin_id=plugin_id,
            version=version,
            cause=cause,
            path=path,
            stack=stack,
            error=error,
            conflict=conflict,
        )

    @property
    def hint(self) -> str:
        """What the reader can do about it."""
        return self.data.hint

    def to_object(self) -> ErrorObject:
        """Return the wire form."""
        return ErrorObject(self.code, self.message, self.data)


class ParseError(PlugindError):
    """The text is not JSON, or not JSON that we accept."""

    code = -32700
    default_hint = "Send one well-formed UTF-8 JSON text per message."


class InvalidRequest(PlugindError):
    """The JSON is not a JSON-RPC 2.0 request."""

    code = -32600
    default_hint = 'A request is {"jsonrpc":"2.0","id":…,"method":…,"params":…}.'


class MethodNotFound(PlugindError):
    """No such method."""

    code = -32601
    default_hint = "Call rpc.discover for the methods there are."


class InvalidParams(PlugindError):
    """The params do not fit the method."""

    code = -32602
    default_hint = "Call rpc.discover for the method's params."


class InternalError(PlugindError):
    """A fault of the daemon's own."""

    code = -32603
    default_hint = "This is a bug in plugind; its log has the details."


class RequestCancelled(PlugindError):
    """The client cancelled the request by ``$/cancelRequest``."""

    code = -32800


class PluginNotFound(PlugindError):
    """No plugin of this id is installed."""

    code = -32001
    default_hint = "See plugins.list for what is installed; install it first."


class InvalidState(PlugindError):
    """The plugin's state does not allow this."""

    code = -32002
    default_hint = "See plugins.get for its state."


class PermissionDenied(PlugindError):
    """The plugin was not granted what it tried to use."""

    code = -32003


class ManifestInvalid(PlugindError):
    """``manifest.json`` is missing or wrong; ``path`` says where."""

    code = -32004


class Timeout(PlugindError):
    """A deadline passed."""

    code = -32005
    default_hint = "Raise timeoutMs for this call, or report it to the plugin's author."


class MemoryLimit(PlugindError):
    """The plugin needs more memory than its limit allows."""

    code = -32006
    default_hint = "Raise the plugin's memoryBytes limit, or use a smaller input."


class Trap(PlugindError):
    """The guest trapped: unreachable code, division by zero, out of bounds, stack overflow."""

    code = -32007
    default_hint = "The plugin has a bug; its instance was discarded and the next call gets a fresh one."


class WorkerCrashed(PlugindError):
    """The plugin's worker process was lost during the call."""

    code = -32008
    default_hint = "Try again: the next call starts a new worker."


class Quarantined(PlugindError):
    """This version crashed too often and is not started any more."""

    code = -32009
    default_hint = "Release it with plugins.release, or install another version."


class HostUnavailable(PlugindError):
    """Nobody provides the host namespace the plugin asked for."""

    code = -32010
    default_hint = "Connect an editor that provides this namespace (initialize.provides)."


class TooLarge(PlugindError):
    """A message, frame or value is over its limit."""

    code = -32011
    default_hint = "Send less at once."


class Overloaded(PlugindError):
    """Too many requests in flight."""

    code = -32012
    default_hint = "Wait for answers before sending more."


class SignatureInvalid(PlugindError):
    """A package's signature does not hold."""

    code = -32013


class DependencyConflict(PlugindError):
    """Dependencies cannot be satisfied together."""

    code = -32014
    default_hint = "data.conflict names what excludes each other; give up one of it, or offer further versions."


class PackageInvalid(PlugindError):
    """The package or its module is damaged or not acceptable."""

    code = -32015
    default_hint = "Get the plugin again, or report it to its author."


class UnsupportedAbi(PlugindError):
    """The module asks for something this host does not offer."""

    code = -32016
    default_hint = "A plugin may import timeline.host_call, timeline.log and the minimal WASI; nothing else."


class FunctionNotFound(PlugindError):
    """The plugin has no such function or effect."""

    code = -32017
    default_hint = "See the plugin's documentation for what it offers."


class PluginError(PlugindError):
    """The plugin answered with an error of its own, kept in ``data.error``."""

    code = -32018
    default_hint = "The plugin's own error is in data.error."


class SandboxIncomplete(PlugindError):
    """This system lacks an essential layer of the sandbox, and the settings require them all."""

    code = -32019
    default_hint = "Use a kernel that has it, or accept the risk and start plugind with --sandbox degrade."


class NotFound(PlugindError):
    """There is no such file or folder."""

    code = -32020
    default_hint = "Look with file.list for what there is."


BY_CODE: dict[int, type[PlugindError]] = {
    cls.code: cls
    for cls in (
        ParseError,
        InvalidRequest,
        MethodNotFound,
        InvalidParams,
        InternalError,
        RequestCancelled,
        PluginNotFound,
        InvalidState,
        PermissionDenied,
        ManifestInvalid,
        Timeout,
        MemoryLimit,
        Trap,
        WorkerCrashed,
        Quarantined,
        HostUnavailable,
        TooLarge,
        Overloaded,
        SignatureInvalid,
        DependencyConflict,
        PackageInvalid,
        UnsupportedAbi,
        FunctionNotFound,
        PluginError,
        SandboxIncomplete,
        NotFound,
    )
}
"""Class of every code of the contract."""


def from_object(obj: ErrorObject) -> PlugindError:
    """Turn a wire error back into its exception.

    An unknown code becomes a plain ``PlugindError`` that keeps the number in its ``code``.
    """
    cls = BY_CODE.get(obj.code, PlugindError)
    error = cls(obj.message)
    if cls is PlugindError:
        error.code = obj.code  # type: ignore[misc]  # an instance of the root carries a code it does not know
    try:
        error.data = msgspec.convert(obj.data, ErrorData)
    except msgspec.ValidationError:
        error.data.hint = ""
    return error
