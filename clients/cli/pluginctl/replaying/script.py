"""Which steps lead to a recorded failure again. Pure."""

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from plugind_protocol.capsule import CallRecord, Capsule, Payload, WindowRecord
from plugind_protocol.frames import PixelFormat
from plugind_protocol.worker import Window

_BEGAN_AFRESH: Final = ("Trap", "MemoryLimit", "Timeout")
"""Outcomes after which the guest had a new instance: what was before does not count."""
_ACTIVATION: Final = ("lifecycle.activate", "main")
LOAD: Final = "lifecycle.load"
_FLOOR_MS: Final = 2_000.0
_CEILING_MS: Final = 3_600_000.0
_PATIENCE: Final = 4
"""How many times as long as recorded a step may take, since machines differ."""


class Load(msgspec.Struct, frozen=True):
    """Load the plugin."""


class Activate(msgspec.Struct, frozen=True):
    """Activate it."""


class Deactivate(msgspec.Struct, frozen=True):
    """Deactivate it."""


class Unload(msgspec.Struct, frozen=True):
    """Unload it."""


class OpenWindow(msgspec.Struct, frozen=True):
    """Open a window of frames."""

    shape: WindowRecord


class CloseWindow(msgspec.Struct, frozen=True):
    """Close one."""

    window: int


class CallFunction(msgspec.Struct, frozen=True):
    """Call a function."""

    name: str
    params: msgspec.Raw
    timeout_ms: int


class ProcessFrame(msgspec.Struct, frozen=True):
    """Run an effect on a frame."""

    name: str
    params: msgspec.Raw
    timeout_ms: int
    window: int
    input: int
    output: int
    pts_us: int


Action = Load | Activate | Deactivate | Unload | OpenWindow | CloseWindow | CallFunction | ProcessFrame


class Step(msgspec.Struct, frozen=True):
    """One thing to do."""

    action: Action
    record: CallRecord | None = None
    """What it repeats; None for what only prepares."""
    fatal: bool = False
    """The failure is expected here."""


class Script(msgspec.Struct, frozen=True):
    """What to do, and what about it may make a difference."""

    steps: list[Step]
    calls: list[CallRecord]
    """The recorded calls that it repeats."""
    notes: list[str]


def script(capsule: Capsule) -> Script:
    """Say how a failure is repeated.

    Args:
        capsule: What was recorded.

    Returns:
        Its script. Without a fatal step when nothing ran: the worker was idle.
    """
    calls, notes = _that_count(capsule)
    steps = [*_prepared(capsule, calls)]
    shapes = {window.window: window for window in capsule.windows}
    for call in calls:
        action = _action(call, shapes, notes)
        last = steps[-1] if steps else None
        if isinstance(action, Activate | Load) and last is not None and last.action == action:
            steps[-1] = Step(action, call, fatal=call.running)  # activating runs both of its hooks
        elif action is not None:
            steps.append(Step(action, call, fatal=call.running))
    if not capsule.hooks and capsule.running is None and capsule.exit is None:  # its start function
        steps[0] = Step(Load(), fatal=True)
    notes += _incomplete(calls)
    return Script(steps, calls, notes)


def _that_count(capsule: Capsule) -> tuple[list[CallRecord], list[str]]:
    calls = capsule.calls
    afresh = [n for n, call in enumerate(calls) if call.outcome in _BEGAN_AFRESH and not call.running]
    if afresh:
        return calls[afresh[-1] + 1 :], []
    known = any(call.step == "hook" and call.name == LOAD for call in calls) or not capsule.hooks
    return calls, [] if known else [f"what the guest did before its last {len(calls)} calls is not known"]


def _prepared(capsule: Capsule, calls: Sequence[CallRecord]) -> Iterator[Step]:
    """What the worker had behind it before the first of these calls."""
    repeated = {call.name for call in calls if call.step == "hook"}
    yield Step(Load())
    if any(hook in capsule.hooks and hook not in repeated for hook in _ACTIVATION):
        yield Step(Activate())
    opened = {window.window for call in calls if (window := _opened(call)) is not None}
    for shape in sorted(capsule.windows, key=lambda shape: shape.window):
        if shape.window not in opened:
            yield Step(OpenWindow(shape))


def _action(call: CallRecord, shapes: dict[int, WindowRecord], notes: list[str]) -> Action | None:
    match call.step:
        case "call":
            return CallFunction(call.name, _json(call.params), _timeout(call))
        case "hook":
            return _HOOKS.get(call.name)
        case "process":
            return _frame(call, shapes, notes)
    shape = _opened(call)
    if shape is None:
        return None
    shapes[shape.window] = shape
    return OpenWindow(shape) if call.step == "openWindow" else CloseWindow(shape.window)


def _frame(call: CallRecord, shapes: dict[int, WindowRecord], notes: list[str]) -> Action | None:
    frame = call.frame
    if frame is None or frame.window not in shapes:
        notes.append(f"a frame of {call.name} is left out: its window is not known")
        return None
    return ProcessFrame(
        call.name,
        _json(call.params),
        _timeout(call),
        window=frame.window,
        input=frame.input,
        output=frame.output,
        pts_us=frame.pts_us,
    )


_HOOKS: Final[dict[str, Action]] = {
    LOAD: Load(),
    "lifecycle.activate": Activate(),
    "main": Activate(),
    "lifecycle.deactivate": Deactivate(),
    "lifecycle.unload": Unload(),
}


def _opened(call: CallRecord) -> WindowRecord | None:
    if call.step not in ("openWindow", "closeWindow"):
        return None
    try:
        window = msgspec.json.decode(call.params.text, type=Window)
        pixel_format = PixelFormat(window.format).name
    except (msgspec.DecodeError, ValueError):
        return None
    return WindowRecord(
        window=window.window,
        width=window.width,
        height=window.height,
        format=pixel_format,
        stride=window.stride,
        slots=window.slots,
        slot_bytes=window.slot_bytes,
    )


def _timeout(call: CallRecord) -> int:
    if call.running and call.outcome == "Timeout":
        return int(max(1.0, min(call.timeout_ms, call.ms)))
    return int(min(max(_PATIENCE * call.ms, _FLOOR_MS), _CEILING_MS))


def _json(payload: Payload) -> msgspec.Raw:
    """Return the text if it is one; ``null`` for what is left of a text that was cut."""
    try:
        msgspec.json.decode(payload.text)
    except msgspec.DecodeError:
        return msgspec.Raw(b"null")
    return msgspec.Raw(payload.text.encode())


def _incomplete(calls: Sequence[CallRecord]) -> Iterator[str]:
    params = [call for call in calls if not call.params.whole]
    asked = [one for call in calls for one in call.host_calls]
    if params:
        names = ", ".join(dict.fromkeys(call.name for call in params))
        yield f"params were cut or had secrets taken out, so the outcome may differ: {names}"
    if any(one.answer is not None and not one.answer.whole for one in asked):
        yield "answers of the host were cut or had secrets taken out, so the outcome may differ"
    if lost := sum(call.host_calls_lost for call in calls):
        yield f"{lost} host calls were not recorded, so the outcome may differ"
