import asyncio
from typing import Any, cast

import pytest
from tests.harness.waiting import until

from plugind.supervisor.crew import Crew, Helper, Seats
from plugind_protocol.errors import PlugindError, Trap, WorkerCrashed

pytestmark = pytest.mark.anyio


class Hand:
    """A worker that has as much to do as the test says."""

    def __init__(self) -> None:
        self.alive = True
        self.unanswered = 0
        self.gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def stop(self) -> None:
        self.alive = False
        if not self.gone.done():
            self.gone.set_result(None)

    async def drained(self) -> None:
        """Nothing is ever on its way."""


class Ship:
    """A crew of hands."""

    def __init__(self, *, allowed: int = 3, seats: int = 3, idle_seconds: float = 60.0) -> None:
        self.first = Hand()
        self.started: list[Hand] = []
        self.fails: PlugindError | None = None
        self.effects = frozenset({"e"})
        self.warnings: list[str] = []
        self.allowed = allowed
        self.crew = Crew(
            self._start,
            allowed=lambda: self.allowed,
            seats=Seats(seats),
            idle_seconds=idle_seconds,
            warn=self.warnings.append,
        )

    async def _start(self) -> Helper:
        await asyncio.sleep(0)
        if self.fails is not None:
            raise self.fails
        self.started.append(Hand())
        return Helper(cast("Any", self.started[-1]), self.effects)

    def pick(self, effect_id: str = "e") -> Hand:
        return cast("Hand", self.crew.pick(cast("Any", self.first), effect_id))

    async def busy(self) -> Hand:
        """Give a frame to whoever is picked, and let what starts by that start."""
        chosen = self.pick()
        chosen.unanswered += 1
        await settled()
        return chosen


async def settled() -> None:
    for _ in range(6):
        await asyncio.sleep(0)


async def test_a_helper_comes_when_a_frame_finds_all_busy() -> None:
    ship = Ship()
    assert await ship.busy() is ship.first
    assert ship.started == []
    assert await ship.busy() is ship.first  # it is not there yet
    (helper,) = ship.started
    assert await ship.busy() is helper
    assert ship.crew.workers == [helper]


async def test_there_are_no_more_than_allowed_and_than_seats() -> None:
    ship = Ship(allowed=2, seats=9)
    for _ in range(9):
        await ship.busy()
    assert len(ship.started) == 2
    ship = Ship(allowed=9, seats=1)
    for _ in range(9):
        await ship.busy()
    assert len(ship.started) == 1
    await ship.started[0].stop()  # its seat is free again
    await settled()
    await ship.busy()
    assert len(ship.started) == 2
    ship = Ship(allowed=0)
    for _ in range(3):
        await ship.busy()
    assert ship.started == []


async def test_one_that_is_lost_is_not_picked_and_is_replaced() -> None:
    ship = Ship(allowed=1)
    for _ in range(2):
        await ship.busy()
    lost = ship.started[0]
    await lost.stop()
    await settled()
    assert ship.pick() is ship.first
    await settled()
    assert len(ship.started) == 2
    assert ship.crew.workers == [ship.started[1]]


async def test_an_effect_that_helpers_do_not_have_stays_on_the_first() -> None:
    ship = Ship()
    ship.effects = frozenset()
    for _ in range(5):
        assert await ship.busy() is ship.first
    assert len(ship.started) == 1
    assert ship.warnings == ["e runs on one worker: lifecycle.load alone does not register it"]


async def test_one_that_does_not_start_is_not_tried_again_until_the_plugin_is() -> None:
    ship = Ship()
    ship.fails = Trap("lifecycle.load trapped")
    for _ in range(4):
        await ship.busy()
    assert ship.warnings == ["e runs on one worker: another one does not start: lifecycle.load trapped"]
    await ship.crew.dismiss()
    ship.fails = None
    await ship.busy()
    assert len(ship.started) == 1


async def test_one_that_is_lost_while_it_starts_is_tried_again() -> None:
    ship = Ship()
    ship.fails = WorkerCrashed("killed")
    for _ in range(2):
        await ship.busy()
    ship.fails = None
    await ship.busy()
    assert len(ship.started) == 1


async def test_dismissed_they_are_gone_even_one_that_is_starting() -> None:
    ship = Ship(seats=1)
    await ship.busy()
    ship.pick()
    await ship.crew.dismiss()
    (helper,) = ship.started
    assert not helper.alive
    await settled()
    assert ship.crew.workers == []
    await ship.busy()
    assert len(ship.started) == 2  # its seat was given back


async def test_without_frames_they_are_ended() -> None:
    ship = Ship(idle_seconds=0.02)
    for _ in range(2):
        await ship.busy()
    (helper,) = ship.started
    helper.unanswered = 1
    await asyncio.wait({helper.gone}, timeout=0.1)
    assert helper.alive  # it still has a frame
    helper.unanswered = 0
    await until(lambda: not helper.alive)
    await settled()
    assert ship.crew.workers == []
