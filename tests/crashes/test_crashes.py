"""Everything that is killed at some of its steps; ``make crashes`` kills it at all of them."""

from pathlib import Path

import pytest
from tests.crashes import harness, kept, plugins

MODULES = {"tests.crashes.plugins": plugins, "tests.crashes.kept": kept}
LEAST = {"tests.crashes.plugins": 500, "tests.crashes.kept": 100}
"""Steps in each, so that nobody loses them unnoticed."""
ALL = [(module, scenario.name) for module, found in MODULES.items() for scenario in found.SCENARIOS]

pytestmark = [
    pytest.mark.process,
    pytest.mark.threat("State", "SIGKILL at each step of what is written"),
    pytest.mark.threat("State", "loss of power"),
    pytest.mark.threat("Files", "killed while files and values are written"),
]


@pytest.mark.parametrize(("module", "name"), ALL, ids=[name for _, name in ALL])
def test_killed_here_and_there(module: str, name: str) -> None:
    (outcome,) = harness.run(module, stride=29, only=name)
    assert outcome.failures == []
    assert outcome.kills >= 2


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("module", MODULES)
def test_killed_everywhere(module: str) -> None:
    outcomes = harness.run(module)
    assert [failure for outcome in outcomes for failure in outcome.failures] == []
    assert sum(outcome.steps for outcome in outcomes) >= LEAST[module]


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
