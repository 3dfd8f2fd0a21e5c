"""How often a client is told how far its request is."""

from typing import Any

from plugind.services.progress import INTERVAL_SECONDS, ProgressReport
from plugind_protocol.methods import InstallProgress, Progress


class Session:
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.told: list[InstallProgress] = []

    def notify(self, method: str, params: Progress) -> None:
        assert (method, params.token) == ("$/progress", 7)
        self.told.append(params.value)


def downloading(done: int) -> InstallProgress:
    return InstallProgress(stage="downloading", done=done, total=100)


def test_each_stage_is_told_and_its_steps_seldom() -> None:
    now = 100.0
    session: Any = Session()
    report = ProgressReport(session, 7, clock=lambda: now)
    for done in range(0, 101, 10):
        report(downloading(done))
        now += INTERVAL_SECONDS / 4
    report(InstallProgress(stage="extracting"))
    report(InstallProgress(stage="extracting"))
    assert session.told == [*map(downloading, (0, 40, 80, 100)), InstallProgress(stage="extracting")]


def test_without_a_token_nothing_is_told() -> None:
    session: Any = Session()
    ProgressReport(session, None)(downloading(0))
    assert session.told == []
