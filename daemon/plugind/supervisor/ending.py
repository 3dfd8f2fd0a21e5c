"""How a worker's end is put into words: pure."""

import signal
from typing import Final

from plugind.policy.plan import LaunchPlan
from plugind.supervisor import ends
from plugind.supervisor.verdict import Verdict

_MEANINGS: Final = {"SIGSYS": ": it made a system call that its sandbox forbids"}
"""What a signal says, where the system sends it for one reason only."""
_MEANINGS_BY_ENGINE: Final = {
    ("wasmer", "SIGSEGV"): ", as where a guest runs out of stack in wasmer's own code",
}
"""The same, or nearly so, with one engine."""


def cause(status: int | None) -> str:
    """Return the cause of an end, as errors name it.

    Args:
        status: Exit code, or minus the number of the signal; None where it is not known.
    """
    return "limit" if status in ends.SPENT else "crash"


def describe(status: int | None, verdict: Verdict, plan: LaunchPlan) -> str:
    """Say how a worker ended.

    Args:
        status: Exit code, or minus the number of the signal; None where it could not be reaped.
        verdict: Who is to blame.
        plan: What it ran.
    """
    worker = "its worker"
    if verdict.shared_with:
        worker += f", shared with {', '.join(verdict.shared_with)},"
    if status is None:
        return f"{worker} closed its channel and could not be reaped"
    if verdict.killed_for not in (None, plan.plugin_id):
        return f"{worker} was killed because of {verdict.killed_for}"
    during = f" during a call of {' and '.join(verdict.running)}" if verdict.running else ""
    if status in ends.SPENT:
        return f"{worker} has used up its processor time (cpuSeconds){during}"
    if status >= 0:
        return f"{worker} exited with status {status}{during}"
    try:
        name = signal.Signals(-status).name
    except ValueError:
        return f"{worker} was killed by signal {-status}{during}"
    meaning = _MEANINGS.get(name) or _MEANINGS_BY_ENGINE.get((plan.engine, name), "")
    return f"{worker} was killed by {name}{meaning}{during}"
