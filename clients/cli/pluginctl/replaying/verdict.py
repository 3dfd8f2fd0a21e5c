"""Whether a failure was reproduced. Pure."""

from collections.abc import Sequence

import msgspec

from plugind_protocol.capsule import Capsule
from plugind_protocol.errors import PlugindError


class Outcome(msgspec.Struct, rename="camel", frozen=True):
    """How a failure looks from outside."""

    kind: str
    cause: str
    top: str | None = None
    """Innermost function of the guest's stack."""
    signal: str | None = None
    """That ended the worker, unless the daemon sent it."""


class Verdict(msgspec.Struct, rename="camel", frozen=True, kw_only=True):
    """What a replay showed."""

    reproduced: bool
    summary: str
    expected: Outcome
    seen: Outcome | None
    """None when nothing failed."""
    differences: list[str]
    notes: list[str]
    """What may have made a difference."""


def recorded(capsule: Capsule) -> Outcome:
    """Return how a recorded failure looked."""
    end = capsule.exit
    return Outcome(
        kind=capsule.kind,
        cause=capsule.cause,
        top=capsule.stack[0] if capsule.stack else None,
        signal=end.signal if end is not None and not end.by_daemon else None,
    )


def seen(error: PlugindError, capsule: Capsule | None) -> Outcome:
    """Return how a failure of the replay looks.

    Args:
        error: What the call was answered.
        capsule: The capsule that it names, if it names one.
    """
    data = error.data
    return Outcome(
        kind=data.kind,
        cause=data.cause or "",
        top=data.stack[0] if data.stack else None,
        signal=recorded(capsule).signal if capsule is not None else None,
    )


def judge(
    expected: Outcome, found: Outcome | None, *, idle: bool, differences: Sequence[str], notes: Sequence[str]
) -> Verdict:
    """Compare.

    Args:
        expected: The recorded failure.
        found: That of the replay; None when nothing failed.
        idle: No call ran when it was recorded.
        differences: What went otherwise on the way.
        notes: What may have made a difference.
    """
    unlike = list(_unlike(expected, found))
    return Verdict(
        reproduced=not unlike,
        summary=_summary(expected, found, idle=idle, same=not unlike),
        expected=expected,
        seen=found,
        differences=[*unlike, *differences],
        notes=list(notes),
    )


def _unlike(expected: Outcome, found: Outcome | None) -> list[str]:
    if found is None:
        return [f"{expected.kind} was recorded; this time nothing failed"]
    unlike = [
        f"{what} was {was or 'none'}, now it is {now or 'none'}"
        for what, was, now in (
            ("the error", expected.kind, found.kind),
            ("the cause", expected.cause, found.cause),
            ("the signal", expected.signal, found.signal),
        )
        if was != now
    ]
    if expected.top is not None and expected.top != found.top:
        unlike.append(f"the innermost function was {expected.top}, now it is {found.top or 'not known'}")
    return unlike


def _summary(expected: Outcome, found: Outcome | None, *, idle: bool, same: bool) -> str:
    if same:
        return "reproduced"
    outside = expected.kind == "WorkerCrashed" and expected.signal is not None and expected.cause == "crash"
    if outside and (found is None or found.signal != expected.signal):
        state = "idle" if idle else "running"
        return f"not reproduced: killed from outside? The worker was {state} when it got {expected.signal}"
    return "not reproduced"
