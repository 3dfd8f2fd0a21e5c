"""What somebody else's calls notice of floods, measured in turns so that what else the machine does falls on both."""

import pytest
from tests.hostile.fairness import ATTACKS, compare
from tests.hostile.report import Report

pytestmark = [pytest.mark.process, pytest.mark.long]

ROWS = {
    "infinite loop, 60 ms": ("Guest", "infinite loop in a call"),
    "infinite loop, 500 ms": ("Guest", "infinite loop in a call"),
    "bulk memory, 60 ms": ("Guest", "infinite loop in bulk memory operations"),
    "log flood": ("Guest", "log flood"),
    "log flood, taken over": ("Guest", "log flood"),
    "host-call flood": ("Guest", "host-call flood"),
    "traps": ("Guest", "recursion, unreachable, division, out of bounds"),
    "memory bomb": ("Guest", "memory and table bombs"),
    "package bomb": ("Packages", "bombs"),
    "damaged media": ("Media", "damaged media files"),
    "10 000 requests": ("Wire", "10 000 pipelined requests"),
    "10 000 requests, same plugin": ("Wire", "10 000 pipelined requests"),
    "300 bad clients": ("Wire", "clients that come, go and send garbage"),
    "10 deaf clients": ("Wire", "clients that never read"),
}


@pytest.mark.timeout(180)
@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.threat(*row)) for name, row in ROWS.items()])
def test_others_are_served_during_an_attack(name: str, report: Report) -> None:
    quiet, attack = compare(name, ATTACKS[name], rounds=4, seconds=0.5)
    assert attack.calls > 50  # a bystander that waits for a flood to end has a few in all
    report.noticed(quiet, attack, in_turns=True)
