"""Turns what is known of a failure into a capsule, secrets taken out. No state; runs in a thread."""

import hashlib
import os
import platform
import signal
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import msgspec

from plugind.policy.redact import Redactor
from plugind.registry.records import Record
from plugind.supervisor.trail import Asked, Evidence, HostCalled, Ran
from plugind_protocol import PROTOCOL_VERSION, __version__, disk
from plugind_protocol.capsule import (
    SCHEMA,
    CallRecord,
    Capsule,
    ConsoleLine,
    EngineRecord,
    ExitRecord,
    FrameRecord,
    HostCallRecord,
    MachineRecord,
    Payload,
    Step,
    WindowRecord,
)
from plugind_protocol.frames import PixelFormat
from plugind_protocol.manifest import Limits
from plugind_protocol.methods import ConsoleMessage
from plugind_protocol.worker import PROCESS, Kind, Window, ZygoteReady, split_name

_CHUNK: Final = 1 << 20
_HASHED_BYTES: Final = 256 * 1024 * 1024
"""No more frames than this are hashed."""
_STEPS: Final[dict[Kind, Step]] = {
    Kind.CALL: "call",
    Kind.HOOK: "hook",
    Kind.PROCESS: "process",
    Kind.WINDOW_OPEN: "openWindow",
    Kind.WINDOW_CLOSE: "closeWindow",
}


class _Hidden(NamedTuple):
    """What of a call is the user's, and stays out."""

    params: bool = True
    answer: bool = True


_NOTHING: Final = _Hidden(params=False, answer=False)
_HIDDEN: Final = {
    "storage.get": _Hidden(),
    "storage.set": _Hidden(),
    "storage.remove": _Hidden(),
    "storage.keys": _Hidden(),
    "storage.clear": _Hidden(),
    "file.read": _Hidden(params=False),
    "file.write": _Hidden(answer=False),
    "events.emit": _Hidden(answer=False),
}
"""By host method: values, the content of files, and what events say."""
_EVENT: Final = "event"
"""The guest's own method that is told of events."""


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """What is known, gathered in an instant: references, nothing decoded, nothing read."""

    capsule_id: str
    at: str
    record: Record
    limits: Limits
    engine: ZygoteReady
    state: str
    layers: list[str]
    kind: str
    cause: str
    reason: str
    stack: list[str]
    exit_status: int | None
    ended: bool
    """The worker is gone."""
    killed: bool
    """By us."""
    evidence: Evidence
    effects: list[str]
    """Effect ids by handle."""
    windows: list[tuple[Window, int]]
    """Open windows, and for each that frames were processed in a descriptor of its file, else -1."""
    console: list[ConsoleMessage]


class Keep(msgspec.Struct, frozen=True, kw_only=True):
    """How much of what is kept."""

    payload_bytes: int
    running_payload_bytes: int
    frames: bool
    frame_bytes: int
    """Largest frame kept."""


def capsule(failure: Failure, redactor: Redactor, keep: Keep) -> tuple[Capsule, Iterator[bytes] | None]:
    """Write up a failure.

    Args:
        failure: What is known.
        redactor: Takes the secrets out; a fresh one.
        keep: How much is kept.

    Returns:
        The capsule, and the content of its frame if that is kept: to be read before the descriptors are closed.
    """
    frames = _Frames(failure.windows)
    evidence = failure.evidence
    ran = [*evidence.calls, *([evidence.fatal] if evidence.fatal is not None else [])]
    calls = [_call(one, failure, redactor, keep, frames) for one in ran]
    reason = redactor.text(failure.reason)
    lines = [(line, redactor.text(line.message)) for line in failure.console]
    calls = [_scrubbed(call, redactor) for call in calls]
    console = [ConsoleLine(at=line.at, level=line.level, message=redactor.scrub(text)) for line, text in lines]
    reason = redactor.scrub(reason)
    running = calls[-1] if evidence.fatal is not None and calls else None
    kept = frames.content(running, keep.frame_bytes) if keep.frames else None
    taken_out = (
        reason != failure.reason
        or any(line.message != now.message for line, now in zip(failure.console, console, strict=True))
        or any(not payload.whole and payload.redacted for call in calls for payload in _payloads(call))
    )
    return Capsule(
        schema=SCHEMA,
        id=failure.capsule_id,
        plugin_id=failure.record.plugin_id,
        version=failure.record.version,
        at=failure.at,
        kind=failure.kind,
        cause=failure.cause,
        reason=reason,
        during=running.name if running is not None else None,
        daemon_version=__version__,
        protocol_version=PROTOCOL_VERSION,
        machine=_machine(),
        package=failure.record.package,
        module_hash=failure.record.module_hash,
        abi=failure.record.abi,
        engine=EngineRecord(
            name=failure.engine.engine, version=failure.engine.engine_version, settings=failure.engine.settings
        ),
        limits=failure.limits,
        granted=failure.record.granted,
        layers=failure.layers,
        state=failure.state,
        hooks=list(evidence.hooks),
        exit=_exit(failure),
        stack=[redactor.scrub(redactor.text(name)) for name in failure.stack],
        calls=calls,
        windows=[_window(window) for window, _ in failure.windows],
        console=console,
        redacted=taken_out,
        frame_kept=kept is not None,
    ), kept


