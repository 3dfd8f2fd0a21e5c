"""``python -m tests.crashes``: kill everything that writes files at each of its steps, and count."""

import sys

from tests.crashes import harness
from tests.crashes.harness import Outcome
from tests.crashes.test_crashes import MODULES

LEAST = 600
"""Steps of all scenarios together, so that nobody loses them unnoticed."""


def _report(outcome: Outcome) -> None:
    found = f"{len(outcome.failures)} FAILED" if outcome.failures else "old or new, each time"
    sys.stdout.write(f"{outcome.name:45} {outcome.steps:5} steps, {outcome.kills:5} kills: {found}\n")
    sys.stdout.write("".join(f"    {failure}\n" for failure in outcome.failures[:3]))
    sys.stdout.flush()


def _main() -> int:
    outcomes: list[Outcome] = []
    for module in MODULES:
        outcomes += harness.run(module, report=_report)
    steps, kills = sum(one.steps for one in outcomes), sum(one.kills for one in outcomes)
    failures = sum(len(one.failures) for one in outcomes)
    sys.stdout.write(f"{steps} crash points, {kills} kills, {failures} failures\n")
    return 1 if failures or steps < LEAST else 0


if __name__ == "__main__":
    sys.exit(_main())
