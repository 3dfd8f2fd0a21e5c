"""The crash capsule: all that is known about one failure of a plugin, in one JSON file (``*.capsule.json``).

Written by the daemon, read by people, by ``pluginctl replay`` and by whoever gets it in a bug report. ``schema`` grows
when a field changes its meaning; fields that are only added leave it as it is, and readers ignore what they do not
know.
"""

from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from plugind_protocol.manifest import Limits

SCHEMA: Final = 1
"""The version that this package writes, and the only one it reads."""
SUFFIX: Final = ".capsule.json"
FRAME_SUFFIX: Final = ".frame"
"""Of the file beside a capsule that holds the input frame, where the daemon was told to keep it."""
REDACTED: Final = "[redacted]"
"""What stands where a secret was."""

CapsuleId = Annotated[str, Meta(pattern=r"^[0-9A-Za-z][0-9A-Za-z.-]{0,120}$")]
"""Names a capsule; its file is the id and `SUFFIX`."""
Step = Literal["call", "hook", "process", "openWindow", "closeWindow"]


class _Part(msgspec.Struct, rename="camel", frozen=True, kw_only=True):
    """Base of a capsule's parts: camelCase in the file."""


class Payload(_Part, frozen=True):
    """A JSON text that crossed a boundary, as far as it may be kept."""

    text: str
    """The text, secrets replaced by ``[redacted]``; where it was cut, its beginning."""
    size: int
    """Bytes of the whole text, before anything was taken out."""
    sha256: str | None = None
    """Of the whole text, hex, where only a part of it is kept and nothing was taken out."""
    cut: bool = False
    """Only the beginning is kept."""
    redacted: bool = False
    """Something was taken out."""

    @property
    def whole(self) -> bool:
        """Whether this is exactly what crossed the boundary."""
        return not (self.cut or self.redacted)


class HostCallRecord(_Part, frozen=True):
    """What the guest asked its host during a call."""

    method: str
    params: Payload
    answer: Payload | None = None
    """The result, or the error object; null when none had come."""
    failed: bool = False
    """The answer is an error object."""


class FrameRecord(_Part, frozen=True):
    """The frame that a ``process`` call worked on."""

    window: int
    input: int
    """Slot."""
    output: int
    """Slot; where it is the input slot, the guest may have changed the frame before it failed."""
    pts_us: int
    sha256: str | None = None
    """Of the input slot's content when the capsule was written, hex; null when the window was gone."""


class WindowRecord(_Part, frozen=True):
    """A window of frames that was open."""

    window: int
    width: int
    height: int
    format: str
    stride: int
    """Bytes from row to row."""
    slots: int
    slot_bytes: int


class CallRecord(_Part, frozen=True):
    """One call that the worker was given."""

    step: Step
    name: str
    """The function, hook or effect."""
    params: Payload
    ms: float
    """From the request until the answer, or until the worker was lost."""
    timeout_ms: float
    outcome: str
    """``ok``, the kind of the error it was answered with, or ``lost``."""
    running: bool = False
    """This is the call during which it happened."""
    frame: FrameRecord | None = None
    host_calls: list[HostCallRecord] = []
    """In order."""
    host_calls_lost: int = 0
    """Host calls that were too many or too large to be kept."""


class ExitRecord(_Part, frozen=True):
    """How the worker's process ended."""

    status: int | None
    """Exit code; null when a signal ended it."""
    signal: str | None
    """Name of the signal."""
    by_daemon: bool
    """The daemon killed it: at a deadline, or because it broke the protocol."""


class EngineRecord(_Part, frozen=True):
    """What ran the module."""

    name: str
    version: str
    settings: str
    """Fingerprint."""


class MachineRecord(_Part, frozen=True):
    """Where it ran; nothing here tells one user from another."""

    os: str
    kernel: str
    arch: str
    cpus: int


class ConsoleLine(_Part, frozen=True):
    """One message of the plugin's console."""

    at: str
    level: str
    message: str


class CapsuleInfo(_Part, frozen=True):
    """The head of a capsule: enough to choose one."""

    id: CapsuleId
    plugin_id: str
    version: str
    at: str
    """ISO 8601, UTC."""
    kind: str
    """Of the error that the caller got: ``Trap``, ``WorkerCrashed``, ``Timeout``, ``MemoryLimit``."""
    cause: str
    """``timeout memory trap crash protocol limit``."""
    reason: str
    """What happened, in words."""
    during: str | None
    """Function, hook or effect that ran; null when the worker was idle."""


class Capsule(CapsuleInfo, frozen=True):
    """All of it."""

    schema: int
    daemon_version: str
    protocol_version: str
    machine: MachineRecord
    package: str
    """Hash of the package."""
    module_hash: str
    """SHA-256 of the module, hex."""
    abi: str
    engine: EngineRecord
    limits: Limits
    """In force."""
    granted: list[str]
    """Permissions."""
    layers: list[str]
    """Sandbox layers that held in this worker."""
    state: str
    """Of the plugin, before it happened."""
    hooks: list[str]
    """Lifecycle hooks that had run in this worker and still held, in order."""
    exit: ExitRecord | None
    """Null when the worker goes on: after a trap."""
    stack: list[str]
    """Guest stack, innermost function first."""
    calls: list[CallRecord]
    """The last calls, newest last."""
    windows: list[WindowRecord]
    console: list[ConsoleLine]
    """Its last messages, newest last."""
    redacted: bool
    """Something was taken out, here or in a payload."""
    frame_kept: bool = False
    """The running call's input slot lies beside this file, with the suffix ``.frame``."""

    @property
    def running(self) -> CallRecord | None:
        """The call during which it happened, if one ran."""
        return next((call for call in reversed(self.calls) if call.running), None)


class CapsuleUnreadableError(ValueError):
    """The file is no capsule, or one of another schema."""


_decoder: Final = msgspec.json.Decoder(Capsule)
_encoder: Final = msgspec.json.Encoder()


class _Schema(msgspec.Struct):
    schema: int


def encode(capsule: Capsule) -> bytes:
    """Return the file's content."""
    return msgspec.json.format(_encoder.encode(capsule), indent=1)


def decode(data: bytes) -> Capsule:
    """Read a file's content.

    Raises:
        CapsuleUnreadableError: It is no capsule, or one of another schema.
    """
    try:
        found = msgspec.json.decode(data, type=_Schema).schema
        if found != SCHEMA:
            raise CapsuleUnreadableError(f"it has schema {found}; this version reads {SCHEMA}")
        return _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise CapsuleUnreadableError(f"it is no capsule: {exc}") from exc
