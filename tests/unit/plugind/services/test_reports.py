"""What workers report: failures are written down and counted, and somebody is told of what they amount to."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
from tests.fakes.installed import installed

from plugind.services.reports import Reports
from plugind.services.rights import Rights
from plugind.services.standing import Standing
from plugind.supervisor import restart
from plugind.supervisor.meter import Meter
from plugind_protocol.errors import MemoryLimit, Timeout, Trap, WorkerCrashed

pytestmark = pytest.mark.anyio


class Capsules:
    """Numbers what it is given."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, str | None]] = []

    def promise(self, plugin_id: str) -> str:
        return f"promised-to-{plugin_id}"

    def take(self, _subject: object, _worker: object, error: Exception, *, promised: str | None) -> str:
        self.taken.append((type(error).__name__, promised))
        return promised or f"capsule-{len(self.taken)}"


class House:
    """The reports of one plugin, and what comes of them."""

    def __init__(self, restarts: restart.Policy) -> None:
        self.said: list[Any] = []
        self.capsules = Capsules()
        self.meter = Meter()
        environment = cast(
            "Any",
            SimpleNamespace(
                announce=None,
                restarts=restarts,
                capsules=self.capsules,
                effects=SimpleNamespace(list=lambda _plugin: []),
                console=lambda plugin, level, text: self.said.append((plugin, level, text)),
                console_dropped=lambda plugin, count: self.said.append((plugin, count)),
            ),
        )
        self.standing = Standing(installed(), environment, quarantine=None)
        self.reports = Reports(
            self.standing,
            Rights(installed()),
            environment=environment,
            meter=self.meter,
            windows={},
            on_quarantine=lambda: self.said.append("quarantine"),
            heed=self,
        )

    def given_up(self, worker: object) -> None:
        self.said.append(("given up", worker))

    def lost(self, worker: object, reason: str, *, given_up: bool) -> None:
        self.said.append(("lost", reason, given_up))


PATIENT = restart.Policy()
STRICT = restart.Policy(max_restarts=0)
WORKER = cast("Any", SimpleNamespace(pid=7, blamed=True))
BLAMELESS = cast("Any", SimpleNamespace(pid=7, blamed=False))


async def test_a_trap_is_written_down_and_counted() -> None:
    house, error = House(PATIENT), Trap("p trapped")
    house.reports.trapped(WORKER, error)
    assert (error.data.capsule, house.meter.traps, house.said) == ("capsule-1", 1, [])


async def test_one_trap_too_many_ends_in_quarantine() -> None:
    house = House(STRICT)
    house.reports.trapped(WORKER, Trap("p trapped"))
    assert house.said == ["quarantine", ("given up", WORKER)]
    quarantine = house.standing.crashes.quarantine
    assert quarantine is not None
    assert (quarantine.cause, quarantine.reason, quarantine.capsule) == ("trap", "p trapped", "capsule-1")


async def test_memory_that_does_not_suffice_is_no_crash() -> None:
    house, error = House(STRICT), MemoryLimit("too much")
    house.reports.trapped(WORKER, error)
    assert (error.data.capsule, house.meter.traps, house.said) == ("capsule-1", 0, [])


async def test_a_version_that_is_tried_is_not_given_up() -> None:
    house = House(STRICT)
    house.standing.before = house.standing.version
    house.reports.trapped(WORKER, Trap("p trapped"))
    house.reports.ended(WORKER, WorkerCrashed("killed"), expected=False)
    assert house.said == [("lost", "killed", False)]


async def test_a_lost_worker() -> None:
    house = House(PATIENT)
    house.reports.ended(WORKER, WorkerCrashed("killed"), expected=False)
    assert (house.meter.crashes, house.said) == (1, [("lost", "killed", False)])
    assert house.capsules.taken == [("WorkerCrashed", None)]


async def test_one_lost_worker_too_many() -> None:
    house = House(STRICT)
    house.reports.ended(WORKER, WorkerCrashed("killed"), expected=False)
    assert house.said == ["quarantine", ("lost", "killed", True)]


async def test_who_is_lost_with_others_is_not_blamed() -> None:
    house = House(STRICT)
    house.reports.ended(BLAMELESS, WorkerCrashed("its process is gone"), expected=False)
    assert (house.meter.crashes, house.capsules.taken) == (0, [])
    assert house.said == [("lost", "its process is gone", False)]


async def test_an_end_that_was_asked_for_is_nothing() -> None:
    house = House(STRICT)
    house.reports.ended(WORKER, WorkerCrashed("stopped"), expected=True)
    assert (house.meter.crashes, house.capsules.taken, house.said) == (0, [], [])


async def test_the_capsule_of_a_call_that_took_too_long_is_promised_and_then_written() -> None:
    house, late, end = House(PATIENT), Timeout("too long"), WorkerCrashed("killed for it")
    house.reports.overdue(WORKER, late)
    assert late.data.capsule == "promised-to-p"
    end.data.capsule = late.data.capsule
    house.reports.ended(WORKER, end, expected=True)
    assert house.capsules.taken == [("WorkerCrashed", "promised-to-p")]
    assert house.said == []


async def test_what_is_logged_is_kept() -> None:
    house = House(PATIENT)
    house.reports.logged(2, "hello")
    house.reports.dropped(3)
    assert house.said == [("p", 2, "hello"), ("p", 3)]
