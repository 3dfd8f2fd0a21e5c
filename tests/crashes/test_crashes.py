"""Everything that is killed at some of its steps: ``make hostile`` takes more of them, ``make crashes`` all."""

import math
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.crashes import harness, kept, plugins
from tests.hostile.report import Report

MODULES = {"tests.crashes.plugins": plugins, "tests.crashes.kept": kept}
STRIDE = int(os.environ.get("HOSTILE_STRIDE", "29"))
"""Every so-manieth step of each scenario is killed, and right after its end; by turns with what was not synced lost."""
SHOWS = {
    "tests.crashes.plugins": ("State", "SIGKILL at each step of what is written"),
    "tests.crashes.kept": ("Files", "killed while files and values are written"),
}
ALL = [
    pytest.param(module, scenario, id=scenario.name, marks=pytest.mark.threat(*SHOWS[module]))
    for module, found in MODULES.items()
    for scenario in found.SCENARIOS
]

pytestmark = [pytest.mark.process, pytest.mark.threat("State", "loss of power")]


@pytest.fixture
def report(record_property: Callable[[str, object], None]) -> Report:
    """The table's ear."""
    return Report(record_property)


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("module", "scenario"), ALL)
def test_killed_here_and_there(module: str, scenario: harness.Scenario, report: Report) -> None:
    (outcome,) = harness.run(module, stride=STRIDE, only=scenario.name)
    assert outcome.failures == []
    assert outcome.steps > 1
    assert outcome.kills == (math.ceil(outcome.steps / STRIDE) + 1) * (2 if STRIDE == 1 and scenario.power else 1)
    report.cases(outcome.kills)
    report.seen("each step" if STRIDE == 1 else f"every {STRIDE}th step of each; `make crashes` kills at all of them")


def forgetful(folder: Path, acknowledge: harness.Acknowledge) -> None:
    """What a program does that acknowledges first and writes then, without care."""
    acknowledge("done")
    with (folder / "file").open("w") as file:
        file.write("new")


def torn(folder: Path, acknowledge: harness.Acknowledge) -> None:
    with (folder / "file").open("wb", buffering=0) as file:
        file.write(b"n")
        file.write(b"ew")
    acknowledge("done")


def unsynced(folder: Path, acknowledge: harness.Acknowledge) -> None:
    with (folder / "other").open("w") as file:
        file.write("new")
    (folder / "other").replace(folder / "file")
    acknowledge("done")
    (folder / "later").mkdir()


def look(folder: Path, acknowledged: list[str]) -> None:
    text = (folder / "file").read_text()
    assert text == "new" or (text == "old" and not acknowledged), text


SCENARIOS = tuple(
    harness.Scenario(act.__name__, lambda folder: (folder / "file").write_text("old") and None, act, look)
    for act in (forgetful, torn, unsynced)
)
"""Programs that the harness has to find out."""


def test_the_harness_finds_out_what_is_careless() -> None:
    outcomes = harness.run("tests.crashes.test_crashes")
    assert [(outcome.name, bool(outcome.failures)) for outcome in outcomes] == [
        ("forgetful", True),
        ("torn", True),
        ("unsynced", True),
    ]