def _call(ran: Ran, failure: Failure, redactor: Redactor, keep: Keep, frames: "_Frames") -> CallRecord:
    fatal = ran is failure.evidence.fatal
    name, head, frame = ran.name, 0, None
    if ran.kind in (Kind.CALL, Kind.HOOK):
        head = len(ran.body) - len(split_name(ran.body)[1])
    elif ran.kind is Kind.PROCESS:
        handle, window, source, target, pts = PROCESS.unpack_from(ran.body)
        name, head = failure.effects[handle] if handle < len(failure.effects) else f"effect {handle}", PROCESS.size
        frame = FrameRecord(
            window=window, input=source, output=target, pts_us=pts, sha256=frames.digest(window, source)
        )
    room = keep.running_payload_bytes if fatal else keep.payload_bytes
    asked = ran.asked or Asked()
    return CallRecord(
        step=_STEPS[ran.kind],
        name=redactor.text(name),
        params=redactor.payload(ran.body[head:], keep=room, hide=ran.name == _EVENT, size=ran.size - head),
        ms=round(ran.seconds * 1000, 3),
        timeout_ms=round(ran.timeout * 1000, 3),
        outcome=ran.outcome,
        running=fatal,
        frame=frame,
        host_calls=[_host_call(one, redactor, room) for one in asked.calls],
        host_calls_lost=asked.lost,
    )


def _host_call(called: HostCalled, redactor: Redactor, room: int) -> HostCallRecord:
    method = called.method.decode(errors="replace")
    hide = _HIDDEN.get(method, _NOTHING)
    return HostCallRecord(
        method=redactor.text(method),
        params=redactor.payload(called.params, keep=room, hide=hide.params),
        answer=None
        if called.answer is None
        else redactor.payload(called.answer, keep=room, hide=hide.answer and not called.failed),
        failed=called.failed,
    )


def _scrubbed(call: CallRecord, redactor: Redactor) -> CallRecord:
    host_calls = [
        msgspec.structs.replace(
            one,
            params=redactor.scrubbed(one.params),
            answer=None if one.answer is None else redactor.scrubbed(one.answer),
        )
        for one in call.host_calls
    ]
    return msgspec.structs.replace(call, params=redactor.scrubbed(call.params), host_calls=host_calls)


def _payloads(call: CallRecord) -> Iterator[Payload]:
    yield call.params
    for one in call.host_calls:
        yield one.params
        if one.answer is not None:
            yield one.answer


def _exit(failure: Failure) -> ExitRecord | None:
    if not failure.ended:
        return None
    status = failure.exit_status
    name = None
    if status is not None and status < 0:
        try:
            name = signal.Signals(-status).name
        except ValueError:
            name = f"signal {-status}"
    return ExitRecord(status=None if name is not None else status, signal=name, by_daemon=failure.killed)


def _machine() -> MachineRecord:
    return MachineRecord(
        os=platform.system(), kernel=platform.release(), arch=platform.machine(), cpus=os.cpu_count() or 1
    )


def _window(window: Window) -> WindowRecord:
    return WindowRecord(
        window=window.window,
        width=window.width,
        height=window.height,
        format=PixelFormat(window.format).name,
        stride=window.stride,
        slots=window.slots,
        slot_bytes=window.slot_bytes,
    )


class _Frames:
    """Reads the slots of the windows that are open.

    Args:
        windows: With a descriptor of each file, or -1.
    """

    def __init__(self, windows: Sequence[tuple[Window, int]]) -> None:
        self._windows = {window.window: (window, descriptor) for window, descriptor in windows if descriptor >= 0}
        self._digests: dict[tuple[int, int], str] = {}
        self._left = _HASHED_BYTES

    def digest(self, window: int, slot: int) -> str | None:
        """SHA-256 of a slot, hex; None when it cannot be read, or when too much would be."""
        if (window, slot) in self._digests:
            return self._digests[window, slot]
        if window not in self._windows or self._windows[window][0].slot_bytes > self._left:
            return None
        self._left -= self._windows[window][0].slot_bytes
        digest = hashlib.sha256()
        for chunk in self._read(window, slot):
            digest.update(chunk)
        return self._digests.setdefault((window, slot), digest.hexdigest())

    def content(self, call: CallRecord | None, most: int) -> Iterator[bytes] | None:
        """Return the input slot of a call in parts; None when there is none, or it is larger than ``most``."""
        if call is None or call.frame is None or call.frame.window not in self._windows:
            return None
        too_large = self._windows[call.frame.window][0].slot_bytes > most
        return None if too_large else self._read(call.frame.window, call.frame.input)

    def _read(self, window: int, slot: int) -> Iterator[bytes]:
        shape, descriptor = self._windows[window]
        at, end = slot * shape.slot_bytes, (slot + 1) * shape.slot_bytes
        while at < end:
            chunk = disk.read_at(descriptor, min(_CHUNK, end - at), at)
            if not chunk:
                return
            yield chunk
            at += len(chunk)
