"""Who waits for whom where plugin and codecs are kept apart, and what makes an effect light."""

import anyio
import anyio.lowlevel
import pytest

from pluginctl.rendering.tally import Tally
from pluginctl.rendering.turns import Turns
from plugind_protocol.methods import ProcessResult

pytestmark = pytest.mark.anyio


class Stage:
    """Takes a turn, and keeps it until it is told to leave."""

    def __init__(self, turns: Turns, whose: str) -> None:
        self._turn = getattr(turns, whose)
        self.inside = False
        self.leave = anyio.Event()

    async def run(self) -> None:
        async with self._turn():
            self.inside = True
            await self.leave.wait()
        self.inside = False


async def inside(*stages: Stage) -> list[bool]:
    await anyio.wait_all_tasks_blocked()
    return [stage.inside for stage in stages]


async def test_codecs_and_plugin_wait_for_each_other_and_not_for_themselves() -> None:
    turns = Turns(lambda: True)
    frame, other, encoder, decoder = (Stage(turns, whose) for whose in ("plugin", "plugin", "codec", "codec"))
    async with anyio.create_task_group() as tasks:
        for stage in (frame, other, encoder, decoder):
            tasks.start_soon(stage.run)
            await anyio.lowlevel.checkpoint()
        assert await inside(frame, other, encoder, decoder) == [True, True, False, False]
        frame.leave.set()
        assert await inside(frame, other, encoder, decoder) == [False, True, False, False]
        other.leave.set()
        assert await inside(frame, other, encoder, decoder) == [False, False, True, True]
        third = Stage(turns, "plugin")
        tasks.start_soon(third.run)
        assert await inside(third) == [False]
        encoder.leave.set()
        assert await inside(third) == [False]
        decoder.leave.set()
        assert await inside(third) == [True]
        third.leave.set()


async def test_nobody_waits_where_they_need_not_be_apart() -> None:
    turns = Turns(lambda: False)
    stages = [Stage(turns, whose) for whose in ("plugin", "codec", "plugin")]
    async with anyio.create_task_group() as tasks:
        for stage in stages:
            tasks.start_soon(stage.run)
        assert await inside(*stages) == [True, True, True]
        for stage in stages:
            stage.leave.set()


async def test_a_turn_ends_however_it_ends() -> None:
    turns = Turns(lambda: True)
    with pytest.raises(ValueError, match="lost"):
        async with turns.plugin():
            raise ValueError("lost")
    codec = Stage(turns, "codec")
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(codec.run)
        assert await inside(codec) == [True]
        codec.leave.set()


def test_an_effect_is_light_beside_codecs_that_take_five_times_as_long() -> None:
    tally = Tally()
    assert tally.light  # nothing is known
    tally.done(ProcessResult(output=1, guest_us=10_000))
    assert not tally.light
    tally.codec = 0.05
    assert tally.light
    tally.done(ProcessResult(output=1, guest_us=1_000))
    assert not tally.light
